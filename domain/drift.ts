/**
 * What is live against what was written (engine.md, rule 18). A difference is drift: it is written over, or held where others fight over the
 * name or people had changed it while Kosmos was away. It reads nothing itself.
 */
import { type LiveRecords, type LiveSet, liveSet, type WriteFailure } from "./backend.ts";
import { limits } from "./limits.ts";
import { locationText } from "./location.ts";
import { comparePlans, type Plan } from "./plan.ts";
import { type holds, isPending, type Publication, reassert } from "./publish.ts";

/** What a flavor's operators want of drift. */
export type DriftSettings = { readonly intervalMs: number; readonly onDrift: "reassert" | "hold" };
export const defaultDrift: DriftSettings = { intervalMs: limits.driftIntervalMs, onDrift: "reassert" };

/** When Kosmos last judged or published (null: never, as far as is known), and when it last began to again after it had not for long. */
export type Activity = { readonly at: number | null; readonly quietUntil: number };
export const isQuiet = ({ at }: Activity, now: number): boolean => at === null || now - at >= limits.quietMs;
export const active = (activity: Activity, now: number): Activity => ({
  at: now,
  quietUntil: isQuiet(activity, now) ? now : activity.quietUntil,
});

/** What is found where a plan is live, as its provider holds it. */
export type Expect = (plan: Plan) => readonly LiveSet[];
export const asItIs: Expect = ({ answers }) => answers.map(liveSet);

export type Look = {
  readonly now: number;
  readonly expect: Expect;
  readonly settings: DriftSettings;
  readonly activity: Activity;
  /** When the names of its zone were last read, Unix ms; 0: never. */
  readonly seenAt: number;
};
/** `same`: as written. `ahead`: a later plan of the same GSLB, of an Engine that has lost count. `held`: as it was when it was held. */
export type Finding = "same" | "ahead" | "held" | "drift" | (typeof holds)[number];
export type Looked = { readonly publication: Publication; readonly finding: Finding };

/** Whether there is anything to compare: a plan that was taken and that nothing is to replace but what is held. */
export const isWatched = (publication: Publication): boolean =>
  publication.live !== null &&
  publication.wanted !== "removed" &&
  ((!isPending(publication) && !publication.unsure) || publication.hold !== null);

/** What was read of a name that is watched. What its provider still hands out says nothing; what it failed to hand out is written anew. */
export function look(publication: Publication, live: LiveRecords, { now, expect, settings, activity, seenAt }: Look): Looked {
  if (live.state === "pending") return { publication, finding: "same" };
  const drifts = recent(publication.drifts, now);
  if (isExpected(publication, live, expect)) {
    if (live.state !== undefined) return { publication: reassert(publication, now), finding: "same" };
    const settled = !publication.unseen && publication.hold === null;
    return { publication: settled ? publication : { ...publication, unseen: false, hold: null }, finding: "same" };
  }
  if (isAhead(publication, live)) return { publication: reassertAbove(publication, live, now), finding: "ahead" };
  if (publication.hold !== null) return { publication, finding: "held" };
  const drifted = { ...publication, unseen: false, drifts: [...drifts, now] };
  const kind = holdOf(drifted, activity, seenAt, now) ?? (settings.onDrift === "hold" ? "drift" : null);
  if (kind === null) return { publication: reassert(drifted, now), finding: "drift" };
  return { publication: { ...drifted, hold: { kind, found: describe(live.answers), at: now } }, finding: kind };
}

/**
 * What was read of a name that is about to be written. A change of what is wanted goes over drift, since it would end a hold; but not over what
 * people did while Kosmos was away, unless people want the change.
 */
export function lookBefore(publication: Publication, live: LiveRecords, { now, expect, activity, seenAt }: Omit<Look, "settings">): Looked {
  const { wanted, urgency } = publication;
  const isKnown = publication.live !== null && !publication.unsure && wanted !== null && wanted !== "removed";
  if (!isKnown || live.state === "pending" || isExpected(publication, live, expect)) return { publication, finding: "same" };
  if (isAhead(publication, live)) return { publication, finding: "ahead" };
  // Until it is written, the same difference will be found again.
  const drifted = { ...publication, unsure: true, drifts: [...recent(publication.drifts, now), now] };
  const kind = holdOf(drifted, activity, seenAt, now);
  const stands = kind === "hand_edit" ? urgency !== "operator" : kind === "conflict" && urgency === "repair";
  if (kind === null || !stands) return { publication: drifted, finding: "drift" };
  return { publication: { ...drifted, hold: { kind, found: describe(live.answers), at: now } }, finding: kind };
}

/** What is wrong with what was read back after a write that the backend took; null: it is there; `pending`: it is still handed out. */
export function readBack(publication: Publication, live: LiveRecords, expect: Expect = asItIs): WriteFailure | "pending" | null {
  const { wanted, gslbId, number } = publication;
  if (live.state === "pending") return "pending";
  if (live.state !== undefined) return { class: "retry", detail: `the backend failed to publish plan ${number}: ${live.state.error}` };
  if (wanted === null || !differs(wanted, live.answers, expect) || isAhead(publication, live)) return null;
  // The name was removed, and is somebody else's by now.
  if (wanted === "removed" && live.gslbId !== undefined && live.gslbId !== gslbId) return null;
  return { class: "retry", detail: `the backend took plan ${number} and has ${describe(live.answers)}` };
}

/** Whether the answers are other records than the plan's, whatever their order. */
export function differs(expected: Plan | "removed", live: readonly LiveSet[], expect: Expect = asItIs): boolean {
  return canonical(expected === "removed" ? [] : expect(expected)) !== canonical(live);
}

/** For people: `A 192.0.2.1, 192.0.2.2 (30 s)`. */
export const describe = (sets: readonly Pick<LiveSet, "type" | "values" | "ttl">[]): string =>
  sets.length === 0 ? "nothing" : sets.map(({ type, values, ttl }) => `${type} ${values.join(", ")} (${ttl} s)`).join("; ");

/** What was written last, or what is wanted: the write of it may have taken effect without a word. */
const isExpected = ({ live, wanted }: Publication, found: LiveRecords, expect: Expect): boolean =>
  [live?.plan ?? null, wanted].some((plan) => plan !== null && plan !== "removed" && !differs(plan, found.answers, expect));

/** A plan above all of ours is one that this Engine forgot. */
const isAhead = (publication: Publication, { epoch, number, gslbId }: LiveRecords): boolean =>
  epoch !== null && number !== null && gslbId === publication.gslbId && comparePlans({ epoch, number }, publication) > 0;

function reassertAbove(publication: Publication, { epoch, number }: LiveRecords, now: number): Publication {
  // Of a higher epoch the number may be lower; ours never falls.
  return reassert({ ...publication, epoch: epoch ?? publication.epoch, number: Math.max(publication.number, number ?? 0) }, now);
}

/** Rule 18's "hold anyway". A name is known to have been as written when it was last read, or written. */
function holdOf(publication: Publication, activity: Activity, seenAt: number, now: number): "conflict" | "hand_edit" | null {
  const knownAt = Math.max(seenAt, publication.live?.at ?? 0);
  if (isQuiet(activity, now) || activity.quietUntil > knownAt) return "hand_edit";
  return publication.drifts.length >= limits.conflictDrifts ? "conflict" : null;
}

const recent = (drifts: readonly number[], now: number): readonly number[] =>
  drifts.filter((at) => at <= now && now - at <= limits.conflictMs).slice(1 - limits.conflictDrifts);

/** Every value with what it is served by, once, in one order. */
function canonical(sets: readonly LiveSet[]): string {
  const records = sets.flatMap(({ type, values, ttl, weight, pool_weight, locations = [], region, as }) => {
    const places = locations.map(locationText).toSorted();
    return values.map((value) =>
      JSON.stringify([type, value, ttl, weight ?? null, pool_weight ?? null, places, region ?? null, as ?? null]),
    );
  });
  return [...new Set(records)].toSorted().join();
}
