/**
 * Keeps the history and the change log bounded, a little in each call. The newest published plan of a GSLB that exists is never forgotten,
 * however old: an Engine without state goes on from it.
 */
import { and, asc, eq, gt, sql } from "drizzle-orm";
import { limits } from "../../domain/limits.ts";
import type { Scope } from "./change.ts";
import { isNewestPublished } from "./configuration.ts";
import { forget } from "./in-force.ts";
import { gslb, pool } from "./schema.ts";

/** Overrides that one call forgets at most: the tags of all members whom they meant rise. */
const overridesACall = 500;
/** Rows that one call deletes at most, of each sort. */
const rowsACall = 5_000;
/** Changes that the log holds; an Engine that is further behind gets everything. */
const logRows = 10_000;
const dayMs = 24 * 3_600_000;

/** What is looked at next: one GSLB and one pool a call, in turn. */
export type Cursor = { readonly gslb: string; readonly pool: string };

const standing = sql`(kind = 'published' AND gslb_id IN (SELECT id FROM gslb) AND ${isNewestPublished})`;

export async function prune({ store, project, now }: Scope, cursor: Cursor): Promise<Cursor> {
  const oldest = now - limits.historyDays * dayMs;
  await store.write([
    sql`DELETE FROM event WHERE id IN (SELECT id FROM event WHERE project_id = ${project}
      AND at < ${oldest} AND NOT ${standing} ORDER BY at LIMIT ${rowsACall})`,
    sql`UPDATE project SET floor = max(floor, coalesce(
        (SELECT seq FROM change_log WHERE project_id = ${project} ORDER BY seq DESC LIMIT 1 OFFSET ${logRows}), 0))
      WHERE project_id = ${project}`,
    sql`DELETE FROM change_log WHERE project_id = ${project} AND seq <= (SELECT floor FROM project WHERE project_id = ${project})`,
    ...overLongAgo(project, oldest),
  ]);
  const [gslbs, pools] = await store.read((db) =>
    db.batch([
      db
        .select({ id: gslb.id })
        .from(gslb)
        .where(and(eq(gslb.project_id, project), gt(gslb.id, cursor.gslb)))
        .orderBy(asc(gslb.id))
        .limit(1),
      db
        .select({ id: pool.id })
        .from(pool)
        .where(and(eq(pool.project_id, project), gt(pool.id, cursor.pool)))
        .orderBy(asc(pool.id))
        .limit(1),
    ]),
  );
  // Past the last one it starts again from the first.
  const next = { gslb: gslbs[0]?.id ?? "", pool: pools[0]?.id ?? "" };
  await store.write([...beyondNewest("gslb_id", next.gslb), ...beyondNewest("pool_id", next.pool)]);
  return next;
}

/** Nobody is told: whoever has a copy knows from it that the override is over. */
const overLongAgo = (project: string, oldest: number) =>
  forget(sql`override.id IN (SELECT id FROM override WHERE project_id = ${project} AND created_at < ${oldest}
    AND (ended_at < ${oldest} OR expires_at < ${oldest}) ORDER BY created_at, id LIMIT ${overridesACall})`);

const beyondNewest = (column: "gslb_id" | "pool_id", id: string) => {
  if (id === "") return [];
  const owner = sql.raw(column);
  return [
    sql`DELETE FROM event WHERE id IN (SELECT id FROM event WHERE ${owner} = ${id} AND NOT ${standing}
      ORDER BY at DESC, id DESC LIMIT ${rowsACall} OFFSET ${limits.historyEventsPerGslb})`,
  ];
};
