/**
 * Whose the records at a name are. A backend that can keep a note with them keeps Kosmos's mark there; one that cannot keeps it in a TXT record
 * beside the name. A name without a mark is not ours, unless we are known to have published it.
 */
import type { LiveRecords, WriteFailure } from "./backend.ts";
import { asItIs, describe, differs, type Expect } from "./drift.ts";
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
 * Whether what is at a name must be known before it is written: nothing of what is there is known to be ours, or it is to be taken away. What we
 * published is written over in any case: a dead endpoint must go, also from a backend that cannot be read.
 */
export const mustBeRead = ({ live, wanted }: Publication): boolean => live === null || wanted === "removed";

/** Whether somebody else's records, or another GSLB's mark, are at a name that we are not known to have published. */
export function isOthers(publication: Publication, { gslbId, answers }: LiveRecords): boolean {
  if (publication.live !== null || (gslbId !== undefined && ownersOf(publication).includes(gslbId))) return false;
  return answers.length > 0 || gslbId !== undefined;
}

/**
 * Whether what is live at a name may be replaced, or removed, by this publication; null: it may. `adopt`: people said that the name is Kosmos's
 * whatever is there. A removal takes away what has our mark, or is as we wrote it, and nothing else.
 */
export function objection(publication: Publication, live: LiveRecords, adopt: boolean, expect: Expect = asItIs): WriteFailure | null {
  const { gslbId, epoch, number } = live;
  if (gslbId !== undefined && ownersOf(publication).includes(gslbId)) {
    const isAbove = epoch !== null && number !== null && comparePlans({ epoch, number }, publication) > 0;
    return isAbove ? { class: "superseded", detail: `${live.fqdn} is at plan ${number} of epoch ${epoch}`, epoch, number, gslbId } : null;
  }
  const whose = gslbId === undefined ? "that Kosmos did not make" : `of another GSLB, ${gslbId}`;
  const foreign = (rest: string): WriteFailure => ({
    class: "foreign",
    detail: `${live.fqdn} has ${describe(live.answers)} ${whose}${rest}`,
  });
  if (publication.wanted === "removed") {
    const isNothing = gslbId === undefined && live.answers.length === 0;
    const isAsWritten = gslbId === undefined && publication.live !== null && !differs(publication.live.plan, live.answers, expect);
    return isNothing || isAsWritten ? null : foreign("");
  }
  // What we published and somebody changed, the mark with it, is drift.
  return adopt || !isOthers(publication, live) ? null : foreign(": set adopt to replace it");
}
