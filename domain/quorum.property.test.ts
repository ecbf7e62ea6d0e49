import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { endpointState, hasSettled, isQuorumDown, judge, mayBeLate, newJudgement, type Vote, votesNeeded, votesOf } from "./quorum.ts";
import { emptySeries, type Series, type Verdict } from "./verdict.ts";

/** What a region says: up, down, nothing for lack of an answer, nothing yet, or a fail that is not believed. */
type Voice = "u" | "d" | "-" | "?" | "s";
const reasons = { u: null, d: null, "-": "silent", "?": "unknown", s: "sick" } as const;
const vote = (voice: Voice, index: number): Vote => ({
  region: `r${index}`,
  verdict: voice === "u" ? "up" : voice === "?" ? "unknown" : "down",
  hasVote: voice === "u" || voice === "d",
  reason: reasons[voice],
});
const votes = (voices: readonly Voice[]): Vote[] => voices.map(vote);

const rules = fc.record({
  quorumPercent: fc.oneof(fc.constantFrom(1, 50, 51, 100), fc.integer({ min: 1, max: 100 })),
  minRegions: fc.option(fc.oneof(fc.constantFrom(1, 16), fc.integer({ min: 1, max: 16 }))),
});
/** What 1 to 16 regions said, one look after the other: most say what they said before, some fall silent, few change their mind. */
const told = fc.integer({ min: 1, max: 16 }).chain((regions) => {
  const perRegion = { minLength: regions, maxLength: regions };
  const change = fc.constantFrom<Voice | null>(null, null, null, null, "-", "-", "u", "d", "?", "s");
  return fc
    .tuple(fc.array(fc.constantFrom<Voice>("u", "d"), perRegion), fc.array(fc.array(change, perRegion), { minLength: 1, maxLength: 7 }))
    .map(([first, changes]) => {
      const looks = [first];
      for (const next of changes) looks.push((looks.at(-1) ?? first).map((said, index) => next[index] ?? said));
      return looks;
    });
});
type Rules = { readonly quorumPercent: number; readonly minRegions: number | null };
const judgedAfter = (looks: readonly (readonly Voice[])[], bounds: Rules) =>
  looks.reduce((judgement, look) => judge(judgement, votes(look), bounds), newJudgement(0));
const split = (looks: readonly (readonly Voice[])[]) => ({ before: looks.slice(0, -1), last: looks.at(-1) ?? [] });
const rank: Readonly<Record<Verdict, number>> = { down: 0, unknown: 1, up: 1 };

describe("properties of the quorum in numbers", () => {
  /** Rule 4: down when `down × 100 ≥ quorum_percent × votes`, in integers: no rounding decides. */
  it("is the smallest whole number of votes that is the percentage, by a rule without division", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 100 }), (count, percent) => {
        let smallest = 0;
        while (smallest * 100 < percent * count) smallest += 1;
        for (let down = 0; down <= count; down += 1) expect(isQuorumDown(down, count, percent)).toBe(down >= smallest);
        expect(smallest).toBeGreaterThan(0);
      }),
    );
  });

  /** Rule 4: a majority of the monitor's regions, or what the pool says, capped by their number. */
  it("needs at least one vote and never more than there are regions", () => {
    fc.assert(
      fc.property(fc.nat(16), rules, (regions, { minRegions }) => {
        const needed = votesNeeded(regions, minRegions);
        expect(needed).toBeGreaterThanOrEqual(1);
        expect(needed).toBeLessThanOrEqual(Math.max(1, regions));
        if (minRegions === null && regions > 0) expect(needed * 2).toBeGreaterThan(regions);
      }),
    );
  });
});

describe("properties of a judgement", () => {
  /** Order: who is asked first is of no importance. */
  it("does not depend on the order of the regions", () => {
    fc.assert(
      fc.property(told, rules, fc.nat(), (looks, bounds, turn) => {
        const turned = looks.map((look) => votes(look).map((_, index, all) => all[(index + turn) % all.length] as Vote));
        const judged = turned.reduce((judgement, look) => judge(judgement, look, bounds), newJudgement(0));
        expect(judged).toEqual(judgedAfter(looks, bounds));
      }),
    );
  });

  /** Idempotence: the same votes again are no news; the same object says so. */
  it("is the same after the same votes again", () => {
    fc.assert(
      fc.property(told, rules, (looks, bounds) => {
        const judged = judgedAfter(looks, bounds);
        expect(judge(judged, votes(split(looks).last), bounds)).toBe(judged);
      }),
    );
  });

  /** Monotonicity: whatever was decided before, one region that passes instead of failing never makes it worse. */
  it("is never worse for an up vote in place of a down vote", () => {
    fc.assert(
      fc.property(told, rules, fc.nat(15), (looks, bounds, at) => {
        const { before, last } = split(looks);
        const held = judgedAfter(before, bounds);
        const better = last.map((said, index) => (index === at && said === "d" ? "u" : said));
        const [without, withIt] = [last, better].map((look) => rank[judge(held, votes(look), bounds).state]);
        expect(withIt).toBeGreaterThanOrEqual(without ?? 0);
      }),
      { numRuns: 500 },
    );
  });

  /** Monotonicity: a region more that passes makes nothing worse, where there were enough votes without it. */
  it("is never worse for an up vote more", () => {
    fc.assert(
      fc.property(told, rules, fc.nat(15), (looks, bounds, at) => {
        const { before, last } = split(looks);
        fc.pre(last.filter((said) => said === "u" || said === "d").length >= votesNeeded(last.length, bounds.minRegions));
        const held = judgedAfter(before, bounds);
        const more = last.map((said, index) => (index === at && said !== "d" ? "u" : said));
        const [without, withIt] = [last, more].map((look) => rank[judge(held, votes(look), bounds).state]);
        expect(withIt).toBeGreaterThanOrEqual(without ?? 0);
      }),
    );
  });

  /** Rule 4: a state changes only by votes that were cast. Who falls silent, is sick or starts anew casts none, in either direction. */
  it("stays where voters only lost their vote, for whatever reason", () => {
    fc.assert(
      fc.property(
        told,
        rules,
        fc.array(fc.constantFrom<Voice | null>(null, "-", "?", "s"), { minLength: 16, maxLength: 16 }),
        (...given) => {
          const [looks, bounds, losses] = given;
          const { last } = split(looks);
          const full = last.map((said) => (said === "d" ? "d" : "u")) satisfies Voice[];
          const held = judgedAfter([...looks, full], bounds);
          expect(judge(held, votes(full.map((said, index) => losses[index] ?? said)), bounds)).toBe(held);
        },
      ),
    );
  });

  /** Rule 4, with news among the silence: who falls silent never lends weight to a vote, least of all to one for the contrary. */
  it("stays where some fall silent and others only come over to what it is", () => {
    const side = (say: Voice) =>
      fc.array(fc.record({ said: fc.constant(say), does: fc.constantFrom("stays", "silent", "agrees") }), { maxLength: 8 });
    fc.assert(
      fc.property(side("u"), side("d"), fc.integer({ min: 1, max: 100 }), (ups, downs, quorumPercent) => {
        const regions = [...ups, ...downs];
        // One vote is enough: where more are needed, more is held.
        const bounds = { quorumPercent, minRegions: 1 };
        const held = judgedAfter([regions.map(({ said }) => said)], bounds);
        const agreed: Voice = held.state === "down" ? "d" : "u";
        const next = regions.map(({ said, does }): Voice => (does === "silent" ? "-" : does === "agrees" ? agreed : said));
        expect(judge(held, votes(next), bounds).state).toBe(held.state);
      }),
      { numRuns: 4_000 },
    );
  });

  /** The evidence of a decision is who voted what, and nobody else. */
  it("knows exactly the votes that it was made by", () => {
    fc.assert(
      fc.property(told, rules, (looks, bounds) => {
        const { before, last } = split(looks);
        const held = judgedAfter(before, bounds);
        const next = judge(held, votes(last), bounds);
        if (next === held) return;
        const cast = votes(last).filter(({ hasVote }) => hasVote);
        expect(next.voters).toEqual(Object.fromEntries(cast.map(({ region, verdict }) => [region, verdict])));
      }),
    );
  });

  /** Rule 4: below `min_regions` nothing changes, whoever says what. */
  it("stays where fewer than needed vote", () => {
    fc.assert(
      fc.property(told, rules, (looks, bounds) => {
        const { before, last } = split(looks);
        const held = judgedAfter(before, bounds);
        let left = votesNeeded(last.length, bounds.minRegions) - 1;
        const few = last.map((said): Voice => {
          if (said !== "u" && said !== "d") return said;
          left -= 1;
          return left < 0 ? "-" : said;
        });
        expect(judge(held, votes(few), bounds)).toBe(held);
      }),
    );
  });

  /** Once every region votes again, nothing of what was silent, sick or late in between is left in the decision. */
  it("is what the regions say when all of them vote, whatever came before", () => {
    fc.assert(
      fc.property(told, rules, (looks, bounds) => {
        const full = split(looks).last.map((said): Voice => (said === "d" ? "d" : "u"));
        const down = full.filter((said) => said === "d").length;
        expect(judgedAfter([...looks, full], bounds).state).toBe(isQuorumDown(down, full.length, bounds.quorumPercent) ? "down" : "up");
      }),
      { numRuns: 500 },
    );
  });
});

const second = 1_000;
const clock = fc.oneof(
  fc.constantFrom(0, 1, 2 ** 45),
  fc.integer({ min: -(2 ** 45), max: 2 ** 45 }),
  fc.integer({ min: 0, max: 300 * second }),
);
const heardSeries = fc.option(
  fc.record({
    verdict: fc.constantFrom<Verdict>("up", "down", "unknown"),
    freshAt: clock,
    colo: fc.constantFrom(null, "local", "CDG", "CDG", "EWR"),
  }),
  { nil: undefined },
);
const seriesOf = (heard: { verdict: Verdict; freshAt: number; colo: string | null } | undefined): Series | undefined =>
  heard === undefined
    ? undefined
    : { ...emptySeries, count: { verdict: heard.verdict, fails: 0, passes: 0 }, freshAt: heard.freshAt, colo: heard.colo };
const regionsHeard = fc
  .array(heardSeries, { minLength: 1, maxLength: 16 })
  .map((list) => list.map((heard, index) => [`r${index}`, seriesOf(heard)] as const));
const timing = fc.record({
  now: clock,
  delayMs: fc.constantFrom(second, 20 * second, 86_400 * second),
  timeoutMs: fc.constantFrom(second, 60 * second),
});

describe("properties of the votes", () => {
  /** Rules 2 to 4: a vote needs a fresh verdict, of a region that is not sick and not a second one at the same colo. */
  it("are one for each colo, of regions that are heard, know something and are believed; every other has its reason", () => {
    fc.assert(
      fc.property(regionsHeard, timing, fc.array(fc.nat(15)), (series, at, sickOnes) => {
        const sick = new Set(sickOnes.map((index) => `r${index}`));
        const cast = votesOf(series, at, sick);
        expect(cast.map(({ region }) => region)).toEqual(series.map(([region]) => region));
        for (const { region, verdict, hasVote, reason } of cast) {
          expect(hasVote).toBe(reason === null);
          if (hasVote) expect([verdict === "unknown", sick.has(region)]).toEqual([false, false]);
        }
        const colos = series.filter((_, index) => cast[index]?.hasVote).flatMap(([, entry]) => entry?.colo ?? []);
        const measured = colos.filter((colo) => colo !== "local");
        expect(measured.length).toBe(new Set(measured).size);
      }),
    );
  });

  /** Where two regions are measured at one place, how many votes there are does not depend on whom is asked first. */
  it("are as many in whatever order the regions are asked", () => {
    fc.assert(
      fc.property(regionsHeard, timing, (series, at) => {
        const count = (list: typeof series) => votesOf(list, at).filter(({ hasVote }) => hasVote).length;
        expect(count(series.toReversed())).toBe(count(series));
      }),
    );
  });
});

describe("properties of waiting for the regions", () => {
  /** Rule 10: what was held is replaced only by a full hearing; but a region that never speaks is waited for only as long as silence takes. */
  it("has an end for regions that stay silent, none for one that is still counting, and is over when all have a verdict", () => {
    fc.assert(
      fc.property(regionsHeard, timing, clock, (series, at, startedAt) => {
        const settled = hasSettled(newJudgement(startedAt), series, at);
        if (series.every(([, entry]) => entry !== undefined && entry.count.verdict !== "unknown")) expect(settled).toBe(true);
        const unheard = series.map(([region]) => [region, undefined] as const);
        expect(hasSettled(newJudgement(startedAt), unheard, at)).toBe(at.now - startedAt > 2 * at.delayMs + at.timeoutMs);
        const counting = { ...emptySeries, freshAt: at.now === 0 ? 1 : at.now };
        expect(hasSettled(newJudgement(startedAt), [...series, ["counting", counting]], at)).toBe(false);
      }),
    );
  });

  /** After a start a voter may be late, but nobody waits longer than silence takes, nor for a region that did not vote. */
  it("is for a voter of the last decision alone, and no longer after a start than silence takes", () => {
    fc.assert(
      fc.property(told, regionsHeard, timing, clock, (looks, series, at, startedAt) => {
        const judgement = judgedAfter(looks, { quorumPercent: 51, minRegions: 1 });
        const late = mayBeLate(judgement, series, at, startedAt, 60 * second);
        if (!late) return;
        expect(at.now).toBeGreaterThanOrEqual(startedAt);
        expect(at.now - startedAt).toBeLessThanOrEqual(2 * at.delayMs + at.timeoutMs);
        expect(series.some(([region, entry]) => entry !== undefined && judgement.voters[region] !== undefined)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe("properties of an endpoint with several monitors", () => {
  const state = fc.constantFrom<Verdict>("up", "down", "unknown");
  const monitors = fc.array(state, { maxLength: 8 });

  /** Rule 4: down when any is, up when all are, else what was is held; a monitor that abstains moves nothing by itself. */
  it("is down if and only if one of them is, or none decides and it was; in any order, and again", () => {
    fc.assert(
      fc.property(state, monitors, (held, states) => {
        const now = endpointState(held, states);
        const open = !states.includes("down") && (states.length === 0 || states.includes("unknown"));
        expect(now === "down").toBe(states.includes("down") || (open && held === "down"));
        expect(endpointState(held, states.toReversed())).toBe(now);
        expect(endpointState(now, states)).toBe(now);
      }),
    );
  });

  /** Monotonicity over the monitors. */
  it("is never worse for a monitor that says up in place of down", () => {
    fc.assert(
      fc.property(state, monitors, fc.nat(7), (held, states, at) => {
        const better = states.map((said, index) => (index === at && said === "down" ? "up" : said));
        expect(rank[endpointState(held, better)]).toBeGreaterThanOrEqual(rank[endpointState(held, states)]);
      }),
    );
  });
});
