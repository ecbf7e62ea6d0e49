/**
 * A plan as a load balancer of Cloudflare's with its pools, or why it can be none. A Kosmos pool is a pool there, an endpoint an origin; who is out
 * of rotation stands there and is off. Weights become Cloudflare's steps: a pool's in tenths and an origin's in hundredths of the greatest, and none
 * that is above zero becomes zero.
 */
import { canonicalAddress } from "../../domain/address.ts";
import type { Continent, Location } from "../../domain/location.ts";
import { locationText } from "../../domain/location.ts";
import { hash32 } from "../../domain/name.ts";
import type { Plan, PlanPool } from "../../domain/plan.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { withoutDot } from "./cloudflare-api.ts";
import { geoStrategy, type OriginView, type PoolView, setsOf, type View } from "./cloudflare-lb-live.ts";

/** What Cloudflare shall have. `served`: the pools that clients get, which stand in `view`. */
export type Desired = {
  readonly view: View;
  readonly pools: Readonly<Record<string, PoolView>>;
  readonly strategy: typeof geoStrategy | null;
};

/**
 * Cloudflare's thirteen regions by continent (developers.cloudflare.com/load-balancing/reference/region-mapping-api/). A client's region is that of
 * the data center that it reached; no region is for Antarctica. The Caribbean and Central America are in those of the Americas, as Cloudflare has it.
 */
const regions: Readonly<Record<Continent, readonly string[]>> = {
  AF: ["NAF", "SAF"],
  AN: [],
  AS: ["ME", "NEAS", "SAS", "SEAS"],
  EU: ["EEU", "WEU"],
  NA: ["ENAM", "WNAM"],
  OC: ["OC"],
  SA: ["NSAM", "SSAM"],
};

/** One pool for each pool of each name: a GSLB that moves has two names for a while. */
export const poolName = (gslbId: string, poolId: string, fqdn: string): string =>
  `kosmos-${gslbId.slice(0, 8)}-${poolId.slice(0, 8)}-${nameTag(fqdn)}`;
/** 64 bits: pools belong to the account, and those with the name's tag are taken for the name's. */
export const nameTag = (fqdn: string): string => {
  const name = withoutDot(fqdn);
  return [name, ` ${name}`].map((text) => hash32(text).toString(16).padStart(8, "0")).join("");
};
export const isOurName = (name: string, fqdn: string): boolean =>
  /^kosmos-[0-9a-f]{8}-[0-9a-f]{8}-/.test(name) && name.endsWith(`-${nameTag(fqdn)}`);

export function desiredOf(plan: Plan, { proxied }: { readonly proxied: boolean }): Result<Desired, string> {
  const all = plan.pools.length > 0 ? plan.pools : poolsOf(plan);
  const planned = all
    .filter(({ members }) => members.some(({ endpoints }) => endpoints.length > 0))
    .map((pool) => ({ pool, name: poolName(plan.gslb_id, pool.id, plan.fqdn), view: poolView(pool, plan) }));
  const nameOf = new Map(planned.map(({ pool, name }) => [pool.id, name]));
  const pools = Object.fromEntries(planned.map(({ name, view }) => [name, view]));
  const picked = planned.filter(({ pool }) => pool.picked).map(({ name }) => name);
  const base = { enabled: !plan.withdrawn, proxied, ttl: proxied ? 300 : plan.ttl, weights: {}, places: {}, beside: [] };
  if (plan.withdrawn) {
    const defaults = planned.slice(0, 1).map(({ name }) => name);
    return ok({ view: { ...base, steering: "off", defaults, fallback: defaults[0] ?? "", pools }, pools, strategy: null });
  }
  const served = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, pools[name] ?? { origins: [], beside: [] }]));
  if (plan.policy === "geo") {
    const placed = placesOf(plan, nameOf);
    if (!placed.ok) return placed;
    const { defaults, places, used } = placed.value;
    return ok({
      view: { ...base, steering: "geo", defaults, fallback: defaults[0] ?? "", places, pools: served(used) },
      pools,
      strategy: geoStrategy,
    });
  }
  const fallback = picked.at(-1);
  if (fallback === undefined) return fail("the plan names no pool that is to be served");
  const isRandom = plan.policy === "weighted" || plan.policy === "round_robin";
  const shares = planned.filter(({ pool }) => pool.picked).map((one): [string, number] => [one.name, shareOf(one.pool, one.view, plan)]);
  const weights = isRandom ? Object.fromEntries(stepped(shares, 10)) : {};
  const steering = isRandom ? "random" : "off";
  return ok({ view: { ...base, steering, defaults: picked, fallback, weights, pools: served(picked) }, pools, strategy: null });
}

/** What `read` finds where the plan is live. */
export function expectedSets(plan: Plan, settings: { readonly proxied: boolean }) {
  const desired = desiredOf(plan, settings);
  return desired.ok ? setsOf(desired.value.view) : [];
}

/** Each endpoint in rotation gets the same under `round_robin`: a pool has as much as it has of them. */
const shareOf = (pool: PlanPool, { origins }: PoolView, { policy }: Plan): number =>
  policy === "weighted" ? pool.weight : origins.filter(({ on }) => on).length;

/** The greatest becomes 1, the others what is nearest in so many steps; where all are zero, all are 1. */
function stepped(weights: readonly (readonly [string, number])[], steps: number): [string, number][] {
  const greatest = Math.max(...weights.map(([, weight]) => weight));
  return weights.map(([key, weight]) => {
    if (greatest <= 0) return [key, 1];
    return [key, weight <= 0 ? 0 : Math.min(steps, Math.max(1, Math.round((weight / greatest) * steps))) / steps];
  });
}

function poolView(pool: PlanPool, { policy }: Plan): PoolView {
  const origins = new Map<string, OriginView>();
  for (const member of pool.members) {
    const inRotation = member.endpoints.filter(({ on }) => on).length || member.endpoints.length;
    for (const [index, { endpoint, on }] of member.endpoints.entries()) {
      const address = canonicalAddress(endpoint) ?? withoutDot(endpoint).toLowerCase();
      const weight = policy === "weighted" ? member.weight / inRotation : 1;
      const name = `${member.name.replaceAll(/[^A-Za-z0-9_-]+/g, "-").slice(0, 60)}-${member.id.slice(-8)}${index === 0 ? "" : `-${index + 1}`}`;
      // An address stands once in a pool of Cloudflare's.
      const twin = origins.get(address);
      if (twin === undefined) origins.set(address, { name, address, on, weight, host: member.host_header });
      else
        origins.set(address, {
          ...twin,
          on: twin.on || on,
          weight: policy === "weighted" ? twin.weight + weight : 1,
          host: twin.host ?? member.host_header,
        });
    }
  }
  const rotation = [...origins.values()].filter(({ on }) => on);
  const scale = new Map(
    stepped(
      rotation.map(({ address, weight }) => [address, weight]),
      100,
    ),
  );
  return { origins: [...origins.values()].map((origin) => ({ ...origin, weight: scale.get(origin.address) ?? 1 })), beside: [] };
}

type Placed = {
  readonly defaults: readonly string[];
  readonly places: Readonly<Record<string, readonly string[]>>;
  readonly used: readonly string[];
};

/** Of pools with the same place the one that stands first has it; who is for none gets the first that is for everybody, or else the first. */
function placesOf(plan: Plan, nameOf: ReadonlyMap<string, string>): Result<Placed, string> {
  const answering = new Set(plan.answers.map((set) => set.pool_id));
  const asPicked = plan.pools
    .filter(({ picked }) => picked)
    .map(({ id, locations, geofence }) => ({ pool_id: id, locations, own: geofence }));
  const all = plan.places ?? asPicked;
  const places: Record<string, readonly string[]> = {};
  for (const { pool_id, locations, own } of all) {
    const name = nameOf.get(pool_id);
    if (name === undefined || (own && !answering.has(pool_id))) {
      return fail(
        `clients of ${locations.map(locationText).join(", ") || "a pool"} shall get no answer: Cloudflare would give them another pool's`,
      );
    }
    for (const location of locations) {
      const keys = keysOf(location);
      if (keys.length === 0) return fail(`${locationText(location)} cannot be expressed: Cloudflare steers by country and by region`);
      for (const key of keys) places[key] ??= [name];
    }
  }
  const stranger = all.find(({ locations }) => locations.length === 0) ?? all.find(({ own }) => !own);
  const name = stranger === undefined ? undefined : nameOf.get(stranger.pool_id);
  if (name === undefined) return fail("clients elsewhere shall get no answer: Cloudflare gives them a default pool");
  return ok({ defaults: [name], places, used: [...new Set([name, ...Object.values(places).flat()])] });
}

function keysOf(location: Location): string[] {
  if ("country" in location) return [`country ${location.country}`];
  return "continent" in location ? regions[location.continent].map((region) => `region ${region}`) : [];
}

/** A plan from before pools stood in plans: its answers tell who is in rotation. */
function poolsOf({ answers }: Plan): PlanPool[] {
  return [...new Set(answers.map((set) => set.pool_id))].map((id) => {
    const sets = answers.filter((set) => set.pool_id === id);
    const [first] = sets;
    return {
      id,
      name: id,
      picked: true,
      weight: first?.pool_weight ?? 1,
      locations: first?.locations ?? [],
      geofence: first?.geofence ?? false,
      members: sets.flatMap(({ values, weight }) =>
        values.map((endpoint) => ({
          id: hash32(endpoint).toString(16).padStart(8, "0"),
          name: "endpoint",
          weight: weight ?? 1,
          host_header: null,
          endpoints: [{ endpoint, on: true }],
        })),
      ),
    };
  });
}
