/** Pools, and their members and monitors as far as they are made and gone together with the pool. */
import { and, asc, eq, getTableColumns, type SQL, sql } from "drizzle-orm";
import type { Member } from "../../domain/member.ts";
import type { Pool, PoolCreate, PoolWrite } from "../../domain/pool.ts";
import { notFound, type Problem, unprocessable } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { PoolWithMembers } from "../rpc.ts";
import { insertRows, isIn, isOf, updateRow } from "./bulk.ts";
import { unknownMonitors } from "./calculated.ts";
import { changedFields, type Decision, nothing, type Scope, versionProblem, type Writing } from "./change.ts";
import { attachablesProblem, checksProblem } from "./checked.ts";
import { changedWords, configEvent } from "./event.ts";
import { flavorsFor, unchangedFlavors } from "./flavor-use.ts";
import { poolRevision } from "./in-force.ts";
import { memberColumns, newMember, toEndpoint, toMember } from "./member.ts";
import { orphansOf } from "./override.ts";
import { changing, monitorIdsOf, newRow, newSteered, shown } from "./resource.ts";
import { gslb, gslbPool, monitorAttachment, override, pool, poolMember } from "./schema.ts";
import { emptiedByPool, nobody } from "./would-empty.ts";

/** As the Engine copies it, which does not see the body. */
export const configuredPool = { ...getTableColumns(pool), monitor_ids: monitorIdsOf("pool") };

export const poolColumns = (now: number) => ({ ...configuredPool, revision: poolRevision(now) });

export const toPool = (row: typeof pool.$inferSelect & { monitor_ids: string[] }): Pool => shown(row);

export async function readPool({ store, project, now }: Scope, id: string): Promise<PoolWithMembers | null> {
  const [[row], members] = await store.read((db) =>
    db.batch([
      db
        .select(poolColumns(now))
        .from(pool)
        .where(and(eq(pool.id, id), eq(pool.project_id, project))),
      db
        .select(memberColumns(now))
        .from(poolMember)
        .where(and(eq(poolMember.pool_id, id), isOf(poolMember.project_id, project)))
        .orderBy(asc(poolMember.created_at), asc(poolMember.id)),
    ]),
  );
  return row === undefined ? null : { ...toPool(row), members: members.map(toMember) };
}

/** The pools with their members embedded, in the order given. */
export async function withMembers<P extends Pool>(
  { store, project, now }: Scope,
  pools: readonly P[],
): Promise<(P & { readonly members: readonly Member[] })[]> {
  if (pools.length === 0) return [];
  const ids = pools.map(({ id }) => id);
  const rows = await store.read((db) =>
    db
      .select(memberColumns(now))
      .from(poolMember)
      .where(and(isIn(poolMember.pool_id, ids), isOf(poolMember.project_id, project)))
      .orderBy(asc(poolMember.created_at), asc(poolMember.id)),
  );
  const byPool = new Map<string, Member[]>(ids.map((id) => [id, []]));
  for (const row of rows) byPool.get(row.pool_id)?.push(toMember(row));
  return pools.map((one) => ({ ...one, members: byPool.get(one.id) ?? [] }));
}

export async function createPool(writing: Writing, input: PoolCreate): Promise<Decision<PoolWithMembers>> {
  const { members: memberInputs, monitor_ids, ...fields } = input;
  const bound = await boundTo(writing, fields.flavor);
  if (!bound.ok) return bound;
  const problem = await unknownMonitors(writing, monitor_ids);
  if (problem !== null) return fail(problem);
  const row = { ...fields, ...newRow(writing), ...newSteered };
  const { id } = row;
  const members = memberInputs.map((member) => newMember(writing, id, member));
  const after = members.map((member, index) => ({ member, monitorIds: monitor_ids, pointerOf: toEndpoint(`/members/${index}`) }));
  const refused = (await checksProblem(writing, { before: [], after })) ?? (await attachablesProblem(writing, monitor_ids));
  if (refused !== null) return fail(refused);
  const attachments = monitor_ids.map((monitor_id, position) => ({ monitor_id, target_id: id, target_kind: "pool" as const, position }));
  const counted = members.length === 0 ? "made" : `made with ${members.length} members`;
  return ok({
    value: {
      ...shown({ ...row, monitor_ids }),
      members: members.map((member) => toMember({ ...member, monitor_ids: [], override: null })),
    },
    statements: [
      ...bound.value,
      ...insertRows(pool, [row]),
      ...insertRows(poolMember, members),
      ...insertRows(monitorAttachment, attachments),
    ],
    touched: [{ kind: "pool", id, op: "put" }, ...members.map((member) => ({ kind: "pool_member", id: member.id, op: "put" }) as const)],
    events: [configEvent(writing, { kind: "pool", id, name: row.name, happened: counted, pool_id: id })],
  });
}

export async function replacePool(
  writing: Writing,
  id: string,
  input: PoolWrite,
  expected: number | null,
  force: boolean,
): Promise<Decision<PoolWithMembers>> {
  const before = await readPool(writing, id);
  if (before === null) return fail(notFound("pool"));
  const mismatch = versionProblem(before, expected);
  if (mismatch !== null) return fail(mismatch);
  const bound = await boundTo(writing, input.flavor);
  if (!bound.ok) return bound;
  const problem = await otherFlavor(writing, id, input.flavor);
  if (problem !== null) return fail(problem);
  const fields = changedFields(before, input);
  if (fields.length === 0) return ok(nothing(before));
  const empty = force || input.admin_state_up || !before.admin_state_up ? null : await emptiedByPool(writing, id, nobody);
  if (empty !== null) return fail(empty);
  const next = { version: before.version + 1, action: changing(before.action) };
  return ok({
    value: { ...before, ...input, ...next, updated_at: new Date(writing.now).toISOString() },
    statements: [...bound.value, ...updateRow(pool, id, { ...input, ...next, updated_at: writing.now })],
    touched: [{ kind: "pool", id, op: "put" }],
    events: [configEvent(writing, { kind: "pool", id, name: input.name, pool_id: id, ...changedWords(fields) })],
  });
}

export async function removePool(writing: Writing, id: string, expected: number | null): Promise<Decision<null>> {
  const before = await readPool(writing, id);
  if (before === null) return fail(notFound("pool"));
  const mismatch = versionProblem(before, expected);
  if (mismatch !== null) return fail(mismatch);
  const users = await usersOf(writing, id);
  if (users.length > 0) {
    const named = users.map((user) => ({ type: "gslb", id: user.id, name: user.name }));
    return fail({ type: "in-use", detail: `the pool is used by ${users.length} GSLB${users.length === 1 ? "" : "s"}`, users: named });
  }
  const members = before.members.map((member) => ({ kind: "pool_member", id: member.id, op: "delete" }) as const);
  const orphans = await orphansOf(writing, eq(override.of_pool_id, id));
  const evidence = orphans.ids.length === 0 ? {} : { overrides: orphans.ids };
  return ok({
    value: null,
    statements: [
      sql`DELETE FROM ${monitorAttachment} WHERE target_id = ${id}
        OR target_id IN (SELECT id FROM ${poolMember} WHERE pool_id = ${id})`,
      sql`DELETE FROM ${poolMember} WHERE pool_id = ${id}`,
      sql`DELETE FROM ${pool} WHERE id = ${id}`,
      ...orphans.statements,
    ],
    touched: [{ kind: "pool", id, op: "delete" }, ...members, ...orphans.touched],
    events: [configEvent(writing, { kind: "pool", id, name: before.name, pool_id: id, happened: "deleted", evidence })],
  });
}

/** The GSLBs that have it, or fall back on it. */
const usersOf = ({ store }: Scope, id: string) =>
  store.read((db) =>
    db
      .select({ id: gslb.id, name: gslb.name, flavors: gslb.flavors })
      .from(gslb)
      .where(
        sql`${gslb.id} IN (SELECT gslb_id FROM ${gslbPool} WHERE pool_id = ${id} UNION SELECT id FROM ${gslb} WHERE fallback_pool_id = ${id})`,
      )
      .orderBy(asc(gslb.created_at), asc(gslb.id)),
  );

/** What proves in the write that the flavor is there which a pool is bound to. */
async function boundTo(writing: Writing, name: string | null): Promise<Result<SQL[], Problem>> {
  if (name === null) return ok([]);
  const found = (await flavorsFor(writing, [name])).get(name);
  return found === undefined ? fail(unprocessable("/flavor", `there is no flavor ${name}`)) : ok(unchangedFlavors(writing, [found]));
}

/** A pool that is bound to a flavor cannot stay with a GSLB of another. */
async function otherFlavor(scope: Scope, id: string, flavor: string | null): Promise<Problem | null> {
  if (flavor === null) return null;
  const other = (await usersOf(scope, id)).find((user) => user.flavors.some((name) => name !== flavor));
  if (other === undefined) return null;
  const { name, flavors } = other;
  return unprocessable("/flavor", `the GSLB ${name} of ${flavors.length === 1 ? "flavor" : "flavors"} ${flavors.join(", ")} uses the pool`);
}
