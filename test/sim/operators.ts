/** What people do all the while: they change what is configured, and say what they know better. Each deed is one that the API would allow. */
import type { Override } from "../../domain/override.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";
import { people } from "./world.ts";

type Deed = (world: World, random: Random) => string | null;

const iso = (ms: number): string => new Date(ms).toISOString();

const any = <T>(random: Random, map: ReadonlyMap<string, T>): T | null => (map.size === 0 ? null : random.pick([...map.values()]));

const deeds: Readonly<Record<string, Deed>> = {
  weigh(world, random) {
    const member = any(random, world.conductor.tables.pool_member);
    if (member === null) return null;
    const weight = random.pick([0, 1, 2, 10]);
    world.conductor.update("pool_member", member.id, { weight });
    return `${member.name} weighs ${weight}`;
  },
  switchMember(world, random) {
    const member = any(random, world.conductor.tables.pool_member);
    if (member === null) return null;
    world.conductor.update("pool_member", member.id, { admin_state_up: !member.admin_state_up });
    return `${member.name} is switched ${member.admin_state_up ? "off" : "on"}`;
  },
  switchPool(world, random) {
    const pool = any(random, world.conductor.tables.pool);
    if (pool === null || (pool.admin_state_up && random.chance(0.5))) return null;
    world.conductor.update("pool", pool.id, { admin_state_up: !pool.admin_state_up });
    return `${pool.name} is switched ${pool.admin_state_up ? "off" : "on"}`;
  },
  move(world, random) {
    const member = any(random, world.conductor.tables.pool_member);
    if (member === null) return null;
    const endpoints = [world.maker.address(), ...(random.chance(0.3) ? member.endpoints.slice(1) : [])];
    world.conductor.update("pool_member", member.id, { endpoints });
    return `${member.name} has ${endpoints} now`;
  },
  addMember(world, random) {
    const { tables } = world.conductor;
    const pool = any(random, tables.pool);
    if (pool === null || tables.pool_member.size >= 12) return null;
    const member = world.maker.member(pool.id, { created_at: iso(world.timeline.now) });
    world.conductor.put("pool_member", member);
    return `${member.name} is new in ${pool.name}`;
  },
  removeMember(world, random) {
    const { tables } = world.conductor;
    const member = any(random, tables.pool_member);
    if (member === null || tables.pool_member.size <= 2) return null;
    world.conductor.remove("pool_member", member.id);
    return `${member.name} is removed`;
  },
  tune(world, random) {
    const pool = any(random, world.conductor.tables.pool);
    if (pool === null) return null;
    const { quorum_percent, min_regions, min_healthy_percent, panic_percent, failback_delay, max_removal_percent } = world.maker.pool([]);
    const change = random.pick([
      { quorum_percent },
      { min_regions },
      { min_healthy_percent },
      { panic_percent },
      { failback_delay },
      { max_removal_percent },
    ]);
    world.conductor.update("pool", pool.id, change);
    return `${pool.name}: ${JSON.stringify(change)}`;
  },
  attach(world, random) {
    const { tables } = world.conductor;
    const pool = any(random, tables.pool);
    const monitor = any(random, tables.monitor);
    if (pool === null || monitor === null) return null;
    const has = pool.monitor_ids.includes(monitor.id);
    const monitor_ids = has ? pool.monitor_ids.filter((id) => id !== monitor.id) : [...pool.monitor_ids, monitor.id];
    world.conductor.update("pool", pool.id, { monitor_ids });
    return `monitor ${has ? "detached from" : "attached to"} ${pool.name}`;
  },
  retime(world, random) {
    const monitor = any(random, world.conductor.tables.monitor);
    if (monitor === null) return null;
    const change = random.pick([
      { max_retries: random.int(1, 4) },
      { rise: random.int(1, 3) },
      { timeout: random.int(1, Math.min(5, monitor.delay)) },
      { name: "renamed" },
      { admin_state_up: !monitor.admin_state_up },
      { check_regions: random.chance(0.5) ? [] : random.some(world.regions, 0.7).map(({ name }) => name) },
    ]);
    world.conductor.update("monitor", monitor.id, change);
    return `monitor: ${JSON.stringify(change)}`;
  },
  resteer(world, random) {
    const gslb = any(random, world.conductor.tables.gslb);
    if (gslb === null) return null;
    const pools = [...world.conductor.tables.pool.keys()];
    const drawn = world.maker.gslb(pools);
    const ids = random.some(pools, 0.7);
    const change = random.pick([
      { steering_policy: drawn.steering_policy },
      { on_all_down: drawn.on_all_down, fallback_pool_id: drawn.fallback_pool_id },
      { failback: drawn.failback },
      { max_answers: drawn.max_answers },
      { ttl: random.pick([30, 60]) },
      { pool_weights: drawn.pool_weights },
      { pool_ids: ids.length > 0 ? ids : gslb.pool_ids },
    ]);
    world.conductor.update("gslb", gslb.id, change);
    return `${gslb.name}: ${JSON.stringify(change)}`;
  },
  publishElsewhere(world, random) {
    const gslb = any(random, world.conductor.tables.gslb);
    if (gslb === null) return null;
    const flavors = world.maker.flavors();
    world.conductor.move(gslb.id, flavors);
    return `${gslb.name} is published to ${flavors}`;
  },
  adopt(world, random) {
    const gslb = any(random, world.conductor.tables.gslb);
    if (gslb === null) return null;
    world.conductor.update("gslb", gslb.id, { adopt: !gslb.adopt });
    return `${gslb.name} ${gslb.adopt ? "takes nothing over" : "adopts"}`;
  },
  remake(world, random) {
    const gslb = any(random, world.conductor.tables.gslb);
    if (gslb === null) return null;
    const keep = random.chance(0.2);
    world.conductor.remove("gslb", gslb.id, keep ? "keep" : "delete");
    const pools = [...world.conductor.tables.pool.keys()];
    // What was kept is nobody's: whoever makes the name again has to say that it is Kosmos's.
    const adopt = keep || gslb.adopt;
    if (random.chance(0.7))
      world.conductor.put("gslb", world.maker.gslb(pools, { fqdn: gslb.fqdn, name: gslb.name, flavors: gslb.flavors, adopt }));
    return `${gslb.name} is deleted and made again`;
  },
  override(world, random) {
    const member = any(random, world.conductor.tables.pool_member);
    if (member === null) return null;
    const { now } = world.timeline;
    const later = random.chance(0.25) ? now + random.int(10, 600) * 1_000 : null;
    const override: Override = {
      id: world.ids.next(),
      project_id: "default",
      selector: random.chance(0.8) ? { member_id: member.id } : { pool_id: member.pool_id },
      state: random.pick(["up", "down", "down", "drain"]),
      reason: null,
      starts_at: later === null ? null : iso(later),
      expires_at: random.chance(0.7) ? iso((later ?? now) + random.int(30, 3_600) * 1_000) : null,
      force: random.chance(0.5),
      by: "operator",
      created_at: iso(now),
      ended: null,
    };
    world.conductor.put("override", override);
    return `override ${override.state} of ${JSON.stringify(override.selector)} from ${override.starts_at} to ${override.expires_at}`;
  },
  endOverride(world, random) {
    const override = any(random, world.conductor.tables.override);
    if (override === null) return null;
    world.conductor.remove("override", override.id);
    return `override ${override.id} is taken back`;
  },
  release(world, random) {
    const pool = any(random, world.conductor.tables.pool);
    if (pool === null) return null;
    world.host.call((shell) => shell.release(pool.id, people)).catch(() => undefined);
    return `release of ${pool.name}`;
  },
  failback(world, random) {
    const gslb = any(random, world.conductor.tables.gslb);
    if (gslb === null) return null;
    world.host.call((shell) => shell.failback(gslb.id, people)).catch(() => undefined);
    return `failback of ${gslb.name}`;
  },
};

const names = Object.keys(deeds);
/** They reach the Engine themselves. */
const calls = new Set(["release", "failback"]);

/** Does something, if it can be done now. */
export function operate(world: World, random: Random): void {
  const name = random.pick(names);
  if (world.conductorAway && !calls.has(name)) return;
  const done = deeds[name]?.(world, random) ?? null;
  if (done === null) return;
  world.trace.say(`people: ${done}`);
  world.disturbedAt = world.timeline.now;
  if (!calls.has(name)) world.changed();
}

/** Before the calm: what would leave the answer to the past is put right. */
export function settleDown(world: World): void {
  // From places that are the same one nobody is ever judged.
  for (const monitor of world.conductor.tables.monitor.values())
    if (!monitor.admin_state_up || (world.sameColo && monitor.check_regions.length > 0))
      world.conductor.update("monitor", monitor.id, { admin_state_up: true, check_regions: world.sameColo ? [] : monitor.check_regions });
  world.changed();
}

/** Sends all traffic back, and lets nobody be held by what was. */
export function sendBack(world: World): void {
  for (const { id, failback } of world.conductor.tables.gslb.values())
    if (failback === "manual") world.host.call((shell) => shell.failback(id, people)).catch(() => undefined);
}
