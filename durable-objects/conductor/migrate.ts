/**
 * Brings the tables of D1 up to date: `wrangler deploy` does not. The table that says what was applied is wrangler's own, so that
 * `wrangler d1 migrations apply` and this agree. A migration and its row are written together or not at all.
 */
import type { Migration } from "./migrations.ts";

/** As wrangler makes it (`migrations_table` left at its default). */
const table = `CREATE TABLE IF NOT EXISTS "d1_migrations"(
		id         INTEGER PRIMARY KEY AUTOINCREMENT,
		name       TEXT UNIQUE,
		applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
);`;

/** Applies what is missing, in order. What a newer version applied, and this one does not know, is left alone. */
export async function migrate(db: D1Database, migrations: readonly Migration[]): Promise<void> {
  const missing = await missingOf(db, migrations);
  for (const { name, sql } of missing) {
    const statements = sql.split("--> statement-breakpoint").map((statement) => db.prepare(statement));
    try {
      await db.batch([...statements, db.prepare(`INSERT INTO "d1_migrations" (name) VALUES (?)`).bind(name)]);
    } catch (error) {
      // Somebody with wrangler may have been faster; then there is nothing left to do.
      const still = await missingOf(db, migrations);
      if (still.some((migration) => migration.name === name)) throw error;
    }
  }
}

async function missingOf(db: D1Database, migrations: readonly Migration[]): Promise<readonly Migration[]> {
  const [, applied] = await db.batch<{ name: string }>([db.prepare(table), db.prepare(`SELECT name FROM "d1_migrations" ORDER BY id`)]);
  const names = new Set(applied?.results.map((row) => row.name));
  return migrations.filter((migration) => !names.has(migration.name));
}
