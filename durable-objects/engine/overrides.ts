/**
 * What people say of members and pools, in a project: which override decides, when one begins, what is said before it ends, and what one would
 * do if it began now (engine.md, rule 8). Whether it holds at a time is the domain's; expiry needs no event to be true.
 */
import type { Gslb } from "../../domain/gslb.ts";
import { limits } from "../../domain/limits.ts";
import type { Member } from "../../domain/member.ts";
import { deciding, isInForce, isMeant, type Override } from "../../domain/override.ts";
import { type PoolHealth, poolHealth } from "../../domain/pool-health.ts";
import type { Impact, Preflight } from "../rpc.ts";
import { candidatesOf, rulesOf } from "./pools.ts";
import type { Project } from "./project.ts";
import { newOverrideState } from "./state.ts";
import { steeringOf } from "./steer-gslb.ts";

/** What is only thought of: an override more, or one less. */
export type Thought = { readonly also?: Override; readonly without?: string };

/** The override that decides for a member now. */
export function overrideOf(project: Project, member: Member, now: number, thought: Thought = {}): Override | null {
  const { also, without } = thought;
  const known = project.catalog.overridesOf(member);
  if (known.length === 0 && also === undefined) return null;
  const stands = (one: Override) => one.id !== without && project.overrides.get(one.id)?.begun === true && isInForce(one, now);
  const standing = known.filter((one) => stands(one) && isMeant(one, member));
  return deciding(also !== undefined && isMeant(also, member) ? [...standing, also] : standing);
}

/**
 * Brings an override to where it should be at this time, and says so. `adopted`: an Engine before this one had it, and knew whether it was to
 * begin.
 */
export function lookAtOverride(project: Project, id: string, now: number, adopted = false): void {
  const one = project.catalog.overrides.get(id);
  if (one === undefined) return;
  const was = project.overrides.get(id) ?? newOverrideState();
  const starts = one.starts_at === null ? 0 : Date.parse(one.starts_at);
  const ends = one.expires_at === null ? null : Date.parse(one.expires_at);
  const forgetAt = ends === null ? Number.POSITIVE_INFINITY : ends + limits.overrideForgetMs;
  if (forgetAt <= now) {
    forget(project, one);
    return;
  }
  const isOver = one.ended !== null || was.refused || (ends !== null && ends <= now);
  let state = was;
  // One that had begun when it was made was looked at by whoever made it.
  const agreed = adopted || starts <= Date.parse(one.created_at);
  if (!state.begun && !isOver && starts <= now) state = agreed ? { ...newOverrideState(), begun: true } : begin(project, one, now);
  if (state.begun && ends !== null && one.ended === null) {
    const notice = ends - limits.overrideNoticeMs;
    if (!state.announced && notice <= now && ends > now) {
      state = { ...state, announced: true };
      // One that is shorter than the notice was announced by whoever made it.
      if (Math.max(starts, Date.parse(one.created_at)) < notice) say(project, one, now, "override", `ends at ${one.expires_at}`);
    }
    if (!state.expirySaid && ends <= now) {
      state = { ...state, expirySaid: true };
      say(project, one, now, "override_expired", "has expired");
    }
  }
  const applied = state.begun && isInForce(one, now);
  if (applied !== state.applied) {
    state = { ...state, applied };
    project.cause = "operator";
    for (const pool of poolsOf(project, one)) project.poolMoved(pool);
  }
  if (state !== was || !project.overrides.has(id)) {
    project.overrides.set(id, state);
    project.touched.overrides.add(id);
  }
  const times = [starts, ...(ends === null ? [] : [ends - limits.overrideNoticeMs, ends, forgetAt])].filter((at) => at > now);
  project.timers.set(`override ${id}`, times.length === 0 ? null : Math.min(...times));
}

/** Nobody else tells that one which ended long ago is gone. */
function forget(project: Project, one: Override): void {
  project.overrides.delete(one.id);
  project.catalog.forgetOverride(one.id);
  project.touched.overrides.add(one.id);
  project.timers.set(`override ${one.id}`, null);
}

/** One that was to begin later is looked at again at its time: what it would do may have changed since somebody agreed to it. */
function begin(project: Project, one: Override, now: number) {
  const bad = one.force
    ? []
    : preflight(project, one, now).impact.filter(({ verdict }) => verdict === "below_min_healthy" || verdict === "would_empty");
  if (bad.length > 0) {
    const names = bad.map(({ fqdn, verdict }) => `${fqdn}: ${verdict}`).join(", ");
    say(project, one, now, "override", `is not begun, since too little would be left (${names})`, "critical");
    project.endOverride(one.id, `not begun at ${one.starts_at}: ${names}`);
    return { ...newOverrideState(), refused: true };
  }
  say(project, one, now, "override", "begins");
  return { ...newOverrideState(), begun: true };
}

function say(
  project: Project,
  one: Override,
  now: number,
  kind: "override" | "override_expired",
  what: string,
  severity: "info" | "critical" = "info",
): void {
  const { member_id = null, pool_id = null } = one.selector;
  const { starts_at, expires_at, force } = one;
  const name = project.catalog.members.get(member_id ?? "")?.name ?? project.catalog.pools.get(pool_id ?? "")?.name ?? "";
  project.say(now, {
    kind,
    severity,
    pool_id: pool_id ?? project.catalog.members.get(member_id ?? "")?.pool_id ?? null,
    member_id,
    by: null,
    to: one.state,
    rule: "override",
    reason: `the override ${one.state} of ${name} ${what}${one.reason === null ? "" : ` (${one.reason})`}`,
    evidence: { override_id: one.id, selector: one.selector, state: one.state, starts_at, expires_at, force },
  });
}

/** The pools whose members it means. */
export function poolsOf(project: Project, { selector: { member_id, pool_id } }: Override): readonly string[] {
  const pool = member_id === undefined ? pool_id : project.catalog.members.get(member_id)?.pool_id;
  return pool === undefined ? [] : [pool];
}

/** What it would do if it began now. */
export function preflight(project: Project, one: Override, now: number): Preflight {
  const pools = poolsOf(project, one);
  const matched = pools
    .flatMap((pool) => project.catalog.membersOf(pool))
    .filter((member) => isMeant(one, member))
    .map(({ id: member_id, pool_id, name }) => ({ pool_id, member_id, name }));
  const gslbs = new Set(pools.flatMap((pool) => project.catalog.gslbsOf(pool)));
  const healths = (thought: Thought) =>
    new Map(pools.map((pool) => [pool, poolHealth(candidatesOf(project, pool, now, thought), rulesOf(project, pool))]));
  // One that stands already is thought away first.
  const before = healths({ without: one.id });
  const after = healths({ without: one.id, also: one });
  const impact = [...gslbs].flatMap((id) => {
    const gslb = project.catalog.gslbs.get(id);
    return gslb === undefined || !gslb.admin_state_up ? [] : [impactOn(project, gslb, before, after, now)];
  });
  return { matched, impact };
}

type Healths = ReadonlyMap<string, PoolHealth>;

function impactOn(project: Project, gslb: Gslb, without: Healths, withIt: Healths, now: number): Impact {
  const nowHealth = (pool: string) => without.get(pool) ?? project.health(pool, now);
  const thenHealth = (pool: string) => withIt.get(pool) ?? project.health(pool, now);
  const before = steeringOf(project, gslb, now, nowHealth);
  const after = steeringOf(project, gslb, now, thenHealth);
  const pools = gslb.pool_ids.filter((pool) => project.catalog.pools.get(pool)?.admin_state_up === true);
  const healthy = (of: (pool: string) => PoolHealth) => pools.flatMap((pool) => of(pool).healthy);
  const capacity = (of: (pool: string) => PoolHealth) => healthy(of).reduce((sum, member) => sum + member.weight, 0);
  const enabled = (of: (pool: string) => PoolHealth) => pools.some((pool) => of(pool).enabled.length > 0);
  const whole = capacity(nowHealth);
  const left = capacity(thenHealth);
  const values = (steering: typeof before) => steering.answers.flatMap((answer) => answer.values);
  const empties = (after.outcome === "nothing" && before.outcome !== "nothing") || (enabled(nowHealth) && !enabled(thenHealth));
  return {
    gslb_id: gslb.id,
    fqdn: gslb.fqdn,
    before: values(before),
    // Where nothing may be served what is published stays.
    after: after.outcome === "nothing" ? values(before) : values(after),
    healthy_left: healthy(thenHealth).length,
    capacity_left_percent: whole === 0 ? (left === 0 ? 0 : 100) : Math.floor((100 * left) / whole),
    verdict: empties
      ? "would_empty"
      : before.outcome === "serve" && after.outcome !== "serve"
        ? "below_min_healthy"
        : left < whole || after.poolIds.join() !== before.poolIds.join()
          ? "degraded"
          : "ok",
  };
}
