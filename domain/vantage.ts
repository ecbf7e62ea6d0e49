/**
 * Whether the checker is sick and not the targets (engine.md, rule 3). A region that fails what most of the others pass loses its vote; where
 * more than half of the regions would, nobody does: then it is the world that is unclear, state is held, and `blind` is said.
 */
import { z } from "zod";
import type { AddressFamily } from "./address.ts";

/** One endpoint of one monitor, with what each region's newest result was. */
export type Sighting = {
  readonly endpoint: string;
  readonly family: AddressFamily | null;
  readonly poolId: string;
  readonly regions: ReadonlyMap<string, RegionSighting>;
};

/** What a region's newest fresh result says. */
export type RegionSighting = {
  readonly passes: boolean;
  readonly hasVote: boolean;
  /** The tick of that result, and of the first in the run of its like, Unix ms. */
  readonly at: number;
  readonly since: number;
};

/** What a region fails of that which most of the other voting regions pass. */
export type Disagreement = { readonly failed: number; readonly expected: number; readonly addresses: number; readonly pools: number };

export const sicknessState = z.object({
  /** Since when it has been well enough to vote again, Unix ms; null while it is not. */
  wellSince: z.number().nullable(),
});
export type SicknessState = Readonly<z.output<typeof sicknessState>>;

/** `suspects`: who would be sick if they were not so many; with the next diagnosis they are who was. */
export type Diagnosis = {
  readonly sick: ReadonlyMap<string, SicknessState>;
  readonly suspects: ReadonlyMap<string, SicknessState>;
  readonly blind: boolean;
};

const nothingAgreed: ReadonlyMap<string, number> = new Map();
const minimumEndpoints = 3;
const minimumPools = 2;
const minimumRegions = 3;

/**
 * For each region and family: how much of what the others pass it fails. Only a pass from after its own fails began contradicts them: where
 * the others have not looked since, it may just be the first to see an outage.
 */
export function disagreements(
  sightings: readonly Sighting[],
  agreed: ReadonlyMap<string, number> = nothingAgreed,
): Map<string, Disagreement> {
  const counts = new Map<string, { failed: number; expected: number; addresses: Set<string>; pools: Set<string> }>();
  for (const [key, expected] of agreed) counts.set(key, { failed: 0, expected, addresses: new Set<string>(), pools: new Set<string>() });
  for (const { endpoint, family, poolId, regions } of sightings) {
    const voting = [...regions].filter(([, seen]) => seen.hasVote);
    for (const [region, seen] of regions) {
      const others = voting.filter(([other]) => other !== region);
      const passing = others.filter(([, other]) => other.passes && (seen.passes || other.at >= seen.since)).length;
      if (others.length === 0 || passing * 2 <= others.length) continue;
      const key = `${region} ${family ?? "name"}`;
      const count = counts.get(key) ?? { failed: 0, expected: 0, addresses: new Set<string>(), pools: new Set<string>() };
      count.expected += 1;
      if (!seen.passes) {
        count.failed += 1;
        count.addresses.add(endpoint);
        count.pools.add(poolId);
      }
      counts.set(key, count);
    }
  }
  return new Map(
    [...counts].map(([key, count]) => [
      key,
      { failed: count.failed, expected: count.expected, addresses: count.addresses.size, pools: count.pools.size },
    ]),
  );
}

const looksSick = ({ failed, expected, addresses, pools }: Disagreement): boolean =>
  addresses >= minimumEndpoints && pools >= minimumPools && failed * 2 >= expected;

const looksWell = ({ failed, expected }: Disagreement): boolean => failed * 4 < expected;

/**
 * Who is sick now, from who was. A region gets its vote back after it has disagreed with less than a quarter for `recoveryMs`, two cycles.
 * `agreed`: of how many endpoints that all regions pass each region has a result; they need no sighting of their own. Keys are "region family".
 */
export function diagnose(
  was: ReadonlyMap<string, SicknessState>,
  sightings: readonly Sighting[],
  recoveryMs: number,
  now: number,
  agreed: ReadonlyMap<string, number> = nothingAgreed,
): Diagnosis {
  const found = disagreements(sightings, agreed);
  const regions = new Set(sightings.flatMap((sighting) => [...sighting.regions.keys()]));
  for (const key of agreed.keys()) regions.add(key.split(" ")[0] ?? "");
  // With two nobody can tell who is wrong. But who was found to be wrong before does not become right by the silence of the others.
  const canTell = regions.size >= minimumRegions;
  const sick = new Map<string, SicknessState>();
  for (const key of new Set([...found.keys(), ...was.keys()])) {
    const disagreement = found.get(key);
    const before = was.get(key);
    if (before === undefined) {
      if (canTell && disagreement !== undefined && looksSick(disagreement)) sick.set(key, { wellSince: null });
      continue;
    }
    // Nothing is heard of it that could be compared: it stays as it was.
    if (disagreement === undefined || !looksWell(disagreement)) {
      sick.set(key, disagreement === undefined ? before : { wellSince: null });
      continue;
    }
    const wellSince = Math.min(before.wellSince ?? now, now);
    if (now - wellSince < recoveryMs) sick.set(key, { wellSince });
  }
  const tooMany = regions.size > 1 && familiesOf(sick).some((family) => countIn(sick, family) * 2 > regions.size);
  const blind = canTell && tooMany;
  return { sick: tooMany ? new Map() : sick, suspects: sick, blind };
}

const familiesOf = (sick: ReadonlyMap<string, unknown>): string[] => [...new Set([...sick.keys()].map((key) => key.split(" ")[1] ?? ""))];

const countIn = (sick: ReadonlyMap<string, unknown>, family: string): number =>
  [...sick.keys()].filter((key) => key.endsWith(` ${family}`)).length;
