/**
 * What the Durable Objects offer each other and the Workers: types only, and only added to, since for a while old and new code call each
 * other during a deploy. Everything here survives structured cloning; receivers parse what is not from their own deployment's types.
 */
import type { Change, LiveRecords, WriteFailure } from "../domain/backend.ts";
import type { CheckTarget } from "../domain/check.ts";
import type { Place } from "../domain/geo.ts";
import type { Gslb, GslbWrite, PlacedPool, PoolPlace } from "../domain/gslb.ts";
import type { HistoryEvent } from "../domain/history.ts";
import type { Member, MemberWrite } from "../domain/member.ts";
import type { Monitor, MonitorWrite } from "../domain/monitor.ts";
import type { CheckReport } from "../domain/observation.ts";
import type { Override, OverrideWrite } from "../domain/override.ts";
import type { AnswerSet } from "../domain/plan.ts";
import type { Pool, PoolCreate, PoolWrite } from "../domain/pool.ts";
import type { Problem } from "../domain/problem.ts";
import type { Result } from "../domain/result.ts";
import type { Vantage } from "../domain/runnable.ts";
import type { Status } from "../domain/status.ts";
import type { GslbView, MemberView, PoolView, ProjectView } from "../domain/status-view.ts";

// ── Conductor ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Who asks, for the history and the log. */
export type Caller = { readonly id: string; readonly name: string; readonly requestId: string };

export type PoolWithMembers = Pool & { readonly members: readonly Member[] };
/** A pool as one GSLB has it. */
export type GslbPool = PoolWithMembers & PoolPlace;

/** The four kinds of resource: what makes one, what replaces one, what comes back. */
export type Kinds = {
  gslb: { create: GslbWrite; write: GslbWrite; resource: Gslb };
  pool: { create: PoolCreate; write: PoolWrite; resource: PoolWithMembers };
  pool_member: { create: MemberWrite & { readonly pool_id: string }; write: MemberWrite; resource: Member };
  monitor: { create: MonitorWrite; write: MonitorWrite; resource: Monitor };
};
export type Kind = keyof Kinds;

export type SortKey = "created_at" | "updated_at" | "name" | "status";
export type ListQuery = {
  readonly limit: number;
  /** The opaque end of the page before; null: from the start. */
  readonly marker: string | null;
  readonly sort_key: SortKey;
  readonly sort_dir: "asc" | "desc";
  readonly filters: {
    readonly name?: string;
    readonly status?: string;
    readonly type?: string;
    readonly fqdn?: string;
    readonly region?: string;
    /** All of them. */
    readonly tags?: readonly string[];
    readonly pool_id?: string;
  };
  readonly count: boolean;
};
export type Page<T> = { readonly items: readonly T[]; readonly next: string | null; readonly total: number | null };

export type HistoryQuery = {
  readonly limit: number;
  readonly marker: string | null;
  readonly count: boolean;
  readonly filters: {
    readonly gslb_id?: string;
    readonly pool_id?: string;
    readonly member_id?: string;
    readonly kind?: string;
    readonly severity?: string;
    readonly since?: string;
    readonly until?: string;
  };
};

export type AttachTarget = { readonly kind: "pool" | "pool_member"; readonly id: string };
export type MonitorRef = { readonly monitor_id: string } | { readonly monitor: MonitorWrite };
export type Attached = {
  readonly monitor: Monitor;
  readonly attached_to: "pool" | "pool_member";
  readonly inherited: boolean;
  /** How many regions run it, for the endpoint that most of them can check; only where it was said which there are. */
  readonly vantage_points?: number | undefined;
};
export type PoolRef = { readonly pool_id: string } | { readonly pool: PoolCreate };

/** The Engine's copy of the configuration: everything that changed after `since`, or everything there is (`full`). */
export type Configuration = {
  readonly full: boolean;
  readonly epoch: number;
  readonly seq: number;
  readonly gslbs: readonly Gslb[];
  readonly pools: readonly Pool[];
  readonly members: readonly Member[];
  readonly monitors: readonly Monitor[];
  /** All that stand, also those that begin later. */
  readonly overrides: readonly Override[];
  readonly deleted: readonly { readonly kind: Kind | "override"; readonly id: string }[];
  /** GSLBs that are gone and whose names the backends may still hold. */
  readonly tombstones: readonly Tombstone[];
  /** With `full`: the newest `published` event's plan of each GSLB, so that an Engine without state goes on from there. */
  readonly standing: readonly {
    readonly gslb_id: string;
    readonly flavor: string;
    readonly plan: number;
    readonly epoch: number;
    readonly answers: readonly AnswerSet[];
  }[];
};
export type Tombstone = {
  readonly gslb_id: string;
  readonly fqdn: string;
  readonly zone: string;
  readonly flavor: string;
  /** False: `?records=keep`. */
  readonly remove: boolean;
};

/** What the Engine writes back. Idempotent: events by their id, the rest by being the newest state. */
export type WriteBack = {
  readonly statuses: readonly {
    readonly kind: "gslb" | "pool" | "pool_member";
    readonly id: string;
    readonly status: Status;
    readonly in_rotation?: boolean;
    /** Of a member of OpenStack's: where it answers. */
    readonly endpoints?: readonly string[];
  }[];
  /** `action` becomes NONE where the resource still has this version. */
  readonly settled: readonly { readonly kind: "gslb" | "pool" | "pool_member"; readonly id: string; readonly version: number }[];
  readonly events: readonly HistoryEvent[];
  /** Tombstones that the backends confirmed. */
  readonly unpublished: readonly { readonly gslb_id: string; readonly flavor: string }[];
  /** Overrides that the Engine did not begin, and why. */
  readonly ended: readonly { readonly override_id: string; readonly reason: string }[];
};

/** What an override would do to one GSLB now. `verdict`: the last two are refused without `force`. */
export type Impact = {
  readonly gslb_id: string;
  readonly fqdn: string;
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly healthy_left: number;
  readonly capacity_left_percent: number;
  readonly verdict: "ok" | "degraded" | "below_min_healthy" | "would_empty";
};
export type Matched = { readonly pool_id: string; readonly member_id: string; readonly name: string };
export type Preflight = { readonly matched: readonly Matched[]; readonly impact: readonly Impact[] };

/** Where a method takes `vantage`, it refuses what cannot be checked from there; left out, it does not look. */
export interface ConductorRpc {
  create<K extends Kind>(kind: K, input: Kinds[K]["create"], by: Caller, vantage?: Vantage): Promise<Result<Kinds[K]["resource"], Problem>>;
  read<K extends Kind>(kind: K, id: string): Promise<Result<Kinds[K]["resource"], Problem>>;
  list<K extends Kind>(kind: K, query: ListQuery): Promise<Result<Page<Kinds[K]["resource"]>, Problem>>;
  /** `expected`: the version it must have (`version-mismatch` otherwise); null: whatever it has. */
  replace<K extends Kind>(
    kind: K,
    id: string,
    input: Kinds[K]["write"],
    expected: number | null,
    by: Caller,
    /** Carried out although a live GSLB is left without an enabled member. */
    force?: boolean,
    vantage?: Vantage,
  ): Promise<Result<Kinds[K]["resource"], Problem>>;
  remove(
    kind: Kind,
    id: string,
    options: { readonly expected: number | null; readonly records: "delete" | "keep"; readonly force?: boolean },
    by: Caller,
  ): Promise<Result<null, Problem>>;
  /** PUT of a pool's members. An element with `id`, else with the name of one that is there, updates that one. */
  replaceMembers(
    poolId: string,
    members: readonly (MemberWrite & { readonly id: string | null })[],
    additiveOnly: boolean,
    by: Caller,
    force?: boolean,
    vantage?: Vantage,
  ): Promise<Result<readonly Member[], Problem>>;
  /** The pools of a GSLB, in order. */
  gslbPools(gslbId: string): Promise<Result<readonly GslbPool[], Problem>>;
  /** `weight`, `place` left out: the default. */
  addGslbPool(
    gslbId: string,
    pool: PoolRef,
    position: number | null,
    by: Caller,
    weight?: number,
    vantage?: Vantage,
    place?: Omit<PoolPlace, "weight">,
  ): Promise<Result<{ readonly pool: PoolWithMembers; readonly position: number }, Problem>>;
  /** PUT of a GSLB's pools: these, in this order, all in one change. Mistakes point at `/pool_ids/<index>`. */
  placePools(gslbId: string, pools: readonly PlacedPool[], by: Caller, force?: boolean): Promise<Result<null, Problem>>;
  attach(target: AttachTarget, monitor: MonitorRef, by: Caller, vantage?: Vantage): Promise<Result<Monitor, Problem>>;
  detach(target: AttachTarget, monitorId: string, by: Caller): Promise<Result<null, Problem>>;
  /** The monitors that check the target; a member without its own has its pool's. */
  attached(target: AttachTarget, vantage?: Vantage): Promise<Result<readonly Attached[], Problem>>;
  /** What `changeGslbPool` does with a weight alone; for callers of an earlier version. */
  weighPool(gslbId: string, poolId: string, weight: number, by: Caller): Promise<Result<null, Problem>>;
  /** What is said of a pool in a GSLB that has it; what is left out stays. */
  changeGslbPool(gslbId: string, poolId: string, change: Partial<PoolPlace>, by: Caller): Promise<Result<null, Problem>>;
  /** `replaces`: a member's shorthand, which takes the place of `memberOverride`. The caller has seen the pre-flight. */
  createOverride(input: OverrideWrite, replaces: boolean, by: Caller): Promise<Result<Override, Problem>>;
  overrides(query: {
    readonly limit: number;
    readonly marker: string | null;
    readonly count: boolean;
  }): Promise<Result<Page<Override>, Problem>>;
  readOverride(id: string): Promise<Result<Override, Problem>>;
  removeOverride(id: string, by: Caller): Promise<Result<null, Problem>>;
  /** The shorthand's: the newest that names this member alone, and holds now; null: there is none. */
  memberOverride(memberId: string): Promise<Result<Override | null, Problem>>;

  history(query: HistoryQuery): Promise<Result<Page<HistoryEvent>, Problem>>;

  /** For the Engine. */
  configuration(since: { readonly epoch: number; readonly seq: number } | null): Promise<Configuration>;
  record(writeBack: WriteBack): Promise<void>;

  /** For the watchdog: tell the Engine again what it has not confirmed, prune the history. */
  watch(): Promise<void>;
  /** Whether D1 answers. */
  health(): Promise<{ readonly ok: boolean; readonly detail: string }>;
  /** `deployment` only: applies the pending migrations, once; every other Conductor asks before its first query. */
  prepare(): Promise<void>;
  /** `deployment` only: the projects that have configuration. */
  projects(): Promise<readonly string[]>;
}

// ── Engine ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

export type EngineHealth = { readonly ok: boolean; readonly detail: string; readonly queue_lag_seconds: number | null };

export interface EngineRpc {
  /** The configuration is at `seq` of `epoch`; returns what the Engine has taken over when it answers. */
  configurationChanged(at: { readonly epoch: number; readonly seq: number }): Promise<{ readonly epoch: number; readonly seq: number }>;
  /** Returns once what the reports changed is durable. Repeated and disordered reports are harmless. */
  observe(reports: readonly CheckReport[], queueLagMs: number): Promise<void>;
  /** The cron's knock: re-arms the alarm, and the Probers that fell silent. */
  watch(): Promise<EngineHealth>;
  /** Null: the Engine does not know it (yet). */
  memberStatus(id: string): Promise<MemberView | null>;
  poolStatus(id: string): Promise<PoolView | null>;
  gslbStatus(id: string): Promise<GslbView | null>;
  projectStatus(): Promise<ProjectView>;
  /** What an override would do if it began now. Changes nothing. */
  preflight(override: Override): Promise<Preflight>;
  /** Lets what the removal budget holds in this pool go; null: the Engine does not know the pool (yet). */
  release(poolId: string, by: Caller): Promise<PoolView | null>;
  /** Sends the traffic of a GSLB with manual failback back to its preferred pool. */
  failback(gslbId: string, by: Caller): Promise<Result<GslbView | null, Problem>>;
  health(): Promise<EngineHealth>;
}

// ── Prober ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What one Prober checks. A higher `version` replaces a lower one whole; no checks: it forgets everything. */
export type Assignment = {
  readonly project_id: string;
  readonly region: string;
  readonly shard: number;
  readonly generation: number;
  readonly version: number;
  readonly monitors: readonly AssignedMonitor[];
  readonly checks: readonly AssignedCheck[];
};
export type AssignedMonitor = {
  readonly id: string;
  readonly version: number;
  readonly type: string;
  readonly delay_ms: number;
  readonly timeout_ms: number;
  /** The type's own fields; its secrets, if it has any, in `sealed`, by field, as `seal.ts` makes them for "<project>/monitor/<field>". */
  readonly spec: Readonly<Record<string, unknown>>;
  /** How doubts are confirmed; left out: not faster than by the next tick. */
  readonly confirm?: { readonly delayMs: number; readonly fails: number; readonly passes: number };
};
/** A check to be looked at again, at once. */
export type Confirmation = {
  readonly member_id: string;
  readonly endpoint: string;
  readonly monitor_id: string;
  readonly monitor_version: number;
  readonly doubt: "down" | "up";
};
export type AssignedCheck = {
  readonly member_id: string;
  readonly endpoint: string;
  readonly monitor_id: string;
  readonly target: CheckTarget;
  /** The check is due at each time t (Unix ms) with t mod delay_ms = phase_ms. */
  readonly phase_ms: number;
};

export interface ProberRpc {
  assign(assignment: Assignment): Promise<{ readonly version: number }>;
  /** Looks again at these checks, within the slots that regular checks leave. What it does not check, or is looking at already, is left out. */
  confirm(confirmations: readonly Confirmation[]): Promise<void>;
  /** Re-arms the alarm if it is missing. */
  wake(): Promise<{ readonly version: number; readonly checks: number; readonly next_due_at: number | null }>;
}

/** What a Prober asks a checker to do, as the JSON body of a POST; the answer is the CheckReport that went to the queue. */
export type CheckBatch = {
  readonly project_id: string;
  readonly region: string;
  readonly shard: number;
  readonly generation: number;
  readonly checks: readonly {
    readonly member_id: string;
    readonly endpoint: string;
    readonly monitor_id: string;
    readonly monitor_version: number;
    readonly tick: number;
    readonly type: string;
    readonly timeout_ms: number;
    readonly spec: Readonly<Record<string, unknown>>;
    readonly target: CheckTarget;
  }[];
};

// ── Answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What is served at a name. `withdrawn`: the name exists and answers with no data. */
export type ServedName = {
  readonly fqdn: string;
  readonly zone: string;
  readonly ttl: number;
  readonly epoch: number;
  readonly number: number;
  readonly withdrawn: boolean;
  readonly answers: readonly AnswerSet[];
  /** Of a `geo` plan: which answers are for whom. */
  readonly places?: readonly Place[];
};

/** A name in a zone, with the number of the plan that put it there or took it away. */
export type ZoneReference = { readonly fqdn: string; readonly epoch: number; readonly number: number };

export interface AnswersRpc {
  write(changes: readonly Change[]): Promise<readonly Result<null, WriteFailure>[]>;
  read(fqdns: readonly string[]): Promise<readonly LiveRecords[]>;
  /** The published name, or null. */
  lookup(fqdn: string): Promise<ServedName | null>;
  /**
   * Marks that names are published in `zone`, or no longer; asked of the object that the *zone's* name hashes to. Idempotent, and fenced
   * by the plans' numbers: a late call changes nothing.
   */
  holdZone(zone: string, names: readonly ZoneReference[]): Promise<void>;
  releaseZone(zone: string, names: readonly ZoneReference[]): Promise<void>;
  /**
   * The longest of these zones that has any published name, and whether any of its names lies below `name` (then `name` exists without
   * data, RFC 8020); null: none of them. Asked of the objects that the zones' names hash to.
   */
  longestZone(zones: readonly string[], name: string): Promise<{ readonly zone: string; readonly below: boolean } | null>;
  /** The zones that hash to this object and have any published name. */
  zones(): Promise<readonly string[]>;
}
