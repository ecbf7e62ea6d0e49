/**
 * Whether what a change of configuration leaves can be checked: from some vantage point at all, and without asking too much of a target. What
 * could not be checked before the change is no reason against it, nor is a load that does not grow.
 */
import { privateReason } from "./address.ts";
import type { CheckTarget } from "./check.ts";
import { limits } from "./limits.ts";
import type { MemberWrite } from "./member.ts";
import type { MonitorWrite } from "./monitor.ts";
import type { FieldError, Problem } from "./problem.ts";
import type { Result } from "./result.ts";
import { asking, type Runnable, runnable, type Vantage } from "./runnable.ts";
import { checkTarget } from "./schedule.ts";
import { loadByHost, overloads, shownLoad } from "./target-load.ts";
import type { Capability } from "./vantage-point.ts";

export type CheckedMember = Pick<MemberWrite, "name" | "endpoints" | "host_header" | "monitor_address" | "monitor_port"> & {
  readonly id: string;
};
export type CheckedMonitor = MonitorWrite & { readonly id: string };

/** What a monitor's plugin needs for a target, or why the monitor cannot be read. */
export type Needs = Result<(target: CheckTarget) => readonly Capability[], string>;

/** One endpoint and one monitor. */
export type Check = {
  /** The same before and after a change. */
  readonly key: string;
  /** Where in the request the reason is looked for. */
  readonly pointer: string;
  readonly host: string;
  readonly runnable: Runnable;
  /** From all the regions that run it. */
  readonly perSecond: number;
};

/** `pointerOf`: to the endpoint with that index. */
export function checksOf(
  member: CheckedMember,
  monitor: CheckedMonitor,
  needs: Needs,
  vantage: Vantage,
  pointerOf: (index: number) => string,
): readonly Check[] {
  return member.endpoints.map((endpoint, index) => {
    const target = checkTarget(member, endpoint, monitor);
    const what = `${monitor.type} of ${member.name === endpoint ? endpoint : `${member.name} at ${endpoint}`}`;
    const needed = needs.ok ? needs.value(target) : [];
    const from = needs.ok ? runnable(what, needed, monitor.check_regions, vantage) : unreadable(what, needs.error);
    return {
      key: `${member.id} ${endpoint} ${monitor.id}`,
      pointer: pointerOf(index),
      host: target.host,
      runnable: from,
      perSecond: monitor.admin_state_up ? asking(from) / monitor.delay : 0,
    };
  });
}

const unreadable = (what: string, why: string): Runnable => ({ ok: false, reason: `${what}: ${why}`, regions: [] });

/** Checks that ran before, and run from nowhere after the change. */
export function capabilityProblem(before: readonly Check[], after: readonly Check[]): Problem | null {
  const dark = new Set(before.flatMap((check) => (check.runnable.ok ? [] : [check.key])));
  const errors = after.flatMap((check): FieldError[] =>
    check.runnable.ok || dark.has(check.key) ? [] : [{ pointer: check.pointer, detail: check.runnable.reason ?? "cannot be checked" }],
  );
  return errors.length === 0 ? null : { type: "capability", detail: first(errors), errors: errors.slice(0, limits.problemErrors) };
}

/** The hosts of which a change asks more than before. */
export function burdened(before: readonly Check[], after: readonly Check[]): readonly string[] {
  return overloads(loadByHost(bounded(before)), loadByHost(bounded(after)), 0).map(({ host }) => host);
}

/** What is on the machine that asks is nobody else's, and the only thing that whoever tries Kosmos there has. */
const bounded = (checks: readonly Check[]): readonly Check[] => checks.filter(({ host }) => privateReason(host) !== "loopback");

/** `elsewhere`: what goes on beside what changes. */
export function loadProblem(before: readonly Check[], after: readonly Check[], elsewhere: readonly Check[], bound: number): Problem | null {
  const errors = overloads(loadByHost(bounded([...before, ...elsewhere])), loadByHost(bounded([...after, ...elsewhere])), bound).map(
    (over): FieldError => {
      const numbers = `${shownLoad(over.after)} checks per second (now ${shownLoad(over.before)}), and at most ${bound} are allowed for one target`;
      return {
        pointer: after.find(({ host, perSecond }) => host === over.host && perSecond > 0)?.pointer ?? "",
        detail: `${over.host} would be asked ${numbers}`,
      };
    },
  );
  return errors.length === 0 ? null : { type: "unprocessable", detail: first(errors), errors: errors.slice(0, limits.problemErrors) };
}

const first = (errors: readonly FieldError[]): string =>
  `${errors[0]?.detail}${errors.length > 1 ? ` (and ${errors.length - 1} more)` : ""}`;
