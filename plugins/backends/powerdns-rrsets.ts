/**
 * Changes as PowerDNS's RRsets, and its RRsets as what is live (doc.powerdns.com/authoritative/http-api/zone.html). The mark is a TXT record at a
 * name of its own, in the same PATCH as what it marks. Of a name only A, AAAA and CNAME are looked at and touched.
 */
import { z } from "zod";
import { canonicalAddress } from "../../domain/address.ts";
import type { Change, LiveRecords, LiveSet } from "../../domain/backend.ts";
import { nameOf } from "../../domain/fence.ts";
import { type Mark, markIn, markName, markText } from "../../domain/ownership.ts";
import { recordTypes } from "../../domain/plan.ts";
import { rrsetsOf } from "../../domain/rrset.ts";

/** One element of a PATCH. */
export type RrsetChange = {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly changetype: "REPLACE" | "DELETE";
  readonly records: readonly { readonly content: string; readonly disabled: false }[];
};

/** As the API shows it; older versions leave `disabled` out where it is false. */
const rrset = z.looseObject({
  name: z.string(),
  type: z.string(),
  ttl: z.number(),
  records: z.array(z.looseObject({ content: z.string(), disabled: z.boolean().default(false) })),
});
export type Rrset = z.output<typeof rrset>;

/** Nobody but Kosmos asks for a mark. */
const markTtl = 300;

/**
 * What a change takes: nothing where what was found is what is wanted. Deletions come first, since older versions look at each element by itself
 * and refuse a CNAME beside addresses that a later one deletes.
 */
export function rrsetsFor(changes: readonly Change[]): RrsetChange[] {
  const all = changes.flatMap(rrsetsOfChange);
  return [...all.filter(({ changetype }) => changetype === "DELETE"), ...all.filter(({ changetype }) => changetype === "REPLACE")];
}

function rrsetsOfChange(change: Change): RrsetChange[] {
  const name = nameOf(change);
  const { found } = change;
  const wanted = change.kind === "publish" ? rrsetsOf(change.plan) : [];
  const records = recordTypes.flatMap((type) => {
    const set = wanted.find((one) => one.type === type);
    if (set === undefined) return isThere(found, type) ? [removal(name, type)] : [];
    const held = found?.answers.find((one) => one.type === type);
    return held !== undefined && isSame(held, set) ? [] : [replacement(name, type, set.ttl, set.values)];
  });
  const mark = markOf(change);
  if (mark === null) return isMarked(found) ? [...records, removal(markName(name), "TXT")] : records;
  const isKept = found?.gslbId === mark.gslbId && found.epoch === mark.epoch && found.number === mark.number;
  return isKept ? records : [...records, replacement(markName(name), "TXT", markTtl, [`"${markText(mark)}"`])];
}

/** What was not read may be there. */
const isThere = (found: LiveRecords | undefined, type: string): boolean =>
  found === undefined || found.answers.some((one) => one.type === type);
const isMarked = (found: LiveRecords | undefined): boolean => found === undefined || found.gslbId !== undefined;

const markOf = (change: Change): Mark | null =>
  change.kind === "publish" ? { gslbId: change.plan.gslb_id, epoch: change.plan.epoch, number: change.plan.number } : null;

const isSame = (a: LiveSet, b: LiveSet): boolean => a.ttl === b.ttl && a.values.toSorted().join() === b.values.toSorted().join();

const removal = (name: string, type: string): RrsetChange => ({ name, type, ttl: 0, changetype: "DELETE", records: [] });
const replacement = (name: string, type: string, ttl: number, values: readonly string[]): RrsetChange => ({
  name,
  type,
  ttl,
  changetype: "REPLACE",
  records: values.map((content) => ({ content, disabled: false })),
});

/** The RRsets of these names among `elements`, by name; null: that is no list of RRsets. */
export function rrsetsAt(names: ReadonlySet<string>, elements: readonly unknown[]): Map<string, Rrset[]> | null {
  const found = new Map<string, Rrset[]>();
  for (const element of elements) {
    const name = typeof element === "object" && element !== null && "name" in element ? element.name : null;
    if (typeof name !== "string") return null;
    // A zone may be long, and the names that are asked for few.
    const key = name.toLowerCase();
    if (!names.has(key)) continue;
    const parsed = rrset.safeParse(element);
    if (!parsed.success) return null;
    found.set(key, [...(found.get(key) ?? []), parsed.data]);
  }
  return found;
}

export function liveAt(fqdn: string, rrsets: ReadonlyMap<string, readonly Rrset[]>): LiveRecords {
  const mark = (rrsets.get(markName(fqdn)) ?? [])
    .filter(({ type }) => type === "TXT")
    .flatMap((set) => valuesOf(set).flatMap((text) => markIn(text) ?? []))[0];
  const at = rrsets.get(fqdn) ?? [];
  const answers = recordTypes.flatMap((type): LiveSet[] =>
    at
      .filter((set) => set.type === type && valuesOf(set).length > 0)
      .map((set) => ({ type, values: valuesOf(set).map(canonical), ttl: set.ttl })),
  );
  return {
    fqdn,
    ...(mark === undefined ? {} : { gslbId: mark.gslbId }),
    epoch: mark?.epoch ?? null,
    number: mark?.number ?? null,
    answers,
  };
}

/** A disabled record is served to nobody. */
const valuesOf = ({ records }: Rrset): string[] => records.filter(({ disabled }) => !disabled).map(({ content }) => content);

const canonical = (content: string): string => canonicalAddress(content) ?? content.toLowerCase();

/**
 * Whom an error of PowerDNS's is about, among these changes; null: it does not say. Its words are "RRset www.example.com. IN A: …",
 * "Record www.example.com./A '…': …" and "Duplicate record in RRset www.example.com. IN A with …".
 */
export function culpritOf(error: string, changes: readonly Change[]): Change | null {
  const name = /\b(?:RRset|Record) (\S+?)(?:\/[A-Z0-9]+ '| IN [A-Z0-9]+)/.exec(error)?.[1]?.toLowerCase();
  return changes.find((change) => name === nameOf(change) || name === markName(nameOf(change))) ?? null;
}
