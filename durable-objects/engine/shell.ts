/**
 * The Engine of one project without its Durable Object: a thin shell around `Project`. It keeps the state through evictions, feeds events in,
 * and carries the effects out: plans to the backends, assignments to the Probers, status and history to the Conductor. Judging and publishing
 * need its own state and the backend alone; whatever else is away is retried by its alarm. It knows the world by its ports alone.
 */
import type { Cloud } from "../../domain/cloud.ts";
import type { Flavor } from "../../domain/flavor.ts";
import { limits } from "../../domain/limits.ts";
import type { CheckReport } from "../../domain/observation.ts";
import type { Override } from "../../domain/override.ts";
import type { Problem } from "../../domain/problem.ts";
import { ok, type Result } from "../../domain/result.ts";
import type { GslbView, MemberView, PoolView, ProjectView } from "../../domain/status-view.ts";
import type { Caller, EngineHealth, EngineRpc, Preflight } from "../rpc.ts";
import type { BackendsRpc, Sealed } from "../rpc-backends.ts";
import type { AgentPoll, CheckResult, TestOrder, VantageRpc } from "../rpc-vantage.ts";
import { CloudDesk } from "./cloud-desk.ts";
import { idsOf } from "./configured-ids.ts";
import { isJudgingOften } from "./drift-watch.ts";
import { FlavorDesk } from "./flavor-desk.ts";
import { sayLeftOut } from "./left-out.ts";
import { ableBy, type EnginePorts } from "./ports.ts";
import { ProberFleet } from "./prober-fleet.ts";
import { Project } from "./project.ts";
import { Publisher } from "./publisher.ts";
import { Pump } from "./pump.ts";
import { ResolverDesk } from "./resolver-desk.ts";
import { listening } from "./silence.ts";
import { type Meta, newMeta, Store, type Watched } from "./store.ts";
import { VantagePoints } from "./vantage-points.ts";
import { gslbView, memberView, poolView, projectView } from "./views.ts";
import { flush } from "./write-back.ts";

/** Statuses and history wait at most this long for others to go with them. */
const writeBackSpacingMs = 100;

export class EngineShell implements EngineRpc, VantageRpc, BackendsRpc {
  private readonly ports: EnginePorts;
  private readonly store: Store;
  private readonly project: Project;
  private readonly fleet: ProberFleet;
  private readonly points: VantagePoints;
  private meta: Meta;
  private readonly configuring: Pump;
  private readonly assigning: Pump;
  private readonly flavors: FlavorDesk;
  private readonly publishing: Publisher;
  private readonly names: ResolverDesk;
  private readonly clouds: CloudDesk;
  private readonly flushing: Pump;
  private alarmAt: number | null = null;
  /** The next checkpoint is due then, if anything was heard. */
  private checkpointAt = 0;
  private observedSinceCheckpoint = false;
  /** The time when something was last decided. */
  private latest = 0;
  private watched: Watched;
  private queueLagMs: number | null = null;

  constructor(ports: EnginePorts) {
    this.ports = ports;
    const { regions, allowPrivate } = ports;
    const now = ports.now();
    this.store = new Store(ports.storage, ports.log);
    this.project = new Project(regions, () => ports.newId(), allowPrivate);
    this.meta = this.store.meta() ?? newMeta({ regions, able: ableBy(ports), anchors: (ports.anchors ?? []).map(({ id }) => id) }, now);
    this.project.epoch = this.meta.epoch;
    this.project.blind = this.meta.blind;
    this.project.vantage.restore(this.meta.sick);
    this.points = new VantagePoints(ports, this.project);
    this.points.restore(this.meta.adrift);
    this.project.startedAt = now;
    this.fleet = new ProberFleet(ports, this.meta.generation, this.project.catalog, this.store, this.store.load(this.project));
    this.project.resume(now);
    this.project.passive.listeningSince = this.store.listening()?.since ?? 0;
    this.listen(now);
    this.watched = listening(this.store.watched(), this.project.catalog, now);
    this.project.listensUntil = this.watched.listensUntil;
    const pump = (name: string, work: () => Promise<void>, spacingMs = 0) => new Pump(ports, name, work, () => this.arm(), spacingMs);
    this.configuring = pump("taking the configuration over", () => this.pull());
    this.assigning = pump("assigning checks", () => this.fleet.push());
    const moved = (names: readonly string[]) => this.flavorsMoved(names);
    this.flavors = new FlavorDesk(ports, this.store, this.project, moved, () => this.arm());
    const arm = () => this.arm();
    this.names = new ResolverDesk(ports, this.store, this.project, (gslbIds) => this.steerAgain(gslbIds), arm);
    this.clouds = new CloudDesk(ports, this.store, this.project, (members) => this.heardOf(members));
    const lastAlive = this.store.watched()?.aliveAt ?? null;
    this.publishing = new Publisher(this.flavors.lanePorts, this.project, this.store, lastAlive, () => this.persist(), arm);
    this.flushing = pump("writing back", () => flush(this.store, ports.conductor), writeBackSpacingMs);
  }

  /** To be called once, before anything else is. */
  async start(): Promise<void> {
    this.alarmAt = await this.ports.alarm.get();
    await this.flavors.start();
    this.names.configured();
    this.clouds.configured();
    const { regions, allowPrivate } = this.ports;
    const begun = { regions, able: ableBy(this.ports), anchors: this.points.anchors.ids };
    const isOther = (field: keyof typeof begun) => JSON.stringify(this.meta[field]) !== JSON.stringify(begun[field]);
    const others = isOther("regions") || isOther("able");
    if (others) this.project.setRegions(regions, allowPrivate, this.ports.now());
    if (others || isOther("anchors")) {
      this.meta = { ...this.meta, ...begun };
      this.store.putMeta(this.meta);
      this.assign();
    }
    this.persist();
    this.kickAll();
  }

  async configurationChanged(at: Parameters<EngineRpc["configurationChanged"]>[0]) {
    const behind = () => this.meta.epoch < at.epoch || (this.meta.epoch === at.epoch && this.meta.seq < at.seq);
    // A run that is under way may have read before the change was written; the one after it has not.
    for (let run = 0; run < 2 && behind(); run += 1) await this.configuring.kick();
    return { epoch: this.meta.epoch, seq: this.meta.seq };
  }

  async observe(reports: readonly CheckReport[], queueLagMs: number): Promise<void> {
    this.queueLagMs = queueLagMs;
    const now = this.time();
    const ours = reports.filter((report) => report.project_id === this.ports.projectId && this.fleet.heard(report, now));
    this.points.hear(ours, now);
    const { counted, confirmations } = this.project.observe(ours, now);
    if (counted > 0) this.publishing.judged(now);
    if (confirmations.length > 0) this.ports.background(this.fleet.confirmFast(confirmations));
    this.observedSinceCheckpoint ||= ours.length > 0;
    this.persist();
    this.checkpoint(now);
  }

  /** Returns once it is durable. */
  async beat(monitorId: string, memberId: string | null): Promise<boolean> {
    const now = this.time();
    this.listen(now);
    const isExpected = this.project.beat(monitorId, memberId, now);
    if (isExpected) this.publishing.judged(now);
    this.persist();
    return isExpected;
  }

  async watch(): Promise<EngineHealth> {
    // Not waited for: a Conductor that hangs must not keep the Probers silent.
    this.background(this.configuring);
    // Whoever was to tell of a flavor that changed may not have got through.
    this.background(this.flavors.pump);
    await this.fleet.wakeSilent(this.ports.now());
    this.kickAll();
    return this.health();
  }

  async regions() {
    return this.points.views(this.fleet.regions(), this.ports.now());
  }

  async backendsChanged(): Promise<void> {
    await Promise.all([this.flavors.changed(), this.clouds.changed()]);
  }

  async testFlavor(flavor: Sealed<Flavor>) {
    const used = [...this.project.publications.values()].flatMap(({ flavor: name, zone }) => (name === flavor.name ? [zone] : []));
    return this.flavors.flavors.test(flavor, [...new Set(used)]);
  }

  async testCloud(cloud: Sealed<Cloud>) {
    return this.clouds.clouds.test(cloud);
  }

  async agentPoll(poll: AgentPoll) {
    return this.fleet.desk.poll(poll);
  }

  async agentTested(id: string, result: CheckResult): Promise<void> {
    this.fleet.desk.tested(id, result);
  }

  async testByAgent(order: TestOrder) {
    return this.fleet.desk.test(order);
  }

  async memberStatus(id: string): Promise<MemberView | null> {
    return memberView(this.project, id, this.ports.now());
  }

  async poolStatus(id: string): Promise<PoolView | null> {
    return poolView(this.project, id, this.ports.now());
  }

  async gslbStatus(id: string): Promise<GslbView | null> {
    return gslbView(this.project, id, this.ports.now());
  }

  async projectStatus(): Promise<ProjectView> {
    return projectView(this.project, this.ports.now());
  }

  async preflight(override: Override): Promise<Preflight> {
    return this.project.preflight(override, this.ports.now());
  }

  async release(poolId: string, by: Caller): Promise<PoolView | null> {
    const now = this.time();
    this.project.release(poolId, now, by);
    this.persist();
    return poolView(this.project, poolId, now);
  }

  async failback(gslbId: string, by: Caller): Promise<Result<GslbView | null, Problem>> {
    const now = this.time();
    const done = this.project.failback(gslbId, now, by);
    this.persist();
    return done.ok ? ok(gslbView(this.project, gslbId, now)) : done;
  }

  async health(): Promise<EngineHealth> {
    const overdueMs = this.alarmAt === null ? 0 : this.ports.now() - this.alarmAt;
    const ok = overdueMs < 2 * limits.checkpointMs;
    const lag = this.queueLagMs === null ? null : this.queueLagMs / 1_000;
    return { ok, detail: ok ? "the alarm is on time" : `the alarm is ${Math.round(overdueMs / 1_000)} s late`, queue_lag_seconds: lag };
  }

  /** Never throws: an alarm that fails six times is gone. The next one is set before anything else is tried. */
  async alarm(): Promise<void> {
    const now = this.time();
    this.listen(now);
    this.alarmAt = now + limits.checkpointMs;
    this.promise(this.alarmAt);
    await this.ports.alarm.set(this.alarmAt);
    try {
      this.points.look(now);
      this.project.tick(now);
      if (!isJudgingOften(this.project.catalog)) this.publishing.judged(now);
      this.persist();
      this.checkpoint(now);
      if (now - this.watched.aliveAt >= limits.checkpointMs / 2) {
        this.watched = { ...this.watched, aliveAt: now };
        this.store.putWatched(this.watched);
      }
      this.kickAll();
    } catch (error) {
      this.ports.log.error(`engine ${this.ports.projectId}: the alarm failed: ${error}`);
    }
  }

  /** The time. Where the clock was set back, what was over may not be: that is looked at before anything is decided by it. */
  private time(): number {
    const now = this.ports.now();
    const wasSetBack = now < this.latest - limits.clockBackMs;
    // One that only stumbles is waited for: what was over a moment ago is over.
    if (now < this.latest && !wasSetBack) return this.latest;
    this.latest = now;
    if (wasSetBack) {
      this.project.tick(now, true);
      this.promise(this.alarmAt ?? now);
    }
    return now;
  }

  /** Stores what changed, and starts what follows from it. */
  private persist(): void {
    const changes = this.project.drain();
    this.store.save(this.project, changes);
    const { blind, vantage } = this.project;
    const adrift = this.points.anchors.state();
    if (blind !== this.meta.blind || vantage.state() !== this.meta.sick || adrift !== this.meta.adrift) {
      this.meta = { ...this.meta, blind, sick: vantage.state(), adrift };
      this.store.putMeta(this.meta);
    }
    if (Object.values(changes.writeBack).some((part) => part.length > 0)) this.background(this.flushing);
    if (changes.publications.size > 0) this.background(this.publishing);
    if (changes.members.size + changes.pools.size + changes.gslbs.size + changes.publications.size + changes.overrides.size > 0) this.arm();
  }

  private kickAll(): void {
    this.background(this.assigning);
    this.background(this.publishing);
    this.background(this.flushing);
    if (this.configuring.isDue(this.ports.now()) || this.meta.seq === 0) this.background(this.configuring);
    if (this.flavors.pump.isDue(this.ports.now())) this.background(this.flavors.pump);
    for (const desk of [this.names, this.clouds]) if (desk.isDue(this.ports.now())) this.background(desk.pump);
    this.arm();
  }

  private background(pump: Pump | Publisher): void {
    this.ports.background(pump.kick());
  }

  private async pull(): Promise<void> {
    const { epoch, seq } = this.meta;
    const stored = this.store.meta();
    const configuration = await this.ports.conductor.configuration(stored === null ? null : { epoch, seq });
    if (stored !== null && !configuration.full && configuration.seq === seq && configuration.tombstones.length === 0) return;
    await this.flavors.meet(configuration.gslbs.flatMap(({ flavors, flavor }) => flavors ?? [flavor]));
    const now = this.time();
    this.listen(now);
    this.project.configure(configuration, stored === null && configuration.full, now);
    this.flavors.tookOver();
    this.names.configured();
    this.clouds.configured();
    // Somebody may be waited for only now, and the alarm may be set already.
    if (this.alarmAt !== null) this.promise(this.alarmAt);
    this.meta = { ...this.meta, epoch: configuration.epoch, seq: configuration.seq };
    this.store.putMeta(this.meta);
    this.store.saveConfiguration(this.project, idsOf(configuration, this.project, this.store));
    this.assign();
    this.persist();
    this.background(this.assigning);
  }

  private flavorsMoved(names: readonly string[]): void {
    for (const name of names) this.publishing.flavorChanged(name);
    this.names.configured();
    this.steerAgain(this.project.catalog.usersOf(names));
  }

  /** OpenStack spoke; these answer elsewhere now, which is kept with them. */
  private heardOf(members: readonly string[]): void {
    this.steerAgain([]);
    this.arm();
    if (members.length === 0) return;
    this.store.saveConfiguration(this.project, { gslbs: [], pools: [], members, monitors: [], overrides: [] });
    this.assign();
    this.background(this.assigning);
  }

  private steerAgain(gslbIds: readonly string[]): void {
    this.project.steerAgain(gslbIds, this.time());
    this.persist();
    this.background(this.publishing);
  }

  private assign(): void {
    const leftOut = Object.fromEntries(this.fleet.assign());
    const before = this.meta.leftOut;
    if (JSON.stringify(leftOut) === JSON.stringify(before)) return;
    this.meta = { ...this.meta, leftOut };
    this.store.putMeta(this.meta);
    for (const event of sayLeftOut(leftOut, before)) this.project.say(this.ports.now(), event);
  }

  /**
   * Stores how fresh everything is, if anything was heard; the more there is, the less often. An idle object is gone after ten seconds, so
   * a small project's, which is often idle, must not be later than that.
   */
  private checkpoint(now: number): void {
    if (!this.observedSinceCheckpoint) return;
    // A time that is further ahead than any checkpoint can be was set before the clock was.
    if (now < this.checkpointAt && this.checkpointAt <= now + limits.checkpointMs) {
      this.armAt(this.checkpointAt);
      return;
    }
    this.observedSinceCheckpoint = false;
    const series = this.store.saveCheckpoint(this.project);
    this.checkpointAt = now + Math.min(limits.checkpointMs, Math.max(limits.checkpointMinMs, series * limits.checkpointSeriesMs));
  }

  /** Sets the alarm for whatever is next. */
  private arm(): void {
    const times = [this.configuring, this.assigning, this.flushing, this.flavors.pump].flatMap((pump) => pump.nextTryAt ?? []);
    const now = this.ports.now();
    const tick = this.project.nextTick();
    if (tick !== null) times.push(tick);
    for (const at of [this.publishing, this.names, this.clouds].map((one) => one.nextAt(now))) if (at !== null) times.push(at);
    if (this.observedSinceCheckpoint) times.push(this.checkpointAt);
    if (this.project.catalog.members.size > 0) times.push(now + limits.checkpointMs);
    if (times.length > 0) this.armAt(Math.min(...times));
  }

  /** An earlier alarm that is set already is left: it finds nothing to do and sets the next. */
  private armAt(time: number): void {
    const now = this.ports.now();
    const at = Math.max(time, now + 10);
    if (this.alarmAt !== null && this.alarmAt <= at && this.alarmAt > now) return;
    this.alarmAt = at;
    this.promise(at);
    this.ports.background(this.ports.alarm.set(at));
  }

  /** Where heartbeats are waited for: an alarm that did not come when it was to come means that nobody was here to hear them. */
  private listen(now: number): void {
    const kept = this.store.listening();
    if (kept === null) return;
    const wasMissed = now - kept.alarmAt > limits.catchUpMs;
    // No alarm is ever set so far ahead.
    const wasSetBack = kept.alarmAt - now > limits.checkpointMs + limits.clockBackMs;
    if (!wasMissed && !wasSetBack) return;
    this.project.passive.wasAway(now);
    this.promise(now);
  }

  private promise(alarmAt: number): void {
    const { isListening, listeningSince: since } = this.project.passive;
    if (isListening) this.store.putListening({ since, alarmAt });
  }
}
