/** Plans for tests of `cloudflare_lb`, told in short: pools with the addresses that are in rotation, and those that are not. */
import type { Change } from "../../domain/backend.ts";
import type { Location } from "../../domain/location.ts";
import type { Plan, PlanPool } from "../../domain/plan.ts";

export const gslbId = "11111111-1111-4111-8111-111111111111";
const uuid = (n: number): string => `${String(n).padStart(8, "0")}-0000-4000-8000-000000000000`;

export type Pooled = {
  readonly n: number;
  readonly on?: readonly string[];
  readonly off?: readonly string[];
  /** Left out: it is picked where it has something in rotation. */
  readonly picked?: boolean;
  readonly weight?: number;
  /** By address; 1. */
  readonly weights?: Readonly<Record<string, number>>;
  readonly host?: string;
  readonly locations?: readonly Location[];
  readonly geofence?: boolean;
};

export function planOf(number: number, policy: Plan["policy"], pools: readonly Pooled[], more: Partial<Plan> = {}): Plan {
  const planned = pools.map(planPool);
  const picked = planned.filter((pool) => pool.picked);
  const answers = picked.flatMap((pool) =>
    pool.members.flatMap(({ endpoints }) =>
      endpoints.filter(({ on }) => on).map(({ endpoint }) => ({ ...set, type: typeOf(endpoint), values: [endpoint], pool_id: pool.id })),
    ),
  );
  const withdrawn = answers.length === 0;
  const place = { gslb_id: gslbId, fqdn: "www.example.com.", zone: "example.com.", flavor: "any", epoch: 0, decided_at: 0, ttl: 60 };
  return { ...place, number, policy, pools: planned, answers, withdrawn, ...more };
}

export const publishOf = (plan: Plan): Change & { readonly kind: "publish" } => ({ kind: "publish", plan });

const set = { ttl: 60, weight: null, pool_weight: null, locations: [], geofence: false, region: null };
const typeOf = (endpoint: string): "A" | "AAAA" | "CNAME" => (endpoint.endsWith(".") ? "CNAME" : endpoint.includes(":") ? "AAAA" : "A");

function planPool({ n, on = [], off = [], picked, weight = 1, weights = {}, host, locations = [], geofence = false }: Pooled): PlanPool {
  const members = [...on.map((endpoint) => [endpoint, true] as const), ...off.map((endpoint) => [endpoint, false] as const)];
  return {
    id: uuid(n),
    name: `pool ${n}`,
    picked: picked ?? on.length > 0,
    weight,
    locations: [...locations],
    geofence,
    members: members.toSorted().map(([endpoint, isOn], index) => ({
      id: `00000000-0000-4000-8000-${String(n * 1_000 + index).padStart(12, "0")}`,
      name: `member ${index}`,
      weight: weights[endpoint] ?? 1,
      host_header: host ?? null,
      endpoints: [{ endpoint, on: isOn }],
    })),
  };
}
