/**
 * The truth about the targets, and what a checker in a region makes of it. Targets die, hang, flap and recover; regions may lie, be slow, or be
 * cut off. Nothing here knows what the Engine believes.
 */
import type { OutcomeKind } from "../../domain/observation.ts";

export type Health = "up" | "dead" | "hang" | "flap";
export type Target = {
  readonly endpoint: string;
  health: Health;
  /** True time of the last change. */
  since: number;
  /** Of `flap`: one period, and how much of it is down. */
  readonly flapMs: number;
  readonly flapDown: number;
  /** Fails for this monitor alone; null: for all. */
  readonly monitorId: string | null;
  latencyMs: number;
};

/** `fail_all` and `pass_all` lie; `fail_some` lies of every second target; `slow` answers too late to count; `error` answers nothing. */
export type Checker = "honest" | "fail_all" | "fail_some" | "pass_all" | "slow" | "error";
export type Region = {
  readonly name: string;
  readonly colo: string;
  checker: Checker;
  /** Nothing that it sends arrives. */
  blind: boolean;
  /** How far its clock is from the true one. */
  offsetMs: number;
};

export type Look = { readonly outcome: OutcomeKind; readonly tookMs: number };

export class Targets {
  readonly all = new Map<string, Target>();

  get(endpoint: string): Target {
    const known = this.all.get(endpoint);
    if (known !== undefined) return known;
    const target: Target = { endpoint, health: "up", since: 0, flapMs: 20_000, flapDown: 0.5, monitorId: null, latencyMs: 20 };
    this.all.set(endpoint, target);
    return target;
  }

  put(target: Target): void {
    this.all.set(target.endpoint, target);
  }

  isUp(endpoint: string, monitorId: string, now: number): boolean {
    const target = this.get(endpoint);
    if (target.monitorId !== null && target.monitorId !== monitorId) return true;
    if (target.health === "up") return true;
    if (target.health !== "flap") return false;
    return (now % target.flapMs) / target.flapMs >= target.flapDown;
  }

  /** What a checker in this region says of it now. */
  look(region: Region, endpoint: string, monitorId: string, timeoutMs: number, now: number): Look {
    const target = this.get(endpoint);
    const up = this.isUp(endpoint, monitorId, now);
    const tookMs = up ? target.latencyMs : target.health === "hang" ? timeoutMs : 5;
    switch (region.checker) {
      case "honest":
        return { outcome: up ? "pass" : "fail", tookMs };
      case "fail_all":
        return { outcome: "fail", tookMs: 5 };
      case "fail_some":
        return endpoint.charCodeAt(endpoint.length - 1) % 2 === 0
          ? { outcome: "fail", tookMs: 5 }
          : { outcome: up ? "pass" : "fail", tookMs };
      case "pass_all":
        return { outcome: "pass", tookMs: 5 };
      case "slow":
        return { outcome: "no_data", tookMs: timeoutMs + 1_500 };
      case "error":
        return { outcome: "no_data", tookMs: 50 };
    }
  }
}
