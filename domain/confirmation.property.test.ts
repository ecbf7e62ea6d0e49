import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { afterLook, beginEpisode, type ConfirmationSettings, type Doubt, doubtOf, type Episode, lookAt } from "./confirmation.ts";
import { type OutcomeKind, outcomes } from "./observation.ts";
import { noCount, step, type Verdict } from "./verdict.ts";

const outcome = fc.constantFrom(...outcomes);
const bound = fc.oneof(fc.constantFrom(1, 10), fc.integer({ min: 1, max: 10 }));
const doubt = fc.constantFrom<Doubt>("down", "up");
const decided = fc.constantFrom<Verdict>("unknown", "up", "down");
const settings = fc.record({ delayMs: fc.constantFrom(1_000, 20_000, 86_400_000), fails: bound, passes: bound });
const clock = fc.nat(2 ** 45);
const looksFor = (of: Doubt, { fails, passes }: ConfirmationSettings) => (of === "down" ? fails : passes);

describe("properties of a doubt", () => {
  /** Rule 6: the first result of a run that contradicts what was decided, once for each run; agreement and silence ask for nothing. */
  it("is cast once by each run against what was decided, and never by a run for it or by no_data", () => {
    fc.assert(
      fc.property(decided, fc.array(outcome, { maxLength: 40 }), (state, kinds) => {
        let count = noCount;
        let run: OutcomeKind | null = null;
        for (const kind of kinds) {
          count = step(count, kind, { maxRetries: 10, rise: 10 });
          const against = state === "down" ? "pass" : "fail";
          if (kind !== "no_data")
            expect(doubtOf(state, count)).toBe(kind === against && run !== kind ? (state === "down" ? "up" : "down") : null);
          if (kind !== "no_data") run = kind;
        }
      }),
    );
  });
});

describe("properties of an episode", () => {
  /** Bounds: at most `max_retries` looks on the way down, `rise` on the way up, whatever comes of them; it never lowers the thresholds. */
  it("takes at most as many looks as the verdict needs, and exactly so many where each confirms it", () => {
    fc.assert(
      fc.property(doubt, settings, fc.array(outcome, { minLength: 10, maxLength: 10 }), clock, (of, rules, came, start) => {
        const looks = (outcomesSeen: readonly OutcomeKind[]): number => {
          let episode: Episode | null = beginEpisode(of, rules, start);
          let taken = 0;
          for (const seen of outcomesSeen) {
            if (episode === null) break;
            taken += 1;
            const at: number = episode.nextAt ?? start;
            episode = afterLook(lookAt(episode, at), seen, rules, at + 1);
          }
          expect(episode).toBeNull();
          return taken;
        };
        expect(looks(came)).toBeLessThanOrEqual(looksFor(of, rules));
        expect(looks(Array(10).fill(of === "down" ? "fail" : "pass"))).toBe(looksFor(of, rules));
        expect(looks(Array(10).fill(of === "down" ? "pass" : "fail"))).toBe(1);
      }),
    );
  });

  /** Silence: a look without a result uses one up and neither refutes nor confirms. */
  it("goes on after no_data as after a look that confirms", () => {
    fc.assert(
      fc.property(doubt, settings, clock, fc.nat(60_000), (of, rules, start, tookMs) => {
        const looked = lookAt(beginEpisode(of, rules, start), start);
        const confirmed = afterLook(looked, of === "down" ? "fail" : "pass", rules, start + tookMs);
        expect(afterLook(looked, "no_data", rules, start + tookMs)).toEqual(confirmed);
      }),
    );
  });

  /** Rule 6: the next look starts when the one before has ended, at least `confirm_delay` after its start; a clock that jumps delays it by no more. */
  it("looks again no sooner than the delay after the start, and no later than the delay from now, on whatever clock", () => {
    fc.assert(
      fc.property(doubt, settings, clock, clock, (of, rules, start, now) => {
        const next = afterLook(lookAt(beginEpisode(of, { ...rules, fails: 10, passes: 10 }, start), start), "no_data", rules, now);
        const nextAt = next?.nextAt ?? Number.NaN;
        expect(nextAt).toBeGreaterThanOrEqual(now);
        expect(nextAt).toBeLessThanOrEqual(now + rules.delayMs);
        if (now >= start) expect(nextAt).toBe(Math.max(now, start + rules.delayMs));
      }),
    );
  });

  /** One look at a time: while one is under way there is no time for the next. */
  it("has no next look while one is under way", () => {
    fc.assert(
      fc.property(doubt, settings, clock, clock, (of, rules, start, now) => {
        const begun = beginEpisode(of, rules, start);
        expect(begun).toMatchObject({ left: looksFor(of, rules), nextAt: start });
        expect(lookAt(begun, now)).toEqual({ ...begun, left: begun.left - 1, startedAt: now, nextAt: null });
      }),
    );
  });
});
