import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../domain/limits.ts";
import { type Call, type ScheduledCheck, Slots } from "./slots.ts";

const check = (key: string, more: Partial<ScheduledCheck> = {}): ScheduledCheck => ({
  key,
  delayMs: 10_000,
  phaseMs: 0,
  timeoutMs: 1_000,
  firstAt: null,
  confirm: null,
  ...more,
});
/** Slots whose checks are old: everything before `since` was seen to. */
function running(checks: readonly ScheduledCheck[], since: number): Slots {
  const slots = new Slots(limits.proberSlots);
  slots.restore(checks);
  slots.resume(since + 1, since);
  return slots;
}
const runs = (calls: readonly Call[]) => calls.flatMap((call) => call.runs.map(({ key, tick }) => `${key}@${tick}`));
const range = (count: number) => Array.from({ length: count }, (_, index) => `check-${index}`);

describe("the slots of a Prober", () => {
  it("start a check at its tick, once", () => {
    const slots = running([check("a", { phaseMs: 2_000 })], 100_000);
    expect(slots.nextDueAt(100_000)).toBe(102_000);
    expect(slots.advance(101_999)).toEqual({ calls: [], late: [] });
    expect(slots.advance(102_003)).toEqual({ calls: [{ timeoutMs: 1_000, runs: [{ key: "a", tick: 102_000 }] }], late: [] });
    expect(slots.advance(102_004)).toEqual({ calls: [], late: [] });
    expect(slots.nextDueAt(102_004)).toBe(112_000);
  });

  it("send checks that are due together and have one timeout in one call", () => {
    const slots = running([check("a"), check("b", { timeoutMs: 3_000 }), check("c")], 99_000);
    const { calls } = slots.advance(100_000);
    expect(calls.map(({ timeoutMs, runs }) => [timeoutMs, runs.map(({ key }) => key)])).toEqual([
      [1_000, ["a", "c"]],
      [3_000, ["b"]],
    ]);
  });

  it("let a sixth check wait until a call has ended, first come, first served", () => {
    const slots = running(
      range(8).map((key, index) => check(key, { phaseMs: index })),
      99_999,
    );
    const first = slots.advance(100_004).calls;
    expect(runs(first)).toHaveLength(5);
    expect(slots.inFlight).toBe(5);
    expect(runs(slots.advance(100_010).calls)).toEqual([]);
    expect(slots.queued).toBe(3);
    for (const call of first) slots.release(call);
    expect(runs(slots.advance(100_500).calls)).toEqual(["check-5@100005", "check-6@100006", "check-7@100007"]);
  });

  it("give up a check whose slot does not come before its next run is due", () => {
    const slots = running(
      range(6).map((key) => check(key)),
      99_000,
    );
    const [call] = slots.advance(100_000).calls;
    expect(slots.advance(109_999)).toEqual({ calls: [], late: [] });
    const { calls, late } = slots.advance(110_000);
    expect({ calls, late }).toEqual({ calls: [], late: [{ key: "check-5", tick: 100_000 }] });
    expect(slots.queued).toBe(6);
    if (call !== undefined) slots.release(call);
    expect(runs(slots.advance(110_001).calls)).toHaveLength(5);
  });

  it("run a new check once out of its stagger, and not for what was due before it was there", () => {
    const slots = running([], 100_000);
    slots.replace([check("new", { phaseMs: 9_000, firstAt: 110_400 })], 110_000);
    expect(slots.nextDueAt(110_000)).toBe(110_400);
    expect(runs(slots.advance(110_401).calls)).toEqual(["new@110400"]);
    expect(slots.nextDueAt(110_401)).toBe(119_000);
    expect(runs(slots.advance(119_000).calls)).toEqual(["new@119000"]);
  });

  it("drop what waits when its check is gone, and keep what is due when its check stays", () => {
    const all = range(7).map((key) => check(key));
    const slots = running(all, 99_000);
    const [call] = slots.advance(100_000).calls;
    slots.replace([check("check-6"), check("check-0")], 100_001);
    if (call !== undefined) slots.release(call);
    expect(runs(slots.advance(100_002).calls)).toEqual(["check-6@100000"]);

    const late = running([check("a"), check("b")], 99_000);
    late.replace([check("a")], 100_001);
    expect(runs(late.advance(100_002).calls)).toEqual(["a@100000"]);
  });

  it("make up for the newest missed tick after an eviction or a late alarm, if it is a few seconds old at most", () => {
    const fresh = running([check("a", { delayMs: 1_000 }), check("b"), check("c", { phaseMs: 4_000 })], 50_000);
    // Ticks of a: …, 101000, 102000. Of b: 100000. Of c: 94000, too old.
    expect(runs(fresh.advance(102_500).calls)).toEqual(["a@102000", "b@100000"]);

    const evicted = new Slots(5);
    evicted.restore([check("a")]);
    evicted.resume(100_000, 100_020);
    expect(runs(evicted.advance(100_020).calls)).toEqual(["a@100000"]);
  });

  it("do not run again what was seen to before an eviction", () => {
    const slots = new Slots(5);
    slots.restore([check("a"), check("b", { phaseMs: 1_000 })]);
    // The alarm was set for b's tick, so a's was seen to.
    slots.resume(101_000, 101_010);
    expect(runs(slots.advance(101_010).calls)).toEqual(["b@101000"]);
  });

  it("go on when the clock is set back, and neither repeat nor stall when it stumbles", () => {
    const slots = running([check("a", { delayMs: 1_000 })], 999_000);
    const release = (now: number) => {
      const { calls } = slots.advance(now);
      for (const call of calls) slots.release(call);
      return runs(calls);
    };
    expect(release(1_000_000)).toEqual(["a@1000000"]);
    expect(release(999_500)).toEqual([]);
    expect(slots.nextDueAt(999_500)).toBe(1_001_000);
    expect(release(1_001_000)).toEqual(["a@1001000"]);
    // An hour back.
    expect(slots.nextDueAt(401_000)).toBe(402_000);
    expect(release(401_000)).toEqual([]);
    expect(release(402_000)).toEqual(["a@402000"]);
    // A day ahead: one run, not 86,400.
    expect(release(86_802_300)).toEqual(["a@86802000"]);
  });

  it("have nothing due without checks", () => {
    const slots = running([], 0);
    expect(slots.nextDueAt(1_000)).toBeNull();
    expect(slots.advance(1_000)).toEqual({ calls: [], late: [] });
  });

  it("refuse to release a call twice", () => {
    const slots = running([check("a")], 99_000);
    const [call] = slots.advance(100_000).calls;
    if (call === undefined) throw new Error("a call was expected");
    slots.release(call);
    expect(() => slots.release(call)).toThrow(/assertion/);
  });

  it("end every tick exactly once, as started or as late, with five in flight at most, whatever the calls take", () => {
    const checks = fc.array(
      fc.record({ delay: fc.integer({ min: 1, max: 6 }), phase: fc.nat({ max: 5 }), timeout: fc.integer({ min: 1, max: 3 }) }),
      {
        maxLength: 25,
      },
    );
    const durations = fc.infiniteStream(fc.integer({ min: 1, max: 9_000 }));
    fc.assert(
      fc.property(checks, durations, (specs, takes) => {
        const list = specs.map(({ delay, phase, timeout }, index) =>
          check(`check-${index}`, { delayMs: delay * 1000, phaseMs: (phase % delay) * 1000, timeoutMs: timeout * 1000 }),
        );
        const slots = running(list, 99_999);
        const ended: string[] = [];
        const calls = new Map<Call, number>();
        const step = (now: number) => {
          const { calls: started, late } = slots.advance(now);
          for (const call of started) calls.set(call, now + takes.next().value);
          ended.push(...runs(started), ...late.map(({ key, tick }) => `${key}@${tick}`));
          const inFlight = [...calls.keys()].reduce((sum, call) => sum + call.runs.length, 0);
          expect(inFlight).toBe(slots.inFlight);
          expect(inFlight).toBeLessThanOrEqual(5);
          expect(slots.queued).toBeLessThanOrEqual(list.length);
        };
        for (let now = 100_000; now < 130_000; now += 500) {
          for (const [call, until] of calls) {
            if (until > now) continue;
            calls.delete(call);
            slots.release(call);
            step(now);
          }
          step(now);
        }
        const due = list.flatMap(({ key, delayMs, phaseMs }) => {
          const ticks = [];
          for (let tick = 100_000; tick < 130_000; tick += 500) if (tick % delayMs === phaseMs) ticks.push(`${key}@${tick}`);
          return ticks;
        });
        expect(new Set(ended).size).toBe(ended.length);
        // What is missing still waits for a slot.
        const missing = due.filter((tick) => !ended.includes(tick));
        expect(ended.every((tick) => due.includes(tick))).toBe(true);
        expect(missing).toHaveLength(slots.queued);
      }),
    );
  });
});

describe("a doubt", () => {
  const confirm = { delayMs: 1_000, fails: 2, passes: 2 };
  const doubted = (key = "a") => check(key, { delayMs: 20_000, phaseMs: 5_000, confirm });
  /** Slots at 100 s, with these checks, five seconds after the last tick. */
  const at100 = (total: number, ...checks: ScheduledCheck[]) => {
    const slots = new Slots(total);
    slots.replace(checks, 90_000);
    slots.resume(90_000, 90_000);
    slots.advance(90_000);
    return slots;
  };

  it("is looked at once at once, again after its delay, and no more often than the verdict needs", () => {
    const slots = at100(5, doubted());
    slots.doubt("a", "down", 91_000);
    const [first] = slots.advance(91_000).calls;
    expect(first?.runs).toEqual([{ key: "a", tick: 91_000 }]);
    slots.concluded("a", "fail", 91_020);
    slots.release(first as Call);
    expect(slots.advance(91_500).calls).toEqual([]);
    expect(slots.nextDueAt(91_500)).toBe(92_000);
    const [second] = slots.advance(92_000).calls;
    slots.concluded("a", "fail", 92_020);
    slots.release(second as Call);
    expect(slots.advance(94_000).calls).toEqual([]);
    expect(slots.nextDueAt(94_000)).toBe(105_000);
  });

  it("ends with a pass, and is not begun twice", () => {
    const slots = at100(5, doubted());
    slots.doubt("a", "down", 91_000);
    slots.doubt("a", "down", 91_000);
    const { calls } = slots.advance(91_000);
    expect(calls.flatMap((call) => call.runs)).toHaveLength(1);
    slots.concluded("a", "pass", 91_010);
    slots.release(calls[0] as Call);
    expect(slots.advance(93_000).calls).toEqual([]);
  });

  it("waits for a slot that no regular check wants, and never beside a check of the same endpoint", () => {
    const slots = at100(1, doubted("a"), check("b", { delayMs: 20_000, phaseMs: 5_000 }));
    slots.doubt("a", "down", 104_999);
    const [look] = slots.advance(104_999).calls;
    expect(look?.runs).toEqual([{ key: "a", tick: 104_999 }]);
    expect(slots.advance(105_000).calls).toEqual([]);
    slots.concluded("a", "fail", 105_010);
    slots.release(look as Call);
    const [regular] = slots.advance(106_200).calls;
    expect(regular?.runs.map((run) => run.tick)).toEqual([105_000]);
  });

  it("from a time that has not come yet, on a clock that was set back, does not keep new doubts out", () => {
    const slots = at100(5, doubted());
    slots.doubt("a", "down", 3_600_000);
    slots.advance(91_000);
    slots.doubt("a", "down", 91_000);
    expect(slots.advance(91_000).calls.flatMap((call) => call.runs)).toEqual([{ key: "a", tick: 91_000 }]);
  });

  it("of a check that is gone is dropped", () => {
    const slots = at100(5, doubted());
    slots.doubt("a", "down", 91_000);
    slots.replace([], 91_000);
    expect(slots.advance(91_000).calls).toEqual([]);
    slots.doubt("a", "down", 91_000);
    expect(slots.advance(91_000).calls).toEqual([]);
  });
});
