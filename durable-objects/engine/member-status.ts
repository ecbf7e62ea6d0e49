/**
 * A member's status: from what its endpoints say, what is to be known beside that, and whether anybody can check it at all. A change is told in
 * the history; what follows for pools and GSLBs is theirs.
 */
import { heldUntil } from "../../domain/damping.ts";
import { nextStatus, type Status } from "../../domain/status.ts";
import { isoTime, memberReason, severityOf, votesFor } from "./evidence.ts";
import { fellOrRose, setMemberTimer } from "./holding.ts";
import { healthOf, type Judged, nextHealth, restart } from "./judging.ts";
import { failbackMs } from "./pools.ts";
import type { Project } from "./project.ts";
import { type MemberState, newMember } from "./state.ts";
import { isUnableInPart, lookForWarnings, unableToCheck } from "./warnings.ts";

/** The configuration may be another one: the counters start anew where it is. */
export function rejudge(project: Project, id: string, now: number): void {
  const judged = project.judged(id);
  if (judged === null) return;
  const fingerprint = project.catalog.fingerprintOf(judged.member);
  const state = project.members.get(id) ?? newMember(now, "");
  project.members.set(id, state);
  const known = Object.keys(state.endpoints);
  const same = known.length === judged.member.endpoints.length && known.every((endpoint) => judged.member.endpoints.includes(endpoint));
  // Most members of a pool that changed are as they were: they cost nothing. But one that nobody can run may have been switched on or off.
  if (!same || state.fingerprint !== fingerprint) {
    restart(state, judged, fingerprint, now);
    project.touched.members.add(id);
  } else if (state.status !== "ERROR" && !isUnableInPart(judged)) return;
  memberMoved(project, judged, state, now);
}

/** An endpoint of it changed, or what is known of it. */
export function memberMoved(project: Project, judged: Judged, state: MemberState, now: number): void {
  const { member, quorum } = judged;
  project.poolMoved(member.pool_id);
  project.touched.members.add(member.id);
  lookForWarnings(project, judged, state, now);
  const health = nextHealth(state, member);
  if (health !== healthOf(state)) fellOrRose(project, state, health, now);
  const from = state.status;
  const unable = unableToCheck(judged);
  const isWarned = health === "ACTIVE" && state.warning !== null;
  const status: Status = unable !== null ? "ERROR" : nextStatus(from, isWarned ? "DEGRADED" : health);
  state.health = status === health ? null : health;
  setMemberTimer(project, member.id, now);
  if (status === from) return;
  const votes = votesFor(state, judged, now);
  const reason = memberReason(state, status, votes, judged);
  Object.assign(state, { status, since: now, reason });
  const heldUntilMs = heldUntil(state.damping, failbackMs(project, member.pool_id), now);
  const held = heldUntilMs === null ? {} : { held_until: isoTime(heldUntilMs), penalty_seconds: state.damping.penaltyMs / 1_000 };
  const evidence = { quorum_percent: quorum.quorumPercent, min_regions: quorum.minRegions, ...held, votes };
  const ids = { pool_id: member.pool_id, member_id: member.id };
  const told = { kind: "member_status", severity: severityOf("member", status), ...ids, from, to: status, reason, evidence } as const;
  if (unable !== null) project.say(now, { ...told, rule: "capability" });
  else if (isWarned) project.say(now, { ...told, rule: "warning" });
  else project.say(now, { ...told, rule: "quorum" });
}
