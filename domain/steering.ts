/**
 * From pools to an answer: a chain of small pure filters (engine.md, rules 15 and 16). Usable pools → policy → endpoints in rotation →
 * records → `max_answers`; where no pool is usable, `on_all_down` decides. It refuses to make an empty answer but by `withdraw`.
 */
import { addressFamily } from "./address.ts";
import type { OnAllDown, SteeringPolicy } from "./gslb.ts";
import type { AnswerSet } from "./plan.ts";
import type { Candidate, PoolHealth } from "./pool-health.ts";

export type SteeredPool = {
  readonly id: string;
  readonly name: string;
  readonly adminStateUp: boolean;
  readonly health: PoolHealth;
};

export type SteeringSettings = {
  readonly fqdn: string;
  readonly zone: string;
  readonly ttl: number;
  readonly policy: SteeringPolicy;
  readonly maxAnswers: number | null;
  readonly onAllDown: OnAllDown;
};

/** One filter's work, for the evidence and for people. */
export type Step = {
  readonly filter: string;
  readonly rule: number;
  readonly kept: readonly string[];
  readonly dropped: readonly { id: string; reason: string }[];
};

export type Steering = {
  /** `serve`: a usable pool's healthy members. `all_down`: no pool is usable, health was ignored. `nothing`: there is nothing to answer with. */
  readonly outcome: "serve" | "all_down" | "withdraw" | "nothing";
  readonly answers: readonly AnswerSet[];
  readonly poolIds: readonly string[];
  readonly memberIds: readonly string[];
  readonly reason: string;
  readonly steps: readonly Step[];
};

type Picked = {
  readonly pool: SteeredPool;
  readonly members: readonly { readonly member: Candidate; readonly endpoints: readonly string[] }[];
};

/** `nothingJudged`: the GSLB waited for its first verdicts in vain, so that members never judged are all there is (rule 9). */
export function steer(pools: readonly SteeredPool[], settings: SteeringSettings, nothingJudged = false): Steering {
  const admitted = pools.filter((pool) => pool.adminStateUp);
  const usable = admitted.filter((pool) => pool.health.usable);
  const usableStep: Step = {
    filter: "usable",
    rule: 12,
    kept: usable.map((pool) => pool.id),
    dropped: pools.filter((pool) => !usable.includes(pool)).map((pool) => ({ id: pool.id, reason: unusableReason(pool) })),
  };
  if (usable.length > 0) {
    const picked = byPolicy(usable, settings.policy).map((pool) => ({
      pool,
      members: pool.health.healthy.map((member) => ({ member, endpoints: member.up })),
    }));
    return answer("serve", picked, settings, serveReason(picked, pools), [usableStep, policyStep(usable, picked, settings.policy)]);
  }
  if (settings.onAllDown === "withdraw" && !nothingJudged) {
    return {
      outcome: "withdraw",
      answers: [],
      poolIds: [],
      memberIds: [],
      reason: "no pool is usable: withdrawn as on_all_down says",
      steps: [usableStep],
    };
  }
  return serveAll(admitted, settings, usableStep);
}

/** As if every enabled member were up; those that are not enabled only when no pool has any that is. */
function serveAll(admitted: readonly SteeredPool[], settings: SteeringSettings, usableStep: Step): Steering {
  const enabled = admitted.filter((pool) => pool.health.enabled.length > 0);
  const servable = enabled.length > 0 ? enabled : admitted.filter((pool) => pool.health.servable.length > 0);
  const picked = byPolicy(servable, settings.policy).map((pool) => ({
    pool,
    members: pool.health.servable.map((member) => ({ member, endpoints: member.all })),
  }));
  const reason =
    picked.length === 0
      ? "there is no servable member in any pool"
      : `no pool is usable: health is ignored and ${names(picked)} is served whole (serve_all)`;
  return answer("all_down", picked, settings, reason, [
    usableStep,
    policyStep(servable, picked, settings.policy, "a pool before it is served whole"),
  ]);
}

const byPolicy = (pools: readonly SteeredPool[], policy: SteeringPolicy): readonly SteeredPool[] =>
  policy === "failover" ? pools.slice(0, 1) : pools;

const names = (picked: readonly Picked[]): string => picked.map(({ pool }) => `pool ${pool.name}`).join(", ");

function unusableReason(pool: SteeredPool): string {
  if (!pool.adminStateUp) return "admin_state_up is false";
  return `${pool.health.healthy.length} of ${pool.health.enabled.length} enabled members healthy, ${pool.health.needed} needed`;
}

function serveReason(picked: readonly Picked[], pools: readonly SteeredPool[]): string {
  const first = picked[0]?.pool;
  const passed = first === undefined ? [] : pools.slice(0, pools.indexOf(first));
  const left = passed.map((pool) => `; pool ${pool.name} is passed over: ${unusableReason(pool)}`).join("");
  return `${names(picked)} ${picked.length > 1 ? "are" : "is"} usable and served${left}`;
}

function policyStep(
  from: readonly SteeredPool[],
  picked: readonly Picked[],
  policy: SteeringPolicy,
  reason = "a pool before it is usable",
): Step {
  const kept = picked.map(({ pool }) => pool.id);
  const dropped = from.filter((pool) => !kept.includes(pool.id)).map((pool) => ({ id: pool.id, reason }));
  return { filter: policy, rule: 15, kept, dropped };
}

/** The records: addresses by family, or one CNAME where a single host name is all there is and the name is not the zone's apex (RFC 1034). */
function answer(
  outcome: "serve" | "all_down",
  picked: readonly Picked[],
  settings: SteeringSettings,
  reason: string,
  steps: readonly Step[],
): Steering {
  const limit = settings.maxAnswers ?? Number.POSITIVE_INFINITY;
  const seen = { A: new Set<string>(), AAAA: new Set<string>() };
  const sets: AnswerSet[] = [];
  let cname: { value: string; pool: string } | null = null;
  let hostNames = 0;
  for (const { pool, members } of picked) {
    const values: { A: string[]; AAAA: string[] } = { A: [], AAAA: [] };
    for (const endpoint of members.flatMap((entry) => entry.endpoints)) {
      const family = addressFamily(endpoint);
      if (family === null) {
        hostNames += 1;
        cname ??= { value: endpoint, pool: pool.id };
        continue;
      }
      const type = family === 4 ? "A" : "AAAA";
      if (seen[type].has(endpoint) || seen[type].size >= limit) continue;
      seen[type].add(endpoint);
      values[type].push(endpoint);
    }
    for (const type of ["A", "AAAA"] as const) {
      if (values[type].length > 0) sets.push({ type, values: values[type], ttl: settings.ttl, pool_id: pool.id });
    }
  }
  const apex = settings.fqdn === settings.zone;
  if (sets.length === 0 && cname !== null && !apex)
    sets.push({ type: "CNAME", values: [cname.value], ttl: settings.ttl, pool_id: cname.pool });

  const memberIds = picked.flatMap(({ members }) => members.map(({ member }) => member.id));
  const poolIds = picked.map(({ pool }) => pool.id);
  if (sets.length === 0) {
    const why = hostNames > 0 ? "a host name cannot be published at the zone's apex, and there is no address" : reason;
    return { outcome: "nothing", answers: [], poolIds, memberIds: [], reason: why, steps };
  }
  return { outcome, answers: sets, poolIds, memberIds, reason, steps };
}
