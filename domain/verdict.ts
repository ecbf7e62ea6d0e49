/**
 * What one region says of one (endpoint, monitor): a series of observations, folded into a verdict (engine.md, rule 1). The newest results are
 * kept, so that a late one is put where its tick belongs and the window is folded again; what is older than the window is dropped.
 */
import { z } from "zod";
import { limits } from "./limits.ts";
import { type OutcomeKind, outcomes } from "./observation.ts";

export const verdict = z.enum(["unknown", "up", "down"]);
export type Verdict = z.output<typeof verdict>;

const count = z.object({ verdict, fails: z.int().min(0), passes: z.int().min(0) });
/** The verdict after some results, and the run that the newest of them are part of. */
export type Count = Readonly<z.output<typeof count>>;

export type Thresholds = {
  /** Fails in a row before a region votes down: LBaaS v2's `max_retries`. */
  readonly maxRetries: number;
  /** Passes in a row before a region that voted down votes up. */
  readonly rise: number;
};

const seriesEntry = z.object({ tick: z.int(), outcome: z.enum(outcomes) });
export type SeriesEntry = Readonly<z.output<typeof seriesEntry>>;

export const series = z.object({
  /** What the results before the window came to. */
  before: count,
  /** The newest results by tick, rising, at most `limits.seriesWindow`. */
  window: z.array(seriesEntry).max(limits.seriesWindow).readonly(),
  /** `before`, folded over the window. */
  count,
  /** How far the series can vouch for its endpoint, Unix ms: arrival of its newest pass or fail, bounded by the tick. 0: never. */
  freshAt: z.number(),
  /** It was silent, and what it said before has not been confirmed since: it has no vote yet. */
  returning: z.boolean().default(false),
  /** Of the newest pass or fail, for people; `detail` also of `no_data` where there never was one. */
  colo: z.string().nullable(),
  latencyMs: z.number().nullable(),
  detail: z.string().nullable(),
  /** What the newest pass or fail warned of; null: of nothing. */
  warning: z.string().nullable().default(null),
});
export type Series = Readonly<z.output<typeof series>>;

export const noCount: Count = { verdict: "unknown", fails: 0, passes: 0 };

export const emptySeries: Series = {
  before: noCount,
  window: [],
  count: noCount,
  freshAt: 0,
  returning: false,
  colo: null,
  latencyMs: null,
  detail: null,
  warning: null,
};

/** One result more. `no_data` neither counts nor breaks a run. */
export function step(count: Count, outcome: OutcomeKind, thresholds: Thresholds): Count {
  if (outcome === "no_data") return count;
  if (outcome === "pass") {
    const passes = count.passes + 1;
    const up = count.verdict === "unknown" || (count.verdict === "down" && passes >= thresholds.rise);
    return { verdict: up ? "up" : count.verdict, fails: 0, passes };
  }
  const fails = count.fails + 1;
  return { verdict: fails >= thresholds.maxRetries ? "down" : count.verdict, fails, passes: 0 };
}

export type Result = {
  readonly tick: number;
  readonly outcome: OutcomeKind;
  readonly colo: string;
  readonly latencyMs: number | null;
  readonly detail: string;
  readonly warning?: string | null;
};

/**
 * The series with one result more. The same object comes back where the result says nothing new: repeated, older than the window, or
 * `no_data` for a tick that is known. `arrivedAt` is the Engine's clock; `timeoutMs` bounds how long after its tick a result can speak for;
 * `delayMs` tells how long silence takes (`isSilent`).
 */
export function insert(
  series: Series,
  result: Result,
  thresholds: Thresholds,
  arrivedAt: number,
  timeoutMs: number,
  delayMs = Number.POSITIVE_INFINITY,
): Series {
  // From the future: `no_data`, and not kept either, or a clock that jumped could fill the window and keep every later result out of it.
  if (result.tick > arrivedAt + limits.tickAheadMs) return series;
  const outcome = shared[result.outcome];
  const window = caughtUp(series.window, result.tick, arrivedAt);
  let index = window.length;
  while (index > 0 && (window[index - 1] as SeriesEntry).tick > result.tick) index -= 1;
  const same = index > 0 ? (window[index - 1] as SeriesEntry) : null;
  const entry = { tick: result.tick, outcome };

  let next: SeriesEntry[];
  if (same !== null && same.tick === result.tick) {
    if (same.outcome !== "no_data" || outcome === "no_data") return series;
    next = window.slice();
    next[index - 1] = entry;
  } else if (index === 0 && window.length >= limits.seriesWindow) {
    return series;
  } else {
    next = window.slice();
    next.splice(index, 0, entry);
  }

  let before = series.before;
  const dropped = next.length > limits.seriesWindow ? next.shift() : undefined;
  if (dropped !== undefined) before = step(before, dropped.outcome, thresholds);
  // The usual case is one step from where the series stood; only a result out of order needs the whole window.
  const appended = same?.tick !== result.tick && index === window.length;
  const count = appended
    ? step(series.count, outcome, thresholds)
    : next.reduce((sum, item) => step(sum, item.outcome, thresholds), before);
  // Why nothing could be measured is worth showing only where nothing ever was.
  if (outcome === "no_data")
    return { ...series, before, window: next, count, detail: series.freshAt === 0 ? result.detail : series.detail };

  const speaksFor = Math.min(arrivedAt, result.tick + timeoutMs + 1_000);
  const newest = !next.slice(next.indexOf(entry) + 1).some((item) => item.outcome !== "no_data");
  // Never ahead of the Engine's clock: a clock that jumped forward and back must not leave a series fresh for hours.
  const wasSilent = series.freshAt > 0 && isSilent(series, arrivedAt, delayMs, timeoutMs);
  const returning = (series.returning || wasSilent) && !isConfirmed(count, thresholds);
  const freshAt = Math.min(Math.max(series.freshAt, speaksFor), arrivedAt);
  const { colo, latencyMs, detail, warning = null } = newest ? result : series;
  // Field by field: this is made for each result, and copying whole objects takes several times as long.
  return { before, window: next, count, freshAt, returning, colo, latencyMs, detail, warning };
}

/** A result that comes from another Worker has a string of its own; the windows of 50,000 series keep these few. */
const shared = { pass: "pass", fail: "fail", no_data: "no_data" } as const satisfies Record<OutcomeKind, OutcomeKind>;

/** Whether the run that goes on is the one that the verdict comes from: the newest result would give it again. */
function isConfirmed({ verdict, fails }: Count, { maxRetries }: Thresholds): boolean {
  return verdict === "up" ? fails === 0 : verdict === "unknown" || fails >= maxRetries;
}

/**
 * The window on a clock that was set back: results from a time that has not come yet count as they came, just before the one that is there now.
 * Where they were they would keep every later one out of a full window until that time has come.
 */
function caughtUp(window: readonly SeriesEntry[], tick: number, arrivedAt: number): readonly SeriesEntry[] {
  const isAhead = (entry: SeriesEntry) => entry.tick > arrivedAt + limits.tickAheadMs + limits.clockBackMs;
  const newest = window.at(-1);
  if (newest === undefined || !isAhead(newest)) return window;
  const first = window.findIndex(isAhead);
  const moved = window.map((entry, index) => (index < first ? entry : { ...entry, tick: tick - window.length + index }));
  // A late one has its place before them.
  return first > 0 && tick - window.length + first <= (window[first - 1] as SeriesEntry).tick ? window : moved;
}

/** Silent: nothing heard for two periods and a timeout (rule 2), or heard from the future, which only a clock that jumped can say. */
export function isSilent(series: Series, now: number, delayMs: number, timeoutMs: number): boolean {
  const age = now - series.freshAt;
  const bound = 2 * delayMs + timeoutMs;
  return series.freshAt === 0 || age > bound || age < -bound;
}
