/**
 * What one project costs its Engine, at the pace of its checks: reports as the Probers of 1,000, 3,000 and 10,000 members send them, through
 * a local queue, the real consumer and the real Engine with its storage. Compared with the same messages into the same consumer in front of
 * an object that does nothing, in another workerd at the same time. Needs /proc.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Member } from "../domain/member.ts";
import type { OutcomeKind } from "../domain/observation.ts";
import { assert } from "../domain/result.ts";
import { BenchProject, delayMs, maxRetries, regionNames, report } from "./engine-project.ts";
import { EngineSystem } from "./engine-system.ts";
import { type Bench, count, type Figure, median, milliseconds, spread } from "./figure.ts";
import type { Counts } from "./worker-engine.ts";

/** The windows of the series are full after 16 results: from then on a result also pushes one out. */
const fillRounds = 16;
const fillReports = 100;
/** The checks of one second end between so long after it, in steps. */
const spreadMs = { from: 20, to: 340, step: 20 };
const deaths = 9;
/** The first few run code that was never run before. */
const unmeasuredDeaths = 3;
/** The reports of a second are made so long before it. */
const prepareMs = 300;
/** One member in so many fails `maxRetries` times and passes as often, over and over. */
const flapping = 100;
/** Under load, for as long as the deaths may take. */
const deathsMs = 15_000;
/** Whoever flaps is in the midst of it after two periods. */
const flapLeadMs = 20_000;
const flapMs = 20_000;
const megabyte = 1_000_000;

/** The pace of every size: that of the largest, so that its size is all that differs. */
const paceOf = (members: number) => 10_000 / members;

type Size = { readonly members: number; readonly steadyMs: number; readonly whole: boolean };
const sizes: readonly Size[] = [
  { members: 1_000, steadyMs: 20_000, whole: false },
  { members: 3_000, steadyMs: 20_000, whole: false },
  // A minute has one checkpoint.
  { members: 10_000, steadyMs: 60_000, whole: true },
];

export const engine: Bench = {
  name: "engine",
  about:
    "One project's reports at the pace of its checks (delay 20 s, 5 regions) through queue, consumer, Engine and Answers; CPU time of the whole workerd. Baseline: the same messages at the same time into the same consumer in front of an object that does nothing, in another workerd.",
  run: async (say) => {
    const figures: Figure[] = [];
    const costs = new Map<number, Cost>();
    for (const size of sizes) {
      const bench = await EngineBench.start(size.members);
      try {
        const cost = await bench.steady(size.steadyMs, say);
        costs.set(size.members, cost);
        figures.push(...(size.whole ? await bench.whole(cost, size.steadyMs, say) : []));
      } finally {
        await bench.close();
      }
    }
    return [...growth(costs), ...figures];
  },
};

/** Microseconds of CPU time for each observation. */
type Cost = {
  readonly ours: number;
  readonly baseline: number;
  readonly share: number;
  readonly baselineShare: number;
  readonly rows: Counts;
  readonly since: Counts;
};

function growth(costs: ReadonlyMap<number, Cost>): Figure[] {
  const [smallest] = costs.values();
  assert(smallest !== undefined, "something was measured");
  return [...costs].map(([members, { ours, baseline }]) => ({
    name: `engine, ${count(members)} members: CPU of an observation, against 1,000 members`,
    ours: `${Math.round(ours)} µs, ${Math.round(ours - baseline)} without queue and parsing`,
    baseline: `${Math.round(smallest.ours)} µs, ${Math.round(smallest.ours - smallest.baseline)} without`,
    ratio: ours / smallest.ours,
    goal: "",
    met: null,
  }));
}

class EngineBench {
  private readonly project: BenchProject;
  private readonly ours: EngineSystem;
  private readonly baseline: EngineSystem;
  private readonly generation: number;
  private readonly places: ReadonlyMap<string, number>;
  private readonly dead = new Set<string>();
  private isFlapping = false;
  private nextVictim = 0;
  private readonly emptyBytes: number;

  private constructor(project: BenchProject, ours: EngineSystem, baseline: EngineSystem, generation: number, emptyBytes: number) {
    this.project = project;
    this.places = new Map(project.members.map((member, index) => [member.id, index]));
    this.ours = ours;
    this.baseline = baseline;
    this.generation = generation;
    this.emptyBytes = emptyBytes;
  }

  static async start(members: number): Promise<EngineBench> {
    const ours = await EngineSystem.start("engine", members);
    const baseline = await EngineSystem.start("sink", members);
    const emptyBytes = await baseline.heapBytes(true);
    const bench = new EngineBench(new BenchProject(members), ours, baseline, await ours.start(), emptyBytes);
    await bench.fill();
    return bench;
  }

  async close(): Promise<void> {
    await this.ours.close();
    await this.baseline.close();
  }

  async steady(forMs: number, say: (line: string) => void): Promise<Cost> {
    const since = await this.ours.counts();
    const before = { at: performance.now(), ours: this.ours.cpu(), baseline: this.baseline.cpu() };
    const sent = await this.load(forMs);
    const [rows] = await Promise.all([this.ours.drained(), this.baseline.drained()]);
    const seconds = (performance.now() - before.at) / 1_000;
    const used = { ours: this.ours.cpu() - before.ours, baseline: this.baseline.cpu() - before.baseline };
    const calls = rows.batches - since.batches;
    say(
      `${count(this.project.members.length)} members: ${count(sent.observations / seconds)} observations/s in ${count(sent.messages / seconds)} messages/s and ${count(calls / seconds)} batches/s; ${percent(used.ours / seconds)} of a core, baseline ${percent(used.baseline / seconds)}; the generator was at most ${Math.round(sent.lateMs)} ms late`,
    );
    this.check();
    return {
      ours: (used.ours * 1_000_000) / sent.observations,
      baseline: (used.baseline * 1_000_000) / sent.observations,
      share: used.ours / seconds,
      baselineShare: used.baseline / seconds,
      rows,
      since,
    };
  }

  /** Delays, rows and memory, on a project that has been loaded for a while. */
  async whole(cost: Cost, steadyMs: number, say: (line: string) => void): Promise<Figure[]> {
    const members = `${count(this.project.members.length)} members`;
    const idle = await this.die();
    const [, loaded] = await Promise.all([this.load(deathsMs), this.die()]);
    say(`${members}: from result to answer ${shown(loaded)} under load, ${shown(idle)} idle`);

    const steadyRows = rowsOf(cost.since, cost.rows);
    say(`${members}: ${rowsText(steadyRows)} in ${steadyMs / 1_000} s of passes`);
    this.isFlapping = true;
    await this.load(flapLeadMs);
    const since = await this.ours.drained();
    const before = { at: performance.now(), cpu: this.ours.cpu() };
    const sent = await this.load(flapMs);
    const flapRows = rowsOf(since, await this.ours.drained());
    const flapSeconds = (performance.now() - before.at) / 1_000;
    const flapShare = (this.ours.cpu() - before.cpu) / flapSeconds;
    say(
      `${members}, 1 % flapping: ${rowsText(flapRows)} in ${Math.round(flapSeconds)} s; ${percent(flapShare)} of a core for ${count(sent.observations / flapSeconds)} observations/s`,
    );
    this.check();

    const highest = await this.ours.heapBytes(false);
    const live = await this.ours.heapBytes(true);
    const baselineLive = await this.baseline.heapBytes(true);
    say(`${members}: heap ${megabytes(live)} after a collection, ${megabytes(highest)} before it; empty ${megabytes(this.emptyBytes)}`);
    const perMinute = (rows: number, ms: number) => (rows * 60_000) / ms;
    return [
      {
        name: `engine, ${members}: share of a core`,
        ours: percent(cost.share),
        baseline: percent(cost.baselineShare),
        ratio: cost.share / cost.baselineShare,
        goal: "≤ 30 %",
        met: cost.share <= 0.3,
      },
      {
        name: `engine, ${members}, 1 % flapping: share of a core, against all passing`,
        ours: percent(flapShare),
        baseline: percent(cost.share),
        ratio: flapShare / cost.share,
        goal: "",
        met: null,
      },
      {
        name: `engine, ${members}: heap of the isolate`,
        ours: megabytes(live),
        baseline: megabytes(baselineLive),
        ratio: null,
        goal: "≤ 100 MB",
        met: live <= 100 * megabyte,
      },
      {
        name: `engine, ${members}: from result to answer, under load against idle`,
        ours: `${milliseconds(median(loaded))}, longest ${milliseconds(Math.max(...loaded))}`,
        baseline: `${milliseconds(median(idle))}, longest ${milliseconds(Math.max(...idle))}`,
        ratio: median(loaded) / median(idle),
        goal: "",
        met: null,
      },
      {
        name: `engine, ${members}: rows written a minute but for checkpoints, all passing`,
        ours: count(perMinute(steadyRows.rows - steadyRows.checkpoint, steadyMs)),
        baseline: `${steadyRows.checkpoint} of checkpoints`,
        ratio: null,
        goal: "0",
        met: steadyRows.rows === steadyRows.checkpoint,
      },
      {
        name: `engine, ${members}, 1 % flapping: rows written a minute but for checkpoints`,
        ours: count(perMinute(flapRows.rows - flapRows.checkpoint, flapMs)),
        baseline: `${count(perMinute(flapRows.events, flapMs))} events`,
        ratio: null,
        goal: "",
        met: null,
      },
    ];
  }

  /** Everything reported that is due in that time, to both sides at once. */
  private async load(forMs: number): Promise<{ readonly messages: number; readonly observations: number; readonly lateMs: number }> {
    let messages = 0;
    let observations = 0;
    let lateMs = 0;
    const sending: Promise<void>[] = [];
    const pace = paceOf(this.project.members.length);
    const steps = (spreadMs.to - spreadMs.from) / spreadMs.step;
    const first = Math.ceil((Date.now() + prepareMs) / 1_000) * 1_000;
    for (let tick = first; tick < first + forMs; tick += 1_000) {
      // Made before they are due: a generator that is busy is late.
      await sleep(Math.max(0, tick - prepareMs - Date.now()));
      const from = Math.floor((tick / 1_000) * pace);
      const until = Math.floor((tick / 1_000 + 1) * pace);
      const reports = Array.from({ length: until - from }, (_, n) =>
        this.project.reportsOf(from + n, tick, this.generation, (subject, at) => this.outcome(subject, at)),
      ).flat();
      const parcels = Array.from({ length: steps }, (_, step) => reports.filter((_, index) => index % steps === step));
      const bodies = parcels.map((parcel) => JSON.stringify(parcel));
      for (const [step, parcel] of parcels.entries()) {
        const at = tick + spreadMs.from + step * spreadMs.step;
        await sleep(Math.max(0, at - Date.now()));
        lateMs = Math.max(lateMs, Date.now() - at);
        sending.push(this.ours.report(parcel, bodies[step]), this.baseline.report(parcel, bodies[step]));
        messages += parcel.length;
        for (const { observations: seen } of parcel) observations += seen.length;
      }
    }
    await sleep(Math.max(0, first + forMs - Date.now()));
    await Promise.all(sending);
    return { messages, observations, lateMs };
  }

  /** Several members die, one after the other; each is a member of another GSLB. Milliseconds from the deciding result to the answer. */
  private async die(): Promise<number[]> {
    const times: number[] = [];
    for (let n = 0; n < unmeasuredDeaths + deaths; n += 1) {
      const { member, fqdn } = this.victim();
      this.dead.add(member.id);
      const voters = regionNames.slice(0, Math.floor(regionNames.length / 2) + 1);
      const fails = voters.flatMap((region) =>
        Array.from({ length: maxRetries }, () => report({ region, shard: 0 }, [member], this.tick(), this.generation, () => "fail")),
      );
      const deciding = fails.pop();
      assert(deciding !== undefined, "somebody decides");
      await this.ours.report(fails);
      await this.ours.drained();
      // Each at another moment of those in which a second's results arrive.
      const into = spreadMs.from + ((n % deaths) + 0.5) * ((spreadMs.to - spreadMs.from) / deaths);
      await sleep((into - (Date.now() % 1_000) + 1_000) % 1_000);
      const took = await this.ours.decide({ report: deciding, fqdn, address: member.endpoints[0] ?? "" });
      if (n >= unmeasuredDeaths) times.push(took);
    }
    return times;
  }

  /** The next whose own ticks do not decide before the bench does. */
  private victim(): ReturnType<BenchProject["victim"]> {
    for (;;) {
      const victim = this.project.victim(this.nextVictim);
      this.nextVictim += 1;
      if (this.project.untilTickMs(victim.member, Date.now()) > 2_500) return victim;
    }
  }

  private lastTick = 0;
  /** Each a little later than the one before. */
  private tick(): number {
    this.lastTick = Math.max(Date.now(), this.lastTick + 1);
    return this.lastTick;
  }

  private outcome(subject: Member, tick: number): OutcomeKind {
    if (this.dead.has(subject.id)) return "fail";
    if (!this.isFlapping) return "pass";
    const n = this.places.get(subject.id) ?? 0;
    if (n % flapping !== 0) return "pass";
    const period = Math.floor(tick / delayMs) + n / flapping;
    return period % (2 * maxRetries) < maxRetries ? "fail" : "pass";
  }

  /** That what was measured did happen. */
  private check(): void {
    const errors = [...this.ours.errors(), ...this.baseline.errors()];
    assert(errors.length === 0, `the systems logged ${errors.length} errors, the first: ${errors[0]}`);
  }

  private async fill(): Promise<void> {
    // Ticks of the last moments: what is older than the configuration says nothing of it.
    const start = Date.now();
    for (let round = 0; round < fillRounds; round += 1) {
      const reports = [...this.project.everyone(start + round, this.generation)];
      for (let at = 0; at < reports.length; at += fillReports) await this.ours.fill(reports.slice(at, at + fillReports));
    }
  }
}

type Rows = {
  readonly rows: number;
  readonly checkpoint: number;
  readonly alarms: number;
  readonly events: number;
  readonly tables: string;
};

function rowsOf(since: Counts, now: Counts): Rows {
  const grown = Object.entries(now.tables).map(([table, rows]) => [table, rows - (since.tables[table] ?? 0)] as const);
  const written = grown.filter(([, rows]) => rows > 0);
  return {
    rows: now.rows - since.rows,
    checkpoint: written.find(([table]) => table === "checkpoint")?.[1] ?? 0,
    alarms: now.alarms - since.alarms,
    events: now.events - since.events,
    tables: written.map(([table, rows]) => `${table} ${rows}`).join(", "),
  };
}

const rowsText = ({ rows, alarms, tables, events }: Rows) => `${rows} rows (${tables || "none"}), ${alarms} alarms, ${events} events`;
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const megabytes = (bytes: number) => `${(bytes / megabyte).toFixed(1)} MB`;
const shown = (times: readonly number[]) =>
  `${milliseconds(median(times))}, longest ${milliseconds(Math.max(...times))} (${spread(times)})`;
