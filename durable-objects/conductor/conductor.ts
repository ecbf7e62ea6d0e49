/**
 * The Conductor of a project: the only code that touches D1. It checks references, keeps versions, and lets no change of configuration get
 * lost on its way to the Engine. The one named `deployment` has no project; it applies the migrations and knows which projects there are.
 */
import { DurableObject } from "cloudflare:workers";
import { gt, sql } from "drizzle-orm";
import type { Agent, AgentFacts, AgentWrite } from "../../domain/agent.ts";
import type { Cloud, CloudWrite } from "../../domain/cloud.ts";
import type { Flavor, FlavorWrite } from "../../domain/flavor.ts";
import { defaultPlace, type PlacedPool, type PoolPlace } from "../../domain/gslb.ts";
import type { HistoryEvent } from "../../domain/history.ts";
import type { Member } from "../../domain/member.ts";
import type { Monitor } from "../../domain/monitor.ts";
import type { Override, OverrideWrite } from "../../domain/override.ts";
import { notFound, type Problem } from "../../domain/problem.ts";
import { assert, fail, ok, type Result } from "../../domain/result.ts";
import type { Vantage } from "../../domain/runnable.ts";
import type { Env } from "../env.ts";
import type {
  Attached,
  AttachTarget,
  Caller,
  ConductorRpc,
  Configuration,
  GslbPool,
  HistoryQuery,
  Kind,
  Kinds,
  ListQuery,
  MonitorRef,
  Page,
  PoolRef,
  PoolWithMembers,
  WriteBack,
} from "../rpc.ts";
import type { CloudsRpc, FlavorsRpc, Sealed, SealedWrite } from "../rpc-backends.ts";
import type { AgentsRpc, HeartbeatsRpc } from "../rpc-vantage.ts";
import { backendsOf, deploymentConductor, engineOf, projectOf } from "../stubs.ts";
import { Agents } from "./agents.ts";
import { attach, attached, detach } from "./attachment.ts";
import type { Decision, Scope, Writing } from "./change.ts";
import { type CloudRow, cloudKind } from "./clouds.ts";
import { configurationSince } from "./configuration.ts";
import { orUnavailable } from "./failure.ts";
import { type FlavorRow, flavorKind } from "./flavors.ts";
import { addGslbPool, changeGslbPool, gslbPools, placePools } from "./gslb-pools.ts";
import { compareHeads, type Head } from "./head.ts";
import { Heartbeats } from "./heartbeats.ts";
import { history } from "./history.ts";
import { Ledger } from "./ledger.ts";
import { list } from "./list.ts";
import { replaceMembers, type SetElement } from "./member-set.ts";
import { migrate } from "./migrate.ts";
import { migrations } from "./migrations.ts";
import { nouns, type Removal } from "./nouns.ts";
import { Outbox } from "./outbox.ts";
import { createOverride, memberOverride, overrides, readOverride, removeOverride } from "./override.ts";
import { type Cursor, prune } from "./prune.ts";
import { recordStatements } from "./record.ts";
import { project as projectTable } from "./schema.ts";
import { Shared } from "./shared.ts";
import { Store } from "./store.ts";
import { EngineNews, patienceMs } from "./tell-engines.ts";
import { within } from "./within.ts";

/** D1 that has not answered by then is not well. */
const healthMs = 5_000;

export class Conductor extends DurableObject<Env> implements ConductorRpc, AgentsRpc, FlavorsRpc, CloudsRpc, HeartbeatsRpc {
  private readonly project: string | null;
  private readonly store: Store;
  private readonly outbox: Outbox;
  private readonly ledger: Ledger;
  private readonly ofAgents: Agents;
  private readonly ofFlavors: Shared<FlavorRow, FlavorWrite>;
  private readonly ofClouds: Shared<CloudRow, CloudWrite>;
  private readonly news: EngineNews;
  private readonly heartbeats: Heartbeats;
  private migrating: Promise<void> | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.project = projectOf(ctx.id.name);
    const prepare = this.project === null ? () => this.prepare() : () => deploymentConductor(env.CONDUCTOR).prepare();
    this.store = new Store(env.DB, prepare);
    this.ofAgents = new Agents(this.store, ctx.storage);
    this.ofFlavors = new Shared(flavorKind, this.store, ctx.storage);
    this.ofClouds = new Shared(cloudKind, this.store, ctx.storage);
    this.news = new EngineNews(ctx.storage, (project) => backendsOf(env.ENGINE, project));
    this.heartbeats = new Heartbeats(this.store, ctx.storage);
    this.outbox = new Outbox(ctx.storage, () => engineOf(env.ENGINE, this.scope.project));
    const tell = () => ctx.waitUntil(this.outbox.deliver());
    this.ledger = new Ledger({ store: this.store, project: this.project ?? "" }, this.outbox, tell);
  }

  create<K extends Kind>(
    kind: K,
    input: Kinds[K]["create"],
    by: Caller,
    vantage?: Vantage,
  ): Promise<Result<Kinds[K]["resource"], Problem>> {
    return this.write(by, (writing) => nouns[kind].create(writing, input), vantage);
  }

  read<K extends Kind>(kind: K, id: string): Promise<Result<Kinds[K]["resource"], Problem>> {
    return this.look(async (scope) => {
      const found = await nouns[kind].read(scope, id);
      return found === null ? fail(notFound(nouns[kind].words)) : ok(found);
    });
  }

  list<K extends Kind>(kind: K, query: ListQuery): Promise<Result<Page<Kinds[K]["resource"]>, Problem>> {
    return this.look((scope) => list[kind](scope, query));
  }

  replace<K extends Kind>(
    kind: K,
    id: string,
    input: Kinds[K]["write"],
    expected: number | null,
    by: Caller,
    force = false,
    vantage?: Vantage,
  ): Promise<Result<Kinds[K]["resource"], Problem>> {
    return this.write(by, (writing) => nouns[kind].replace(writing, id, input, expected, force), vantage);
  }

  remove(kind: Kind, id: string, options: Removal, by: Caller): Promise<Result<null, Problem>> {
    return this.write(by, (writing) => nouns[kind].remove(writing, id, options));
  }

  replaceMembers(
    poolId: string,
    members: readonly SetElement[],
    additiveOnly: boolean,
    by: Caller,
    force = false,
    vantage?: Vantage,
  ): Promise<Result<readonly Member[], Problem>> {
    return this.write(by, (writing) => replaceMembers(writing, poolId, members, additiveOnly, force), vantage);
  }

  gslbPools(gslbId: string): Promise<Result<readonly GslbPool[], Problem>> {
    return this.look((scope) => gslbPools(scope, gslbId));
  }

  addGslbPool(
    gslbId: string,
    pool: PoolRef,
    position: number | null,
    by: Caller,
    weight = 1,
    vantage?: Vantage,
    place: Omit<PoolPlace, "weight"> = defaultPlace,
  ): Promise<Result<{ readonly pool: PoolWithMembers; readonly position: number }, Problem>> {
    return this.write(by, (writing) => addGslbPool(writing, gslbId, pool, position, { ...place, weight }), vantage);
  }

  placePools(gslbId: string, pools: readonly PlacedPool[], by: Caller, force = false): Promise<Result<null, Problem>> {
    return this.write(by, (writing) => placePools(writing, gslbId, pools, force));
  }

  weighPool(gslbId: string, poolId: string, weight: number, by: Caller): Promise<Result<null, Problem>> {
    return this.changeGslbPool(gslbId, poolId, { weight }, by);
  }

  changeGslbPool(gslbId: string, poolId: string, change: Partial<PoolPlace>, by: Caller): Promise<Result<null, Problem>> {
    return this.write(by, (writing) => changeGslbPool(writing, gslbId, poolId, change));
  }

  attach(target: AttachTarget, monitor: MonitorRef, by: Caller, vantage?: Vantage): Promise<Result<Monitor, Problem>> {
    return this.write(by, (writing) => attach(writing, target, monitor), vantage);
  }

  detach(target: AttachTarget, monitorId: string, by: Caller): Promise<Result<null, Problem>> {
    return this.write(by, (writing) => detach(writing, target, monitorId));
  }

  attached(target: AttachTarget, vantage?: Vantage): Promise<Result<readonly Attached[], Problem>> {
    return this.look((scope) => attached(scope, target, vantage));
  }

  createOverride(input: OverrideWrite, replaces: boolean, by: Caller): Promise<Result<Override, Problem>> {
    return this.write(by, (writing) => createOverride(writing, input, replaces));
  }

  overrides(query: Parameters<ConductorRpc["overrides"]>[0]): Promise<Result<Page<Override>, Problem>> {
    return this.look((scope) => overrides(scope, query));
  }

  readOverride(id: string): Promise<Result<Override, Problem>> {
    return this.look(async (scope) => {
      const found = await readOverride(scope, id);
      return found === null ? fail(notFound("override")) : ok(found);
    });
  }

  removeOverride(id: string, by: Caller): Promise<Result<null, Problem>> {
    return this.write(by, (writing) => removeOverride(writing, id));
  }

  memberOverride(memberId: string): Promise<Result<Override | null, Problem>> {
    return this.look((scope) => memberOverride(scope, memberId));
  }

  history(query: HistoryQuery): Promise<Result<Page<HistoryEvent>, Problem>> {
    return this.look((scope) => history(scope, query));
  }

  async configuration(since: Head | null): Promise<Configuration> {
    const known = await this.outbox.highest();
    const found = await configurationSince(this.scope, since);
    const behind = compareHeads(found, known) < 0 || (since !== null && compareHeads(found, since) < 0);
    if (!behind) return found;
    await this.ledger.verify(since ?? known);
    return await configurationSince(this.scope, since);
  }

  async record(writeBack: WriteBack): Promise<void> {
    const { scope } = this;
    await this.ledger.alone(async () => scope.store.write(await recordStatements(scope, writeBack)));
  }

  async watch(): Promise<void> {
    if (this.project === null) {
      await this.projects();
      const stale = (what: string) => (error: unknown) =>
        console.warn(`conductor deployment: the ${what} are those of the last time: ${error}`);
      await this.ofAgents.refresh().catch(stale("agents"));
      await this.ofFlavors.refresh().catch(stale("flavors"));
      await this.ofClouds.refresh().catch(stale("clouds"));
      this.ctx.waitUntil(this.news.tell());
      return;
    }
    try {
      await this.ledger.verify();
      const cursor = (await this.ctx.storage.get<Cursor>("prune")) ?? { gslb: "", pool: "" };
      await this.ctx.storage.put("prune", await prune(this.scope, cursor));
    } catch (error) {
      console.warn(`conductor ${this.project}: the watch was not finished: ${error}`);
    }
    // Not waited for: an Engine that hangs must not hold the watchdog.
    this.ctx.waitUntil(this.outbox.deliver());
  }

  /** The clock of the outbox. It never throws: an alarm that fails too often is gone for good. */
  override async alarm(): Promise<void> {
    if (this.project === null) return;
    try {
      await this.ledger.verify();
      await this.outbox.deliver();
    } catch (error) {
      console.warn(`conductor ${this.project}: the alarm was not finished: ${error}`);
      await this.outbox.deliver();
      await this.outbox.retryLater();
    }
  }

  async health(): Promise<{ readonly ok: boolean; readonly detail: string }> {
    try {
      await within(
        healthMs,
        this.store.read((db) => db.get(sql`SELECT 1`)),
      );
      return { ok: true, detail: "D1 answers" };
    } catch (error) {
      console.warn(`conductor ${this.project ?? "deployment"}: D1 is not well: ${error}`);
      return { ok: false, detail: "D1 does not answer" };
    }
  }

  async prepare(): Promise<void> {
    assert(this.project === null, "the deployment's Conductor applies the migrations");
    this.migrating ??= migrate(this.env.DB, migrations).finally(() => {
      this.migrating = null;
    });
    await this.migrating;
  }

  async projects(): Promise<readonly string[]> {
    assert(this.project === null, "the deployment's Conductor knows the projects");
    try {
      const rows = await this.store.read((db) =>
        db.select({ id: projectTable.project_id }).from(projectTable).where(gt(projectTable.seq, 0)).orderBy(projectTable.project_id),
      );
      const found = rows.map(({ id }) => id);
      await this.ctx.storage.put("projects", JSON.stringify(found));
      return found;
    } catch (error) {
      console.warn(`conductor deployment: the projects are those of the last time: ${error}`);
      return JSON.parse((await this.ctx.storage.get<string>("projects")) ?? "[]");
    }
  }

  createAgent(input: AgentWrite, tokenHash: string, _by: Caller): Promise<Result<Agent, Problem>> {
    return orUnavailable(() => this.here(this.ofAgents).create(input, tokenHash, Date.now()));
  }

  agents(): Promise<Result<readonly Agent[], Problem>> {
    return orUnavailable(async () => ok(await this.here(this.ofAgents).list()));
  }

  readAgent(id: string): Promise<Result<Agent, Problem>> {
    return orUnavailable(() => this.here(this.ofAgents).read(id));
  }

  removeAgent(id: string, _by: Caller, force = false): Promise<Result<null, Problem>> {
    return orUnavailable(() => this.here(this.ofAgents).remove(id, force));
  }

  agentOf(tokenHash: string): Promise<Agent | null> {
    return this.here(this.ofAgents).of(tokenHash);
  }

  agentSeen(id: string, facts: AgentFacts): Promise<void> {
    return this.here(this.ofAgents).seen(id, facts, Date.now());
  }

  createFlavor(input: SealedWrite<FlavorWrite>, _by: Caller): Promise<Result<Flavor, Problem>> {
    return this.changeBackends(() => this.here(this.ofFlavors).create(input, Date.now()));
  }

  flavors(): Promise<Result<readonly Sealed<Flavor>[], Problem>> {
    return orUnavailable(async () => ok(await this.here(this.ofFlavors).list()));
  }

  readFlavor(name: string): Promise<Result<Sealed<Flavor>, Problem>> {
    return orUnavailable(() => this.here(this.ofFlavors).read(name));
  }

  replaceFlavor(name: string, input: SealedWrite<FlavorWrite>, expected: number | null, _by: Caller): Promise<Result<Flavor, Problem>> {
    return this.changeBackends(() => this.here(this.ofFlavors).replace(name, input, expected, Date.now()));
  }

  removeFlavor(name: string, expected: number | null, _by: Caller): Promise<Result<null, Problem>> {
    return this.changeBackends(() => this.here(this.ofFlavors).remove(name, expected));
  }

  createCloud(input: SealedWrite<CloudWrite>, _by: Caller): Promise<Result<Cloud, Problem>> {
    return this.changeBackends(() => this.here(this.ofClouds).create(input, Date.now()));
  }

  clouds(): Promise<Result<readonly Sealed<Cloud>[], Problem>> {
    return orUnavailable(async () => ok(await this.here(this.ofClouds).list()));
  }

  readCloud(name: string): Promise<Result<Sealed<Cloud>, Problem>> {
    return orUnavailable(() => this.here(this.ofClouds).read(name));
  }

  replaceCloud(name: string, input: SealedWrite<CloudWrite>, expected: number | null, _by: Caller): Promise<Result<Cloud, Problem>> {
    return this.changeBackends(() => this.here(this.ofClouds).replace(name, input, expected, Date.now()));
  }

  removeCloud(name: string, expected: number | null, _by: Caller): Promise<Result<null, Problem>> {
    return this.changeBackends(() => this.here(this.ofClouds).remove(name, expected));
  }

  /** What belongs to the deployment, not to a project. */
  private here<T>(of: T): T {
    assert(this.project === null, "the deployment's Conductor knows what all projects share");
    return of;
  }

  /** Every project's Engine hears of it at once: one may know one that it does not use now. Those that are slow are not waited for. */
  private changeBackends<T>(change: () => Promise<Result<T, Problem>>): Promise<Result<T, Problem>> {
    return orUnavailable(async () => {
      await this.news.expect(await this.projects());
      const changed = await change();
      // What was refused is no news.
      if (!changed.ok) return changed;
      const told = this.news.tell();
      this.ctx.waitUntil(told);
      await Promise.race([told, new Promise((resolve) => setTimeout(resolve, patienceMs))]);
      return changed;
    });
  }

  async heartbeatOf(monitorId: string): Promise<Result<{ readonly project_id: string; readonly secret: string } | null, Problem>> {
    assert(this.project === null, "the deployment's Conductor looks across the projects");
    return orUnavailable(async () => ok(await this.heartbeats.of(monitorId)));
  }

  private get scope(): Scope {
    assert(this.project !== null, "only a project's Conductor has configuration");
    return { store: this.store, project: this.project, now: Date.now() };
  }

  private look<T>(question: (scope: Scope) => Promise<Result<T, Problem>>): Promise<Result<T, Problem>> {
    return orUnavailable(() => question(this.scope));
  }

  private write<T>(by: Caller, decide: (writing: Writing) => Promise<Decision<T>>, vantage?: Vantage): Promise<Result<T, Problem>> {
    assert(this.project !== null, "only a project's Conductor has configuration");
    const knowing = vantage === undefined ? decide : (writing: Writing) => decide({ ...writing, vantage });
    return orUnavailable(() => this.ledger.write(by, knowing));
  }
}
