import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { diagnose, type SicknessState, type Sighting } from "./vantage.ts";

const all = ["afr", "enam", "weur", "apac", "oc"];
/** An endpoint of a pool, failed by the regions named. */
const sighting = (pool: number, n: number, failedBy: readonly string[], regions: readonly string[] = all): Sighting => ({
  endpoint: `192.0.${pool}.${n}`,
  family: 4,
  poolId: `pool-${pool}`,
  regions: new Map(regions.map((region) => [region, { passes: !failedBy.includes(region), hasVote: true, at: 20_000, since: 10_000 }])),
});
const three = (failedBy: readonly string[]) => [sighting(1, 1, failedBy), sighting(2, 1, failedBy), sighting(3, 1, failedBy)];
const sickOf = (diagnosis: { sick: ReadonlyMap<string, SicknessState> }) => [...diagnosis.sick.keys()];
const cycle = 40_000;

describe("a sick vantage point", () => {
  it("fails alone what the others pass, in three endpoints of two pools", () => {
    expect(sickOf(diagnose(new Map(), three(["afr"]), cycle, 0))).toEqual(["afr 4"]);
  });

  it.each([
    ["two endpoints only", [sighting(1, 1, ["afr"]), sighting(2, 1, ["afr"])]],
    ["one pool only", [sighting(1, 1, ["afr"]), sighting(1, 2, ["afr"]), sighting(1, 3, ["afr"])]],
    ["the same address behind three monitors", [1, 2, 3].map((pool) => ({ ...sighting(pool, 1, ["afr"]), endpoint: "192.0.2.1" }))],
    ["less than half of what the others pass", [...three(["afr"]), ...[1, 2, 3, 4].map((n) => sighting(4, n, []))]],
    ["what most of the others fail too", three(["afr", "enam", "weur", "apac"])],
  ])("is not one that fails %s", (_, sightings) => {
    expect(sickOf(diagnose(new Map(), sightings, cycle, 0))).toEqual([]);
  });

  it("is not one that is the first to see an outage: the others have not looked since", () => {
    const early = three(["afr"]).map((item) => ({
      ...item,
      regions: new Map([...item.regions].map(([region, seen]) => [region, region === "afr" ? seen : { ...seen, at: 9_999 }])),
    }));
    expect(sickOf(diagnose(new Map(), early, cycle, 0))).toEqual([]);
  });

  it("is not one that passes most of what all others pass too, which is only counted", () => {
    expect(sickOf(diagnose(new Map(), three(["afr"]), cycle, 0, new Map([["afr 4", 3]])))).toEqual(["afr 4"]);
    expect(sickOf(diagnose(new Map(), three(["afr"]), cycle, 0, new Map([["afr 4", 4]])))).toEqual([]);
  });

  it("is not judged with fewer than three regions", () => {
    const two = [1, 2, 3].map((pool) => sighting(pool, 1, ["afr"], ["afr", "enam"]));
    expect(sickOf(diagnose(new Map(), two, cycle, 0))).toEqual([]);
  });

  it("stays one while the others fall silent, and gets its vote back when it agrees with whoever is left", () => {
    const sick = diagnose(new Map(), three(["afr"]), cycle, 0).sick;
    const two = (failedBy: readonly string[]) => [1, 2, 3].map((pool) => sighting(pool, 1, failedBy, ["afr", "enam"]));
    const left = diagnose(sick, two(["afr"]), cycle, cycle);
    expect([sickOf(left), left.blind]).toEqual([["afr 4"], false]);
    expect(sickOf(diagnose(left.sick, [], cycle, 2 * cycle))).toEqual(["afr 4"]);
    const mending = diagnose(left.sick, two([]), cycle, 2 * cycle);
    expect(sickOf(diagnose(mending.sick, two([]), cycle, 3 * cycle))).toEqual([]);
  });

  it("is judged for IPv4 and IPv6 apart", () => {
    const broken6 = three(["afr"]).map((item) => ({ ...item, family: 6 as const }));
    expect(sickOf(diagnose(new Map(), [...broken6, ...three([])], cycle, 0))).toEqual(["afr 6"]);
  });

  it("gets its vote back after two cycles under a quarter, not before", () => {
    const sick = diagnose(new Map(), three(["afr"]), cycle, 0).sick;
    const mending = diagnose(sick, three([]), cycle, 1_000);
    expect(sickOf(mending)).toEqual(["afr 4"]);
    expect(sickOf(diagnose(mending.sick, three([]), cycle, 40_999))).toEqual(["afr 4"]);
    expect(sickOf(diagnose(mending.sick, three([]), cycle, 41_000))).toEqual([]);
    const relapsed = diagnose(mending.sick, three(["afr"]), cycle, 20_000);
    expect(sickOf(diagnose(relapsed.sick, three([]), cycle, 41_000))).toEqual(["afr 4"]);
  });

  it("is nobody where more than half would be: then it is blind, and everyone may be right", () => {
    // Three of four regions each fail what they alone share with the fourth.
    const own = ["afr", "enam", "weur"].flatMap((region, index) =>
      [1, 2, 3].map((n): Sighting => {
        const full = sighting(index * 3 + n, n, [region]);
        return { ...full, regions: new Map([...full.regions].filter(([name]) => name === region || name === "oc" || name === "apac")) };
      }),
    );
    const was = new Map([["oc 4", { wellSince: null }]]);
    const diagnosis = diagnose(was, own, cycle, 0);
    expect(diagnosis.blind).toBe(true);
    expect(sickOf(diagnosis)).toEqual([]);
    // It ends as slowly as a sickness does, and does not come and go with each look.
    const well = [1, 2, 3].flatMap((pool) => [sighting(pool, 1, []), sighting(pool, 2, [])]);
    const better = diagnose(diagnosis.suspects, well, cycle, 1_000);
    expect([better.blind, diagnose(better.suspects, own, cycle, 2_000).blind]).toEqual([true, true]);
    const over = diagnose(better.suspects, well, cycle, 1_000 + cycle);
    expect([over.blind, sickOf(over)]).toEqual([false, []]);
  });

  it("never takes more than half of the regions out, whatever is seen", () => {
    const seen = fc.array(fc.record({ pool: fc.nat(4), n: fc.nat(20), failing: fc.subarray(all), voting: fc.subarray(all) }), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(seen, (items) => {
        const sightings = items.map(
          ({ pool, n, failing, voting }): Sighting => ({
            ...sighting(pool, n, []),
            regions: new Map(
              all.map((region) => [
                region,
                { passes: !failing.includes(region), hasVote: voting.includes(region), at: 20_000, since: 10_000 },
              ]),
            ),
          }),
        );
        expect(diagnose(new Map(), sightings, cycle, 0).sick.size * 2).toBeLessThanOrEqual(all.length);
      }),
    );
  });
});
