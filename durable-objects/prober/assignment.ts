/** A Prober's copy of its assignment: rows that outlive it, and the checks in the form that its timetable and the checker want. */
import { limits } from "../../domain/limits.ts";
import { hash32 } from "../../domain/name.ts";
import type { Observation } from "../../domain/observation.ts";
import { nextTick, type Periodic } from "../../domain/schedule.ts";
import type { AssignedCheck, AssignedMonitor, Assignment, CheckBatch } from "../rpc.ts";
import type { Run, ScheduledCheck } from "./slots.ts";

/** Whom the Prober checks for; a part of every report. */
export type Place = Pick<Assignment, "project_id" | "region" | "shard" | "generation">;

export type HeldCheck = {
  readonly monitor: AssignedMonitor;
  readonly check: AssignedCheck;
  readonly scheduled: ScheduledCheck;
};

export const keyOf = (memberId: string, endpoint: string, monitorId: string, monitorVersion: number): string =>
  [memberId, endpoint, monitorId, monitorVersion].join(" ");

export const checkKey = (check: AssignedCheck, monitor: AssignedMonitor): string =>
  keyOf(check.member_id, check.endpoint, monitor.id, monitor.version);

export const keyOfObservation = (seen: Observation): string => keyOf(seen.member_id, seen.endpoint, seen.monitor_id, seen.monitor_version);

/** The checks by their key. `firstAt` says for each key when it is run out of its stagger, or null. */
export function heldChecks(
  monitors: readonly AssignedMonitor[],
  checks: readonly AssignedCheck[],
  firstAt: (key: string, periodic: Periodic) => number | null,
): Map<string, HeldCheck> {
  const byId = new Map(monitors.map((monitor) => [monitor.id, monitor]));
  const held = new Map<string, HeldCheck>();
  for (const check of checks) {
    const monitor = byId.get(check.monitor_id);
    if (monitor === undefined) continue;
    const key = checkKey(check, monitor);
    const periodic = { delayMs: monitor.delay_ms, phaseMs: check.phase_ms };
    held.set(key, {
      monitor,
      check,
      scheduled: { key, ...periodic, timeoutMs: monitor.timeout_ms, firstAt: firstAt(key, periodic), confirm: monitor.confirm ?? null },
    });
  }
  return held;
}

/**
 * When a check that is new at `now` is run out of its stagger: spread by its name over a grid, so that new ones share calls. Null where its
 * stagger comes first.
 */
export function firstRunAt(key: string, periodic: Periodic, now: number): number | null {
  const at = now + (1 + (hash32(key) % firstRunSteps)) * firstRunStepMs;
  return nextTick(periodic, now) <= at ? null : at;
}
const firstRunStepMs = 200;
/** The last step leaves some time to start it. */
const firstRunSteps = Math.floor((limits.firstCheckMs * 0.8) / firstRunStepMs);

export const orderOf = ({ monitor, check }: HeldCheck, { tick }: Run): CheckBatch["checks"][number] => ({
  member_id: check.member_id,
  endpoint: check.endpoint,
  monitor_id: monitor.id,
  monitor_version: monitor.version,
  tick,
  type: monitor.type,
  timeout_ms: monitor.timeout_ms,
  spec: monitor.spec,
  target: check.target,
});
