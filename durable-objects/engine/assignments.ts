/**
 * Which Prober checks what: each region's checks, placed in shards that stay where they are. A shard whose checks changed gets a higher
 * version and is told until it has confirmed it.
 */
import type { Anchor } from "../../domain/anchors.ts";
import { limits } from "../../domain/limits.ts";
import { checkTarget, phaseMs, placeShards, placeWhole } from "../../domain/schedule.ts";
import { kindOf, ownRegion } from "../../domain/vantage-point.ts";
import { specOf } from "../../plugins/index.ts";
import type { AssignedCheck, AssignedMonitor, Assignment } from "../rpc.ts";
import type { Catalog, CatalogMonitor } from "./catalog.ts";

export type Shard = {
  readonly region: string;
  readonly shard: number;
  readonly version: number;
  /** The version that the Prober has confirmed. */
  readonly acknowledged: number;
  readonly checks: readonly AssignedCheck[];
  /** The monitors of its checks, by id and version: the rest is in the catalogue. Anchors are among them, of version 1. */
  readonly monitors: readonly (readonly [id: string, version: number])[];
};

export const shardKey = (shard: { readonly region: string; readonly shard: number }): string => `${shard.region}:${shard.shard}`;

export const checkKey = (check: Pick<AssignedCheck, "member_id" | "monitor_id" | "endpoint">): string =>
  `${check.member_id} ${check.monitor_id} ${check.endpoint}`;

/**
 * The shards as they shall be; those that changed have a higher version, and one that lost its last check stays, empty, so that its versions go
 * on if it is used again. Each region that checks anything checks the anchors as well, in its first shard.
 */
export function assignShards(catalog: Catalog, current: ReadonlyMap<string, Shard>, anchors: readonly Anchor[] = []): Map<string, Shard> {
  const wanted = wantedChecks(catalog);
  const shards = new Map<string, Shard>();
  for (const region of new Set([...wanted.keys(), ...[...current.values()].map((shard) => shard.region)])) {
    const checks = wanted.get(region) ?? [];
    const here = [...current.values()].filter((shard) => shard.region === region);
    const previous = new Map(here.flatMap((shard) => shard.checks.map((check) => [checkKey(check), shard.shard] as const)));
    const place = kindOf(region) === "agent" ? placeWhole : placeShards;
    const placed = place(
      previous,
      checks.map(({ check, monitor }) => ({ key: checkKey(check), delayMs: monitor.delay * 1_000, timeoutMs: monitor.timeout * 1_000 })),
    );
    const contents = new Map<number, { checks: AssignedCheck[]; monitors: Map<string, number> }>(
      here.map((shard) => [shard.shard, { checks: [], monitors: new Map<string, number>() }]),
    );
    for (const { check, monitor } of checks) {
      const number = placed.get(checkKey(check));
      if (number === undefined) continue;
      const content = contents.get(number) ?? { checks: [], monitors: new Map<string, number>() };
      content.checks.push(check);
      content.monitors.set(monitor.id, monitor.judged_version);
      contents.set(number, content);
    }
    const first = Math.min(...[...contents].filter(([, { checks: own }]) => own.length > 0).map(([number]) => number));
    for (const { id } of anchors) contents.get(first)?.monitors.set(id, 1);
    for (const [number, content] of contents) {
      const next = { checks: content.checks, monitors: [...content.monitors].sort() };
      const before = current.get(shardKey({ region, shard: number }));
      const same =
        before !== undefined && JSON.stringify([before.checks, before.monitors]) === JSON.stringify([next.checks, next.monitors]);
      const shard = same
        ? before
        : { region, shard: number, version: (before?.version ?? 0) + 1, acknowledged: before?.acknowledged ?? 0, ...next };
      shards.set(shardKey(shard), shard);
    }
  }
  return shards;
}

/** How many checks each agent was to run that it does not, being more than it may (`limits.agentChecks`). */
export function leftOut(catalog: Catalog, shards: ReadonlyMap<string, Shard>): Map<string, number> {
  const full = [...shards.values()].filter(({ region, checks }) => kindOf(region) === "agent" && checks.length >= limits.agentChecks);
  if (full.length === 0) return new Map();
  const wanted = wantedChecks(catalog);
  const missing = full.map(({ region, checks }) => [region, (wanted.get(region)?.length ?? 0) - checks.length] as const);
  return new Map(missing.filter(([, count]) => count > 0));
}

export function assignmentOf(
  project: string,
  generation: number,
  shard: Shard,
  catalog: Catalog,
  anchors: readonly Anchor[] = [],
): Assignment {
  const own = anchors.filter((anchor) => shard.monitors.some(([id]) => id === anchor.id));
  const monitors = shard.monitors.flatMap(([id]): AssignedMonitor[] => {
    const known = catalog.monitors.get(id);
    if (known === undefined) return [];
    const { judged_version, ...monitor } = known;
    return [
      {
        id,
        version: judged_version,
        type: monitor.type,
        delay_ms: monitor.delay * 1_000,
        timeout_ms: monitor.timeout * 1_000,
        spec: specOf(monitor),
        // Equal to `delay` there is nothing to gain.
        ...(monitor.confirm_delay < monitor.delay
          ? { confirm: { delayMs: monitor.confirm_delay * 1_000, fails: monitor.max_retries, passes: monitor.rise } }
          : {}),
      },
    ];
  });
  return {
    project_id: project,
    region: shard.region,
    shard: shard.shard,
    generation,
    version: shard.version,
    monitors: [...monitors, ...own.map(anchorMonitor)],
    checks: own.length === 0 ? shard.checks : [...shard.checks, ...own.map((anchor) => anchorCheck(anchor, shard.region, catalog))],
  };
}

const anchorMonitor = ({ id, type, spec }: Anchor): AssignedMonitor => ({
  id,
  version: 1,
  type,
  delay_ms: limits.anchorDelayMs,
  timeout_ms: limits.anchorTimeoutMs,
  spec,
});

function anchorCheck({ id, target }: Anchor, region: string, catalog: Catalog): AssignedCheck {
  const identity = { member_id: id, endpoint: target.endpoint, monitor_id: id };
  const regions = [...new Set([...catalog.regions, region])];
  return { ...identity, target, phase_ms: phaseMs({ ...identity, delayMs: limits.anchorDelayMs, region, regions }) };
}

function wantedChecks(catalog: Catalog): Map<string, { check: AssignedCheck; monitor: CatalogMonitor }[]> {
  const wanted = new Map<string, { check: AssignedCheck; monitor: CatalogMonitor }[]>();
  for (const member of catalog.members.values()) {
    const roster = catalog.rosterOf(member);
    for (const monitor of roster.monitors) {
      if (!monitor.admin_state_up) continue;
      for (const endpoint of member.endpoints) {
        const regions = roster.regionsFor(monitor, endpoint);
        if (regions[0] === ownRegion) continue;
        const target = checkTarget(member, endpoint, monitor);
        const identity = { member_id: member.id, endpoint, monitor_id: monitor.id };
        for (const region of regions) {
          // Nobody is sent there: Kosmos itself judges.
          if (kindOf(region) === "kosmos") continue;
          const phase = phaseMs({ ...identity, delayMs: monitor.delay * 1_000, region, regions });
          const list = wanted.get(region) ?? [];
          list.push({ check: { ...identity, target, phase_ms: phase }, monitor });
          wanted.set(region, list);
        }
      }
    }
  }
  return wanted;
}
