/**
 * The way to D1. Nothing else in the system touches it. Reads go through drizzle, several in one round trip with `batch`; writes are one
 * `batch()`, D1's only transaction. It prepares the database before the first query and knows nothing of what is stored.
 */
import type { SQLWrapper } from "drizzle-orm";
import { type DrizzleD1Database, drizzle } from "drizzle-orm/d1";
import { SQLiteAsyncDialect } from "drizzle-orm/sqlite-core";
import { failureOf, isUnprepared } from "./failure.ts";

export class Store {
  private readonly db: DrizzleD1Database;
  private readonly d1: D1Database;
  private readonly prepare: () => Promise<void>;
  private readonly dialect = new SQLiteAsyncDialect();
  private prepared: Promise<void> | null = null;

  /** `prepare` brings the tables up to date; it is asked once, and again after it failed. */
  constructor(d1: D1Database, prepare: () => Promise<void>) {
    this.d1 = d1;
    this.db = drizzle(d1);
    this.prepare = prepare;
  }

  /** Reads. Throws `StorageAway` when D1 does not answer. */
  async read<T>(query: (db: DrizzleD1Database) => PromiseLike<T>): Promise<T> {
    return await this.ask(() => query(this.db));
  }

  /** Writes all of it or nothing. A constraint that fails throws D1's own error. */
  async write(statements: readonly SQLWrapper[]): Promise<readonly D1Result[]> {
    if (statements.length === 0) return [];
    return await this.ask(() => this.d1.batch(statements.map((statement) => this.bind(statement))));
  }

  private bind(statement: SQLWrapper): D1PreparedStatement {
    const { sql, params } = this.dialect.sqlToQuery(statement.getSQL());
    return this.d1.prepare(sql).bind(...params);
  }

  private async ask<T>(question: () => PromiseLike<T>): Promise<T> {
    try {
      this.prepared ??= this.prepare();
      await this.prepared;
    } catch (error) {
      this.prepared = null;
      throw failureOf(error);
    }
    try {
      return await question();
    } catch (error) {
      if (isUnprepared(error)) this.prepared = null;
      throw failureOf(error);
    }
  }
}
