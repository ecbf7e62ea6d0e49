/** Faults in telling a sick region from sick targets, and in asking again at once (engine.md, rules 3 and 6). */
import type { Mutant } from "../mutant.ts";

const file = "domain/vantage.ts";

export const vantage: readonly Mutant[] = [
  {
    name: "the-sick-keep-their-vote",
    rule: "a sick region has no vote",
    file: "domain/quorum.ts",
    find: "if (sick.has(region))",
    replace: `if (sick.has(""))`,
  },
  {
    name: "sick-by-one-address",
    rule: "sick is who fails at least 3 endpoints with distinct addresses",
    file,
    find: "addresses >= minimumEndpoints && ",
    replace: "",
  },
  {
    name: "sick-by-one-pool",
    rule: "sick is who fails endpoints of at least 2 pools",
    file,
    find: "pools >= minimumPools && ",
    replace: "",
  },
  {
    name: "the-sick-recover-at-once",
    rule: "a sick region votes again after two cycles",
    file,
    find: "if (now - wellSince < recoveryMs)",
    replace: "if (now < wellSince)",
  },
  {
    name: "all-regions-may-be-sick",
    rule: "where more than half of the regions would be sick, none is",
    file,
    find: "sick: tooMany ? new Map() : sick",
    replace: "sick",
  },
  {
    name: "sickness-is-forgotten-by-a-start",
    rule: "an eviction gives no vote back",
    file: "durable-objects/engine/vantage-watch.ts",
    find: "this.remember(this.suspects);",
    replace: "",
  },
  {
    name: "a-dead-anchor-speaks",
    rule: "an anchor counts only while most regions pass it",
    file: "domain/anchors.ts",
    find: "fresh.filter(([, run]) => run.passes > 0).length * 2 > fresh.length",
    replace: "fresh.length > 0",
  },
  {
    name: "adrift-by-one-fail",
    rule: "a region is adrift by two fails in a row",
    file: "domain/anchors.ts",
    find: "const inARow = 2;",
    replace: "const inARow = 1;",
  },
  {
    name: "all-regions-may-be-adrift",
    rule: "where more than half of the regions would be adrift, none is",
    file: "domain/anchors.ts",
    find: "adrift: tooMany ? new Map() : suspects",
    replace: "adrift: suspects",
  },
  {
    name: "the-adrift-keep-their-vote",
    rule: "a region that cannot reach the anchors has no vote",
    file: "durable-objects/engine/vantage-watch.ts",
    find: "this.adrift = regions;",
    replace: "",
  },
  {
    name: "given-away-before-it-is-taken",
    rule: "a check that moves is run at each of its ticks",
    file: "durable-objects/engine/handover.ts",
    find: "return shard === undefined || shard.acknowledged === shard.version;",
    replace: 'return taker !== "";',
  },
  {
    name: "nobody-asks-again",
    rule: "the first fail makes every region look at once",
    file: "domain/confirmation.ts",
    find: "count.fails === 1",
    replace: "count.fails === 0",
  },
];
