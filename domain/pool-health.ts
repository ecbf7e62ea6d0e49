/**
 * From members to a pool (engine.md, rules 5, 7, 11 to 14): which members are enabled, healthy, servable; whether the pool deserves traffic;
 * whom panic and the removal budget keep in. Integers only: 0.14 × 50 in floating point is above 7.
 */
import type { OverrideState } from "./override.ts";
import { nextStatus, type Status } from "./status.ts";
import type { Verdict } from "./verdict.ts";

/** A member as the rules see it. */
export type Candidate = {
  readonly id: string;
  readonly status: Status;
  readonly adminStateUp: boolean;
  readonly weight: number;
  /** Where it is, in people's words; left out or null: nobody says. */
  readonly region?: string | null;
  /** Whether any of its endpoints was ever judged (a member without a monitor is). */
  readonly judged: boolean;
  /** The endpoints that answer while health counts. */
  readonly up: readonly string[];
  /** All of them: what is served when health is ignored. */
  readonly all: readonly string[];
  /** What people say of it; null: nothing, the checks decide. */
  readonly override: OverrideState | null;
  /** It passes again and is kept out for a while yet (rule 7). */
  readonly heldBack: boolean;
  /** When it last fell, Unix ms; null: never. */
  readonly fellAt: number | null;
  /** Somebody let its removal go, whatever the budget says. */
  readonly released: boolean;
};

export type PoolRules = {
  readonly minHealthyPercent: number;
  readonly panicPercent: number;
  readonly maxRemovalPercent: number;
};

/** A member with the endpoints that are answered for it. */
export type Serving = { readonly member: Candidate; readonly endpoints: readonly string[] };

export type PoolHealth = {
  readonly enabled: readonly Candidate[];
  readonly healthy: readonly Candidate[];
  /** Who is only held back, and served all the same: the pool would not be usable without them, or the removal budget wants them in. */
  readonly yielded: readonly Candidate[];
  /** Who passes and is held back. */
  readonly waiting: readonly Candidate[];
  /** Left out of the sum by an override. */
  readonly drained: number;
  /** Who may be served at all: admin state up, and neither `down` nor `drain` said of it. */
  readonly eligible: readonly Candidate[];
  /** Who is served when health is ignored: the eligible; those never judged or of weight 0 only when there is nobody else (`lastResort`). */
  readonly servable: readonly Candidate[];
  readonly lastResort: boolean;
  readonly needed: number;
  readonly usable: boolean;
  /** Usable, but so few are healthy that the test is suspected. */
  readonly panic: boolean;
  /** How many members automation may keep out, and whom it would keep out but for that. */
  readonly budget: number;
  readonly held: readonly Candidate[];
  /** What is answered when the pool is picked. */
  readonly serving: readonly Serving[];
};

export function poolHealth(members: readonly Candidate[], rules: PoolRules): PoolHealth {
  const admitted = members.filter((member) => member.adminStateUp);
  const enabled = admitted.filter((member) => member.override !== "drain" && member.weight > 0 && isJudged(member));
  const needed = Math.max(1, Math.ceil((rules.minHealthyPercent * enabled.length) / 100));
  const sound = enabled.filter((member) => isSound(member));
  const steady = sound.filter((member) => !isHeldBack(member));
  // Damping yields: who passes and is only held back counts where the pool would not be usable without it.
  const healthy = steady.length < needed ? sound : steady;
  const usable = healthy.length >= needed;

  const eligible = admitted.filter((member) => member.override !== "down" && member.override !== "drain");
  const regular = eligible.filter((member) => member.weight > 0 && isJudged(member));
  const lastResort = regular.length === 0;
  const servable = lastResort ? eligible : regular;

  const panic = usable && healthy.length * 100 < rules.panicPercent * enabled.length;
  const budget = Math.floor((rules.maxRemovalPercent * admitted.length) / 100);
  const kept = usable && !panic ? keptIn(enabled, healthy, budget) : [];
  const held = kept.filter((member) => !isSound(member));
  const yielded = [...healthy.filter(isHeldBack), ...kept.filter(isSound)];
  return {
    enabled,
    healthy,
    yielded,
    waiting: sound.filter((member) => isHeldBack(member) && !yielded.includes(member)),
    drained: admitted.filter((member) => member.override === "drain").length,
    eligible,
    servable,
    lastResort,
    needed,
    usable,
    panic,
    budget,
    held,
    serving: panic ? servable.map(whole) : served(enabled, healthy, kept),
  };
}

/** What people say of a member stands for a judgement. */
const isJudged = (member: Candidate): boolean => member.judged || member.override !== null;

const isUp = (member: Candidate): boolean => member.up.length > 0 && (member.status === "ACTIVE" || member.status === "DEGRADED");

const isSound = (member: Candidate): boolean => member.override === "up" || (member.override === null && isUp(member));

const isHeldBack = (member: Candidate): boolean => member.override === null && member.heldBack;

/** Health is ignored: all of its endpoints. */
export const whole = (member: Candidate): Serving => ({ member, endpoints: member.all });

const own = (member: Candidate): Serving => ({ member, endpoints: member.up.length > 0 ? member.up : member.all });

/** In the order of the members, so that the answer does not depend on who recovered when. */
function served(enabled: readonly Candidate[], healthy: readonly Candidate[], kept: readonly Candidate[]): Serving[] {
  if (healthy.length === enabled.length) return enabled.map(own);
  const ids = new Set([...healthy, ...kept].map((member) => member.id));
  return enabled.filter((member) => ids.has(member.id)).map(own);
}

/**
 * Whom the removal budget keeps in (rule 14): of those that automation would keep out, who fell first goes first, and whoever passes again
 * comes back before anybody who fails. What people decided, by an override or a release, is theirs and costs no budget.
 */
function keptIn(enabled: readonly Candidate[], healthy: readonly Candidate[], budget: number): Candidate[] {
  if (healthy.length + budget >= enabled.length) return [];
  const ids = new Set(healthy.map((member) => member.id));
  const leaving = enabled.filter((member) => !ids.has(member.id) && member.override === null && !member.released);
  leaving.sort((a, b) => Number(isUp(a)) - Number(isUp(b)) || (a.fellAt ?? 0) - (b.fellAt ?? 0) || (a.id < b.id ? -1 : 1));
  return leaving.slice(budget);
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
  if (health.usable) {
    const whole = !health.panic && health.held.length === 0 && health.enabled.every((member) => member.status === "ACTIVE");
    return nextStatus(held, whole ? "ACTIVE" : "DEGRADED");
  }
  const judgedNothing = members === 0 || health.enabled.length === 0;
  return judgedNothing && held === "PENDING" ? "PENDING" : nextStatus(held, "DOWN");
}
