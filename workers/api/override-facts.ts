/**
 * What is shown beside an override: whether it is in force, whom it means now, and from when on those may be stopped. The Conductor knows the
 * members, the Engine their answers; each is asked once for each pool or member, however many overrides of a list name it.
 */
import type { Member } from "../../domain/member.ts";
import { isInForce, type Override, type Selector } from "../../domain/override.ts";
import { type Problem, unprocessable } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { MemberView } from "../../domain/status-view.ts";
import type { Impact, Matched, PoolWithMembers } from "../../durable-objects/rpc.ts";
import { type ApiContext, ask, look } from "./context.ts";

export type OverrideFacts = {
  readonly active: boolean;
  readonly matched: readonly Matched[];
  readonly impact: readonly Impact[];
  readonly safe_to_stop_at: string | null;
};

type Answer<T> = Promise<Result<T, Problem>>;
export type Sources = {
  pool(id: string): Answer<PoolWithMembers>;
  member(id: string): Answer<Member>;
  /** What the Engine sees; empty where it does not know it, or cannot be asked. */
  poolViews(id: string): Promise<readonly MemberView[]>;
  memberViews(id: string): Promise<readonly MemberView[]>;
};

/** For one request: what was asked once is not asked again. */
export const sourcesOf = (c: ApiContext): Sources => ({
  pool: once((id) => ask(c, (conductor) => conductor.read("pool", id))),
  member: once((id) => ask(c, (conductor) => conductor.read("pool_member", id))),
  poolViews: once(async (id) => {
    const seen = await look(c, (engine) => engine.poolStatus(id));
    return seen.ok ? (seen.value?.members ?? []) : [];
  }),
  memberViews: once(async (id) => {
    const seen = await look(c, (engine) => engine.memberStatus(id));
    return seen.ok && seen.value !== null ? [seen.value] : [];
  }),
});

function once<T>(question: (id: string) => Promise<T>): (id: string) => Promise<T> {
  const asked = new Map<string, Promise<T>>();
  return (id) => {
    const answer = asked.get(id) ?? question(id);
    asked.set(id, answer);
    return answer;
  };
}

/** The members that are meant now; a reference to what is not there is 422. */
export async function matchedBy({ member_id, pool_id }: Selector, sources: Sources): Promise<Result<readonly Matched[], Problem>> {
  if (pool_id !== undefined) {
    const pool = await sources.pool(pool_id);
    if (!pool.ok) return pool.error.type === "not-found" ? fail(unprocessable("/selector/pool_id", "does not exist")) : pool;
    if (member_id === undefined) return ok(pool.value.members.map(toMatched));
  }
  if (member_id === undefined) return ok([]);
  const member = await sources.member(member_id);
  if (!member.ok) return member.error.type === "not-found" ? fail(unprocessable("/selector/member_id", "does not exist")) : member;
  if (pool_id !== undefined && member.value.pool_id !== pool_id) {
    return fail(unprocessable("/selector/member_id", "is not a member of the pool that pool_id names"));
  }
  return ok([toMatched(member.value)]);
}

const toMatched = ({ pool_id, id, name }: Member): Matched => ({ pool_id, member_id: id, name });

/** Everything but the impact. Whom it means now is nobody, where the member or the pool is gone. */
export async function factsOf(one: Override, sources: Sources): Promise<Result<Omit<OverrideFacts, "impact">, Problem>> {
  const found = await matchedBy(one.selector, sources);
  if (!found.ok && found.error.type !== "unprocessable") return found;
  const matched = found.ok ? found.value : [];
  const active = isInForce(one, Date.now());
  return ok({ active, matched, safe_to_stop_at: active && one.state !== "up" ? await safeToStopAt(one, matched, sources) : null });
}

/** The latest time of any of them; null while there is none of one of them. */
async function safeToStopAt({ selector }: Override, matched: readonly Matched[], sources: Sources): Promise<string | null> {
  const { member_id, pool_id } = selector;
  const views = member_id !== undefined ? await sources.memberViews(member_id) : await sources.poolViews(pool_id ?? "");
  const times = new Map(views.map((view) => [view.id, view.safe_to_stop_at]));
  const known = matched.flatMap(({ member_id: id }) => times.get(id) ?? []).toSorted();
  return known.length === matched.length ? (known.at(-1) ?? null) : null;
}
