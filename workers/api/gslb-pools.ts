/** `/v0.1/gslbs/{id}/pools`: which pools a GSLB has, in which order. It is the GSLB's `pool_ids` seen as a list, and changes nothing else. */
import type { Hono } from "hono";
import { gslbPoolOrder, gslbPoolPatch, gslbPoolWrite } from "../../domain/gslb.ts";
import { limits } from "../../domain/limits.ts";
import { notFound, type Problem, unprocessable } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { int } from "../../domain/schema.ts";
import type { PoolRef, PoolWithMembers } from "../../durable-objects/rpc.ts";
import type { ApiEnv, ApiSettings } from "./bindings.ts";
import { readObject } from "./body.ts";
import { type ApiContext, ask } from "./context.ts";
import { invalidBody, parseFields, summary } from "./fields.ts";
import { gslbNoun } from "./gslbs.ts";
import type { JsonObject } from "./json.ts";
import { answerPage, pageOf } from "./list.ts";
import { preparePool } from "./pools.ts";
import { answerProblem } from "./problem.ts";
import { type Paging, pagingParameters, readPaging } from "./query.ts";
import { paths, renderPool } from "./render.ts";
import { originOf, patch } from "./resource.ts";
import { pathId, route } from "./route.ts";

export function gslbPoolRoutes(app: Hono<ApiEnv>): void {
  route(app, "/v0.1/gslbs/:gslb_id/pools", {
    GET: {
      query: pagingParameters,
      handle: async (c) => {
        const paging = readPaging(c);
        return paging.ok ? answerPools(c, paging.value) : answerProblem(c, paging.error);
      },
    },
    POST: { handle: addPool },
    PUT: { handle: reorder },
  });
  route(app, "/v0.1/gslbs/:gslb_id/pools/:pool_id", { PATCH: { handle: move }, DELETE: { handle: takeOut } });
}

const renderPlace = (c: ApiContext, pool: PoolWithMembers, position: number): JsonObject => ({
  ...renderPool(pool, originOf(c)),
  position,
});

async function answerPools(c: ApiContext, paging: Paging): Promise<Response> {
  const pools = await ask(c, (conductor) => conductor.gslbPools(pathId(c, "gslb_id")));
  if (!pools.ok) return answerProblem(c, pools.error);
  const places = pools.value.map((pool, position) => renderPlace(c, pool, position));
  const page = pageOf(places, ({ id }) => String(id), paging);
  if (!page.ok) return answerProblem(c, page.error);
  return answerPage(c, "pools", page.value.items, { next: page.value.next, total: places.length });
}

async function addPool(c: ApiContext): Promise<Response> {
  const body = await readObject(c);
  if (!body.ok) return answerProblem(c, body.error);
  const added = prepareAddition(body.value, c.env.settings);
  if (!added.ok) return answerProblem(c, added.error);
  const { pool, position } = added.value;
  const answer = await ask(c, (conductor) => conductor.addGslbPool(pathId(c, "gslb_id"), pool, position, c.var.caller));
  if (!answer.ok) return answerProblem(c, answer.error);
  const place = renderPlace(c, answer.value.pool, answer.value.position);
  return c.json(place, 201, { Location: originOf(c) + paths.pool(answer.value.pool) });
}

/** `{"pool_id"}` names a pool that there is; anything else describes a new one. */
function prepareAddition(body: JsonObject, settings: ApiSettings): Result<{ pool: PoolRef; position: number | null }, Problem> {
  if ("pool_id" in body) {
    const parsed = parseFields(gslbPoolWrite, body, "pool of a GSLB");
    if (!parsed.ok) return fail(invalidBody(parsed.error));
    return ok({ pool: { pool_id: parsed.value.pool_id }, position: parsed.value.position ?? null });
  }
  const { position, ...rest } = body;
  const place = position === undefined ? ok(null) : parseFields(int(0, limits.poolsPerGslb - 1), position, "pool", ["position"]);
  if (!place.ok) return fail(invalidBody(place.error));
  const pool = preparePool(rest, settings);
  return pool.ok ? ok({ pool: { pool: pool.value }, position: place.value }) : pool;
}

async function reorder(c: ApiContext): Promise<Response> {
  const body = await readObject(c);
  if (!body.ok) return answerProblem(c, body.error);
  const order = parseFields(gslbPoolOrder, body.value, "list of pools");
  if (!order.ok) return answerProblem(c, invalidBody(order.error));
  const changed = await patch(c, gslbNoun, pathId(c, "gslb_id"), () => ok({ pool_ids: order.value.pool_ids }));
  if (!changed.ok) return answerProblem(c, "pools" in body.value ? inPools(changed.error) : changed.error);
  return answerPools(c, { limit: limits.poolsPerGslb, marker: null, count: true });
}

/** Mistakes in the GSLB's `pool_ids`, where the client wrote them as `{"pools": [{"pool_id"}]}`. */
function inPools(problem: Problem): Problem {
  if (problem.type !== "unprocessable" && problem.type !== "invalid-body") return problem;
  const errors = (problem.errors ?? []).map((error) => {
    const found = "pointer" in error ? /^\/pool_ids(?:\/([0-9]+))?$/.exec(error.pointer) : null;
    if (found === null) return error;
    return { pointer: found[1] === undefined ? "/pools" : `/pools/${found[1]}/pool_id`, detail: error.detail };
  });
  return { type: problem.type, detail: summary(errors), errors };
}

async function move(c: ApiContext): Promise<Response> {
  const body = await readObject(c);
  if (!body.ok) return answerProblem(c, body.error);
  const place = parseFields(gslbPoolPatch, body.value, "pool of a GSLB");
  if (!place.ok) return answerProblem(c, invalidBody(place.error));
  const { position } = place.value;
  const poolId = pathId(c, "pool_id");
  const changed = await without(c, (others) => {
    if (position > others.length) return fail(unprocessable("/position", `must be at most ${others.length}, the last place`));
    return ok(others.toSpliced(position, 0, poolId));
  });
  if (!changed.ok) return answerProblem(c, changed.error);
  const pool = await ask(c, (conductor) => conductor.read("pool", poolId));
  return pool.ok ? c.json(renderPlace(c, pool.value, position)) : answerProblem(c, pool.error);
}

async function takeOut(c: ApiContext): Promise<Response> {
  const changed = await without(c, (others) => ok(others));
  return changed.ok ? c.body(null, 204) : answerProblem(c, changed.error);
}

/** Writes the GSLB with what `rearrange` makes of its other pools' ids; 404 where the path's pool is not one of its own. */
function without(c: ApiContext, rearrange: (others: readonly string[]) => Result<readonly string[], Problem>) {
  const poolId = pathId(c, "pool_id");
  return patch(c, gslbNoun, pathId(c, "gslb_id"), (gslb) => {
    if (!gslb.pool_ids.includes(poolId)) return fail(notFound("pool in this GSLB"));
    const pool_ids = rearrange(gslb.pool_ids.filter((id) => id !== poolId));
    return pool_ids.ok ? ok({ pool_ids: pool_ids.value }) : pool_ids;
  });
}
