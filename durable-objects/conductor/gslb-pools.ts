/** The pools of a GSLB, in their order. */
import { asc, eq } from "drizzle-orm";
import { limits } from "../../domain/limits.ts";
import { notFound, type Problem, unprocessable } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { PoolRef, PoolWithMembers } from "../rpc.ts";
import { type Decision, nothing, type Scope, together, type Writing } from "./change.ts";
import { readGslb, rewritten } from "./gslb.ts";
import { createPool, poolColumns, readPool, toPool, withMembers } from "./pool.ts";
import { gslbPool, pool } from "./schema.ts";

export async function gslbPools(scope: Scope, gslbId: string): Promise<Result<readonly PoolWithMembers[], Problem>> {
  if ((await readGslb(scope, gslbId)) === null) return fail(notFound("GSLB"));
  const rows = await scope.store.read((db) =>
    db
      .select(poolColumns)
      .from(pool)
      .innerJoin(gslbPool, eq(gslbPool.pool_id, pool.id))
      .where(eq(gslbPool.gslb_id, gslbId))
      .orderBy(asc(gslbPool.position)),
  );
  return ok(await withMembers(scope, rows.map(toPool)));
}

/** A position beyond the end, or none, is the end. */
export async function addGslbPool(
  writing: Writing,
  gslbId: string,
  ref: PoolRef,
  position: number | null,
): Promise<Decision<{ readonly pool: PoolWithMembers; readonly position: number }>> {
  const gslb = await readGslb(writing, gslbId);
  if (gslb === null) return fail(notFound("GSLB"));
  const ids = gslb.pool_ids;
  if (ids.length >= limits.poolsPerGslb) return fail({ type: "conflict", detail: `a GSLB has at most ${limits.poolsPerGslb} pools` });
  const added = await poolOf(writing, ref);
  if (!added.ok) return added;
  const { value: one } = added.value;
  if (ids.includes(one.id)) return fail({ type: "conflict", detail: "the GSLB has the pool already" });
  if (one.flavor !== null && one.flavor !== gslb.flavor) {
    return fail(unprocessable("pool" in ref ? "/flavor" : "/pool_id", `only GSLBs of flavor ${one.flavor} may use the pool`));
  }
  const at = Math.min(position ?? ids.length, ids.length);
  const { steering_policy, max_answers, on_all_down, admin_state_up, name, description, tags, fqdn, domain_name, flavor, ttl } = gslb;
  const content = { steering_policy, max_answers, on_all_down, admin_state_up, name, description, tags, fqdn, domain_name, flavor, ttl };
  const moved = rewritten(writing, gslb, { ...content, pool_ids: ids.toSpliced(at, 0, one.id) });
  return ok(together({ pool: one, position: at }, added.value, moved));
}

async function poolOf(writing: Writing, ref: PoolRef): Promise<Decision<PoolWithMembers>> {
  if ("pool" in ref) return await createPool(writing, ref.pool);
  const found = await readPool(writing, ref.pool_id);
  return found === null ? fail(unprocessable("/pool_id", `there is no pool ${ref.pool_id}`)) : ok(nothing(found));
}
