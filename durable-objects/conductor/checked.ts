/**
 * Whether a change may be made for what it means to the checks: the members and monitors that it concerns, before and after, and what else
 * of the project asks the same hosts. The rules are in domain/checkable.ts; here is only what they are asked about.
 */
import { asc, eq, type SQL, sql } from "drizzle-orm";
import {
  burdened,
  type Check,
  type CheckedMember,
  type CheckedMonitor,
  capabilityProblem,
  checksOf,
  loadProblem,
  type Needs,
} from "../../domain/checkable.ts";
import { limits } from "../../domain/limits.ts";
import { type Monitor, referencesOf } from "../../domain/monitor.ts";
import type { Problem } from "../../domain/problem.ts";
import { asking, runnable, type Vantage } from "../../domain/runnable.ts";
import { readNeeds } from "../../plugins/index.ts";
import type { AttachTarget } from "../rpc.ts";
import { isIn, isOf } from "./bulk.ts";
import type { Scope, Writing } from "./change.ts";
import { monitorColumns, toMonitor } from "./monitor-row.ts";
import { monitor, monitorAttachment, poolMember } from "./schema.ts";

/** A member with all that checks it. `pointerOf` leads to the endpoint with that index in the request. */
export type Checked = {
  readonly member: CheckedMember;
  readonly monitorIds: readonly string[];
  readonly pointerOf?: (index: number) => string;
};

/** What a change makes of the members that it concerns, and monitors that are other than they are stored. */
export type CheckedChange = {
  readonly before: readonly Checked[];
  readonly after: readonly Checked[];
  readonly monitors?: readonly CheckedMonitor[];
};

/** Null: nothing is in the way. Without `vantage` nobody said what can be checked from where, and nothing is refused for it. */
export async function checksProblem(writing: Writing, { before, after, monitors = [] }: CheckedChange): Promise<Problem | null> {
  const { vantage } = writing;
  const ids = new Set([...before, ...after].flatMap(({ monitorIds }) => monitorIds));
  if (vantage === undefined || after.length === 0 || ids.size === 0) return null;
  const stored = await monitorsById(writing, [...ids, ...monitors.flatMap(referencesOf)]);
  const changed = new Map([...stored, ...monitors.map((one) => [one.id, one] as const)]);
  const checksBefore = allChecks(before, stored, vantage);
  const checksAfter = allChecks(after, changed, vantage);
  const dark = capabilityProblem(checksBefore, checksAfter);
  if (dark !== null) return dark;
  const hosts = burdened(checksBefore, checksAfter);
  if (hosts.length === 0) return null;
  const concerned = new Set([...before, ...after].map(({ member }) => member.id));
  const others = (await checkedWhere(writing, asks(writing.project, hosts))).filter(({ member }) => !concerned.has(member.id));
  const theirs = await monitorsById(
    writing,
    others.flatMap(({ monitorIds }) => monitorIds),
  );
  return loadProblem(checksBefore, checksAfter, allChecks(others, theirs, vantage), limits.checksPerSecondPerTarget);
}

/** A monitor that cannot be run even for the easiest target is attached to nothing, also where nothing is there yet to be checked. */
export function attachableProblem({ vantage }: Writing, one: CheckedMonitor, pointer: string): Problem | null {
  if (vantage === undefined) return null;
  const needs = readNeeds(one);
  const from = needs.ok ? runnable(one.type, needs.value(null), one.check_regions, vantage) : { ok: false, reason: needs.error };
  if (from.ok) return null;
  const detail = from.reason ?? "cannot be run";
  return { type: "capability", detail, errors: [{ pointer, detail }] };
}

/** As `attachableProblem`, for monitors by their ids: the pointers are those of a body with `monitor_ids`. */
export async function attachablesProblem(writing: Writing, ids: readonly string[]): Promise<Problem | null> {
  if (writing.vantage === undefined || ids.length === 0) return null;
  const monitors = await monitorsById(writing, ids);
  const problems = ids.map((id, index) => {
    const one = monitors.get(id);
    return one === undefined ? null : attachableProblem(writing, one, `/monitor_ids/${index}`);
  });
  return problems.find((problem) => problem !== null) ?? null;
}

/** Who is checked by a monitor, itself or through a calculated one. */
export async function checkedBy(scope: Scope, monitorId: string): Promise<readonly Checked[]> {
  const which = withCalculated(scope.project, sql`${monitorId}`);
  return checkedWhere(scope, sql`pool_member.project_id = ${scope.project} AND monitor_attachment.monitor_id IN (${which})`);
}

/** Members by themselves. */
export const checkedMembers = (scope: Scope, ids: readonly string[]): Promise<readonly Checked[]> =>
  checkedWhere(scope, isIn(sql`pool_member.id`, ids));

/** The members of a pool that have its monitors, not their own. */
export async function checkedByPool(scope: Scope, poolId: string): Promise<readonly Checked[]> {
  return checkedWhere(
    scope,
    sql`pool_member.pool_id = ${poolId} AND pool_member.type <> 'neutron_lbaas_v2' AND NOT EXISTS (SELECT 1 FROM monitor_attachment AS own WHERE own.target_id = pool_member.id)`,
  );
}

/** How many regions run each monitor for the endpoint that most of them can check; without an endpoint, for the easiest there could be. */
export async function pointsThatRun(
  scope: Scope,
  { kind, id }: AttachTarget,
  monitors: readonly Monitor[],
  vantage: Vantage,
): Promise<ReadonlyMap<string, number>> {
  const members = monitors.length === 0 ? [] : kind === "pool" ? await checkedByPool(scope, id) : await checkedMembers(scope, [id]);
  return new Map(
    monitors.map((one) => {
      const needs = readNeeds(one);
      const checks = members.flatMap(({ member }) => checksOf(member, one, needs, vantage, () => ""));
      const easiest = needs.ok && members.length === 0 ? [runnable(one.type, needs.value(null), one.check_regions, vantage)] : [];
      return [one.id, Math.max(0, ...[...easiest, ...checks.map((check) => check.runnable)].map(asking))];
    }),
  );
}

/** The monitors of a pool, in order. */
export async function monitorIdsOfPool({ store }: Scope, poolId: string): Promise<readonly string[]> {
  const rows = await store.read((db) =>
    db
      .select({ id: monitorAttachment.monitor_id })
      .from(monitorAttachment)
      .where(eq(monitorAttachment.target_id, poolId))
      .orderBy(asc(monitorAttachment.position)),
  );
  return rows.map(({ id }) => id);
}

/** What this monitor checks, and what the calculated ones check that are made of it. */
const withCalculated = (project: string, ids: SQL): SQL =>
  sql`SELECT id FROM ${monitor} WHERE ${isOf(monitor.project_id, project)} AND (id IN (${ids}) OR (type = 'CALCULATED'
    AND EXISTS (SELECT 1 FROM json_each(monitor.settings, '$.monitor_ids') WHERE value IN (${ids}))))`;

/** Whether a member, by one of its monitors, asks one of the hosts (`checkTarget` in domain/schedule.ts says which it asks). */
function asks(project: string, hosts: readonly string[]): SQL {
  const aimed = sql`SELECT id FROM monitor WHERE project_id = ${project} AND ${isIn(sql`json_extract(settings, '$.target')`, hosts)}`;
  return sql`pool_member.project_id = ${project} AND (${isIn(sql`pool_member.monitor_address`, hosts)}
    OR EXISTS (SELECT 1 FROM json_each(pool_member.endpoints) AS one WHERE ${isIn(sql`one.value`, hosts)})
    OR monitor_attachment.monitor_id IN (${withCalculated(project, aimed)}))`;
}

/** The members of the project of which, with one of their monitors, `who` is true; each with all of its monitors. */
async function checkedWhere({ store, project }: Scope, who: SQL): Promise<readonly Checked[]> {
  const found = sql`SELECT pool_member.id FROM pool_member LEFT JOIN monitor_attachment ON ${effective} WHERE ${who}`;
  const rows = await store.read((db) =>
    db
      .select({
        id: poolMember.id,
        name: poolMember.name,
        endpoints: poolMember.endpoints,
        host_header: poolMember.host_header,
        monitor_address: poolMember.monitor_address,
        monitor_port: poolMember.monitor_port,
        monitor_id: monitorAttachment.monitor_id,
      })
      .from(poolMember)
      .leftJoin(monitorAttachment, effective)
      .where(sql`pool_member.id IN (${found}) AND ${isOf(poolMember.project_id, project)}`)
      .orderBy(asc(poolMember.created_at), asc(poolMember.id), asc(monitorAttachment.position)),
  );
  const checked = new Map<string, { member: CheckedMember; monitorIds: string[] }>();
  for (const { monitor_id, ...member } of rows) {
    const known = checked.get(member.id) ?? { member, monitorIds: [] };
    if (monitor_id !== null) known.monitorIds.push(monitor_id);
    checked.set(member.id, known);
  }
  return [...checked.values()];
}

/** A member's own monitors replace its pool's; a load balancer of Octavia's has none but its own. */
const effective = sql`monitor_attachment.target_id = CASE
  WHEN pool_member.type = 'neutron_lbaas_v2' THEN pool_member.id
  WHEN EXISTS (SELECT 1 FROM monitor_attachment AS own WHERE own.target_id = pool_member.id) THEN pool_member.id ELSE pool_member.pool_id END`;

type Monitors = ReadonlyMap<string, CheckedMonitor>;

/** These, and those that the calculated ones among them are made of. */
async function monitorsById(scope: Scope, ids: readonly string[]): Promise<Monitors> {
  const found = new Map<string, CheckedMonitor>();
  let wanted = [...new Set(ids)];
  while (wanted.length > 0) {
    const list = wanted;
    const rows = await scope.store.read((db) =>
      db
        .select(monitorColumns)
        .from(monitor)
        .where(sql`${isIn(monitor.id, list)} AND ${isOf(monitor.project_id, scope.project)}`),
    );
    for (const row of rows) found.set(row.id, toMonitor(row));
    wanted = [...new Set(rows.flatMap((row) => referencesOf(toMonitor(row))))].filter((id) => !found.has(id) && !list.includes(id));
  }
  return found;
}

function allChecks(checked: readonly Checked[], monitors: Monitors, vantage: Vantage): readonly Check[] {
  const needs = new Map<string, Needs>([...monitors].map(([id, one]) => [id, readNeeds(one)]));
  return checked.flatMap(({ member, monitorIds, pointerOf = () => "" }) => {
    const ids = new Set(monitorIds.flatMap((id) => [id, ...(monitors.has(id) ? referencesOf(monitors.get(id) as CheckedMonitor) : [])]));
    return [...ids].flatMap((id) => {
      const one = monitors.get(id);
      const need = needs.get(id);
      return one === undefined || need === undefined ? [] : checksOf(member, one, need, vantage, pointerOf);
    });
  });
}
