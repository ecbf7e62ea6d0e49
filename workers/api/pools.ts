/** `/v0.1/pools`. A POST may carry members and the ids of monitors; afterwards those have paths of their own. */
import type { Hono } from "hono";
import { hash32 } from "../../domain/name.ts";
import { type PoolCreate, poolCreate, poolReadOnly, poolWrite } from "../../domain/pool.ts";
import type { Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { ApiEnv, ApiSettings } from "./bindings.ts";
import { readObject } from "./body.ts";
import { inClouds } from "./clouds.ts";
import type { ApiContext } from "./context.ts";
import { memberErrors, unprocessableIf } from "./feasible.ts";
import { invalidBody, parseFields } from "./fields.ts";
import type { JsonObject } from "./json.ts";
import { listParameters } from "./query.ts";
import { paths, renderPool } from "./render.ts";
import { answerCreate, answerList, answerPatch, answerRead, answerRemove, answerReplace, type Noun } from "./resource.ts";
import { pathId, route } from "./route.ts";

export const poolNoun: Noun<"pool"> = {
  kind: "pool",
  name: "pool",
  collection: "pools",
  write: poolWrite,
  readOnly: poolReadOnly,
  constants: {},
  immutable: {},
  refuse: () => null,
  filters: ["name", "status", "tags"],
  sortKeys: ["created_at", "updated_at", "name", "status"],
  // The body embeds the members, so whatever changes in one of them changes the pool's body.
  revision: (pool) => {
    const members = pool.members.map((member) => `${member.id}:${member.version}:${member.revision}`);
    return members.length === 0 ? pool.revision : hash32(`${pool.revision} ${members.join(" ")}`);
  },
  path: paths.pool,
  render: renderPool,
};

/** A pool as POST takes it, here and where a GSLB gets a new one. */
export function preparePool(body: JsonObject, settings: ApiSettings): Result<PoolCreate, Problem> {
  const parsed = parseFields(poolCreate, body, "pool");
  if (!parsed.ok) return fail(invalidBody(parsed.error));
  const refusal = unprocessableIf([...parsed.value.members.flatMap((member, index) => memberErrors(member, settings, ["members", index]))]);
  return refusal === null ? parsed : fail(refusal);
}

/** With the clouds that its members are in. */
export async function membersInClouds(c: ApiContext, pool: PoolCreate): Promise<Result<PoolCreate, Problem>> {
  const members = await inClouds(c, pool.members, (index) => ["members", index]);
  return members.ok ? ok({ ...pool, members: [...members.value] }) : members;
}

export function poolRoutes(app: Hono<ApiEnv>): void {
  route(app, "/v0.1/pools", {
    GET: { query: [...listParameters, ...poolNoun.filters], handle: (c) => answerList(c, poolNoun) },
    POST: {
      handle: async (c) => {
        const body = await readObject(c);
        const pool = body.ok ? preparePool(body.value, c.env.settings) : body;
        return answerCreate(c, poolNoun, pool.ok ? await membersInClouds(c, pool.value) : pool);
      },
    },
  });
  route(app, "/v0.1/pools/:pool_id", {
    GET: { tagged: true, handle: (c) => answerRead(c, poolNoun, pathId(c, "pool_id")) },
    PUT: { tagged: true, query: ["force"], handle: (c) => answerReplace(c, poolNoun, pathId(c, "pool_id")) },
    PATCH: { tagged: true, query: ["force"], handle: (c) => answerPatch(c, poolNoun, pathId(c, "pool_id")) },
    DELETE: { tagged: true, handle: (c) => answerRemove(c, poolNoun, pathId(c, "pool_id")) },
  });
}
