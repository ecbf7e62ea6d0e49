/** Pool members, one at a time; the set of a pool as a whole is in member-set.ts. */
import { and, count, eq, getTableColumns, sql } from "drizzle-orm";
import { limits } from "../../domain/limits.ts";
import type { Member, MemberWrite } from "../../domain/member.ts";
import type { OverrideView } from "../../domain/override.ts";
import { notFound, type Problem } from "../../domain/problem.ts";
import { fail, ok } from "../../domain/result.ts";
import type { Kinds } from "../rpc.ts";
import { insertRows, updateRow } from "./bulk.ts";
import { changedFields, type Decision, nothing, type Scope, typeProblem, versionProblem, type Writing } from "./change.ts";
import { checkedMembers, checksProblem, monitorIdsOfPool } from "./checked.ts";
import { changedWords, configEvent } from "./event.ts";
import { memberRevision, overrideOfMember, overrideOfPool } from "./in-force.ts";
import type { Removal } from "./nouns.ts";
import { orphansOf } from "./override.ts";
import { attachmentsOf, changing, embedded, monitorIdsOf, newRow, newSteered, shown } from "./resource.ts";
import { override, pool, poolMember } from "./schema.ts";
import { emptiedByPool, mayServe, without } from "./would-empty.ts";

/** As the Engine copies it, which has the overrides themselves. */
export const configuredMember = { ...getTableColumns(poolMember), monitor_ids: monitorIdsOf("pool_member") };

export const memberColumns = (now: number) => ({ ...configuredMember, revision: memberRevision(now), override: overrideOfMember(now) });

type MemberRow = typeof poolMember.$inferSelect & { monitor_ids: string[]; override: OverrideView | null };

export const toMember = (row: MemberRow): Member => shown(row);

export const newMember = (writing: Writing, pool_id: string, input: MemberWrite) => ({
  ...input,
  ...newRow(writing),
  ...newSteered,
  pool_id,
  in_rotation: false,
});

export const tooManyMembers: Problem = { type: "conflict", detail: `a pool has at most ${limits.membersPerPool} members` };

export async function readMember({ store, project, now }: Scope, id: string): Promise<Member | null> {
  const [row] = await store.read((db) =>
    db
      .select(memberColumns(now))
      .from(poolMember)
      .where(and(eq(poolMember.id, id), eq(poolMember.project_id, project))),
  );
  return row === undefined ? null : toMember(row);
}

/** What the body of a member shows that is made now in this pool. */
export async function poolOverride({ store, now }: Scope, poolId: string): Promise<OverrideView | null> {
  const [row] = await store.read((db) =>
    db
      .select({ override: overrideOfPool(poolId, now) })
      .from(pool)
      .where(eq(pool.id, poolId)),
  );
  return row?.override ?? null;
}

export async function createMember(writing: Writing, { pool_id, ...input }: Kinds["pool_member"]["create"]): Promise<Decision<Member>> {
  const [[owner], [members]] = await writing.store.read((db) =>
    db.batch([
      db
        .select({ override: overrideOfPool(pool_id, writing.now) })
        .from(pool)
        .where(and(eq(pool.id, pool_id), eq(pool.project_id, writing.project))),
      db.select({ count: count() }).from(poolMember).where(eq(poolMember.pool_id, pool_id)),
    ]),
  );
  if (owner === undefined) return fail(notFound("pool"));
  if ((members?.count ?? 0) >= limits.membersPerPool) return fail(tooManyMembers);
  const row = newMember(writing, pool_id, input);
  const { id } = row;
  const monitorIds = writing.vantage === undefined ? [] : await monitorIdsOfPool(writing, pool_id);
  const refused = await checksProblem(writing, { before: [], after: [{ member: row, monitorIds, pointerOf: toEndpoint() }] });
  if (refused !== null) return fail(refused);
  return ok({
    value: toMember({ ...row, monitor_ids: [], override: owner.override }),
    statements: [...insertRows(poolMember, [row]), embedded([pool_id])],
    touched: [{ kind: "pool_member", id, op: "put" }],
    events: [configEvent(writing, { kind: "pool_member", id, name: row.name, happened: "made", pool_id, member_id: id })],
  });
}

export async function replaceMember(
  writing: Writing,
  id: string,
  input: MemberWrite,
  expected: number | null,
  force: boolean,
): Promise<Decision<Member>> {
  const before = await readMember(writing, id);
  if (before === null) return fail(notFound("pool member"));
  const problem = versionProblem(before, expected) ?? typeProblem(before, input, "/type");
  if (problem !== null) return fail(problem);
  const fields = changedFields(before, input);
  if (fields.length === 0) return ok(nothing(before));
  const { pool_id } = before;
  if (!force && mayServe(before) && !mayServe(input)) {
    const empty = await emptiedByPool(writing, pool_id, without([id]));
    if (empty !== null) return fail(empty);
  }
  const next = changedMember(writing, before, input);
  if (writing.vantage !== undefined && aimsElsewhere(fields)) {
    const checked = await checkedMembers(writing, [id]);
    const after = checked.map(({ monitorIds }) => ({ member: next, monitorIds, pointerOf: toEndpoint() }));
    const refused = await checksProblem(writing, { before: checked, after });
    if (refused !== null) return fail(refused);
  }
  return ok({
    value: next,
    statements: [...updateRow(poolMember, id, memberUpdate(writing, next, input)), embedded([pool_id])],
    touched: [{ kind: "pool_member", id, op: "put" }],
    events: [configEvent(writing, { kind: "pool_member", id, name: input.name, pool_id, member_id: id, ...changedWords(fields) })],
  });
}

export async function removeMember(writing: Writing, id: string, { expected, force }: Removal): Promise<Decision<null>> {
  const before = await readMember(writing, id);
  if (before === null) return fail(notFound("pool member"));
  const mismatch = versionProblem(before, expected);
  if (mismatch !== null) return fail(mismatch);
  const { pool_id, name } = before;
  const empty = force || !mayServe(before) ? null : await emptiedByPool(writing, pool_id, without([id]));
  if (empty !== null) return fail(empty);
  const orphans = await orphansOf(writing, eq(override.member_id, id));
  const evidence = orphans.ids.length === 0 ? {} : { overrides: orphans.ids };
  return ok({
    value: null,
    statements: [attachmentsOf(id), sql`DELETE FROM ${poolMember} WHERE id = ${id}`, ...orphans.statements, embedded([pool_id])],
    touched: [{ kind: "pool_member", id, op: "delete" }, ...orphans.touched],
    events: [configEvent(writing, { kind: "pool_member", id, name, happened: "deleted", pool_id, member_id: id, evidence })],
  });
}

/** Whether a change of these fields changes what is asked of whom. */
export const aimsElsewhere = (fields: readonly string[]): boolean =>
  ["endpoints", "host_header", "monitor_address", "monitor_port"].some((field) => fields.includes(field));

/** The pointer to an endpoint of the member that stands at `at` in the body. */
export const toEndpoint =
  (at = "") =>
  (index: number): string =>
    `${at}/endpoints/${index}`;

export const changedMember = ({ now }: Writing, before: Member, input: MemberWrite): Member => ({
  ...before,
  ...input,
  version: before.version + 1,
  action: changing(before.action),
  updated_at: new Date(now).toISOString(),
});

/** The columns that such a change writes. */
export const memberUpdate = ({ now }: Writing, { version, action }: Member, input: MemberWrite) => ({
  ...input,
  version,
  action,
  updated_at: now,
});
