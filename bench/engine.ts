/**
 * What one project costs its Engine: reports as the Probers of 10,000 members send them, through a local queue, the real consumer and the real
 * Engine with its storage, at 2,500 observations a second. Compared with the same messages into the same consumer in front of an object that
 * does nothing, in another workerd at the same time. Needs /proc.
 */
import { assert } from "../domain/result.ts";
import { EngineLoad } from "./engine-load.ts";
import { EngineSystem } from "./engine-system.ts";
import { type Bench, count, type Figure, median, milliseconds } from "./figure.ts";
import type { Counts } from "./worker-engine.ts";

const shareGoal = 0.3;
const heapGoalBytes = 100_000_000;
/** The whole is measured at the largest size; the others show what the size costs. A minute has one checkpoint. */
const sizes = [
  { members: 1_000, steadyMs: 15_000 },
  { members: 3_000, steadyMs: 15_000 },
  { members: 10_000, steadyMs: 60_000 },
] as const;
const largest = 10_000;
/** Under load, for as long as the deaths may take. */
const deathsMs = 15_000;
/** After a period everyone who flaps is in the midst of it. */
const flapLeadMs = 20_000;
const flapMs = 20_000;

export const engine: Bench = {
  name: "engine",
  about:
    "Reports as checkers send them (2,500 observations a second, 5 regions, about two a message) through queue, consumer, Engine and Answers; CPU time of the whole workerd. Baseline: the same messages at the same time into the same consumer in front of an object that does nothing, in another workerd.",
  run: async (say) => {
    const figures: Figure[] = [];
    let smallest: Load | null = null;
    for (const { members, steadyMs } of sizes) {
      const bench = await EngineBench.start(members, say);
      try {
        const steady = await bench.run(steadyMs);
        smallest ??= steady;
        if (members !== sizes[0].members) figures.push(growth(members, steady, smallest));
        if (members === largest) figures.push(...(await bench.rest(steady)));
      } finally {
        await bench.close();
      }
    }
    return figures;
  },
};

type Use = { readonly share: number; readonly microseconds: number };
/** What a load did on both sides; microseconds of CPU time for each observation. */
type Load = { readonly ours: Use; readonly baseline: Use; readonly wrote: Wrote };

/** Rows that the Engine's storage wrote. */
type Wrote = {
  readonly checkpoint: number;
  /** The sign of life, and what else is about the Engine as a whole. */
  readonly meta: number;
  readonly changes: number;
  readonly alarms: number;
  readonly events: number;
  readonly seconds: number;
};

class EngineBench {
  private readonly ours: EngineSystem;
  private readonly baseline: EngineSystem;
  private readonly load: EngineLoad;
  private readonly say: (line: string) => void;

  private constructor(ours: EngineSystem, baseline: EngineSystem, load: EngineLoad, say: (line: string) => void) {
    this.ours = ours;
    this.baseline = baseline;
    this.load = load;
    this.say = (line) => say(`${count(load.project.members.length)} members: ${line}`);
  }

  static async start(members: number, say: (line: string) => void): Promise<EngineBench> {
    const systems: EngineSystem[] = [];
    try {
      const ours = await EngineSystem.start("engine", members);
      systems.push(ours);
      const baseline = await EngineSystem.start("sink", members);
      systems.push(baseline);
      const load = new EngineLoad(members, ours, baseline, await ours.configure());
      await load.fill();
      return new EngineBench(ours, baseline, load, say);
    } catch (error) {
      for (const system of systems) await system.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.ours.close();
    await this.baseline.close();
  }

  async run(forMs: number): Promise<Load> {
    const since = await this.ours.counts();
    const before = { at: performance.now(), ours: this.ours.cpu(), baseline: this.baseline.cpu() };
    const { messages, observations, lateMs } = await this.load.run(forMs);
    const [now] = await Promise.all([this.ours.drained(), this.baseline.drained()]);
    const seconds = (performance.now() - before.at) / 1_000;
    const use = (cpuSeconds: number): Use => ({
      share: cpuSeconds / seconds,
      microseconds: (cpuSeconds * 1_000_000) / observations,
    });
    const ours = use(this.ours.cpu() - before.ours);
    const baseline = use(this.baseline.cpu() - before.baseline);
    const wrote = wroteSince(since, now, seconds);
    const rate = (n: number) => count(n / seconds);
    this.say(
      `${rate(observations)} observations/s in ${rate(messages)} messages and ${rate(now.batches - since.batches)} batches, sent at most ${Math.round(lateMs)} ms late; ${percent(ours.share)} of a core, baseline ${percent(baseline.share)}`,
    );
    this.say(
      `rows written in ${Math.round(seconds)} s: ${wrote.checkpoint} of checkpoints, ${wrote.meta} of meta, ${wrote.changes} of changes with ${wrote.events} events; ${wrote.alarms} alarms set`,
    );
    for (const system of [this.ours, this.baseline]) {
      assert(system.errors().length === 0, `a system logged ${system.errors().length} errors, the first: ${system.errors()[0]}`);
    }
    return { ours, baseline, wrote };
  }

  /** The way of a result, members that flap, and what all of it holds in memory. */
  async rest(steady: Load): Promise<Figure[]> {
    const idle = await this.load.die(false);
    const [, loaded] = await Promise.all([this.load.run(deathsMs), this.load.die(true)]);
    this.load.isFlapping = true;
    await this.load.run(flapLeadMs);
    const flapping = await this.run(flapMs);
    assert(flapping.wrote.events > 0, "whoever flaps goes down and up");
    const garbage = await this.ours.heapBytes(false);
    const alive = await this.ours.heapBytes(true);
    const baselineAlive = await this.baseline.heapBytes(true);
    this.say(`heap ${megabytes(alive)}, ${megabytes(garbage)} with what was not collected; baseline ${megabytes(baselineAlive)}`);

    const name = (what: string) => `engine, ${count(largest)} members: ${what}`;
    return [
      {
        name: name("share of a core"),
        ours: percent(steady.ours.share),
        baseline: percent(steady.baseline.share),
        ratio: steady.ours.share / steady.baseline.share,
        goal: `≤ ${percent(shareGoal)}`,
        met: steady.ours.share <= shareGoal,
      },
      {
        name: name("share of a core, 1 % flap, against all pass"),
        ours: percent(flapping.ours.share),
        baseline: percent(steady.ours.share),
        ratio: flapping.ours.share / steady.ours.share,
        goal: "",
        met: null,
      },
      {
        name: name("heap of the isolate"),
        ours: megabytes(alive),
        baseline: megabytes(baselineAlive),
        ratio: null,
        goal: `≤ ${megabytes(heapGoalBytes)}`,
        met: alive <= heapGoalBytes,
      },
      {
        name: name("from result to answer, under load against idle"),
        ours: `${milliseconds(median(loaded))}, longest ${milliseconds(Math.max(...loaded))}`,
        baseline: `${milliseconds(median(idle))}, longest ${milliseconds(Math.max(...idle))}`,
        ratio: median(loaded) / median(idle),
        goal: "",
        met: null,
      },
      {
        name: name("rows of changes a minute, all pass"),
        ours: count(aMinute(steady.wrote, "changes")),
        baseline: `${count(aMinute(steady.wrote, "checkpoint"))} of the checkpoint, ${count(aMinute(steady.wrote, "meta"))} of meta`,
        ratio: null,
        goal: "0",
        met: steady.wrote.changes === 0,
      },
      {
        name: name("rows of changes a minute, 1 % flap"),
        ours: count(aMinute(flapping.wrote, "changes")),
        baseline: `${count(aMinute(flapping.wrote, "events"))} events`,
        ratio: aMinute(flapping.wrote, "changes") / aMinute(flapping.wrote, "events"),
        goal: "",
        met: null,
      },
    ];
  }
}

function growth(members: number, load: Load, smallest: Load): Figure {
  const shown = ({ ours, baseline }: Load) =>
    `${Math.round(ours.microseconds)} µs, ${Math.round(ours.microseconds - baseline.microseconds)} above its baseline`;
  return {
    name: `engine, CPU of an observation: ${count(members)} members against ${count(sizes[0].members)}`,
    ours: shown(load),
    baseline: shown(smallest),
    ratio: load.ours.microseconds / smallest.ours.microseconds,
    goal: "",
    met: null,
  };
}

function wroteSince(since: Counts, now: Counts, seconds: number): Wrote {
  const of = (table: string) => (now.tables[table] ?? 0) - (since.tables[table] ?? 0);
  const [checkpoint, meta] = [of("checkpoint"), of("meta")];
  return {
    checkpoint,
    meta,
    changes: now.rows - since.rows - checkpoint - meta,
    alarms: now.alarms - since.alarms,
    events: now.events - since.events,
    seconds,
  };
}

const aMinute = (wrote: Wrote, what: "changes" | "checkpoint" | "meta" | "events") => (wrote[what] * 60) / wrote.seconds;
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const megabytes = (bytes: number) => `${(bytes / 1_000_000).toFixed(1)} MB`;
