import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../domain/limits.ts";
import { newestTick } from "../../domain/schedule.ts";
import { firstRunAt, type HeldCheck, heldChecks } from "../prober/assignment.ts";
import { type Call, Slots } from "../prober/slots.ts";
import type { Assignment } from "../rpc.ts";
import type { ProberKey } from "./ports.ts";
import { ProberFleet } from "./prober-fleet.ts";
import { member, monitor, pool, uuid, World } from "./project.fixture.ts";
import type { Store } from "./store.ts";

const stepMs = 50;
const start = 1_700_000_000_000;
const settled = () => new Promise((resolve) => setImmediate(resolve));

type Run = { readonly check: string; readonly tick: number; readonly at: number; readonly shard: number };

/** A Prober's own timetable, and nothing of its platform. */
class TestProber {
  private readonly slots = new Slots(limits.proberSlots);
  private held: ReadonlyMap<string, HeldCheck> = new Map();
  private version = 0;
  private ending: { readonly at: number; readonly call: Call }[] = [];

  constructor(now: number) {
    this.slots.resume(null, now);
  }

  assign(assignment: Assignment, now: number): { readonly version: number } {
    if (assignment.version <= this.version) return { version: this.version };
    this.held = heldChecks(assignment.monitors, assignment.checks, (key, periodic) => {
      const before = this.held.get(key);
      return before === undefined ? firstRunAt(key, periodic, now) : before.scheduled.firstAt;
    });
    this.version = assignment.version;
    this.slots.replace(
      [...this.held.values()].map(({ scheduled }) => scheduled),
      now,
    );
    return { version: this.version };
  }

  has(check: string): boolean {
    return this.held.has(check);
  }

  /** What is begun now, and, where the targets hang, what is said to have had no slot: there are more new looks then than slots. */
  run(now: number, hangs: boolean): { readonly key: string; readonly tick: number }[] {
    for (const { call } of this.ending.filter(({ at }) => at <= now)) this.slots.release(call);
    this.ending = this.ending.filter(({ at }) => at > now);
    const { calls, late } = this.slots.advance(now);
    for (const call of calls) this.ending.push({ at: now + (hangs ? call.timeoutMs : stepMs), call });
    return [...calls.flatMap(({ runs }) => runs), ...(hangs ? late : [])];
  }
}

type Change = {
  /** After so many ms. */
  readonly after: number;
  /** The new timeout of each of the two monitors, in seconds; null: as it was. */
  readonly timeouts: readonly [number | null, number | null];
  readonly members: number;
  /** How long each Prober takes to be told, by its number; and which of the tries fail, and whether what was told has arrived all the same. */
  readonly latencies: readonly number[];
  readonly failures: readonly ("before" | "after" | null)[];
};

const delays = [5, 4] as const;

/** Two monitors over some members, in one region: the checks of the one push those of the other out of their shard. */
class Play {
  now = start;
  readonly runs: Run[] = [];
  /** When each check was first wanted in the form that it has. */
  readonly wanted = new Map<string, number>();
  moves = 0;
  private readonly probers = new Map<string, TestProber>();
  private readonly assigned = new Map<string, ReadonlySet<string>>();
  private waiting: { readonly at: number; readonly go: () => void }[] = [];
  private change: Change | null = null;
  private tries = 0;
  private readonly world = new World();
  private readonly timeouts: [number, number] = [1, 1];
  private readonly versions: [number, number] = [2, 2];
  private readonly fleet: ProberFleet;

  constructor() {
    const ports = {
      projectId: "default",
      anchors: [],
      prober: ({ shard }: ProberKey) => ({
        assign: (assignment: Assignment) => this.tell(shard, assignment),
        confirm: async () => undefined,
        wake: async () => ({ version: 0, checks: 0, next_due_at: null }),
      }),
      log: { warn: () => undefined, error: () => undefined },
      now: () => this.now,
      sleep: () => Promise.resolve(),
      newId: () => "",
    };
    const store = { saveShards: () => undefined, meta: () => ({}) } as unknown as Store;
    this.fleet = new ProberFleet(ports, 1, this.world.project.catalog, store, new Map());
    this.world.configure({ deleted: [100, 101].map((n) => ({ kind: "pool_member" as const, id: uuid(n) })) });
  }

  async apply(change: Change, hangs: boolean): Promise<void> {
    await this.pass(change.after, hangs);
    this.change = change;
    for (const which of [0, 1] as const) {
      const timeout = change.timeouts[which];
      if (timeout === null || timeout === this.timeouts[which]) continue;
      this.timeouts[which] = timeout;
      this.versions[which] += 1;
    }
    const members = Array.from({ length: change.members }, (_, n) => member(1_000 + n, uuid(10), [`192.0.2.${n + 1}`]));
    const known = [...this.world.project.catalog.members.keys()];
    const gone = known.filter((id) => !members.some((one) => one.id === id));
    const monitors = ([0, 1] as const).map((which) =>
      monitor(1 + which, {
        delay: delays[which],
        timeout: this.timeouts[which],
        version: this.versions[which],
        check_regions: ["weur"],
        confirm_delay: delays[which],
      }),
    );
    this.world.configure({
      monitors,
      pools: [pool(10, { monitor_ids: [uuid(1), uuid(2)] })],
      members,
      deleted: gone.map((id) => ({ kind: "pool_member" as const, id })),
    });
    const names = new Set(members.flatMap(({ id, endpoints }) => monitors.map((one) => [id, endpoints[0], one.id, one.version].join(" "))));
    for (const name of this.wanted.keys()) if (!names.has(name)) this.wanted.delete(name);
    for (const name of names) if (!this.wanted.has(name)) this.wanted.set(name, this.now);
    this.fleet.assign();
    // As the Engine's pump does: again and again, until everybody has confirmed.
    for (let again = true; again; ) {
      let failed: boolean | null = null;
      this.fleet.push().then(
        () => {
          failed = false;
        },
        () => {
          failed = true;
        },
      );
      await settled();
      while (failed === null) await this.pass(stepMs, hangs);
      again = failed;
      if (again) await this.pass(500, hangs);
    }
    this.change = null;
  }

  async pass(ms: number, hangs: boolean): Promise<void> {
    for (const until = this.now + ms; this.now < until; ) {
      this.now += stepMs;
      const due = this.waiting.filter(({ at }) => at <= this.now);
      this.waiting = this.waiting.filter(({ at }) => at > this.now);
      for (const { go } of due) go();
      if (due.length > 0) await settled();
      for (const [name, prober] of this.probers)
        for (const { key, tick } of prober.run(this.now, hangs)) this.runs.push({ check: key, tick, at: this.now, shard: Number(name) });
    }
  }

  private async tell(shard: number, assignment: Assignment): Promise<{ readonly version: number }> {
    const { latencies, failures } = this.change as Change;
    const failure = failures[this.tries++ % failures.length] ?? null;
    await new Promise<void>((resolve) => this.waiting.push({ at: this.now + (latencies[shard % latencies.length] ?? 0), go: resolve }));
    if (failure === "before") throw new Error("not reached");
    const name = String(shard);
    const prober = this.probers.get(name) ?? new TestProber(this.now);
    this.probers.set(name, prober);
    this.note(name, assignment);
    const answer = prober.assign(assignment, this.now);
    if (failure === "after") throw new Error("the answer was lost");
    return answer;
  }

  private note(name: string, { checks, monitors }: Assignment): void {
    const version = new Map(monitors.map((one) => [one.id, one.version]));
    const has = new Set(checks.map((one) => [one.member_id, one.endpoint, one.monitor_id, version.get(one.monitor_id)].join(" ")));
    const had = this.assigned.get(name) ?? new Set<string>();
    const elsewhere = (check: string) => [...this.assigned].some(([other, set]) => other !== name && set.has(check));
    const takes = [...has].filter((check) => !had.has(check) && elsewhere(check));
    this.moves += takes.length;
    this.assigned.set(name, has);
  }
}

const timeout = fc.constantFrom<number | null>(null, 1, 4);
const change: fc.Arbitrary<Change> = fc.record({
  after: fc.integer({ min: 20, max: 160 }).map((steps) => steps * stepMs),
  timeouts: fc.tuple(timeout, timeout),
  members: fc.integer({ min: 1, max: 30 }),
  latencies: fc.array(
    fc.integer({ min: 0, max: 12 }).map((steps) => steps * stepMs),
    { minLength: 1, maxLength: 4 },
  ),
  failures: fc
    .array(fc.constantFrom("before" as const, "after" as const, null, null, null), { minLength: 1, maxLength: 5 })
    .map((list) => [...list, null]),
});

describe("a check that moves from one Prober to another", () => {
  let moved = 0;

  it("is run at each of its ticks, at none of them more than once by a Prober, whenever and however the Probers are told", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 2, maxLength: 4 }), fc.boolean(), async (changes, hangs) => {
        const play = new Play();
        for (const one of changes) await play.apply(one, hangs);
        await play.pass(12_000, hangs);
        moved += play.moves;
        const byCheck = Map.groupBy(play.runs, ({ check }) => check);
        for (const [check, since] of play.wanted) {
          const runs = byCheck.get(check) ?? [];
          const periodic = periodicOf(runs, check);
          const first = runs.find(({ at }) => at >= since);
          expect(first, `${check} is run`).toBeDefined();
          if (first === undefined) continue;
          // Each Prober runs each tick once.
          expect(new Set(runs.map(({ tick, shard }) => `${tick} ${shard}`)).size).toBe(runs.length);
          // Beside its timetable it is run once for each Prober that it is new to.
          const shards = new Set(runs.map(({ shard }) => shard));
          const extra = runs.filter(({ tick }) => newestTick(periodic, tick) !== tick);
          for (const shard of shards) {
            // A Prober that had it, gave it away and took it again has it new again.
            expect(extra.filter((run) => run.shard === shard).length).toBeLessThanOrEqual(changes.length);
          }
          const ticks = new Set(runs.map(({ tick }) => tick));
          const end = play.now - 2 * periodic.delayMs;
          // From its first run on, out of its stagger or not.
          for (let tick = newestTick(periodic, first.at) + periodic.delayMs; tick <= end; tick += periodic.delayMs) {
            if (ticks.has(tick)) continue;
            // What waited for a slot where it was goes with the move: where all slots hang, one run may, and the one after it does not.
            if (hangs && ticks.has(tick + periodic.delayMs)) continue;
            expect.fail(`${check} is not run at ${tick - start}`);
          }
        }
      }),
      { numRuns: 60 },
    );
    expect(moved).toBeGreaterThan(10);
  }, 60_000);
});

/** Of a check: its delay by its monitor, its phase by any tick that repeats; new looks do not. */
function periodicOf(runs: readonly Run[], check: string): { readonly delayMs: number; readonly phaseMs: number } {
  const delayMs = (check.includes(` ${uuid(1)} `) ? delays[0] : delays[1]) * 1_000;
  const phases = Map.groupBy(runs, ({ tick }) => tick % delayMs);
  const [phaseMs = 0] = [...phases].sort(([, a], [, b]) => b.length - a.length).map(([phase]) => phase);
  return { delayMs, phaseMs };
}
