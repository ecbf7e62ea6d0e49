/**
 * What the answer should be once everything is calm, by the truth about the targets, the configuration and the overrides: a plain reading of
 * engine.md, rules 5 and 11 to 16, that shares no code with the Engine. Where the rules leave a choice to what happened before (whom the budget
 * holds, what was served last) it says what must be in the answer and what may be.
 */
import type { Gslb } from "../../domain/gslb.ts";
import type { Member } from "../../domain/member.ts";
import type { Override } from "../../domain/override.ts";
import type { Pool } from "../../domain/pool.ts";
import type { Tables } from "./conductor.ts";

export type Truth = {
  readonly tables: Tables;
  readonly now: number;
  isUp(endpoint: string, monitorId: string): boolean;
};

/** `values`: what is answered for each member; null: nothing can be said of it from here. */
export type Expected = {
  readonly empty: boolean;
  /** Values that must be there, before `max_answers` cuts. */
  readonly must: ReadonlySet<string>;
  /** Values of which exactly `extra` members' may be there too. */
  readonly may: ReadonlySet<string>;
};

type Person = { readonly member: Member; readonly override: string | null; readonly up: readonly string[]; readonly sound: boolean };
type PoolTruth = {
  readonly pool: Pool;
  readonly enabled: readonly Person[];
  readonly healthy: readonly Person[];
  readonly servable: readonly Person[];
  readonly lastResort: boolean;
  readonly usable: boolean;
  readonly panic: boolean;
  /** How many of those that fail are served because the budget does not let them go. */
  readonly heldAtMost: number;
  readonly failing: readonly Person[];
};

/** Null: it depends on what was before (`last_known`), or the GSLB has nothing to answer with and keeps what it had. */
export function expectedAnswer(gslb: Gslb, truth: Truth): Expected | null {
  if (!gslb.admin_state_up) return null;
  const pools = gslb.pool_ids.flatMap((id) => poolTruth(id, truth) ?? []);
  const open = pools.filter(({ pool }) => pool.admin_state_up);
  const usable = open.filter((pool) => pool.usable);
  if (usable.length > 0) {
    // Nobody can send traffic back to a pool that is not usable: then it stays where it went.
    if (gslb.failback === "manual" && gslb.steering_policy === "failover" && usable[0] !== open[0]) return null;
    const calm = usable.filter((pool) => !pool.panic);
    return served(choose(calm.length > 0 ? calm : usable, gslb));
  }
  switch (gslb.on_all_down) {
    case "withdraw":
      return { empty: true, must: new Set(), may: new Set() };
    case "last_known":
      return null;
    case "fallback_pool": {
      const fallback = poolTruth(gslb.fallback_pool_id ?? "", truth);
      if (fallback === null || !fallback.pool.admin_state_up || fallback.servable.length === 0) return serveAll(open, gslb);
      return fallback.usable ? served([fallback]) : whole(fallback.servable);
    }
    case "serve_all":
      return serveAll(open, gslb);
  }
}

function serveAll(open: readonly PoolTruth[], gslb: Gslb): Expected | null {
  const filled = open.filter(({ servable }) => servable.length > 0);
  const regular = filled.filter(({ lastResort }) => !lastResort);
  const chosen = choose(regular.length > 0 ? regular : filled, gslb);
  return chosen.length === 0 ? null : whole(chosen.flatMap(({ servable }) => servable));
}

function choose(pools: readonly PoolTruth[], gslb: Gslb): readonly PoolTruth[] {
  if (gslb.steering_policy === "failover") return pools.slice(0, 1);
  if (gslb.steering_policy === "round_robin") return pools;
  const heavy = pools.filter(({ pool }) => (gslb.pool_weights[pool.id] ?? 1) > 0);
  return heavy.length > 0 ? heavy : pools;
}

function whole(people: readonly Person[]): Expected {
  return { empty: false, must: new Set(people.flatMap(({ member }) => member.endpoints)), may: new Set() };
}

function served(pools: readonly PoolTruth[]): Expected {
  const must = new Set<string>();
  const may = new Set<string>();
  for (const pool of pools) {
    if (pool.panic) {
      for (const { member } of pool.servable) for (const endpoint of member.endpoints) must.add(endpoint);
      continue;
    }
    for (const { member, up } of pool.healthy) for (const endpoint of up.length > 0 ? up : member.endpoints) must.add(endpoint);
    if (pool.heldAtMost === 0) continue;
    for (const { member } of pool.failing) for (const endpoint of member.endpoints) may.add(endpoint);
  }
  return { empty: false, must, may };
}

export function poolTruth(id: string, truth: Truth): PoolTruth | null {
  const pool = truth.tables.pool.get(id);
  if (pool === undefined) return null;
  const people = [...truth.tables.pool_member.values()]
    .filter((member) => member.pool_id === id)
    .map((member) => person(member, pool, truth));
  const admitted = people.filter(({ member }) => member.admin_state_up);
  const enabled = admitted.filter(({ member, override }) => member.weight > 0 && override !== "drain");
  const healthy = enabled.filter(({ sound }) => sound);
  const needed = Math.max(1, Math.ceil((pool.min_healthy_percent * enabled.length) / 100));
  const usable = healthy.length >= needed;
  const eligible = admitted.filter(({ override }) => override !== "down" && override !== "drain");
  const regular = eligible.filter(({ member }) => member.weight > 0);
  const budget = Math.floor((pool.max_removal_percent * admitted.length) / 100);
  const failing = enabled.filter(({ sound, override }) => !sound && override === null);
  return {
    pool,
    enabled,
    healthy,
    servable: regular.length > 0 ? regular : eligible,
    lastResort: regular.length === 0,
    usable,
    panic: usable && healthy.length * 100 < pool.panic_percent * enabled.length,
    heldAtMost: Math.max(0, failing.length - budget),
    failing,
  };
}

function person(member: Member, pool: Pool, truth: Truth): Person {
  const override = overrideOf(member, truth);
  const ids = member.monitor_ids.length > 0 ? member.monitor_ids : pool.monitor_ids;
  const monitors = ids.flatMap((id) => truth.tables.monitor.get(id) ?? []);
  const up = member.endpoints.filter((endpoint) => monitors.every(({ id }) => truth.isUp(endpoint, id)));
  return { member, override, up, sound: override === "up" || (override === null && up.length > 0) };
}

/** The override that decides: of the most specific the newest. */
export function overrideOf(member: Member, { tables, now }: Pick<Truth, "tables" | "now">): string | null {
  const meant = [...tables.override.values()].filter((one) => holds(one, now) && means(one, member));
  const rank = (one: Override) => (one.selector.member_id === undefined ? 0 : 2) + (one.selector.pool_id === undefined ? 0 : 1);
  meant.sort((a, b) => rank(b) - rank(a) || (a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : a.id < b.id ? 1 : -1));
  return meant[0]?.state ?? null;
}

const holds = (one: Override, now: number): boolean =>
  one.ended === null &&
  (one.starts_at === null || Date.parse(one.starts_at) <= now) &&
  (one.expires_at === null || Date.parse(one.expires_at) > now);

const means = ({ selector }: Override, member: Member): boolean =>
  (selector.member_id === undefined || selector.member_id === member.id) &&
  (selector.pool_id === undefined || selector.pool_id === member.pool_id);
