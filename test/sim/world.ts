/**
 * One seeded world: targets, checkers, queue, the real Engine over its storage, a backend, a Conductor, and people and faults that disturb all
 * of them; then a calm time, by whose end everything must be as the truth says.
 */
import type { Change } from "../../domain/backend.ts";
import { nameOf } from "../../domain/fence.ts";
import type { CheckReport } from "../../domain/observation.ts";
import type { Publication } from "../../domain/publish.ts";
import type { GslbState, MemberState, PoolState } from "../../durable-objects/engine/state.ts";
import type { Caller, WriteBack } from "../../durable-objects/rpc.ts";
import { SimConductor, type Tables } from "./conductor.ts";
import { planFollows, planStands, type Rows } from "./decided.ts";
import { EngineHost } from "./engine-host.ts";
import { SimFlavors } from "./flavors.ts";
import { holdsFollowFromFalls } from "./holds.ts";
import * as invariants from "./invariants.ts";
import { SimProber } from "./prober.ts";
import { SimQueue } from "./queue.ts";
import { Ids, Random } from "./random.ts";
import { draw, Maker, slowDown } from "./scenario.ts";
import { type Region, Targets } from "./targets.ts";
import { Timeline } from "./timeline.ts";
import { Trace } from "./trace.ts";
import { type Limit, Votes } from "./votes.ts";
import { Watcher } from "./watcher.ts";

export type Violation = { readonly at: number; readonly invariant: string; readonly expected: string; readonly seen: string };

const start = Date.UTC(2026, 0, 1);
const regionNames = ["weur", "eeur", "enam", "wnam", "apac"];
/** After people's changes and crashes more than one step may be under way. */
const calmEnoughMs = 3_000;
const quiet: invariants.Turn = { kind: "something else", heard: new Set() };
export const people: Caller = { id: "u", name: "operator", requestId: "r" };

export class World {
  readonly random: Random;
  readonly ids: Ids;
  readonly timeline = new Timeline(start);
  readonly trace: Trace;
  readonly maker: Maker;
  readonly conductor: SimConductor;
  readonly targets = new Targets();
  readonly regions: Region[];
  /** Two of the regions are one place. */
  readonly sameColo: boolean;
  readonly probers = new Map<string, SimProber>();
  readonly queue: SimQueue;
  readonly flavors: SimFlavors;
  readonly host: EngineHost;
  readonly votes = new Votes();
  readonly watcher: Watcher;
  readonly violations: Violation[] = [];
  /** The chances of the present: see `faults.ts`. */
  crashChance = 0;
  conductorAway = false;
  conductorSlowMs = 0;
  /** True time of the last thing that went wrong or was changed by people. */
  disturbedAt = start;
  /** How many faults are under way. */
  troubles = 0;
  /** True time of the last write to a backend. */
  sentAt = start;
  private turn = quiet;
  private told = new Set<string>();
  /** Ids of events that are durable in the Engine's outbox: the Conductor must have them in the end. */
  readonly owed = new Set<string>();
  /** Where each GSLB's traffic stayed before its newest row. */
  private readonly stayedAt = new Map<string, string | null>();
  private notifying = false;
  private conductorTurn: Promise<unknown> = Promise.resolve();
  private lookedUp: { readonly meta: unknown; readonly tables: Tables | null } = { meta: undefined, tables: null };

  constructor(seed: string, verbose: boolean) {
    this.random = new Random(seed);
    this.ids = new Ids(1);
    this.trace = new Trace(() => this.timeline.now, verbose);
    this.maker = new Maker(this.random.fork("scenario"), this.ids);
    this.conductor = new SimConductor(() => this.timeline.now);
    const names = this.random.fork("regions");
    const count = names.pick([1, 2, 3, 3, 3, 5]);
    this.sameColo = count > 2 && names.chance(0.2);
    this.regions = regionNames.slice(0, count).map((name, index) => ({
      name,
      colo: this.sameColo ? (index < 2 ? "AMS" : `C${index}`) : "local",
      checker: "honest",
      blind: false,
      offsetMs: 0,
    }));
    draw(this.random.fork("draw"), this.maker, this.conductor);
    slowDown(this.conductor, this.regions.length);
    const { timeline } = this;
    this.watcher = new Watcher((table, id, before, after) => this.check(table, id, before, after));
    this.flavors = new SimFlavors(
      this.random.fork("backend"),
      () => timeline.now,
      (ms) => timeline.sleep(ms),
    );
    const engineIds = new Ids(2);
    const engineRandom = this.random.fork("engine");
    this.host = new EngineHost({
      timeline,
      random: this.random.fork("host"),
      watch: (table, id, body) => {
        this.watcher.row(table, id, body);
        if (table === "member") this.watcher.once(this.votes.stored(id));
      },
      say: (line) => this.trace.say(line),
      fault: (invariant, detail) => this.violated(invariant, "nothing is thrown, no error is logged", detail),
      committed: () => this.watcher.committed(),
      rolledBack: () => {
        this.told.clear();
        this.votes.crashed();
        this.disturbedAt = this.timeline.now;
        this.watcher.rolledBack();
      },
      crashChance: () => this.crashChance,
      ports: ({ call }) => ({
        projectId: "default",
        regions: this.regions.map(({ name }) => name),
        allowPrivate: undefined,
        random: () => engineRandom.next(),
        newId: () => engineIds.next(),
        conductor: {
          configuration: (since) => call("configuration", () => this.atConductor(() => this.conductor.configuration(since))),
          record: (writeBack) => call("record", () => this.atConductor(() => this.conductor.record(structuredClone(writeBack)))),
        },
        prober: (key) => {
          const name = `${key.region}:${key.shard}:${key.generation}`;
          const work = <T>(what: string, act: (prober: SimProber) => T) =>
            call(`${what} ${name}`, () => act(this.prober(key.region, name)));
          return {
            assign: (assignment) => work("assign", (prober) => prober.assign(structuredClone(assignment))),
            confirm: (confirmations) => work("confirm", (prober) => prober.confirm(confirmations)),
            wake: () => work("wake", (prober) => prober.wake()),
          };
        },
        flavors: (name) =>
          this.flavors.bound(name, {
            call,
            issued: (flavor, changes) => this.issued(flavor, changes),
            left: (flavor, changes) => this.left(flavor, changes),
          }),
        backendIo: {
          now: () => this.host.now,
          fetch,
          connect: () => {
            throw new Error("this backend needs no network");
          },
        },
        log: {
          warn: (message) => this.trace.say(`warn: ${message.slice(0, 160)}`),
          error: (message) => this.violated("no error is logged", "nothing", message),
        },
      }),
    });
    this.queue = new SimQueue(timeline, this.random.fork("queue"), (reports, lagMs) => this.deliver(reports, lagMs));
  }

  region(name: string): Region {
    const region = this.regions.find((candidate) => candidate.name === name);
    if (region === undefined) throw new Error(`there is no region ${name}`);
    return region;
  }

  /** What the Engine was told last; null: nothing yet. */
  known(): Tables | null {
    const meta = this.watcher.get("meta", "meta") as { epoch: number; seq: number } | undefined;
    if (this.lookedUp.meta !== meta)
      this.lookedUp = { meta, tables: meta === undefined ? null : (this.conductor.given.get(`${meta.epoch} ${meta.seq}`) ?? null) };
    return this.lookedUp.tables;
  }

  /** Whether the Engine doubts its witnesses. */
  isBlindOrSick(): boolean {
    const meta = this.watcher.get("meta", "meta") as { blind: boolean; sick: object } | undefined;
    return meta === undefined || meta.blind || Object.keys(meta.sick).length > 0;
  }

  /** People changed something: the Engine is told until it knows. */
  changed(): void {
    this.disturbedAt = this.timeline.now;
    if (this.notifying) return;
    this.notifying = true;
    this.timeline.after(20, () => void this.notify(0));
  }

  private async notify(failures: number): Promise<void> {
    const { head } = this.conductor;
    const again = () => {
      const wait = Math.min(60_000, 500 * 2 ** failures);
      this.timeline.after(wait, () => void this.notify(failures + 1));
    };
    if (this.conductorAway) return again();
    try {
      const taken = await this.host.call((shell) => shell.configurationChanged(head));
      const current = this.conductor.head;
      if (taken.epoch < current.epoch || taken.seq < current.seq) return again();
      this.notifying = false;
    } catch {
      again();
    }
  }

  /** The cron's round. */
  watchdog(): void {
    if (!this.conductorAway) this.remind();
    this.host.call((shell) => shell.watch()).catch(() => undefined);
  }

  private remind(): void {
    if (this.notifying) return;
    this.notifying = true;
    this.timeline.after(20, () => void this.notify(0));
  }

  violated(invariant: string, expected: string, seen: string): void {
    this.violations.push({ at: this.timeline.now, invariant, expected, seen });
    this.trace.say(`VIOLATED: ${invariant}`);
  }

  loseState(): void {
    this.host.loseState();
    this.watcher.forget();
    this.votes.forget();
    for (const { sent } of this.flavors.all()) sent.clear();
    // What it had not told yet is lost with it.
    this.owed.clear();
    this.disturbedAt = this.timeline.now;
  }

  private prober(regionName: string, name: string): SimProber {
    const known = this.probers.get(name);
    if (known !== undefined) return known;
    const region = this.region(regionName);
    const prober = new SimProber(this.timeline, this.targets, region, (report) => {
      if (!region.blind) this.queue.send(report);
    });
    this.probers.set(name, prober);
    return prober;
  }

  /** One after the other, in the order in which they came. */
  private atConductor<T>(work: () => T): Promise<T> {
    const turn = this.conductorTurn.then(async () => {
      if (this.conductorSlowMs > 0) await this.timeline.sleep(this.conductorSlowMs);
      if (this.conductorAway) throw new Error("the Conductor is away");
      return work();
    });
    this.conductorTurn = turn.catch(() => undefined);
    return turn;
  }

  private deliver(reports: readonly CheckReport[], lagMs: number): Promise<void> {
    return this.host.call((shell) => {
      const heard = new Set<string>();
      for (const report of reports) {
        this.votes.hear(report, this.host.now, (told) => this.limitOf(report.region, told));
        for (const { member_id, endpoint, outcome, tick } of report.observations) {
          if (outcome !== "no_data") heard.add(`${member_id} ${endpoint}`);
          this.trace.count(`${report.region} ${endpoint} ${tick} ${outcome}`);
        }
      }
      this.turn = { kind: "a report", heard };
      try {
        return shell.observe(reports, lagMs);
      } finally {
        this.turn = quiet;
      }
    });
  }

  /** By what an observation counts; null: it does not, since nobody asks for it, or it is from before the counters started anew. */
  private limitOf(
    region: string,
    { member_id, endpoint, monitor_id, monitor_version, tick }: CheckReport["observations"][number],
  ): Limit | null {
    const known = this.known();
    const member = known?.pool_member.get(member_id);
    const monitor = known?.monitor.get(monitor_id);
    if (known === null || member === undefined || monitor === undefined || !monitor.admin_state_up) return null;
    const ids = member.monitor_ids.length > 0 ? member.monitor_ids : (known.pool.get(member.pool_id)?.monitor_ids ?? []);
    if (!ids.includes(monitor_id) || (monitor.check_regions.length > 0 && !monitor.check_regions.includes(region))) return null;
    const state = this.watcher.get("member", member_id) as MemberState | undefined;
    const asked = state?.endpoints[endpoint]?.monitors[monitor_id];
    if (asked === undefined || asked.version !== monitor_version) return null;
    const { startedAt } = asked.judgement;
    if (tick < startedAt - 1_000 && startedAt <= this.host.now + 5_000) return null;
    return { fails: monitor.max_retries, passes: monitor.rise };
  }

  private facts(): invariants.Facts {
    return {
      now: this.host.now,
      trueNow: this.timeline.now,
      turn: this.turn,
      known: this.known(),
      regions: this.regions.map(({ name }) => name),
      votes: this.votes,
      disturbedAt: this.disturbedAt,
      violated: (invariant, expected, seen) => this.violated(invariant, expected, seen),
    };
  }

  private rows(): Rows {
    return {
      known: this.known(),
      of: <T>(table: string) => new Map(this.watcher.all(table)) as ReadonlyMap<string, T>,
      read: (query) => this.host.read(query),
    };
  }

  private check(table: string, id: string, before: unknown, after: unknown): void {
    const facts = this.facts();
    if (table === "outbox") {
      const writeBack = after as WriteBack;
      invariants.eventsCarryEvidence(facts, writeBack);
      for (const event of writeBack.events) {
        if (event.kind === "published") this.told.add(`${event.gslb_id} ${event.flavor} ${event.plan}`);
        this.watcher.once(() => this.owed.add(event.id));
        this.watcher.once(() =>
          this.trace.say(`event: ${event.kind} ${event.from ?? ""} → ${event.to ?? ""} ${event.reason.slice(0, 140)}`),
        );
      }
    }
    // A name that is forgotten has its numbers from the backend, if it is wanted again.
    const gone = table === "publication" && after === undefined ? (before as Publication | undefined) : undefined;
    if (gone !== undefined) this.flavors.get(gone.flavor).sent.delete(gone.fqdn);
    if (after === undefined) return;
    if (table === "member") {
      holdsFollowFromFalls(facts, id, before as MemberState | undefined, after as MemberState);
      invariants.statesMoveByVotes(facts, id, before as MemberState | undefined, after as MemberState);
      this.restartVotes(id, before as MemberState | undefined, after as MemberState);
    }
    if (table === "gslb") {
      this.stayedAt.set(id, (before as GslbState | undefined)?.stayAt ?? null);
      // The newest row of those that become durable together.
      this.watcher.once(() => {
        if (this.watcher.get("gslb", id) === after && this.timeline.now - this.disturbedAt > calmEnoughMs)
          planStands(facts, after as GslbState, id, this.rows(), this.stayedAt);
      });
    }
    if (table === "pool") invariants.budgetIsKept(facts, id, after as PoolState);
    if (table === "publication") this.checkPublication(facts, before as Publication | undefined, after as Publication);
  }

  private restartVotes(id: string, before: MemberState | undefined, after: MemberState): void {
    for (const [endpoint, { monitors }] of Object.entries(after.endpoints)) {
      for (const [monitor, { judgement }] of Object.entries(monitors)) {
        const was = before?.endpoints[endpoint]?.monitors[monitor]?.judgement.startedAt;
        if (was !== judgement.startedAt) this.votes.restart(id, endpoint, monitor);
      }
    }
  }

  private checkPublication(facts: invariants.Facts, before: Publication | undefined, after: Publication): void {
    // An Engine without state takes what stands as it stands.
    if (before === undefined && after.confirmed === after.number) return;
    planFollows(facts, before, after, this.rows(), this.stayedAt);
    invariants.planIsEmptyOnlyByWithdraw(facts, before, after);
    invariants.numbersRise(facts, before, after);
    invariants.nobodyTakenOutEntersAPlan(facts, before, after);
    this.flavors.pendingIsNotInSync(facts, before, after);
    this.watcher.once(() => {
      invariants.publishedIsTold(facts, before, after, (gslb, flavor, plan) => this.told.has(`${gslb} ${flavor} ${plan}`));
      if (after.number !== before?.number) {
        const { wanted } = after;
        const what = wanted === null || wanted === "removed" ? String(wanted) : wanted.answers.flatMap((set) => set.values).join(",");
        this.trace.say(`plan: ${after.flavor} ${after.fqdn} ${after.epoch}/${after.number} ${what}`);
      }
    });
  }

  /** The Engine means to write this; it leaves when what was decided is durable. */
  private issued(flavor: string, changes: readonly Change[]): void {
    const facts = this.facts();
    for (const change of changes) {
      const stored = this.watcher.get("publication", `${flavor} ${nameOf(change)}`) as Publication | undefined;
      invariants.onlyTheNewestIsWritten(facts, change, stored);
      this.flavors.othersRecordsStay(facts, flavor, change, stored);
    }
  }

  private left(flavor: string, changes: readonly Change[]): void {
    this.sentAt = this.timeline.now;
    const facts = this.facts();
    const { sent, mood } = this.flavors.get(flavor);
    for (const change of changes) invariants.writesRise(facts, change, sent);
    this.trace.say(`write: ${flavor} ${changes.map(nameOf).join(", ")} (${mood})`);
  }
}
