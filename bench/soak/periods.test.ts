import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { coverage } from "./periods.ts";

const ticks = { delayMs: 20_000, phases: [1_000, 7_000, 14_000] };
/** Every tick from a period before the window to one after it. */
const all = [-20_000, 0, 20_000, 40_000, 60_000].flatMap((period) => ticks.phases.map((phase) => period + phase));
const window = all.filter((tick) => tick >= 0 && tick < 60_000);

describe("what a server saw of its periods", () => {
  it("is whole when a request came for each tick, however late", () => {
    const lateness = fc.array(fc.nat({ max: 5_000 }), { minLength: all.length, maxLength: all.length });
    fc.assert(
      fc.property(lateness, (late) => {
        const requests = all.map((tick, index) => tick + (late[index] ?? 0));
        expect(coverage(requests, ticks, 0, 60_000)).toMatchObject({ missed: 0, extra: 0 });
      }),
    );
  });

  it("lacks each tick of the window that nobody came for", () => {
    fc.assert(
      fc.property(fc.subarray(all), (kept) => {
        const here = kept.filter((tick) => window.includes(tick));
        const requests = kept.map((tick) => tick + 20);
        const seen = coverage(requests, ticks, 0, 60_000);
        expect(seen).toEqual({ missed: window.length - here.length, extra: 0, lateMs: here.map(() => 20) });
      }),
    );
  });

  it("counts what came more than once, in the window alone", () => {
    const requests = [...all.map((tick) => tick + 10), 1_500, 59_000, -5, 61_500];
    expect(coverage(requests, ticks, 0, 60_000)).toMatchObject({ missed: 0, extra: 2 });
  });

  it("gives each its own tick where they come out of order", () => {
    // The one of 1,000 waited for a slot until after that of 7,000 was there.
    const requests = all.map((tick) => (tick === 1_000 ? 7_500 : tick + 10));
    const { lateMs, missed } = coverage(requests, ticks, 0, 60_000);
    expect([missed, lateMs.toSorted((a, b) => b - a)[0]]).toEqual([0, 6_500]);
  });
});
