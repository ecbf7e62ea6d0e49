/** What the history says of agents that have more to check than they may: once, and again when it is another number. */
import { limits } from "../../domain/limits.ts";
import type { EventDraft } from "./evidence.ts";

export type LeftOut = Readonly<Record<string, number>>;

export function sayLeftOut(leftOut: LeftOut, before: LeftOut): readonly EventDraft[] {
  return Object.entries(leftOut).flatMap(([region, missing]): EventDraft[] => {
    if (before[region] === missing) return [];
    const reason = `the agent ${region} runs ${limits.agentChecks} checks, which is the most: ${missing} more are not run from there`;
    return [{ kind: "warning", severity: "warning", rule: "agent", reason, evidence: { region, missing } }];
  });
}
