/** What Designate's recordsets at a name say: whose they are, what they answer, and whether its name servers have it yet. */
import { canonicalAddress } from "../../domain/address.ts";
import type { LiveRecords, LiveSet } from "../../domain/backend.ts";
import { type Mark, markIn } from "../../domain/ownership.ts";
import { comparePlans } from "../../domain/plan.ts";
import type { Recordset, Zone } from "./designate-api.ts";

/** The newest: where a write ended halfway, older ones stand beside it. */
export function markOf(there: readonly Recordset[]): Mark | null {
  const marks = there.flatMap(({ description, type, records }) => [description ?? "", ...(type === "TXT" ? records : [])]).map(markIn);
  return marks.filter((mark) => mark !== null).toSorted((a, b) => comparePlans(b, a))[0] ?? null;
}

export const isMarked = (there: readonly Recordset[]): boolean => markOf(there) !== null;

const order = ["A", "AAAA", "CNAME"] as const;

export function liveAt(fqdn: string, there: readonly Recordset[], zone: Zone): LiveRecords {
  const mark = markOf(there);
  const answers = order.flatMap((type) =>
    there
      .filter((one) => one.type === type)
      .map(({ records, ttl }): LiveSet => ({ type, values: records.map(canonical), ttl: ttl ?? zone.ttl })),
  );
  const state = stateOf(there);
  return {
    fqdn,
    ...(mark === null ? { epoch: null, number: null } : mark),
    answers,
    ...(state === null ? {} : { state }),
    ...(there.length === 0 ? {} : { handle: there }),
  };
}

type State = Exclude<LiveRecords["state"], undefined>;

/** Null: the name servers have it. */
export function stateOf(there: readonly { readonly status: string }[]): State | null {
  if (there.some(({ status }) => status === "ERROR")) return { error: "Designate: ERROR: its name servers did not take it" };
  return there.some(({ status }) => status === "PENDING") ? "pending" : null;
}

const canonical = (value: string): string => canonicalAddress(value) ?? value.toLowerCase();
