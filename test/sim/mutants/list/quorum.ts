/** Faults in who votes and what their votes decide (engine.md, rules 2 and 4). */
import type { Mutant } from "../mutant.ts";

const file = "domain/quorum.ts";

export const quorum: readonly Mutant[] = [
  {
    name: "quorum-off-by-one",
    rule: "down when down × 100 ≥ quorum_percent × votes",
    file,
    find: "down * 100 >= quorumPercent * votes",
    replace: "down * 100 > quorumPercent * votes",
  },
  {
    name: "one-vote-less-is-needed",
    rule: "a majority of the monitor's regions must vote",
    file,
    find: "Math.floor(regionCount / 2) + 1",
    replace: "Math.floor(regionCount / 2)",
  },
  {
    name: "one-vote-more-is-needed",
    rule: "a majority of the monitor's regions must vote, and no more",
    file,
    find: "Math.floor(regionCount / 2) + 1",
    replace: "Math.floor(regionCount / 2) + 2",
  },
  {
    name: "too-few-voters-decide",
    rule: "below min_regions the state is held",
    file,
    find: " || up + down < votesNeeded(votes.length, settings.minRegions)",
    replace: "",
  },
  {
    name: "the-silent-vote",
    rule: "a region that is silent has no vote",
    file,
    find: "if (entry === undefined || isSilent(entry, timing.now, timing.delayMs, timing.timeoutMs)) {",
    replace: "if (entry === undefined) {",
  },
  {
    name: "silence-decides",
    rule: "a state changes only by votes that were cast",
    file,
    find: `(!cast.up && !cast.down) || `,
    replace: "cast.up = cast.down = true, ",
  },
  {
    name: "silence-heals",
    rule: "one fail more brings nobody back where others fell silent",
    file,
    find: "if (state !== judgement.state && !cast[state]) return judgement;",
    replace: `if (state === "down" && state !== judgement.state && !cast[state]) return judgement;`,
  },
  {
    name: "silence-kills",
    rule: "one pass more takes nobody away where others fell silent",
    file,
    find: "if (state !== judgement.state && !cast[state]) return judgement;",
    replace: `if (state === "up" && state !== judgement.state && !cast[state]) return judgement;`,
  },
  {
    name: "unknown-votes-up",
    rule: "unknown abstains",
    file,
    find: `if (verdict === "unknown") return { region, verdict, hasVote: false, reason: "unknown" };`,
    replace: "",
  },
  {
    name: "one-colo-votes-twice",
    rule: "a second region measured at the same colo has no vote",
    file,
    find: "if (colos.has(entry.colo))",
    replace: `if (colos.has(""))`,
  },
  {
    name: "late-voters-are-not-waited-for",
    rule: "after a start the voters of the last decision may only be late",
    file: "durable-objects/engine/judging.ts",
    find: "!mayBeLate(voted, voices, timing, judged.startedAt, limits.checkpointMs)",
    replace: "true",
  },
  {
    name: "down-only-by-all-monitors",
    rule: "an endpoint is down when any of its monitors is",
    file,
    find: `judgements.some((state) => state === "down")`,
    replace: `judgements.length > 0 && judgements.every((state) => state === "down")`,
  },
  {
    name: "up-by-any-monitor",
    rule: "an endpoint is up when all of its monitors are",
    file,
    find: `judgements.every((state) => state === "up")`,
    replace: `judgements.some((state) => state === "up")`,
  },
  {
    name: "the-blind-judge",
    rule: "when more than half of the regions would be sick, state is held",
    file: "durable-objects/engine/judging.ts",
    find: "if (!judged.blind && !mayBeLate(",
    replace: "if (!mayBeLate(",
  },
];
