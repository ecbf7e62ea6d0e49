import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { comeBack, type Damping, fall, heldUntil, penaltyAt, undamped } from "./damping.ts";
import { limits } from "./limits.ts";

const second = 1_000;
const minute = 60 * second;
/** Falls at each of these seconds and is back one second later. */
const fallsAt = (...seconds: number[]): Damping =>
  seconds.reduce((state, at) => comeBack(fall(state, at * second), (at + 1) * second), undamped);

describe("damping", () => {
  it("holds back for the failback delay after the first fall, and without one not at all", () => {
    expect(heldUntil(fallsAt(100), 30 * second, 101 * second)).toBe(131 * second);
    expect(heldUntil(fallsAt(100), 30 * second, 131 * second)).toBeNull();
    expect(heldUntil(fallsAt(100), 0, 101 * second)).toBeNull();
  });

  it.each([
    [[0], 0],
    [[0, 60], 10],
    [[0, 60, 120], 20],
    [[0, 60, 120, 180], 40],
    [[0, 700], 0],
    [[0, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 660], 1_800],
  ])("falls at the seconds %j cost %i s", (falls, penalty) => {
    expect(fallsAt(...falls).penaltyMs).toBe(penalty * second);
  });

  it("forgives a half for each ten minutes up", () => {
    const state = fallsAt(0, 60, 120, 180);
    expect(penaltyAt(state, 181 * second)).toBe(40 * second);
    expect(penaltyAt(state, 181 * second + 10 * minute)).toBe(20 * second);
    expect(penaltyAt(state, 181 * second + 30 * minute)).toBe(0);
  });

  it("does not forgive while its owner is down", () => {
    const state = fall(fallsAt(0, 60, 120), 180 * second);
    expect(penaltyAt(state, 10 * 60 * minute)).toBe(40 * second);
  });

  it("does not count a fall of one that is down, nor a return of one that is back", () => {
    const down = fall(undamped, 0);
    expect(fall(down, 60 * second)).toBe(down);
    const back = comeBack(down, 90 * second);
    expect(comeBack(back, 100 * second)).toBe(back);
  });

  it("holds from now on where the clock was set back since the return", () => {
    const ahead = comeBack(fall(undamped, 0), 3_600 * second);
    const back = comeBack(ahead, 10 * second);
    expect(heldUntil(back, 30 * second, 10 * second)).toBe(40 * second);
    expect(heldUntil(back, 30 * second, 40 * second)).toBeNull();
  });

  it("never holds longer than the delay and the largest penalty, whatever the clock does", () => {
    const step = fc.record({ at: fc.integer({ min: 0, max: 2 ** 45 }), falls: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.nat(86_400_000), fc.integer({ min: 0, max: 2 ** 45 }), (steps, delay, now) => {
        const state = steps.reduce((damping, { at, falls }) => (falls ? fall(damping, at) : comeBack(damping, at)), undamped);
        expect((heldUntil(state, delay, now) ?? now) - now).toBeLessThanOrEqual(delay + limits.penaltyMaxMs);
        expect(state.penaltyMs).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
