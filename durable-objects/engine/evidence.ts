/** The words and numbers that a decision leaves behind: reasons for people, votes for the history (engine.md, rule 22). */
import type { HistoryEvent } from "../../domain/history.ts";
import { type Vote, votesNeeded, votesOf } from "../../domain/quorum.ts";
import type { Status } from "../../domain/status.ts";
import type { Verdict } from "../../domain/verdict.ts";
import type { Judged } from "./judging.ts";
import { timingOf } from "./pace.ts";
import { type MemberState, seriesOf } from "./state.ts";
import { unableToCheck } from "./warnings.ts";

export type VoteEvidence = {
  readonly region: string;
  readonly colo: string | null;
  readonly monitor_id: string;
  readonly monitor_version: number;
  readonly endpoint: string;
  readonly verdict: Verdict;
  readonly has_vote: boolean;
  /** Why it has none; null where it has. */
  readonly no_vote_reason: Vote["reason"] | "observe only" | "not attached";
  readonly failures: number;
  readonly successes: number;
  readonly at: string | null;
  readonly latency_ms: number | null;
  readonly detail: string | null;
  /** Left out: it warns of nothing. */
  readonly warning?: string;
};

export const isoTime = (at: number): string => new Date(at).toISOString();

/** What every region says of every endpoint of the member, in the order of monitors, endpoints and regions. */
export function votesFor(state: MemberState, judged: Judged, now: number): VoteEvidence[] {
  return judged.monitors.flatMap((monitor) =>
    judged.member.endpoints.flatMap((endpoint) => {
      const monitorState = state.endpoints[endpoint]?.monitors[monitor.id];
      const series = seriesOf(monitorState, judged.regionsOf(monitor, endpoint));
      const outside = judged.voters.includes(monitor) ? null : monitor.observe_only ? "observe only" : "not attached";
      return votesOf(series, timingOf(monitor, now), judged.sickFor(endpoint)).map((vote, index) => {
        const entry = series[index]?.[1];
        const newest = entry?.window.at(-1);
        return {
          region: vote.region,
          colo: entry?.colo ?? null,
          monitor_id: monitor.id,
          monitor_version: monitor.judged_version,
          endpoint,
          verdict: vote.verdict,
          has_vote: vote.hasVote && outside === null,
          no_vote_reason: outside ?? vote.reason,
          failures: entry?.count.fails ?? 0,
          successes: entry?.count.passes ?? 0,
          at: newest === undefined ? null : isoTime(newest.tick),
          latency_ms: entry?.latencyMs ?? null,
          detail: entry?.detail ?? null,
          ...(entry?.warning == null ? {} : { warning: entry.warning }),
        };
      });
    }),
  );
}

/** Whether it is the word of a monitor that judges the member, whether it is heard or not. */
export const isOfVoter = ({ no_vote_reason }: VoteEvidence): boolean =>
  no_vote_reason !== "observe only" && no_vote_reason !== "not attached";

/** One sentence: how many regions say what, and what they saw. */
export function memberReason(state: MemberState, status: Status, all: readonly VoteEvidence[], judged: Judged): string {
  const unable = unableToCheck(judged);
  if (unable !== null) return unable;
  if (judged.voters.length === 0)
    return judged.monitors.length === 0 ? "no monitor is attached" : "the monitors that are attached only observe";
  const votes = all.filter(isOfVoter);
  const voting = votes.filter((vote) => vote.has_vote);
  const down = voting.filter((vote) => vote.verdict === "down");
  const regions = new Set(votes.map((vote) => vote.region)).size;
  const voters = new Set(voting.map((vote) => vote.region)).size;
  if (status === "DEGRADED" && down.length === 0 && state.warning !== null) return state.warning;
  if (status === "DOWN" || status === "DEGRADED") {
    const details = [...new Set(down.map((vote) => vote.detail).filter((detail) => detail !== null))].slice(0, 3).join("; ");
    const places = [...new Set(down.map((vote) => vote.region))];
    const which = status === "DEGRADED" ? `${[...new Set(down.map((vote) => vote.endpoint))].join(", ")}: ` : "";
    return `${which}${places.length} of ${voters} regions report it down (quorum ${judged.quorum.quorumPercent} %): ${places.join(", ")}: ${details}`;
  }
  if (status === "PENDING" || status === "ERROR") {
    const seen = votes.find((vote) => vote.detail !== null && !vote.has_vote)?.detail;
    const why = seen === undefined ? "" : `; ${seen}`;
    return `not judged yet: ${voters} of the ${votesNeeded(regions, judged.quorum.minRegions)} votes needed${why}`;
  }
  const up = new Set(voting.filter((vote) => vote.verdict === "up").map((vote) => vote.region)).size;
  return `${up} of ${voters} regions report it up (down takes ${judged.quorum.quorumPercent} %)`;
}

export type EventDraft = Pick<HistoryEvent, "kind" | "severity" | "reason"> & Partial<HistoryEvent>;

/** A history event, with null where the draft says nothing. */
export function event(id: string, now: number, draft: EventDraft): HistoryEvent {
  return {
    gslb_id: null,
    pool_id: null,
    member_id: null,
    flavor: null,
    from: null,
    to: null,
    rule: null,
    by: null,
    plan: null,
    incident_id: null,
    request_id: null,
    evidence: {},
    ...draft,
    id,
    at: isoTime(now),
  };
}

/** How loud a change of status is. */
export function severityOf(kind: "member" | "pool" | "gslb", to: Status): HistoryEvent["severity"] {
  if (to === "ACTIVE" || to === "PENDING") return "info";
  if (to === "DEGRADED") return "warning";
  return kind === "member" ? "warning" : "critical";
}
