/** Monitors: made, replaced, removed. What of a change the members that they check would not bear is refused. */
import { eq, sql } from "drizzle-orm";
import { heartbeatType, judgesAlike, type Monitor, type MonitorWrite, sealedOf, withSecrets } from "../../domain/monitor.ts";
import { notFound, type Problem } from "../../domain/problem.ts";
import { fail, ok } from "../../domain/result.ts";
import { insertRows, updateRow } from "./bulk.ts";
import { calculatedFrom, referencesProblem } from "./calculated.ts";
import { changedFields, type Decision, nothing, type Scope, typeProblem, versionProblem, type Writing } from "./change.ts";
import { attachableProblem, checkedBy, checksProblem } from "./checked.ts";
import { changedWords, configEvent } from "./event.ts";
import { heartbeatSecretOf, monitorRow, newHeartbeatSecret, readMonitor, toMonitor } from "./monitor-row.ts";
import { bump, embedded, newRow } from "./resource.ts";
import { monitor, monitorAttachment, pool, poolMember } from "./schema.ts";

export async function createMonitor(writing: Writing, input: MonitorWrite): Promise<Decision<Monitor>> {
  const unknown = await referencesProblem(writing, input);
  if (unknown !== null) return fail(unknown);
  const secret = input.type === heartbeatType ? newHeartbeatSecret() : null;
  const row = { ...monitorRow(withSecrets(input, null), secret), ...newRow(writing) };
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
  const next = withSecrets(input, before);
  const fields = changedIn(before, next);
  if (fields.length === 0) return ok(nothing(before));
  const version = before.version + 1;
  const { sealed: _, ...rest } = before;
  const value = { ...rest, ...next, version, updated_at: new Date(writing.now).toISOString() } as Monitor;
  const refused = (await referencesProblem(writing, input)) ?? (await unbearable(writing, before, value));
  if (refused !== null) return fail(refused);
  const columns = monitorRow(next, heartbeatSecretOf(before));
  return ok({
    value,
    statements: updateRow(monitor, id, { ...columns, version, updated_at: writing.now }),
    touched: [{ kind: "monitor", id, op: "put" }],
    events: [configEvent(writing, { kind: "monitor", id, name: columns.name, ...changedWords(fields) })],
  });
}

/** What the members that it checks would not bear. */
async function unbearable(writing: Writing, before: Monitor, after: Monitor): Promise<Problem | null> {
  if (writing.vantage === undefined) return null;
  if (judgesAlike(before, after) && before.admin_state_up === after.admin_state_up) return null;
  const checked = await checkedBy(writing, before.id);
  const problem = await checksProblem(writing, {
    before: checked,
    after: checked.map((one) => ({ ...one, pointerOf: toRegions })),
    monitors: [after],
  });
  if (problem !== null) return problem;
  const dark = attachableProblem(writing, after, toRegions());
  if (dark === null || attachableProblem(writing, before, "") !== null) return null;
  return (await holdersOf(writing, before.id)).length > 0 ? dark : null;
}

/** Which of a monitor's fields a change of it is about is not known; where it is checked from is what can be changed of each. */
const toRegions = () => "/check_regions";

/** The fields that differ; of secrets their names alone. */
function changedIn(before: Monitor, { sealed, ...next }: MonitorWrite): string[] {
  const [old, now] = [sealedOf(before), (sealed ?? {}) as Readonly<Record<string, string>>];
  const secrets = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter((field) => old[field] !== now[field]);
  return [...changedFields(before, next), ...secrets];
}

/** A monitor that is attached is detached everywhere; its holders changed. */
export async function removeMonitor(writing: Writing, id: string, expected: number | null): Promise<Decision<null>> {
  const before = await readMonitor(writing, id);
  if (before === null) return fail(notFound("monitor"));
  const mismatch = versionProblem(before, expected);
  if (mismatch !== null) return fail(mismatch);
  const users = await calculatedFrom(writing, id);
  if (users.length > 0) {
    const detail = `the monitor is part of ${users.length} CALCULATED monitor${users.length === 1 ? "" : "s"}`;
    return fail({ type: "in-use", detail, users });
  }
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

const holdersOf = ({ store }: Scope, id: string) =>
  store.read((db) =>
    db
      .select({ kind: monitorAttachment.target_kind, id: monitorAttachment.target_id, pool_id: poolMember.pool_id })
      .from(monitorAttachment)
      .leftJoin(poolMember, eq(poolMember.id, monitorAttachment.target_id))
      .where(eq(monitorAttachment.monitor_id, id)),
  );
