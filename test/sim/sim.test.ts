import { describe, expect, it } from "vitest";
import { simulate } from "./simulate.ts";
import type { World } from "./world.ts";

const hours = 1;

describe("a simulated hour", { timeout: 60_000 }, () => {
  it.each(["1", "2", "3", "4"])("breaks no promise (seed %s)", async (seed) => {
    const { violations } = await simulate({ seed, hours });
    expect(violations).toEqual([]);
  });

  it("is the same again for the same seed, and another for another", async () => {
    const [first, again, other] = [
      await simulate({ seed: "7", hours }),
      await simulate({ seed: "7", hours }),
      await simulate({ seed: "8", hours }),
    ];
    expect(again.digest).toBe(first.digest);
    expect(again.events).toBe(first.events);
    expect(other.digest).not.toBe(first.digest);
  });

  it("that breaks a promise says which, and when, again and again", async () => {
    const forgetful = (world: World) => {
      world.conductor.record = () => undefined;
    };
    const first = await simulate({ seed: "7", hours, sabotage: forgetful });
    const again = await simulate({ seed: "7", hours, sabotage: forgetful });
    expect(first.violations.map(({ invariant }) => invariant)).toContain("no event is lost");
    expect(again).toEqual(first);
  });
});
