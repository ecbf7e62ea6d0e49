/**
 * What is written next, and when (engine.md, rule 19): of what is due the most urgent first, with everything that can go in the same write; and
 * a flavor's budget of calls, of which a fifth is kept for what people ask for and for dead endpoints.
 */
import type { RateLimit } from "./backend.ts";
import { limits } from "./limits.ts";
import { backoffMs, dueAt, type Publication, type Urgency, urgencies } from "./publish.ts";

/** What a call is for. Reads come last and are never waited for by a write. */
export type Use = Urgency | "read";

/** A token that was spent comes back `perMs` later, so that no stretch of that length ever sees more than `calls`. */
export type Budget = {
  /** When the tokens that are away were spent, Unix ms, in order. */
  readonly spent: readonly number[];
  /** Nothing is called before: the provider asked for it. */
  readonly waitUntil: number;
};
export const fullBudget: Budget = { spent: [], waitUntil: 0 };

export const spend = (budget: Budget, limit: RateLimit | undefined, now: number): Budget =>
  limit === undefined ? budget : { ...budget, spent: [...away(budget, limit, now), now] };

/** The provider wants to be left alone for so long (Retry-After). */
export const postpone = (budget: Budget, afterMs: number, now: number): Budget => ({
  ...budget,
  waitUntil: Math.max(waitOf(budget, now), now + Math.min(afterMs, limits.retryAfterMaxMs)),
});

/** When the next call for this may be made, Unix ms: `now`, or later. */
export function callAt(budget: Budget, limit: RateLimit | undefined, use: Use, now: number): number {
  const wait = Math.max(now, waitOf(budget, now));
  if (limit === undefined) return wait;
  const spent = away(budget, limit, now);
  const free = limit.calls - spent.length;
  const kept = isFirst(use) ? 0 : Math.floor(limit.calls / 5);
  const missing = kept + 1 - free;
  // With none to spare beyond what is kept it waits until enough have come back; there are always as many away.
  const back = missing <= 0 ? 0 : (spent[missing - 1] ?? now) + limit.perMs;
  return Math.max(wait, back);
}

export const mayCall = (budget: Budget, limit: RateLimit | undefined, use: Use, now: number): boolean =>
  callAt(budget, limit, use, now) <= now;

/**
 * Writes to a flavor that failed as a whole since one was taken: what was tried often already is not tried again before `until`, Unix ms.
 * `alone`: the name that the last of them was for, if it was one.
 */
export type Outage = { readonly failures: number; readonly until: number; readonly alone: string | null };
export const noOutage: Outage = { failures: 0, until: 0, alone: null };

/** A write for these names failed. One that fails alone time after time says no more of the others. `random` is from [0, 1). */
export function failedAgain(outage: Outage, names: readonly string[], now: number, random: number): Outage {
  const alone = names.length === 1 ? (names[0] ?? null) : null;
  const failures = alone !== null && alone === outage.alone ? outage.failures : outage.failures + 1;
  return { failures, until: now + backoffMs(failures, random), alone };
}

/** How a flavor is written to. */
export type Channel = {
  readonly budget: Budget;
  readonly outage: Outage;
  readonly limit: RateLimit | undefined;
  readonly most: number;
};

/** Names of one zone that go out in one write. `atMost`: so many after a write that failed as a whole; null: as many as there are. */
export type Batch = {
  readonly zone: string;
  readonly keys: readonly string[];
  readonly atMost: number | null;
  /** What the call is for: the most urgent. */
  readonly urgency: Urgency;
};

/** The next write to one flavor, whose publications these are; null: nothing is due that may go now. */
export function nextBatch(publications: Iterable<readonly [key: string, Publication]>, channel: Channel, now: number): Batch | null {
  const { budget, limit, outage } = channel;
  const due = [...publications].filter(([, one]) => (writableAt(one, outage, now) ?? Infinity) <= now).toSorted(order(outage));
  const allowed = new Set(urgencies.filter((urgency) => mayCall(budget, limit, urgency, now)));
  const first = due.find(([, { urgency }]) => allowed.has(urgency))?.[1];
  if (first === undefined) return null;
  // Those that were halved as often go together: a name that was never in a failed write does not meet one that was.
  const together = due.filter(([, { zone, atMost }]) => zone === first.zone && atMost === first.atMost);
  const most = Math.min(channel.most, first.atMost ?? channel.most);
  const keys = together.slice(0, most).map(([key]) => key);
  return { zone: first.zone, keys, atMost: first.atMost, urgency: first.urgency };
}

/** When something of a flavor's can be written next, Unix ms; null: nothing is waiting. */
export function nextWriteAt(publications: Iterable<Publication>, { budget, outage, limit }: Channel, now: number): number | null {
  const free = new Map(urgencies.map((urgency) => [urgency, callAt(budget, limit, urgency, now)]));
  let next: number | null = null;
  for (const one of publications) {
    const due = writableAt(one, outage, now);
    if (due === null) continue;
    const at = Math.max(due, free.get(one.urgency) ?? now);
    if (next === null || at < next) next = at;
  }
  return next;
}

/** When it may go, as far as it and the outage say, Unix ms; null: there is nothing to write. */
function writableAt(publication: Publication, { until }: Outage, now: number): number | null {
  const due = dueAt(publication, now);
  // An end that is further ahead than any wait was set before the clock was.
  if (due === null || publication.attempts < limits.suspectAttempts || until > now + limits.retryMaxMs) return due;
  return Math.max(due, until);
}

/**
 * By urgency; then whatever was tried least, and waits longest; then the untainted before the halved, and larger halves before smaller; then
 * the oldest decision. While writes fail, urgency comes after that: nobody who fails again and again is always first.
 */
const order =
  ({ failures }: Outage) =>
  ([keyA, a]: readonly [string, Publication], [keyB, b]: readonly [string, Publication]): number => {
    const urgency = urgencies.indexOf(a.urgency) - urgencies.indexOf(b.urgency);
    return (
      (failures === 0 ? urgency : 0) ||
      a.attempts - b.attempts ||
      urgency ||
      a.nextTryAt - b.nextTryAt ||
      (b.atMost ?? Number.MAX_SAFE_INTEGER) - (a.atMost ?? Number.MAX_SAFE_INTEGER) ||
      decidedAt(a) - decidedAt(b) ||
      (keyA < keyB ? -1 : 1)
    );
  };

const decidedAt = ({ wanted }: Publication): number => (wanted === null || wanted === "removed" ? 0 : wanted.decided_at);

const isFirst = (use: Use): boolean => use === "operator" || use === "removal";

/** Tokens that have not come back. One that was spent in the future was spent before the clock was set. */
const away = ({ spent }: Budget, { perMs }: RateLimit, now: number): readonly number[] =>
  spent.filter((at) => at <= now && now - at < perMs);

const waitOf = ({ waitUntil }: Budget, now: number): number => (waitUntil > now + limits.retryAfterMaxMs ? 0 : waitUntil);
