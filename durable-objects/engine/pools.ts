/**
 * A project's pools: their members as the rules see them, their count, what the history says of a change, and what the Conductor is told. The
 * rules are the domain's (`pool-health.ts`); this is where a project's state meets them.
 */
import { comeBack, fall, heldUntil } from "../../domain/damping.ts";
import { isNeutron, type Member } from "../../domain/member.ts";
import { type Candidate, type PoolHealth, type PoolRules, poolStatus } from "../../domain/pool-health.ts";
import type { Status } from "../../domain/status.ts";
import { isoTime, severityOf } from "./evidence.ts";
import { healthOf, standIn } from "./judging.ts";
import { overrideOf, type Thought } from "./overrides.ts";
import type { Project } from "./project.ts";
import { type MemberState, newPool, type PoolState } from "./state.ts";

export function candidatesOf(project: Project, poolId: string, now: number, thought: Thought = {}): Candidate[] {
  const delayMs = failbackMs(project, poolId);
  return project.catalog.membersOf(poolId).map((member) => {
    const state = project.members.get(member.id);
    const up = member.endpoints.filter((endpoint) => state?.endpoints[endpoint]?.state === "up");
    const old = up.length === 0 && state !== undefined ? standIn(state, now) : null;
    return {
      id: member.id,
      status: state === undefined ? "PENDING" : countedAs(state),
      adminStateUp: member.admin_state_up,
      weight: member.weight,
      region: member.region,
      judged: state !== undefined && healthOf(state) !== "PENDING",
      up: old === null ? up : [old],
      all: old === null ? member.endpoints : [old],
      override: overrideOf(project, member, now, thought)?.state ?? null,
      heldBack: state !== undefined && !state.yielded && heldUntil(state.damping, delayMs, now) !== null,
      fellAt: state?.damping.fellAt ?? null,
      released: state?.released ?? false,
    };
  });
}

/** Whom nobody can check stands by what was decided last; with such a one, or one that is warned of, a pool is not whole. */
function countedAs(state: MemberState): Status {
  const health = healthOf(state);
  return health === "ACTIVE" && state.status !== "ACTIVE" ? "DEGRADED" : health;
}

export function rulesOf(project: Project, poolId: string): PoolRules {
  const pool = project.catalog.pools.get(poolId);
  return {
    minHealthyPercent: pool?.min_healthy_percent ?? 0,
    panicPercent: pool?.panic_percent ?? 0,
    maxRemovalPercent: pool?.max_removal_percent ?? 100,
  };
}

/** The pool's `failback_delay`. */
export const failbackMs = (project: Project, poolId: string): number => (project.catalog.pools.get(poolId)?.failback_delay ?? 0) * 1_000;

/** Whether the pool became usable only lately, and is not preferred yet. */
export const isHeldBack = (project: Project, poolId: string, now: number): boolean => {
  const state = project.pools.get(poolId);
  return state !== undefined && heldUntil(state.damping, failbackMs(project, poolId), now) !== null;
};

/** Counts a pool whose members moved. */
export function countPool(project: Project, id: string, now: number): void {
  const state = project.pools.get(id) ?? newPool(now);
  project.pools.set(id, state);
  project.touched.pools.add(id);
  keepYielded(project, id, state, now);
  const health = project.health(id, now);
  const numbers = { enabled: health.enabled.length, healthy: health.healthy.length, needed: health.needed };
  state.reason = reasonOf(health);
  const status = poolStatus(state.status, health, project.catalog.membersOf(id).length);
  if (health.usable !== state.usable) {
    // What people changed is no flap.
    if (!health.usable && project.cause === "automatic") state.damping = fall(state.damping, now);
    if (health.usable) state.damping = comeBack(state.damping, now);
    state.usable = health.usable;
  }
  if (status !== state.status) {
    const from = state.status;
    // What people do on purpose pages nobody.
    const severity = project.cause === "operator" && status === "DOWN" ? "warning" : severityOf("pool", status);
    const heldUntilMs = heldUntil(state.damping, failbackMs(project, id), now);
    const held = heldUntilMs === null ? {} : { held_until: isoTime(heldUntilMs) };
    project.say(now, {
      kind: "pool_status",
      severity,
      pool_id: id,
      from,
      to: status,
      rule: "usable",
      reason: state.reason,
      evidence: { ...numbers, drained: health.drained, held_back: health.waiting.length, ...held },
    });
    Object.assign(state, { status, since: now });
  }
  if (health.panic !== state.panic) {
    const panic_percent = rulesOf(project, id).panicPercent;
    const reason = health.panic
      ? `${state.reason}: under ${panic_percent} % healthy, the test is suspected and all are served`
      : `${state.reason}: not under ${panic_percent} % any more, or not usable`;
    project.say(now, {
      kind: "panic",
      severity: health.panic ? "critical" : "info",
      pool_id: id,
      from: String(state.panic),
      to: String(health.panic),
      rule: "panic",
      reason,
      evidence: { ...numbers, panic_percent, serving: health.serving.map(({ member }) => member.id) },
    });
    state.panic = health.panic;
  }
  project.timers.set(`pool ${id}`, heldUntil(state.damping, failbackMs(project, id), now));
}

/** Who was let in for want of others stays in when they are back: to take it out again would be a removal for nothing. */
function keepYielded(project: Project, id: string, state: PoolState, now: number): void {
  const health = project.health(id, now);
  if (state.yielded.length + health.yielded.length === 0) return;
  const served = new Set(health.serving.map(({ member }) => member.id));
  for (const memberId of state.yielded) {
    const member = project.members.get(memberId);
    if (served.has(memberId) || member === undefined || member.status === "DOWN") continue;
    member.yielded = true;
    project.touched.members.add(memberId);
    project.recount(id);
  }
  state.yielded = project.health(id, now).yielded.map((member) => member.id);
}

function reasonOf(health: PoolHealth): string {
  const parts = [
    ...(health.yielded.length > 0 ? [`${health.yielded.length} held back and served all the same, since the pool needs them`] : []),
    ...(health.waiting.length > 0 ? [`${health.waiting.length} held back`] : []),
    ...(health.drained > 0 ? [`${health.drained} drained`] : []),
  ];
  const numbers = `${health.healthy.length} of ${health.enabled.length} enabled members healthy, ${health.needed} needed`;
  return [numbers, ...parts].join("; ");
}

/** Says which members the removal budget keeps in: only of a pool that traffic goes to, since else nobody is kept anywhere. */
function sayHeld(project: Project, id: string, state: PoolState, now: number): void {
  const health = project.health(id, now);
  const picked = project.catalog.gslbsOf(id).some((gslb) => project.gslbs.get(gslb)?.poolIds.includes(id) === true);
  const held = picked ? health.held.map((member) => member.id) : [];
  if (held.join() === state.held.join()) return;
  const admitted = project.catalog.membersOf(id).filter((member) => member.admin_state_up).length;
  const { maxRemovalPercent: max_removal_percent } = rulesOf(project, id);
  const served = new Set(health.serving.map(({ member }) => member.id));
  const evidence = {
    max_removal_percent,
    members: admitted,
    budget: health.budget,
    held,
    out: health.enabled.filter((member) => !served.has(member.id)).map((member) => member.id),
  };
  const grew = held.length > state.held.length;
  const reason =
    held.length === 0
      ? "nobody is held by the removal budget any more"
      : `automation may keep out ${health.budget} of ${admitted} members (${max_removal_percent} %): ${held.length} that fail are served all the same`;
  project.say(now, {
    kind: "held",
    severity: grew ? "critical" : "info",
    pool_id: id,
    from: String(state.held.length),
    to: String(held.length),
    rule: "removal_budget",
    reason,
    evidence,
  });
  state.held = held;
  project.touched.pools.add(id);
}

/** Tells the Conductor what it does not know yet of a pool and its members. */
export function reportPool(project: Project, id: string, now: number): void {
  const state = project.pools.get(id);
  if (state === undefined || !project.catalog.pools.has(id)) return;
  sayHeld(project, id, state, now);
  if (state.reported !== state.status) {
    state.reported = state.status;
    project.touched.pools.add(id);
    project.report({ kind: "pool", id, status: state.status });
  }
  const health = project.health(id, now);
  const inRotation = new Set(health.healthy.map((member) => member.id));
  for (const gslb of project.catalog.gslbsOf(id)) for (const member of project.gslbs.get(gslb)?.memberIds ?? []) inRotation.add(member);
  for (const member of project.catalog.membersOf(id)) reportMember(project, member, inRotation.has(member.id));
}

function reportMember(project: Project, member: Member, inRotation: boolean): void {
  const state = project.members.get(member.id);
  if (state === undefined) return;
  const reported = `${state.status} ${inRotation}`;
  if (state.reported === reported) return;
  state.reported = reported;
  project.touched.members.add(member.id);
  const { status } = state;
  const found = isNeutron(member) && member.endpoints.length > 0 ? { endpoints: member.endpoints } : {};
  project.report({ kind: "pool_member", id: member.id, status, in_rotation: inRotation, ...found });
}

/** Lets go what the removal budget holds in this pool, until each was up again. False: there is nobody to let go. */
export function releasePool(project: Project, id: string, by: string, now: number): boolean {
  const held = project.pools.get(id)?.held ?? [];
  for (const member of held) {
    const known = project.members.get(member);
    if (known === undefined) continue;
    known.released = true;
    project.touched.members.add(member);
  }
  if (held.length === 0) return false;
  const reason = `members that the removal budget held are let go: ${held.length}`;
  project.say(now, {
    kind: "released",
    severity: "warning",
    pool_id: id,
    by,
    rule: "removal_budget",
    reason,
    evidence: { released: held },
  });
  project.poolMoved(id);
  return true;
}
