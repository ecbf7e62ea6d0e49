/** The pools of a GSLB, in their order. */
import { asc, eq } from "drizzle-orm";
import { defaultPlace, type PlacedPool, type PoolPlace, placeOf } from "../../domain/gslb.ts";
import { limits } from "../../domain/limits.ts";
import { notFound, type Problem, unprocessable } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { GslbPool, PoolRef, PoolWithMembers } from "../rpc.ts";
import { type Decision, nothing, type Scope, together, type Writing } from "./change.ts";
import { livingGslb, poolProblem, readGslb, rewritten } from "./gslb.ts";
import { createPool, poolColumns, readPool, toPool, withMembers } from "./pool.ts";
import { gslbPool, pool } from "./schema.ts";
import { emptiedByPlaces } from "./would-empty.ts";

export async function gslbPools(scope: Scope, gslbId: string): Promise<Result<readonly GslbPool[], Problem>> {
  if ((await readGslb(scope, gslbId)) === null) return fail(notFound("GSLB"));
  const rows = await scope.store.read((db) =>
    db
      .select({ ...poolColumns(scope.now), weight: gslbPool.weight, locations: gslbPool.locations, geofence: gslbPool.geofence })
      .from(pool)
      .innerJoin(gslbPool, eq(gslbPool.pool_id, pool.id))
      .where(eq(gslbPool.gslb_id, gslbId))
      .orderBy(asc(gslbPool.position)),
  );
  return ok(
    await withMembers(
      scope,
      rows.map(({ weight, locations, geofence, ...row }) => ({ ...toPool(row), weight, locations, geofence })),
    ),
  );
}

/** A position beyond the end, or none, is the end. */
export async function addGslbPool(
  writing: Writing,
  gslbId: string,
  ref: PoolRef,
  position: number | null,
  place: PoolPlace,
): Promise<Decision<{ readonly pool: PoolWithMembers; readonly position: number }>> {
  const living = await livingGslb(writing, gslbId);
  if (!living.ok) return living;
  const gslb = living.value;
  const ids = gslb.pool_ids;
  if (ids.length >= limits.poolsPerGslb) return fail({ type: "conflict", detail: `a GSLB has at most ${limits.poolsPerGslb} pools` });
  const added = await poolOf(writing, ref);
  if (!added.ok) return added;
  const { value: one } = added.value;
  if (ids.includes(one.id)) return fail({ type: "conflict", detail: "the GSLB has the pool already" });
  if (one.flavor !== null && gslb.flavors.some((name) => name !== one.flavor)) {
    return fail(unprocessable("pool" in ref ? "/flavor" : "/pool_id", `only GSLBs of flavor ${one.flavor} may use the pool`));
  }
  const at = Math.min(position ?? ids.length, ids.length);
  const moved = rewritten(writing, gslb, {
    pool_ids: ids.toSpliced(at, 0, one.id),
    places: { [one.id]: place },
  });
  return ok(together({ pool: one, position: at }, added.value, moved));
}

/** These pools, in this order, in one change. */
export async function placePools(writing: Writing, gslbId: string, places: readonly PlacedPool[], force: boolean): Promise<Decision<null>> {
  const living = await livingGslb(writing, gslbId);
  if (!living.ok) return living;
  const gslb = living.value;
  const pool_ids = places.map(({ pool_id }) => pool_id);
  const problem = (await poolProblem(writing, gslb, pool_ids)) ?? (force ? null : await emptiedByPlaces(writing, gslb, pool_ids));
  if (problem !== null) return fail(problem);
  const given = Object.fromEntries(
    places.flatMap(({ pool_id, weight, ...place }) => (weight === null ? [] : [[pool_id, { ...defaultPlace, ...place, weight }]])),
  );
  return ok(together(null, rewritten(writing, gslb, { pool_ids, places: given })));
}

export async function changeGslbPool(
  writing: Writing,
  gslbId: string,
  poolId: string,
  change: Partial<PoolPlace>,
): Promise<Decision<null>> {
  const living = await livingGslb(writing, gslbId);
  if (!living.ok) return living;
  const gslb = living.value;
  if (!gslb.pool_ids.includes(poolId)) return fail(notFound("pool of the GSLB"));
  return ok(together(null, rewritten(writing, gslb, { places: { [poolId]: { ...placeOf(gslb, poolId), ...change } } })));
}

async function poolOf(writing: Writing, ref: PoolRef): Promise<Decision<PoolWithMembers>> {
  if ("pool" in ref) return await createPool(writing, ref.pool);
  const found = await readPool(writing, ref.pool_id);
  return found === null ? fail(unprocessable("/pool_id", `there is no pool ${ref.pool_id}`)) : ok(nothing(found));
}
