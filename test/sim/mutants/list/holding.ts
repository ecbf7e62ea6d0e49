/** Faults in how long somebody who came back stays out (engine.md, rule 7). */
import type { Mutant } from "../mutant.ts";

const file = "domain/damping.ts";

export const holding: readonly Mutant[] = [
  {
    name: "failback-delay-ignored",
    rule: "a member that came back stays out for failback_delay",
    file,
    find: "since + failbackDelayMs + state.penaltyMs",
    replace: "since + state.penaltyMs",
  },
  {
    name: "damping-empties-a-pool",
    rule: "damping yields where the pool would not be usable without",
    file: "domain/pool-health.ts",
    find: "steady.length < needed ? sound : steady",
    replace: "steady",
  },
  {
    name: "penalty-never-decays",
    rule: "the penalty halves for each ten minutes up",
    file,
    find: "state.penaltyMs / 2 ** Math.min(halvings, 60)",
    replace: "state.penaltyMs",
  },
  {
    name: "penalty-without-end",
    rule: "the penalty is at most 30 minutes",
    file,
    find: "Math.min(2 * left, limits.penaltyMaxMs)",
    replace: "2 * left",
  },
  {
    name: "no-penalty",
    rule: "the second fall within ten minutes costs 10 s",
    file,
    find: "recent ? limits.penaltyBaseMs : 0",
    replace: "0",
  },
  {
    name: "what-people-do-is-a-flap",
    rule: "a change of configuration costs no penalty",
    file: "durable-objects/engine/holding.ts",
    find: `if (wasUp && project.cause === "automatic")`,
    replace: "if (wasUp)",
  },
  {
    name: "a-clock-set-back-holds-on",
    rule: "clocks that jump hold nobody longer than the hold is",
    file,
    find: "Math.min(state.returnedAt, now)",
    replace: "state.returnedAt",
  },
  {
    name: "a-pool-comes-back-at-once",
    rule: "a pool is preferred again only after failback_delay",
    file: "domain/steering.ts",
    find: "(pool.heldBack ? 1 : 0)",
    replace: "0",
  },
  {
    name: "holds-are-forgotten-by-a-start",
    rule: "who is held back comes back also when the Engine was away",
    file: "durable-objects/engine/holding.ts",
    find: "if (damping.returnedAt !== null || replaced !== null) project",
    replace: "if (id === '') project",
  },
];
