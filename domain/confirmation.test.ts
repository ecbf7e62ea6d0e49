import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { afterLook, beginEpisode, doubtOf, type Episode, lookAt } from "./confirmation.ts";
import { outcomes } from "./observation.ts";

const settings = { delayMs: 1_000, fails: 3, passes: 2 };
const count = (fails: number, passes: number) => ({ verdict: "up" as const, fails, passes });

describe("a doubt", () => {
  it.each([
    ["up", count(1, 0), "down"],
    ["unknown", count(1, 0), "down"],
    ["up", count(2, 0), null],
    ["up", count(0, 1), null],
    ["down", count(0, 1), "up"],
    ["down", count(0, 2), null],
    ["down", count(1, 0), null],
  ] as const)("of what is %s after %j: %s", (decided, newest, doubt) => {
    expect(doubtOf(decided, newest)).toBe(doubt);
  });
});

describe("an episode", () => {
  const looked = (episode: Episode, now: number) => lookAt(episode, now);

  it("begins at once, and goes on after the look has ended and not before the delay has passed", () => {
    const first = looked(beginEpisode("down", settings, 10_000), 10_000);
    expect(afterLook(first, "fail", settings, 10_100)?.nextAt).toBe(11_000);
    expect(afterLook(first, "fail", settings, 12_500)?.nextAt).toBe(12_500);
  });

  it("does not wait for a clock that was set back to catch up", () => {
    const first = looked(beginEpisode("down", settings, 3_600_000), 3_600_000);
    expect(afterLook(first, "fail", settings, 10_000)?.nextAt).toBe(11_000);
  });

  it("ends with the first look that refutes the doubt", () => {
    expect(afterLook(looked(beginEpisode("down", settings, 0), 0), "pass", settings, 10)).toBeNull();
    expect(afterLook(looked(beginEpisode("up", settings, 0), 0), "fail", settings, 10)).toBeNull();
  });

  it("takes as many looks as the verdict needs, results or not, and no more", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("down" as const, "up" as const),
        fc.array(fc.constantFrom(...outcomes), { minLength: 20, maxLength: 20 }),
        (doubt, came) => {
          let episode: Episode | null = beginEpisode(doubt, settings, 0);
          let looks = 0;
          for (const outcome of came) {
            if (episode === null) break;
            looks += 1;
            episode = afterLook(lookAt(episode, looks * 1_000), outcome, settings, looks * 1_000 + 100);
          }
          expect(episode).toBeNull();
          expect(looks).toBeLessThanOrEqual(doubt === "down" ? settings.fails : settings.passes);
        },
      ),
    );
  });
});
