/** A GSLB: one name whose answer Kosmos steers over an ordered list of pools. */
import { z } from "zod";
import { flavorName } from "./flavor.ts";
import { limits } from "./limits.ts";
import { type Location, locations } from "./location.ts";
import { fqdn, isInZone } from "./name.ts";
import { description, flag, id, ids, int, name, oneOf, type Resource, tags, whenRight } from "./schema.ts";
import type { Action, Status } from "./status.ts";

export const steeringPolicies = ["failover", "round_robin", "weighted", "geo", "latency"] as const;
export const onAllDownForms = ["serve_all", "last_known", "fallback_pool", "withdraw"] as const;
export const failbacks = ["auto", "manual"] as const;
export type SteeringPolicy = (typeof steeringPolicies)[number];
export type OnAllDown = (typeof onAllDownForms)[number];

/** The fields a client writes; each one left out takes its default. `ttl` null: the provider's, at least 30 s. */
const fields = z.strictObject({
  name: name.nullable().default(null),
  description,
  tags,
  fqdn,
  domain_name: fqdn,
  flavor: flavorName.default("edge"),
  flavors: z
    .array(flavorName, { error: "must be a list of flavor names" })
    .min(1, { error: "must have at least one flavor" })
    .max(limits.flavorsPerGslb, { error: `must have at most ${limits.flavorsPerGslb} flavors` })
    .refine((list) => new Set(list).size === list.length, { error: "must not repeat a flavor" })
    .optional(),
  ttl: int(1, 86_400).nullable().default(null),
  steering_policy: oneOf(steeringPolicies).default("failover"),
  max_answers: int(1, limits.maxAnswers).nullable().default(null),
  admin_state_up: flag.default(true),
  pool_ids: ids("pool", limits.poolsPerGslb).default([]),
  on_all_down: oneOf(onAllDownForms).default("serve_all"),
  /** The pool that is served when no other is usable; with `on_all_down` `fallback_pool` alone. */
  fallback_pool_id: id.nullable().default(null),
  /** `manual`: under `failover`, traffic that left a pool stays away until it is sent back. */
  failback: oneOf(failbacks).default("auto"),
  /** Whether records at the name that Kosmos did not make may be replaced. */
  adopt: flag.default(false),
});

/** `zone_name` is another name of `domain_name`, on input only. */
const withZoneName = (body: unknown): unknown => {
  if (typeof body !== "object" || body === null || !("zone_name" in body) || "domain_name" in body) return body;
  const { zone_name: domain_name, ...rest } = body as Record<string, unknown>;
  return { ...rest, domain_name };
};

export const gslbWrite = z.preprocess(
  withZoneName,
  fields
    .superRefine(
      ({ fqdn: name, domain_name }, context) => {
        if (!isInZone(name, domain_name))
          context.addIssue({ code: "custom", path: ["fqdn"], message: `must lie in the zone ${domain_name}` });
      },
      whenRight("fqdn", "domain_name"),
    )
    .refine(({ on_all_down, fallback_pool_id }) => on_all_down !== "fallback_pool" || fallback_pool_id !== null, {
      path: ["fallback_pool_id"],
      error: "is required where on_all_down is fallback_pool",
      ...whenRight("on_all_down", "fallback_pool_id"),
    })
    .transform(({ flavors, ...rest }) => {
      const flavor = flavors?.[0] ?? rest.flavor;
      return { ...rest, flavor, flavors: flavors ?? [flavor], name: rest.name ?? rest.fqdn };
    }),
);
export type GslbWrite = z.output<typeof gslbWrite>;

/** A pool's place in a GSLB. `locations` and `geofence` count under `geo`, `weight` under `weighted`; each is kept under any policy. */
const position = int(0, limits.poolsPerGslb - 1);
const poolWeight = int(0, 65_535);
export const gslbPoolWrite = z.strictObject({
  pool_id: id,
  position: position.optional(),
  weight: poolWeight.default(1),
  locations: locations.default([]),
  geofence: flag.default(false),
});
export const gslbPoolPatch = z
  .strictObject({
    position: position.optional(),
    weight: poolWeight.exactOptional(),
    locations: locations.exactOptional(),
    geofence: flag.exactOptional(),
  })
  .refine((value) => Object.keys(value).length > 0, { error: "must have a position, a weight, locations or a geofence" });
/** What is said of a pool in a GSLB beside its position. */
export type PoolPlace = { readonly weight: number; readonly locations: readonly Location[]; readonly geofence: boolean };
export const defaultPlace: PoolPlace = { weight: 1, locations: [], geofence: false };
/** A pool in a PUT of them all. `weight` null: a pool that stays keeps its place but for the position, a new one has the default. */
export type PlacedPool = { readonly pool_id: string; readonly weight: number | null } & Partial<Omit<PoolPlace, "weight">>;
export const gslbPoolOrder = z.union(
  [
    z
      .strictObject({ pool_ids: ids("pool", limits.poolsPerGslb) })
      .transform(({ pool_ids }) => pool_ids.map((pool_id): PlacedPool => ({ pool_id, weight: null }))),
    z
      .strictObject({
        pools: z
          .array(gslbPoolWrite.omit({ position: true }), { error: "must be a list of pools" })
          .max(limits.poolsPerGslb, { error: `must have at most ${limits.poolsPerGslb} pools` })
          .refine((list) => new Set(list.map((pool) => pool.pool_id)).size === list.length, { error: "must not repeat a pool" }),
      })
      .transform(({ pools }): PlacedPool[] => pools),
  ],
  { error: 'must be {"pool_ids": […]} or {"pools": [{"pool_id": …, "weight"?: …, "locations"?: …, "geofence"?: …}]}' },
);

/** What the Conductor stores and the Engine steers by. */
export type Gslb = Resource &
  Omit<GslbWrite, "ttl"> & {
    readonly ttl: number;
    /** The weight of each pool by its id, for `weighted`; a pool that is not named has 1. */
    readonly pool_weights: Readonly<Record<string, number>>;
    /** Whose clients each pool is for by its id, for `geo`; left out, or a pool that is not named: nobody's in particular. */
    readonly pool_places?: Readonly<Record<string, Omit<PoolPlace, "weight">>>;
    readonly status: Status;
    readonly action: Action;
    /** Counts what changed in the body beside the configuration: the second half of the ETag. */
    readonly revision: number;
  };

/** Changed by no write after the first (422). */
export const gslbImmutable = ["fqdn", "domain_name"] as const;

/** A pool's place as it is, or would be if it came in. */
export const placeOf = ({ pool_weights, pool_places }: Pick<Gslb, "pool_weights" | "pool_places">, poolId: string): PoolPlace => ({
  ...defaultPlace,
  ...(pool_weights[poolId] === undefined ? {} : { weight: pool_weights[poolId] }),
  ...pool_places?.[poolId],
});
