/** Faults in what people's word does (engine.md, rule 8). */
import type { Mutant } from "../mutant.ts";

export const overrides: readonly Mutant[] = [
  {
    name: "an-override-never-expires",
    rule: "after its expiry the checks decide",
    file: "domain/override.ts",
    find: "return one.expires_at === null || Date.parse(one.expires_at) > now;",
    replace: "return true;",
  },
  {
    name: "the-least-specific-override-wins",
    rule: "the most specific selector wins, of equals the newest",
    file: "domain/override.ts",
    find: "compare(one, best) > 0",
    replace: "compare(one, best) < 0",
  },
  {
    name: "expiry-without-an-alarm",
    rule: "expiry is an alarm",
    file: "durable-objects/engine/overrides.ts",
    find: "times.length === 0 ? null : Math.min(...times)",
    replace: "null",
  },
  {
    name: "override-beats-admin-state",
    rule: "admin_state_up false beats an override",
    file: "domain/pool-health.ts",
    find: "members.filter((member) => member.adminStateUp)",
    replace: `members.filter((member) => member.adminStateUp || member.override === "up")`,
  },
  {
    name: "override-down-is-held-in",
    rule: "what people decided costs no removal budget",
    file: "domain/pool-health.ts",
    find: "member.override === null && !member.released",
    replace: "!member.released",
  },
  {
    name: "override-down-is-servable",
    rule: "no member with override down enters a new plan",
    file: "domain/pool-health.ts",
    find: `member.override !== "down" && member.override !== "drain"`,
    replace: `member.override !== "drain"`,
  },
  {
    name: "override-up-waits",
    rule: "an override is healthy at once, failback delay or not",
    file: "domain/pool-health.ts",
    find: "const isHeldBack = (member: Candidate): boolean => member.override === null && member.heldBack;",
    replace: "const isHeldBack = (member: Candidate): boolean => member.heldBack;",
  },
];
