/**
 * `/v0.1/gslbs/{id}/pools`: which pools a GSLB has, in which order, with which weights, and for whose clients. The order is the GSLB's `pool_ids` seen as a list;
 * the pools themselves are changed at their own path.
 */
import type { Hono } from "hono";
import { gslbPoolOrder, gslbPoolPatch, gslbPoolWrite, type PoolPlace } from "../../domain/gslb.ts";
import { limits } from "../../domain/limits.ts";
import { notFound, type Problem, unprocessable } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { GslbPool, PoolRef } from "../../durable-objects/rpc.ts";
import type { ApiEnv, ApiSettings } from "./bindings.ts";
import { readObject } from "./body.ts";
import { type ApiContext, ask } from "./context.ts";
import { invalidBody, parseFields, summary } from "./fields.ts";
import { gslbNounOf } from "./gslbs.ts";
import type { JsonObject } from "./json.ts";
import { answerPage, pageOf } from "./list.ts";
import { membersInClouds, preparePool } from "./pools.ts";
import { answerProblem } from "./problem.ts";
import { type Paging, pagingParameters, readFlag, readPaging } from "./query.ts";
import { paths, renderPool } from "./render.ts";
import { originOf, patch } from "./resource.ts";
import { pathId, route } from "./route.ts";
import { judged } from "./vantage.ts";

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
    PUT: { query: ["force"], handle: replaceAll },
  });
  route(app, "/v0.1/gslbs/:gslb_id/pools/:pool_id", {
    PATCH: { handle: change },
    DELETE: { query: ["force"], handle: takeOut },
  });
}

const renderPlace = (c: ApiContext, pool: GslbPool, position: number): JsonObject => ({
  ...renderPool(pool, originOf(c)),
  position,
  weight: pool.weight,
  locations: pool.locations,
  geofence: pool.geofence,
});

async function answerPools(c: ApiContext, paging: Paging): Promise<Response> {
  const pools = await ask(c, (conductor) => conductor.gslbPools(pathId(c, "gslb_id")));
  if (!pools.ok) return answerProblem(c, pools.error);
  const places = pools.value.map((pool, position) => renderPlace(c, pool, position));
  const page = pageOf(places, ({ id }) => String(id), paging);
  if (!page.ok) return answerProblem(c, page.error);
  return answerPage(c, "pools", page.value.items, { next: page.value.next, total: places.length });
}

type Addition = { readonly pool: PoolRef; readonly position: number | null; readonly place: PoolPlace };

async function addPool(c: ApiContext): Promise<Response> {
  const body = await readObject(c);
  if (!body.ok) return answerProblem(c, body.error);
  const added = prepareAddition(body.value, c.env.settings);
  if (!added.ok) return answerProblem(c, added.error);
  const { position, place } = added.value;
  const pool = await inItsClouds(c, added.value.pool);
  if (!pool.ok) return answerProblem(c, pool.error);
  const answer = await judged(c, (vantage) =>
    ask(c, (conductor) => conductor.addGslbPool(pathId(c, "gslb_id"), pool.value, position, c.var.caller, place.weight, vantage, place)),
  );
  if (!answer.ok) return answerProblem(c, answer.error);
  const made = renderPlace(c, { ...answer.value.pool, ...place }, answer.value.position);
  return c.json(made, 201, { Location: originOf(c) + paths.pool(answer.value.pool) });
}

/** `{"pool_id"}` names a pool that there is; anything else describes a new one. */
function prepareAddition(body: JsonObject, settings: ApiSettings): Result<Addition, Problem> {
  if ("pool_id" in body) {
    const parsed = parseFields(gslbPoolWrite, body, "pool of a GSLB");
    if (!parsed.ok) return fail(invalidBody(parsed.error));
    const { pool_id, position = null, ...place } = parsed.value;
    return ok({ pool: { pool_id }, position, place });
  }
  const isOfPlace = ([field]: [string, unknown]) => field in newPlace.shape;
  const rest = Object.fromEntries(Object.entries(body).filter((entry) => !isOfPlace(entry)));
  const place = parseFields(newPlace, Object.fromEntries(Object.entries(body).filter(isOfPlace)), "pool");
  const pool = preparePool(rest, settings);
  if (!place.ok) {
    const others = !pool.ok && pool.error.type === "invalid-body" ? (pool.error.errors ?? []) : [];
    return fail(invalidBody([...place.error, ...others]));
  }
  if (!pool.ok) return pool;
  const { position = null, ...said } = place.value;
  return ok({ pool: { pool: pool.value }, position, place: said });
}

async function inItsClouds(c: ApiContext, ref: PoolRef): Promise<Result<PoolRef, Problem>> {
  if (!("pool" in ref)) return ok(ref);
  const pool = await membersInClouds(c, ref.pool);
  return pool.ok ? ok({ pool: pool.value }) : pool;
}

/** The place of a pool that is made with it. */
const newPlace = gslbPoolWrite.omit({ pool_id: true });

async function replaceAll(c: ApiContext): Promise<Response> {
  const force = readFlag(c, "force");
  if (!force.ok) return answerProblem(c, force.error);
  const body = await readObject(c);
  if (!body.ok) return answerProblem(c, body.error);
  const order = parseFields(gslbPoolOrder, body.value, "list of pools");
  if (!order.ok) return answerProblem(c, invalidBody(order.error));
  const placed = await ask(c, (conductor) => conductor.placePools(pathId(c, "gslb_id"), order.value, c.var.caller, force.value));
  if (!placed.ok) return answerProblem(c, "pools" in body.value ? inPools(placed.error) : placed.error);
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

/** The place first: it is what can be refused. */
async function change(c: ApiContext): Promise<Response> {
  const body = await readObject(c);
  if (!body.ok) return answerProblem(c, body.error);
  const wish = parseFields(gslbPoolPatch, body.value, "pool of a GSLB");
  if (!wish.ok) return answerProblem(c, invalidBody(wish.error));
  const { position, ...said } = wish.value;
  const [gslbId, poolId] = [pathId(c, "gslb_id"), pathId(c, "pool_id")];
  if (position !== undefined) {
    const moved = await move(c, position);
    if (!moved.ok) return answerProblem(c, moved.error);
  }
  if (Object.keys(said).length > 0) {
    const changed = await ask(c, (conductor) => conductor.changeGslbPool(gslbId, poolId, said, c.var.caller));
    if (!changed.ok) return answerProblem(c, changed.error);
  }
  const pools = await ask(c, (conductor) => conductor.gslbPools(gslbId));
  if (!pools.ok) return answerProblem(c, pools.error);
  const place = pools.value.findIndex((pool) => pool.id === poolId);
  const pool = pools.value[place];
  return pool === undefined ? answerProblem(c, notInGslb) : c.json(renderPlace(c, pool, place));
}

const move = (c: ApiContext, position: number) =>
  without(c, (others) => {
    if (position > others.length) return fail(unprocessable("/position", `must be at most ${others.length}, the last place`));
    return ok(others.toSpliced(position, 0, pathId(c, "pool_id")));
  });

async function takeOut(c: ApiContext): Promise<Response> {
  const changed = await without(c, (others) => ok(others));
  return changed.ok ? c.body(null, 204) : answerProblem(c, changed.error);
}

const notInGslb = notFound("pool in this GSLB");

/** Writes the GSLB with what `rearrange` makes of its other pools' ids; 404 where the path's pool is not one of its own. */
async function without(c: ApiContext, rearrange: (others: readonly string[]) => Result<readonly string[], Problem>) {
  const poolId = pathId(c, "pool_id");
  return patch(c, await gslbNounOf(c), pathId(c, "gslb_id"), (gslb) => {
    if (!gslb.pool_ids.includes(poolId)) return fail(notInGslb);
    const pool_ids = rearrange(gslb.pool_ids.filter((id) => id !== poolId));
    return pool_ids.ok ? ok({ pool_ids: pool_ids.value }) : pool_ids;
  });
}
