/**
 * What was steered, for a provider that has pools of its own: every pool of a GSLB with its members and endpoints, and which of them are on. In
 * the pools that take traffic exactly what the plan answers with is on.
 */
import { addressFamily } from "./address.ts";
import type { SteeringPolicy } from "./gslb.ts";
import type { PlanPool } from "./plan.ts";
import { type Resolve, unresolved } from "./records.ts";
import type { SteeredPool, Steering } from "./steering.ts";

/** A member as people made it, whatever its health. */
export type PoolMember = {
  readonly id: string;
  readonly name: string;
  readonly weight: number;
  readonly host_header: string | null;
  readonly endpoints: readonly string[];
};

/** `resolve` and `isLoop` as it was steered with. */
export type PoolSettings = {
  readonly policy: SteeringPolicy;
  readonly membersOf: (poolId: string) => readonly PoolMember[];
  readonly resolve?: Resolve;
  readonly isLoop?: (name: string) => boolean;
};

/**
 * `pools`: those of the GSLB in their order, a fallback pool that is none of them last. A pool that traffic passes over has on what it would serve:
 * nothing while no pool is usable, since what is served then was chosen in spite of that.
 */
export function planPools(
  pools: readonly SteeredPool[],
  steering: Steering,
  { policy, membersOf, resolve = unresolved, isLoop = () => false }: PoolSettings,
): PlanPool[] {
  return pools.map((pool) => {
    const picked = steering.poolIds.includes(pool.id);
    const on = picked ? answeredBy(pool, steering, policy, resolve) : standingBy(pool, steering, isLoop);
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

/**
 * Of a policy that answers with several pools together each address stands in the first that has it: it is on in all of them. A host name is on
 * where it is answered with, or any address that it has is.
 */
function answeredBy({ id }: SteeredPool, { answers, served }: Steering, policy: SteeringPolicy, resolve: Resolve): On {
  const together = policy === "failover" || policy === "round_robin";
  const values = new Set(answers.filter((set) => together || set.pool_id === id).flatMap((set) => set.values));
  const comesTo = (endpoint: string) => [endpoint, ...(addressFamily(endpoint) === null ? resolve(endpoint).addresses : [])];
  const isOn = (endpoint: string) => comesTo(endpoint).some((value) => values.has(value));
  return new Map(served.filter(({ poolId }) => poolId === id).map(({ memberId, endpoints }) => [memberId, endpoints.filter(isOn)]));
}

function standingBy({ adminStateUp, health }: SteeredPool, { outcome }: Steering, isLoop: (name: string) => boolean): On {
  const isReady = outcome === "serve" && adminStateUp && health.usable;
  const onward = (endpoints: readonly string[]) => endpoints.filter((endpoint) => !isLoop(endpoint));
  return new Map(isReady ? health.serving.map(({ member, endpoints }) => [member.id, onward(endpoints)]) : []);
}
