/**
 * The Engine's copy of a project's configuration, with the ways through it: whose members, whose monitors, from which regions, in which
 * version. It takes changes in and says which members they may touch; it judges nothing.
 */
import type { Gslb } from "../../domain/gslb.ts";
import { isNeutron, type Member } from "../../domain/member.ts";
import { judgesAlike, type Monitor, referencesOf } from "../../domain/monitor.ts";
import type { Override } from "../../domain/override.ts";
import type { Pool } from "../../domain/pool.ts";
import { readSpec } from "../../plugins/index.ts";
import type { Configuration, Kind } from "../rpc.ts";
import { octaviaMonitor } from "./octavia-monitor.ts";
import { isCalculated } from "./pace.ts";
import { Places } from "./places.ts";
import { Roster } from "./roster.ts";

/** A monitor, and the version at which it last changed what it asks: that of its observations. */
export type CatalogMonitor = Monitor & { readonly judged_version: number };

export type Taken = {
  /** Members whose judging may have changed, and those that are new. */
  readonly members: Set<string>;
  readonly pools: Set<string>;
  readonly gslbs: Set<string>;
  /** Those that are new or changed, and those that are gone. */
  readonly overrides: readonly Override[];
  readonly goneOverrides: readonly Override[];
  readonly goneMembers: readonly Member[];
  readonly gonePools: readonly string[];
  readonly goneGslbs: readonly Gslb[];
};

export class Catalog {
  readonly gslbs = new Map<string, Gslb>();
  readonly pools = new Map<string, Pool>();
  readonly members = new Map<string, Member>();
  readonly monitors = new Map<string, CatalogMonitor>();
  readonly overrides = new Map<string, Override>();
  /** By the member, else by the pool, that they name. */
  private readonly overridesByTarget = new Map<string, Map<string, Override>>();
  private readonly membersByPool = new Map<string, Map<string, Member>>();
  /** The members of a pool in their order, made when they are asked for. */
  private readonly ordered = new Map<string, readonly Member[]>();
  private readonly gslbsByPool = new Map<string, Set<string>>();
  private places: Places;
  /** Of OpenStack's members, why nobody knows where they answer. */
  readonly unresolved = new Map<string, string>();
  private readonly rosters = new Map<string, Roster>();

  /** The deployment's own regions, and its `KOSMOS_ALLOW_PRIVATE`. */
  constructor(regions: readonly string[], allowPrivate?: string) {
    this.places = new Places(regions, allowPrivate);
  }

  setRegions(regions: readonly string[], allowPrivate: string | undefined): void {
    this.places = new Places(regions, allowPrivate);
    this.rosters.clear();
  }

  membersOf(poolId: string): readonly Member[] {
    const known = this.ordered.get(poolId);
    if (known !== undefined) return known;
    const members = [...(this.membersByPool.get(poolId)?.values() ?? [])];
    members.sort((a, b) => (a.created_at < b.created_at ? -1 : a.created_at > b.created_at ? 1 : a.id < b.id ? -1 : 1));
    this.ordered.set(poolId, members);
    return members;
  }

  /** Those that name the member or its pool; whether they mean it now is for the caller to ask. */
  overridesOf(member: Member): readonly Override[] {
    if (this.overrides.size === 0) return [];
    const own = this.overridesByTarget.get(member.id);
    const pools = this.overridesByTarget.get(member.pool_id);
    return [...(own?.values() ?? []), ...(pools?.values() ?? [])];
  }

  gslbsOf(poolId: string): readonly string[] {
    return [...(this.gslbsByPool.get(poolId) ?? [])];
  }

  /** Those that are attached: a member's own monitors replace its pool's. */
  monitorsOf(member: Member): readonly CatalogMonitor[] {
    // Octavia knows how its load balancer is; what somebody attached to the member itself is asked beside it, what its pool has is not.
    if (member.type === "neutron_lbaas_v2") return [octaviaMonitor, ...member.monitor_ids.flatMap((id) => this.monitors.get(id) ?? [])];
    const ids = member.monitor_ids.length > 0 ? member.monitor_ids : (this.pools.get(member.pool_id)?.monitor_ids ?? []);
    return ids.flatMap((id) => this.monitors.get(id) ?? []);
  }

  /** Who judges a member, and from where. */
  rosterOf(member: Member): Roster {
    const known = this.rosters.get(member.id);
    if (known?.member === member) return known;
    const attached = this.monitorsOf(member);
    const roster = new Roster(member, attached, this.withNamed(attached), this.places);
    this.rosters.set(member.id, roster);
    return roster;
  }

  /** The attached, and those that a calculated one of them asks for. */
  private withNamed(attached: readonly CatalogMonitor[]): readonly CatalogMonitor[] {
    if (!attached.some(isCalculated)) return attached;
    const others = [...new Set(attached.flatMap(referencesOf))].filter((id) => !attached.some((monitor) => monitor.id === id));
    return [...attached, ...others.flatMap((id) => this.monitors.get(id) ?? [])];
  }

  /** The deployment's own regions. */
  get regions(): readonly string[] {
    return this.places.regions;
  }

  /** The regions that a monitor names, or the deployment's own, whatever they can do. */
  regionsOf(monitor: Monitor): readonly string[] {
    return this.places.named(monitor);
  }

  /** Why no region can run a monitor for an endpoint; null: one can. */
  unable(member: Member, endpoint: string, monitor: Monitor): string | null {
    return this.places.unable(member, endpoint, monitor);
  }

  /** Everything that an observation of the member is judged by. When it changes, the counters start anew (rule 10). */
  fingerprintOf(member: Member): string {
    const pool = this.pools.get(member.pool_id);
    const roster = this.rosterOf(member);
    const monitors = roster.monitors.map((monitor) => {
      const regions = member.endpoints.map((endpoint) => roster.regionsFor(monitor, endpoint));
      const [first] = regions;
      return [monitor.id, monitor.judged_version, regions.every((list) => list.join() === first?.join()) ? first : regions];
    });
    if (monitors.length === 0) return "unmonitored";
    return JSON.stringify([
      monitors,
      pool?.quorum_percent,
      pool?.min_regions,
      member.monitor_address,
      member.monitor_port,
      member.host_header,
      ...(isNeutron(member) ? [identityOf(member)] : []),
    ]);
  }

  /** Puts back what the Engine's own storage has. */
  restore(kept: {
    gslbs: readonly Gslb[];
    pools: readonly Pool[];
    members: readonly Member[];
    monitors: readonly CatalogMonitor[];
    overrides: readonly Override[];
  }): void {
    for (const override of kept.overrides) this.putOverride(override.id, override);
    for (const monitor of kept.monitors) this.monitors.set(monitor.id, monitor);
    for (const pool of kept.pools) this.pools.set(pool.id, pool);
    for (const member of kept.members) this.putMember(member.id, member);
    for (const gslb of kept.gslbs) this.putGslb(gslb.id, gslb);
  }

  /** Takes changes in, or the whole when `full`. */
  take(configuration: Configuration): Taken {
    const gone = configuration.full ? this.missingFrom(configuration) : configuration.deleted;
    const goneMembers: Member[] = [];
    const gonePools: string[] = [];
    const goneGslbs: Gslb[] = [];
    const goneOverrides: Override[] = [];
    const members = new Set<string>();
    const pools = new Set<string>();
    const gslbs = new Set<string>();

    for (const { kind, id } of gone) {
      if (kind === "gslb") {
        const gslb = this.gslbs.get(id);
        if (gslb !== undefined) goneGslbs.push(gslb);
        for (const pool of gslb === undefined ? [] : poolsOf(gslb)) pools.add(pool);
        this.putGslb(id, null);
      } else if (kind === "pool") {
        if (this.pools.delete(id)) gonePools.push(id);
        for (const gslb of this.gslbsOf(id)) gslbs.add(gslb);
      } else if (kind === "pool_member") {
        const member = this.members.get(id);
        if (member === undefined) continue;
        goneMembers.push(member);
        pools.add(member.pool_id);
        this.putMember(id, null);
      } else if (kind === "override") {
        const override = this.overrides.get(id);
        if (override !== undefined) goneOverrides.push(override);
        this.putOverride(id, null);
      } else {
        this.monitors.delete(id);
        this.places.forget(id);
      }
    }

    // Others may be attached now, or the same ask something else.
    if (configuration.full || gone.length + configuration.pools.length + configuration.monitors.length > 0) this.rosters.clear();
    const monitors = new Set<string>();
    for (const monitor of configuration.monitors) {
      const known = this.monitors.get(monitor.id);
      const same = known !== undefined && judgesAlike(whole(bare(known)), whole(monitor));
      this.monitors.set(monitor.id, { ...monitor, judged_version: same ? known.judged_version : monitor.version });
      monitors.add(monitor.id);
    }
    for (const pool of configuration.pools) {
      this.pools.set(pool.id, pool);
      pools.add(pool.id);
    }
    for (const member of configuration.members) {
      this.putMember(member.id, this.withFound(member));
      members.add(member.id);
      pools.add(member.pool_id);
    }
    for (const override of configuration.overrides) this.putOverride(override.id, override);
    for (const gslb of configuration.gslbs) {
      const known = this.gslbs.get(gslb.id);
      for (const pool of known === undefined ? [] : poolsOf(known)) if (!poolsOf(gslb).includes(pool)) pools.add(pool);
      this.putGslb(gslb.id, gslb);
      gslbs.add(gslb.id);
    }
    if (configuration.full) for (const id of this.members.keys()) members.add(id);
    for (const pool of pools) {
      for (const member of this.membersByPool.get(pool)?.keys() ?? []) members.add(member);
      for (const gslb of this.gslbsOf(pool)) gslbs.add(gslb);
    }
    if (monitors.size > 0) {
      for (const member of this.members.values()) {
        if (this.rosterOf(member).monitors.some((monitor) => monitors.has(monitor.id))) members.add(member.id);
      }
    }
    return { members, pools, gslbs, overrides: configuration.overrides, goneOverrides, goneMembers, gonePools, goneGslbs };
  }

  private missingFrom(configuration: Configuration): { kind: Kind | "override"; id: string }[] {
    const missing = (kind: Kind | "override", known: Iterable<string>, there: readonly { readonly id: string }[]) => {
      const ids = new Set(there.map((item) => item.id));
      return [...known].filter((id) => !ids.has(id)).map((id) => ({ kind, id }));
    };
    return [
      ...missing("gslb", this.gslbs.keys(), configuration.gslbs),
      ...missing("pool_member", this.members.keys(), configuration.members),
      ...missing("pool", this.pools.keys(), configuration.pools),
      ...missing("override", this.overrides.keys(), configuration.overrides),
      ...missing("monitor", this.monitors.keys(), configuration.monitors),
    ];
  }

  /** The GSLBs that are published to any of these flavors. */
  usersOf(flavors: readonly string[]): readonly string[] {
    return [...this.gslbs.values()].filter((gslb) => gslb.flavors.some((name) => flavors.includes(name))).map(({ id }) => id);
  }

  /** It answers there, as OpenStack says. */
  setEndpoints(id: string, endpoints: readonly string[]): void {
    const member = this.members.get(id);
    if (member !== undefined) this.putMember(id, { ...member, endpoints: [...endpoints] });
  }

  /** What was found stands, whatever was given at first, while it is the same load balancer or port. */
  private withFound(member: Member): Member {
    const known = this.members.get(member.id);
    const isSame = isNeutron(member) && known !== undefined && identityOf(known) === identityOf(member) && known.endpoints.length > 0;
    if (!isSame) this.unresolved.delete(member.id);
    return isSame ? { ...member, endpoints: known.endpoints } : member;
  }

  private putMember(id: string, member: Member | null): void {
    const known = this.members.get(id);
    if (known !== undefined) {
      this.membersByPool.get(known.pool_id)?.delete(id);
      this.ordered.delete(known.pool_id);
    }
    if (member === null) {
      this.members.delete(id);
      this.unresolved.delete(id);
      this.rosters.delete(id);
      return;
    }
    this.members.set(id, member);
    const siblings = this.membersByPool.get(member.pool_id) ?? new Map<string, Member>();
    siblings.set(id, member);
    this.ordered.delete(member.pool_id);
    this.membersByPool.set(member.pool_id, siblings);
  }

  forgetOverride(id: string): void {
    this.putOverride(id, null);
  }

  private putOverride(id: string, override: Override | null): void {
    const known = this.overrides.get(id);
    if (known !== undefined) this.overridesByTarget.get(targetOf(known))?.delete(id);
    if (override === null) {
      this.overrides.delete(id);
      return;
    }
    this.overrides.set(id, override);
    const others = this.overridesByTarget.get(targetOf(override)) ?? new Map<string, Override>();
    this.overridesByTarget.set(targetOf(override), others.set(id, override));
  }

  private putGslb(id: string, gslb: Gslb | null): void {
    const known = this.gslbs.get(id);
    for (const pool of known === undefined ? [] : poolsOf(known)) this.gslbsByPool.get(pool)?.delete(id);
    if (gslb === null) {
      this.gslbs.delete(id);
      return;
    }
    this.gslbs.set(id, placed(gslb));
    for (const pool of poolsOf(gslb)) {
      const users = this.gslbsByPool.get(pool) ?? new Set<string>();
      users.add(id);
      this.gslbsByPool.set(pool, users);
    }
  }
}

const identityOf = ({ neutron_id, region, parameters }: Member): string => [parameters.cloud, region, neutron_id].join(" ");

const targetOf = ({ selector: { member_id, pool_id } }: Override): string => member_id ?? pool_id ?? "";

/** The pools that a GSLB may serve, the fallback pool among them. */
const poolsOf = ({ pool_ids, fallback_pool_id }: Gslb): readonly string[] =>
  fallback_pool_id === null || pool_ids.includes(fallback_pool_id) ? pool_ids : [...pool_ids, fallback_pool_id];

/** What was stored, or sent, before a GSLB could have several flavors names one. */
const placed = (gslb: Omit<Gslb, "flavors"> & Partial<Pick<Gslb, "flavors">>): Gslb => ({
  ...gslb,
  flavors: gslb.flavors ?? [gslb.flavor],
});

/** A monitor without what only the catalogue knows, to be compared with one from the Conductor. */
function bare({ judged_version: _, ...monitor }: CatalogMonitor): Monitor {
  return monitor as Monitor;
}

/** With the fields that are younger than what is stored of it, as they are by default: an upgrade changes nothing of what it asks. */
function whole(monitor: Monitor): Monitor {
  const read = readSpec(monitor);
  return { ...monitor, observe_only: monitor.observe_only ?? false, target: monitor.target ?? null, ...(read.ok ? read.value.spec : {}) };
}
