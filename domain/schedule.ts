/**
 * When each endpoint is checked, by which shard, and where exactly. Ticks lie on the wall clock (t mod delay = phase), so that the identity
 * of an observation follows from the configuration alone. It keeps no clock: whoever asks brings the time.
 */
import type { CheckTarget } from "./check.ts";
import { limits } from "./limits.ts";
import type { MemberWrite } from "./member.ts";
import { hash32 } from "./name.ts";
import { assert } from "./result.ts";

export type PhaseOf = {
  readonly member_id: string;
  readonly endpoint: string;
  readonly monitor_id: string;
  readonly delayMs: number;
  readonly region: string;
  /** Every region that runs the monitor, `region` among them, in any order. */
  readonly regions: readonly string[];
};

/**
 * The phase of a check in one region. The part that is the endpoint's own lies on whole seconds, so that the checks of a shard fall together
 * into few checker calls; the region's part spreads the regions' ticks of one endpoint evenly over the delay.
 */
export function phaseMs({ member_id, endpoint, monitor_id, delayMs, region, regions }: PhaseOf): number {
  const sorted = [...new Set(regions)].sort();
  const index = sorted.indexOf(region);
  assert(index >= 0, `region ${region} is one of the monitor's`);
  const seconds = Math.max(1, Math.floor(delayMs / 1000));
  const own = (hash32(`${member_id} ${endpoint} ${monitor_id}`) % seconds) * 1000;
  return (own + Math.floor((index * delayMs) / sorted.length)) % delayMs;
}

export type Periodic = { readonly delayMs: number; readonly phaseMs: number };

/** The newest tick at or before `nowMs`. */
export const newestTick = ({ delayMs, phaseMs }: Periodic, nowMs: number): number =>
  Math.floor((nowMs - phaseMs) / delayMs) * delayMs + phaseMs;

/** The first tick after `afterMs`. */
export const nextTick = (check: Periodic, afterMs: number): number => newestTick(check, afterMs) + check.delayMs;

/**
 * Where a check goes: the monitor's `target`, else the member's own monitoring address, else the endpoint; what is served stays known for the
 * Host header.
 */
export const checkTarget = (
  member: Pick<MemberWrite, "monitor_address" | "monitor_port" | "host_header">,
  endpoint: string,
  monitor: { readonly target?: string | null },
): CheckTarget => ({
  host: monitor.target ?? member.monitor_address ?? endpoint,
  port: member.monitor_port,
  hostHeader: member.host_header,
  endpoint,
});

export type Placeable = { readonly key: string; readonly delayMs: number; readonly timeoutMs: number };

/**
 * Puts each check into a shard. A check stays where it was while it fits there: moving one tells two Probers and may skip or double a tick; the
 * others go to the first shard with room. What alone is more than a shard may carry gets one of its own. The order of `checks` is of no
 * importance.
 */
export function placeShards(previous: ReadonlyMap<string, number>, checks: readonly Placeable[]): Map<string, number> {
  const shards: { load: number; targets: number }[] = [];
  const placed = new Map<string, number>();
  const shardAt = (index: number) => {
    while (shards.length <= index) shards.push({ load: 0, targets: 0 });
    const shard = shards[index];
    assert(shard !== undefined, "the shard was just made");
    return shard;
  };
  const put = (check: Placeable, index: number): boolean => {
    const shard = shardAt(index);
    const load = shard.load + loadOf(check);
    if (shard.targets > 0 && (shard.targets >= limits.shardTargets || load > limits.shardLoad + roundingError)) return false;
    shard.load = load;
    shard.targets += 1;
    placed.set(check.key, index);
    return true;
  };

  const sorted = [...checks].sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0));
  const homeless = sorted.filter((check) => {
    const home = previous.get(check.key);
    return home === undefined || !put(check, home);
  });
  for (const check of homeless) {
    let index = 0;
    while (!put(check, index)) index += 1;
  }
  return placed;
}

/**
 * An agent's checks: one shard, since its program has slots enough. Of more than `limits.agentChecks` those that were there stay, then the
 * first by key; the others are not placed.
 */
export function placeWhole(previous: ReadonlyMap<string, number>, checks: readonly Placeable[]): Map<string, number> {
  const rank = (key: string): string => `${previous.has(key) ? 0 : 1} ${key}`;
  const keys = checks.map(({ key }) => key);
  if (keys.length > limits.agentChecks) keys.sort((left, right) => (rank(left) < rank(right) ? -1 : 1));
  return new Map(keys.slice(0, limits.agentChecks).map((key) => [key, 0]));
}

const loadOf = ({ timeoutMs, delayMs }: Placeable): number => timeoutMs / delayMs;
/** Forty times 0.1 is a little more than 4. */
const roundingError = 1e-9;
