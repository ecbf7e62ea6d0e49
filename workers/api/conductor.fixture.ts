/**
 * A Conductor in memory, for tests of the HTTP side alone: it stores, counts versions, checks references and pages, in the plainest way.
 * It has no outbox, no Engine and no concurrency; the real one has suites of its own.
 */
import { randomUUID } from "node:crypto";
import { defaultPlace, type PlacedPool, type PoolPlace } from "../../domain/gslb.ts";
import type { HistoryEvent } from "../../domain/history.ts";
import type { Member } from "../../domain/member.ts";
import { heartbeatType, type Monitor, type MonitorWrite, withSecrets } from "../../domain/monitor.ts";
import { deciding, isInForce, isMeant, type Override, type OverrideWrite, overrideView } from "../../domain/override.ts";
import { notFound, type Problem, unprocessable } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { Vantage } from "../../domain/runnable.ts";
import type { AttachTarget, Caller, ConductorRpc, GslbPool, Kind, ListQuery, Page, PoolWithMembers } from "../../durable-objects/rpc.ts";

type Row = { id: string; version: number; revision: number; created_at: string; [field: string]: unknown };
type Rows = Map<string, Row>;

export class MemoryConductor implements Partial<ConductorRpc> {
  readonly rows: Record<Kind, Rows> = { gslb: new Map(), pool: new Map(), pool_member: new Map(), monitor: new Map() };
  readonly events: HistoryEvent[] = [];
  readonly standing = new Map<string, Override>();
  /** What a change would leave without a member: it is refused unless it is forced. */
  emptied: readonly string[] = [];
  /** Runs before each write, as somebody else's write in between would. */
  interlude: (() => void) | null = null;
  private readonly project: string;
  private clock = 0;

  constructor(project = "default") {
    this.project = project;
  }

  count(): number {
    return Object.values(this.rows).reduce((sum, rows) => sum + rows.size, 0);
  }

  async create(kind: Kind, input: object): Promise<Result<never, Problem>> {
    const { members = [], ...fields } = input as { members?: object[]; fqdn?: string; pool_id?: string };
    if (kind === "pool_member" && !this.rows.pool.has(fields.pool_id ?? "")) return fail(notFound("pool"));
    const refused = this.refuse(kind, fields);
    if (refused !== null) return fail(refused);
    const row = this.add(kind, { ...defaultsOf(kind), ...fields });
    for (const member of members) this.add("pool_member", { ...defaultsOf("pool_member"), ...member, pool_id: row.id });
    return ok(this.show(kind, row));
  }

  async read(kind: Kind, id: string): Promise<Result<never, Problem>> {
    const row = this.rows[kind].get(id);
    return row === undefined ? fail(notFound(kind)) : ok(this.show(kind, row));
  }

  async list(kind: Kind, query: ListQuery): Promise<Result<Page<never>, Problem>> {
    if (query.filters.pool_id !== undefined && !this.rows.pool.has(query.filters.pool_id)) return fail(notFound("pool"));
    const wanted = Object.entries(query.filters);
    const found = [...this.rows[kind].values()]
      .filter((row) =>
        wanted.every(([field, value]) =>
          Array.isArray(value) ? value.every((tag) => (row[field] as string[]).includes(tag)) : row[field] === value,
        ),
      )
      .sort((left, right) => String(left[query.sort_key]).localeCompare(String(right[query.sort_key])) || left.id.localeCompare(right.id));
    if (query.sort_dir === "desc") found.reverse();
    const start = query.marker === null ? 0 : Number(query.marker);
    const end = start + query.limit;
    const items = found.slice(start, end).map((row) => this.show(kind, row));
    return ok({ items, next: end < found.length ? String(end) : null, total: query.count ? found.length : null });
  }

  async replace(
    kind: Kind,
    id: string,
    input: object,
    expected: number | null,
    _by?: Caller,
    force = false,
  ): Promise<Result<never, Problem>> {
    this.interlude?.();
    const row = this.rows[kind].get(id);
    if (row === undefined) return fail(notFound(kind));
    if (expected !== null && row.version !== expected) return fail({ type: "version-mismatch", detail: `it is at ${row.version}` });
    const refused = this.refuse(kind, input, id);
    const empty = this.wouldEmpty(force);
    if (refused !== null || empty !== null) return fail(refused ?? (empty as Problem));
    const monitor = kind === "monitor" ? withSecrets(input as MonitorWrite, row as unknown as MonitorWrite) : input;
    if (kind === "monitor") delete row.sealed;
    Object.assign(row, kind === "gslb" ? { ...input, ttl: (input as { ttl: number | null }).ttl ?? 30 } : monitor);
    this.touch(row);
    return ok(this.show(kind, row));
  }

  async remove(kind: Kind, id: string, options: { expected: number | null; force?: boolean }): Promise<Result<null, Problem>> {
    const row = this.rows[kind].get(id);
    if (row === undefined) return fail(notFound(kind));
    if (options.expected !== null && row.version !== options.expected) return fail({ type: "version-mismatch", detail: "changed" });
    const empty = this.wouldEmpty(options.force ?? false);
    if (empty !== null) return fail(empty);
    this.rows[kind].delete(id);
    return ok(null);
  }

  async replaceMembers(
    poolId: string,
    members: readonly { id: string | null; name: string }[],
    additiveOnly: boolean,
    _by?: Caller,
    force = false,
  ): Promise<Result<Member[], Problem>> {
    if (!this.rows.pool.has(poolId)) return fail(notFound("pool"));
    const empty = this.wouldEmpty(force);
    if (empty !== null) return fail(empty);
    const present = this.membersOf(poolId);
    const kept = new Set<string>();
    for (const { id, ...fields } of members) {
      const known = present.find((member) => (id === null ? member.name === fields.name : member.id === id));
      if (known !== undefined) this.touch(Object.assign(known, fields));
      kept.add((known ?? this.add("pool_member", { ...defaultsOf("pool_member"), ...fields, pool_id: poolId })).id);
    }
    if (!additiveOnly) for (const member of present) if (!kept.has(member.id)) this.rows.pool_member.delete(member.id);
    return ok(this.membersOf(poolId).map((member) => this.overridden(member)) as Member[]);
  }

  async gslbPools(gslbId: string): Promise<Result<GslbPool[], Problem>> {
    const gslb = this.rows.gslb.get(gslbId);
    if (gslb === undefined) return fail(notFound("GSLB"));
    return ok(
      (gslb.pool_ids as string[]).flatMap((id) => {
        const pool: object = this.show("pool", this.rows.pool.get(id) ?? []);
        return { ...pool, ...placeIn(gslb, id) } as GslbPool;
      }),
    );
  }

  async changeGslbPool(gslbId: string, poolId: string, change: Partial<PoolPlace>): Promise<Result<null, Problem>> {
    const gslb = this.rows.gslb.get(gslbId);
    if (!(gslb?.pool_ids as string[] | undefined)?.includes(poolId) || gslb === undefined) return fail(notFound("pool in this GSLB"));
    gslb.places = { ...placesIn(gslb), [poolId]: { ...placeIn(gslb, poolId), ...change } };
    this.touch(gslb);
    return ok(null);
  }

  async placePools(gslbId: string, pools: readonly PlacedPool[], _by?: Caller, force = false): Promise<Result<null, Problem>> {
    const gslb = this.rows.gslb.get(gslbId);
    if (gslb === undefined) return fail(notFound("GSLB"));
    const pool_ids = pools.map(({ pool_id }) => pool_id);
    const refused = this.refuse("pool", { pool_ids }) ?? this.wouldEmpty(force);
    if (refused !== null) return fail(refused);
    gslb.places = Object.fromEntries(
      pools.map(({ pool_id, weight, ...place }) => [
        pool_id,
        weight === null ? placeIn(gslb, pool_id) : { ...defaultPlace, ...place, weight },
      ]),
    );
    gslb.pool_ids = pool_ids;
    this.touch(gslb);
    return ok(null);
  }

  async addGslbPool(
    gslbId: string,
    pool: { pool_id: string } | { pool: object },
    position: number | null,
    _by?: Caller,
    weight = 1,
    _vantage?: Vantage,
    place: Omit<PoolPlace, "weight"> = defaultPlace,
  ) {
    const gslb = this.rows.gslb.get(gslbId);
    if (gslb === undefined) return fail(notFound("GSLB"));
    let poolId = "pool_id" in pool ? pool.pool_id : "";
    if ("pool" in pool) {
      const created = await this.create("pool", pool.pool);
      if (!created.ok) return created;
      poolId = (created.value as Row).id;
    }
    const row = this.rows.pool.get(poolId);
    if (row === undefined) return fail(unprocessable("/pool_id", "does not exist"));
    const at = position ?? (gslb.pool_ids as string[]).length;
    gslb.pool_ids = (gslb.pool_ids as string[]).toSpliced(at, 0, poolId);
    gslb.places = { ...placesIn(gslb), [poolId]: { ...place, weight } };
    this.touch(gslb);
    return ok({ pool: this.show("pool", row) as PoolWithMembers, position: at });
  }

  async attach(target: AttachTarget, monitor: { monitor_id: string } | { monitor: object }) {
    const row = this.rows[target.kind].get(target.id);
    if (row === undefined) return fail(notFound(target.kind));
    const attached = "monitor" in monitor ? this.add("monitor", monitor.monitor) : this.rows.monitor.get(monitor.monitor_id);
    if (attached === undefined) return fail(unprocessable("/monitor_id", "does not exist"));
    row.monitor_ids = [...(row.monitor_ids as string[]), attached.id];
    this.touch(row);
    return ok(attached as unknown as Monitor);
  }

  async detach(target: AttachTarget, monitorId: string): Promise<Result<null, Problem>> {
    const row = this.rows[target.kind].get(target.id);
    if (!(row?.monitor_ids as string[] | undefined)?.includes(monitorId) || row === undefined) return fail(notFound("attachment"));
    row.monitor_ids = (row.monitor_ids as string[]).filter((id) => id !== monitorId);
    return ok(null);
  }

  async attached(target: AttachTarget) {
    const row = this.rows[target.kind].get(target.id);
    if (row === undefined) return fail(notFound(target.kind));
    const inherited = target.kind === "pool_member" && (row.monitor_ids as string[]).length === 0;
    const owner = inherited ? this.rows.pool.get(String(row.pool_id)) : row;
    const attached_to = inherited ? ("pool" as const) : target.kind;
    const monitors = ((owner?.monitor_ids ?? []) as string[]).map((id) => this.rows.monitor.get(id) as unknown as Monitor);
    return ok(monitors.map((monitor) => ({ monitor, attached_to, inherited })));
  }

  async heartbeatOf(id: string) {
    const row = this.rows.monitor.get(id);
    const secret = row?.heartbeat_secret;
    return ok(typeof secret === "string" ? { project_id: this.project, secret } : null);
  }

  async history(query: Parameters<ConductorRpc["history"]>[0]): Promise<Result<Page<HistoryEvent>, Problem>> {
    const { since, until, ...exact } = query.filters;
    const items = this.events.filter(
      (event) =>
        Object.entries(exact).every(([field, value]) => event[field as keyof HistoryEvent] === value) &&
        (since === undefined || event.at >= since) &&
        (until === undefined || event.at < until),
    );
    return ok({
      items: items.slice(0, query.limit),
      next: items.length > query.limit ? "more" : null,
      total: query.count ? items.length : null,
    });
  }

  async createOverride(input: OverrideWrite, replaces: boolean, by: Caller): Promise<Result<Override, Problem>> {
    const { member_id } = input.selector;
    const before = replaces ? await this.memberOverride(member_id ?? "") : ok(null);
    if (before.ok && before.value !== null) this.standing.delete(before.value.id);
    const made: Override = { ...input, id: randomUUID(), project_id: this.project, by: by.name, created_at: this.now(), ended: null };
    this.standing.set(made.id, made);
    return ok(made);
  }

  async overrides(query: { limit: number; marker: string | null; count: boolean }): Promise<Result<Page<Override>, Problem>> {
    const all = [...this.standing.values()];
    const start = query.marker === null ? 0 : Number(query.marker);
    const end = start + query.limit;
    return ok({ items: all.slice(start, end), next: end < all.length ? String(end) : null, total: query.count ? all.length : null });
  }

  async readOverride(id: string): Promise<Result<Override, Problem>> {
    const found = this.standing.get(id);
    return found === undefined ? fail(notFound("override")) : ok(found);
  }

  async removeOverride(id: string): Promise<Result<null, Problem>> {
    return this.standing.delete(id) ? ok(null) : fail(notFound("override"));
  }

  async memberOverride(memberId: string): Promise<Result<Override | null, Problem>> {
    const own = [...this.standing.values()].filter(({ selector }) => selector.member_id === memberId && selector.pool_id === undefined);
    return ok(own.findLast((one) => isInForce(one, Date.now())) ?? null);
  }

  async health() {
    return { ok: true, detail: "D1 answers" };
  }

  async projects() {
    return ["default"];
  }

  private wouldEmpty(force: boolean): Problem | null {
    if (force || this.emptied.length === 0) return null;
    const users = this.emptied.map((id) => ({ type: "gslb", id, name: String(this.rows.gslb.get(id)?.name) }));
    return { type: "would-empty", detail: "it would leave a live GSLB without an enabled member", users };
  }

  private add(kind: Kind, fields: object): Row {
    const at = this.now();
    const made = kind === "monitor" ? { ...withSecrets(fields as MonitorWrite, null), ...heartbeatFields(fields) } : fields;
    const row = {
      ...made,
      id: randomUUID(),
      project_id: this.project,
      domain_id: "default",
      version: 1,
      ...(kind === "monitor" ? {} : { revision: 0 }),
      created_at: at,
      updated_at: at,
    } as Row;
    if (kind === "gslb" && row.ttl === null) row.ttl = 30;
    this.rows[kind].set(row.id, row);
    return row;
  }

  private touch(row: Row): void {
    row.version += 1;
    row.updated_at = this.now();
  }

  /** A second later at each call, so that what was made first sorts first. */
  private now(): string {
    this.clock += 1000;
    return new Date(Date.UTC(2026, 10, 22) + this.clock).toISOString();
  }

  private membersOf = (poolId: string): Row[] => [...this.rows.pool_member.values()].filter((member) => member.pool_id === poolId);

  private show(kind: Kind, row: object): never {
    if (kind === "pool_member") return structuredClone(this.overridden(row as Row)) as never;
    const members = "id" in row ? this.membersOf(String(row.id)).map((member) => this.overridden(member)) : [];
    return structuredClone(kind === "pool" && "id" in row ? { ...row, members } : row) as never;
  }

  private overridden(row: Row): object {
    const member = { id: row.id, pool_id: String(row.pool_id) };
    const found = deciding([...this.standing.values()].filter((one) => isInForce(one, Date.now()) && isMeant(one, member)));
    return { ...row, override: found === null ? null : overrideView(found) };
  }

  /** A GSLB's name is its own, and what it and a pool refer to exists. */
  private refuse(
    kind: Kind,
    fields: { fqdn?: string; pool_ids?: string[]; monitor_ids?: string[]; fallback_pool_id?: string | null; flavor?: string | null },
    except?: string,
  ): Problem | null {
    const fallback = fields.fallback_pool_id ?? null;
    if (fallback !== null && !this.rows.pool.has(fallback)) return unprocessable("/fallback_pool_id", "does not exist");
    for (const [field, rows] of [
      ["pool_ids", this.rows.pool],
      ["monitor_ids", this.rows.monitor],
    ] as const) {
      const missing = fields[field]?.findIndex((id) => !rows.has(id)) ?? -1;
      if (missing >= 0) return unprocessable(`/${field}/${missing}`, "does not exist");
    }
    if (kind === "pool" && (fields.flavor ?? "edge") !== "edge") return unprocessable("/flavor", `there is no flavor ${fields.flavor}`);
    const taken = kind === "gslb" && [...this.rows.gslb.values()].some((row) => row.fqdn === fields.fqdn && row.id !== except);
    return taken ? { type: "conflict", detail: "the name is taken", errors: [{ pointer: "/fqdn", detail: "is taken" }] } : null;
  }
}

const heartbeatFields = (fields: { type?: string }) =>
  fields.type === heartbeatType ? { heartbeat_secret: randomUUID().replaceAll("-", "") } : {};

const placesIn = (gslb: Row) => (gslb.places ?? {}) as Record<string, PoolPlace>;
const placeIn = (gslb: Row, poolId: string): PoolPlace => placesIn(gslb)[poolId] ?? defaultPlace;

function defaultsOf(kind: Kind): object {
  const fresh = { status: "PENDING", action: "CREATE" };
  if (kind === "pool_member") return { ...fresh, monitor_ids: [], in_rotation: false };
  return kind === "monitor" ? {} : fresh;
}
