import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "./limits.ts";
import { type OutcomeKind, outcomes } from "./observation.ts";
import { emptySeries, insert, isSilent, type Result, type Series, series, step, type Thresholds } from "./verdict.ts";

const period = 1_000;
const timeoutMs = 1_000;
const outcome = fc.constantFrom(...outcomes);
const bound = fc.oneof(fc.constantFrom(1, 2, 10), fc.integer({ min: 1, max: 10 }));
const thresholds = fc.record({ maxRetries: bound, rise: bound });
/** Runs as well as mixtures: the thresholds up to 10 are met both ways. */
const outcomesOver = (maxLength: number) =>
  fc
    .array(fc.tuple(outcome, fc.constantFrom(1, 1, 2, 3, 9, 10, 11)), { maxLength: 12 })
    .map((runs) => runs.flatMap(([kind, times]) => Array<OutcomeKind>(times).fill(kind)).slice(0, maxLength));

const tickOf = (index: number) => (index + 1) * period;
const resultOf = (kind: OutcomeKind, index: number): Result => ({
  tick: tickOf(index),
  outcome: kind,
  colo: `C${index}`,
  latencyMs: kind === "no_data" ? null : index,
  detail: `${kind} ${index}`,
});
const fold = (results: readonly Result[], bounds: Thresholds, start: Series = emptySeries): Series =>
  results.reduce((sum, item) => insert(sum, item, bounds, 1_000_000, timeoutMs), start);
const inOrder = (kinds: readonly OutcomeKind[]): Result[] => kinds.map(resultOf);
/** What of a series says how its endpoint is: all but when it arrived. */
const said = ({ before, window, count, colo, latencyMs }: Series) => ({ before, window, count, colo, latencyMs });
const isDown = (kinds: readonly OutcomeKind[], bounds: Thresholds) => fold(inOrder(kinds), bounds).count.verdict === "down";

describe("properties of a region's verdict", () => {
  /** Rule 1, as a sentence: down since the last `max_retries` fails in a row, unless `rise` passes in a row came after them. */
  it("is down if and only if max_retries fails in a row came, and rise passes in a row did not come after them", () => {
    fc.assert(
      fc.property(outcomesOver(80), thresholds, (kinds, bounds) => {
        const heard = kinds.filter((kind) => kind !== "no_data").map((kind) => (kind === "pass" ? "p" : "f"));
        const text = heard.join("");
        const lastFall = text.lastIndexOf("f".repeat(bounds.maxRetries));
        const rose = lastFall >= 0 && text.slice(lastFall + bounds.maxRetries).includes("p".repeat(bounds.rise));
        const expected = lastFall >= 0 && !rose ? "down" : text.includes("p") ? "up" : "unknown";
        expect(fold(inOrder(kinds), bounds).count.verdict).toBe(expected);
      }),
      { numRuns: 300 },
    );
  });

  /** Silence: results that say nothing neither count nor break a run, wherever they stand. */
  it("is the same with and without any no_data", () => {
    fc.assert(
      fc.property(outcomesOver(60), thresholds, (kinds, bounds) => {
        const heard = kinds.filter((kind) => kind !== "no_data");
        expect(fold(inOrder(kinds), bounds).count).toEqual(fold(inOrder(heard), bounds).count);
      }),
    );
  });

  /** Hysteresis: fewer than the needed in a row never turn it, in either direction, however often they come. */
  it("stays as it is under runs that are too short", () => {
    fc.assert(
      fc.property(fc.boolean(), fc.array(fc.nat(20), { maxLength: 12 }), thresholds, (down, lengths, bounds) => {
        const [own, other, needed] = down ? (["fail", "pass", bounds.rise] as const) : (["pass", "fail", bounds.maxRetries] as const);
        const first = Array<OutcomeKind>(down ? bounds.maxRetries : 1).fill(own);
        const tries = lengths.flatMap((length) => [...Array<OutcomeKind>(length % needed).fill(other), own]);
        expect(isDown([...first, ...tries], bounds)).toBe(down);
      }),
    );
  });

  /** Monotonicity: a pass in place of a fail or of nothing, and nothing in place of a fail, never end worse. */
  it("is never worse for a better result anywhere in the series", () => {
    const better: Readonly<Record<OutcomeKind, readonly OutcomeKind[]>> = { fail: ["no_data", "pass"], no_data: ["pass"], pass: ["pass"] };
    fc.assert(
      fc.property(outcomesOver(60), fc.array(fc.nat(), { minLength: 60, maxLength: 60 }), thresholds, (kinds, picks, bounds) => {
        const improved = kinds.map((kind, index) => {
          const pick = picks[index] ?? 0;
          return pick % 4 === 0 ? (better[kind][pick % better[kind].length] ?? kind) : kind;
        });
        if (isDown(improved, bounds)) expect(isDown(kinds, bounds)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  /** Monotonicity of the thresholds: who asks for more fails in a row is never told sooner. */
  it("is never down for a higher max_retries or a lower rise where it was not before", () => {
    fc.assert(
      fc.property(outcomesOver(60), thresholds, fc.nat(9), fc.nat(9), (kinds, bounds, more, fewer) => {
        const milder = { maxRetries: bounds.maxRetries + more, rise: Math.max(1, bounds.rise - fewer) };
        if (isDown(kinds, milder)) expect(isDown(kinds, bounds)).toBe(true);
      }),
    );
  });

  /** One step more never throws and keeps its counters apart: a run is of fails or of passes. */
  it("counts one run at a time", () => {
    fc.assert(
      fc.property(outcomesOver(60), thresholds, (kinds, bounds) => {
        let count = emptySeries.count;
        for (const kind of kinds) {
          count = step(count, kind, bounds);
          expect(Math.min(count.fails, count.passes)).toBe(0);
        }
      }),
    );
  });
});

describe("properties of the window", () => {
  /**
   * Order and repetition: results that are late by less than the window, that come several times, and whose tick was `no_data` first, end in
   * the same state as the same results in order.
   */
  it("makes late, repeated and replaced results the same as the results in order, however long it runs", () => {
    const lateness = fc.array(fc.tuple(fc.nat(limits.seriesWindow - 2), fc.nat(2)), { minLength: 60, maxLength: 60 });
    fc.assert(
      fc.property(outcomesOver(60), lateness, thresholds, (kinds, late, bounds) => {
        const arrivals = inOrder(kinds).flatMap((item, index) => {
          const [delay = 0, again = 0] = late[index] ?? [];
          const trouble = { item: { ...item, outcome: "no_data" as const }, key: index };
          return [
            trouble,
            ...Array.from({ length: again + 1 }, (_, time) => ({ item, key: index + Math.min(delay + time, limits.seriesWindow - 2) })),
          ];
        });
        const disordered = arrivals.toSorted((a, b) => a.key - b.key).map(({ item }) => item);
        expect(said(fold(disordered, bounds))).toEqual(said(fold(inOrder(kinds), bounds)));
      }),
      { numRuns: 300 },
    );
  });

  /** Idempotence: a result that is known brings back the same object, so that nothing is stored or judged for it. */
  it("takes every result that it holds for known", () => {
    fc.assert(
      fc.property(outcomesOver(40), thresholds, fc.nat(), (kinds, bounds, pick) => {
        const results = inOrder(kinds);
        fc.pre(results.length > 0);
        const full = fold(results, bounds);
        const again = results[pick % results.length] as Result;
        expect(insert(full, again, bounds, 1_000_000, timeoutMs)).toBe(full);
        expect(insert(full, { ...again, outcome: "no_data" }, bounds, 1_000_000, timeoutMs)).toBe(full);
      }),
    );
  });

  /** Bounds: sixteen results and two counts, whatever arrives; what is stored is read back as it was. */
  it("never grows beyond its bound, and survives being stored", () => {
    fc.assert(
      fc.property(outcomesOver(80), thresholds, (kinds, bounds) => {
        const full = fold(inOrder(kinds), bounds);
        expect(full.window.length).toBe(Math.min(kinds.length, limits.seriesWindow));
        expect(series.parse(JSON.parse(JSON.stringify(full)))).toEqual(full);
      }),
    );
  });
});

describe("properties of a series on clocks that jump", () => {
  const anywhere = fc.oneof(fc.nat(120_000), fc.nat(2 ** 45), fc.constantFrom(0, 2 ** 52));
  const happening = fc.record({ tick: anywhere, now: anywhere, kind: outcome });

  /** Clocks: ticks before now, after now and far away: no throw, a sorted window, and no vouching for a time that has not come. */
  it("is sorted, bounded, and fresh at most now", () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 40 }), thresholds, (all, bounds) => {
        let sum = emptySeries;
        for (const { tick, now, kind } of all) {
          const next = insert(sum, { ...resultOf(kind, 0), tick }, bounds, now, timeoutMs);
          if (next !== sum && kind !== "no_data") expect(next.freshAt).toBeLessThanOrEqual(now);
          if (kind === "no_data") expect(next.freshAt).toBe(sum.freshAt);
          sum = next;
          const ticks = sum.window.map((entry) => entry.tick);
          expect(ticks).toEqual([...new Set(ticks)].sort((a, b) => a - b));
          expect(ticks.length).toBeLessThanOrEqual(limits.seriesWindow);
          expect(sum.count).toEqual(sum.window.reduce((count, entry) => step(count, entry.outcome, bounds), sum.before));
        }
      }),
    );
  });

  /** A tick that is ahead of the Engine's clock is no evidence. */
  it("does not change by a result from the future", () => {
    fc.assert(
      fc.property(outcomesOver(30), thresholds, outcome, fc.integer({ min: 1, max: 2 ** 40 }), (kinds, bounds, kind, ahead) => {
        const sum = fold(inOrder(kinds), bounds);
        const result = { ...resultOf(kind, 0), tick: 1_000_000 + limits.tickAheadMs + ahead };
        expect(insert(sum, result, bounds, 1_000_000, timeoutMs)).toBe(sum);
      }),
    );
  });

  /** However far all clocks ran ahead together, and for how long: once they are set back, each new result counts, from where the series stood. */
  it("hears every result in order after the clocks ran ahead and were set back", () => {
    const aheadMs = fc.integer({ min: 100 * period, max: 2 ** 40 });
    fc.assert(
      fc.property(outcomesOver(40), outcomesOver(40), outcomesOver(40), aheadMs, thresholds, (before, ahead, back, by, bounds) => {
        const all = [...before, ...ahead, ...back];
        const sum = inOrder(all).reduce((held, item, index) => {
          const isAhead = index >= before.length && index < before.length + ahead.length;
          const tick = item.tick + (isAhead ? by : 0);
          return insert(held, { ...item, tick }, bounds, tick + 100, timeoutMs);
        }, emptySeries);
        expect(sum.count).toEqual(fold(inOrder(all), bounds).count);
      }),
    );
  });
});

describe("properties of silence", () => {
  const delay = fc.constantFrom(1_000, 20_000, 86_400_000);

  /** Rule 2: silence begins once and stays until something is heard. */
  it("has a beginning and no end of its own", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 45 }), delay, fc.nat(2 ** 30), fc.nat(2 ** 30), (freshAt, delayMs, age, later) => {
        const heard = { ...emptySeries, freshAt };
        expect(isSilent(heard, freshAt + age, delayMs, timeoutMs)).toBe(age > 2 * delayMs + timeoutMs);
        if (isSilent(heard, freshAt + age, delayMs, timeoutMs))
          expect(isSilent(heard, freshAt + age + later, delayMs, timeoutMs)).toBe(true);
        expect(isSilent(emptySeries, age, delayMs, timeoutMs)).toBe(true);
      }),
    );
  });

  /** A clock that was set back far makes what was heard before doubtful; by a little, it is the same time again. */
  it("is also said of what was heard in a future that is further away than silence takes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2 ** 40, max: 2 ** 45 }), delay, fc.nat(2 ** 30), (freshAt, delayMs, back) => {
        expect(isSilent({ ...emptySeries, freshAt }, freshAt - back, delayMs, timeoutMs)).toBe(back > 2 * delayMs + timeoutMs);
      }),
    );
  });
});
