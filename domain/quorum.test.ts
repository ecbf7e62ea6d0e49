import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  endpointState,
  hasSettled,
  isQuorumDown,
  type Judgement,
  judge,
  mayBeLate,
  newJudgement,
  type Vote,
  votesNeeded,
  votesOf,
} from "./quorum.ts";
import { emptySeries, type Series, type Verdict } from "./verdict.ts";

const settings = { quorumPercent: 51, minRegions: null };
const timing = { now: 100_000, delayMs: 20_000, timeoutMs: 5_000 };
const says = (verdict: Verdict, freshAt = 99_000, colo: string | null = "local"): Series => ({
  ...emptySeries,
  count: { verdict, fails: 0, passes: 0 },
  freshAt,
  colo,
});
/** "uud-" → two up, one down, one silent; "?" has no verdict yet. */
const votes = (pattern: string): Vote[] =>
  [...pattern].map((letter, index) => ({
    region: `r${index}`,
    verdict: letter === "u" ? "up" : letter === "d" ? "down" : "unknown",
    hasVote: letter === "u" || letter === "d",
    reason: letter === "-" ? "silent" : letter === "?" ? "unknown" : null,
  }));
const judgedBy = (...patterns: string[]): Judgement =>
  patterns.reduce((judgement, pattern) => judge(judgement, votes(pattern), settings), newJudgement(0));

describe("the quorum", () => {
  it.each([
    [1, null, 1],
    [2, null, 2],
    [3, null, 2],
    [5, null, 3],
    [5, 1, 1],
    [3, 16, 3],
  ])("of %i regions with min_regions %s needs %i votes", (regions, minRegions, needed) => {
    expect(votesNeeded(regions, minRegions)).toBe(needed);
  });

  it("is counted in integers: down × 100 ≥ quorum_percent × votes", () => {
    expect(isQuorumDown(2, 4, 51)).toBe(false);
    expect(isQuorumDown(2, 4, 50)).toBe(true);
    expect(isQuorumDown(51, 100, 51)).toBe(true);
    expect(isQuorumDown(50, 100, 51)).toBe(false);
  });

  it("judges by a majority of those that vote", () => {
    expect(judgedBy("uuuuu").state).toBe("up");
    expect(judgedBy("ddduu").state).toBe("down");
    expect(judgedBy("dduuu").state).toBe("up");
    expect(judgedBy("ddd--").state).toBe("down");
  });

  it("judges nothing below min_regions", () => {
    expect(judgedBy("uu---").state).toBe("unknown");
    expect(judgedBy("uuuuu", "dd---").state).toBe("up");
  });

  it("changes nothing when voters only fall silent, in either direction", () => {
    const up = judgedBy("uuudd");
    expect(judge(up, votes("---dd"), settings)).toBe(up);
    expect(judge(up, votes("u--dd"), settings)).toBe(up);
    const down = judgedBy("dddud");
    expect(judge(down, votes("d--u-"), settings)).toBe(down);
    expect(judge(down, votes("---u-"), settings)).toBe(down);
  });

  it("does not move when those that fell silent come back with what they said", () => {
    const up = judgedBy("uuudd");
    expect(judge(judge(up, votes("-uudd"), settings), votes("uuudd"), settings)).toBe(up);
  });

  it("moves when a region that was silent comes back and says otherwise", () => {
    expect(judgedBy("uuudd", "-uudd", "duudd").state).toBe("down");
  });

  it("does not come back by a fail, nor leave by a pass, because others fell silent in the meantime", () => {
    const down = judgedBy("ddddduuuu");
    expect(judge(down, votes("----dduuu"), settings)).toBe(down);
    expect(judge(down, votes("----uduuu"), settings).state).toBe("up");
    const up = judgedBy("uuuuudddd");
    expect(judge(up, votes("----uuddd"), settings)).toBe(up);
    expect(judge(up, votes("----ddddd"), settings).state).toBe("down");
  });

  it("gives no vote to a region at a colo that votes already, nor to one without a verdict", () => {
    const list = votesOf(
      [
        ["weur", says("up", 99_000, "CDG")],
        ["eeur", says("down", 99_000, "CDG")],
        ["enam", says("unknown", 99_000, "EWR")],
        ["wnam", says("up", 10_000, "LAX")],
        ["apac", undefined],
      ],
      timing,
    );
    expect(list.map((vote) => [vote.region, vote.hasVote, vote.reason])).toEqual([
      ["weur", true, null],
      ["eeur", false, "same colo"],
      ["enam", false, "unknown"],
      ["wnam", false, "silent"],
      ["apac", false, "silent"],
    ]);
  });

  it("counts every region where no colo could be measured", () => {
    const list = votesOf(
      [
        ["weur", says("up")],
        ["eeur", says("up")],
      ],
      timing,
    );
    expect(list.every((vote) => vote.hasVote)).toBe(true);
  });
});

describe("a judgement that started anew", () => {
  it("waits for every region that is heard, so that early passes do not outvote fails that are still counting", () => {
    const judgement = newJudgement(90_000);
    const counting = { ...says("unknown"), count: { verdict: "unknown" as const, fails: 1, passes: 0 } };
    expect(
      hasSettled(
        judgement,
        [
          ["a", says("up")],
          ["b", counting],
        ],
        timing,
      ),
    ).toBe(false);
    expect(
      hasSettled(
        judgement,
        [
          ["a", says("up")],
          ["b", says("down")],
        ],
        timing,
      ),
    ).toBe(true);
  });

  it("waits for a silent region only as long as silence takes", () => {
    const silent = [
      ["a", says("up")],
      ["b", undefined],
    ] as const;
    expect(hasSettled(newJudgement(90_000), silent, timing)).toBe(false);
    expect(hasSettled(newJudgement(54_000), silent, timing)).toBe(true);
  });
});

describe("after a start", () => {
  const judgement = judgedBy("uu");
  const late = (freshAt: number, now: number, startedAt = 100_000) =>
    mayBeLate(
      judgement,
      [
        ["r0", says("up", now)],
        ["r1", says("up", freshAt)],
      ],
      { ...timing, now },
      startedAt,
      60_000,
    );

  it("a voter that fell silent with the start may be late, for as long as silence takes", () => {
    expect(late(50_000, 101_000)).toBe(true);
    expect(late(50_000, 145_000)).toBe(true);
    expect(late(50_000, 145_001)).toBe(false);
  });

  it("a voter that is fresh, or was silent long before, is not late", () => {
    expect(late(99_000, 101_000)).toBe(false);
    expect(late(100_500, 146_000)).toBe(false);
    expect(late(-5_001, 101_000)).toBe(false);
  });

  it("a region that did not vote is not waited for", () => {
    const series = [["r5", says("up", 50_000)]] as const;
    expect(mayBeLate(judgement, series, { ...timing, now: 101_000 }, 100_000, 60_000)).toBe(false);
  });
});

describe("an endpoint with several monitors", () => {
  it.each([
    ["up", ["up", "up"], "up"],
    ["up", ["up", "down"], "down"],
    ["up", ["up", "unknown"], "up"],
    ["down", ["up", "unknown"], "down"],
    ["unknown", ["unknown"], "unknown"],
  ] as const)("held %s with monitors %j is %s", (held, states, expected) => {
    expect(endpointState(held, states)).toBe(expected);
  });
});

describe("properties of the quorum", () => {
  const pattern = fc.array(fc.constantFrom("u", "d", "-", "?"), { minLength: 1, maxLength: 8 }).map((letters) => letters.join(""));
  const bounds = fc.record({ quorumPercent: fc.integer({ min: 1, max: 100 }), minRegions: fc.option(fc.integer({ min: 1, max: 16 })) });
  const history = fc.array(pattern, { maxLength: 12 });

  it("one more up vote in place of a down vote never makes an endpoint worse", () => {
    fc.assert(
      fc.property(pattern, bounds, (letters, limits) => {
        const base = judge(newJudgement(0), votes(letters), limits);
        const better = judge(newJudgement(0), votes(letters.replace("d", "u")), limits);
        if (base.state === "up") expect(better.state).toBe("up");
      }),
    );
  });

  it("votes that fall silent never change the state", () => {
    fc.assert(
      fc.property(history, bounds, fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }), (patterns, limits, silenced) => {
        const last = patterns.at(-1) ?? "u";
        const before = [...patterns, last].reduce((judgement, letters) => judge(judgement, votes(letters), limits), newJudgement(0));
        const shrunk = [...last].map((letter, index) => (silenced[index] ? "-" : letter)).join("");
        expect(judge(before, votes(shrunk), limits).state).toBe(before.state);
      }),
    );
  });

  it("the same votes again change nothing", () => {
    fc.assert(
      fc.property(history, pattern, bounds, (patterns, letters, limits) => {
        const once = [...patterns, letters].reduce((judgement, item) => judge(judgement, votes(item), limits), newJudgement(0));
        expect(judge(once, votes(letters), limits)).toBe(once);
      }),
    );
  });
});
