/** Faults in who may vote, in what is only a warning, and in what Kosmos finds itself (engine.md, rules 2, 4 and 5). */
import type { Mutant } from "../mutant.ts";

const passive = "durable-objects/engine/passive.ts";

export const ownFindings: readonly Mutant[] = [
  {
    name: "whoever-cannot-look-is-waited-for",
    rule: "a region that cannot run a check is none of its voters",
    file: "durable-objects/engine/places.ts",
    find: "missing(needed, capabilitiesOf(region, this.allowPrivate)).length === 0",
    replace: "region.length > 0",
  },
  {
    name: "observers-vote",
    rule: "a monitor that only observes never votes",
    file: "durable-objects/engine/roster.ts",
    find: "attached.filter((monitor) => !monitor.observe_only)",
    replace: "attached",
  },
  {
    name: "unchecked-is-unhealthy",
    rule: "whom nobody can check stands by what was decided",
    file: "durable-objects/engine/pools.ts",
    find: `return health === "ACTIVE" && state.status !== "ACTIVE" ? "DEGRADED" : health;`,
    replace: "return state.status;",
  },
  {
    name: "a-warning-goes-by-silence",
    rule: "what was known stands while nobody is heard",
    file: "durable-objects/engine/warnings.ts",
    find: "return isHeard || found.length > 0 ? found : null;",
    replace: "return found;",
  },
  {
    name: "absence-is-evidence",
    rule: "a time in which no heartbeat could be heard is no evidence",
    file: passive,
    find: "Math.max(this.listeningSince, judgement.startedAt)",
    replace: "judgement.startedAt",
  },
  {
    name: "no-grace",
    rule: "a heartbeat is late after period and grace",
    file: passive,
    find: "return now < dueAt ? wholeSecond(dueAt) : dueAt + graceMs;",
    replace: "return wholeSecond(dueAt);",
  },
  {
    name: "a-heartbeat-is-only-remembered",
    rule: "a heartbeat is stored before it is acknowledged",
    file: passive,
    find: `{ outcome: "pass", detail: "heartbeat received" }, now);
        this.project.touched.members.add(id);`,
    replace: `{ outcome: "pass", detail: "heartbeat received" }, now);`,
  },
  {
    name: "the-held-are-counted",
    rule: "a monitor that is held for want of votes abstains",
    file: "durable-objects/engine/calculated.ts",
    find: `if (cast < votesNeeded(votes.length, judged.quorum.minRegions)) return "unknown";`,
    replace: "",
  },
];
