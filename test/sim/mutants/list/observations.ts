/** Faults in how results are folded into a region's verdict (engine.md, "Observations" and rule 1). */
import type { Mutant } from "../mutant.ts";

const file = "domain/verdict.ts";

export const observations: readonly Mutant[] = [
  {
    name: "no-data-is-a-fail",
    rule: "what goes wrong at the checker does not count",
    file,
    find: `if (outcome === "no_data") return count;`,
    replace: `if (outcome === "no_data") outcome = "fail";`,
  },
  {
    name: "no-data-breaks-a-run",
    rule: "what goes wrong at the checker breaks no run",
    file,
    find: `if (outcome === "no_data") return count;`,
    replace: `if (outcome === "no_data") return { ...count, fails: 0, passes: 0 };`,
  },
  {
    name: "down-after-one-fail-less",
    rule: "down after max_retries fails in a row",
    file,
    find: "verdict: fails >= thresholds.maxRetries",
    replace: "verdict: fails + 1 >= thresholds.maxRetries",
  },
  {
    name: "down-after-one-fail-more",
    rule: "down after max_retries fails in a row",
    file,
    find: "verdict: fails >= thresholds.maxRetries",
    replace: "verdict: fails > thresholds.maxRetries",
  },
  {
    name: "a-pass-breaks-no-run-of-fails",
    rule: "fails count only in a row",
    file,
    find: `up ? "up" : count.verdict, fails: 0, passes }`,
    replace: `up ? "up" : count.verdict, fails: count.fails, passes }`,
  },
  {
    name: "up-after-one-pass-more",
    rule: "up after rise passes in a row",
    file,
    find: "passes >= thresholds.rise",
    replace: "passes > thresholds.rise",
  },
  {
    name: "older-than-the-window-counts",
    rule: "a result older than the window is dropped",
    file,
    find: "index === 0 && window.length >= limits.seriesWindow",
    replace: "index < 0",
  },
  {
    name: "out-of-order-is-not-folded-again",
    rule: "a late result is inserted and the window folded again",
    file,
    find: "const appended = same?.tick !== result.tick && index === window.length;",
    replace: "const appended = true;",
  },
  {
    name: "a-repeated-result-counts-twice",
    rule: "of one tick there is one result",
    file,
    find: "if (same !== null && same.tick === result.tick) {",
    replace: "if (same !== null && same.tick > result.tick) {",
  },
  {
    name: "the-future-is-believed",
    rule: "a tick more than 5 s ahead is no data",
    file,
    find: "if (result.tick > arrivedAt + limits.tickAheadMs) return series;",
    replace: "",
  },
  {
    name: "freshness-by-arrival-alone",
    rule: "freshness goes by arrival, bounded by the tick",
    file,
    find: "const speaksFor = Math.min(arrivedAt, result.tick + timeoutMs + 1_000);",
    replace: "const speaksFor = arrivedAt;",
  },
];
