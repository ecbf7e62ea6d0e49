/** Faults in what a change of configuration, a start without state and the first verdicts may do (engine.md, rules 9 and 10). */
import type { Mutant } from "../mutant.ts";

const judging = "durable-objects/engine/judging.ts";
const steerGslb = "durable-objects/engine/steer-gslb.ts";

export const configuration: readonly Mutant[] = [
  {
    name: "a-change-drops-the-verdicts",
    rule: "a change keeps the verdict until the new series has one",
    file: judging,
    find: `fresh(held?.state ?? "unknown", monitors, now)`,
    replace: `fresh("unknown", monitors, now)`,
  },
  {
    name: "back-to-pending",
    rule: "no member ever goes back to PENDING",
    file: "domain/pool-health.ts",
    find: "if (up === 0 && down < endpoints.length) return held;",
    replace: `if (up === 0 && down < endpoints.length) return "PENDING";`,
  },
  {
    name: "rejudged-by-the-first-to-speak",
    rule: "rejudging waits for every region that is heard",
    file: "domain/quorum.ts",
    find: "return !heard && patienceOver;",
    replace: "return true;",
  },
  {
    name: "rejudging-without-patience",
    rule: "rejudging gives silence its time",
    file: "domain/quorum.ts",
    find: "return !heard && patienceOver;",
    replace: "return !heard;",
  },
  {
    name: "rejudging-is-ignored",
    rule: "what was decided is kept while rejudging",
    file: judging,
    find: "if (heard.length === 0 || !said.every(({ settled }) => settled)) return false;",
    replace: "",
  },
  {
    name: "results-of-another-version-count",
    rule: "an observation of another monitor version is ignored",
    file: judging,
    find: "observation.monitor_version !== monitor.judged_version || ",
    replace: "",
  },
  {
    name: "results-of-before-the-change-count",
    rule: "a change starts the counters anew",
    file: judging,
    find: "if (isOfBefore(observation.tick, monitorState.judgement.startedAt, now)) return nothing;",
    replace: "",
  },
  {
    name: "a-description-starts-anew",
    rule: "name, description and tags reset nothing",
    file: "durable-objects/engine/catalog.ts",
    find: "same ? known.judged_version : monitor.version",
    replace: "monitor.version",
  },
  {
    name: "the-old-address-goes-at-once",
    rule: "a replaced address stays until the new one is judged",
    file: judging,
    find: "until: now + limits.replacedAddressMs",
    replace: "until: now",
  },
  {
    name: "the-gate-opens-at-once",
    rule: "a GSLB first publishes when every member is judged",
    file: steerGslb,
    find: "if (judged.length < members.length && !patienceOver) return;",
    replace: "",
  },
  {
    name: "the-gate-waits-for-ever",
    rule: "a GSLB publishes after its time all the same",
    file: steerGslb,
    find: "if (judged.length < members.length && !patienceOver) return;",
    replace: "if (judged.length < members.length) return;",
  },
  {
    name: "adopted-written-without-a-vote",
    rule: "an Engine without state writes nothing until a quorum has voted",
    file: steerGslb,
    find: "now >= end && !(state.adopted && judged.length === 0)",
    replace: "now >= end",
  },
  {
    name: "adopted-counts-as-judged",
    rule: "an Engine without state writes nothing until a quorum has voted",
    file: steerGslb,
    find: "return !state.adopted || Object.values(known.endpoints).every((endpoint) => !endpoint.rejudging);",
    replace: "return true;",
  },
];
