/**
 * CALCULATED monitors: judged by Kosmos from what other monitors say of the same endpoint. Only what is decided now counts: a monitor that is
 * held for want of votes abstains, and without it nothing is said unless the outcome is certain either way.
 */
import { z } from "zod";
import { limits } from "../../domain/limits.ts";
import { hasSettled, votesNeeded, votesOf } from "../../domain/quorum.ts";
import { ownRegion } from "../../domain/vantage-point.ts";
import type { Verdict } from "../../domain/verdict.ts";
import type { CatalogMonitor } from "./catalog.ts";
import type { Judged } from "./judging.ts";
import { type OwnWord, speak } from "./own-voice.ts";
import { isCalculated, isPassive, timingOf } from "./pace.ts";
import { type EndpointState, seriesOf } from "./state.ts";

const calculated = z.object({ monitor_ids: z.array(z.string()).readonly(), at_least: z.int(), invert: z.boolean() });
export type Calculated = z.output<typeof calculated>;

/** What the named monitors come to; null: it depends on those that abstain. */
export function calculate({ at_least, invert }: Calculated, said: readonly Verdict[]): OwnWord | null {
  const up = said.filter((verdict) => verdict === "up").length;
  const unknown = said.filter((verdict) => verdict === "unknown").length;
  const enough = up >= at_least;
  if (!enough && up + unknown >= at_least) return null;
  const detail = `${up} of ${said.length} monitors are up, ${invert ? "fewer than" : "at least"} ${at_least} must be`;
  return { outcome: enough === invert ? "fail" : "pass", detail };
}

/** What is said already is said again when it is so old: well before silence, which is two checkpoints. */
const repeatMs = limits.checkpointMs / 4;

/** Judges the calculated monitors of an endpoint anew, those alone that name `because` unless that is null. True: one is another than it was. */
export function calculateAnew(endpoint: EndpointState, judged: Judged, address: string, because: string | null, now: number): boolean {
  let moved = false;
  for (const monitor of judged.monitors) {
    if (!isCalculated(monitor) || !monitor.admin_state_up) continue;
    const settings = calculated.parse(monitor);
    const state = endpoint.monitors[monitor.id];
    if (state === undefined || (because !== null && !settings.monitor_ids.includes(because))) continue;
    const said = settings.monitor_ids.map((id) => wordOf(endpoint, judged, address, id, now));
    const word = calculate(settings, said);
    if (word === null) continue;
    const known = state.series[ownRegion];
    const isSaid = known?.count.verdict === (word.outcome === "pass" ? "up" : "down");
    const age = now - (known?.freshAt ?? 0);
    if (isSaid && known?.detail === word.detail && age >= 0 && age < repeatMs) continue;
    moved = speak(state, monitor, word, judged.quorum, now) || moved;
  }
  return moved;
}

/** What a monitor has decided of the endpoint, and stands by now. */
function wordOf(endpoint: EndpointState, judged: Judged, address: string, id: string, now: number): Verdict {
  const monitor = judged.monitors.find((candidate: CatalogMonitor) => candidate.id === id);
  const state = endpoint.monitors[id];
  if (monitor === undefined || state === undefined || !monitor.admin_state_up) return "unknown";
  // So many regions disagree that what was decided is held.
  if (judged.blind && !isPassive(monitor)) return "unknown";
  const voices = seriesOf(state, judged.regionsOf(monitor, address));
  const timing = timingOf(monitor, now);
  const votes = votesOf(voices, timing, judged.sickFor(address));
  const cast = votes.filter((vote) => vote.hasVote).length;
  if (cast < votesNeeded(votes.length, judged.quorum.minRegions)) return "unknown";
  // While it is judged anew the first to speak do not speak for all.
  return endpoint.rejudging && !hasSettled(state.judgement, voices, timing) ? "unknown" : state.judgement.state;
}
