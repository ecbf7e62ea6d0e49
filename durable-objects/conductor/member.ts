/** Pool members, one at a time; the set of a pool as a whole is in member-set.ts. */
import { and, count, eq, getTableColumns, sql } from "drizzle-orm";
import { limits } from "../../domain/limits.ts";
import type { Member, MemberWrite } from "../../domain/member.ts";
import { notFound, type Problem } from "../../domain/problem.ts";
import { fail, ok } from "../../domain/result.ts";
import type { Kinds } from "../rpc.ts";
import { insertRows, updateRow } from "./bulk.ts";
import { changedFields, type Decision, nothing, type Scope, typeProblem, versionProblem, type Writing } from "./change.ts";
import { changedWords, configEvent } from "./event.ts";
import { attachmentsOf, changing, embedded, monitorIdsOf, newRow, newSteered, shown } from "./resource.ts";
import { pool, poolMember } from "./schema.ts";

export const memberColumns = { ...getTableColumns(poolMember), monitor_ids: monitorIdsOf("pool_member") };

export const toMember = (row: typeof poolMember.$inferSelect & { monitor_ids: string[] }): Member => shown(row);

export const newMember = (writing: Writing, pool_id: string, input: MemberWrite) => ({
  ...input,
  ...newRow(writing),
  ...newSteered,
  pool_id,
  in_rotation: false,
});

export const tooManyMembers: Problem = { type: "conflict", detail: `a pool has at most ${limits.membersPerPool} members` };

export async function readMember({ store, project }: Scope, id: string): Promise<Member | null> {
  const [row] = await store.read((db) =>
    db
      .select(memberColumns)
      .from(poolMember)
      .where(and(eq(poolMember.id, id), eq(poolMember.project_id, project))),
  );
  return row === undefined ? null : toMember(row);
}

export async function createMember(writing: Writing, { pool_id, ...input }: Kinds["pool_member"]["create"]): Promise<Decision<Member>> {
  const [[owner], [members]] = await writing.store.read((db) =>
    db.batch([
      db
        .select({ id: pool.id })
        .from(pool)
        .where(and(eq(pool.id, pool_id), eq(pool.project_id, writing.project))),
      db.select({ count: count() }).from(poolMember).where(eq(poolMember.pool_id, pool_id)),
    ]),
  );
  if (owner === undefined) return fail(notFound("pool"));
  if ((members?.count ?? 0) >= limits.membersPerPool) return fail(tooManyMembers);
  const row = newMember(writing, pool_id, input);
  const { id } = row;
  return ok({
    value: toMember({ ...row, monitor_ids: [] }),
    statements: [...insertRows(poolMember, [row]), embedded([pool_id])],
    touched: [{ kind: "pool_member", id, op: "put" }],
    events: [configEvent(writing, { kind: "pool_member", id, name: row.name, happened: "made", pool_id, member_id: id })],
  });
}

export async function replaceMember(writing: Writing, id: string, input: MemberWrite, expected: number | null): Promise<Decision<Member>> {
  const before = await readMember(writing, id);
  if (before === null) return fail(notFound("pool member"));
  const problem = versionProblem(before, expected) ?? typeProblem(before, input, "/type");
  if (problem !== null) return fail(problem);
  const fields = changedFields(before, input);
  if (fields.length === 0) return ok(nothing(before));
  const next = changedMember(writing, before, input);
  const { pool_id } = before;
  return ok({
    value: next,
    statements: [...updateRow(poolMember, id, memberUpdate(writing, next, input)), embedded([pool_id])],
    touched: [{ kind: "pool_member", id, op: "put" }],
    events: [configEvent(writing, { kind: "pool_member", id, name: input.name, pool_id, member_id: id, ...changedWords(fields) })],
  });
}

export async function removeMember(writing: Writing, id: string, expected: number | null): Promise<Decision<null>> {
  const before = await readMember(writing, id);
  if (before === null) return fail(notFound("pool member"));
  const mismatch = versionProblem(before, expected);
  if (mismatch !== null) return fail(mismatch);
  const { pool_id } = before;
  return ok({
    value: null,
    statements: [attachmentsOf(id), sql`DELETE FROM ${poolMember} WHERE id = ${id}`, embedded([pool_id])],
    touched: [{ kind: "pool_member", id, op: "delete" }],
    events: [configEvent(writing, { kind: "pool_member", id, name: before.name, happened: "deleted", pool_id, member_id: id })],
  });
}

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
