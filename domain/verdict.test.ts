import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "./limits.ts";
import { outcomes } from "./observation.ts";
import { emptySeries, insert, isSilent, type Result, type Series, step } from "./verdict.ts";

const thresholds = { maxRetries: 3, rise: 2 };
const result = (tick: number, outcome: Result["outcome"]): Result => ({ tick, outcome, colo: "CDG", latencyMs: 5, detail: outcome });
const at = (tick: number) => tick + 100;
const run = (results: readonly Result[], start: Series = emptySeries) =>
  results.reduce((series, item) => insert(series, item, thresholds, at(item.tick), 1_000), start);
const ticks = (kinds: string) =>
  [...kinds].map((kind, index) => result((index + 1) * 1_000, kind === "p" ? "pass" : kind === "f" ? "fail" : "no_data"));

describe("a region's verdict", () => {
  it.each([
    ["", "unknown"],
    ["p", "up"],
    ["ff", "unknown"],
    ["fff", "down"],
    ["pff", "up"],
    ["pfff", "down"],
    ["pffpff", "up"],
    ["pfffp", "down"],
    ["pfffpp", "up"],
    ["pfffpfp", "down"],
    ["pf_f_f", "down"],
    ["pfffp_p", "up"],
    ["___", "unknown"],
  ])("after %s is %s", (kinds, verdict) => {
    expect(run(ticks(kinds)).count.verdict).toBe(verdict);
  });

  it("keeps the newest sixteen results and what those before them came to", () => {
    const series = run(ticks(`${"f".repeat(3)}${"_".repeat(20)}`));
    expect(series.window).toHaveLength(limits.seriesWindow);
    expect(series.before).toEqual({ verdict: "down", fails: 3, passes: 0 });
  });

  it("takes a pass or fail in place of no_data for the same tick, and otherwise keeps the first", () => {
    const series = run([result(1_000, "no_data"), result(1_000, "fail")]);
    expect(series.window).toEqual([{ tick: 1_000, outcome: "fail" }]);
    expect(insert(series, result(1_000, "pass"), thresholds, at(1_000), 1_000)).toBe(series);
    expect(insert(series, result(1_000, "no_data"), thresholds, at(1_000), 1_000)).toBe(series);
  });

  it("drops what is older than a full window", () => {
    const series = run(ticks("p".repeat(20)));
    expect(insert(series, result(1_500, "fail"), thresholds, at(20_000), 1_000)).toBe(series);
  });

  it("takes a tick more than five seconds ahead of the Engine's clock for no_data", () => {
    const series = insert(emptySeries, result(10_001 + limits.tickAheadMs, "fail"), thresholds, 10_000, 1_000);
    expect(series.count.fails).toBe(0);
    expect(series.freshAt).toBe(0);
  });

  it("goes on with results of its own time after a clock ran ahead for however long", () => {
    const ahead = Array.from({ length: 40 }, (_, index) => result(3_600_000 + index * 1_000, "fail"));
    const series = ahead.reduce((sum, item, index) => insert(sum, item, thresholds, index * 1_000, 1_000), emptySeries);
    expect(insert(series, result(41_000, "pass"), thresholds, 41_000, 1_000).count.verdict).toBe("up");
  });

  it("goes on, from where it stood, after the clocks of checker and Engine ran ahead together and were set back", () => {
    const hour = 3_600_000;
    const ahead = Array.from({ length: 20 }, (_, index) => result(hour + index * 1_000, "fail"));
    const down = ahead.reduce((sum, item) => insert(sum, item, thresholds, at(item.tick), 1_000), run(ticks("pp")));
    const once = insert(down, result(5_000, "pass"), thresholds, at(5_000), 1_000);
    expect(once.count).toMatchObject({ verdict: "down", passes: 1 });
    expect(insert(once, result(5_000, "pass"), thresholds, at(5_000), 1_000)).toBe(once);
    expect(insert(once, result(6_000, "pass"), thresholds, at(6_000), 1_000)).toMatchObject({
      count: { verdict: "up" },
      freshAt: at(6_000),
    });
  });

  it("is fresh by arrival, bounded by the tick: a result that was long under way does not vouch for now", () => {
    expect(insert(emptySeries, result(1_000, "pass"), thresholds, 1_200, 1_000).freshAt).toBe(1_200);
    expect(insert(emptySeries, result(1_000, "pass"), thresholds, 600_000, 1_000).freshAt).toBe(3_000);
  });

  it("is silent after two periods and a timeout, and when its freshness lies in the future", () => {
    const series = run(ticks("p"));
    expect(isSilent(series, series.freshAt + 41_000, 20_000, 1_000)).toBe(false);
    expect(isSilent(series, series.freshAt + 41_001, 20_000, 1_000)).toBe(true);
    expect(isSilent(series, series.freshAt - 3_600_000, 20_000, 1_000)).toBe(true);
    expect(isSilent(emptySeries, 0, 20_000, 1_000)).toBe(true);
  });
});

describe("properties of a series", () => {
  const kind = fc.constantFrom(...outcomes);
  const settings = fc.record({ maxRetries: fc.integer({ min: 1, max: 10 }), rise: fc.integer({ min: 1, max: 10 }) });

  it("does not depend on the order of arrival within the window, nor on repetition", () => {
    fc.assert(
      fc.property(
        fc.array(kind, { minLength: 1, maxLength: limits.seriesWindow }),
        settings,
        fc.infiniteStream(fc.nat()),
        (kinds, bounds, order) => {
          const inOrder = kinds.map((outcome, index) => result((index + 1) * 1_000, outcome));
          const disordered = [...inOrder, ...inOrder.slice(0, 3)]
            .map((item) => ({ item, key: order.next().value ?? 0 }))
            .sort((a, b) => a.key - b.key)
            .map(({ item }) => item);
          const fold = (items: readonly Result[]) =>
            items.reduce((series, item) => insert(series, item, bounds, 60_000, 1_000), emptySeries);
          expect(fold(disordered).count).toEqual(fold(inOrder).count);
          expect(fold(disordered).window).toEqual(fold(inOrder).window);
        },
      ),
    );
  });

  it("never says down without max_retries fails in a row, and one more pass never makes it worse", () => {
    fc.assert(
      fc.property(fc.array(kind, { maxLength: 60 }), settings, (kinds, bounds) => {
        let count = emptySeries.count;
        let row = 0;
        for (const outcome of kinds) {
          row = outcome === "fail" ? row + 1 : outcome === "pass" ? 0 : row;
          const next = step(count, outcome, bounds);
          if (next.verdict === "down" && count.verdict !== "down") expect(row).toBeGreaterThanOrEqual(bounds.maxRetries);
          if (outcome === "pass") expect([next.verdict, count.verdict]).not.toEqual(["down", "up"]);
          count = next;
        }
      }),
    );
  });

  it("comes to the same whether folded at once or result by result, however long it runs", () => {
    fc.assert(
      fc.property(fc.array(kind, { maxLength: 80 }), settings, (kinds, bounds) => {
        const series = kinds.reduce(
          (sum, outcome, index) => insert(sum, result((index + 1) * 1_000, outcome), bounds, (index + 1) * 1_000, 1_000),
          emptySeries,
        );
        expect(series.count).toEqual(kinds.reduce((count, outcome) => step(count, outcome, bounds), emptySeries.count));
      }),
    );
  });

  it("never throws and never vouches for the future, whatever the clocks say", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2 ** 45), fc.nat(2 ** 45), kind), { maxLength: 40 }), (steps) => {
        let series = emptySeries;
        for (const [tick, now, outcome] of steps) {
          series = insert(series, result(tick, outcome), thresholds, now, 1_000);
          expect(series.window.length).toBeLessThanOrEqual(limits.seriesWindow);
          const last = series.window.map((entry) => entry.tick);
          expect(last).toEqual([...last].sort((a, b) => a - b));
        }
      }),
    );
  });
});
