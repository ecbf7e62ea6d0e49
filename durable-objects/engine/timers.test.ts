import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Timers } from "./timers.ts";

describe("timers", () => {
  it("are like a plain map that is looked through each time, whatever is set, taken away or due", () => {
    const step = fc.oneof(
      fc.record({ set: fc.constantFrom("a", "b", "c", "d"), at: fc.option(fc.integer({ min: -5, max: 20 })) }),
      fc.record({ due: fc.integer({ min: -5, max: 25 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const timers = new Timers();
        const plain = new Map<string, number>();
        for (const one of steps) {
          if ("set" in one) {
            timers.set(one.set, one.at);
            if (one.at === null) plain.delete(one.set);
            else plain.set(one.set, one.at);
          } else {
            const expected = [...plain].filter(([, at]) => at <= one.due).map(([key]) => key);
            for (const key of expected) plain.delete(key);
            expect(timers.due(one.due).sort()).toEqual(expected.sort());
          }
          expect(timers.next()).toBe(plain.size === 0 ? null : Math.min(...plain.values()));
        }
      }),
    );
  });
});
