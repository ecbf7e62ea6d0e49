/**
 * Which overrides mean a member, hold now, and decide for it (`domain/override.ts` has the same rules for one that has all of them in hand),
 * as SQL over a row of `pool_member`: so a list of members has theirs without a question for each. It also keeps the tags of the bodies true.
 */
import { type SQL, sql } from "drizzle-orm";
import type { OverrideView } from "../../domain/override.ts";
import { override } from "./schema.ts";

/** Two look-ups in two indexes. */
const meaning = sql.raw(`(SELECT * FROM override WHERE member_id = pool_member.id
  UNION ALL SELECT * FROM override WHERE of_pool_id = pool_member.pool_id AND member_id IS NULL)`);

/** The more specific selector has the higher rank. */
const rank = sql.raw("((member_id IS NOT NULL) * 2 + (pool_id IS NOT NULL))");

/** As `isInForce`. */
export const holds = (now: number): SQL => sql`(ended IS NULL AND coalesce(starts_at <= ${now}, 1) AND coalesce(expires_at > ${now}, 1))`;

/** It may still hold, now or later. */
export const stands = (now: number): SQL => sql`(ended IS NULL AND coalesce(expires_at > ${now}, 1))`;

/** As `deciding`: what `expression` is in the override that decides for the member; null: there is none. */
const deciding = (expression: SQL, now: number): SQL =>
  sql`(SELECT ${expression} FROM ${meaning} WHERE ${holds(now)} ORDER BY ${rank} DESC, created_at DESC, id DESC LIMIT 1)`;

export const isDrained = (now: number): SQL => sql`coalesce(${deciding(sql.raw("state"), now)} = 'drain', 0)`;

/** Whether an override that is made now, with such a selector, would decide for the member whom it means. */
export const wouldDecide = (selector: { readonly member_id?: string; readonly pool_id?: string }, now: number): SQL => {
  const its = (selector.member_id === undefined ? 0 : 2) + (selector.pool_id === undefined ? 0 : 1);
  return sql`NOT EXISTS (SELECT 1 FROM ${meaning} WHERE ${holds(now)} AND ${rank} > ${its})`;
};

const asView = sql.raw(`json_object('override_id', id, 'state', state, 'reason', reason, 'expires_at', expires_at, 'by', "by",
  'created_at', created_at)`);

function toView(json: string): OverrideView {
  const { expires_at, created_at, ...rest } = JSON.parse(json);
  return {
    ...rest,
    expires_at: expires_at === null ? null : new Date(expires_at).toISOString(),
    created_at: new Date(created_at).toISOString(),
  };
}

/** What a member's body shows. */
export const overrideOfMember = (now: number): SQL.Aliased<OverrideView | null> =>
  deciding(asView, now).mapWith(toView).as("override") as SQL.Aliased<OverrideView | null>;

/** The same for a member that is made now in this pool: nobody can have named it yet. */
export const overrideOfPool = (poolId: string, now: number): SQL.Aliased<OverrideView | null> =>
  sql`(SELECT ${asView} FROM override WHERE of_pool_id = ${poolId} AND member_id IS NULL AND ${holds(now)}
    ORDER BY created_at DESC, id DESC LIMIT 1)`
    .mapWith(toView)
    .as("override") as SQL.Aliased<OverrideView | null>;

/**
 * A body changes when an override begins or ends by the clock, and nobody writes then: its tag counts what has begun and what has ended.
 * What leaves the table leaves that count, so `retag` adds at least as much: a tag never falls back.
 */
const edges = (rows: SQL, now: number): SQL =>
  sql`coalesce((SELECT sum(coalesce(starts_at <= ${now}, 0) + coalesce(expires_at <= ${now}, 0)) FROM ${rows}), 0)`;

export const memberRevision = (now: number): SQL.Aliased<number> =>
  sql<number>`pool_member.revision + ${edges(meaning, now)}`.as("revision");

/** The body of a pool embeds its members. */
export const poolRevision = (now: number): SQL.Aliased<number> =>
  sql<number>`pool.revision + ${edges(sql.raw("override WHERE of_pool_id = pool.id"), now)}`.as("revision");

/** Raises the tags of all bodies that show one of these overrides; `which` is a condition on `override`, its columns with the table's name. */
export function retag(which: SQL): SQL[] {
  const raised = sql`revision = revision + 1 + 2 * (SELECT count(*) FROM override WHERE ${which})`;
  return [
    sql`UPDATE pool SET ${raised} WHERE id IN (SELECT override.of_pool_id FROM override WHERE ${which})`,
    sql`UPDATE pool_member SET ${raised} WHERE id IN (
      SELECT override.member_id FROM override WHERE override.member_id IS NOT NULL AND ${which}
      UNION ALL SELECT one.id FROM override CROSS JOIN pool_member AS one ON one.pool_id = override.of_pool_id
      WHERE override.member_id IS NULL AND ${which})`,
  ];
}

/** Takes overrides out of the table, and raises the tags of all bodies that showed one. */
export const forget = (which: SQL): SQL[] => [...retag(which), sql`DELETE FROM ${override} WHERE ${which}`];
