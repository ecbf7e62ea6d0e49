/**
 * Observations a second through the decision core, on one core: `Project.observe` and `drain`, fed with reports of five observations as a
 * checker sends them. Compared with parsing the same reports, which is the least that any consumer of the queue does. No storage, no queue.
 */
import { type CheckReport, checkReport, type OutcomeKind } from "../domain/observation.ts";
import { assert } from "../domain/result.ts";
import { configuration, gslb, member, monitor, pool, uuid } from "../durable-objects/engine/project.fixture.ts";
import { Project } from "../durable-objects/engine/project.ts";
import { type Bench, count, type Figure, median, spread } from "./figure.ts";

const regions = ["wnam", "enam", "weur", "eeur", "apac"];
const delayMs = 20_000;
const observationsPerReport = 5;
/** How many reports the queue hands over at once. */
const reportsPerCall = 10;
const goal = 200_000;
/** The window of a series is full after 16 results: from then on a result also pushes one out. */
const warmUpPeriods = 18;
const measuredRounds = 5;
/** A measured round is at least so many observations, else the clock of the CPU time is too coarse for it. */
const observationsPerRound = 50_000;

type Load = { readonly members: number; readonly membersPerPool: number; readonly flappingPercent: number };

export const core: Bench = {
  name: "core",
  about:
    "Observations a second through Project.observe, on one core (CPU time of the whole process, the collector's threads included); baseline: checkReport.safeParse of the same reports.",
  run: async (say) => {
    const figures: Figure[] = [];
    for (const load of [
      { members: 1_000, membersPerPool: 20, flappingPercent: 0 },
      { members: 1_000, membersPerPool: 20, flappingPercent: 10 },
      { members: 10_000, membersPerPool: 20, flappingPercent: 0 },
      { members: 10_000, membersPerPool: 20, flappingPercent: 10 },
      // The largest pools there can be: whoever moves, the whole pool is counted again.
      { members: 10_000, membersPerPool: 1_000, flappingPercent: 10 },
    ]) {
      figures.push(measure(load, say));
    }
    return figures;
  },
};

function measure(load: Load, say: (line: string) => void): Figure {
  const world = new CoreWorld(load);
  for (let period = 0; period < warmUpPeriods; period += 1) {
    const reports = world.reports();
    parse(reports);
    world.decide(reports);
    world.settle();
  }
  const ours: number[] = [];
  const baseline: number[] = [];
  const periods = Math.ceil(observationsPerRound / (load.members * regions.length));
  for (let round = 0; round < measuredRounds; round += 1) {
    const parsing = newSpan();
    const deciding = newSpan();
    for (let period = 0; period < periods; period += 1) {
      const reports = world.reports();
      parsing.add(() => parse(reports));
      deciding.add(() => world.decide(reports));
      world.settle();
    }
    const observations = periods * load.members * regions.length;
    baseline.push(observations / parsing.seconds());
    ours.push(observations / deciding.seconds());
  }
  world.check();
  const flapping = load.flappingPercent === 0 ? "steady" : `${load.flappingPercent} % flap`;
  const name = `core, ${count(load.members)} members, pools of ${count(load.membersPerPool)}, ${flapping}`;
  say(`${name}: ${count(median(ours))} observations/s (${spread(ours)}); parsing alone ${count(median(baseline))} (${spread(baseline)})`);
  // The goal is set for 10,000 members; the smaller project shows what the size costs.
  const judged = load.members === 10_000;
  return {
    name,
    ours: `${count(median(ours))} obs/s`,
    baseline: `${count(median(baseline))} obs/s`,
    ratio: median(ours) / median(baseline),
    goal: judged ? `≥ ${count(goal)} obs/s` : "",
    met: judged ? median(ours) >= goal : null,
  };
}

function parse(reports: readonly CheckReport[]): void {
  for (const report of reports) assert(checkReport.safeParse(report).success, "the bench makes good reports");
}

/** CPU time of some pieces of work, of all threads. Wall time would measure the machine's other work as well. */
function newSpan(): { add(work: () => void): void; seconds(): number } {
  let microseconds = 0;
  return {
    add: (work) => {
      const before = process.cpuUsage();
      work();
      const { user, system } = process.cpuUsage(before);
      microseconds += user + system;
    },
    seconds: () => microseconds / 1_000_000,
  };
}

/** A project of that size, a clock, and what the regions report in each period. */
class CoreWorld {
  readonly project: Project;
  private readonly members: ReturnType<typeof member>[];
  private readonly load: Load;
  private now = Date.UTC(2026, 0, 1);
  private period = 0;
  private statusChanges = 0;

  constructor(load: Load) {
    this.load = load;
    const { membersPerPool } = load;
    let events = 0;
    this.project = new Project(regions, () => uuid(10_000_000 + events++));
    const watch = monitor(1, { type: "HTTP", delay: delayMs / 1_000, timeout: 5, max_retries: 3, rise: 2 });
    const poolCount = load.members / membersPerPool;
    const pools = Array.from({ length: poolCount }, (_, index) => pool(1_000 + index, { monitor_ids: [watch.id] }));
    this.members = pools.flatMap((owner, index) =>
      Array.from({ length: membersPerPool }, (_, place) => {
        const n = index * membersPerPool + place;
        return member(100_000 + n, owner.id, [`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`]);
      }),
    );
    // Two pools a GSLB: one preferred, one to fall back to.
    const gslbs = Array.from({ length: poolCount / 2 }, (_, index) =>
      gslb(50_000 + index, [pools[2 * index]?.id ?? "", pools[2 * index + 1]?.id ?? ""]),
    );
    this.project.configure(configuration({ full: true, gslbs, pools, members: this.members, monitors: [watch] }), false, this.now);
    this.settle();
  }

  /** What one period brings: from each region one report for each five members, the regions mixed as their ticks are. */
  reports(): CheckReport[] {
    this.now += delayMs;
    this.period += 1;
    const reports: CheckReport[] = [];
    for (let at = 0; at < this.members.length; at += observationsPerReport) {
      for (const region of regions) {
        const observed = this.members.slice(at, at + observationsPerReport);
        reports.push({
          project_id: "default",
          region,
          shard: Math.floor(at / 100),
          generation: 1,
          colo: "local",
          observations: observed.map((subject, index) => this.observation(subject, at + index)),
        });
      }
    }
    return reports;
  }

  decide(reports: readonly CheckReport[]): void {
    for (let at = 0; at < reports.length; at += reportsPerCall) {
      this.project.observe(reports.slice(at, at + reportsPerCall), this.now + 50);
      const { writeBack } = this.project.drain();
      this.statusChanges += writeBack.events.reduce((sum, event) => sum + (event.kind === "member_status" ? 1 : 0), 0);
    }
  }

  /** Plays the clock and the backend, outside of what is measured. */
  settle(): void {
    this.project.tick(this.now + 100);
    for (const [key, publication] of this.project.publications) {
      if (publication.confirmed !== publication.number) this.project.written(key, publication.number, null, this.now + 100, 0.5);
    }
    this.project.drain();
  }

  /** That what was measured did happen: everyone was judged, and only those that flap moved. */
  check(): void {
    const flapping = Math.floor((this.load.members * this.load.flappingPercent) / 100);
    const down = [...this.project.members.values()].filter((state) => state.status !== "ACTIVE").length;
    assert(down <= flapping, `${down} members are not up, ${flapping} flap`);
    // First judged, then down and up once in six rounds.
    const least = this.load.members + Math.floor((flapping * (this.period - 8)) / 3);
    const enough = flapping === 0 ? this.statusChanges === this.load.members : this.statusChanges >= least;
    assert(enough, `${this.statusChanges} changes of status, at least ${least} were due`);
  }

  private observation(subject: ReturnType<typeof member>, place: number): CheckReport["observations"][number] {
    const outcome = this.outcome(place);
    return {
      member_id: subject.id,
      endpoint: subject.endpoints[0] ?? "",
      monitor_id: uuid(1),
      monitor_version: 1,
      tick: this.now,
      outcome,
      latency_ms: 12.5,
      detail: outcome === "pass" ? "200" : "connect refused or unreachable",
    };
  }

  /** Those that flap fail three times and pass three times, each from another period on: enough to go down and to come back. */
  private outcome(place: number): OutcomeKind {
    const { flappingPercent } = this.load;
    if ((place * flappingPercent) % 100 >= flappingPercent) return "pass";
    const nth = Math.floor((place * flappingPercent) / 100);
    return (this.period + nth) % 6 < 3 ? "fail" : "pass";
  }
}
