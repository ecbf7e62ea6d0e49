import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { phaseMs, placeShards } from "../domain/schedule.ts";
import { billOf, billText, planDollars, runsOf, type Size } from "./cost-bill.ts";
import { costOptions } from "./cost-options.ts";

const size = (more: Partial<Size> = {}): Size => ({
  members: 2_000,
  regions: 3,
  delay: 20,
  timeout: 2,
  latencyMs: 200,
  hangingPercent: 0,
  ...more,
});
const anySize = fc
  .record({
    members: fc.integer({ min: 1, max: 20_000 }),
    regions: fc.integer({ min: 1, max: 16 }),
    delay: fc.integer({ min: 1, max: 3_600 }),
    timeout: fc.integer({ min: 1, max: 60 }),
    latencyMs: fc.integer({ min: 1, max: 1_000 }),
    hangingPercent: fc.integer({ min: 0, max: 100 }),
  })
  .map((one) => ({ ...one, timeout: Math.min(one.timeout, one.delay) }));
const used = (of: Size, what: string) => billOf(of).lines.find((line) => line.what === what)?.used ?? Number.NaN;

describe("the monthly bill", () => {
  it("has as many shards as the schedule makes", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 20 }),
        (members, delay, wanted) => {
          const timeout = Math.min(delay, wanted);
          const checks = Array.from({ length: members }, (_, index) => ({
            key: String(index),
            delayMs: delay * 1_000,
            timeoutMs: timeout * 1_000,
          }));
          const shards = new Set(placeShards(new Map(), checks).values()).size;
          expect(billOf(size({ members, delay, timeout, regions: 1 })).shards).toBe(shards);
        },
      ),
    );
  });

  it.each([
    [40, 20],
    [16, 20],
    [100, 60],
    [100, 25],
    [7, 1],
  ])("knows how often a shard of %i checks with delay %i runs, as the schedule spreads them", (checks, delay) => {
    const shards = 300;
    let [wakes, calls] = [0, 0];
    for (let shard = 0; shard < shards; shard += 1) {
      const phases = Array.from({ length: checks }, (_, index) =>
        phaseMs({
          member_id: `m${shard}-${index}`,
          endpoint: "192.0.2.1",
          monitor_id: "w",
          delayMs: delay * 1_000,
          region: "weur",
          regions: ["weur"],
        }),
      );
      for (const due of Map.groupBy(phases, (phase) => phase).values()) {
        wakes += 1;
        calls += Math.ceil(due.length / 5);
      }
    }
    const formula = runsOf(checks, delay);
    expect(wakes / shards / formula.wakes).toBeCloseTo(1, 1);
    expect(calls / shards / formula.calls).toBeCloseTo(1, 1);
  });

  it("carries every check, and never more in a call than there are slots", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 600 }), (checks, delay) => {
        const { wakes, calls } = runsOf(checks, delay);
        expect(wakes).toBeLessThanOrEqual(Math.min(checks, delay) + 1e-6);
        expect(calls).toBeGreaterThanOrEqual(wakes - 1e-6);
        expect(calls).toBeGreaterThanOrEqual(checks / 5 - 1e-6);
        expect(calls).toBeLessThanOrEqual(checks + 1e-6);
      }),
    );
  });

  it("is the plan and its lines, and only what is beyond what is included costs", () => {
    fc.assert(
      fc.property(anySize, (one) => {
        const { lines, dollars } = billOf(one);
        expect(dollars).toBeCloseTo(planDollars + lines.reduce((sum, line) => sum + line.dollars, 0), 6);
        for (const { used, included, price, dollars: cost } of lines) {
          expect(cost).toBeCloseTo(used <= included ? 0 : ((used - included) * price) / 1e6, 6);
        }
      }),
    );
  });

  it("is no lower with more members, more regions, more that hang, or a shorter delay", () => {
    fc.assert(
      fc.property(anySize, (one) => {
        const { dollars } = billOf(one);
        expect(billOf({ ...one, members: one.members * 2 }).dollars).toBeGreaterThanOrEqual(dollars - 1e-6);
        expect(billOf({ ...one, regions: one.regions + 1 }).dollars).toBeGreaterThanOrEqual(dollars - 1e-6);
        expect(billOf({ ...one, hangingPercent: 100 }).dollars).toBeGreaterThanOrEqual(dollars - 1e-6);
      }),
    );
    expect(billOf(size({ delay: 10 })).dollars).toBeGreaterThan(billOf(size({ delay: 20 })).dollars);
  });

  it("adds up by hand for one member", () => {
    // A minute between two checks: 43,200 alarms, calls and messages a month.
    const one = size({ members: 1, regions: 1, delay: 60, timeout: 5 });
    expect(used(one, "Queue operations")).toBeCloseTo(3 * 43_200, 3);
    expect(used(one, "Worker requests")).toBeCloseTo(43_200 + 43_200, 3);
    expect(used(one, "Durable Object requests")).toBeCloseTo(2 * 43_200 + 4 * 43_200, 3);
    expect(used(one, "Durable Object GB-s")).toBeCloseTo(331_776 + 43_200 * 0.2 * 0.128, 3);
    expect(billOf(one).dollars).toBe(planDollars);
    // All of it hangs: each call takes the whole timeout.
    expect(used({ ...one, hangingPercent: 100 }, "Durable Object GB-s")).toBeCloseTo(331_776 + 43_200 * 5 * 0.128, 3);
  });
});

describe("the command line of npm run cost", () => {
  const options = (line: string) => costOptions(line.split(" "));

  it("takes a size", () => {
    expect(options("--members 20 --regions 3 --delay 30 --timeout 5")).toEqual({
      members: 20,
      regions: 3,
      delay: 30,
      timeout: 5,
      latencyMs: 200,
      hangingPercent: 0,
    });
  });

  it.each([
    ["--members 20 --regions 3 --delay 30", ["--timeout must be a whole number from 1 to 60, and is missing"]],
    ["--members 1.5 --regions 3 --delay 30 --timeout 5", ['--members must be a whole number from 1 to 1000000, got "1.5"']],
    ["--members 20 --regions 17 --delay 30 --timeout 61", [expect.stringContaining("--regions"), expect.stringContaining("--timeout")]],
    ["--members 20 --regions 3 --delay 5 --timeout 6", ["--timeout must be at most --delay, got 6 and 5"]],
    ["--members 20 --regions 3 --delay 5 --timeout 5 --hanging 101", [expect.stringContaining("--hanging")]],
    ["--many 20", [expect.stringContaining("--many")]],
  ])("says what is wrong with %s", (line, wrong) => {
    expect(options(line)).toEqual(wrong);
  });

  it("ends with 2 and says it on standard error", async () => {
    const run = promisify(execFile)("node", [join(import.meta.dirname, "cost.ts"), "--members", "none"]);
    await expect(run).rejects.toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("--members must be a whole number") });
  });
});

it("docs/costs.md shows what npm run cost prints", () => {
  const page = readFileSync(resolve(import.meta.dirname, "../docs/costs.md"), "utf8");
  const shown = [...page.matchAll(/```sh\nnpm run cost -- ([^\n]+)\n```\n\n```text\n([\s\S]*?)\n```/g)];
  expect(shown).toHaveLength(3);
  for (const [, args = "", text] of shown) {
    const size = costOptions(args.split(" "));
    if (!("members" in size)) throw new Error(size.join("; "));
    expect(text).toBe(billText(size, billOf(size)));
  }
});
