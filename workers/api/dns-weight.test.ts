import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../domain/limits.ts";
import type { AnswerSet } from "../../domain/plan.ts";
import { pickByWeight, setsFor } from "./dns-weight.ts";

const pools = ["22222222-2222-4222-8222-222222222222", "33333333-3333-4333-8333-333333333333"] as const;
/** A member of a weighted plan: its pool's index and weight, its own weight, its address. */
const member = (pool: 0 | 1, pool_weight: number, weight: number, value: string): AnswerSet => ({
  type: "A",
  values: [value],
  ttl: 30,
  pool_id: pools[pool],
  weight,
  pool_weight,
  locations: [],
  geofence: false,
  region: null,
});
/** Draws these numbers one after the other. */
const draws = (...numbers: number[]) => {
  const left = [...numbers];
  return () => left.shift() ?? 0;
};
/** The largest number below 1. */
const almostOne = 1 - 2 ** -53;
/** A chance that can be repeated: mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe("a pick by weight", () => {
  const weights = fc.array(fc.oneof(fc.constant(0), fc.constant(65_535), fc.nat(10), fc.nat(65_535)), { minLength: 1, maxLength: 40 });

  it("gives each item exactly its share of the chances, in order and without a gap", () => {
    fc.assert(
      fc.property(weights, (list) => {
        const counted = list.every((weight) => weight === 0) ? list.map(() => 1) : list;
        const sum = counted.reduce((total, weight) => total + weight, 0);
        const items = list.map((weight, index) => ({ weight, index }));
        const picked = (random: number) => pickByWeight(items, ({ weight }) => weight, random).index;
        let from = 0;
        counted.forEach((weight, index) => {
          // The middle of the first and of the last of its `weight` parts of `sum`, which no rounding can move.
          if (weight > 0) expect([picked((from + 0.5) / sum), picked((from + weight - 0.5) / sum)]).toEqual([index, index]);
          from += weight;
        });
        expect(counted[picked(0)]).toBeGreaterThan(0);
        expect(counted[picked(almostOne)]).toBeGreaterThan(0);
      }),
    );
  });

  it("never throws, however many items of whatever weight", () => {
    const most = Array.from({ length: limits.poolsPerGslb * limits.membersPerPool }, () => 65_535);
    expect(pickByWeight(most, (weight) => weight, almostOne)).toBe(65_535);
    fc.assert(
      fc.property(weights, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (list, random) => {
        const weight = pickByWeight(list, (item) => item, random);
        if (list.some((item) => item > 0)) expect(weight).toBeGreaterThan(0);
      }),
    );
  });
});

describe("the sets of a weighted name", () => {
  it("are one: a pool by its weight among the pools, then a member by its own, each with a chance of its own", () => {
    const sets = [member(0, 1, 1, "192.0.2.1"), member(1, 3, 1, "192.0.2.2"), member(1, 3, 9, "192.0.2.3")];
    expect(setsFor(sets, draws(0.24, 0.99))).toEqual([sets[0]]);
    expect(setsFor(sets, draws(0.25, 0.09))).toEqual([sets[1]]);
    expect(setsFor(sets, draws(0.25, 0.1))).toEqual([sets[2]]);
    expect(setsFor(sets, draws(0.99, 0.99))).toEqual([sets[2]]);
  });

  it("come from a pool by its weight alone, however many members it has and whatever they weigh", () => {
    const sets = [member(0, 1, 65_535, "192.0.2.1"), member(0, 1, 65_535, "192.0.2.2"), member(1, 1, 1, "192.0.2.3")];
    expect(setsFor(sets, draws(0.49, 0))).toEqual([sets[0]]);
    expect(setsFor(sets, draws(0.5, 0))).toEqual([sets[2]]);
  });

  it("leave out a weight of 0 beside others, and take all alike where every weight is 0", () => {
    const some = [member(0, 0, 5, "192.0.2.1"), member(1, 1, 0, "192.0.2.2"), member(1, 1, 1, "192.0.2.3")];
    for (const random of [0, 0.5, almostOne]) expect(setsFor(some, draws(random, random))).toEqual([some[2]]);
    const none = [member(0, 0, 0, "192.0.2.1"), member(1, 0, 0, "192.0.2.2"), member(1, 0, 0, "192.0.2.3")];
    const every = [draws(0, 0), draws(0.5, 0), draws(0.5, 0.5)].map((random) => setsFor(none, random)[0]);
    expect(every).toEqual(none);
  });

  it("are all of them where the plan is not weighted, and no chance is spent", () => {
    const sets = [member(0, 1, 1, "192.0.2.1"), member(1, 1, 1, "192.0.2.2")].map((set) => ({
      ...set,
      weight: null,
      pool_weight: null,
      locations: [],
      geofence: false,
      region: null,
    }));
    const none = () => {
      throw new Error("drawn");
    };
    expect(setsFor(sets, none)).toBe(sets);
    expect(setsFor([], none)).toEqual([]);
  });

  it("come up as often as their weights say", () => {
    const sets = [member(0, 1, 1, "192.0.2.1"), member(0, 1, 3, "192.0.2.2"), member(1, 3, 2, "192.0.2.3"), member(1, 3, 0, "192.0.2.4")];
    const shares = [1 / 16, 3 / 16, 12 / 16, 0];
    const random = seeded(20_260_101);
    const questions = 20_000;
    const counts = sets.map(() => 0);
    for (let asked = 0; asked < questions; asked += 1) {
      const at = sets.indexOf(setsFor(sets, random)[0] as AnswerSet);
      counts[at] = (counts[at] ?? 0) + 1;
    }
    // Four standard deviations of the binomial distribution.
    counts.forEach((count, index) => {
      const share = shares[index] ?? 0;
      expect(Math.abs(count / questions - share)).toBeLessThanOrEqual(4 * Math.sqrt((share * (1 - share)) / questions));
    });
  });
});
