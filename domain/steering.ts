/**
 * From pools to an answer: a chain of small pure filters (engine.md, rules 13 to 16). Usable pools → those that are not in panic or held back,
 * if there are any → failback → policy → records; where no pool is usable, `on_all_down` decides. It refuses to make an empty answer but
 * by `withdraw`.
 */
import { addressFamily } from "./address.ts";
import type { Place } from "./geo.ts";
import type { OnAllDown, SteeringPolicy } from "./gslb.ts";
import type { Location } from "./location.ts";
import type { AnswerSet } from "./plan.ts";
import { type PoolHealth, type Serving, whole } from "./pool-health.ts";
import { isAlias, type RecordSettings, type Records, type Resolve, recordsOf, type Served, unresolved } from "./records.ts";

export type SteeredPool = {
  readonly id: string;
  readonly name: string;
  readonly adminStateUp: boolean;
  /** Its weight in the GSLB. */
  readonly weight: number;
  /** Under `geo`: whose clients it is for, and whether they may get no other pool. */
  readonly locations: readonly Location[];
  readonly geofence: boolean;
  /** It became usable again and is not preferred for a while yet (rule 7). */
  readonly heldBack: boolean;
  readonly health: PoolHealth;
};

/** Who was served by the newest plan that had a usable pool. */
export type KnownMember = { readonly poolId: string; readonly memberId: string; readonly endpoints: readonly string[] };

export type SteeringSettings = {
  readonly fqdn: string;
  readonly zone: string;
  readonly ttl: number;
  readonly policy: SteeringPolicy;
  readonly maxAnswers: number | null;
  readonly onAllDown: OnAllDown;
  /** The pool of `on_all_down` `fallback_pool`; null: there is none. */
  readonly fallback: SteeredPool | null;
  readonly lastKnown: readonly KnownMember[];
  /** Under `failover` with `failback: manual`: the pool that traffic went to; null: it goes where the order says. */
  readonly stayAt: string | null;
  /** It waited for its first verdicts in vain, so that members never judged are all there is (rule 9). */
  readonly nothingJudged: boolean;
  /** Whether every backend of it can hold a CNAME; left out: they can. */
  readonly alias?: boolean;
  /** What host names come to; left out: nobody resolves them. */
  readonly resolve?: Resolve;
  /** Whether a host name leads back to this GSLB: then it is nobody's address. */
  readonly isLoop?: (name: string) => boolean;
};

/** One filter's work, for the evidence and for people. */
export type Step = {
  readonly filter: string;
  readonly rule: number;
  readonly kept: readonly string[];
  readonly dropped: readonly { readonly id: string; readonly reason: string }[];
};

export type Steering = {
  /** `serve`: usable pools. `all_down`: no pool is usable, and something is served all the same. `nothing`: there is nothing to answer with. */
  readonly outcome: "serve" | "all_down" | "withdraw" | "nothing";
  readonly answers: readonly AnswerSet[];
  /** Under `geo`: which of the answers are for whom. */
  readonly places?: readonly Place[];
  readonly poolIds: readonly string[];
  readonly memberIds: readonly string[];
  /** Who is served, for `last_known`. */
  readonly served: readonly KnownMember[];
  /** A pool that is preferred to the one served, and only waits for somebody to send the traffic back. */
  readonly failbackPending: boolean;
  readonly reason: string;
  readonly steps: readonly Step[];
};

/** `own`: for clients of its locations alone. */
type Picked = { readonly pool: SteeredPool; readonly serving: readonly Serving[]; readonly own?: boolean };

export function steer(pools: readonly SteeredPool[], settings: SteeringSettings): Steering {
  const admitted = pools.filter((pool) => pool.adminStateUp);
  const usable = admitted.filter((pool) => pool.health.usable);
  const steps = [step("usable", 12, pools, usable, unusableReason)];
  if (usable.length > 0) {
    const ranked = foremost(usable);
    steps.push(step("rank", 13, usable, ranked, rankReason));
    const staying = stay(ranked, pools, settings);
    if (staying !== ranked)
      steps.push(step("failback", 15, ranked, staying, () => "traffic left it, and stays away until it is sent back"));
    const chosen = byPolicy(staying, settings.policy);
    steps.push(step(settings.policy, 15, staying, chosen, policyReason(settings.policy)));
    const picked = chosen.map((pool) => ({ pool, serving: pool.health.serving }));
    const pending = isPending(ranked, chosen, settings);
    const found = answer("serve", withFenced(admitted, picked, settings), settings, serveReason(picked, pools, settings), steps, pending);
    if (found.outcome !== "nothing" || isAwaited(picked, settings)) return found;
    // Names without an address: what is published may be dead, so whoever has something to serve is served.
    const rest = pools.filter((pool) => !chosen.includes(pool));
    const next = rest.some((pool) => usable.includes(pool)) ? steer(rest, settings) : found;
    return next.outcome === "serve" ? { ...next, reason: `${found.reason}; ${next.reason}`, steps: [...steps, ...next.steps] } : found;
  }
  if (settings.nothingJudged) return serveAll(admitted, settings, steps);
  switch (settings.onAllDown) {
    case "withdraw":
      return {
        ...nothing("no pool is usable: withdrawn as on_all_down says", steps),
        outcome: "withdraw",
      };
    case "last_known":
      return serveLastKnown(admitted, settings, steps);
    case "fallback_pool":
      return serveFallback(admitted, settings, steps);
    case "serve_all":
      return serveAll(admitted, settings, steps);
  }
}

/** A pool in panic comes after every one that is not; one that is held back after those that stood, whatever their order. */
function foremost(usable: readonly SteeredPool[]): readonly SteeredPool[] {
  const best = Math.min(...usable.map(rankOf));
  return usable.filter((pool) => rankOf(pool) === best);
}

const rankOf = (pool: SteeredPool): number => (pool.health.panic ? 2 : 0) + (pool.heldBack ? 1 : 0);

const rankReason = (pool: SteeredPool): string =>
  pool.health.panic
    ? `in panic: ${pool.health.healthy.length} of ${pool.health.enabled.length} enabled members healthy`
    : "it became usable again and is held back for a while";

/** `failback: manual`: pools that traffic left, which stand before the one it went to, are passed over while any other is usable. */
function stay(usable: readonly SteeredPool[], pools: readonly SteeredPool[], { policy, stayAt }: SteeringSettings): readonly SteeredPool[] {
  const place = policy === "failover" && stayAt !== null ? pools.findIndex((pool) => pool.id === stayAt) : -1;
  if (place <= 0) return usable;
  const left = new Set(pools.slice(0, place));
  const staying = usable.filter((pool) => !left.has(pool));
  return staying.length === 0 || staying.length === usable.length ? usable : staying;
}

const isAwaited = (picked: readonly Picked[], { resolve = unresolved }: SteeringSettings): boolean =>
  picked.some(({ serving }) =>
    serving.some(({ endpoints }) => endpoints.some((endpoint) => addressFamily(endpoint) === null && resolve(endpoint).isAwaited === true)),
  );

const isPending = (ranked: readonly SteeredPool[], chosen: readonly SteeredPool[], { policy, stayAt }: SteeringSettings): boolean =>
  policy === "failover" && stayAt !== null && ranked[0] !== chosen[0];

function byPolicy(pools: readonly SteeredPool[], policy: SteeringPolicy): readonly SteeredPool[] {
  if (policy === "failover") return pools.slice(0, 1);
  const weighty = policy === "weighted" ? pools.filter((pool) => pool.weight > 0) : pools;
  return weighty.length > 0 ? weighty : pools;
}

const policyReason = (policy: SteeringPolicy) => () => (policy === "weighted" ? "its weight is 0" : "a pool before it is usable");

/** As if every enabled member were up; those that are not enabled only when no pool has any that is. */
function serveAll(admitted: readonly SteeredPool[], settings: SteeringSettings, steps: readonly Step[], why = ""): Steering {
  const filled = admitted.filter((pool) => pool.health.servable.length > 0);
  const regular = filled.filter((pool) => !pool.health.lastResort);
  const servable = regular.length > 0 ? regular : filled;
  const picked = byPolicy(servable, settings.policy).map((pool) => ({ pool, serving: pool.health.servable.map(whole) }));
  const reason =
    picked.length === 0
      ? "there is no servable member in any pool"
      : settings.nothingJudged
        ? `nothing is judged yet: ${names(picked)} is served whole, as if it were well`
        : `no pool is usable${why}: health is ignored and ${names(picked)} is served whole (serve_all)`;
  const served = withFenced(admitted, picked, settings);
  return answer("all_down", served, settings, reason, [...steps, allDownStep("serve_all", servable, picked)]);
}

/** The newest plan that had a usable pool, less who was since deleted, disabled, or taken out by people. */
function serveLastKnown(admitted: readonly SteeredPool[], settings: SteeringSettings, steps: readonly Step[]): Steering {
  const picked = admitted.flatMap((pool): Picked[] => {
    const serving = lastKnownOf(pool, settings);
    return serving.length === 0 ? [] : [{ pool, serving }];
  });
  if (picked.length === 0) return serveAll(admitted, settings, steps, ", and nothing is left of the last known answer");
  const reason = `no pool is usable: what was served last is kept (last_known), from ${names(picked)}`;
  const served = withFenced(admitted, picked, settings);
  return answer("all_down", served, settings, reason, [...steps, allDownStep("last_known", admitted, picked)]);
}

function lastKnownOf(pool: SteeredPool, { lastKnown }: SteeringSettings): Serving[] {
  const known = new Map(lastKnown.filter(({ poolId }) => poolId === pool.id).map((member) => [member.memberId, member]));
  return pool.health.eligible.flatMap((member): Serving[] => {
    const was = known.get(member.id);
    if (was === undefined) return [];
    const endpoints = member.all.filter((endpoint) => was.endpoints.includes(endpoint));
    return endpoints.length === 0 ? [] : [{ member, endpoints }];
  });
}

function serveFallback(admitted: readonly SteeredPool[], settings: SteeringSettings, steps: readonly Step[]): Steering {
  const { fallback } = settings;
  if (fallback === null || !fallback.adminStateUp || fallback.health.servable.length === 0) {
    return serveAll(admitted, settings, steps, ", and the fallback pool has no servable member");
  }
  const { health } = fallback;
  const picked = [{ pool: fallback, serving: health.usable ? health.serving : health.servable.map(whole) }];
  const how = health.usable ? "served" : "served whole, since it is not usable either";
  const reason = `no pool is usable: the fallback pool ${fallback.name} is ${how} (fallback_pool)`;
  const served = withFenced(admitted, picked, settings);
  return answer("all_down", served, settings, reason, [...steps, allDownStep("fallback_pool", [fallback], picked)]);
}

/**
 * Under `geo` a fence holds whatever else is served: its pool stands in the plan for its own clients, with what it has. Pools in their order, a
 * fallback that is none of them last.
 */
function withFenced(admitted: readonly SteeredPool[], picked: readonly Picked[], settings: SteeringSettings): readonly Picked[] {
  if (settings.policy !== "geo") return picked;
  const byId = new Map(picked.map((one) => [one.pool.id, one]));
  const ordered = admitted.flatMap((pool): Picked[] => {
    const one = byId.get(pool.id);
    byId.delete(pool.id);
    if (one !== undefined) return [one];
    return pool.geofence ? [{ pool, serving: forItsOwn(pool, settings), own: true }] : [];
  });
  return [...ordered, ...byId.values()];
}

/** A fallback pool is elsewhere: its clients get what is servable of their own pool. */
function forItsOwn(pool: SteeredPool, settings: SteeringSettings): readonly Serving[] {
  const { health } = pool;
  if (health.usable) return health.serving;
  if (settings.onAllDown === "withdraw" && !settings.nothingJudged) return [];
  const known = settings.onAllDown === "last_known" ? lastKnownOf(pool, settings) : [];
  return known.length > 0 ? known : health.servable.map(whole);
}

const names = (picked: readonly Picked[]): string => picked.map(({ pool }) => `pool ${pool.name}`).join(", ");

function unusableReason(pool: SteeredPool): string {
  if (!pool.adminStateUp) return "admin_state_up is false";
  return `${pool.health.healthy.length} of ${pool.health.enabled.length} enabled members healthy, ${pool.health.needed} needed`;
}

function serveReason(picked: readonly Picked[], pools: readonly SteeredPool[], { policy }: SteeringSettings): string {
  const first = picked[0]?.pool;
  const before = first === undefined ? [] : pools.slice(0, pools.indexOf(first));
  const passed = policy === "geo" ? pools.filter((pool) => !picked.some((one) => one.pool === pool)) : before;
  const left = passed.map((pool) => `; pool ${pool.name} is passed over: ${passedReason(pool)}`).join("");
  const panic = picked
    .filter(({ pool }) => pool.health.panic)
    .map(({ pool }) => `; pool ${pool.name} is ${rankReason(pool)}, so all are served`);
  return `${names(picked)} ${picked.length > 1 ? "are" : "is"} usable and served${left}${panic.join("")}`;
}

function passedReason(pool: SteeredPool): string {
  if (!pool.adminStateUp || !pool.health.usable) return unusableReason(pool);
  if (rankOf(pool) > 0) return rankReason(pool);
  return "traffic left it, and stays away until it is sent back";
}

function step(
  filter: string,
  rule: number,
  from: readonly SteeredPool[],
  to: readonly SteeredPool[],
  reason: (pool: SteeredPool) => string,
): Step {
  const dropped = from.filter((pool) => !to.includes(pool)).map((pool) => ({ id: pool.id, reason: reason(pool) }));
  return { filter, rule, kept: to.map((pool) => pool.id), dropped };
}

const allDownStep = (filter: OnAllDown, from: readonly SteeredPool[], picked: readonly Picked[]): Step =>
  step(
    filter,
    16,
    from,
    picked.map(({ pool }) => pool),
    () => "another pool is served",
  );

const nothing = (reason: string, steps: readonly Step[]): Steering => ({
  outcome: "nothing",
  answers: [],
  poolIds: [],
  memberIds: [],
  served: [],
  failbackPending: false,
  reason,
  steps,
});

function answer(
  outcome: "serve" | "all_down",
  found: readonly Picked[],
  settings: SteeringSettings,
  reason: string,
  steps: readonly Step[],
  failbackPending = false,
): Steering {
  const { fqdn, zone, ttl, maxAnswers, policy } = settings;
  const loops: string[] = [];
  const picked = found.map((one) => withoutLoops(one, settings, loops));
  const { alias = true, resolve = unresolved } = settings;
  const records = { ttl, maxAnswers, weighted: policy === "weighted", alias: alias && fqdn !== zone, resolve };
  const served = picked.map(servedOf);
  const isApart = policy === "geo" || policy === "latency";
  const { sets, leftOut } = isApart ? placed(picked, records, policy) : recordsOf(served, records);
  const answering = isApart ? picked.filter(({ pool }) => sets.some((set) => set.pool_id === pool.id)) : picked;
  const poolIds = answering.map(({ pool }) => pool.id);
  if (sets.length === 0) {
    const why = [...loops, ...leftOut];
    return { ...nothing(why.length > 0 ? why.join("; ") : reason, steps), poolIds };
  }
  const fenced = picked.filter(({ own }) => own === true);
  const known = served.flatMap(({ poolId, members }) => members.map(({ id: memberId, endpoints }) => ({ poolId, memberId, endpoints })));
  return {
    outcome,
    answers: sets,
    ...(policy === "geo" ? { places: placesOf(picked.filter((one) => one.own === true || answering.includes(one))) } : {}),
    poolIds,
    memberIds: known.map(({ memberId }) => memberId),
    served: known,
    failbackPending,
    reason: [reason, ...fenced.map((one) => fenceReason(one)), ...loops, ...leftOut].join("; "),
    steps,
  };
}

function withoutLoops(one: Picked, { isLoop = () => false }: SteeringSettings, loops: string[]): Picked {
  const serving = one.serving.map(({ member, endpoints }) => {
    const [back, onward] = [endpoints.filter(isLoop), endpoints.filter((endpoint) => !isLoop(endpoint))];
    loops.push(...back.map((name) => `${name} leads back to this GSLB`));
    return { member, endpoints: onward };
  });
  return { ...one, serving: serving.filter(({ endpoints }) => endpoints.length > 0) };
}

const servedOf = ({ pool, serving }: Picked): Served => ({
  poolId: pool.id,
  weight: pool.weight,
  members: serving.map(({ member, endpoints }) => ({ id: member.id, weight: member.weight, endpoints })),
});

/** Each pool is an answer of its own: what another has says nothing of it. */
function placed(picked: readonly Picked[], settings: RecordSettings, policy: "geo" | "latency"): Records {
  const placeOf = ({ pool: { locations, geofence }, serving }: Picked) =>
    policy === "geo" ? { locations: [...locations], geofence } : { region: regionOf(serving) };
  // Where each client sees one pool alone a CNAME may stand beside addresses; but not every provider has it so, and addresses are as good.
  const alias = settings.alias && picked.every((one) => isAlias([servedOf(one)], false));
  const ownRecords = (one: Picked): Records => {
    const preferred = recordsOf([servedOf(one)], { ...settings, alias });
    return preferred.sets.length > 0 ? preferred : recordsOf([servedOf(one)], settings);
  };
  const records = picked.map((one) => ({ ...ownRecords(one), place: placeOf(one) }));
  return {
    sets: records.flatMap(({ sets, place }) => sets.map((set) => ({ ...set, ...place }))),
    leftOut: records.flatMap(({ leftOut }) => leftOut),
  };
}

/** Where they are, if all say the same; null: that is not known. */
function regionOf(serving: readonly Serving[]): string | null {
  const regions = new Set(serving.map(({ member }) => member.region ?? null));
  const [region = null] = regions;
  return regions.size === 1 ? region : null;
}

const placesOf = (picked: readonly Picked[]): readonly Place[] =>
  picked.map(({ pool, own = false }) => ({ pool_id: pool.id, locations: [...pool.locations], own }));

const fenceReason = ({ pool, serving }: Picked): string =>
  `pool ${pool.name} keeps its clients (geofence) and ${serving.length > 0 ? "serves them alone" : "has no answer for them"}`;
