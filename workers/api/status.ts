/** `…/status`: what the Engine sees and why. What it does not know yet is shown from its own row, without a fact that nobody established. */
import type { Hono } from "hono";
import type { Gslb } from "../../domain/gslb.ts";
import type { Member } from "../../domain/member.ts";
import type { Problem } from "../../domain/problem.ts";
import { ok, type Result } from "../../domain/result.ts";
import type { GslbView, MemberView, PoolView } from "../../domain/status-view.ts";
import type { PoolWithMembers } from "../../durable-objects/rpc.ts";
import type { ApiEnv } from "./bindings.ts";
import { type ApiContext, ask, look } from "./context.ts";
import { findFlavor, flavorsOf, type SeenFlavors } from "./known-flavors.ts";
import { notStored } from "./list.ts";
import { findMember } from "./pool-members.ts";
import { answerProblem } from "./problem.ts";
import { originOf } from "./resource.ts";
import { pathId, route } from "./route.ts";

export function statusRoutes(app: Hono<ApiEnv>): void {
  route(app, "/v0.1/status", { GET: { handle: projectStatus } });
  route(app, "/v0.1/gslbs/:gslb_id/status", { GET: { handle: async (c) => answer(c, await gslbStatus(c)) } });
  route(app, "/v0.1/pools/:pool_id/status", { GET: { handle: async (c) => answer(c, await poolStatus(c)) } });
  route(app, "/v0.1/pools/:pool_id/pool_members/:member_id/status", { GET: { handle: async (c) => answer(c, await memberStatus(c)) } });
}

const answer = (c: ApiContext, view: Result<object, Problem>): Response =>
  view.ok ? c.json(view.value, 200, notStored) : answerProblem(c, view.error);

async function projectStatus(c: ApiContext): Promise<Response> {
  const view = await look(c, (engine) => engine.projectStatus());
  if (!view.ok) return answerProblem(c, view.error);
  const problems = view.value.problems.map((problem) => ({ ...problem, link: new URL(problem.link, originOf(c)).href }));
  return answer(c, ok({ ...view.value, problems }));
}

async function gslbStatus(c: ApiContext): Promise<Result<GslbView, Problem>> {
  const id = pathId(c, "gslb_id");
  const [row, seen] = await Promise.all([ask(c, (conductor) => conductor.read("gslb", id)), look(c, (engine) => engine.gslbStatus(id))]);
  const view = settle(row, seen);
  if (view !== null) return view;
  if (!row.ok) return row;
  const pools = await ask(c, (conductor) => conductor.gslbPools(id));
  return pools.ok ? ok(unseenGslb(row.value, pools.value, await flavorsOf(c, false))) : pools;
}

async function poolStatus(c: ApiContext): Promise<Result<PoolView, Problem>> {
  const id = pathId(c, "pool_id");
  const [row, seen] = await Promise.all([ask(c, (conductor) => conductor.read("pool", id)), look(c, (engine) => engine.poolStatus(id))]);
  return settle(row, seen) ?? (row.ok ? ok(unseenPool(row.value)) : row);
}

async function memberStatus(c: ApiContext): Promise<Result<MemberView, Problem>> {
  const id = pathId(c, "member_id");
  const [row, seen] = await Promise.all([findMember(c), look(c, (engine) => engine.memberStatus(id))]);
  return settle(row, seen) ?? (row.ok ? ok(unseenMember(row.value)) : row);
}

/** The Engine's view, where it has one: also while D1 is away. Null: it knows nothing, and the row has to do. */
function settle<T>(row: Result<unknown, Problem>, seen: Result<T | null, Problem>): Result<T, Problem> | null {
  if (!row.ok && row.error.type !== "unavailable") return row;
  if (!seen.ok) return seen;
  return seen.value === null ? null : ok(seen.value);
}

const leavingReason = "it is being deleted: not all of its backends have confirmed yet that the name is gone";
const unseenReason = "the Engine has not taken it over yet";
const sinceOf = (row: { readonly status: string; readonly created_at: string; readonly updated_at: string }): string =>
  row.status === "PENDING" ? row.created_at : row.updated_at;

function unseenMember(member: Member): MemberView {
  return {
    id: member.id,
    name: member.name,
    status: member.status,
    in_rotation: member.in_rotation,
    since: sinceOf(member),
    checked_at: null,
    reason: unseenReason,
    stale: false,
    rejudging: false,
    held: null,
    held_until: null,
    safe_to_stop_at: null,
    override: member.override,
    endpoints: member.endpoints.map((endpoint) => ({
      endpoint,
      status: "PENDING",
      votes: { up: 0, down: 0, silent: 0, excluded: [] },
    })),
    regions: [],
  };
}

function unseenPool(pool: PoolWithMembers): PoolView {
  return {
    id: pool.id,
    name: pool.name,
    status: pool.status,
    usable: false,
    panic: false,
    since: sinceOf(pool),
    reason: unseenReason,
    // Nobody was judged, so nobody counts (engine.md, rule 11); one healthy member is always needed.
    enabled: 0,
    healthy: 0,
    needed: 1,
    held_until: null,
    members: pool.members.map(unseenMember),
  };
}

function unseenGslb(gslb: Gslb, pools: readonly PoolWithMembers[], seen: SeenFlavors): GslbView {
  return {
    id: gslb.id,
    fqdn: gslb.fqdn,
    status: gslb.status,
    since: sinceOf(gslb),
    reason: gslb.action === "DELETE" ? leavingReason : unseenReason,
    frozen: false,
    failback_pending: false,
    pools: pools.map(unseenPool),
    published: gslb.flavors.map((flavor) => {
      const provider = findFlavor(seen, flavor);
      return {
        flavor,
        provider: (provider.ok ? provider.value?.provider : null) ?? flavor,
        plan: null,
        decided_at: null,
        published_at: null,
        visible_at: null,
        in_sync: false,
        last_error: null,
        next_retry_at: null,
        answers: [],
        would_publish: null,
      };
    }),
  };
}
