/** What the status paths show, read from the Engine's state as it is now (api-shapes.md, "Status"). */

import { heldUntil } from "../../domain/damping.ts";
import type { Gslb } from "../../domain/gslb.ts";
import type { Member } from "../../domain/member.ts";
import { isInForce, overrideView } from "../../domain/override.ts";
import type { AnswerSet } from "../../domain/plan.ts";
import { holdReason, isInSync, type Publication } from "../../domain/publish.ts";
import type { Status } from "../../domain/status.ts";
import type {
  AnswerView,
  EndpointView,
  GslbView,
  MemberView,
  PoolView,
  ProjectView,
  PublishedView,
  RegionView,
} from "../../domain/status-view.ts";
import { version } from "../../domain/version.ts";
import { isOfVoter, isoTime, memberReason, type VoteEvidence, votesFor } from "./evidence.ts";
import { overrideOf } from "./overrides.ts";
import { failbackMs } from "./pools.ts";
import type { Project } from "./project.ts";
import { isStale, oldestResult, regionsWithoutVote, whyUnjudged } from "./silence.ts";
import { type MemberState, publicationKey } from "./state.ts";

const endpointStatus = { up: "ACTIVE", down: "DOWN", unknown: "PENDING" } as const;

export function memberView(project: Project, id: string, now: number): MemberView | null {
  const judged = project.judged(id);
  const state = project.members.get(id);
  if (judged === null || state === undefined) return null;
  const votes = votesFor(state, judged, now);
  const regions: RegionView[] = votes.map(({ no_vote_reason, ...vote }) => (no_vote_reason === null ? vote : { ...vote, no_vote_reason }));
  const times = regions.flatMap((region) => (region.at === null ? [] : [region.at])).sort();
  const isSpeaking =
    state.status === "PENDING" ||
    state.status === "ERROR" ||
    judged.voters.length === 0 ||
    votes.some((vote) => vote.has_vote && (state.status === "ACTIVE" || vote.verdict === "down" || vote.warning !== undefined));
  const rejudging = Object.values(state.endpoints).some((endpoint) => endpoint.rejudging);
  const isUnheard = rejudging && !votes.some((vote) => vote.has_vote);
  const inRotation = state.reported.endsWith(" true");
  const heldUntilMs = heldUntil(state.damping, failbackMs(project, judged.member.pool_id), now);
  const isBudgetHeld = project.pools.get(judged.member.pool_id)?.held.includes(id) === true;
  const override = overrideOf(project, judged.member, now);
  return {
    id,
    name: judged.member.name,
    status: state.status,
    in_rotation: inRotation,
    since: isoTime(state.since),
    checked_at: times.at(-1) ?? null,
    // What the regions say now; where none of them says anything, what decided.
    reason: isSpeaking ? memberReason(state, state.status, votes, judged) : isUnheard ? standingReason(state) : state.reason,
    stale: isStale(project, state, judged.member, now),
    rejudging,
    held: isBudgetHeld ? "budget" : heldUntilMs !== null && !inRotation ? "failback_delay" : null,
    held_until: isBudgetHeld || heldUntilMs === null || inRotation ? null : isoTime(heldUntilMs),
    safe_to_stop_at: safeToStopAt(project, judged.member),
    override: override === null ? null : overrideView(override),
    endpoints: judged.member.endpoints.map((endpoint) => endpointView(state, endpoint, votes)),
    regions,
  };
}

/** What was decided was decided by others, or by what they asked before. */
const standingReason = ({ status, reason }: MemberState): string =>
  `its monitors were not heard since they changed: ${status} stands, as decided before (${reason})`;

/**
 * When nobody asks for the member any more: it is in no answer that is live, or that may be, and the TTL of those before has passed. Null: not
 * yet.
 */
function safeToStopAt(project: Project, { pool_id, endpoints }: Member): string | null {
  const users = project.catalog.gslbsOf(pool_id).flatMap((id) => project.catalog.gslbs.get(id) ?? []);
  let safeAt: number | null = null;
  for (const publication of users.flatMap((gslb) => publishedFor(project, gslb))) {
    if (publication.wanted === null && publication.live === null) continue;
    // A write that is on its way, or that nobody heard the end of, may be live.
    if (!isInSync(publication) || publication.unsure) return null;
    const { live, cachedUntil } = publication;
    if (live?.plan.answers.some((answer) => answer.values.some((value) => endpoints.includes(value)))) return null;
    safeAt = Math.max(safeAt ?? 0, cachedUntil, live === null ? 0 : live.at + live.plan.ttl * 1_000);
  }
  return safeAt === null ? null : isoTime(safeAt);
}

/** What is known of its name at its flavors, and at those that it is leaving. */
function publishedFor(project: Project, { id, flavors, fqdn }: Gslb): readonly Publication[] {
  const leaving = project.gslbs.get(id)?.leaving ?? [];
  return [...flavors, ...leaving].flatMap((flavor) => project.publications.get(publicationKey(flavor, fqdn)) ?? []);
}

function endpointView(state: MemberState, endpoint: string, votes: readonly VoteEvidence[]): EndpointView {
  const own = votes.filter((vote) => vote.endpoint === endpoint && isOfVoter(vote));
  return {
    endpoint,
    status: endpointStatus[state.endpoints[endpoint]?.state ?? "unknown"],
    votes: {
      up: own.filter((vote) => vote.has_vote && vote.verdict === "up").length,
      down: own.filter((vote) => vote.has_vote && vote.verdict === "down").length,
      silent: own.filter((vote) => !vote.has_vote && vote.no_vote_reason !== "sick").length,
      excluded: own.filter((vote) => vote.no_vote_reason === "sick").map((vote) => vote.region),
    },
  };
}

export function poolView(project: Project, id: string, now: number): PoolView | null {
  const pool = project.catalog.pools.get(id);
  const state = project.pools.get(id);
  if (pool === undefined || state === undefined) return null;
  const health = project.health(id, now);
  const poolHeldUntil = heldUntil(state.damping, failbackMs(project, id), now);
  return {
    id,
    name: pool.name,
    status: state.status,
    usable: pool.admin_state_up && health.usable,
    panic: health.panic,
    held_until: poolHeldUntil === null ? null : isoTime(poolHeldUntil),
    since: isoTime(state.since),
    reason: pendingReason(project, state.status, state.reason, [id]),
    enabled: health.enabled.length,
    healthy: health.healthy.length,
    needed: health.needed,
    members: project.catalog.membersOf(id).flatMap((member) => memberView(project, member.id, now) ?? []),
  };
}

export function gslbView(project: Project, id: string, now: number): GslbView | null {
  const gslb = project.catalog.gslbs.get(id);
  const state = project.gslbs.get(id);
  if (gslb === undefined || state === undefined) return null;
  return {
    id,
    fqdn: gslb.fqdn,
    status: state.status,
    since: isoTime(state.since),
    reason: pendingReason(project, state.status, state.reason, gslb.pool_ids),
    frozen: false,
    failback_pending: state.failbackPending,
    pools: [...new Set([...gslb.pool_ids, ...(gslb.fallback_pool_id === null ? [] : [gslb.fallback_pool_id])])].flatMap(
      (pool) => poolView(project, pool, now) ?? [],
    ),
    published: [...gslb.flavors, ...state.leaving].flatMap((flavor) => publishedView(project, gslb, flavor) ?? []),
  };
}

/** Of what is not judged: also what its newest check came to, so that it is known what to mend. */
function pendingReason(project: Project, status: Status, reason: string, poolIds: readonly string[]): string {
  if (status !== "PENDING") return reason;
  const why = whyUnjudged(
    project,
    poolIds.flatMap((pool) => project.catalog.membersOf(pool)),
  );
  return why === null ? reason : `${reason}; ${why}`;
}

/** Null: the GSLB has left the flavor. */
function publishedView(project: Project, gslb: Gslb, flavor: string): PublishedView | null {
  const publication = project.publications.get(publicationKey(flavor, gslb.fqdn));
  const live = publication?.live ?? null;
  const isLeaving = !gslb.flavors.includes(flavor);
  if (isLeaving && live === null) return null;
  const error = publication?.lastError ?? null;
  const { hold, wanted } = publication ?? { hold: null, wanted: null };
  return {
    flavor,
    provider: project.backends.provider(flavor) ?? flavor,
    plan: live?.plan.number ?? null,
    decided_at: live === null ? null : isoTime(live.plan.decided_at),
    published_at: live === null ? null : isoTime(live.at),
    visible_at: null,
    in_sync: publication !== undefined && !isLeaving && isInSync(publication),
    last_error: hold === null ? (error?.detail ?? null) : holdReason(hold),
    next_retry_at: error === null || publication === undefined ? null : isoTime(publication.nextTryAt),
    answers: answersView(live?.plan.answers ?? []),
    would_publish: hold === null || wanted === null || wanted === "removed" ? null : answersView(wanted.answers),
  };
}

const answersView = (answers: readonly AnswerSet[]): readonly AnswerView[] => answers.map(({ geofence: _, ...answer }) => answer);

export function projectView(project: Project, now: number): ProjectView {
  const { catalog } = project;
  const gslbs = [...catalog.gslbs.values()].flatMap((gslb) => {
    const state = project.gslbs.get(gslb.id);
    return state === undefined ? [] : [{ gslb, state }];
  });
  const members = [...catalog.members.values()].flatMap((member) => {
    const state = project.members.get(member.id);
    return state === undefined ? [] : [{ member, state }];
  });
  const bad = (status: Status) => status !== "ACTIVE" && status !== "PENDING";
  const problems: ProjectView["problems"] = [
    ...gslbs
      .filter(({ state }) => bad(state.status))
      .map(({ gslb, state }) => ({
        severity: state.status === "DEGRADED" ? ("warning" as const) : ("critical" as const),
        kind: `gslb_${state.status.toLowerCase()}`,
        id: gslb.id,
        name: gslb.name,
        since: isoTime(state.since),
        reason: state.reason,
        link: `/v0.1/gslbs/${gslb.id}/status`,
      })),
    ...members
      .filter(({ state }) => bad(state.status))
      .map(({ member, state }) => ({
        severity: "warning" as const,
        kind: `member_${state.status.toLowerCase()}`,
        id: member.id,
        name: member.name,
        since: isoTime(state.since),
        reason: state.reason,
        link: `/v0.1/pools/${member.pool_id}/pool_members/${member.id}/status`,
      })),
  ];
  const inSync = (gslb: Gslb) => publishedFor(project, gslb).every((publication) => publication.wanted === null || isInSync(publication));
  const worst = (["ERROR", "DOWN", "DEGRADED"] as const).find((status) => gslbs.some(({ state }) => state.status === status));
  return {
    status:
      worst ??
      (members.some(({ state }) => bad(state.status))
        ? "DEGRADED"
        : gslbs.some(({ state }) => state.status === "ACTIVE")
          ? "ACTIVE"
          : "PENDING"),
    automation: "auto",
    blind: project.blind,
    gslbs: countBy(gslbs.map(({ state }) => state.status)),
    pool_members: countBy(members.map(({ state }) => state.status)),
    problems,
    overrides: [...catalog.overrides.values()].filter((one) => project.overrides.get(one.id)?.begun === true && isInForce(one, now)).length,
    held: [...project.pools.values()].reduce((sum, pool) => sum + pool.held.length, 0),
    out_of_sync: gslbs.filter(({ gslb }) => !inSync(gslb)).length,
    regions_without_vote: [...new Set([...regionsWithoutVote(project, now), ...project.vantage.regions()])].sort(),
    oldest_result_seconds: oldestResult(project, now),
    version,
  };
}

function countBy(statuses: readonly Status[]): Partial<Record<Status, number>> {
  const counts: Partial<Record<Status, number>> = {};
  for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
