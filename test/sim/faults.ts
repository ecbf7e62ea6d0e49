/**
 * What goes wrong, and when: each phase of a run draws which kinds of trouble it knows, and each kind comes and goes by itself within it.
 * One phase in four knows the targets' trouble alone, so that the promises about prompt delivery can be asked for.
 */

import { mustLeaveInTime } from "./bounds.ts";
import { flavorNames } from "./flavors.ts";
import { prompt } from "./queue.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

/** Begins, and says how to end it. */
type Fault = (world: World, random: Random) => { readonly what: string; readonly end: () => void } | null;

const faults: Readonly<Record<string, Fault>> = {
  crashing(world, random) {
    world.crashChance = random.pick([0.01, 0.05, 0.2]);
    return { what: `each step may be the Engine's last (${world.crashChance})`, end: () => (world.crashChance = 0) };
  },
  queue(world, random) {
    const trouble = { lose: random.pick([0, 0.05, 0.3]), repeat: random.pick([0, 0.3]), delay: random.pick([0, 0.2, 1]), delayMs: 90_000 };
    world.queue.trouble = trouble;
    return { what: `queue: ${JSON.stringify(trouble)}`, end: () => (world.queue.trouble = prompt) };
  },
  backend(world, random) {
    const flavor = random.pick(flavorNames);
    const backend = world.flavors.get(flavor);
    backend.mood = random.pick(["away", "slow", "hangs", "limited", "takes_and_fails", "credentials"]);
    return { what: `backend ${flavor}: ${backend.mood}`, end: () => (backend.mood = "well") };
  },
  poison(world, random) {
    const gslbs = [...world.conductor.tables.gslb.values()];
    if (gslbs.length === 0) return null;
    const { fqdn } = random.pick(gslbs);
    const flavor = random.pick(flavorNames);
    const backend = world.flavors.get(flavor);
    backend.poisonNext(fqdn);
    return { what: `backend ${flavor}: refuses ${fqdn}`, end: () => backend.poisonNext(null) };
  },
  lies(world, random) {
    const flavor = random.pick(flavorNames);
    const backend = world.flavors.get(flavor);
    backend.lies = true;
    return { what: `backend ${flavor}: what it reads back is not so`, end: () => (backend.lies = false) };
  },
  others(world, random) {
    const gslbs = [...world.conductor.tables.gslb.values()];
    if (gslbs.length === 0) return null;
    const { fqdn } = random.pick(gslbs);
    const flavor = random.pick(flavorNames);
    const { names, others } = world.flavors.get(flavor);
    names.delete(fqdn);
    others.set(fqdn, { values: ["203.0.113.99"], since: world.timeline.now });
    const isTaken = random.chance(0.7);
    return { what: `backend ${flavor}: others have records at ${fqdn}`, end: () => void (isTaken && others.delete(fqdn)) };
  },
  handEdit(world, random) {
    const flavor = random.pick(flavorNames);
    const { names } = world.flavors.get(flavor);
    const live = [...names.values()].flatMap((change) => (change.kind === "publish" ? [change.plan] : []));
    if (live.length === 0) return null;
    const plan = random.pick(live);
    if (random.chance(0.3)) {
      names.delete(plan.fqdn);
      return { what: `backend ${flavor}: ${plan.fqdn} is deleted by hand`, end: () => undefined };
    }
    const [
      first = { type: "A", ttl: 30, pool_id: plan.gslb_id, weight: null, pool_weight: null, locations: [], geofence: false, region: null },
    ] = plan.answers;
    const answers = [{ ...first, type: "A" as const, values: ["203.0.113.9"] }];
    names.set(plan.fqdn, { kind: "publish", plan: { ...plan, withdrawn: false, answers } });
    return { what: `backend ${flavor}: ${plan.fqdn} is edited by hand`, end: () => undefined };
  },
  conductorAway(world) {
    world.conductorAway = true;
    return { what: "Conductor: away", end: () => (world.conductorAway = false) };
  },
  conductorSlow(world, random) {
    world.conductorSlowMs = random.int(500, 40_000);
    return { what: `Conductor: ${world.conductorSlowMs} ms slow`, end: () => (world.conductorSlowMs = 0) };
  },
  backup(world) {
    if (world.conductorAway) return null;
    const backup = world.conductor.backup();
    return {
      what: "Conductor: a backup is made",
      end: () => {
        world.conductor.restore(backup);
        world.changed();
      },
    };
  },
  checker(world, random) {
    const region = random.pick(world.regions);
    region.checker = random.pick(["fail_all", "fail_some", "pass_all", "slow", "error"]);
    return { what: `${region.name}: its checkers ${region.checker}`, end: () => (region.checker = "honest") };
  },
  blind(world, random) {
    const blind = random.chance(0.2) ? world.regions : [random.pick(world.regions)];
    for (const region of blind) region.blind = true;
    return {
      what: `${blind.map(({ name }) => name)}: cut off`,
      end: () => {
        for (const region of blind) region.blind = false;
      },
    };
  },
  regionClock(world, random) {
    const region = random.pick(world.regions);
    setClock(world, region.name, random.int(-3_600, 3_600) * 1_000);
    return { what: `${region.name}: its clock is ${region.offsetMs} ms off`, end: () => setClock(world, region.name, 0) };
  },
  engineClock(world, random) {
    world.host.setClock(random.int(-3_600, 3_600) * 1_000);
    return { what: `engine: its clock is ${world.host.offsetMs} ms off`, end: () => world.host.setClock(0) };
  },
  lostState(world) {
    world.loseState();
    return { what: "engine: its state is lost", end: () => undefined };
  },
  proberCrash(world) {
    for (const prober of world.probers.values()) prober.crash();
    return { what: "all Probers start anew", end: () => undefined };
  },
};

function setClock(world: World, name: string, offsetMs: number): void {
  world.region(name).offsetMs = offsetMs;
  for (const [key, prober] of world.probers) if (key.startsWith(`${name}:`)) prober.clockMoved();
}

export const faultKinds: readonly string[] = Object.keys(faults);

/** One fault of this kind, now; it ends by itself. */
export function begin(world: World, kind: string, random: Random, until: number): void {
  const begun = faults[kind]?.(world, random) ?? null;
  if (begun === null) return;
  const { timeline, trace } = world;
  trace.say(`fault: ${begun.what}`);
  world.disturbedAt = timeline.now;
  world.troubles += 1;
  const lasts = Math.min(until, timeline.now + random.int(5, 900) * 1_000);
  timeline.at(lasts, () => {
    trace.say(`fault ends: ${begun.what}`);
    world.disturbedAt = timeline.now;
    world.troubles -= 1;
    begun.end();
  });
}

/** A target changes its mind. */
export function moveTarget(world: World, random: Random): void {
  const members = [...world.conductor.tables.pool_member.values()];
  if (members.length === 0) return;
  const all = random.chance(0.08);
  const moved = all ? members.flatMap((member) => member.endpoints) : [random.pick(random.pick(members).endpoints)];
  const health = all ? random.pick(["dead", "up"] as const) : random.pick(["up", "up", "up", "dead", "hang", "flap"] as const);
  const monitors = [...world.conductor.tables.monitor.keys()];
  const only = random.chance(0.1) && monitors.length > 0 ? random.pick(monitors) : null;
  for (const endpoint of moved) {
    const before = world.targets.get(endpoint);
    world.targets.put({
      endpoint,
      health,
      since: world.timeline.now,
      flapMs: random.int(4, 200) * 1_000,
      flapDown: random.pick([0.1, 0.3, 0.5, 0.9]),
      monitorId: only,
      latencyMs: random.int(5, 400),
    });
    if (!all && only === null && (health === "dead" || health === "hang")) mustLeaveInTime(world, endpoint, before);
  }
  world.trace.say(`target: ${moved} ${moved.length > 1 ? "are" : "is"} ${health}`);
}

/** Those that flap make up their minds. */
export function calmTargets(world: World, random: Random): void {
  for (const target of world.targets.all.values()) {
    if (target.health !== "flap") continue;
    target.health = random.pick(["up", "dead"]);
    target.since = world.timeline.now;
  }
}
