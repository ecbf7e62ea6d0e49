/**
 * A Durable Object's storage: SQLite in memory with an open transaction. `commit` makes durable what was written since the last one, all of
 * it together; `rollback` is what a crash does. Watchers see each row as it is written, before it is durable.
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { EngineStorage } from "../../durable-objects/engine/ports.ts";

type Value = string | number | null;
export type RowWatcher = (table: string, id: string, body: string | null) => void;

export class SimStorage implements EngineStorage {
  private readonly database = new DatabaseSync(":memory:");
  private readonly statements = new Map<string, StatementSync>();
  private open = false;
  private readonly changed: () => void;
  private readonly watch: RowWatcher;
  /** Statements that wrote, since the beginning. */
  writes = 0;

  /** `changed` is called when something is written that is not durable yet. */
  constructor(changed: () => void, watch: RowWatcher) {
    this.changed = changed;
    this.watch = watch;
  }

  readonly sql = {
    exec: <T extends Record<string, Value>>(query: string, ...bindings: Value[]) => {
      const rows = this.carryOut(query, bindings) as T[];
      return { toArray: () => rows, [Symbol.iterator]: () => rows[Symbol.iterator]() };
    },
  };

  /** What it throws in the midst of is a mistake of the programmer: the simulation ends there. */
  transactionSync<T>(closure: () => T): T {
    return closure();
  }

  commit(): void {
    if (this.open) this.database.exec("COMMIT");
    this.open = false;
  }

  rollback(): void {
    if (this.open) this.database.exec("ROLLBACK");
    this.open = false;
  }

  close(): void {
    this.rollback();
    this.database.close();
  }

  private carryOut(query: string, bindings: Value[]): unknown[] {
    const reads = query.startsWith("SELECT");
    if (!reads && !this.open) {
      this.database.exec("BEGIN");
      this.open = true;
      this.changed();
    }
    const statement = this.statements.get(query) ?? this.database.prepare(query);
    this.statements.set(query, statement);
    if (reads) return statement.all(...bindings);
    statement.run(...bindings);
    this.writes += 1;
    if (bindings.length > 0) this.tell(query, bindings);
    return [];
  }

  private tell(query: string, bindings: Value[]): void {
    const match = queries.exec(query);
    const [, table] = match ?? [];
    if (table === undefined) return;
    const deletes = query.startsWith("DELETE");
    const body = deletes ? null : String(bindings.at(-1));
    // "meta" rows are named in the statement itself.
    this.watch(table, bindings.length > 1 || deletes ? String(bindings[0]) : named(query), body);
  }
}

const queries = /^(?:INSERT OR REPLACE INTO|INSERT INTO|DELETE FROM) (\w+)/;
const named = (query: string): string => /VALUES \('(\w+)'/.exec(query)?.[1] ?? "";
