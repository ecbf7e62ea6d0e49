/**
 * The calls that make a load balancer what it shall be, in an order in which clients are never sent where nobody is: pools that they will get are made
 * ready first, then the load balancer points at them, then come those that it points at no more. Cloudflare takes each call by itself: after a break
 * at any of them the same steps, from what is there then, end in the same. The mark of a plan goes with the last call that clients depend on.
 */
import { markIn, markText } from "../../domain/ownership.ts";
import type { Plan } from "../../domain/plan.ts";
import { withoutDot } from "./cloudflare-api.ts";
import { type ApiBalancer, type ApiPool, type geoStrategy, type PoolView, poolViewOf, type View, viewOf } from "./cloudflare-lb-live.ts";
import { type Desired, isOurName } from "./cloudflare-lb-plan.ts";

/** What there is at a name: its load balancer, the pools that this has, and pools that were made for the name. */
export type Found = { readonly balancer: ApiBalancer | null; readonly pools: readonly ApiPool[] };

/** One call; ids of pools that are yet to be made are asked for by name. `isSpare`: it may stay while others use it. `isWhole`: what is left out is gone. */
export type Step =
  | { readonly kind: "make-pool"; readonly name: string; readonly json: unknown }
  | { readonly kind: "change-pool"; readonly id: string; readonly json: unknown; readonly isWhole?: boolean }
  | { readonly kind: "delete-pool"; readonly id: string; readonly isSpare?: boolean }
  | { readonly kind: "make-balancer"; readonly json: (idOf: IdOf) => unknown }
  | { readonly kind: "change-balancer"; readonly id: string; readonly json: (idOf: IdOf) => unknown }
  | { readonly kind: "delete-balancer"; readonly id: string };
export type IdOf = (name: string) => string;

export function stepsFor(plan: Plan, { view, pools, strategy }: Desired, found: Found): Step[] {
  const mark = markText({ gslbId: plan.gslb_id, epoch: plan.epoch, number: plan.number });
  const served = view.enabled ? Object.keys(view.pools) : [];
  const { balancer } = found;
  // A load balancer needs a pool, even one that shall answer nothing; of a GSLB without any there is none, and nothing to withdraw.
  if (balancer === null && view.defaults.length === 0) return [];
  const needed = balancer === null ? [...new Set([...served, ...view.defaults])] : served;
  const ready = needed.flatMap((name) => poolStep(name, pools[name], found.pools, mark));
  const isMarked = hasMark(found, plan);
  // Whose it is stands with the load balancer itself.
  const isOurs = markIn(balancer?.description ?? "")?.gslbId === plan.gslb_id;
  const differs = balancer === null || !isOurs || wrongBalancer(view, balancer, found.pools);
  // Where the load balancer stays as it is, the mark goes with the last of its pools that changes.
  const last = differs ? undefined : ready.findLast((step) => step.kind === "change-pool");
  const marked = ready.map((step) => (step === last && step.kind === "change-pool" ? { ...step, json: withMark(step.json, mark) } : step));
  const rest = Object.keys(pools).filter((name) => !needed.includes(name));
  return [
    ...marked,
    ...balancerStep(plan, view, strategy, balancer, { mark, differs, isMarked: isMarked || last !== undefined }),
    ...rest.flatMap((name) => poolStep(name, pools[name], found.pools, mark)),
    ...orphans(plan, view, pools, found).map((id): Step => ({ kind: "delete-pool", id, isSpare: true })),
  ];
}

/** The load balancer first: a pool that is in use cannot be deleted. */
export const stepsToRemove = ({ balancer, pools }: Found, isOurs: (pool: ApiPool) => boolean): Step[] => [
  ...(balancer === null ? [] : [{ kind: "delete-balancer", id: balancer.id } as const]),
  ...pools.filter(isOurs).map(({ id }): Step => ({ kind: "delete-pool", id })),
];

const withMark = (json: unknown, mark: string): unknown => ({ ...(json as object), description: mark });

/** Whether what is there says already that it is this plan. */
const hasMark = ({ balancer, pools }: Found, plan: Plan): boolean =>
  [balancer, ...pools].some((one) => {
    const mark = markIn(one?.description ?? "");
    return mark !== null && mark.gslbId === plan.gslb_id && mark.epoch === plan.epoch && mark.number === plan.number;
  });

function poolStep(name: string, wanted: PoolView | undefined, pools: readonly ApiPool[], mark: string): Step[] {
  if (wanted === undefined) return [];
  const origins = wanted.origins.map(({ name: origin, address, on, weight, host }) => ({
    name: origin,
    address,
    enabled: on,
    weight,
    ...(host === null ? {} : { header: { Host: [host] } }),
  }));
  const owned = { origins, enabled: true, minimum_origins: 1, origin_steering: { policy: "random" } };
  const pool = pools.find((one) => one.name === name);
  if (pool === undefined) return [{ kind: "make-pool", name, json: { name, description: mark, ...owned } }];
  if (JSON.stringify(poolViewOf(pool)) === JSON.stringify({ origins: wanted.origins, beside: [] })) return [];
  const isMonitored = [pool.monitor, pool.monitor_group].some((id) => (id ?? "") !== "");
  if (!isMonitored) return [{ kind: "change-pool", id: pool.id, json: owned }];
  // That a PATCH takes a monitor off is documented nowhere: what a PUT leaves out is gone.
  return [
    { kind: "change-pool", id: pool.id, json: { name, description: pool.description ?? "", ...peoplesOwn(pool), ...owned }, isWhole: true },
  ];
}

function peoplesOwn({ check_regions, latitude, longitude, load_shedding, notification_email, notification_filter }: ApiPool): object {
  const all = { check_regions, latitude, longitude, load_shedding, notification_email, notification_filter };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== null));
}

/** A load balancer that is off stays with the pools that it has. */
function wrongBalancer(view: View, balancer: ApiBalancer, pools: readonly ApiPool[]): boolean {
  const live = viewOf(balancer, pools);
  if (!view.enabled) return live.enabled;
  return bones(view) !== bones(live);
}

/** All that is a load balancer's own, in one order. */
const bones = ({ enabled, proxied, ttl, steering, defaults, fallback, places, weights, beside }: View): string =>
  JSON.stringify([enabled, proxied, ttl, steering, defaults, fallback, sorted(places), sorted(weights), beside]);

const sorted = (map: Readonly<Record<string, unknown>>) => Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1));

type Marking = { readonly mark: string; readonly differs: boolean; readonly isMarked: boolean };

function balancerStep(
  plan: Plan,
  view: View,
  strategy: typeof geoStrategy | null,
  balancer: ApiBalancer | null,
  { mark, differs, isMarked }: Marking,
): Step[] {
  if (balancer === null) {
    const json = (idOf: IdOf) => ({
      name: withoutDot(plan.fqdn),
      description: mark,
      ...steered(view, strategy, idOf),
      ...(view.enabled ? {} : { enabled: false }),
    });
    return [{ kind: "make-balancer", json }];
  }
  const { id } = balancer;
  if (!differs) return isMarked ? [] : [{ kind: "change-balancer", id, json: () => ({ description: mark }) }];
  if (!view.enabled) return [{ kind: "change-balancer", id, json: () => ({ description: mark, enabled: false }) }];
  const json = (idOf: IdOf) => ({
    description: mark,
    enabled: true,
    ...steered(view, strategy, idOf),
    ...(view.steering === "random" ? {} : { random_steering: { default_weight: 1, pool_weights: {} } }),
    ...(isEmpty(balancer.pop_pools) ? {} : { pop_pools: {} }),
    ...((balancer.session_affinity ?? "") === "" ? {} : { session_affinity: "none" }),
    ...((balancer.rules ?? []).length === 0 ? {} : { rules: [] }),
    ...((balancer.pool_sets ?? []).length === 0 ? {} : { pool_sets: [] }),
  });
  return [{ kind: "change-balancer", id, json }];
}

const isEmpty = (map: Readonly<Record<string, unknown>> | null | undefined): boolean => Object.keys(map ?? {}).length === 0;

function steered({ steering, defaults, fallback, places, weights, proxied, ttl }: View, strategy: typeof geoStrategy | null, idOf: IdOf) {
  const of = (kind: string) =>
    Object.fromEntries(
      Object.entries(places).flatMap(([place, names]) =>
        place.startsWith(`${kind} `) ? [[place.slice(kind.length + 1), names.map(idOf)]] : [],
      ),
    );
  return {
    default_pools: defaults.map(idOf),
    fallback_pool: idOf(fallback),
    steering_policy: steering,
    region_pools: of("region"),
    country_pools: of("country"),
    ...(steering === "random"
      ? {
          random_steering: {
            default_weight: 1,
            pool_weights: Object.fromEntries(Object.entries(weights).map(([name, weight]) => [idOf(name), weight])),
          },
        }
      : {}),
    ...(strategy === null ? {} : { location_strategy: strategy }),
    proxied,
    ...(proxied ? {} : { ttl }),
  };
}

/** Pools that were made for the name and that no plan has any more. What a load balancer that is off still points at stays. */
function orphans({ fqdn }: Plan, view: View, pools: Desired["pools"], { balancer, pools: there }: Found): string[] {
  const kept = view.enabled || balancer === null ? new Set<string>() : new Set(Object.keys(viewOf(balancer, there).pools));
  return there.filter(({ name }) => isOurName(name, fqdn) && pools[name] === undefined && !kept.has(name)).map(({ id }) => id);
}
