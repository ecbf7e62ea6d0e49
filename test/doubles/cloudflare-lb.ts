/**
 * Load balancers and pools of Cloudflare's API: references that must be there, names that are unique, arrays that a PATCH replaces as a whole, pools
 * that are in use and cannot be deleted (412, code 1005). Codes 1002, 1003 and 1005 as the API has been seen to say them in public. Without monitors
 * every pool counts as healthy: `served` tells to whom a client is sent.
 */
import { isIPv4, isIPv6 } from "node:net";
import { privateReason } from "../../domain/address.ts";
import type { CloudflareDouble, Zone } from "./cloudflare.ts";
import { type ApiRequest, type Endpoint, refuse } from "./cloudflare-request.ts";

type Origin = {
  name: string;
  address: string;
  enabled: boolean;
  weight: number;
  header?: { Host?: string[] };
  virtual_network_id?: string;
  disabled_at?: string;
};
export type Pool = { id: string; account: string; name: string; enabled: boolean; origins: Origin[]; [more: string]: unknown };
type Pools = Readonly<Record<string, readonly string[]>>;
export type Balancer = {
  id: string;
  zone: string;
  name: string;
  enabled: boolean;
  default_pools: string[];
  fallback_pool: string;
  region_pools: Pools;
  country_pools: Pools;
  pop_pools: Pools;
  steering_policy: string;
  random_steering?: { default_weight?: number; pool_weights?: Readonly<Record<string, number>> };
  proxied: boolean;
  ttl?: number;
  [more: string]: unknown;
};

const regions = ["WNAM", "ENAM", "WEU", "EEU", "NSAM", "SSAM", "OC", "ME", "NAF", "SAF", "SAS", "SEAS", "NEAS"];
const made = "2026-01-01T00:00:00Z";

export class LoadBalancing {
  readonly pools = new Map<string, Pool>();
  readonly balancers = new Map<string, Balancer>();
  /** What the account's subscription has. */
  readonly limits = { pools: 10_000, balancers: 10_000, origins: 100, ttl: 30 };
  /** Names at which it takes no load balancer: something else of Cloudflare's has them. Its words for that are not documented. */
  readonly taken = new Set<string>();
  private readonly double: CloudflareDouble;

  constructor(double: CloudflareDouble) {
    this.double = double;
  }

  endpoints(): Readonly<Record<string, Endpoint>> {
    const pools = "/accounts/{account_id}/load_balancers/pools";
    const balancers = "/zones/{zone_id}/load_balancers";
    return {
      [`GET ${pools}`]: {
        permission: "pools:read",
        run: (request) => {
          const id = this.account(request);
          return { result: [...this.pools.values()].filter(({ account }) => account === id).map(poolJson) };
        },
      },
      [`POST ${pools}`]: {
        permission: "pools:write",
        run: (request) => ({ result: poolJson(this.makePool(this.account(request), request.body as Pool)) }),
      },
      [`PATCH ${pools}/{pool_id}`]: {
        permission: "pools:write",
        run: (request) => ({ result: poolJson(this.keepPool({ ...this.pool(request), ...notEmpty(request.body) } as Pool)) }),
      },
      [`PUT ${pools}/{pool_id}`]: {
        permission: "pools:write",
        run: (request) => {
          const { id, account } = this.pool(request);
          return { result: poolJson(this.keepPool({ ...poolDefaults, ...(request.body as Pool), id, account })) };
        },
      },
      [`DELETE ${pools}/{pool_id}`]: {
        permission: "pools:write",
        run: (request) => ({ result: { id: this.deletePool(this.pool(request)) } }),
      },
      [`GET ${balancers}`]: {
        permission: "lb:read",
        run: (request) => {
          const { id } = this.zone(request);
          return { result: [...this.balancers.values()].filter(({ zone }) => zone === id).map(balancerJson) };
        },
      },
      [`POST ${balancers}`]: {
        permission: "lb:write",
        run: (request) => ({ result: balancerJson(this.makeBalancer(this.zone(request), request.body as Balancer)) }),
      },
      [`PATCH ${balancers}/{load_balancer_id}`]: {
        permission: "lb:write",
        run: (request) => ({
          result: balancerJson(this.keepBalancer({ ...this.balancer(request), ...notEmpty(request.body) } as Balancer)),
        }),
      },
      [`DELETE ${balancers}/{load_balancer_id}`]: {
        permission: "lb:write",
        run: (request) => {
          const { id } = this.balancer(request);
          this.balancers.delete(id);
          return { result: { id } };
        },
      },
    };
  }

  makePool(account: string, body: Partial<Pool>): Pool {
    if ([...this.pools.values()].filter((pool) => pool.account === account).length >= this.limits.pools) {
      refuse(403, 1_002, "maximum number of pools reached: validation failed");
    }
    return this.keepPool({ ...poolDefaults, ...body, id: this.double.id("pool"), account } as Pool);
  }

  makeBalancer(zone: Zone, body: Partial<Balancer>): Balancer {
    if ([...this.balancers.values()].filter((one) => one.zone === zone.id).length >= this.limits.balancers) {
      refuse(403, 1_002, "maximum number of load balancers reached: validation failed");
    }
    return this.keepBalancer({ ...balancerDefaults, ...body, id: this.double.id("lb"), zone: zone.id } as Balancer);
  }

  /** The addresses that a client may be given; null: none, since nothing stands at the name, or it is off. */
  served(name: string, client: { readonly country?: string; readonly region?: string } = {}): readonly string[] | null {
    const balancer = [...this.balancers.values()].find((one) => one.name === name);
    if (balancer === undefined || !balancer.enabled) return null;
    const { default_pools, country_pools, region_pools, random_steering, steering_policy } = balancer;
    const geo = steering_policy === "geo" ? (country_pools[client.country ?? ""] ?? region_pools[client.region ?? ""]) : undefined;
    const on = (id: string) =>
      this.pools.get(id)?.enabled === true ? (this.pools.get(id)?.origins ?? []).filter(({ enabled }) => enabled) : [];
    const order = (geo ?? default_pools).filter((id) => on(id).length > 0);
    const weight = (id: string) => random_steering?.pool_weights?.[id] ?? random_steering?.default_weight ?? 1;
    const chosen = steering_policy === "random" ? order.filter((id) => weight(id) > 0) : order.slice(0, 1);
    return (chosen.length > 0 ? chosen : [balancer.fallback_pool]).flatMap((id) => on(id).map(({ address }) => address)).toSorted();
  }

  private account({ parameters }: ApiRequest): string {
    const { account_id: id = "" } = parameters;
    const isKnown = [...this.double.zones.values()].some(({ account }) => account === id);
    return isKnown ? id : refuse(404, 7_003, `Could not route to /client/v4/accounts/${id}, perhaps your object identifier is invalid?`);
  }

  private zone({ parameters }: ApiRequest): Zone {
    const { zone_id: id = "" } = parameters;
    return (
      this.double.zones.get(id) ??
      refuse(404, 7_003, `Could not route to /client/v4/zones/${id}, perhaps your object identifier is invalid?`)
    );
  }

  private pool(request: ApiRequest): Pool {
    const pool = this.pools.get(request.parameters.pool_id ?? "");
    return pool?.account === this.account(request) ? pool : refuse(404, 1_001, "resource not found");
  }

  private balancer(request: ApiRequest): Balancer {
    const balancer = this.balancers.get(request.parameters.load_balancer_id ?? "");
    return balancer?.zone === this.zone(request).id ? balancer : refuse(404, 1_001, "resource not found");
  }

  private deletePool({ id }: Pool): string {
    const uses = ({ default_pools, fallback_pool, region_pools, country_pools, pop_pools, random_steering }: Balancer) =>
      [
        default_pools,
        fallback_pool,
        ...[region_pools, country_pools, pop_pools].map((map) => Object.values(map)),
        Object.keys(random_steering?.pool_weights ?? {}),
      ]
        .flat(2)
        .includes(id);
    if ([...this.balancers.values()].some(uses)) refuse(412, 1_005, "This object is referenced by other objects, delete them first.");
    this.pools.delete(id);
    return id;
  }

  private keepPool(pool: Pool): Pool {
    if (!/^[A-Za-z0-9_-]+$/.test(pool.name)) invalid("name must only contain alphanumeric characters, hyphens, and underscores");
    const others = [...this.pools.values()].filter((one) => one.account === pool.account && one.id !== pool.id);
    if (others.some(({ name }) => name === pool.name)) refuse(400, 1_003, "value not unique");
    const { origins } = pool;
    if (origins.length < 1 || origins.length > this.limits.origins)
      invalid(`the origin list length must be in range [1, ${this.limits.origins}]`);
    for (const values of [origins.map(({ name }) => name), origins.map(({ address }) => address)]) {
      if (values.some((value) => (value ?? "") === "")) invalid("an origin has a name and an address");
      if (new Set(values).size < values.length) invalid("origin names and addresses must be unique");
    }
    for (const origin of origins) this.checkOrigin(pool, origin);
    const kept = { ...pool, origins: origins.map((origin) => stamped({ ...{ enabled: true, weight: 1 }, ...origin })) };
    this.pools.set(pool.id, stamped(kept));
    return kept;
  }

  private checkOrigin({ account }: Pool, { address, header, virtual_network_id }: Origin): void {
    const isAddress = isIPv4(address) || isIPv6(address);
    if (!isAddress && !/^([a-z0-9_]([a-z0-9_-]*[a-z0-9])?\.)+[a-z]{2,63}$/i.test(address))
      invalid(`${address} is no address and no host name`);
    const reason = privateReason(address);
    if (virtual_network_id === undefined && (reason === "private" || reason === "loopback")) invalid(`${address} is a reserved address`);
    const hosts = header?.Host ?? [];
    if (hosts.length > 1) invalid("only one Host header");
    const zones = [...this.double.zones.values()].filter((zone) => zone.account === account);
    const isAllowed = (host: string) => host === address || zones.some(({ name }) => host === name || host.endsWith(`.${name}`));
    for (const host of hosts) if (!isAllowed(host)) invalid(`Host header "${host}" not allowed for origin domain "${address}"`);
  }

  private keepBalancer(balancer: Balancer): Balancer {
    const zone = this.double.zones.get(balancer.zone);
    const { name, default_pools, fallback_pool, region_pools, country_pools, pop_pools, random_steering, proxied, ttl } = balancer;
    if (zone === undefined || (name !== zone.name && !name.endsWith(`.${zone.name}`))) invalid(`${name} is not in the zone`);
    if (this.taken.has(name)) invalid(`${name} is in use`);
    const isTwin = (one: Balancer) => one.id !== balancer.id && one.zone === balancer.zone && one.name === name;
    if ([...this.balancers.values()].some(isTwin)) refuse(400, 1_003, "value not unique");
    if (default_pools.length === 0) invalid("default_pools must not be empty");
    if (Object.keys(region_pools).some((region) => !regions.includes(region))) invalid("region_pools has an unknown region");
    if (Object.keys(country_pools).some((country) => !/^[A-Z]{2}$/.test(country))) invalid("country_pools has no country code");
    if (Object.keys(pop_pools).length > 0) invalid("pop_pools are for Enterprise only");
    const maps = [region_pools, country_pools].flatMap((map) => Object.values(map));
    if (maps.some((ids) => ids.length === 0)) invalid("a place must have a pool");
    const weights = random_steering?.pool_weights ?? {};
    // The bounds are documented of `default_weight` alone.
    if (Object.values(weights).some((weight) => weight < 0 || weight > 1 || Math.abs(weight * 10 - Math.round(weight * 10)) > 1e-9)) {
      invalid("pool_weights must be between 0 and 1, in steps of 0.1");
    }
    for (const id of [...default_pools, fallback_pool, ...maps.flat(), ...Object.keys(weights)]) {
      if (this.pools.get(id)?.account !== zone?.account) invalid(`pool ${id} does not exist`);
    }
    if (!proxied && ttl !== undefined && ttl < this.limits.ttl) invalid(`ttl must be at least ${this.limits.ttl}`);
    this.balancers.set(balancer.id, balancer);
    return balancer;
  }
}

const poolDefaults = { enabled: true, description: "", minimum_origins: 1, check_regions: null, origin_steering: { policy: "random" } };
const balancerDefaults = {
  enabled: true,
  description: "",
  proxied: false,
  region_pools: {},
  country_pools: {},
  pop_pools: {},
  steering_policy: "off",
  session_affinity: "none",
  session_affinity_attributes: {},
  rules: [],
};

/** `disabled_at` stands there while it is off. */
function stamped<T extends { enabled: boolean }>(one: T): T {
  const { disabled_at: _, ...rest } = one as T & { disabled_at?: string };
  return (one.enabled ? rest : { ...rest, disabled_at: made }) as T;
}

const invalid = (what: string): never => refuse(400, 1_002, `${what}: validation failed`);
const notEmpty = (body: unknown): object =>
  typeof body === "object" && body !== null && Object.keys(body).length > 0
    ? body
    : refuse(400, 1_002, "there is nothing to change: validation failed");

const poolJson = ({ account: _, ...pool }: Pool) => ({ ...pool, created_on: made, modified_on: made });
const balancerJson = ({ zone: _, proxied, ttl, ...balancer }: Balancer) => ({
  ...balancer,
  proxied,
  // Of a proxied one there is none.
  ...(proxied ? {} : { ttl: ttl ?? 30 }),
  created_on: made,
  modified_on: made,
});
