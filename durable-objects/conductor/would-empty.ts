/**
 * What would leave a live GSLB without an enabled member (api.md, "Operating it") is refused unless it is forced. A GSLB that has none
 * already is never a reason. D1 answers with the GSLBs alone; it is asked only about changes that take something away.
 */
import { and, asc, eq, type SQL, sql } from "drizzle-orm";
import type { Gslb } from "../../domain/gslb.ts";
import type { Problem, User } from "../../domain/problem.ts";
import { isIn, isOf } from "./bulk.ts";
import type { Scope } from "./change.ts";
import { isDrained, wouldDecide } from "./in-force.ts";
import { gslb } from "./schema.ts";

type Weighed = { readonly admin_state_up: boolean; readonly weight: number };

/** What the configuration alone says of a member. */
export const mayServe = ({ admin_state_up, weight }: Weighed): boolean => admin_state_up && weight > 0;

const configured = sql.raw("pool_member.admin_state_up AND pool_member.weight > 0");
const judged = (now: number): SQL => sql`pool_member.status <> 'PENDING' AND NOT ${isDrained(now)}`;
const enabled = (now: number): SQL => sql`${configured} AND ${judged(now)}`;

/** Who of a pool's members is enabled after a change, as a condition on `pool_member`. */
export type Left = (now: number) => SQL;
export const nobody: Left = () => sql`0`;
/** `taken` are disabled, of weight 0 or gone afterwards; `given` are neither. */
export const without =
  (taken: readonly string[], given: readonly string[] = []): Left =>
  (now) =>
    sql`${judged(now)} AND ((${configured} AND NOT ${isIn(sql`pool_member.id`, taken)}) OR ${isIn(sql`pool_member.id`, given)})`;
export const drainedBy =
  (selector: { readonly member_id?: string; readonly pool_id?: string }): Left =>
  (now) => {
    const isMeant = selector.member_id === undefined ? sql`1` : sql`pool_member.id = ${selector.member_id}`;
    return sql`${enabled(now)} AND NOT (${isMeant} AND ${wouldDecide(selector, now)})`;
  };

/** Whether any of these pools has such a member. A pool that is off has none. */
const someIn = (pools: SQL, who: SQL): SQL =>
  sql`EXISTS (SELECT 1 FROM pool CROSS JOIN pool_member ON pool_member.pool_id = pool.id
    WHERE ${pools} AND pool.admin_state_up AND ${who})`;

/** A change to one pool or its members. `how` tells the client to force it. */
export async function emptiedByPool(scope: Scope, poolId: string, left: Left, how: string = inQuery): Promise<Problem | null> {
  const { store, project, now } = scope;
  const here = sql`pool.id = ${poolId}`;
  // Every other pool is looked through once, however many GSLBs share it.
  const elsewhere = sql`SELECT pool.id FROM pool WHERE pool.id <> ${poolId} AND pool.admin_state_up
    AND pool.id IN (SELECT other.pool_id FROM gslb_pool AS its CROSS JOIN gslb_pool AS other ON other.gslb_id = its.gslb_id
      WHERE its.pool_id = ${poolId})
    AND EXISTS (SELECT 1 FROM pool_member WHERE pool_member.pool_id = pool.id AND ${enabled(now)})`;
  const users = await store.read((db) =>
    db
      .select({ id: gslb.id, name: gslb.name })
      .from(gslb)
      .where(
        and(
          sql`gslb.id IN (SELECT gslb_pool.gslb_id FROM gslb_pool WHERE gslb_pool.pool_id = ${poolId})`,
          isOf(gslb.project_id, project),
          sql`gslb.admin_state_up AND gslb.status <> 'PENDING'`,
          someIn(here, enabled(now)),
          sql`NOT ${someIn(here, left(now))}`,
          sql`NOT EXISTS (SELECT 1 FROM gslb_pool WHERE gslb_pool.gslb_id = gslb.id AND gslb_pool.pool_id IN (${elsewhere}))`,
        ),
      )
      .orderBy(asc(gslb.created_at), asc(gslb.id)),
  );
  return refusal(users, how);
}

/** Another list of pools for one GSLB. Whether it is live is what it will be. */
export async function emptiedByPlaces(
  { store, now }: Scope,
  one: Pick<Gslb, "id" | "admin_state_up" | "status" | "pool_ids">,
  next: readonly string[],
): Promise<Problem | null> {
  if (!one.admin_state_up || one.status === "PENDING") return null;
  const gone = one.pool_ids.filter((id) => !next.includes(id));
  if (gone.length === 0) return null;
  const users = await store.read((db) =>
    db
      .select({ id: gslb.id, name: gslb.name })
      .from(gslb)
      .where(
        and(
          eq(gslb.id, one.id),
          someIn(isIn(sql`pool.id`, gone), enabled(now)),
          sql`NOT ${someIn(isIn(sql`pool.id`, next), enabled(now))}`,
        ),
      ),
  );
  return refusal(users, inQuery);
}

const inQuery = "?force=true";
export const inBody = '"force": true';

function refusal(users: readonly Omit<User, "type">[], how: string): Problem | null {
  if (users.length === 0) return null;
  const left = users.length === 1 ? "a live GSLB" : `${users.length} live GSLBs`;
  return {
    type: "would-empty",
    detail: `it would leave ${left} without an enabled member; enable another one first, or say ${how} to do it all the same`,
    users: users.map(({ id, name }) => ({ type: "gslb", id, name })),
  };
}
