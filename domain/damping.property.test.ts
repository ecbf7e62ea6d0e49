import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { comeBack, type Damping, damping, fall, heldUntil, penaltyAt, undamped } from "./damping.ts";
import { limits } from "./limits.ts";

const clock = fc.integer({ min: 0, max: 2 ** 45 });
/** Around the ten minutes and the penalties, and far away. */
const pause = fc.oneof(
  fc.constantFrom(0, 1, limits.penaltyBaseMs, limits.dampingMs - 1, limits.dampingMs, limits.dampingMs + 1),
  fc.nat(limits.dampingMs),
  fc.nat(10 * limits.dampingMs),
);
const delay = fc.oneof(fc.constantFrom(0, 1_000, 86_400_000), fc.nat(86_400_000));
/** Falls and returns by turns, after these pauses; `now` is the time of the last. */
const restless = fc.array(fc.record({ up: fc.nat(60_000), down: pause }), { minLength: 8, maxLength: 12 });
const life = fc.oneof(fc.array(fc.record({ up: pause, down: pause }), { minLength: 1, maxLength: 25 }), restless).map((turns) => {
  let now = 0;
  let state = undamped;
  for (const turn of turns) {
    now += turn.up;
    state = fall(state, now);
    now += turn.down;
    state = comeBack(state, now);
  }
  return { state, now };
});

describe("properties of damping", () => {
  /** Rule 7: a penalty is nothing, or between ten seconds and thirty minutes; and what is stored is read back as it was. */
  it("has a penalty within its bounds at all times, also on clocks that jump", () => {
    const step = fc.record({ at: fc.oneof(clock, fc.nat(limits.dampingMs)), falls: fc.boolean() });
    fc.assert(
      fc.property(life, fc.array(step, { maxLength: 30 }), clock, (lived, steps, now) => {
        let { state }: { state: Damping } = lived;
        for (const { at, falls } of steps) state = falls ? fall(state, at) : comeBack(state, at);
        for (const penalty of [state.penaltyMs, penaltyAt(state, now)]) {
          expect(penalty === 0 || (penalty >= limits.penaltyBaseMs && penalty <= limits.penaltyMaxMs)).toBe(true);
        }
        expect(penaltyAt(state, now)).toBeLessThanOrEqual(state.penaltyMs);
        expect(damping.parse(JSON.parse(JSON.stringify(state)))).toEqual(state);
      }),
    );
  });

  /** Idempotence: what is said twice happened once. */
  it("counts a fall once while down and a return once while up, and neither before the first fall", () => {
    fc.assert(
      fc.property(life, pause, pause, ({ state, now }, first, second) => {
        const down = fall(state, now + first);
        expect(fall(down, now + first + second)).toBe(down);
        const up = comeBack(down, now + first);
        expect(comeBack(up, now + first + second)).toBe(up);
        expect(comeBack(undamped, now)).toBe(undamped);
      }),
    );
  });

  /** Monotonicity: who falls once more is never let in sooner than who did not. */
  it("never holds shorter for a fall more", () => {
    fc.assert(
      fc.property(life, pause, delay, ({ state, now }, later, delayMs) => {
        const at = now + later;
        const without = heldUntil(state, delayMs, at) ?? at;
        const again = heldUntil(comeBack(fall(state, at), at), delayMs, at) ?? at;
        expect(again).toBeGreaterThanOrEqual(at + delayMs);
        expect(fall(state, at).penaltyMs).toBeGreaterThanOrEqual(penaltyAt(state, at));
        if (later === 0) expect(again).toBeGreaterThanOrEqual(without);
      }),
    );
  });

  /** Rule 7: two falls within ten minutes cost ten seconds at least; those that are further apart than a penalty lasts cost nothing. */
  it("begins with the second fall within ten minutes, and not without", () => {
    fc.assert(
      fc.property(
        fc.nat(limits.dampingMs),
        fc.integer({ min: limits.dampingMs + 1, max: 2 ** 40 }),
        fc.nat(20),
        (within, beyond, falls) => {
          expect(fall(comeBack(fall(undamped, 0), within), within).penaltyMs).toBe(limits.penaltyBaseMs);
          let state = undamped;
          for (let index = 0; index <= falls; index += 1) state = comeBack(fall(state, index * beyond), index * beyond);
          expect(state.penaltyMs).toBe(0);
        },
      ),
    );
  });

  /** Rule 7: each further fall doubles what is left, up to thirty minutes; each ten minutes up halve it. */
  it("doubles what is left by a fall, halves it by each whole ten minutes up and by none down, and is forgotten", () => {
    fc.assert(
      fc.property(life, pause, ({ state, now }, later) => {
        const down = fall(state, now);
        expect(penaltyAt(down, now + later)).toBe(down.penaltyMs);
        expect(penaltyAt(state, now + (later % limits.dampingMs))).toBe(state.penaltyMs);
        const left = penaltyAt(state, now + later);
        if (left > 0) expect(fall(state, now + later).penaltyMs).toBe(Math.min(2 * left, limits.penaltyMaxMs));
        const half = penaltyAt(state, now + later + limits.dampingMs);
        expect(half).toBe(left / 2 >= limits.penaltyBaseMs ? left / 2 : 0);
        expect(penaltyAt(state, now + 8 * limits.dampingMs)).toBe(0);
      }),
    );
  });

  /** Hysteresis in time: one hold, from the return to its end, without a gap and not a moment longer. */
  it("holds from the return to the end that it names, and then no more", () => {
    fc.assert(
      fc.property(life, delay, fc.nat(), fc.nat(), ({ state, now }, delayMs, part, later) => {
        const end = heldUntil(state, delayMs, now);
        const hold = delayMs + state.penaltyMs;
        expect(end).toBe(hold === 0 ? null : now + hold);
        if (end === null) return;
        expect(heldUntil(state, delayMs, now + (part % hold))).toBe(end);
        expect(heldUntil(state, delayMs, end)).toBeNull();
        expect(heldUntil(state, delayMs, end + later)).toBeNull();
      }),
    );
  });

  /** A fall ends the hold: who is down is not held back but down. */
  it("holds nobody who is down or never fell", () => {
    fc.assert(
      fc.property(life, delay, pause, ({ state, now }, delayMs, later) => {
        expect(heldUntil(fall(state, now), delayMs, now + later)).toBeNull();
        expect(heldUntil(undamped, delayMs, now)).toBeNull();
      }),
    );
  });

  /** Clocks: set back by however much, nobody is held longer than the hold is once it was said again that he is up. */
  it("holds no longer than the hold is after the clock was set back", () => {
    fc.assert(
      fc.property(life, delay, clock, ({ state, now }, delayMs, back) => {
        const then = Math.min(back, now);
        const said = comeBack(state, then);
        expect(heldUntil(said, delayMs, then + delayMs + said.penaltyMs)).toBeNull();
        expect((heldUntil(state, delayMs, then) ?? then) - then).toBeLessThanOrEqual(delayMs + state.penaltyMs);
      }),
    );
  });
});
