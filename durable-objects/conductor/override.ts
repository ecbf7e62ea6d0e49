/** Overrides as the Conductor keeps them: who is meant is there, and what is said is not over already. It does not decide when one begins. */
import { and, asc, count, desc, eq, isNull, type SQL, sql } from "drizzle-orm";
import type { Override, OverrideWrite, Selector } from "../../domain/override.ts";
import { notFound, type Problem, unprocessable } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { ConductorRpc, Page } from "../rpc.ts";
import { insertRows, isIn } from "./bulk.ts";
import { type Decision, nothing, type Scope, type Touched, type Writing } from "./change.ts";
import { overrideEvent } from "./event.ts";
import { forget, holds, retag } from "./in-force.ts";
import { readMarker, writeMarker } from "./marker.ts";
import { override, pool, poolMember } from "./schema.ts";
import { drainedBy, emptiedByPool, inBody } from "./would-empty.ts";

type Row = typeof override.$inferSelect;

const time = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

export function toOverride({ member_id, pool_id, of_pool_id: _, ended_at: __, ...row }: Row): Override {
  const selector: Selector = { ...(member_id === null ? {} : { member_id }), ...(pool_id === null ? {} : { pool_id }) };
  const { starts_at, expires_at, created_at } = row;
  return {
    ...row,
    selector,
    starts_at: time(starts_at),
    expires_at: time(expires_at),
    created_at: new Date(created_at).toISOString(),
  };
}

export async function createOverride(writing: Writing, input: OverrideWrite, replaces: boolean): Promise<Decision<Override>> {
  const { now, by, project, newId } = writing;
  const { selector, state, reason, force } = input;
  const target = await targetOf(writing, selector);
  if (!target.ok) return replaces ? fail(notFound("pool member")) : target;
  const [starts_at, expires_at] = [at(input.starts_at), at(input.expires_at)];
  if (expires_at !== null && expires_at <= now) return fail(unprocessable("/expires_at", "is over already"));

  const before = replaces && selector.member_id !== undefined ? await holdingAlone(writing, selector.member_id) : undefined;
  if (before !== undefined && before.state === state && before.reason === reason && before.expires_at === expires_at) {
    return ok(nothing(toOverride(before)));
  }
  if (state === "drain" && !force && (starts_at ?? now) <= now) {
    const problem = await emptiedByPool(writing, target.value.of_pool_id, drainedBy(selector), inBody);
    if (problem !== null) return fail(problem);
  }
  const row: Row = {
    id: newId(),
    project_id: project,
    member_id: selector.member_id ?? null,
    pool_id: selector.pool_id ?? null,
    of_pool_id: target.value.of_pool_id,
    state,
    reason,
    starts_at,
    expires_at,
    force,
    by: by.name,
    created_at: now,
    ended: null,
    ended_at: null,
  };
  const value = toOverride(row);
  const replaced = before === undefined ? [] : [before.id];
  return ok({
    value,
    statements: [...forgotten(replaced), ...insertRows(override, [row]), ...retag(isOne(row.id))],
    touched: [...replaced.map(gone), { kind: "override", id: row.id, op: "put" }],
    events: [overrideEvent(writing, value, target.value, { from: before?.state ?? null, to: state, replaced: before?.id ?? null })],
  });
}

export async function removeOverride(writing: Writing, id: string): Promise<Decision<null>> {
  const row = await rowOf(writing, id);
  if (row === undefined) return fail(notFound("override"));
  const value = toOverride(row);
  const target = await targetOf(writing, value.selector);
  const stood = row.ended === null && (row.expires_at === null || row.expires_at > writing.now);
  return ok({
    value: null,
    statements: forgotten([id]),
    touched: [gone(id)],
    // One that was over already had its end in the history.
    events: stood && target.ok ? [overrideEvent(writing, value, target.value, { from: value.state, to: null, replaced: null })] : [],
  });
}

export async function readOverride(scope: Scope, id: string): Promise<Override | null> {
  const row = await rowOf(scope, id);
  return row === undefined ? null : toOverride(row);
}

/** The newest that names this member alone and holds now. */
export async function memberOverride(scope: Scope, memberId: string): Promise<Result<Override | null, Problem>> {
  const [target, row] = await Promise.all([targetOf(scope, { member_id: memberId }), holdingAlone(scope, memberId)]);
  if (!target.ok) return fail(notFound("pool member"));
  return ok(row === undefined ? null : toOverride(row));
}

const order = "override.created_at.asc";

/** All that are remembered, also those that begin later and those that are over. */
export async function overrides(
  { store, project }: Scope,
  query: Parameters<ConductorRpc["overrides"]>[0],
): Promise<Result<Page<Override>, Problem>> {
  const marker = query.marker === null ? null : readMarker(order, "number", query.marker);
  if (marker !== null && !marker.ok) return marker;
  const all = eq(override.project_id, project);
  const after = marker === null ? undefined : sql`(${override.created_at}, ${override.id}) > (${marker.value.value}, ${marker.value.id})`;
  const [rows, [counted]] = await store.read((db) =>
    db.batch([
      db
        .select()
        .from(override)
        .where(and(all, after))
        .orderBy(asc(override.created_at), asc(override.id))
        .limit(query.limit + 1),
      db.select({ count: count() }).from(override).where(all),
    ]),
  );
  const shown = rows.slice(0, query.limit);
  const last = shown.at(-1);
  const next = last !== undefined && shown.length < rows.length ? writeMarker(order, { value: last.created_at, id: last.id }) : null;
  return ok({ items: shown.map(toOverride), next, total: counted?.count ?? 0 });
}

export type Orphans = { readonly ids: readonly string[]; readonly statements: readonly SQL[]; readonly touched: readonly Touched[] };

/** What goes with the members or the pool that it names. `which` is a condition on `override`. */
export async function orphansOf({ store }: Scope, which: SQL): Promise<Orphans> {
  const rows = await store.read((db) => db.select({ id: override.id }).from(override).where(which).orderBy(asc(override.id)));
  const ids = rows.map(({ id }) => id);
  return { ids, statements: ids.length === 0 ? [] : forgotten(ids), touched: ids.map(gone) };
}

const at = (text: string | null): number | null => (text === null ? null : Date.parse(text));
const gone = (id: string): Touched => ({ kind: "override", id, op: "delete" });
const isOne = (id: string): SQL => sql`override.id = ${id}`;
const forgotten = (ids: readonly string[]): SQL[] => (ids.length === 0 ? [] : forget(isIn(sql`override.id`, ids)));

async function rowOf({ store, project }: Scope, id: string): Promise<Row | undefined> {
  const [row] = await store.read((db) =>
    db
      .select()
      .from(override)
      .where(and(eq(override.id, id), eq(override.project_id, project))),
  );
  return row;
}

async function holdingAlone({ store, project, now }: Scope, memberId: string): Promise<Row | undefined> {
  const [row] = await store.read((db) =>
    db
      .select()
      .from(override)
      .where(and(eq(override.member_id, memberId), eq(override.project_id, project), isNull(override.pool_id), holds(now)))
      .orderBy(desc(override.created_at), desc(override.id))
      .limit(1),
  );
  return row;
}

export type Target = { readonly of_pool_id: string; readonly words: string };

/** The pool that all the members are in whom a selector means, or what is wrong with it. */
async function targetOf({ store, project }: Scope, { member_id, pool_id }: Selector): Promise<Result<Target, Problem>> {
  const [[member], [owner]] = await store.read((db) =>
    db.batch([
      db
        .select({ name: poolMember.name, of_pool_id: poolMember.pool_id })
        .from(poolMember)
        .where(and(eq(poolMember.id, member_id ?? ""), eq(poolMember.project_id, project))),
      db
        .select({ name: pool.name })
        .from(pool)
        .where(and(eq(pool.id, pool_id ?? ""), eq(pool.project_id, project))),
    ]),
  );
  if (pool_id !== undefined && owner === undefined) return fail(unprocessable("/selector/pool_id", `there is no pool ${pool_id}`));
  if (member_id === undefined) return ok({ of_pool_id: pool_id ?? "", words: `the pool ${owner?.name}` });
  if (member === undefined) return fail(unprocessable("/selector/member_id", `there is no pool member ${member_id}`));
  if (pool_id !== undefined && member.of_pool_id !== pool_id) {
    return fail(unprocessable("/selector/member_id", "is not a member of the pool that pool_id names"));
  }
  return ok({ of_pool_id: member.of_pool_id, words: `the pool member ${member.name === "" ? member_id : member.name}` });
}
