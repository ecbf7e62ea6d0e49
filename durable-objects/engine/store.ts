/**
 * The Engine's storage: SQLite rows of JSON, written only for what changed, and now and then a checkpoint of how fresh each series is, which
 * nothing else would write in the steady state. What cannot be read back is left out, never guessed: it is judged anew.
 */
import { z } from "zod";
import { adriftState } from "../../domain/anchors.ts";
import type { Cloud } from "../../domain/cloud.ts";
import type { Flavor } from "../../domain/flavor.ts";
import { publication } from "../../domain/publish.ts";
import { type Resolution, resolution } from "../../domain/resolution.ts";
import { sicknessState } from "../../domain/vantage.ts";
import type { WriteBack } from "../rpc.ts";
import type { Sealed } from "../rpc-backends.ts";
import type { Shard } from "./assignments.ts";
import { shardKey } from "./assignments.ts";
import { storedCloud } from "./clouds.ts";
import { type ZonesRead, zonesRead } from "./drift-watch.ts";
import { storedFlavor } from "./flavors.ts";
import type { EngineLog, EngineStorage } from "./ports.ts";
import type { Changes, Project } from "./project.ts";
import { gslbState, memberState, overrideState, poolState } from "./state.ts";
import { cut, newDraft } from "./write-back.ts";

/** Storage rows are at most 2 MB; the checkpoint is cut well below. */
const checkpointChunk = 256 * 1024;

type Table =
  | "config_gslb"
  | "config_pool"
  | "config_member"
  | "config_monitor"
  | "config_override"
  | "member"
  | "override"
  | "pool"
  | "gslb"
  | "publication"
  | "flavor"
  | "cloud"
  | "shard"
  | "resolution";
const tables: readonly Table[] = [
  "config_gslb",
  "config_pool",
  "config_member",
  "config_monitor",
  "config_override",
  "member",
  "pool",
  "gslb",
  "publication",
  "override",
  "flavor",
  "cloud",
  "shard",
  "resolution",
];

const meta = z.object({
  epoch: z.int(),
  seq: z.int(),
  /** Of the Probers: an Engine that lost its state has Probers of its own, not those of the one before. */
  generation: z.int(),
  regions: z.array(z.string()).readonly(),
  /** By what, beside the regions, was decided who can run what: the version of Kosmos, and `KOSMOS_ALLOW_PRIVATE`. */
  able: z.string().default(""),
  blind: z.boolean(),
  /** Regions that are not believed, by region and address family. */
  sick: z.record(z.string(), sicknessState).default({}),
  /** The anchors that are assigned, by id, and the regions that cannot reach them. */
  anchors: z.array(z.string()).readonly().default([]),
  adrift: z.record(z.string(), adriftState).default({}),
  /** How many checks each agent was to run that it does not, as it was told last. */
  leftOut: z.record(z.string(), z.int()).default({}),
});
export type Meta = Readonly<z.output<typeof meta>>;

/** Of an Engine that has no state. `regions`, `able` and `anchors`: what it was started with. */
export const newMeta = (begun: Pick<Meta, "regions" | "able" | "anchors">, now: number): Meta => ({
  epoch: 0,
  seq: 0,
  generation: Math.floor(now / 1_000),
  ...begun,
  blind: false,
  sick: {},
  adrift: {},
  leftOut: {},
});

export type Watched = { readonly aliveAt: number; readonly listensUntil: number };

export type Listening = { readonly since: number; readonly alarmAt: number };

type ConfiguredIds = { gslbs: string[]; pools: string[]; members: string[]; monitors: string[]; overrides: string[] };

export class Store {
  private readonly storage: EngineStorage;
  private readonly log: EngineLog;

  constructor(storage: EngineStorage, log: EngineLog) {
    this.storage = storage;
    this.log = log;
    for (const table of tables)
      storage.sql.exec(`CREATE TABLE IF NOT EXISTS ${table} (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID`);
    storage.sql.exec("CREATE TABLE IF NOT EXISTS meta (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID");
    storage.sql.exec("CREATE TABLE IF NOT EXISTS checkpoint (n INTEGER PRIMARY KEY, body TEXT NOT NULL)");
    storage.sql.exec("CREATE TABLE IF NOT EXISTS outbox (n INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL)");
  }

  meta(): Meta | null {
    const row = this.storage.sql.exec<{ body: string }>("SELECT body FROM meta WHERE id = 'meta'").toArray()[0];
    return row === undefined ? null : meta.parse(JSON.parse(row.body));
  }

  putMeta(value: Meta): void {
    this.storage.sql.exec("INSERT OR REPLACE INTO meta (id, body) VALUES ('meta', ?)", JSON.stringify(value));
  }

  /** Since when heartbeats would have been heard, and until when the alarm was to come again; null: nobody waited for any. */
  listening(): Listening | null {
    const row = this.storage.sql.exec<{ body: string }>("SELECT body FROM meta WHERE id = 'listening'").toArray()[0];
    return row === undefined ? null : (JSON.parse(row.body) as Listening);
  }

  putListening(listening: Listening): void {
    this.storage.sql.exec("INSERT OR REPLACE INTO meta (id, body) VALUES ('listening', ?)", JSON.stringify(listening));
  }

  /** When the Engine's alarm last came, and until when nobody is called blind; null: never. */
  watched(): Watched | null {
    const row = this.storage.sql.exec<{ body: string }>("SELECT body FROM meta WHERE id = 'watched'").toArray()[0];
    return row === undefined ? null : (JSON.parse(row.body) as Watched);
  }

  putWatched(watched: Watched): void {
    this.storage.sql.exec("INSERT OR REPLACE INTO meta (id, body) VALUES ('watched', ?)", JSON.stringify(watched));
  }

  /** When what is live was last read; null: never, or in words that are not known. */
  zonesRead(): ZonesRead | null {
    const row = this.storage.sql.exec<{ body: string }>("SELECT body FROM meta WHERE id = 'zones_read'").toArray()[0];
    return row === undefined ? null : (zonesRead.safeParse(JSON.parse(row.body)).data ?? null);
  }

  putZonesRead(value: ZonesRead): void {
    this.storage.sql.exec("INSERT OR REPLACE INTO meta (id, body) VALUES ('zones_read', ?)", JSON.stringify(value));
  }

  /** Fills a project with what is stored. */
  load(project: Project): Map<string, Shard> {
    project.catalog.restore({
      gslbs: this.all("config_gslb"),
      pools: this.all("config_pool"),
      members: this.all("config_member"),
      monitors: this.all("config_monitor"),
      overrides: this.all("config_override"),
    });
    for (const [id, state] of this.parsed("member", memberState)) project.members.set(id, state);
    for (const [id, state] of this.parsed("pool", poolState)) project.pools.set(id, state);
    for (const [id, state] of this.parsed("gslb", gslbState)) project.gslbs.set(id, state);
    for (const [id, state] of this.parsed("override", overrideState)) project.overrides.set(id, state);
    for (const [id, state] of this.parsed("publication", publication)) project.publications.set(id, state);
    for (const [memberId, endpoint, monitorId, region, freshAt] of this.checkpoint()) {
      const state = project.members.get(memberId)?.endpoints[endpoint]?.monitors[monitorId];
      const series = state?.series[region];
      if (state !== undefined && series !== undefined && series.freshAt < freshAt) state.series[region] = { ...series, freshAt };
    }
    return new Map(this.entries<Shard>("shard"));
  }

  /** Writes what changed, in one transaction with the outbox. */
  save(project: Project, changes: Changes): void {
    const { members, pools, gslbs, overrides, publications } = changes;
    const parts = cut(changes.writeBack);
    // The steady state: thousands of results that change nothing.
    if (members.size + pools.size + gslbs.size + overrides.size + publications.size + parts.length === 0) return;
    this.storage.transactionSync(() => {
      for (const id of changes.members) this.put("member", id, project.members.get(id));
      for (const id of changes.pools) this.put("pool", id, project.pools.get(id));
      for (const id of changes.gslbs) this.put("gslb", id, project.gslbs.get(id));
      for (const id of changes.overrides) {
        this.put("override", id, project.overrides.get(id));
        this.put("config_override", id, project.catalog.overrides.get(id));
      }
      for (const id of changes.publications) this.put("publication", id, project.publications.get(id));
      for (const part of parts) this.storage.sql.exec("INSERT INTO outbox (body) VALUES (?)", JSON.stringify(part));
    });
  }

  /** Writes the whole configuration that these ids have now; an id that is gone loses its row. */
  saveConfiguration(project: Project, ids: { readonly [K in keyof ConfiguredIds]: Iterable<string> }): void {
    const { catalog } = project;
    this.storage.transactionSync(() => {
      for (const id of ids.gslbs) this.put("config_gslb", id, catalog.gslbs.get(id));
      for (const id of ids.pools) this.put("config_pool", id, catalog.pools.get(id));
      for (const id of ids.members) this.put("config_member", id, catalog.members.get(id));
      for (const id of ids.monitors) this.put("config_monitor", id, catalog.monitors.get(id));
      for (const id of ids.overrides) this.put("config_override", id, catalog.overrides.get(id));
    });
  }

  configuredIds(): ConfiguredIds {
    const ids = (table: Table) =>
      this.storage.sql
        .exec<{ id: string }>(`SELECT id FROM ${table}`)
        .toArray()
        .map((row) => row.id);
    return {
      gslbs: ids("config_gslb"),
      pools: ids("config_pool"),
      members: ids("config_member"),
      monitors: ids("config_monitor"),
      overrides: ids("config_override"),
    };
  }

  /** With their credentials sealed. */
  flavors(): Sealed<Flavor>[] {
    return [...this.parsed("flavor", storedFlavor)].map(([, flavor]) => flavor);
  }

  putFlavors(flavors: ReadonlyMap<string, Sealed<Flavor> | null>): void {
    this.storage.transactionSync(() => {
      for (const [name, flavor] of flavors) this.put("flavor", name, flavor ?? undefined);
    });
  }

  /** With their credentials sealed. */
  clouds(): Sealed<Cloud>[] {
    return [...this.parsed("cloud", storedCloud)].map(([, cloud]) => cloud);
  }

  putClouds(clouds: ReadonlyMap<string, Sealed<Cloud> | null>): void {
    this.storage.transactionSync(() => {
      for (const [name, cloud] of clouds) this.put("cloud", name, cloud ?? undefined);
    });
  }

  resolutions(): readonly Resolution[] {
    return [...this.parsed("resolution", resolution)].map(([, one]) => one);
  }

  putResolution(one: Resolution): void {
    this.put("resolution", one.name, one);
  }

  forgetResolution(name: string): void {
    this.put("resolution", name, undefined);
  }

  saveShards(shards: Iterable<Shard>): void {
    this.storage.transactionSync(() => {
      for (const shard of shards) this.put("shard", shardKey(shard), shard);
    });
  }

  /** The oldest of what the Conductor has not taken yet. A row of an earlier deployment lacks what is new since. */
  outbox(limit: number): { readonly n: number; readonly writeBack: WriteBack }[] {
    const rows = this.storage.sql.exec<{ n: number; body: string }>("SELECT n, body FROM outbox ORDER BY n LIMIT ?", limit).toArray();
    return rows.map((row) => ({ n: row.n, writeBack: { ...newDraft(), ...(JSON.parse(row.body) as Partial<WriteBack>) } }));
  }

  outboxDone(n: number): void {
    this.storage.sql.exec("DELETE FROM outbox WHERE n <= ?", n);
  }

  /** Returns how many series there are. */
  saveCheckpoint(project: Project): number {
    let count = 0;
    const chunks: string[] = [];
    let lines: string[] = [];
    let size = 0;
    for (const [memberId, member] of project.members) {
      for (const [endpoint, state] of Object.entries(member.endpoints)) {
        for (const [monitorId, monitor] of Object.entries(state.monitors)) {
          const fresh = Object.entries(monitor.series).map(([region, series]) => [region, series.freshAt]);
          count += fresh.length;
          const line = JSON.stringify([memberId, endpoint, monitorId, fresh]);
          lines.push(line);
          size += line.length + 1;
          if (size < checkpointChunk) continue;
          chunks.push(`[${lines.join(",")}]`);
          lines = [];
          size = 0;
        }
      }
    }
    if (lines.length > 0) chunks.push(`[${lines.join(",")}]`);
    this.storage.transactionSync(() => {
      this.storage.sql.exec("DELETE FROM checkpoint WHERE n >= ?", chunks.length);
      for (const [n, body] of chunks.entries()) this.storage.sql.exec("INSERT OR REPLACE INTO checkpoint (n, body) VALUES (?, ?)", n, body);
    });
    return count;
  }

  private *checkpoint(): Generator<readonly [string, string, string, string, number]> {
    for (const row of this.storage.sql.exec<{ body: string }>("SELECT body FROM checkpoint")) {
      for (const [member, endpoint, monitor, fresh] of JSON.parse(row.body) as [string, string, string, [string, number][]][]) {
        for (const [region, freshAt] of fresh) yield [member, endpoint, monitor, region, freshAt];
      }
    }
  }

  private put(table: Table, id: string, value: unknown): void {
    if (value === undefined) this.storage.sql.exec(`DELETE FROM ${table} WHERE id = ?`, id);
    else this.storage.sql.exec(`INSERT OR REPLACE INTO ${table} (id, body) VALUES (?, ?)`, id, JSON.stringify(value));
  }

  private entries<T>(table: Table): [string, T][] {
    const rows = this.storage.sql.exec<{ id: string; body: string }>(`SELECT id, body FROM ${table}`).toArray();
    return rows.map((row) => [row.id, JSON.parse(row.body) as T]);
  }

  private *parsed<Schema extends z.ZodType>(table: Table, schema: Schema): Generator<[string, z.output<Schema>]> {
    for (const [id, body] of this.entries<unknown>(table)) {
      const state = schema.safeParse(body);
      if (state.success) yield [id, state.data];
      else
        this.log.error(
          `engine: what is stored of ${table} ${id} cannot be read and is made anew: ${state.error.issues[0]?.path.join(".")}`,
        );
    }
  }

  private all<T>(table: Table): T[] {
    return this.entries<T>(table).map(([, body]) => body);
  }
}
