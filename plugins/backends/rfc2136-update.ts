/**
 * Changes as parts of an UPDATE (RFC 2136): what must still be as it was read, what goes, what comes. The mark is a TXT record at a label of
 * our own below the name, written in the same message; the prerequisites compare it, so that of two writers one is told.
 */
import type { Change, LiveRecords } from "../../domain/backend.ts";
import { nameOf } from "../../domain/fence.ts";
import { markName, markText } from "../../domain/ownership.ts";
import { rrsetsOf } from "../../domain/rrset.ts";
import { absent, add, dataOf, deleteSet, existsAs, recordBytes, textData, type Update, type UpdateRecord } from "./dns-update.ts";
import type { Handle } from "./rfc2136-read.ts";

/** Nobody asks for it but Kosmos. */
const markTtl = 60;
/** Header and zone, a signature, and some room. */
const overheadBytes = 1_024;
const maximumBytes = 65_535 - overheadBytes;
const recordTypes = ["A", "AAAA", "CNAME"] as const;

export type Part = {
  readonly change: Change;
  readonly fqdn: string;
  readonly prerequisites: readonly UpdateRecord[];
  readonly updates: readonly UpdateRecord[];
};

export function partOf(change: Change): Part {
  const fqdn = nameOf(change);
  const prerequisites = change.found === undefined ? [] : asFound(change.found);
  return { change, fqdn, prerequisites, updates: updatesOf(change, fqdn) };
}

/** As many parts in a message as fit, in their order. */
export function messagesOf(parts: readonly Part[], zone: string): Part[][] {
  const messages: Part[][] = [];
  let size = 0;
  for (const part of parts) {
    const bytes = [...part.prerequisites, ...part.updates].reduce((sum, record) => sum + recordBytes(record, zone), 0);
    const last = messages.at(-1);
    if (last === undefined || size + bytes > maximumBytes) {
      messages.push([part]);
      size = bytes;
    } else {
      last.push(part);
      size += bytes;
    }
  }
  return messages;
}

export const updateOf = (zone: string, parts: readonly Part[]): Update => ({
  zone,
  prerequisites: parts.flatMap(({ prerequisites }) => prerequisites),
  updates: parts.flatMap(({ updates }) => updates),
});

/** Whoever changes a name that has a mark changes the mark; of a name without one, everything is compared. */
function asFound(found: LiveRecords): UpdateRecord[] {
  const { fqdn, answers } = found;
  const mark = existsAs(markName(fqdn), "TXT", marksOf(found).map(textData));
  if (found.gslbId !== undefined) return mark;
  const sets = recordTypes.flatMap((type): UpdateRecord[] => {
    const values = answers.filter((set) => set.type === type).flatMap((set) => set.values);
    return values.length === 0
      ? [absent(fqdn, type)]
      : existsAs(
          fqdn,
          type,
          values.map((value) => dataOf(type, value)),
        );
  });
  return [...(mark.length === 0 ? [absent(markName(fqdn), "TXT")] : mark), ...sets];
}

function marksOf({ handle, gslbId, epoch, number }: LiveRecords): Handle["mark"] {
  if (isHandle(handle)) return handle.mark;
  return gslbId === undefined ? [] : [[bytesOf(markText({ gslbId, epoch: epoch ?? 0, number: number ?? 0 }))]];
}

const isHandle = (handle: unknown): handle is Handle => typeof handle === "object" && handle !== null && "mark" in handle;

function updatesOf(change: Change, fqdn: string): UpdateRecord[] {
  const mark = markName(fqdn);
  // A server drops a record that does not go with a CNAME, and a CNAME beside others, without a word (3.4.2.2): so first all goes.
  const gone = [...recordTypes.map((type) => deleteSet(fqdn, type)), deleteSet(mark, "TXT")];
  if (change.kind === "unpublish") return gone;
  const { plan } = change;
  const come = rrsetsOf(plan).flatMap(({ type, values, ttl }) => values.map((value) => add(fqdn, type, ttl, dataOf(type, value))));
  const text = markText({ gslbId: plan.gslb_id, epoch: plan.epoch, number: plan.number });
  return [...gone, ...come, add(mark, "TXT", markTtl, textData([bytesOf(text)]))];
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
