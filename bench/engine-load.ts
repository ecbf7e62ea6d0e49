/**
 * What the bench of the Engine sends, and when: each second's reports in steps, as checks end, to both sides at once; members that flap, and
 * members that die at a moment of the bench's choosing.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Member } from "../domain/member.ts";
import type { OutcomeKind } from "../domain/observation.ts";
import { assert } from "../domain/result.ts";
import { BenchProject, delayMs, maxRetries, regionNames, report } from "./engine-project.ts";
import type { EngineSystem } from "./engine-system.ts";

export type Sent = {
  readonly messages: number;
  readonly observations: number;
  /** How late a step was, at the most. */
  readonly lateMs: number;
};

/** The pace of every size: that of the largest, so that the size is all that differs. */
const fullSize = 10_000;
/** The windows of the series are full after 16 results: from then on a result also pushes one out. */
const fillRounds = 16;
const reportsPerFill = 100;
/** The checks of one second end between so long after it, in steps. */
const spreadMs = { from: 20, to: 340, step: 20 };
const steps = (spreadMs.to - spreadMs.from) / spreadMs.step;
/** The reports of a second are made so long before it: a generator that is busy is late. */
const prepareMs = 300;
/** One member in so many flaps: it fails `maxRetries` times and passes as often, over and over. */
const flapsOneIn = 100;
const deaths = 9;
/** The first few run code that was never run before. */
const unmeasuredDeaths = 3;
/** Nobody dies whose own next tick is sooner: that would decide before the bench does. */
const undisturbedMs = 2_500;

export class EngineLoad {
  readonly project: BenchProject;
  isFlapping = false;
  private readonly ours: EngineSystem;
  private readonly baseline: EngineSystem;
  private readonly generation: number;
  private readonly places: ReadonlyMap<string, number>;
  private readonly dead = new Set<string>();
  private nextVictim = 0;
  private lastTick = 0;

  /** `generation`: of the Engine's Probers. */
  constructor(members: number, ours: EngineSystem, baseline: EngineSystem, generation: number) {
    this.project = new BenchProject(members);
    this.places = new Map(this.project.members.map((member, index) => [member.id, index]));
    this.ours = ours;
    this.baseline = baseline;
    this.generation = generation;
  }

  /** Everyone passes from everywhere until the windows are full, past the queue. */
  async fill(): Promise<void> {
    for (let round = 0; round < fillRounds; round += 1) {
      const reports = [...this.project.everyone(this.tick(), this.generation)];
      for (let at = 0; at < reports.length; at += reportsPerFill) await this.ours.fill(reports.slice(at, at + reportsPerFill));
    }
  }

  /** Everything that is due in that time, to both sides. */
  async run(forMs: number): Promise<Sent> {
    const sent = { messages: 0, observations: 0, lateMs: 0 };
    const sending: Promise<void>[] = [];
    const first = Math.ceil((Date.now() + prepareMs) / 1_000) * 1_000;
    for (let tick = first; tick < first + forMs; tick += 1_000) {
      await sleep(Math.max(0, tick - prepareMs - Date.now()));
      const reports = this.reportsOf(tick);
      const parcels = Array.from({ length: steps }, (_, step) => reports.filter((_, index) => index % steps === step));
      const bodies = parcels.map((parcel) => JSON.stringify(parcel));
      for (const [step, parcel] of parcels.entries()) {
        const at = tick + spreadMs.from + step * spreadMs.step;
        await sleep(Math.max(0, at - Date.now()));
        sent.lateMs = Math.max(sent.lateMs, Date.now() - at);
        sending.push(this.ours.report(parcel, bodies[step]), this.baseline.report(parcel, bodies[step]));
        sent.messages += parcel.length;
        for (const { observations } of parcel) sent.observations += observations.length;
      }
    }
    await sleep(Math.max(0, first + forMs - Date.now()));
    await Promise.all(sending);
    return sent;
  }

  /**
   * Members die, one after the other, each of another GSLB. Milliseconds from the result that decides to the changed answer. `amidst`: that
   * result is sent while those of its second are, each time at another moment of them.
   */
  async die(amidst: boolean): Promise<readonly number[]> {
    const times: number[] = [];
    for (let n = 0; n < unmeasuredDeaths + deaths; n += 1) {
      const { member, fqdn } = this.victim();
      this.dead.add(member.id);
      const majority = regionNames.slice(0, Math.floor(regionNames.length / 2) + 1);
      const fails = majority.flatMap((region) =>
        Array.from({ length: maxRetries }, () => report({ region, shard: 0 }, [member], this.tick(), this.generation, () => "fail")),
      );
      const deciding = fails.pop();
      assert(deciding !== undefined, "somebody decides");
      await this.ours.report(fails);
      await this.ours.drained();
      const moment = spreadMs.from + (((n % deaths) + 0.5) * (spreadMs.to - spreadMs.from)) / deaths;
      if (amidst) await sleep((moment - (Date.now() % 1_000) + 1_000) % 1_000);
      const took = await this.ours.decide({ report: deciding, fqdn, address: member.endpoints[0] ?? "" });
      if (n >= unmeasuredDeaths) times.push(took);
    }
    return times;
  }

  private victim(): ReturnType<BenchProject["victim"]> {
    for (;;) {
      const victim = this.project.victim(this.nextVictim);
      this.nextVictim += 1;
      if (this.project.untilTickMs(victim.member, Date.now()) > undisturbedMs) return victim;
    }
  }

  private reportsOf(tick: number) {
    const pace = fullSize / this.project.members.length;
    const from = Math.floor((tick / 1_000) * pace);
    const until = Math.floor((tick / 1_000 + 1) * pace);
    return Array.from({ length: until - from }, (_, n) =>
      this.project.reportsOf(from + n, tick, this.generation, (member) => this.outcome(member, tick)),
    ).flat();
  }

  private outcome(member: Member, tick: number): OutcomeKind {
    if (this.dead.has(member.id)) return "fail";
    const place = this.places.get(member.id) ?? 0;
    if (!this.isFlapping || place % flapsOneIn !== 0) return "pass";
    return (Math.floor(tick / delayMs) + place / flapsOneIn) % (2 * maxRetries) < maxRetries ? "fail" : "pass";
  }

  /** The time, and a little later than the one before. */
  private tick(): number {
    this.lastTick = Math.max(Date.now(), this.lastTick + 1);
    return this.lastTick;
  }
}
