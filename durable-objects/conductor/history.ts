/** The history as it is read: newest first, a GSLB's with what happened to its pools and their members, a pool's with its members'. */
import { and, count, desc, eq, gte, lte, type SQL, sql } from "drizzle-orm";
import type { EventKind, HistoryEvent, Severity } from "../../domain/history.ts";
import type { Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { HistoryQuery, Page } from "../rpc.ts";
import { isOf } from "./bulk.ts";
import type { Scope } from "./change.ts";
import { toEvent } from "./event.ts";
import { readMarker, writeMarker } from "./marker.ts";
import { event } from "./schema.ts";

const order = "history";

export async function history({ store, project }: Scope, query: HistoryQuery): Promise<Result<Page<HistoryEvent>, Problem>> {
  const filters = conditions(query.filters);
  if (!filters.ok) return filters;
  const marker = query.marker === null ? null : readMarker(order, "number", query.marker);
  if (marker !== null && !marker.ok) return marker;

  const { gslb_id, pool_id, member_id } = query.filters;
  const narrow = gslb_id !== undefined || pool_id !== undefined || member_id !== undefined;
  const all = and(narrow ? isOf(event.project_id, project) : eq(event.project_id, project), ...filters.value);
  const from = marker === null ? undefined : sql`(${event.at}, ${event.id}) < (${marker.value.value}, ${marker.value.id})`;
  const [rows, total] = await Promise.all([
    store.read((db) =>
      db
        .select()
        .from(event)
        .where(and(all, from))
        .orderBy(desc(event.at), desc(event.id))
        .limit(query.limit + 1),
    ),
    query.count || filters.value.length === 0
      ? store.read((db) => db.select({ count: count() }).from(event).where(all)).then(([row]) => row?.count ?? 0)
      : null,
  ]);
  const shown = rows.slice(0, query.limit);
  const last = shown.at(-1);
  const next = last !== undefined && rows.length > shown.length ? writeMarker(order, { value: last.at, id: last.id }) : null;
  return ok({ items: shown.map(toEvent), next, total });
}

function conditions(filters: HistoryQuery["filters"]): Result<SQL[], Problem> {
  const found: SQL[] = [];
  const { gslb_id, pool_id, member_id, kind, severity } = filters;
  if (gslb_id !== undefined) found.push(ofGslb(gslb_id));
  if (pool_id !== undefined) found.push(ofPool(pool_id));
  if (member_id !== undefined) found.push(eq(event.member_id, member_id));
  if (kind !== undefined) found.push(eq(event.kind, kind as EventKind));
  if (severity !== undefined) found.push(eq(event.severity, severity as Severity));
  for (const [parameter, compare] of [
    ["since", gte],
    ["until", lte],
  ] as const) {
    const text = filters[parameter];
    if (text === undefined) continue;
    const at = Date.parse(text);
    const detail = "must be a time such as 2026-11-22T10:00:00Z";
    if (Number.isNaN(at)) return fail({ type: "invalid-query", detail: `${parameter}: ${detail}`, errors: [{ parameter, detail }] });
    found.push(compare(event.at, at));
  }
  return ok(found);
}

const ofGslb = (id: string): SQL => sql`(${event.gslb_id} = ${id}
  OR ${event.pool_id} IN (SELECT pool_id FROM gslb_pool WHERE gslb_id = ${id})
  OR ${event.member_id} IN (SELECT m.id FROM gslb_pool AS g JOIN pool_member AS m ON m.pool_id = g.pool_id WHERE g.gslb_id = ${id}))`;

const ofPool = (id: string): SQL => sql`(${event.pool_id} = ${id}
  OR ${event.member_id} IN (SELECT m.id FROM pool_member AS m WHERE m.pool_id = ${id}))`;
