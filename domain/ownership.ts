/**
 * Whose the records at a name are. A backend that can keep a note with them keeps Kosmos's mark there; one that cannot keeps it in a TXT record
 * beside the name. A name without a mark is not ours, unless we are known to have published it.
 */
import type { LiveRecords, WriteFailure } from "./backend.ts";
import { describe } from "./drift.ts";
import { comparePlans } from "./plan.ts";
import { ownersOf, type Publication } from "./publish.ts";

export type Mark = { readonly gslbId: string; readonly epoch: number; readonly number: number };

/** `heritage=kosmos gslb=<id> plan=<epoch>.<number>`: 100 characters at most, as short as the shortest comment of a provider. */
export const markText = ({ gslbId, epoch, number }: Mark): string => `heritage=kosmos gslb=${gslbId} plan=${epoch}.${number}`;

const markForm = /(?:^|[\s"])heritage=kosmos gslb=([0-9a-f-]{36}) plan=([0-9]{1,15})\.([0-9]{1,15})(?:$|[\s"])/;

/** The mark in a note; null: it has none. */
export function markIn(text: string): Mark | null {
  const match = markForm.exec(text);
  return match === null ? null : { gslbId: match[1] ?? "", epoch: Number(match[2]), number: Number(match[3]) };
}

/** Where the mark of a name stands as a TXT record: a label of our own below it, so that a CNAME at the name is no hindrance. */
export const markName = (fqdn: string): string => `_kosmos.${fqdn}`;

/**
 * Whether what is live at a name may be replaced, or removed, by this publication; null: it may. `adopt`: people said that the name is Kosmos's
 * whatever is there.
 */
export function objection(publication: Publication, live: LiveRecords, adopt: boolean): WriteFailure | null {
  const { gslbId, epoch, number } = live;
  if (gslbId !== undefined && ownersOf(publication).includes(gslbId)) {
    const isAbove = epoch !== null && number !== null && comparePlans({ epoch, number }, publication) > 0;
    return isAbove ? { class: "superseded", detail: `${live.fqdn} is at plan ${number} of epoch ${epoch}`, epoch, number, gslbId } : null;
  }
  const isEmpty = live.answers.length === 0 && gslbId === undefined;
  // What we published and somebody changed, the mark with it, is drift.
  if (isEmpty || adopt || publication.live !== null) return null;
  const whose = gslbId === undefined ? "that Kosmos did not make" : `of GSLB ${gslbId}, which is not of this project`;
  return { class: "foreign", detail: `${live.fqdn} has ${describe(live.answers)} ${whose}: set adopt to replace it` };
}
