/** `…/history` and `/v0.1/history`: what happened and why, newest first. */
import type { Hono } from "hono";
import type { Problem } from "../../domain/problem.ts";
import { ok, type Result } from "../../domain/result.ts";
import type { HistoryQuery } from "../../durable-objects/rpc.ts";
import type { ApiEnv } from "./bindings.ts";
import { type ApiContext, ask } from "./context.ts";
import { answerPage } from "./list.ts";
import { findMember } from "./pool-members.ts";
import { answerProblem } from "./problem.ts";
import { historyFilters, pagingParameters, readHistoryQuery } from "./query.ts";
import { pathId, route } from "./route.ts";

/** The filters that a path implies, once it is sure that what it names is there. */
type FixedOf = (c: ApiContext) => Promise<Result<HistoryQuery["filters"], Problem>>;

const ofGslb: FixedOf = async (c) => {
  const gslb = await ask(c, (conductor) => conductor.read("gslb", pathId(c, "gslb_id")));
  return gslb.ok ? ok({ gslb_id: gslb.value.id }) : gslb;
};

const ofPool: FixedOf = async (c) => {
  const pool = await ask(c, (conductor) => conductor.read("pool", pathId(c, "pool_id")));
  return pool.ok ? ok({ pool_id: pool.value.id }) : pool;
};

const ofMember: FixedOf = async (c) => {
  const member = await findMember(c);
  return member.ok ? ok({ member_id: member.value.id }) : member;
};

export function historyRoutes(app: Hono<ApiEnv>): void {
  const paths: readonly (readonly [string, FixedOf, string | null])[] = [
    ["/v0.1/history", async () => ok({}), null],
    ["/v0.1/gslbs/:gslb_id/history", ofGslb, "gslb_id"],
    ["/v0.1/pools/:pool_id/history", ofPool, "pool_id"],
    ["/v0.1/pools/:pool_id/pool_members/:member_id/history", ofMember, "member_id"],
  ];
  for (const [path, fixedOf, implied] of paths) {
    const query = [...pagingParameters, ...historyFilters.filter((filter) => filter !== implied)];
    route(app, path, { GET: { query, handle: (c) => list(c, fixedOf) } });
  }
}

async function list(c: ApiContext, fixedOf: FixedOf): Promise<Response> {
  const query = readHistoryQuery(c);
  if (!query.ok) return answerProblem(c, query.error);
  const fixed = await fixedOf(c);
  if (!fixed.ok) return answerProblem(c, fixed.error);
  const page = await ask(c, (conductor) => conductor.history({ ...query.value, filters: { ...query.value.filters, ...fixed.value } }));
  if (!page.ok) return answerProblem(c, page.error);
  return answerPage(c, "history", page.value.items, { next: page.value.next, total: query.value.count ? page.value.total : null });
}
