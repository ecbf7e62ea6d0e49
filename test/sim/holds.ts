/**
 * How long a member that keeps falling stays out (engine.md, rule 7), by the sequence of its rows alone: the first penalty, its doubling, its
 * halving for each ten minutes up, its end.
 */
import type { MemberState } from "../../durable-objects/engine/state.ts";
import type { Facts } from "./invariants.ts";

const tenMinutesMs = 600_000;
const firstMs = 10_000;
const longestMs = 1_800_000;

export function holdsFollowFromFalls(facts: Facts, id: string, before: MemberState | undefined, after: MemberState): void {
  if (before === undefined) return;
  const { damping: was, status: from } = before;
  const { damping: is, status: to } = after;
  const wasUp = from === "ACTIVE" || from === "DEGRADED";
  const wrong = (expected: string) =>
    facts.violated("holds follow from falls", `${id} ${from} → ${to}: ${expected}`, `${JSON.stringify(is)} after ${JSON.stringify(was)}`);
  if (wasUp && to === "DOWN" && facts.turn.kind === "a report") {
    if (is.fellAt === was.fellAt && was.fellAt !== facts.now) wrong("a fall");
    // It came and went again within one turn, which leaves but one row.
    else if (is.returnedAt === null && is.penaltyMs !== penalty(was, is.fellAt ?? 0)) wrong(`a penalty of ${penalty(was, is.fellAt ?? 0)}`);
  }
  // Nobody but one who falls is given another penalty: a hold ends when it was to end.
  if (is.penaltyMs > was.penaltyMs && to !== "DOWN" && wasUp) wrong("the penalty of before");
  if (from === "DOWN" && to !== "DOWN" && is.fellAt !== null && is.returnedAt === null) wrong("a return");
  if (from === to && is.returnedAt !== was.returnedAt && !(was.returnedAt !== null && was.returnedAt > facts.now)) wrong("no other return");
}

function penalty({ fellAt, returnedAt, penaltyMs }: MemberState["damping"], now: number): number {
  let left = penaltyMs;
  for (let up = now - (returnedAt ?? now); up >= tenMinutesMs && left > 0; up -= tenMinutesMs) left /= 2;
  if (left >= firstMs) return Math.min(longestMs, 2 * left);
  return fellAt !== null && now - fellAt <= tenMinutesMs ? firstMs : 0;
}
