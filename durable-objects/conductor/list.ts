/** Lists of resources: filtered, sorted, in pages. Ties are broken by the id, so that each row stands on exactly one page. */
import { and, asc, count, desc, eq, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import { notFound, type Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { Kind, Kinds, ListQuery, Page, SortKey } from "../rpc.ts";
import { isOf } from "./bulk.ts";
import type { Scope } from "./change.ts";
import { gslbColumns, toGslb } from "./gslb.ts";
import { readMarker, writeMarker } from "./marker.ts";
import { memberColumns, toMember } from "./member.ts";
import { monitorColumns, toMonitor } from "./monitor-row.ts";
import { poolColumns, toPool, withMembers } from "./pool.ts";
import { gslb, monitor, pool, poolMember, tables } from "./schema.ts";

/** Members embedded in one page of pools; a page ends early rather than grow beyond what one answer can carry. */
const embeddedMax = 10_000;

type Sorted = { readonly id: string; readonly name: string; readonly created_at: number; readonly updated_at: number };
type Slice = { readonly where: SQL | undefined; readonly order: SQL[]; readonly limit: number };
type Source<Row, T> = {
  /** One statement, so that it can go to D1 together with the count. */
  readonly select: (db: DrizzleD1Database, slice: Slice) => PromiseLike<Row[]>;
  readonly show: (rows: readonly Row[]) => Promise<readonly T[]> | readonly T[];
  /** How many of the rows one page can carry; left out: all. */
  readonly fitting?: (rows: readonly Row[]) => number;
};

type Lister<K extends Kind> = (scope: Scope, query: ListQuery) => Promise<Result<Page<Kinds[K]["resource"]>, Problem>>;

export const list: { readonly [K in Kind]: Lister<K> } = {
  gslb: (scope, query) =>
    page("gslb", scope, query, {
      select: (db, { where, order, limit }) =>
        db
          .select(gslbColumns)
          .from(gslb)
          .where(where)
          .orderBy(...order)
          .limit(limit),
      show: (rows) => rows.map(toGslb),
    }),
  pool: (scope, query) =>
    page("pool", scope, query, {
      select: (db, { where, order, limit }) =>
        db
          .select({ ...poolColumns(scope.now), members: memberCount })
          .from(pool)
          .where(where)
          .orderBy(...order)
          .limit(limit),
      show: (rows) =>
        withMembers(
          scope,
          rows.map(({ members: _, ...row }) => toPool(row)),
        ),
      fitting: (rows) => {
        let total = 0;
        const over = rows.findIndex(({ members }, index) => {
          total += members;
          return total > embeddedMax && index > 0;
        });
        return over === -1 ? rows.length : over;
      },
    }),
  pool_member: (scope, query) =>
    page("pool_member", scope, query, {
      select: (db, { where, order, limit }) =>
        db
          .select(memberColumns(scope.now))
          .from(poolMember)
          .where(where)
          .orderBy(...order)
          .limit(limit),
      show: (rows) => rows.map(toMember),
    }),
  monitor: (scope, query) =>
    page("monitor", scope, query, {
      select: (db, { where, order, limit }) =>
        db
          .select(monitorColumns)
          .from(monitor)
          .where(where)
          .orderBy(...order)
          .limit(limit),
      show: (rows) => rows.map(toMonitor),
    }),
};

const memberCount = sql<number>`(SELECT count(*) FROM pool_member WHERE pool_id = pool.id)`.as("members");

async function page<Row extends Sorted & { readonly status?: string }, T>(
  kind: Kind,
  scope: Scope,
  query: ListQuery,
  source: Source<Row, T>,
): Promise<Result<Page<T>, Problem>> {
  const { sort_key, sort_dir, limit } = query;
  const filters = conditions(kind, query.filters);
  if (!filters.ok) return filters;
  const column = columnsOf(kind)[sort_key];
  if (column === undefined) return fail(invalid("sort_key", "has no meaning for this list"));
  const name = `${kind}.${sort_key}.${sort_dir}`;
  const marker = query.marker === null ? null : readMarker(name, sort_key.endsWith("_at") ? "number" : "string", query.marker);
  if (marker !== null && !marker.ok) return marker;

  const table = tables[kind];
  const narrow = query.filters.pool_id !== undefined;
  const all = and(narrow ? isOf(table.project_id, scope.project) : eq(table.project_id, scope.project), ...filters.value);
  const direction = sort_dir === "asc" ? asc : desc;
  const after = sql.raw(sort_dir === "asc" ? ">" : "<");
  const from = marker === null ? undefined : sql`(${column}, ${table.id}) ${after} (${marker.value.value}, ${marker.value.id})`;
  const slice = { where: and(all, from), order: [direction(column), direction(table.id)], limit: limit + 1 };
  const [{ rows, total }, problem] = await Promise.all([
    query.count || filters.value.length === 0 ? rowsAndTotal(scope, kind, source, slice, all) : rowsAlone(scope, source, slice),
    missingPool(scope, query.filters.pool_id),
  ]);
  if (problem !== null) return fail(problem);

  const full = rows.slice(0, limit);
  const shown = full.slice(0, source.fitting?.(full));
  const last = shown.at(-1);
  const value = last?.[sort_key];
  const next = last !== undefined && value !== undefined && shown.length < rows.length ? writeMarker(name, { value, id: last.id }) : null;
  return ok({ items: await source.show(shown), next, total });
}

type Found<Row> = { readonly rows: Row[]; readonly total: number | null };

async function rowsAlone<Row, T>({ store }: Scope, source: Source<Row, T>, slice: Slice): Promise<Found<Row>> {
  return { rows: await store.read(async (db) => await source.select(db, slice)), total: null };
}

/** One round trip: D1 takes one statement after another anyway. */
async function rowsAndTotal<Row, T>(
  { store }: Scope,
  kind: Kind,
  source: Source<Row, T>,
  slice: Slice,
  all: SQL | undefined,
): Promise<Found<Row>> {
  return store.read(async (db) => {
    const statement = source.select(db, slice) as unknown as BatchItem<"sqlite">;
    const [rows, counts] = await db.batch([statement, db.select({ count: count() }).from(tables[kind]).where(all)]);
    return { rows: rows as Row[], total: counts[0]?.count ?? 0 };
  });
}

/** The members of a pool that is not there are not an empty list. */
async function missingPool({ store, project }: Scope, id: string | undefined): Promise<Problem | null> {
  if (id === undefined) return null;
  const rows = await store.read((db) =>
    db
      .select({ id: pool.id })
      .from(pool)
      .where(and(eq(pool.id, id), eq(pool.project_id, project))),
  );
  return rows.length === 0 ? notFound("pool") : null;
}

type Columns = Partial<Record<SortKey | "fqdn" | "type" | "region" | "pool_id", SQLiteColumn>>;

const columnsOf = (kind: Kind): Columns => tables[kind];

function conditions(kind: Kind, { tags, ...equal }: ListQuery["filters"]): Result<SQL[], Problem> {
  const found: SQL[] = [];
  for (const [filter, value] of Object.entries(equal) as [keyof typeof equal, string | undefined][]) {
    if (value === undefined) continue;
    const column = columnsOf(kind)[filter];
    if (column === undefined) return fail(invalid(filter, "has no meaning for this list"));
    found.push(eq(column, value));
  }
  for (const tag of tags ?? []) found.push(sql`EXISTS (SELECT 1 FROM json_each(${tables[kind].tags}) WHERE value = ${tag})`);
  return ok(found);
}

const invalid = (parameter: string, detail: string): Problem => ({
  type: "invalid-query",
  detail: `${parameter}: ${detail}`,
  errors: [{ parameter, detail }],
});
