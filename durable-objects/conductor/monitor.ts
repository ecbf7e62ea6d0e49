/** Monitors: the fields of every type have columns, how often, from where and the type's own are one JSON column. */
import { and, eq, getTableColumns, sql } from "drizzle-orm";
import type { Monitor, MonitorWrite } from "../../domain/monitor.ts";
import { type FieldError, notFound, type Problem } from "../../domain/problem.ts";
import { fail, ok } from "../../domain/result.ts";
import { insertRows, isIn, isOf, updateRow } from "./bulk.ts";
import { changedFields, type Decision, nothing, type Scope, typeProblem, versionProblem, type Writing } from "./change.ts";
import { changedWords, configEvent } from "./event.ts";
import { bump, embedded, newRow, shown } from "./resource.ts";
import { monitor, monitorAttachment, pool, poolMember } from "./schema.ts";

export const monitorColumns = getTableColumns(monitor);

type MonitorRow = typeof monitor.$inferSelect;

export function toMonitor({ settings, ...row }: MonitorRow): Monitor {
  const { delay, timeout, max_retries, rise, check_regions, ...own } = settings as Pick<
    MonitorWrite,
    "delay" | "timeout" | "max_retries" | "rise" | "check_regions"
  >;
  // A row from before the field has what was the rule then: confirmation as it is by default.
  const confirm_delay = 1;
  return {
    ...shown(row),
    name: row.name === "" ? null : row.name,
    delay,
    timeout,
    max_retries,
    rise,
    confirm_delay,
    check_regions,
    // As `confirm_delay`.
    observe_only: false,
    target: null,
    ...own,
  };
}

export async function readMonitor({ store, project }: Scope, id: string): Promise<Monitor | null> {
  const [row] = await store.read((db) =>
    db
      .select(monitorColumns)
      .from(monitor)
      .where(and(eq(monitor.id, id), eq(monitor.project_id, project))),
  );
  return row === undefined ? null : toMonitor(row);
}

export async function createMonitor(writing: Writing, input: MonitorWrite): Promise<Decision<Monitor>> {
  const row = { ...columnsOf(input), ...newRow(writing) };
  const { id, name } = row;
  return ok({
    value: toMonitor(row),
    statements: insertRows(monitor, [row]),
    touched: [{ kind: "monitor", id, op: "put" }],
    events: [configEvent(writing, { kind: "monitor", id, name, happened: "made" })],
  });
}

export async function replaceMonitor(
  writing: Writing,
  id: string,
  input: MonitorWrite,
  expected: number | null,
): Promise<Decision<Monitor>> {
  const before = await readMonitor(writing, id);
  if (before === null) return fail(notFound("monitor"));
  const problem = versionProblem(before, expected) ?? typeProblem(before, input, "/type");
  if (problem !== null) return fail(problem);
  const fields = changedFields(before, input);
  if (fields.length === 0) return ok(nothing(before));
  const version = before.version + 1;
  const columns = columnsOf(input);
  return ok({
    value: { ...before, ...input, version, updated_at: new Date(writing.now).toISOString() },
    statements: updateRow(monitor, id, { ...columns, version, updated_at: writing.now }),
    touched: [{ kind: "monitor", id, op: "put" }],
    events: [configEvent(writing, { kind: "monitor", id, name: columns.name, ...changedWords(fields) })],
  });
}

/** A monitor that is attached is detached everywhere; its holders changed. */
export async function removeMonitor(writing: Writing, id: string, expected: number | null): Promise<Decision<null>> {
  const before = await readMonitor(writing, id);
  if (before === null) return fail(notFound("monitor"));
  const mismatch = versionProblem(before, expected);
  if (mismatch !== null) return fail(mismatch);
  const holders = await holdersOf(writing, id);
  const of = (kind: "pool" | "pool_member") => holders.filter((holder) => holder.kind === kind).map((holder) => holder.id);
  const poolsOfMembers = holders.flatMap(({ pool_id }) => pool_id ?? []);
  return ok({
    value: null,
    statements: [
      bump(pool, of("pool"), writing.now),
      bump(poolMember, of("pool_member"), writing.now),
      embedded(poolsOfMembers),
      sql`DELETE FROM ${monitorAttachment} WHERE monitor_id = ${id}`,
      sql`DELETE FROM ${monitor} WHERE id = ${id}`,
    ],
    touched: [
      { kind: "monitor", id, op: "delete" },
      ...holders.map((holder) => ({ kind: holder.kind, id: holder.id, op: "put" }) as const),
    ],
    events: [
      configEvent(writing, { kind: "monitor", id, name: before.name ?? "", happened: "deleted", evidence: { detached: holders.length } }),
    ],
  });
}

/** Null: the project has all of them. The pointers are those of a body with `monitor_ids`. */
export async function unknownMonitors({ store, project }: Scope, ids: readonly string[]): Promise<Problem | null> {
  if (ids.length === 0) return null;
  const rows = await store.read((db) =>
    db
      .select({ id: monitor.id })
      .from(monitor)
      .where(and(isIn(monitor.id, ids), isOf(monitor.project_id, project))),
  );
  const known = new Set(rows.map((row) => row.id));
  const errors = ids.flatMap((id, index): FieldError[] =>
    known.has(id) ? [] : [{ pointer: `/monitor_ids/${index}`, detail: `there is no monitor ${id}` }],
  );
  return errors.length === 0 ? null : { type: "unprocessable", detail: "monitors that do not exist", errors };
}

const holdersOf = ({ store }: Scope, id: string) =>
  store.read((db) =>
    db
      .select({ kind: monitorAttachment.target_kind, id: monitorAttachment.target_id, pool_id: poolMember.pool_id })
      .from(monitorAttachment)
      .leftJoin(poolMember, eq(poolMember.id, monitorAttachment.target_id))
      .where(eq(monitorAttachment.monitor_id, id)),
  );

function columnsOf(input: MonitorWrite) {
  const { name, description, tags, admin_state_up, type, ...settings } = input;
  return { name: name ?? "", description, tags, admin_state_up, type, settings };
}
