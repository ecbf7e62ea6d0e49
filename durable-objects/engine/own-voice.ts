/**
 * What Kosmos finds itself, without a vantage point: kept as results of a region of its own, `kosmos`, so that every rule for regions holds for
 * it as well: silence, freshness, votes, what is shown and what is told. It is the only voter, and one result decides.
 */
import { judge, type QuorumSettings, votesOf } from "../../domain/quorum.ts";
import { ownRegion } from "../../domain/vantage-point.ts";
import { emptySeries, insert, type Series } from "../../domain/verdict.ts";
import type { CatalogMonitor } from "./catalog.ts";
import { thresholdsOf, timingOf } from "./pace.ts";
import type { MonitorState } from "./state.ts";

/** `no_data`: nobody could say; what was decided stands. */
export type OwnWord = { readonly outcome: "pass" | "fail" | "no_data"; readonly detail: string; readonly warning?: string | null };

/** True: the judgement is another one now. */
export function speak(state: MonitorState, monitor: CatalogMonitor, word: OwnWord, quorum: QuorumSettings, now: number): boolean {
  const timing = timingOf(monitor, now);
  const before = behind(state.series[ownRegion] ?? emptySeries, now);
  const result = { tick: now, ...word, colo: "local", latencyMs: null, warning: word.warning ?? null };
  const series = insert(before, result, thresholdsOf(monitor), now, timing.timeoutMs, timing.delayMs);
  state.series[ownRegion] = series;
  const { judgement } = state;
  state.judgement = judge(judgement, votesOf([[ownRegion, series]], timing), quorum);
  return state.judgement.state !== judgement.state;
}

/** All of it lies before now: a clock that was set back, or two words in one millisecond, must not make the newest an old one. */
export function behind(series: Series, now: number): Series {
  const { window } = series;
  const newest = window.at(-1);
  if (newest === undefined || newest.tick < now) return series;
  return { ...series, window: window.map((entry, index) => ({ ...entry, tick: Math.min(entry.tick, now - window.length + index) })) };
}
