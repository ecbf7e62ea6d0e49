/**
 * Words and usability (engine.md, rules 5, 11, 12): which members of a pool are enabled, healthy, servable, and whether the pool deserves
 * traffic. Integers only: 0.14 × 50 in floating point is above 7.
 */
import { nextStatus, type Status } from "./status.ts";
import type { Verdict } from "./verdict.ts";

/** A member as the rules see it. */
export type Candidate = {
  readonly id: string;
  readonly status: Status;
  readonly adminStateUp: boolean;
  readonly weight: number;
  /** Whether any of its endpoints was ever judged (a member without a monitor is). */
  readonly judged: boolean;
  /** The endpoints that answer while health counts. */
  readonly up: readonly string[];
  /** All of them: what is served when health is ignored. */
  readonly all: readonly string[];
};

export type PoolHealth = {
  readonly enabled: readonly Candidate[];
  readonly healthy: readonly Candidate[];
  /** What is served when health is ignored: the enabled; those never judged or of weight 0 only when there is nothing else. */
  readonly servable: readonly Candidate[];
  readonly needed: number;
  readonly usable: boolean;
};

export function poolHealth(members: readonly Candidate[], minHealthyPercent: number): PoolHealth {
  const admitted = members.filter((member) => member.adminStateUp);
  const enabled = admitted.filter((member) => member.weight > 0 && member.judged);
  const healthy = enabled.filter((member) => member.up.length > 0 && (member.status === "ACTIVE" || member.status === "DEGRADED"));
  const needed = Math.max(1, Math.ceil((minHealthyPercent * enabled.length) / 100));
  return { enabled, healthy, servable: enabled.length > 0 ? enabled : admitted, needed, usable: healthy.length >= needed };
}

/** What a member's endpoints say of it. A mixture of down and never judged says nothing yet: what was is held. */
export function memberStatus(held: Status, endpoints: readonly Verdict[]): Status {
  const up = endpoints.filter((state) => state === "up").length;
  const down = endpoints.filter((state) => state === "down").length;
  if (up === 0 && down < endpoints.length) return held;
  if (up === 0) return nextStatus(held, "DOWN");
  return nextStatus(held, down > 0 ? "DEGRADED" : "ACTIVE");
}

export function poolStatus(held: Status, health: PoolHealth, members: number): Status {
  if (health.usable) return nextStatus(held, health.enabled.every((member) => member.status === "ACTIVE") ? "ACTIVE" : "DEGRADED");
  const judgedNothing = members === 0 || health.enabled.length === 0;
  return judgedNothing && held === "PENDING" ? "PENDING" : nextStatus(held, "DOWN");
}
