/**
 * What a new plan must hold by what the Engine has stored of its members, at the moment at which it decides: engine.md, rules 5, 7, and 11 to
 * 16, read once more and sharing no code with the Engine. It asks at every plan what `reference.ts` asks of the truth once, in the end; whether
 * the members' states themselves are right it does not ask.
 */
import type { Gslb } from "../../domain/gslb.ts";
import type { Member } from "../../domain/member.ts";
import type { Override } from "../../domain/override.ts";
import type { Plan } from "../../domain/plan.ts";
import type { Pool } from "../../domain/pool.ts";
import type { Publication } from "../../domain/publish.ts";
import type { GslbState, MemberState, OverrideState, PoolState } from "../../durable-objects/engine/state.ts";
import type { Tables } from "./conductor.ts";
import type { Facts } from "./invariants.ts";
import { overrideOf } from "./reference.ts";

/** The Engine's rows as they stand, whether durable or not. */
type Stored = {
  readonly now: number;
  readonly tables: Tables;
  readonly members: ReadonlyMap<string, MemberState>;
  readonly pools: ReadonlyMap<string, PoolState>;
  readonly gslb: GslbState;
  /** Where traffic stayed before this decision (manual failback). */
  readonly stayedAt: string | null;
};

/** The Engine's rows, as they were read already, and others by a query; `known` is the configuration that it has. */
export type Rows = {
  readonly known: Tables | null;
  of<T>(table: string): ReadonlyMap<string, T>;
  read(query: string): readonly Record<string, unknown>[];
};

type One = {
  readonly member: Member;
  readonly override: string | null;
  readonly judged: boolean;
  readonly passes: boolean;
  readonly waits: boolean;
  readonly fellAt: number;
  readonly released: boolean;
  /** What is answered while health counts, and when it does not. */
  readonly sound: readonly string[];
  readonly whole: readonly string[];
};
type Counted = {
  readonly pool: Pool;
  readonly usable: boolean;
  /** The lower, the sooner. */
  readonly rank: number;
  readonly people: readonly One[];
  readonly servable: readonly One[];
  readonly lastResort: boolean;
  /** The endpoints that it answers with when it is picked. */
  readonly answers: readonly string[];
};

/** The endpoints that a plan of this GSLB must answer with, before `max_answers`. */
function decidedAnswer(gslb: Gslb, stored: Stored): { readonly values: ReadonlySet<string>; readonly why: string } {
  const pools = gslb.pool_ids.flatMap((id) => count(id, stored) ?? []);
  const open = pools.filter(({ pool }) => pool.admin_state_up);
  const usable = open.filter((one) => one.usable);
  const say = (why: string, values: readonly string[]) => ({ why, values: new Set(values) });
  const serveAll = () => {
    const filled = open.filter(({ servable }) => servable.length > 0);
    const regular = filled.filter(({ lastResort }) => !lastResort);
    const picked = choose(regular.length > 0 ? regular : filled, gslb);
    return say(
      "serve_all",
      picked.flatMap(({ servable }) => servable.flatMap(({ whole }) => whole)),
    );
  };
  if (usable.length > 0) {
    const lowest = Math.min(...usable.map(({ rank }) => rank));
    const best = usable.filter(({ rank }) => rank === lowest);
    const picked = choose(staying(best, gslb, stored.stayedAt), gslb);
    return say(
      `of ${picked.map(({ pool }) => pool.name)}`,
      picked.flatMap(({ answers }) => answers),
    );
  }
  const judged = pools.some(({ people }) => people.some(({ member }) => stored.members.get(member.id)?.status !== "PENDING"));
  if (!judged) return serveAll();
  if (gslb.on_all_down === "withdraw") return say("withdraw", []);
  if (gslb.on_all_down === "last_known") {
    const kept = open.flatMap(({ pool, people }) =>
      people.flatMap(({ member, whole, override }) => {
        if (!member.admin_state_up || override === "down" || override === "drain") return [];
        const was = stored.gslb.lastKnown.find((known) => known.memberId === member.id && known.poolId === pool.id);
        return whole.filter((endpoint) => was?.endpoints.includes(endpoint));
      }),
    );
    return kept.length > 0 ? say("last_known", kept) : serveAll();
  }
  if (gslb.on_all_down === "fallback_pool") {
    const fallback = count(gslb.fallback_pool_id ?? "", stored);
    if (fallback?.pool.admin_state_up !== true || fallback.servable.length === 0) return serveAll();
    return say("fallback_pool", fallback.usable ? fallback.answers : fallback.servable.flatMap(({ whole }) => whole));
  }
  return serveAll();
}

/** What is wrong with a plan that was decided just now; null: nothing. */
function wrongWith(plan: Plan | null, gslb: Gslb, stored: Stored): { readonly expected: string; readonly seen: string } | null {
  const expected = decidedAnswer(gslb, stored);
  const seen = new Set((plan?.answers ?? []).flatMap(({ values }) => values));
  const isSix = (value: string) => value.includes(":");
  const limit = gslb.max_answers;
  const counts = [isSix, (value: string) => !isSix(value)].every((family) => {
    const there = [...expected.values].filter(family).length;
    const answered = [...seen].filter(family).length;
    if (limit === null) return answered === there;
    return gslb.steering_policy === "weighted" ? answered > 0 === there > 0 : answered === Math.min(limit, there);
  });
  if (counts && [...seen].every((value) => expected.values.has(value))) return null;
  return { expected: `${expected.why}: ${[...expected.values]}${limit === null ? "" : `, at most ${limit}`}`, seen: `${[...seen]}` };
}

/** Under manual failback a pool that traffic left is passed over while another is as good. */
function staying(best: readonly Counted[], gslb: Gslb, stayedAt: string | null): readonly Counted[] {
  if (gslb.failback !== "manual" || gslb.steering_policy !== "failover" || stayedAt === null) return best;
  const from = gslb.pool_ids.indexOf(stayedAt);
  const rest = best.filter(({ pool }) => gslb.pool_ids.indexOf(pool.id) >= from);
  return rest.length > 0 ? rest : best;
}

function choose(pools: readonly Counted[], gslb: Gslb): readonly Counted[] {
  if (gslb.steering_policy === "failover") return pools.slice(0, 1);
  if (gslb.steering_policy === "round_robin") return pools;
  const heavy = pools.filter(({ pool }) => (gslb.pool_weights[pool.id] ?? 1) > 0);
  return heavy.length > 0 ? heavy : pools;
}

function count(id: string, stored: Stored): Counted | null {
  const pool = stored.tables.pool.get(id);
  if (pool === undefined) return null;
  const people = [...stored.tables.pool_member.values()]
    .filter(({ pool_id }) => pool_id === id)
    .map((member) => look(member, pool, stored));
  const admitted = people.filter(({ member }) => member.admin_state_up);
  const enabled = admitted.filter((one) => one.override !== "drain" && one.member.weight > 0 && one.judged);
  const sound = enabled.filter((one) => one.passes);
  const steady = sound.filter((one) => !one.waits);
  // ceil(p × n ÷ 100) without a fraction.
  const needed = Math.max(1, Math.floor((pool.min_healthy_percent * enabled.length + 99) / 100));
  // Who is only held back yields to need.
  const healthy = steady.length >= needed ? steady : sound;
  const usable = healthy.length >= needed;
  const panic = usable && 100 * healthy.length < pool.panic_percent * enabled.length;
  const eligible = admitted.filter(({ override }) => override !== "down" && override !== "drain");
  const regular = eligible.filter((one) => one.member.weight > 0 && one.judged);
  const servable = regular.length > 0 ? regular : eligible;
  // Of those whom automation takes out, the budget lets as many go: failing before passing, who fell first before who fell later.
  const budget = Math.floor((pool.max_removal_percent * admitted.length) / 100);
  const out = enabled.filter((one) => !healthy.includes(one) && one.override === null && !one.released);
  const order = [...out].sort((a, b) => Number(a.passes) - Number(b.passes) || a.fellAt - b.fellAt || (a.member.id < b.member.id ? -1 : 1));
  const kept = order.slice(budget);
  const answers = panic ? servable.flatMap(({ whole }) => whole) : [...healthy, ...kept].flatMap((one) => one.sound);
  const waits = heldBack(stored.pools.get(id)?.damping, pool, stored.now);
  return { pool, usable, rank: (panic ? 2 : 0) + (waits ? 1 : 0), people, servable, lastResort: regular.length === 0, answers };
}

function look(member: Member, pool: Pool, stored: Stored): One {
  const { now } = stored;
  const state = stored.members.get(member.id);
  const endpoints = Object.entries(state?.endpoints ?? {});
  const up = member.endpoints.filter((endpoint) => state?.endpoints[endpoint]?.state === "up");
  const replaced = state?.replaced ?? null;
  const standsIn = up.length === 0 && replaced !== null && replaced.until > now && endpoints.every(([, one]) => one.state === "unknown");
  const whole = standsIn ? [replaced.endpoint] : member.endpoints;
  const answering = standsIn ? [replaced.endpoint] : up;
  const override = overrideOf(member, stored);
  const known = state !== undefined && state.status !== "PENDING";
  return {
    member,
    override,
    judged: known || override !== null,
    passes: override === null ? known && state.status !== "DOWN" && answering.length > 0 : override === "up",
    waits: override === null && state?.yielded === false && heldBack(state.damping, pool, now),
    fellAt: state?.damping.fellAt ?? 0,
    released: state?.released ?? false,
    sound: answering.length > 0 ? answering : whole,
    whole,
  };
}

/** On a clock that was set back a return in the future counts as one of now. */
function heldBack(damping: MemberState["damping"] | undefined, pool: Pool, now: number): boolean {
  const back = damping?.returnedAt ?? null;
  return damping !== undefined && back !== null && now - Math.min(back, now) < pool.failback_delay * 1_000 + damping.penaltyMs;
}

/** Of a publication row that holds a new plan: it is what the rows beside it come to. They are written before it, in the same transaction. */
export function planFollows(
  { violated }: Pick<Facts, "violated">,
  before: Publication | undefined,
  after: Publication,
  rows: Rows,
  stayedAt: ReadonlyMap<string, string | null>,
): void {
  const plan = planOf(after);
  const was = planOf(before);
  if (plan === null || plan.decided_at === was?.decided_at) return;
  if (was?.gslb_id === plan.gslb_id && JSON.stringify(was.answers) === JSON.stringify(plan.answers)) return;
  const found = storedFor(plan.gslb_id, plan.decided_at, rows);
  if (found === null) return;
  const { gslb, stored } = found;
  const stayed = stayedAt.get(plan.gslb_id) ?? null;
  // People may just have sent the traffic back.
  // An Engine without state takes over from what is published where it stays.
  const places = [stayed, stored.gslb.stayAt, ...(isPeoples(stored.gslb) ? [null] : [])];
  const wrong = places.map((place) => wrongWith(plan, gslb, { ...stored, stayedAt: place }));
  const [first] = wrong;
  if (first !== undefined && first !== null && wrong.every((one) => one !== null))
    violated("a plan follows from the state of its members", `${plan.fqdn} ${first.expected}`, first.seen);
}

/** Of a GSLB that was steered: what it came to is what is wanted, also where no new plan was made. */
export function planStands(
  { now, violated }: Pick<Facts, "now" | "violated">,
  state: GslbState,
  id: string,
  rows: Rows,
  stayedAt: ReadonlyMap<string, string | null>,
): void {
  const found = state.gateOpen ? storedFor(id, now, rows) : null;
  if (found === null || !found.gslb.admin_state_up) return;
  const { gslb, stored } = found;
  const publications = rows.of<Publication>("publication");
  const places = [stayedAt.get(id) ?? null, state.stayAt];
  const answers = places.map((place) => decidedAnswer(gslb, { ...stored, stayedAt: place }));
  // Where nothing can be served what is published stays.
  if (answers.some(({ values, why }) => values.size === 0 && why !== "withdraw")) return;
  for (const flavor of gslb.flavors) {
    const plan = planOf(publications.get(`${flavor} ${gslb.fqdn}`));
    if (plan !== null && plan.gslb_id !== id) continue;
    const wrong = places.map((place) => wrongWith(plan, gslb, { ...stored, stayedAt: place }));
    const [first] = wrong;
    if (first !== undefined && first !== null && wrong.every((one) => one !== null))
      violated("the plan stands for the state of its members", `${flavor} ${gslb.fqdn} ${first.expected}`, first.seen);
  }
}

function storedFor(id: string, now: number, { known, of, read }: Rows) {
  const gslb = known?.gslb.get(id);
  const state = of<GslbState>("gslb").get(id);
  if (known === null || gslb === undefined || state === undefined) return null;
  const parsed = <T>(table: string) =>
    read(`SELECT id, body FROM ${table}`).map((row) => [String(row.id), JSON.parse(String(row.body)) as T] as const);
  const progress = new Map(parsed<OverrideState>("override"));
  const override = new Map(parsed<Override>("config_override").filter(([key]) => progress.get(key)?.begun === true));
  return {
    gslb,
    stored: { now, tables: { ...known, override }, members: of<MemberState>("member"), pools: of<PoolState>("pool"), gslb: state },
  };
}

const isPeoples = ({ decisions }: GslbState): boolean => Object.values(decisions).some(({ cause }) => cause === "operator");

const planOf = (publication: Publication | undefined): Plan | null =>
  publication === undefined || publication.wanted === null || publication.wanted === "removed" ? null : publication.wanted;
