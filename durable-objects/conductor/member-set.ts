/** The members of a pool as one set: a PUT of all of them is one write, which touches only the members that differ. */

import { sql } from "drizzle-orm";
import type { CheckedMember } from "../../domain/checkable.ts";
import { limits } from "../../domain/limits.ts";
import type { Member, MemberWrite } from "../../domain/member.ts";
import { notFound, type Problem, unprocessable } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { insertRows, isIn, updateRows } from "./bulk.ts";
import { changedFields, type Decision, nothing, type Touched, typeProblem, type Writing } from "./change.ts";
import { checkedMembers, checksProblem, monitorIdsOfPool } from "./checked.ts";
import { configEvent } from "./event.ts";
import { aimsElsewhere, changedMember, memberUpdate, newMember, poolOverride, toEndpoint, toMember, tooManyMembers } from "./member.ts";
import { orphansOf } from "./override.ts";
import { readPool } from "./pool.ts";
import { embedded } from "./resource.ts";
import { monitorAttachment, override, poolMember } from "./schema.ts";
import { emptiedByPool, mayServe, without } from "./would-empty.ts";

export type SetElement = MemberWrite & { readonly id: string | null };

/** An element and the member that it updates; null: it makes a new one. */
export type Match = { readonly input: MemberWrite; readonly before: Member | null };

const pointer = (index: number, field: string): string => `/pool_members/${index}/${field}`;

const ambiguous = (index: number, name: string): Problem => ({
  type: "conflict",
  detail: `which member ${JSON.stringify(name)} means is not clear: give its id`,
  errors: [{ pointer: pointer(index, "name"), detail: "stands for more than one member: give its id" }],
});

/** Which element means which member: by its id, else by its name among the members that no id names. */
export function matchMembers(members: readonly Member[], elements: readonly SetElement[]): Result<readonly Match[], Problem> {
  const byId = new Map(members.map((member) => [member.id, member]));
  const named = new Set(elements.flatMap(({ id }) => id ?? []));
  const byName = Map.groupBy(
    members.filter(({ id }) => !named.has(id)),
    ({ name }) => name,
  );
  const ids = new Set<string>();
  const names = new Set<string>();
  const matches: Match[] = [];
  for (const [index, { id, ...input }] of elements.entries()) {
    let before: Member | null = null;
    if (id !== null) {
      before = byId.get(id) ?? null;
      if (before === null) return fail(unprocessable(pointer(index, "id"), "is not the id of a member of this pool"));
      if (ids.has(id)) return fail(unprocessable(pointer(index, "id"), "stands twice"));
      ids.add(id);
    } else {
      const candidates = byName.get(input.name) ?? [];
      if (candidates.length > 1 || names.has(input.name)) return fail(ambiguous(index, input.name));
      names.add(input.name);
      before = candidates[0] ?? null;
    }
    const problem = before === null ? null : typeProblem(before, input, pointer(index, "type"));
    if (problem !== null) return fail(problem);
    matches.push({ input, before });
  }
  return ok(matches);
}

export async function replaceMembers(
  writing: Writing,
  poolId: string,
  elements: readonly SetElement[],
  additiveOnly: boolean,
  force: boolean,
): Promise<Decision<readonly Member[]>> {
  const pool = await readPool(writing, poolId);
  if (pool === null) return fail(notFound("pool"));
  const matched = matchMembers(pool.members, elements);
  if (!matched.ok) return matched;

  const kept = new Set(matched.value.flatMap(({ before }) => before?.id ?? []));
  const gone = additiveOnly ? [] : pool.members.filter(({ id }) => !kept.has(id));
  const made = matched.value.flatMap(({ input, before }) => (before === null ? [newMember(writing, poolId, input)] : []));
  if (pool.members.length - gone.length + made.length > limits.membersPerPool) return fail(tooManyMembers);
  const changed = matched.value.flatMap(({ input, before }, index) => {
    const fields = before === null ? [] : changedFields(before, input);
    if (before === null || fields.length === 0) return [];
    return [{ input, next: changedMember(writing, before, input), aimed: aimsElsewhere(fields), index }];
  });

  const goneIds = gone.map(({ id }) => id);
  const nextById = new Map(changed.map(({ next }) => [next.id, next]));
  const rest = pool.members.filter(({ id }) => !goneIds.includes(id)).map((member) => nextById.get(member.id) ?? member);
  const ofPool = made.length === 0 ? null : await poolOverride(writing, poolId);
  const value = [...rest, ...made.map((row) => toMember({ ...row, monitor_ids: [], override: ofPool }))];
  if (gone.length + made.length + changed.length === 0) return ok(nothing(value));

  const empty = force ? null : await emptied(writing, poolId, gone, matched.value);
  if (empty !== null) return fail(empty);

  const newAt = matched.value.flatMap(({ before }, index) => (before === null ? [index] : []));
  const refused = await unbearable(
    writing,
    poolId,
    made.map((member, index) => ({ member, at: newAt[index] ?? 0 })),
    changed.filter(({ aimed }) => aimed).map(({ next, index }) => ({ member: next, at: index })),
    goneIds,
  );
  if (refused !== null) return fail(refused);

  const orphans = gone.length === 0 ? null : await orphansOf(writing, isIn(override.member_id, goneIds));
  const updates = changed.map(({ next, input }) => ({ id: next.id, ...memberUpdate(writing, next, input) }));
  const put = ({ id }: { id: string }): Touched => ({ kind: "pool_member", id, op: "put" });
  return ok({
    value,
    statements: [
      ...(orphans === null
        ? []
        : [
            sql`DELETE FROM ${monitorAttachment} WHERE ${isIn(sql`target_id`, goneIds)}`,
            sql`DELETE FROM ${poolMember} WHERE ${isIn(sql`id`, goneIds)}`,
            ...orphans.statements,
          ]),
      ...insertRows(poolMember, made),
      ...updateRows(poolMember, memberColumnsOf(updates), updates),
      embedded([poolId]),
    ],
    touched: [
      ...goneIds.map((id): Touched => ({ kind: "pool_member", id, op: "delete" })),
      ...(orphans?.touched ?? []),
      ...made.map(put),
      ...changed.map(({ next }) => put(next)),
    ],
    events: [
      configEvent(writing, {
        kind: "pool",
        id: poolId,
        name: pool.name,
        pool_id: poolId,
        happened: `given a new set of members: ${made.length} made, ${changed.length} changed, ${gone.length} deleted`,
        evidence: { made: made.map(({ id }) => id), changed: changed.map(({ next }) => next.id), deleted: goneIds },
      }),
    ],
  });
}

/** Why the set is refused: it takes the last enabled members of a GSLB away and gives it none of those that are there. */
async function emptied(writing: Writing, poolId: string, gone: readonly Member[], matches: readonly Match[]): Promise<Problem | null> {
  const taken = gone.filter(mayServe).map(({ id }) => id);
  const given: string[] = [];
  for (const { input, before } of matches) {
    if (before !== null && mayServe(before) !== mayServe(input)) (mayServe(input) ? given : taken).push(before.id);
  }
  return taken.length === 0 ? null : await emptiedByPool(writing, poolId, without(taken, given));
}

type Placed<M> = { readonly member: M; readonly at: number };

/** What of the set could not be checked, or would be asked too much. Who goes gives way. */
async function unbearable(
  writing: Writing,
  poolId: string,
  made: readonly Placed<CheckedMember>[],
  changed: readonly Placed<CheckedMember>[],
  goneIds: readonly string[],
): Promise<Problem | null> {
  if (writing.vantage === undefined || made.length + changed.length === 0) return null;
  const before = await checkedMembers(writing, [...changed.map(({ member }) => member.id), ...goneIds]);
  const ofPool = made.length === 0 ? [] : await monitorIdsOfPool(writing, poolId);
  const own = new Map(before.map(({ member, monitorIds }) => [member.id, monitorIds]));
  const after = [
    ...made.map(({ member, at }) => ({ member, monitorIds: ofPool, pointerOf: toEndpoint(`/pool_members/${at}`) })),
    ...changed.map(({ member, at }) => ({
      member,
      monitorIds: own.get(member.id) ?? [],
      pointerOf: toEndpoint(`/pool_members/${at}`),
    })),
  ];
  return checksProblem(writing, { before, after });
}

type Update = { readonly id: string } & ReturnType<typeof memberUpdate>;

const memberColumnsOf = (updates: readonly Update[]) =>
  Object.keys(updates[0] ?? {}).filter((column): column is keyof ReturnType<typeof memberUpdate> => column !== "id");
