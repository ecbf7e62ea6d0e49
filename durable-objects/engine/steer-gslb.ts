/**
 * One GSLB's turn: wait for its first verdicts, steer, want a plan, say what its status is. The rules are the domain's; this is where a
 * project's state meets them.
 */

import { type Gslb, placeOf } from "../../domain/gslb.ts";
import { firstPublishWaitMs, gslbStatus } from "../../domain/gslb-status.ts";
import type { PlanPool } from "../../domain/plan.ts";
import { planPools } from "../../domain/plan-pools.ts";
import type { PoolHealth } from "../../domain/pool-health.ts";
import { isInSync, newPublication, type Publication, type Wanted, want, wantRemoved } from "../../domain/publish.ts";
import { type SteeredPool, type Steering, steer } from "../../domain/steering.ts";
import { severityOf } from "./evidence.ts";
import { healthOf } from "./judging.ts";
import { leadsBack } from "./loop.ts";
import { isHeldBack } from "./pools.ts";
import type { Project } from "./project.ts";
import { type GslbState, newGslb, publicationKey } from "./state.ts";

/** Steers a GSLB again. Returns the pools whose members' place in the rotation may have moved. */
export function steerGslb(project: Project, id: string, now: number): readonly string[] {
  const gslb = project.catalog.gslbs.get(id);
  if (gslb === undefined) return [];
  const state = project.gslbs.get(id) ?? newGslb(now);
  project.gslbs.set(id, state);
  project.touched.gslbs.add(id);
  openGate(project, gslb, state, now);

  const steering = steeringOf(project, gslb, now);
  const { poolIds: before } = state;
  let moved = false;
  if (state.gateOpen && gslb.admin_state_up && steering.outcome !== "nothing") {
    const wanted = wantedOf(gslb, steering);
    const flavors = [...gslb.flavors, ...leftBehind(project, gslb, state)];
    const withPools = flavors.some((flavor) => project.backends.carriesPools(flavor))
      ? { ...wanted, pools: poolsFor(project, gslb, steering, now) }
      : wanted;
    for (const flavor of flavors) {
      const next = wantAt(project, gslb, flavor, project.backends.carriesPools(flavor) ? withPools : wanted, now);
      if (next === null) continue;
      const decision = { number: next.number, reason: steering.reason, cause: project.cause, steps: steering.steps };
      state.decisions = { ...state.decisions, [flavor]: decision };
    }
    sayAllDown(project, gslb, state, steering, now);
    moved = steering.memberIds.join() !== state.memberIds.join() || steering.poolIds.join() !== state.poolIds.join();
    remember(project, gslb, state, steering, now);
  }
  const publications = gslb.flavors.map((flavor) => publicationAt(project, gslb, flavor));
  if (publications.every(isInSync)) giveUp(project, gslb, state);
  project.timers.set(`gslb ${id}`, nextLook(project, id, now));

  const pools = gslb.pool_ids.flatMap((poolId) => {
    const pool = project.catalog.pools.get(poolId);
    const status = project.pools.get(poolId)?.status ?? "PENDING";
    const { weight, locations } = placeOf(gslb, poolId);
    return pool === undefined ? [] : [{ id: poolId, name: pool.name, adminStateUp: pool.admin_state_up, weight, locations, status }];
  });
  const own = publications.map((publication) => ownPart(publication, gslb));
  const situation = { steering, judgedNothing: !anyJudged(project, gslb), publications: own, pools };
  const { status, reason } = gslbStatus(state.status, { ...situation, policy: gslb.steering_policy });
  if (status !== state.status) {
    const evidence = { outcome: steering.outcome, pool_ids: steering.poolIds, steps: steering.steps };
    const from = state.status;
    project.say(now, {
      kind: "gslb_status",
      severity: severityOf("gslb", status),
      gslb_id: id,
      from,
      to: status,
      rule: "steering",
      reason,
      evidence,
    });
    Object.assign(state, { status, since: now });
  }
  state.reason = reason;
  if (state.reported !== status) {
    state.reported = status;
    project.report({ kind: "gslb", id, status });
  }
  const held = !gslb.admin_state_up || publications.every((one) => isInSync(one) || one.wanted === null);
  const waiting = !state.gateOpen && state.readySince !== null;
  if (held && !waiting && state.settledVersion !== gslb.version) {
    state.settledVersion = gslb.version;
    project.settled("gslb", id, gslb.version);
  }
  return moved ? [...new Set([...before, ...steering.poolIds, ...gslb.pool_ids])] : [];
}

const publicationAt = (project: Project, { id, fqdn, domain_name }: Gslb, flavor: string): Publication =>
  project.publications.get(publicationKey(flavor, fqdn)) ?? newPublication(flavor, fqdn, domain_name, id);

function wantedOf({ ttl, steering_policy: policy }: Gslb, { outcome, answers, places }: Steering): Wanted {
  return { ttl, withdrawn: outcome === "withdraw", policy, answers, ...(places === undefined ? {} : { places }), pools: [] };
}

/** For providers with pools of their own. */
function poolsFor(project: Project, gslb: Gslb, steering: Steering, now: number): readonly PlanPool[] {
  const ids = new Set([...gslb.pool_ids, ...(gslb.fallback_pool_id === null ? [] : [gslb.fallback_pool_id])]);
  const pools = [...ids].flatMap((id) => steeredPool(project, gslb, id, now) ?? []);
  const membersOf = (id: string) => project.catalog.membersOf(id);
  return planPools(pools, steering, { policy: gslb.steering_policy, membersOf, ...namesOf(project, gslb) });
}

/** What host names come to, and which of them to nothing. */
const namesOf = (project: Project, { fqdn }: Gslb) => ({
  resolve: project.resolve,
  isLoop: (name: string) => leadsBack(project.catalog, name, fqdn),
});

/** Wants what was steered at one flavor: each has plans, and numbers, of its own. Null: that is what it wanted already. */
function wantAt(project: Project, gslb: Gslb, flavor: string, wanted: Wanted, now: number): Publication | null {
  const publication = publicationAt(project, gslb, flavor);
  const next = want(publication, gslb.id, gslb.domain_name, project.epoch, wanted, now, project.cause);
  if (next === publication) return null;
  project.publish(next);
  return next;
}

/** Flavors that it was taken from and that still serve it: the dead leave there too. */
const leftBehind = (project: Project, gslb: Gslb, { leaving }: GslbState): readonly string[] =>
  leaving.filter((flavor) => {
    const { gslbId, wanted } = publicationAt(project, gslb, flavor);
    return gslbId === gslb.id && wanted !== null && wanted !== "removed";
  });

/** Rule 20: what it was taken from lets it go, now that it is published wherever it shall be. */
function giveUp(project: Project, gslb: Gslb, state: GslbState): void {
  for (const flavor of leftBehind(project, gslb, state)) project.publish(wantRemoved(publicationAt(project, gslb, flavor)));
}

/** What a steering that is carried out leaves behind: where traffic is, who is served, whether it waits to be sent back. */
function remember(project: Project, gslb: Gslb, state: GslbState, steering: Steering, now: number): void {
  state.memberIds = steering.memberIds;
  state.poolIds = steering.poolIds;
  if (steering.outcome === "serve") state.lastKnown = gslb.on_all_down === "last_known" ? steering.served : [];
  const manual = gslb.failback === "manual" && gslb.steering_policy === "failover";
  const [first = null] = steering.poolIds;
  if (!manual) state.stayAt = null;
  else if (steering.outcome === "serve") state.stayAt = first;
  const pending = manual && steering.failbackPending;
  if (pending === state.failbackPending) return;
  state.failbackPending = pending;
  if (!pending) return;
  const reason = `${steering.reason}: failback is manual, and waits for POST /v0.1/gslbs/${gslb.id}/failback`;
  const evidence = { stays_at: first, steps: steering.steps };
  project.say(now, {
    kind: "failback",
    severity: "warning",
    gslb_id: gslb.id,
    pool_id: first,
    to: "pending",
    rule: "failback",
    reason,
    evidence,
  });
}

/** Lets traffic of a GSLB with manual failback go where the order says. Null: the GSLB is not known. */
export function sendBack(project: Project, id: string, by: string, now: number): "sent" | "automatic" | { readonly reason: string } | null {
  const gslb = project.catalog.gslbs.get(id);
  const state = project.gslbs.get(id);
  if (gslb === undefined || state === undefined) return null;
  if (gslb.failback !== "manual" || gslb.steering_policy !== "failover") return "automatic";
  const from = state.stayAt;
  const there = from === null ? null : (project.catalog.pools.get(from)?.name ?? from);
  const steering = steeringOf(project, gslb, now, undefined, null);
  const [preferred] = steering.poolIds;
  if (steering.outcome !== "serve" || preferred === undefined) return { reason: `no pool is usable: ${steering.reason}` };
  if (preferred === from) {
    const [first] = gslb.pool_ids;
    return first === from ? "sent" : { reason: `no pool before ${there} can take the traffic: ${steering.reason}` };
  }
  if (from === null) return "sent";
  state.stayAt = null;
  const reason = `traffic is sent back from pool ${there}: ${steering.reason}`;
  const evidence = { steps: steering.steps };
  project.say(now, {
    kind: "failback",
    severity: "info",
    gslb_id: id,
    pool_id: preferred,
    from,
    to: preferred,
    by,
    rule: "failback",
    reason,
    evidence,
  });
  return "sent";
}

/** What a predecessor of the same name left there says nothing of this GSLB. */
function ownPart(publication: Publication, gslb: Gslb): Publication {
  if (publication.gslbId !== gslb.id) return newPublication(publication.flavor, gslb.fqdn, gslb.domain_name, gslb.id);
  return publication.live === null || publication.live.plan.gslb_id === gslb.id ? publication : { ...publication, live: null };
}

/** The time at which the gate opens by itself; null: it is open, or has not begun to wait. */
function gateEnd(project: Project, id: string): number | null {
  const gslb = project.catalog.gslbs.get(id);
  const state = project.gslbs.get(id);
  if (gslb === undefined || state === undefined || state.gateOpen || state.readySince === null) return null;
  const monitors = new Set(gslb.pool_ids.flatMap((pool) => monitorsIn(project, pool)));
  return state.readySince + firstPublishWaitMs([...monitors]);
}

/** When a gate is to be looked at again. One that is over and still closed waits for votes, not for time: results and the regular alarm look. */
export function nextLook(project: Project, id: string, now: number): number | null {
  const end = gateEnd(project, id);
  return end !== null && end <= now && project.gslbs.get(id)?.adopted === true ? null : end;
}

/** The monitors of a pool's members; those that are inherited are looked up once, since this is asked for each of thousands of results. */
function monitorsIn(project: Project, poolId: string) {
  const members = project.catalog.membersOf(poolId);
  const heir = members.find((member) => member.monitor_ids.length === 0);
  const others = members.filter((member) => member.monitor_ids.length > 0);
  return [...(heir === undefined ? [] : [heir]), ...others].flatMap((member) => project.catalog.monitorsOf(member));
}

/** Rule 9: the first plan waits until every member is judged, or for so long that waiting would be the greater harm. */
function openGate(project: Project, gslb: Gslb, state: GslbState, now: number): void {
  if (state.gateOpen) return;
  const members = gslb.pool_ids.flatMap((pool) => project.catalog.membersOf(pool));
  if (members.length === 0) {
    // It waits for nothing: a gate that cannot open must not be looked at again and again.
    state.readySince = null;
    return;
  }
  // No later than now, whatever the clock said when it began to wait.
  state.readySince = Math.min(state.readySince ?? now, now);
  const judged = members.filter((member) => {
    const known = project.members.get(member.id);
    if (known === undefined || known.status === "PENDING") return false;
    return !state.adopted || Object.values(known.endpoints).every((endpoint) => !endpoint.rejudging);
  });
  const end = gateEnd(project, gslb.id);
  // Time alone never overrules what an Engine without state found: somebody must have voted anew.
  const patienceOver = end !== null && now >= end && !(state.adopted && judged.length === 0);
  if (judged.length < members.length && !patienceOver) return;
  state.gateOpen = true;
  state.adopted = false;
}

type HealthOf = (poolId: string) => PoolHealth;
const healthNow =
  (project: Project, now: number): HealthOf =>
  (pool) =>
    project.health(pool, now);

/** Null: there is no such pool. */
function steeredPool(project: Project, gslb: Gslb, id: string, now: number, healthOf = healthNow(project, now)): SteeredPool | null {
  const pool = project.catalog.pools.get(id);
  if (pool === undefined) return null;
  const { name, admin_state_up: adminStateUp } = pool;
  return { id, name, adminStateUp, ...placeOf(gslb, id), heldBack: isHeldBack(project, id, now), health: healthOf(id) };
}

/** What the present state comes to. `healthOf`: how the pools are, or would be. */
export function steeringOf(
  project: Project,
  gslb: Gslb,
  now: number,
  healthOf: HealthOf = healthNow(project, now),
  /** Where traffic stays under manual failback; left out: where it went. */
  stayAt: string | null | undefined = undefined,
): Steering {
  const state = project.gslbs.get(gslb.id);
  const steered = (id: string) => steeredPool(project, gslb, id, now, healthOf);
  return steer(
    gslb.pool_ids.flatMap((id) => steered(id) ?? []),
    {
      fqdn: gslb.fqdn,
      zone: gslb.domain_name,
      ttl: gslb.ttl,
      policy: gslb.steering_policy,
      maxAnswers: gslb.max_answers,
      onAllDown: gslb.on_all_down,
      fallback: gslb.fallback_pool_id === null ? null : steered(gslb.fallback_pool_id),
      lastKnown: state?.lastKnown ?? [],
      stayAt: gslb.failback !== "manual" ? null : stayAt === undefined ? (state?.stayAt ?? null) : stayAt,
      nothingJudged: !anyJudged(project, gslb),
      alias: gslb.flavors.every((flavor) => project.backends.holdsAlias(flavor)),
      ...namesOf(project, gslb),
    },
  );
}

const anyJudged = (project: Project, gslb: Gslb): boolean =>
  gslb.pool_ids.some((pool) =>
    project.catalog.membersOf(pool).some((member) => {
      const state = project.members.get(member.id);
      return state !== undefined && healthOf(state) !== "PENDING";
    }),
  );

function sayAllDown(project: Project, gslb: Gslb, state: GslbState, steering: Steering, now: number): void {
  const allDown = steering.outcome !== "serve" && anyJudged(project, gslb);
  const wasAllDown = state.outcome !== null && state.outcome !== "serve";
  // Of what nobody judged it is not known whether it is down: that is told when it is.
  state.outcome = allDown || steering.outcome === "serve" ? steering.outcome : null;
  if (!allDown || wasAllDown) return;
  const evidence = { on_all_down: gslb.on_all_down, steps: steering.steps };
  project.say(now, {
    kind: "all_down",
    severity: "critical",
    gslb_id: gslb.id,
    flavor: gslb.flavor,
    rule: "on_all_down",
    reason: steering.reason,
    evidence,
  });
}
