/**
 * Draws a project from a seed: pools with members, endpoints, monitors, and GSLBs with every policy. How many checks it runs is bounded, since
 * they are what a simulated hour costs: big projects get longer delays.
 */
import type { Gslb } from "../../domain/gslb.ts";
import type { Member } from "../../domain/member.ts";
import type { Monitor } from "../../domain/monitor.ts";
import type { Pool } from "../../domain/pool.ts";
import type { SimConductor } from "./conductor.ts";
import { flavorNames } from "./flavors.ts";
import type { Ids, Random } from "./random.ts";

/** Checks in a second that a project may run; with more it gets longer delays, up to two minutes. */
const checksPerSecond = 0.3;

const created = "2026-01-01T00:00:00.000Z";
const base = { project_id: "default", domain_id: "default", version: 1, created_at: created, updated_at: created };
const labels = { description: null, tags: [] };
const fresh = { status: "PENDING", action: "CREATE", revision: 0 } as const;

export class Maker {
  private readonly random: Random;
  private readonly ids: Ids;
  private addresses = 0;
  private names = 0;

  constructor(random: Random, ids: Ids) {
    this.random = random;
    this.ids = ids;
  }

  address(): string {
    this.addresses += 1;
    const n = this.addresses;
    if (this.random.chance(0.15)) return `2001:db8::${n.toString(16)}`;
    return `192.0.${2 + Math.floor(n / 250)}.${1 + (n % 250)}`;
  }

  monitor(over: Partial<Monitor> = {}): Monitor {
    const { random } = this;
    const delay = random.pick([10, 15, 20, 30, 30, 60]);
    const timeout = random.int(1, Math.min(5, delay));
    return {
      ...base,
      ...labels,
      id: this.ids.next(),
      name: "monitor",
      type: "TCP",
      delay,
      timeout,
      max_retries: random.int(1, 4),
      confirm_delay: random.pick([1, 1, 2, 5, delay]),
      rise: random.int(1, 3),
      check_regions: [],
      observe_only: false,
      target: null,
      admin_state_up: true,
      port: 80,
      ...over,
    };
  }

  pool(monitorIds: readonly string[], over: Partial<Pool> = {}): Pool {
    const { random } = this;
    this.names += 1;
    return {
      ...base,
      ...labels,
      ...fresh,
      id: this.ids.next(),
      name: `pool-${this.names}`,
      flavor: null,
      admin_state_up: true,
      min_healthy_percent: random.pick([0, 0, 0, 25, 50, 100]),
      panic_percent: random.pick([0, 0, 0, 30, 50, 100]),
      quorum_percent: random.pick([51, 51, 51, 34, 67, 100]),
      min_regions: random.pick([null, null, null, 1, 2]),
      failback_delay: random.pick([0, 0, 0, 30, 120, 300]),
      max_removal_percent: random.pick([100, 100, 100, 50, 34, 1]),
      monitor_ids: [...monitorIds],
      ...over,
    };
  }

  member(poolId: string, over: Partial<Member> = {}): Member {
    const { random } = this;
    this.names += 1;
    const endpoints = Array.from({ length: random.chance(0.2) ? random.int(2, 3) : 1 }, () => this.address());
    return {
      ...base,
      ...labels,
      ...fresh,
      id: this.ids.next(),
      name: `member-${this.names}`,
      created_at: new Date(Date.parse(created) + this.names).toISOString(),
      pool_id: poolId,
      neutron_id: null,
      parameters: {},
      type: "IP",
      region: null,
      endpoints,
      weight: random.pick([1, 1, 1, 2, 5, 0]),
      admin_state_up: !random.chance(0.05),
      host_header: null,
      monitor_address: null,
      monitor_port: null,
      monitor_ids: [],
      in_rotation: false,
      override: null,
      ...over,
    };
  }

  /** One to three. */
  flavors(): string[] {
    const { random } = this;
    const some = random.some(flavorNames, 0.5);
    return random.chance(0.4) || some.length === 0 ? [random.pick(flavorNames)] : some;
  }

  gslb(poolIds: readonly string[], over: Partial<Gslb> = {}): Gslb {
    const { random } = this;
    this.names += 1;
    const fallback = random.chance(0.25) ? random.pick(poolIds) : null;
    const flavors = over.flavors ?? this.flavors();
    return {
      ...base,
      ...labels,
      ...fresh,
      id: this.ids.next(),
      name: `gslb-${this.names}`,
      fqdn: `www${this.names}.example.com.`,
      domain_name: "example.com.",
      flavor: flavors[0] ?? "edge",
      flavors,
      adopt: false,
      ttl: 30,
      steering_policy: random.pick(["failover", "failover", "round_robin", "weighted"]),
      max_answers: random.chance(0.15) ? random.int(1, 4) : null,
      admin_state_up: true,
      pool_ids: [...poolIds],
      on_all_down: fallback !== null ? "fallback_pool" : random.pick(["serve_all", "last_known", "withdraw"]),
      fallback_pool_id: fallback,
      failback: random.chance(0.25) ? "manual" : "auto",
      pool_weights: Object.fromEntries(random.some(poolIds, 0.4).map((id) => [id, random.int(0, 3)])),
      ...over,
    };
  }
}

/** Fills a Conductor. Returns the regions of the deployment. */
export function draw(random: Random, maker: Maker, conductor: SimConductor): void {
  const monitors = Array.from({ length: random.pick([1, 1, 1, 2]) }, () => maker.monitor());
  const poolCount = random.int(1, 4);
  const memberCount = random.int(2, 12);
  const pools = Array.from({ length: poolCount }, () => maker.pool(random.some(monitors, 0.85).map(({ id }) => id)));
  const members = Array.from({ length: memberCount }, (_, n) => {
    const pool = pools[n % poolCount] as Pool;
    return maker.member(pool.id, random.chance(0.1) ? { monitor_ids: [random.pick(monitors).id] } : {});
  });
  for (const monitor of monitors) conductor.put("monitor", monitor);
  for (const pool of pools) conductor.put("pool", pool);
  for (const member of members) conductor.put("pool_member", member);
  const gslbCount = random.int(1, 3);
  for (let n = 0; n < gslbCount; n += 1) {
    const ids = random.some(pools, 0.7).map(({ id }) => id);
    conductor.put("gslb", maker.gslb(ids.length > 0 ? ids : [(pools[0] as Pool).id]));
  }
}

/** Slows the monitors down until the project runs no more checks than it may. */
export function slowDown(conductor: SimConductor, regions: number): void {
  for (let round = 0; round < 4 && load(conductor, regions) > checksPerSecond; round += 1) {
    for (const monitor of conductor.tables.monitor.values()) {
      const delay = Math.min(120, monitor.delay * 2);
      conductor.update("monitor", monitor.id, { delay, confirm_delay: Math.min(monitor.confirm_delay, delay) });
    }
  }
}

function load({ tables }: SimConductor, regions: number): number {
  let sum = 0;
  for (const member of tables.pool_member.values()) {
    const ids = member.monitor_ids.length > 0 ? member.monitor_ids : (tables.pool.get(member.pool_id)?.monitor_ids ?? []);
    for (const id of ids) {
      const monitor = tables.monitor.get(id);
      if (monitor === undefined) continue;
      sum += (member.endpoints.length * (monitor.check_regions.length || regions)) / monitor.delay;
    }
  }
  return sum;
}
