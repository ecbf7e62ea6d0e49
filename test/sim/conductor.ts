/**
 * The Conductor as the Engine sees it: the configuration with its change log, tombstones, statuses and history. It can be away, slow, and be
 * put back to an old backup, by which its epoch rises. It also remembers everything it ever took, which no backup takes back.
 */

import type { Gslb } from "../../domain/gslb.ts";
import type { HistoryEvent } from "../../domain/history.ts";
import type { Member } from "../../domain/member.ts";
import type { Monitor } from "../../domain/monitor.ts";
import type { Override } from "../../domain/override.ts";
import type { AnswerSet } from "../../domain/plan.ts";
import type { Pool } from "../../domain/pool.ts";
import type { Configuration, Tombstone, WriteBack } from "../../durable-objects/rpc.ts";

export type Resources = { gslb: Gslb; pool: Pool; pool_member: Member; monitor: Monitor; override: Override };
export type ResourceKind = keyof Resources;
export type Tables = { readonly [K in ResourceKind]: ReadonlyMap<string, Resources[K]> };
export type Head = { readonly epoch: number; readonly seq: number };

type Log = { readonly seq: number; readonly kind: ResourceKind; readonly id: string; readonly deleted: boolean };
type Backup = {
  readonly tables: Tables;
  readonly tombstones: ReadonlyMap<string, Tombstone>;
  readonly events: ReadonlyMap<string, HistoryEvent>;
  readonly seq: number;
};

export class SimConductor {
  tables: Tables = { gslb: new Map(), pool: new Map(), pool_member: new Map(), monitor: new Map(), override: new Map() };
  tombstones = new Map<string, Tombstone>();
  head: Head = { epoch: 0, seq: 0 };
  /** The history as it stands, and everything that was ever taken. */
  private events = new Map<string, HistoryEvent>();
  readonly everTaken = new Set<string>();
  private log: Log[] = [];
  private floor = 0;
  private readonly now: () => number;
  /** The configuration as it was at each head that was ever given out. */
  readonly given = new Map<string, Tables>();

  constructor(now: () => number) {
    this.now = now;
  }

  put<K extends ResourceKind>(kind: K, resource: Resources[K]): void {
    const table: Map<string, Resources[K]> = new Map(this.tables[kind]);
    table.set(resource.id, resource);
    this.tables = { ...this.tables, [kind]: table };
    this.note(kind, resource.id, false);
  }

  /** A write of a client: the version rises. */
  update<K extends Exclude<ResourceKind, "override">>(kind: K, id: string, change: Partial<Resources[K]>): void {
    const known = this.tables[kind].get(id);
    if (known === undefined) return;
    const next = { ...known, ...change, version: known.version + 1, updated_at: new Date(this.now()).toISOString() };
    this.put(kind, (kind === "monitor" ? next : { ...next, action: "UPDATE" }) as Resources[K]);
  }

  remove(kind: ResourceKind, id: string, records: "delete" | "keep" = "delete"): void {
    const gslb = kind === "gslb" ? this.tables.gslb.get(id) : undefined;
    const table = new Map<string, unknown>(this.tables[kind]);
    if (!table.delete(id)) return;
    this.tables = { ...this.tables, [kind]: table };
    if (gslb !== undefined && records === "delete") {
      for (const flavor of gslb.flavors) this.bury(gslb, flavor);
    }
    this.note(kind, id, true);
  }

  /** A GSLB is published to other flavors: from those that it is taken from it is to go. */
  move(id: string, flavors: readonly string[]): void {
    const gslb = this.tables.gslb.get(id);
    if (gslb === undefined) return;
    for (const flavor of gslb.flavors) if (!flavors.includes(flavor)) this.bury(gslb, flavor);
    this.update("gslb", id, { flavors: [...flavors], flavor: flavors[0] ?? gslb.flavor });
  }

  private bury({ id, fqdn, domain_name: zone }: Gslb, flavor: string): void {
    this.tombstones.set(`${id} ${flavor}`, { gslb_id: id, fqdn, zone, flavor, remove: true });
  }

  configuration(since: Head | null): Configuration {
    const { head, tables } = this;
    this.given.set(`${head.epoch} ${head.seq}`, tables);
    const full = since === null || since.epoch !== head.epoch || since.seq < this.floor || since.seq > head.seq;
    const newest = new Map(full ? [] : this.log.filter(({ seq }) => seq > since.seq).map((entry) => [entry.id, entry]));
    const changed = <K extends ResourceKind>(kind: K): Resources[K][] => {
      const all = [...(tables[kind] as ReadonlyMap<string, Resources[K]>).values()];
      return full ? all : all.filter(({ id }) => newest.has(id));
    };
    return structuredClone({
      full,
      ...head,
      gslbs: changed("gslb"),
      pools: changed("pool"),
      members: changed("pool_member"),
      monitors: changed("monitor"),
      overrides: changed("override"),
      deleted: [...newest.values()].filter(({ deleted }) => deleted).map(({ kind, id }) => ({ kind, id })),
      tombstones: [...this.tombstones.values()],
      standing: since === null ? this.standing() : [],
    });
  }

  record(writeBack: WriteBack): void {
    for (const { kind, id, status, in_rotation } of writeBack.statuses)
      this.alter(kind, id, (known) => ({ ...known, status, ...(in_rotation === undefined ? {} : { in_rotation }) }));
    for (const { kind, id, version } of writeBack.settled)
      this.alter(kind, id, (known) => (known.version === version ? { ...known, action: "NONE" } : known));
    for (const event of writeBack.events) {
      if (!this.events.has(event.id)) this.events.set(event.id, event);
      this.everTaken.add(event.id);
    }
    for (const { gslb_id, flavor } of writeBack.unpublished) this.tombstones.delete(`${gslb_id} ${flavor}`);
    for (const { override_id, reason } of writeBack.ended) {
      const known = this.tables.override.get(override_id);
      if (known !== undefined && known.ended === null) this.put("override", { ...known, ended: reason });
    }
  }

  backup(): Backup {
    return { tables: this.tables, tombstones: new Map(this.tombstones), events: new Map(this.events), seq: this.head.seq };
  }

  restore({ tables, tombstones, events, seq }: Backup): void {
    this.tables = tables;
    this.tombstones = new Map(tombstones);
    this.events = new Map(events);
    this.log = [];
    this.floor = seq;
    this.head = { epoch: this.head.epoch + 1, seq };
  }

  private standing(): Configuration["standing"] {
    const newest = new Map<string, HistoryEvent>();
    for (const event of this.events.values()) {
      if (event.kind !== "published" || event.gslb_id === null || event.flavor === null) continue;
      const key = `${event.gslb_id} ${event.flavor}`;
      const known = newest.get(key);
      if (known === undefined || known.at < event.at || (known.at === event.at && known.id < event.id)) newest.set(key, event);
    }
    return [...newest.values()].flatMap(({ gslb_id, flavor, plan, evidence }) =>
      gslb_id === null || flavor === null || plan === null
        ? []
        : [{ gslb_id, flavor, plan, epoch: Number(evidence.epoch), answers: evidence.answers as AnswerSet[] }],
    );
  }

  /** Not a change of configuration: nobody is told, no version rises. */
  private alter<K extends "gslb" | "pool" | "pool_member">(kind: K, id: string, change: (known: Resources[K]) => Resources[K]): void {
    const known = this.tables[kind].get(id) as Resources[K] | undefined;
    if (known === undefined) return;
    const table = new Map(this.tables[kind] as ReadonlyMap<string, Resources[K]>);
    table.set(id, change(known));
    this.tables = { ...this.tables, [kind]: table };
  }

  private note(kind: ResourceKind, id: string, deleted: boolean): void {
    this.head = { ...this.head, seq: this.head.seq + 1 };
    this.log.push({ seq: this.head.seq, kind, id, deleted });
  }
}
