/**
 * What the Engine writes back. Only what differs is written, and what is gone is passed over; none of it is configuration, so no version
 * rises and nobody is told. The bodies that changed get a new revision, the second half of their tags.
 */
import { eq, type SQL, sql } from "drizzle-orm";
import type { WriteBack } from "../rpc.ts";
import { insertRows, jsonChunks } from "./bulk.ts";
import type { Scope } from "./change.ts";
import { released } from "./claim.ts";
import { eventRow } from "./event.ts";
import { retag } from "./in-force.ts";
import { event, override, tombstone } from "./schema.ts";

const kinds = ["pool_member", "pool", "gslb"] as const;

export async function recordStatements(scope: Scope, writeBack: WriteBack): Promise<SQL[]> {
  const { project, now } = scope;
  const { statuses, settled, events, unpublished, ended } = writeBack;
  return [
    ...kinds.flatMap((kind) =>
      jsonChunks(statuses.filter((one) => one.kind === kind)).flatMap((json) => statusUpdates(project, kind, json)),
    ),
    ...kinds.flatMap((kind) =>
      jsonChunks(settled.filter((one) => one.kind === kind)).flatMap((json) => settledUpdates(project, kind, json)),
    ),
    ...insertRows(
      event,
      events.map((one) => eventRow(project, one)),
      "ignore",
    ),
    ...unpublished.map(
      ({ gslb_id, flavor }) =>
        sql`DELETE FROM ${tombstone} WHERE ${eq(sql`project_id`, project)} AND gslb_id = ${gslb_id} AND flavor = ${flavor}`,
    ),
    ...(await released(scope, unpublished)),
    ...jsonChunks(ended).flatMap((json) => endings(project, now, json)),
  ];
}

type Steered = (typeof kinds)[number];

/** The plus keeps SQLite from walking all rows of the project, and all of the JSON for each, instead of looking each id up. */
const isOne = (table: SQL, project: string): SQL => sql`${table}.id = ${value("id")} AND +${table}.project_id = ${project}`;

const value = (field: string): SQL => sql.raw(`json_extract(value, '$.${field}')`);

function statusUpdates(project: string, kind: Steered, json: string): SQL[] {
  const table = sql.raw(kind);
  const rotation = kind === "pool_member";
  const same = isOne(table, project);
  const differs = rotation
    ? sql`(status <> ${value("status")} OR in_rotation <> coalesce(${value("in_rotation")}, in_rotation)
      OR endpoints <> coalesce(${value("endpoints")}, endpoints))`
    : sql`status <> ${value("status")}`;
  const set = rotation
    ? sql`status = ${value("status")}, in_rotation = coalesce(${value("in_rotation")}, in_rotation),
      endpoints = coalesce(${value("endpoints")}, endpoints)`
    : sql`status = ${value("status")}`;
  return [
    ...poolsEmbedding(kind, sql`${same} AND ${differs}`, json),
    sql`UPDATE ${table} SET ${set}, revision = revision + 1 FROM json_each(${json}) WHERE ${same} AND ${differs}`,
  ];
}

function settledUpdates(project: string, kind: Steered, json: string): SQL[] {
  const table = sql.raw(kind);
  const matches = sql`${isOne(table, project)} AND ${table}.version = ${value("version")} AND ${table}.action NOT IN ('NONE', 'DELETE')`;
  return [
    ...poolsEmbedding(kind, matches, json),
    sql`UPDATE ${table} SET action = 'NONE', revision = revision + 1 FROM json_each(${json}) WHERE ${matches}`,
  ];
}

/** Before members change: the pools whose bodies show them. */
function poolsEmbedding(kind: Steered, which: SQL, json: string): SQL[] {
  if (kind !== "pool_member") return [];
  return [
    sql`UPDATE pool SET revision = revision + 1
      WHERE id IN (SELECT pool_member.pool_id FROM json_each(${json}), pool_member WHERE ${which})`,
  ];
}

/** What was ended once keeps its first reason. */
function endings(project: string, now: number, json: string): SQL[] {
  const stands = sql`+override.project_id = ${project} AND override.ended IS NULL`;
  const its = value("override_id");
  return [
    ...retag(sql`${stands} AND override.id IN (SELECT ${its} FROM json_each(${json}))`),
    sql`UPDATE ${override} SET ended = ${value("reason")}, ended_at = ${now} FROM json_each(${json}) WHERE override.id = ${its} AND ${stands}`,
  ];
}
