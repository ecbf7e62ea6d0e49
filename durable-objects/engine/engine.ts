/**
 * The Engine of one project: a thin shell around `Project`. It keeps the state through evictions, feeds events in, and carries the effects
 * out: plans to the backends, assignments to the Probers, status and history to the Conductor. Judging and publishing need its own state and
 * the backend alone; whatever else is away is retried by its alarm.
 */
import { DurableObject } from "cloudflare:workers";
import { limits } from "../../domain/limits.ts";
import { parseRegions } from "../../domain/monitor.ts";
import type { CheckReport } from "../../domain/observation.ts";
import { isPending } from "../../domain/publish.ts";
import { assert } from "../../domain/result.ts";
import type { GslbView, MemberView, PoolView, ProjectView } from "../../domain/status-view.ts";
import { answersIo } from "../answers/answers-io.ts";
import type { Env } from "../env.ts";
import type { Configuration, EngineHealth, EngineRpc } from "../rpc.ts";
import { answersOf, conductorOf, projectOf } from "../stubs.ts";
import { ProberFleet } from "./prober-fleet.ts";
import { Project } from "./project.ts";
import { nextBatch, writeBatch } from "./publisher.ts";
import { Pump } from "./pump.ts";
import { nextLook } from "./steer-gslb.ts";
import { type Meta, Store, type Watched } from "./store.ts";
import { gslbView, memberView, poolView, projectView } from "./views.ts";
import { merge } from "./write-back.ts";

/** Statuses and history wait at most this long for others to go with them. */
const writeBackSpacingMs = 100;

/** How many outbox rows go to the Conductor in one call. */
const flushRows = 20;

export class Engine extends DurableObject<Env> implements EngineRpc {
  private readonly projectId: string;
  private readonly store: Store;
  private readonly project: Project;
  private readonly fleet: ProberFleet;
  private meta: Meta;
  private readonly configuring = new Pump(
    "taking the configuration over",
    () => this.pull(),
    () => this.arm(),
  );
  private readonly assigning = new Pump(
    "assigning checks",
    () => this.fleet.push(),
    () => this.arm(),
  );
  private readonly publishing = new Pump(
    "publishing",
    () => this.publishDue(),
    () => this.arm(),
  );
  private readonly flushing = new Pump(
    "writing back",
    () => this.flush(),
    () => this.arm(),
    writeBackSpacingMs,
  );
  private alarmAt: number | null = null;
  /** The next checkpoint is due then, if anything was heard. */
  private checkpointAt = 0;
  private observedSinceCheckpoint = false;
  private watched: Watched;
  private queueLagMs: number | null = null;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    const projectId = projectOf(context.id.name);
    assert(projectId !== null, "an Engine is named by its project");
    this.projectId = projectId;
    const regions = parseRegions(env.KOSMOS_REGIONS);
    this.store = new Store(context.storage);
    this.project = new Project(regions, () => crypto.randomUUID());
    const meta = this.store.meta();
    this.meta = meta ?? { epoch: 0, seq: 0, generation: Math.floor(Date.now() / 1_000), regions, blind: false, sick: {} };
    this.project.epoch = this.meta.epoch;
    this.project.blind = this.meta.blind;
    this.project.vantage.restore(this.meta.sick);
    this.project.startedAt = Date.now();
    this.fleet = new ProberFleet(
      env.PROBER,
      projectId,
      this.meta.generation,
      this.project.catalog,
      this.store,
      this.store.load(this.project),
    );
    this.watched = this.listening(Date.now());
    this.project.listensUntil = this.watched.listensUntil;
    context.blockConcurrencyWhile(async () => {
      this.alarmAt = await context.storage.getAlarm();
      if (JSON.stringify(this.meta.regions) !== JSON.stringify(regions)) {
        this.project.setRegions(regions, Date.now());
        this.meta = { ...this.meta, regions };
        this.store.putMeta(this.meta);
        this.fleet.assign();
      }
      this.persist();
      this.kickAll();
    });
  }

  async configurationChanged(at: {
    readonly epoch: number;
    readonly seq: number;
  }): Promise<{ readonly epoch: number; readonly seq: number }> {
    const behind = () => this.meta.epoch < at.epoch || (this.meta.epoch === at.epoch && this.meta.seq < at.seq);
    // A run that is under way may have read before the change was written; the one after it has not.
    for (let run = 0; run < 2 && behind(); run += 1) await this.configuring.kick();
    return { epoch: this.meta.epoch, seq: this.meta.seq };
  }

  async observe(reports: readonly CheckReport[], queueLagMs: number): Promise<void> {
    this.queueLagMs = queueLagMs;
    const now = Date.now();
    const ours = reports.filter((report) => report.project_id === this.projectId && this.fleet.heard(report, now));
    const { confirmations } = this.project.observe(ours, now);
    if (confirmations.length > 0) this.ctx.waitUntil(this.fleet.confirmFast(confirmations));
    this.observedSinceCheckpoint ||= ours.length > 0;
    this.persist();
    this.checkpoint(now);
  }

  async watch(): Promise<EngineHealth> {
    // Not waited for: a Conductor that hangs must not keep the Probers silent.
    this.background(this.configuring);
    await this.fleet.wakeSilent(Date.now());
    this.kickAll();
    return this.health();
  }

  async memberStatus(id: string): Promise<MemberView | null> {
    return memberView(this.project, id, Date.now());
  }

  async poolStatus(id: string): Promise<PoolView | null> {
    return poolView(this.project, id, Date.now());
  }

  async gslbStatus(id: string): Promise<GslbView | null> {
    return gslbView(this.project, id, Date.now());
  }

  async projectStatus(): Promise<ProjectView> {
    return projectView(this.project, Date.now());
  }

  async health(): Promise<EngineHealth> {
    const overdueMs = this.alarmAt === null ? 0 : Date.now() - this.alarmAt;
    const ok = overdueMs < 2 * limits.checkpointMs;
    const lag = this.queueLagMs === null ? null : this.queueLagMs / 1_000;
    return { ok, detail: ok ? "the alarm is on time" : `the alarm is ${Math.round(overdueMs / 1_000)} s late`, queue_lag_seconds: lag };
  }

  /** Never throws: an alarm that fails six times is gone. The next one is set before anything else is tried. */
  override async alarm(): Promise<void> {
    const now = Date.now();
    this.alarmAt = now + limits.checkpointMs;
    await this.ctx.storage.setAlarm(this.alarmAt);
    try {
      this.project.tick(now);
      this.persist();
      this.checkpoint(now);
      if (now - this.watched.aliveAt >= limits.checkpointMs / 2) {
        this.watched = { ...this.watched, aliveAt: now };
        this.store.putWatched(this.watched);
      }
      this.kickAll();
    } catch (error) {
      console.error(`engine ${this.projectId}: the alarm failed: ${error}`);
    }
  }

  /** Stores what changed, and starts what follows from it. */
  private persist(): void {
    const changes = this.project.drain();
    this.store.save(this.project, changes);
    const { blind, vantage } = this.project;
    if (blind !== this.meta.blind || vantage.state() !== this.meta.sick) {
      this.meta = { ...this.meta, blind, sick: vantage.state() };
      this.store.putMeta(this.meta);
    }
    const { statuses, settled, events, unpublished } = changes.writeBack;
    if (statuses.length + settled.length + events.length + unpublished.length > 0) this.background(this.flushing);
    if (changes.publications.size > 0) this.background(this.publishing);
    if (changes.members.size + changes.gslbs.size + changes.publications.size > 0) this.arm();
  }

  private kickAll(): void {
    this.background(this.assigning);
    this.background(this.publishing);
    this.background(this.flushing);
    if (this.configuring.isDue(Date.now()) || this.meta.seq === 0) this.background(this.configuring);
    this.arm();
  }

  private background(pump: Pump): void {
    this.ctx.waitUntil(pump.kick());
  }

  private async pull(): Promise<void> {
    const { epoch, seq } = this.meta;
    const stored = this.store.meta();
    const configuration = await conductorOf(this.env.CONDUCTOR, this.projectId).configuration(stored === null ? null : { epoch, seq });
    if (stored !== null && !configuration.full && configuration.seq === seq && configuration.tombstones.length === 0) return;
    this.project.configure(configuration, stored === null && configuration.full, Date.now());
    this.meta = { ...this.meta, epoch: configuration.epoch, seq: configuration.seq };
    this.store.putMeta(this.meta);
    this.store.saveConfiguration(this.project, idsOf(configuration, this.project, this.store));
    this.fleet.assign();
    this.persist();
    this.background(this.assigning);
  }

  private async publishDue(): Promise<void> {
    const io = { now: () => Date.now(), fetch: fetch.bind(globalThis), answers: answersIo((name) => answersOf(this.env.ANSWERS, name)) };
    for (;;) {
      const batch = nextBatch(this.project.publications, Date.now());
      if (batch === null) return;
      for (const { key, number, failure } of await writeBatch(batch, io))
        this.project.written(key, number, failure, Date.now(), Math.random());
      this.persist();
    }
  }

  private async flush(): Promise<void> {
    for (;;) {
      const rows = this.store.outbox(flushRows);
      const last = rows.at(-1);
      if (last === undefined) return;
      await conductorOf(this.env.CONDUCTOR, this.projectId).record(merge(rows.map(({ writeBack }) => writeBack)));
      this.store.outboxDone(last.n);
    }
  }

  /**
   * Stores how fresh everything is, if anything was heard; the more there is, the less often. An idle object is gone after ten seconds, so
   * a small project's, which is often idle, must not be later than that.
   */
  private checkpoint(now: number): void {
    if (!this.observedSinceCheckpoint) return;
    // A time that is further ahead than any checkpoint can be was set before the clock was.
    if (now < this.checkpointAt && this.checkpointAt <= now + limits.checkpointMs) {
      this.arm();
      return;
    }
    this.observedSinceCheckpoint = false;
    const series = this.store.saveCheckpoint(this.project);
    this.checkpointAt = now + Math.min(limits.checkpointMs, Math.max(limits.checkpointMinMs, series * limits.checkpointSeriesMs));
  }

  /** Until when the regions may need to be heard again: after an eviction no time, after the system was away as long as silence takes. */
  private listening(now: number): Watched {
    const known = this.store.watched();
    if (known !== null && now - known.aliveAt < 3 * limits.checkpointMs) return known;
    const silences = [...this.project.catalog.monitors.values()].map(({ delay, timeout }) => (2 * delay + timeout) * 1_000);
    return { aliveAt: 0, listensUntil: now + Math.max(limits.checkpointMs, ...silences) };
  }

  /** Sets the alarm for whatever is next. An earlier one that is set already is left: it finds nothing to do and sets the next. */
  private arm(): void {
    const times = [this.configuring, this.assigning, this.flushing, this.publishing].flatMap((pump) => pump.nextTryAt ?? []);
    const tick = this.project.nextTick((id) => nextLook(this.project, id, Date.now()));
    if (tick !== null) times.push(tick);
    // What is being written just now is looked at again a second later, in case this object is gone by then.
    const soon = Date.now() + 1_000;
    for (const publication of this.project.publications.values())
      if (isPending(publication)) times.push(Math.max(publication.nextTryAt, soon));
    if (this.observedSinceCheckpoint) times.push(this.checkpointAt);
    if (this.project.catalog.members.size > 0) times.push(Date.now() + limits.checkpointMs);
    if (times.length === 0) return;
    const at = Math.max(Math.min(...times), Date.now() + 10);
    if (this.alarmAt !== null && this.alarmAt <= at && this.alarmAt > Date.now()) return;
    this.alarmAt = at;
    this.ctx.waitUntil(this.ctx.storage.setAlarm(at));
  }
}

function idsOf(configuration: Configuration, project: Project, store: Store) {
  if (configuration.full) {
    const known = store.configuredIds();
    const { catalog } = project;
    return {
      gslbs: new Set([...known.gslbs, ...catalog.gslbs.keys()]),
      pools: new Set([...known.pools, ...catalog.pools.keys()]),
      members: new Set([...known.members, ...catalog.members.keys()]),
      monitors: new Set([...known.monitors, ...catalog.monitors.keys()]),
    };
  }
  const gone = (kind: string) => configuration.deleted.filter((item) => item.kind === kind).map((item) => item.id);
  const ids = (kind: string, items: readonly { readonly id: string }[]) => [...items.map((item) => item.id), ...gone(kind)];
  return {
    gslbs: ids("gslb", configuration.gslbs),
    pools: ids("pool", configuration.pools),
    members: ids("pool_member", configuration.members),
    monitors: ids("monitor", configuration.monitors),
  };
}
