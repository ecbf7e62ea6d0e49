import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AdriftState, type AnchorRun, continueRun, judgeAnchors } from "./anchors.ts";
import { limits } from "./limits.ts";
import type { OutcomeKind } from "./observation.ts";

const outcome = fc.constantFrom<OutcomeKind>("pass", "fail", "no_data");
/** By round, region and anchor. */
const history = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: limits.anchors }), fc.integer({ min: 1, max: 12 }))
  .chain(([regions, anchors, rounds]) =>
    fc.array(fc.array(fc.array(outcome, { minLength: anchors, maxLength: anchors }), { minLength: regions, maxLength: regions }), {
      minLength: rounds,
      maxLength: rounds,
    }),
  );

type State = {
  runs: Map<string, Map<string, AnchorRun>>;
  suspects: ReadonlyMap<string, AdriftState>;
  adrift: ReadonlyMap<string, AdriftState>;
  now: number;
};
const start = (): State => ({ runs: new Map(), suspects: new Map(), adrift: new Map(), now: 1_000_000 });

/** One round, judged after each result. `judged` sees every judgement. */
function play(state: State, round: readonly (readonly OutcomeKind[])[], judged: (state: State) => void = () => undefined): void {
  for (const [region, results] of round.entries()) {
    state.now += Math.floor(limits.anchorDelayMs / round.length);
    for (const [anchor, result] of results.entries()) {
      const regions = state.runs.get(`a${anchor}`) ?? new Map<string, AnchorRun>();
      state.runs.set(`a${anchor}`, regions);
      const run = continueRun(regions.get(`r${region}`), result, state.now);
      if (run !== undefined) regions.set(`r${region}`, run);
      const { suspects, adrift } = judgeAnchors(state.suspects, state.runs, state.now);
      Object.assign(state, { suspects, adrift });
      judged(state);
    }
  }
}

const all = (regions: number, anchors: number, of: (region: number, anchor: number) => OutcomeKind) =>
  Array.from({ length: regions }, (_, region) => Array.from({ length: anchors }, (_, anchor) => of(region, anchor)));

describe("whatever the anchors say", () => {
  it("at most half of the regions lose their vote", () => {
    fc.assert(
      fc.property(history, (rounds) => {
        const state = start();
        for (const round of rounds) play(state, round, ({ adrift }) => expect(adrift.size * 2).toBeLessThanOrEqual(round.length));
      }),
    );
  });

  it("a region that passes all that it hears of never loses it", () => {
    fc.assert(
      fc.property(history, (rounds) => {
        const state = start();
        for (const round of rounds) {
          const honest = [(round[0] ?? []).map((result) => (result === "fail" ? "pass" : result)), ...round.slice(1)];
          play(state, honest, ({ adrift }) => expect(adrift.has("r0")).toBe(false));
        }
      }),
    );
  });

  it("anchors that die for everybody cost nobody the vote", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: limits.anchors }),
        fc.array(fc.nat()),
        (regions, anchors, deaths) => {
          const state = start();
          const dead = new Set<number>();
          for (const death of [0, 1, 2, ...deaths.slice(0, 6)]) {
            play(
              state,
              all(regions, anchors, (_, anchor) => (dead.has(anchor) ? "fail" : "pass")),
              ({ adrift }) => expect(adrift.size).toBe(0),
            );
            dead.add(death % anchors);
          }
        },
      ),
    );
  });

  it("whoever is cut off loses it in three rounds where three or more hear, and has it back three rounds after", () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 8 }), fc.integer({ min: 1, max: limits.anchors }), (regions, anchors) => {
        const state = start();
        const round = (cut: boolean) => all(regions, anchors, (region) => (region === 0 && cut ? "fail" : "pass"));
        for (let count = 0; count < 3; count += 1) play(state, round(false));
        for (let count = 0; count < 3; count += 1) play(state, round(true));
        expect([...state.adrift.keys()]).toEqual(["r0"]);
        for (let count = 0; count < 3; count += 1) play(state, round(false));
        expect(state.adrift.size).toBe(0);
      }),
    );
  });

  it("what repeats or comes late changes nothing", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(outcome, fc.integer({ min: 0, max: 20 })), { maxLength: 40 }), (results) => {
        let run: AnchorRun | undefined;
        let newest = -1;
        for (const [result, at] of results) {
          const next = continueRun(run, result, 1_000_000 + at * 1_000);
          if (at <= newest || result === "no_data") expect(next).toBe(run);
          if (result !== "no_data") newest = Math.max(newest, at);
          run = next;
        }
      }),
    );
  });
});
