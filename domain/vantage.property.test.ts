import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AddressFamily } from "./address.ts";
import { type Diagnosis, diagnose, disagreements, type RegionSighting, type SicknessState, type Sighting } from "./vantage.ts";

const cycle = 40_000;
const regionNames = Array.from({ length: 16 }, (_, index) => `r${index}`);
const clock = fc.oneof(fc.constantFrom(0, 2 ** 45), fc.nat(2 ** 45));

/** What one region's newest result says, or that it has none. */
const seen = fc.option(fc.record({ passes: fc.boolean(), hasVote: fc.boolean(), at: fc.nat(60_000), since: fc.nat(60_000) }), { freq: 8 });
/** Few endpoints of few pools, so that they share addresses and regions as well as differ in them. */
const sightingOf = (regions: number): fc.Arbitrary<Sighting> =>
  fc
    .record({
      endpoint: fc.nat(9).map((n) => `192.0.2.${n}`),
      family: fc.constantFrom<AddressFamily | null>(4, 4, 6, null),
      poolId: fc.nat(3).map((n) => `pool-${n}`),
      seen: fc.array(seen, { minLength: regions, maxLength: regions }),
    })
    .map(({ seen: list, ...rest }) => ({
      ...rest,
      regions: new Map(list.flatMap((one, index): [string, RegionSighting][] => (one === null ? [] : [[`r${index}`, one]]))),
    }));
const sightingsOver = (minRegions: number, maxRegions: number) =>
  fc.integer({ min: minRegions, max: maxRegions }).chain((regions) => fc.array(sightingOf(regions), { maxLength: 12 }));
const sickBefore = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...regionNames.slice(0, 6)), fc.constantFrom("4", "6", "name"), fc.option(clock)), {
    selector: ([region, family]) => `${region} ${family}`,
    maxLength: 4,
  })
  .map((list) => new Map(list.map(([region, family, wellSince]): [string, SicknessState] => [`${region} ${family}`, { wellSince }])));
/** Who looks, and what each saw of one endpoint; all at the same time, and all with a vote. */
const look = (n: number, pool: number, failing: readonly string[], passing: readonly string[]): Sighting => {
  const saw = (regions: readonly string[], passes: boolean) =>
    regions.map((region): [string, RegionSighting] => [region, { passes, hasVote: true, at: 20_000, since: 10_000 }]);
  return { endpoint: `192.0.2.${n}`, family: 4, poolId: `pool-${pool}`, regions: new Map([...saw(failing, false), ...saw(passing, true)]) };
};
/** Each endpoint is failed by one region and passed by two others: where many regions do so, none can be believed. */
const crossed = fc.integer({ min: 3, max: 9 }).chain((regions) =>
  fc
    .array(fc.tuple(fc.nat(regions - 1), fc.integer({ min: 1, max: regions - 1 }), fc.nat(1)), {
      minLength: 3 * regions,
      maxLength: 6 * regions,
    })
    .map((list) =>
      list.map(([failing, step, pool], n) => {
        const at = (index: number) => `r${index % regions}`;
        const other = step === regions - 1 ? 1 : step + 1;
        return look(n, pool, [at(failing)], [at(failing + step), at(failing + other)]);
      }),
    ),
);
const plain = ({ sick, blind }: Diagnosis) => ({ sick: Object.fromEntries(sick), blind });

describe("properties of a diagnosis", () => {
  /** Order: which endpoint, and which region of it, is looked at first is of no importance. */
  it("does not depend on the order of the sightings, nor of the regions within", () => {
    fc.assert(
      fc.property(sickBefore, sightingsOver(1, 8), clock, (was, sightings, now) => {
        const turned = sightings.map((one) => ({ ...one, regions: new Map([...one.regions].reverse()) })).reverse();
        expect(plain(diagnose(was, turned, cycle, now))).toEqual(plain(diagnose(was, sightings, cycle, now)));
      }),
    );
  });

  /** Idempotence: the same look at the same time finds the same, unless all are given their votes back because nobody can be believed. */
  it("finds the same a second time", () => {
    fc.assert(
      fc.property(sickBefore, sightingsOver(1, 8), clock, (was, sightings, now) => {
        const once = diagnose(was, sightings, cycle, now);
        if (!once.blind) expect(plain(diagnose(once.sick, sightings, cycle, now))).toEqual(plain(once));
      }),
    );
  });

  /** Rule 3: one region that fails all that the others pass is sick, from three regions, three addresses and two pools on. */
  it("finds a region sick if and only if it is one of three, fails three addresses, and those of two pools", () => {
    const numbers = fc.record({
      regions: fc.integer({ min: 1, max: 5 }),
      addresses: fc.integer({ min: 1, max: 5 }),
      pools: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(numbers, clock, ({ regions, addresses, pools }, now) => {
        const others = regionNames.slice(1, regions);
        // Each at one of the addresses and in one of the pools, in all combinations.
        const sightings = Array.from({ length: 60 }, (_, n) => look(n % addresses, Math.floor(n / 5) % pools, ["r0"], others));
        const { sick, blind } = diagnose(new Map(), sightings, cycle, now);
        expect([sick.has("r0 4"), blind]).toEqual([regions >= 3 && addresses >= 3 && pools >= 2, false]);
      }),
    );
  });

  /** Rule 3: never more than half of the regions that are heard lose their vote in a family. Then none does, and it is said. */
  it("takes the vote of at most half of the regions that are heard, and of nobody where it is blind", () => {
    let blindOnes = 0;
    fc.assert(
      fc.property(fc.oneof(crossed, sightingsOver(3, 16)), clock, (sightings, now) => {
        const { sick, blind } = diagnose(new Map(), sightings, cycle, now);
        const heard = new Set(sightings.flatMap((one) => [...one.regions.keys()])).size;
        for (const family of ["4", "6", "name"]) {
          expect([...sick.keys()].filter((key) => key.endsWith(` ${family}`)).length * 2).toBeLessThanOrEqual(heard);
        }
        if (blind) expect(sick.size).toBe(0);
        if (blind) blindOnes += 1;
      }),
    );
    expect(blindOnes).toBeGreaterThan(0);
  });

  /** Silence gives nobody a vote back: who is not heard, or is heard by nobody who could contradict, stays sick; time heals nothing. */
  it("leaves the sick sick where nothing is heard, however long", () => {
    fc.assert(
      fc.property(sickBefore, clock, (was, now) => {
        expect(plain(diagnose(was, [], cycle, now))).toEqual({ sick: Object.fromEntries(was), blind: false });
      }),
    );
  });

  const five = regionNames.slice(0, 5);
  /** So many endpoints over two pools that all regions but the first pass; the first fails `failed` of them. */
  const against = (endpoints: number, failed: number): Sighting[] =>
    Array.from({ length: endpoints }, (_, n) => ({
      endpoint: `192.0.2.${n}`,
      family: 4,
      poolId: `pool-${n % 2}`,
      regions: new Map(
        five.map((region, index) => [region, { passes: index > 0 || n >= failed, hasVote: true, at: 20_000, since: 10_000 }]),
      ),
    }));
  const share = fc.integer({ min: 3, max: 60 }).chain((endpoints) => fc.tuple(fc.constant(endpoints), fc.nat(endpoints)));

  /** Rule 3 with its hysteresis: sick from three and from a half on; well again only under a quarter. */
  it("begins at a half of at least three, and ends under a quarter", () => {
    fc.assert(
      fc.property(share, clock, ([endpoints, failed], now) => {
        const found = diagnose(new Map(), against(endpoints, failed), cycle, now);
        expect(found.sick.has("r0 4")).toBe(failed >= 3 && failed * 2 >= endpoints);
        const was = new Map([["r0 4", { wellSince: 0 }]]);
        expect(diagnose(was, against(endpoints, failed), cycle, now + cycle).sick.has("r0 4")).toBe(failed * 4 >= endpoints);
      }),
    );
  });

  /** Monotonicity: a region that passes one thing more is no sicker for it. */
  it("is never worse for a pass in place of a fail", () => {
    fc.assert(
      fc.property(share, clock, fc.boolean(), ([endpoints, failed], now, sickNow) => {
        const was = new Map<string, SicknessState>(sickNow ? [["r0 4", { wellSince: null }]] : []);
        const worse = diagnose(was, against(endpoints, failed), cycle, now).sick.get("r0 4");
        const better = diagnose(was, against(endpoints, Math.max(0, failed - 1)), cycle, now).sick.get("r0 4");
        if (worse === undefined) expect(better).toBeUndefined();
        if (worse?.wellSince === now) expect(better).toEqual(worse);
      }),
    );
  });

  /** Rule 3: two cycles under a quarter, without a relapse; a clock that was set back begins them anew, and never makes them longer. */
  it("gives the vote back after two cycles of agreement, not before, on whatever clock", () => {
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 60 }), clock, fc.nat(2 * cycle), clock, (endpoints, start, later, back) => {
        const sick = new Map<string, SicknessState>([["r0 4", { wellSince: null }]]);
        const mending = diagnose(sick, against(endpoints, 0), cycle, start).sick;
        expect(diagnose(mending, against(endpoints, 0), cycle, start + later).sick.has("r0 4")).toBe(later < cycle);
        const relapsed = diagnose(mending, against(endpoints, endpoints), cycle, start + later).sick;
        expect(relapsed.get("r0 4")).toEqual({ wellSince: null });
        const then = Math.min(back, start);
        const setBack = diagnose(mending, against(endpoints, 0), cycle, then).sick;
        expect(diagnose(setBack, against(endpoints, 0), cycle, then + cycle).sick.has("r0 4")).toBe(false);
      }),
    );
  });

  /** What all regions pass is only counted: it comes to the same as if each had been looked at. */
  it("is the same whether what all pass is counted or looked at", () => {
    fc.assert(
      fc.property(share, clock, ([endpoints, failed], now) => {
        const looked = diagnose(new Map(), against(endpoints, failed), cycle, now);
        const counted = new Map(five.map((region) => [`${region} 4`, endpoints - failed]));
        expect(plain(diagnose(new Map(), against(failed, failed), cycle, now, counted))).toEqual(plain(looked));
      }),
    );
  });
});

describe("properties of a disagreement", () => {
  /** Nobody contradicts himself: what one region alone sees says nothing of it; and no count is more than what it is a part of. */
  it("is counted by what others pass, within its bounds", () => {
    fc.assert(
      fc.property(sightingsOver(1, 8), (sightings) => {
        for (const { failed, expected, addresses, pools } of disagreements(sightings).values()) {
          expect(failed).toBeLessThanOrEqual(expected);
          expect(expected).toBeLessThanOrEqual(sightings.length);
          expect(Math.max(addresses, pools)).toBeLessThanOrEqual(failed);
        }
        const alone = sightings.map((one) => ({ ...one, regions: new Map([...one.regions].slice(0, 1)) }));
        expect(disagreements(alone).size).toBe(0);
      }),
    );
  });

  /** Rule 3: only what most of the others pass is held against a region. */
  it("is what more than half of the others pass", () => {
    fc.assert(
      fc.property(fc.nat(7), fc.nat(7), (passing, failing) => {
        const names = regionNames.slice(1);
        const one = look(1, 1, ["r0", ...names.slice(passing, passing + failing)], names.slice(0, passing));
        expect(disagreements([one]).get("r0 4")?.failed ?? 0).toBe(passing > failing ? 1 : 0);
      }),
    );
  });

  /** Rule 3: "the other voting regions": what is not believed already is no evidence against anybody. */
  it("does not depend on what others say that have no vote", () => {
    fc.assert(
      fc.property(sightingsOver(2, 8), fc.nat(7), (sightings, mute) => {
        const as = (passes: boolean) =>
          sightings.map((one) => ({
            ...one,
            regions: new Map(
              [...one.regions].map(([name, what]) => [name, name === `r${mute}` ? { ...what, hasVote: false, passes } : what]),
            ),
          }));
        const ofOthers = (list: readonly Sighting[]) =>
          Object.fromEntries([...disagreements(list)].filter(([key]) => !key.startsWith(`r${mute} `)));
        expect(ofOthers(as(true))).toEqual(ofOthers(as(false)));
      }),
    );
  });

  /** A pass from before the fails began contradicts nothing: the others may just not have looked yet. */
  it("does not exist where the others passed only before the fails began", () => {
    fc.assert(
      fc.property(sightingsOver(2, 8), (sightings) => {
        const early = sightings.map((one) => ({
          ...one,
          regions: new Map([...one.regions].map(([region, what]) => [region, what.passes ? { ...what, at: 10 } : { ...what, since: 11 }])),
        }));
        for (const { failed } of disagreements(early).values()) expect(failed).toBe(0);
      }),
    );
  });
});
