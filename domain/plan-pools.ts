/**
 * What was steered, for a provider that has pools of its own: every pool of a GSLB with its members and endpoints, and which of them are on. In
 * the pools that take traffic exactly what the plan answers with is on.
 */
import type { SteeringPolicy } from "./gslb.ts";
import type { PlanPool } from "./plan.ts";
import type { SteeredPool, Steering } from "./steering.ts";

/** A member as people made it, whatever its health. */
export type PoolMember = {
  readonly id: string;
  readonly name: string;
  readonly weight: number;
  readonly host_header: string | null;
  readonly endpoints: readonly string[];
};

/**
 * `pools`: those of the GSLB in their order, a fallback pool that is none of them last. A pool that traffic passes over has on what it would serve:
 * nothing while no pool is usable, since what is served then was chosen in spite of that.
 */
export function planPools(
  pools: readonly SteeredPool[],
  steering: Steering,
  policy: SteeringPolicy,
  membersOf: (poolId: string) => readonly PoolMember[],
): PlanPool[] {
  return pools.map((pool) => {
    const picked = steering.poolIds.includes(pool.id);
    const on = picked ? answeredBy(pool, steering, policy) : standingBy(pool, steering);
    const { id, name, weight, locations, geofence } = pool;
    const members = membersOf(id).map((member) => {
      const served = on.get(member.id) ?? [];
      // An address that a new one replaced is served until that one was judged.
      const endpoints = [...new Set([...member.endpoints, ...served])].map((endpoint) => ({ endpoint, on: served.includes(endpoint) }));
      return { id: member.id, name: member.name, weight: member.weight, host_header: member.host_header, endpoints };
    });
    return { id, name, picked, weight, locations: [...locations], geofence, members };
  });
}

type On = ReadonlyMap<string, readonly string[]>;

/** Of a policy that answers with several pools together each address stands in the first that has it: it is on in all of them. */
function answeredBy({ id }: SteeredPool, { answers, served }: Steering, policy: SteeringPolicy): On {
  const together = policy === "failover" || policy === "round_robin";
  const values = new Set(answers.filter((set) => together || set.pool_id === id).flatMap((set) => set.values));
  return new Map(
    served
      .filter(({ poolId }) => poolId === id)
      .map(({ memberId, endpoints }) => [memberId, endpoints.filter((endpoint) => values.has(endpoint))]),
  );
}

function standingBy({ adminStateUp, health }: SteeredPool, { outcome }: Steering): On {
  const isReady = outcome === "serve" && adminStateUp && health.usable;
  return new Map(isReady ? health.serving.map(({ member, endpoints }) => [member.id, endpoints]) : []);
}
