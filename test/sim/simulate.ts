/** One run: the world of a seed through its phases, then the calm, then what must be true in the end. */

import { checkEnd } from "./ending.ts";
import { begin, calmTargets, faultKinds, moveTarget } from "./faults.ts";
import { operate, sendBack, settleDown } from "./operators.ts";
import type { Random } from "./random.ts";
import { type Violation, World } from "./world.ts";

export type RunOptions = {
  readonly seed: string;
  readonly hours: number;
  readonly verbose?: boolean;
  /** For tests of the simulation itself: something that breaks a promise on purpose. */
  readonly sabotage?: (world: World) => void;
};
export type RunResult = {
  readonly seed: string;
  readonly violations: readonly Violation[];
  readonly trace: readonly string[];
  readonly digest: string;
  readonly events: number;
  readonly crashes: number;
};

/** The calm must outlast every penalty (half an hour), every failback delay, and a few rounds of checks. */
const calmMs = 45 * 60_000;

export async function simulate({ seed, hours, verbose = false, sabotage }: RunOptions): Promise<RunResult> {
  const world = new World(seed, verbose);
  const { timeline } = world;
  const random = world.random.fork("course");
  const end = timeline.now + hours * 3_600_000;
  const calm = end - Math.min(calmMs, (hours * 3_600_000) / 2);
  sabotage?.(world);
  world.changed();
  every(world, 60_000, end, () => world.watchdog());
  plan(world, random, calm);
  // After whatever ends with the last phase.
  timeline.at(calm + 1_000, () => {
    world.trace.say("calm from now on");
    calmTargets(world, random);
    settleDown(world);
    world.flavors.calm();
  });
  for (const before of [600_000, 400_000]) timeline.at(end - before, () => sendBack(world));
  const broken = () => world.violations.length > 0;
  await timeline.run(end, broken);
  if (!broken()) await checkEnd(world, end);
  world.host.close();
  return {
    seed,
    violations: world.violations,
    trace: world.trace.newest(),
    digest: world.trace.digest(),
    events: timeline.count,
    crashes: world.host.crashes,
  };
}

/** The phases up to `calm`, a quarter of an hour each or so, with the troubles that each of them knows. */
function plan(world: World, random: Random, calm: number): void {
  const { timeline } = world;
  let at = timeline.now + random.int(1, 120) * 1_000;
  while (at < calm) {
    const until = Math.min(calm, at + random.int(5, 30) * 60_000);
    const kinds = random.chance(0.25) ? [] : random.some(faultKinds, 0.25);
    const peopleEvery = random.pick([20, 120, 600, 100_000]);
    const targetsEvery = random.pick([15, 60, 300, 900]);
    scatter(world, random, at, until, targetsEvery, () => moveTarget(world, random));
    if (kinds.length > 0) {
      scatter(world, random, at, until, peopleEvery, () => operate(world, random));
      scatter(world, random, at, until, 120, () => begin(world, random.pick(kinds), random, until));
      scatter(world, random, at, until, 240, () => world.host.crash("evicted"));
    }
    at = until;
  }
}

/** At random times, `everySeconds` apart on average. */
function scatter(world: World, random: Random, from: number, until: number, everySeconds: number, action: () => void): void {
  let at = from;
  for (;;) {
    at += random.int(1, 2 * everySeconds * 1_000);
    if (at >= until) return;
    world.timeline.at(at, action);
  }
}

function every(world: World, ms: number, until: number, action: () => void): void {
  world.timeline.after(ms, () => {
    action();
    if (world.timeline.now < until) every(world, ms, until, action);
  });
}
