/**
 * A load balancer of Cloudflare's and its pools as the API has them, and in words: every address that it answers with, and how it comes to it. What
 * is to be and what is are told in the same words, so that a difference in anything that Kosmos owns is a difference in them.
 */
import { z } from "zod";
import { canonicalAddress } from "../../domain/address.ts";
import type { LiveSet } from "../../domain/backend.ts";
import { withDot } from "./cloudflare-api.ts";

const poolIds = z.array(z.string());
const poolMap = z.record(z.string(), poolIds).nullish();

export const apiOrigin = z.object({
  name: z.string().optional(),
  address: z.string(),
  enabled: z.boolean().nullish(),
  weight: z.number().nullish(),
  header: z.object({ Host: z.array(z.string()).nullish() }).nullish(),
});

export const apiPool = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().nullish(),
  enabled: z.boolean().nullish(),
  minimum_origins: z.number().nullish(),
  monitor: z.string().nullish(),
  monitor_group: z.string().nullish(),
  origin_steering: z.object({ policy: z.string().nullish() }).nullish(),
  origins: z.array(apiOrigin),
  // People's own: kept where the pool is replaced as a whole.
  check_regions: z.unknown().optional(),
  latitude: z.unknown().optional(),
  longitude: z.unknown().optional(),
  load_shedding: z.unknown().optional(),
  notification_email: z.unknown().optional(),
  notification_filter: z.unknown().optional(),
});
export type ApiPool = z.output<typeof apiPool>;

export const apiBalancer = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().nullish(),
  enabled: z.boolean().nullish(),
  proxied: z.boolean().nullish(),
  ttl: z.number().nullish(),
  default_pools: poolIds,
  fallback_pool: z.string(),
  region_pools: poolMap,
  country_pools: poolMap,
  pop_pools: poolMap,
  steering_policy: z.string().nullish(),
  random_steering: z.object({ default_weight: z.number().nullish(), pool_weights: z.record(z.string(), z.number()).nullish() }).nullish(),
  location_strategy: z.object({ mode: z.string().nullish(), prefer_ecs: z.string().nullish() }).nullish(),
  session_affinity: z.string().nullish(),
  rules: z.array(z.unknown()).nullish(),
  pool_sets: z.array(z.unknown()).nullish(),
});
export type ApiBalancer = z.output<typeof apiBalancer>;

/** Pools are called by their names in it: ids are Cloudflare's. */
export type View = {
  readonly enabled: boolean;
  readonly proxied: boolean;
  readonly ttl: number;
  readonly steering: "off" | "random" | "geo" | (string & {});
  /** In their order. */
  readonly defaults: readonly string[];
  readonly fallback: string;
  /** "country FR", "region WEU", "pop LAX". */
  readonly places: Readonly<Record<string, readonly string[]>>;
  /** Of `random`: from 0 to 1. */
  readonly weights: Readonly<Record<string, number>>;
  /** What steers beside all that, which Kosmos has not: "session affinity cookie". */
  readonly beside: readonly string[];
  readonly pools: Readonly<Record<string, PoolView>>;
};
export type PoolView = { readonly origins: readonly OriginView[]; readonly beside: readonly string[] };
export type OriginView = {
  readonly name: string;
  readonly address: string;
  readonly on: boolean;
  /** From 0 to 1. */
  readonly weight: number;
  readonly host: string | null;
};

/** Where a resolver is asked for a name that is proxied, Cloudflare answers with its own addresses, for so long. */
const proxiedTtl = 300;
export const geoStrategy = { mode: "resolver_ip", prefer_ecs: "geo" } as const;

export function viewOf(balancer: ApiBalancer, pools: readonly ApiPool[]): View {
  const names = new Map(pools.map(({ id, name }) => [id, name]));
  const named = (ids: readonly string[]) => ids.map((id) => names.get(id) ?? id);
  const keyed = (kind: string, map: Readonly<Record<string, readonly string[]>> | null | undefined) =>
    Object.entries(map ?? {}).map(([key, ids]): [string, readonly string[]] => [`${kind} ${key}`, named(ids)]);
  const { region_pools, country_pools, pop_pools, steering_policy, location_strategy, session_affinity, rules, pool_sets } = balancer;
  const places = [...keyed("region", region_pools), ...keyed("country", country_pools), ...keyed("pop", pop_pools)];
  const isGeo = steering_policy === "geo" || (places.length > 0 && (steering_policy ?? "") === "");
  const steering = isGeo ? "geo" : steering_policy === "" || steering_policy == null ? "off" : steering_policy;
  const isAffine = (session_affinity ?? "none") !== "none" && session_affinity !== "" && session_affinity !== '""';
  const isElsewhere = isGeo && (location_strategy?.mode !== geoStrategy.mode || location_strategy.prefer_ecs !== geoStrategy.prefer_ecs);
  const proxied = balancer.proxied === true;
  const used = new Set([
    ...balancer.default_pools,
    balancer.fallback_pool,
    ...Object.values({ ...region_pools, ...country_pools, ...pop_pools }).flat(),
  ]);
  return {
    enabled: balancer.enabled !== false,
    proxied,
    ttl: proxied ? proxiedTtl : (balancer.ttl ?? 0),
    steering,
    defaults: named(balancer.default_pools),
    fallback: names.get(balancer.fallback_pool) ?? balancer.fallback_pool,
    places: isGeo ? Object.fromEntries(places) : {},
    weights: steering === "random" ? weightsOf(balancer, names) : {},
    beside: [
      ...(isAffine ? [`session affinity ${session_affinity}`] : []),
      ...(isElsewhere && !proxied ? ["location strategy of others"] : []),
      ...((rules ?? []).length > 0 ? ["rules"] : []),
      ...((pool_sets ?? []).length > 0 ? ["pool sets"] : []),
    ],
    pools: Object.fromEntries(pools.filter(({ id }) => used.has(id)).map((pool) => [pool.name, poolViewOf(pool)])),
  };
}

function weightsOf({ default_pools, random_steering }: ApiBalancer, names: ReadonlyMap<string, string>): Record<string, number> {
  const { default_weight, pool_weights } = random_steering ?? {};
  return Object.fromEntries(default_pools.map((id) => [names.get(id) ?? id, pool_weights?.[id] ?? default_weight ?? 1]));
}

export function poolViewOf(pool: ApiPool): PoolView {
  const { policy } = pool.origin_steering ?? {};
  const monitors = [pool.monitor, pool.monitor_group].filter((id) => typeof id === "string" && id !== "");
  return {
    origins: pool.origins.map(({ name = "", address, enabled, weight, header }) => ({
      name,
      address: canonicalAddress(address) ?? address.toLowerCase(),
      on: enabled !== false,
      weight: weight ?? 1,
      host: header?.Host?.[0] ?? null,
    })),
    beside: [
      ...(pool.enabled === false ? ["pool disabled"] : []),
      ...(monitors.length > 0 ? [`monitor ${monitors.join(", ")}`] : []),
      ...((policy ?? "random") === "random" ? [] : [`origins by ${policy}`]),
      ...((pool.minimum_origins ?? 1) === 1 ? [] : [`at least ${pool.minimum_origins} origins`]),
    ],
  };
}

/** Every address that clients may get, with how; nothing of a load balancer that is disabled. */
export function setsOf(view: View): LiveSet[] {
  if (!view.enabled) return [];
  const sets = new Map<string, LiveSet & { values: string[] }>();
  for (const [name, { origins, beside }] of Object.entries(view.pools)) {
    const roles = [
      ...view.defaults.flatMap((other, index) => (other === name ? [`default ${index + 1} of ${view.defaults.length}`] : [])),
      ...(view.fallback === name ? ["fallback"] : []),
      ...Object.entries(view.places).flatMap(([place, names]) =>
        names.flatMap((other, index) => (other === name ? [`${place} ${index + 1}`] : [])),
      ),
    ].toSorted();
    const weight = view.weights[name];
    for (const origin of origins.filter(({ on }) => on)) {
      const how = [
        `pool ${name}`,
        ...roles,
        `steering ${view.steering}`,
        ...(weight === undefined ? [] : [`pool weight ${weight}`]),
        `weight ${origin.weight}`,
        ...(origin.host === null ? [] : [`Host ${origin.host}`]),
        ...(view.proxied ? ["proxied"] : []),
        ...beside,
        ...view.beside,
      ].join(", ");
      const type = originType(origin.address);
      const set = sets.get(`${type} ${how}`) ?? { type, values: [], ttl: view.ttl, as: how };
      set.values.push(type === "CNAME" ? withDot(origin.address) : origin.address);
      sets.set(`${type} ${how}`, set);
    }
  }
  return [...sets.values()];
}

export function originType(address: string): LiveSet["type"] {
  if (canonicalAddress(address) === null) return "CNAME";
  return address.includes(":") ? "AAAA" : "A";
}
