/**
 * How fast a dead endpoint must leave (engine.md, "What must hold"): asked of each that dies while nothing else is wrong, neither now nor lately.
 */
import type { Member } from "../../domain/member.ts";
import type { Monitor } from "../../domain/monitor.ts";
import type { MemberState } from "../../durable-objects/engine/state.ts";
import type { Target } from "./targets.ts";
import type { World } from "./world.ts";

/** From a result at the queue to the row that says so. */
const deliveryMs = 200;
/** So many in a shard are confirmed fast together. */
const together = 5;

/** To be called when the endpoint has just died. `before`: how it was; whoever failed a moment ago was confirmed a moment ago, too. */
export function mustLeaveInTime(world: World, endpoint: string, before: Target): void {
  const { timeline } = world;
  const diedAt = timeline.now;
  const tables = world.known();
  if (tables === null) return;
  for (const member of tables.pool_member.values()) {
    if (!member.endpoints.includes(endpoint) || !isUp(world, member, endpoint)) continue;
    const ids = member.monitor_ids.length > 0 ? member.monitor_ids : (tables.pool.get(member.pool_id)?.monitor_ids ?? []);
    const monitors = ids.flatMap((id) => tables.monitor.get(id) ?? []).filter((monitor) => monitor.admin_state_up);
    if (monitors.length !== ids.length || monitors.length === 0) continue;
    const settledMs = Math.max(...monitors.map(({ delay }) => 4 * delay)) * 1_000 + 60_000;
    if (before.health !== "up" || diedAt - before.since < settledMs) continue;
    if (world.troubles > 0 || diedAt - world.disturbedAt < settledMs) continue;
    const dying = [...world.targets.all.values()].filter(({ health }) => health !== "up").length;
    const boundMs = Math.max(...monitors.map((monitor) => boundOf(monitor, world.regions.length, dying <= together)));
    timeline.at(diedAt + boundMs + deliveryMs, () => {
      const target = world.targets.get(endpoint);
      const disturbed = world.troubles > 0 || world.disturbedAt > diedAt || target.since !== diedAt || world.isBlindOrSick();
      if (disturbed || !isUp(world, member, endpoint)) return;
      world.violated("a dead endpoint leaves in time", `${endpoint} down within ${boundMs} ms`, `up after ${timeline.now - diedAt} ms`);
    });
  }
}

function isUp(world: World, member: Member, endpoint: string): boolean {
  const state = world.watcher.get("member", member.id) as MemberState | undefined;
  const known = state?.endpoints[endpoint];
  return known?.state === "up" && !known.rejudging;
}

function boundOf(monitor: Monitor, deployed: number, fast: boolean): number {
  const { delay, timeout, max_retries, confirm_delay } = monitor;
  const regions = monitor.check_regions.length > 0 ? monitor.check_regions.length : deployed;
  const slow = (max_retries + 1) * delay + timeout + 2;
  const confirmed = delay / regions + (max_retries + 1) * (timeout + confirm_delay) + 2;
  return Math.ceil(1_000 * (fast && confirm_delay < delay ? confirmed : slow));
}
