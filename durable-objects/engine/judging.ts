/**
 * From observations to a member's status: the composition of the domain's rules over one member's endpoints and monitors. It changes the
 * member's state in place and says what changed; it knows no pools, no storage and no clock of its own.
 */
import { type Doubt, doubtOf } from "../../domain/confirmation.ts";
import { limits } from "../../domain/limits.ts";
import type { Member } from "../../domain/member.ts";
import { referencesOf } from "../../domain/monitor.ts";
import type { CheckReport, Observation } from "../../domain/observation.ts";
import { memberStatus } from "../../domain/pool-health.ts";
import { endpointState, hasSettled, judge, mayBeLate, newJudgement, type QuorumSettings, votesOf } from "../../domain/quorum.ts";
import type { Status } from "../../domain/status.ts";
import { emptySeries, insert, type Series, type Verdict } from "../../domain/verdict.ts";
import { calculateAnew } from "./calculated.ts";
import type { CatalogMonitor } from "./catalog.ts";
import { type OwnWord, speak } from "./own-voice.ts";
import { thresholdsOf, timingOf } from "./pace.ts";
import { type EndpointState, type MemberState, seriesOf } from "./state.ts";

export type Judged = {
  readonly member: Member;
  /** All that are run for it, and those of them that judge it. */
  readonly monitors: readonly CatalogMonitor[];
  readonly voters: readonly CatalogMonitor[];
  /** The regions that run a monitor for an endpoint. */
  readonly regionsOf: (monitor: CatalogMonitor, endpoint: string) => readonly string[];
  /** Why no region can; null: one can. */
  readonly unable: (monitor: CatalogMonitor, endpoint: string) => string | null;
  /** Why it is not known where it answers; null: it is. */
  readonly unresolved: string | null;
  readonly quorum: QuorumSettings;
  /** The regions whose checks of this endpoint are not believed (rule 3). */
  readonly sickFor: (endpoint: string) => ReadonlySet<string>;
  /** So many regions disagree that none of them can be believed: what was decided is held. */
  readonly blind: boolean;
  /** When the Engine started, Unix ms. */
  readonly startedAt: number;
};

/** What an observation did: nothing new; counted; or more than a count moved, so that it must be stored before it is acknowledged. */
export type Heard = {
  readonly counted: boolean;
  readonly significant: boolean;
  readonly endpointChanged: boolean;
  /** What is to be known of the endpoint beside its verdict may be another thing now. */
  readonly mayWarn: boolean;
  /** What every region should look at again at once. */
  readonly doubt: Doubt | null;
  readonly delayMs: number;
};

const nothing: Heard = { counted: false, significant: false, endpointChanged: false, mayWarn: false, doubt: null, delayMs: 0 };

export function observe(state: MemberState, judged: Judged, report: CheckReport, observation: Observation, now: number): Heard {
  // The names of endpoints are others' words: none of them may reach what every object has.
  const endpoint = Object.hasOwn(state.endpoints, observation.endpoint) ? state.endpoints[observation.endpoint] : undefined;
  const monitor = judged.monitors.find((candidate) => candidate.id === observation.monitor_id);
  const monitorState = endpoint?.monitors[observation.monitor_id];
  if (endpoint === undefined || monitor === undefined || monitorState === undefined) return nothing;
  if (observation.monitor_version !== monitor.judged_version || !monitor.admin_state_up) return nothing;
  const regions = judged.regionsOf(monitor, observation.endpoint);
  if (!regions.includes(report.region)) return nothing;

  if (isOfBefore(observation.tick, monitorState.judgement.startedAt, now)) return nothing;

  const timing = timingOf(monitor, now);
  const thresholds = thresholdsOf(monitor);
  const before = monitorState.series[report.region] ?? emptySeries;
  const result = {
    tick: observation.tick,
    outcome: observation.outcome,
    colo: report.colo,
    latencyMs: observation.latency_ms,
    detail: observation.detail,
    warning: observation.warning ?? null,
  };
  const series = insert(before, result, thresholds, now, timing.timeoutMs, timing.delayMs);
  if (series === before) return nothing;
  monitorState.series[report.region] = series;
  // A check that came to nothing is kept, so that its tick is known. It decides nothing, nor is it the occasion to.
  if (observation.outcome === "no_data") return { ...nothing, counted: true };

  const voted = monitorState.judgement;
  const voices = seriesOf(monitorState, regions);
  if (!judged.blind && !mayBeLate(voted, voices, timing, judged.startedAt, limits.checkpointMs))
    monitorState.judgement = judge(voted, votesOf(voices, timing, judged.sickFor(observation.endpoint)), judged.quorum);
  // While it is judged anew the last to speak may be what was waited for.
  if (voted.state !== monitorState.judgement.state || endpoint.rejudging)
    calculateAnew(endpoint, judged, observation.endpoint, monitor.id, now);
  const endpointChanged = combine(endpoint, judged, observation.endpoint, now);
  const warningChanged = before.warning !== series.warning;
  const significant = endpointChanged || warningChanged || voted !== monitorState.judgement || runMoved(before, series, thresholds);
  const fresh = series.window.at(-1)?.tick === observation.tick && monitor.confirm_delay < monitor.delay;
  return {
    counted: true,
    delayMs: timing.delayMs,
    doubt: fresh && decides(judged, monitor) ? doubtOf(monitorState.judgement.state, series.count) : null,
    significant,
    endpointChanged,
    mayWarn: significant && (before.warning ?? series.warning) !== null,
  };
}

/**
 * Whether a check was due before the counters started anew: it may have asked another target, or in another way. Two clocks may differ a
 * little, and a start that lies in the future is one that a clock made up.
 */
const isOfBefore = (tick: number, startedAt: number, now: number): boolean =>
  tick < startedAt - limits.clockBackMs && startedAt <= now + limits.tickAheadMs;

/**
 * The endpoint's state from its monitors'. True when it changed. A monitor that has said nothing yet is waited for, unless it is switched off
 * or was silent for as long as silence takes: it must not hold what the others say for ever.
 */
function combine(endpoint: EndpointState, judged: Judged, address: string, now: number): boolean {
  const was = endpoint.state;
  const said = judged.voters.map((monitor) => {
    const state = endpoint.monitors[monitor.id];
    const verdict = state?.judgement.state ?? "unknown";
    // Who has said something is not waited for, unless it is judged anew.
    if (verdict !== "unknown" && !endpoint.rejudging) return { verdict, settled: true };
    const settled =
      !monitor.admin_state_up ||
      (state !== undefined && hasSettled(state.judgement, seriesOf(state, judged.regionsOf(monitor, address)), timingOf(monitor, now)));
    return { verdict, settled };
  });
  const heard = said.filter(({ verdict, settled }) => verdict !== "unknown" || !settled);
  if (endpoint.rejudging) {
    if (heard.length === 0 || !said.every(({ settled }) => settled)) return false;
    endpoint.rejudging = false;
  }
  endpoint.state = endpointState(
    was,
    heard.map(({ verdict }) => verdict),
  );
  return endpoint.state !== was;
}

type Own = Pick<Heard, "significant" | "endpointChanged">;

/** What Kosmos itself finds of a monitor of its own. */
export function hearOwn(state: MemberState, judged: Judged, address: string, monitor: CatalogMonitor, word: OwnWord, now: number): Own {
  const endpoint = state.endpoints[address];
  const known = endpoint?.monitors[monitor.id];
  if (endpoint === undefined || known === undefined) return nothing;
  const moved = speak(known, monitor, word, judged.quorum, now);
  if (moved) calculateAnew(endpoint, judged, address, monitor.id, now);
  const endpointChanged = combine(endpoint, judged, address, now);
  return { significant: moved || endpointChanged, endpointChanged };
}

/** What comes of the other monitors now. */
export function calculateOwn(state: MemberState, judged: Judged, address: string, now: number): Own {
  const endpoint = state.endpoints[address];
  if (endpoint === undefined) return nothing;
  const moved = calculateAnew(endpoint, judged, address, null, now);
  const endpointChanged = moved && combine(endpoint, judged, address, now);
  return { significant: moved || endpointChanged, endpointChanged };
}

/** Whether anything that is decided leans on what the monitor says. */
export const decides = ({ voters }: Judged, monitor: CatalogMonitor): boolean =>
  voters.some((voter) => voter === monitor || referencesOf(voter).includes(monitor.id));

/** Whether a run that decides something moved; passes of what is up, and fails of what is down, are the steady state. */
function runMoved(before: Series, after: Series, thresholds: { maxRetries: number; rise: number }): boolean {
  return (
    before.count.verdict !== after.count.verdict ||
    before.returning !== after.returning ||
    Math.min(before.count.fails, thresholds.maxRetries) !== Math.min(after.count.fails, thresholds.maxRetries) ||
    Math.min(before.count.passes, thresholds.rise) !== Math.min(after.count.passes, thresholds.rise)
  );
}

/**
 * Starts the counters anew for a changed configuration, and keeps every verdict until the new series have one (rule 10). A new address is a
 * new endpoint; if it replaces the only one, the old one stays for a while.
 */
export function restart(state: MemberState, judged: Judged, fingerprint: string, now: number): void {
  const { member, monitors, voters } = judged;
  const anew = state.fingerprint !== fingerprint;
  const known = state.endpoints;
  const endpoints: Record<string, EndpointState> = {};
  for (const endpoint of member.endpoints) {
    const held = known[endpoint];
    if (held !== undefined && !anew) endpoints[endpoint] = held;
    // Who is only observed, or not even that, is up.
    else if (voters.length === 0) endpoints[endpoint] = { ...fresh("up", monitors, now), rejudging: false };
    else endpoints[endpoint] = fresh(held?.state ?? "unknown", monitors, now);
  }
  const [only] = Object.keys(known);
  const replaces = only !== undefined && Object.keys(known).length === 1 && member.endpoints.length === 1 && endpoints[only] === undefined;
  if (replaces && known[only]?.state === "up" && voters.length > 0)
    state.replaced = { endpoint: only, until: now + limits.replacedAddressMs };
  state.endpoints = endpoints;
  state.fingerprint = fingerprint;
}

function fresh(held: Verdict, monitors: readonly CatalogMonitor[], now: number): EndpointState {
  const states = monitors.map(
    (monitor) => [monitor.id, { version: monitor.judged_version, judgement: newJudgement(now), series: {}, beatAt: null }] as const,
  );
  return { state: held, rejudging: held !== "unknown", monitors: Object.fromEntries(states) };
}

/** Whether the address that was replaced still stands in for its successor. */
export function standIn(state: MemberState, now: number): string | null {
  if (state.replaced === null || state.replaced.until <= now) return null;
  return Object.values(state.endpoints).every((endpoint) => endpoint.state === "unknown") ? state.replaced.endpoint : null;
}

/** What a member's endpoints say of it: its status, but for what is no matter of health. */
export const healthOf = (state: MemberState): Status => state.health ?? state.status;

/** Where nobody knows where it answers, nothing is known of its health. */
export const nextHealth = (state: MemberState, member: Member): Status =>
  member.endpoints.length === 0
    ? healthOf(state)
    : memberStatus(
        healthOf(state),
        member.endpoints.map((endpoint) => state.endpoints[endpoint]?.state ?? "unknown"),
      );
