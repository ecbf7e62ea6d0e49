/**
 * Reads names of a zone: a few by themselves, many with the whole zone in one answer. Older versions know no filter and always answer with the
 * zone; then that is taken.
 */
import { z } from "zod";
import { BackendFailure, type LiveRecords } from "../../domain/backend.ts";
import { markName } from "../../domain/ownership.ts";
import { AnswerTooLong, isOk, jsonOf } from "./http.ts";
import { ask, failed, missingZone, noSense, type PowerDns, pathOf } from "./powerdns-api.ts";
import { liveAt, type Rrset, rrsetsAt } from "./powerdns-rrsets.ts";

const zoneAnswer = z.looseObject({ kind: z.string(), rrsets: z.array(z.unknown()) });

/** A request costs about as much as so much of an answer. */
const bytesPerRequest = 32 * 1024;
/** As long as nobody knows how long the zone is. */
const assumedBytes = 8 * bytesPerRequest;
const atOnce = 4;

/** What is remembered of a zone: how long it was, and whether the server knows the filter. */
type Known = { readonly bytes: number; readonly filters: boolean };
const knownKey = (zone: string) => `powerdns zone ${zone}`;
const knownOf = ({ io }: PowerDns, zone: string): Known =>
  (io.kept.get(knownKey(zone)) as Known | undefined) ?? { bytes: assumedBytes, filters: true };
const kindKey = (zone: string) => `powerdns kind ${zone}`;

/** The zone's kind, where a read has seen it. */
export const kindOf = ({ io }: PowerDns, zone: string): string | null => (io.kept.get(kindKey(zone)) as string | undefined) ?? null;

export async function readNames(zone: string, fqdns: readonly string[], powerDns: PowerDns): Promise<readonly LiveRecords[]> {
  const { kept } = powerDns.io;
  const known = knownOf(powerDns, zone);
  const names = fqdns.flatMap((fqdn) => [fqdn, markName(fqdn)]);
  const isCheaperApart = names.length * bytesPerRequest <= known.bytes;
  let rrsets: ReadonlyMap<string, readonly Rrset[]>;
  if (known.filters && isCheaperApart) rrsets = await readApart(zone, names, powerDns);
  else {
    try {
      rrsets = (await readZone(zone, "", new Set(names), powerDns)).rrsets;
    } catch (error) {
      if (!(error instanceof AnswerTooLong)) throw error;
      kept.set(knownKey(zone), { ...known, bytes: Number.MAX_SAFE_INTEGER });
      rrsets = await readApart(zone, names, powerDns);
    }
  }
  return fqdns.map((fqdn) => liveAt(fqdn, rrsets));
}

async function readApart(zone: string, names: readonly string[], powerDns: PowerDns): Promise<ReadonlyMap<string, readonly Rrset[]>> {
  const all = new Map<string, readonly Rrset[]>();
  const waiting = names.values();
  let everything: ReadonlyMap<string, readonly Rrset[]> | null = null;
  const next = async () => {
    for (const name of waiting) {
      if (everything !== null) return;
      const { rrsets, isFiltered } = await readZone(zone, `?rrset_name=${encodeURIComponent(name)}`, new Set(names), powerDns, name);
      if (!isFiltered) everything = rrsets;
      all.set(name, rrsets.get(name) ?? []);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, names.length) }, next));
  return everything ?? all;
}

/** `only`: the name that was asked for. */
async function readZone(zone: string, query: string, names: ReadonlySet<string>, powerDns: PowerDns, only?: string) {
  const answer = await ask(powerDns, { method: "GET", path: `${pathOf(zone)}${query}` });
  if (!isOk(answer)) throw new BackendFailure(failed(answer, powerDns, missingZone(zone)));
  const parsed = zoneAnswer.safeParse(jsonOf(answer));
  const rrsets = parsed.success ? rrsetsAt(names, parsed.data.rrsets) : null;
  if (!parsed.success || rrsets === null) throw new BackendFailure(noSense);
  // The apex alone has records that nobody asked for.
  const isFiltered = only !== undefined && parsed.data.rrsets.every((one) => (one as Rrset).name.toLowerCase() === only);
  const { kept } = powerDns.io;
  kept.set(kindKey(zone), parsed.data.kind);
  if (!isFiltered) {
    const filters = only === undefined && knownOf(powerDns, zone).filters;
    kept.set(knownKey(zone), { bytes: answer.text.length, filters } satisfies Known);
  }
  return { rrsets, isFiltered };
}
