/**
 * What a Prober keeps: the assignment's version for good, its monitors and checks while there are any. Nothing is written between two
 * assignments.
 */
import type { AssignedCheck, AssignedMonitor, Assignment } from "../rpc.ts";
import { type HeldCheck, heldChecks, type Place } from "./assignment.ts";

export type Kept = { readonly place: Place; readonly version: number; readonly held: ReadonlyMap<string, HeldCheck> };

export class ProberStore {
  private readonly storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.storage = storage;
    storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS assignment (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, place TEXT NOT NULL)",
    );
    storage.sql.exec("CREATE TABLE IF NOT EXISTS monitors (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID");
    storage.sql.exec("CREATE TABLE IF NOT EXISTS checks (key TEXT PRIMARY KEY, body TEXT NOT NULL, first_at INTEGER) WITHOUT ROWID");
  }

  /** Null: never assigned anything. */
  load(): Kept | null {
    const [head] = this.storage.sql.exec<{ version: number; place: string }>("SELECT version, place FROM assignment");
    if (head === undefined) return null;
    const monitors = this.storage.sql.exec<{ body: string }>("SELECT body FROM monitors").toArray();
    const checks = this.storage.sql.exec<{ key: string; body: string; first_at: number | null }>("SELECT * FROM checks").toArray();
    const firstAt = new Map(checks.map((row) => [row.key, row.first_at]));
    const held = heldChecks(
      // Written by this class and by nobody else.
      monitors.map((row) => JSON.parse(row.body) as AssignedMonitor),
      checks.map((row) => JSON.parse(row.body) as AssignedCheck),
      (key) => firstAt.get(key) ?? null,
    );
    return { place: JSON.parse(head.place) as Place, version: head.version, held };
  }

  save(assignment: Assignment, held: ReadonlyMap<string, HeldCheck>): void {
    const { project_id, region, shard, generation, version } = assignment;
    const { sql } = this.storage;
    this.storage.transactionSync(() => {
      const place = JSON.stringify({ project_id, region, shard, generation });
      sql.exec("INSERT OR REPLACE INTO assignment (id, version, place) VALUES (1, ?, ?)", version, place);
      sql.exec("DELETE FROM monitors");
      sql.exec("DELETE FROM checks");
      if (held.size === 0) return;
      for (const monitor of assignment.monitors)
        sql.exec("INSERT INTO monitors (id, body) VALUES (?, ?)", monitor.id, JSON.stringify(monitor));
      for (const [key, { check, scheduled }] of held) {
        sql.exec("INSERT INTO checks (key, body, first_at) VALUES (?, ?, ?)", key, JSON.stringify(check), scheduled.firstAt);
      }
    });
  }
}
