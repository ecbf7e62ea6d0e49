/** Faults in whether a pool deserves traffic and whom it serves (engine.md, rules 11 to 14). */
import type { Mutant } from "../mutant.ts";

const file = "domain/pool-health.ts";

export const pools: readonly Mutant[] = [
  {
    name: "needed-in-floating-point",
    rule: "ceil(min_healthy_percent × |E| ÷ 100) in integers",
    file,
    find: "Math.ceil((rules.minHealthyPercent * enabled.length) / 100)",
    replace: "Math.ceil((rules.minHealthyPercent / 100) * enabled.length)",
  },
  {
    name: "needed-rounded-down",
    rule: "ceil(min_healthy_percent × |E| ÷ 100) in integers",
    file,
    find: "Math.ceil((rules.minHealthyPercent * enabled.length) / 100)",
    replace: "Math.floor((rules.minHealthyPercent * enabled.length) / 100)",
  },
  {
    name: "usable-with-nobody",
    rule: "at least one healthy member makes a pool usable",
    file,
    find: "Math.max(1, Math.ceil(",
    replace: "Math.max(0, Math.ceil(",
  },
  {
    name: "weight-0-is-served",
    rule: "enabled has a weight above 0",
    file,
    find: `member.override !== "drain" && member.weight > 0 && isJudged(member)`,
    replace: `member.override !== "drain" && isJudged(member)`,
  },
  {
    name: "never-judged-is-enabled",
    rule: "PENDING is in no sum",
    file,
    find: `member.override !== "drain" && member.weight > 0 && isJudged(member)`,
    replace: `member.override !== "drain" && member.weight > 0`,
  },
  {
    name: "drained-is-enabled",
    rule: "drain leaves the sum",
    file,
    find: `member.override !== "drain" && member.weight > 0 && isJudged(member)`,
    replace: "member.weight > 0 && isJudged(member)",
  },
  {
    name: "last-resort-at-once",
    rule: "PENDING and weight 0 are served only when nothing else is servable",
    file,
    find: "const servable = lastResort ? eligible : regular;",
    replace: "const servable = eligible;",
  },
  {
    name: "budget-blocks-a-failover",
    rule: "the removal budget never keeps traffic from another usable pool",
    file,
    find: "const usable = healthy.length >= needed;",
    replace:
      "const usable = Math.max(healthy.length, enabled.length - Math.floor((rules.maxRemovalPercent * admitted.length) / 100)) >= needed;",
  },
  {
    name: "budget-ignored",
    rule: "automation keeps out at most max_removal_percent",
    file,
    find: "return leaving.slice(budget);",
    replace: "return [];",
  },
  {
    name: "budget-rounded-up",
    rule: "floor(max_removal_percent × members ÷ 100)",
    file,
    find: "Math.floor((rules.maxRemovalPercent * admitted.length) / 100)",
    replace: "Math.ceil((rules.maxRemovalPercent * admitted.length) / 100)",
  },
  {
    name: "who-fell-last-goes-first",
    rule: "those that fell first go first",
    file,
    find: "(a.fellAt ?? 0) - (b.fellAt ?? 0)",
    replace: "(b.fellAt ?? 0) - (a.fellAt ?? 0)",
  },
  {
    name: "a-release-lets-nobody-go",
    rule: "held members are released by people",
    file,
    find: " && !member.released",
    replace: "",
  },
  {
    name: "panic-serves-who-was-taken-out",
    rule: "in panic S is served, without who people took out",
    file,
    find: "panic ? servable.map(whole)",
    replace: "panic ? admitted.map(whole)",
  },
  {
    name: "panic-off-by-one",
    rule: "panic when |H| × 100 < panic_percent × |E|",
    file,
    find: "healthy.length * 100 < rules.panicPercent * enabled.length",
    replace: "healthy.length * 100 <= rules.panicPercent * enabled.length",
  },
  {
    name: "dead-endpoints-stay",
    rule: "of a DEGRADED member only its healthy endpoints are in rotation",
    file,
    find: "endpoints: member.up.length > 0 ? member.up : member.all",
    replace: "endpoints: member.all",
  },
];
