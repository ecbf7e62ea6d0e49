import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "./limits.ts";
import { checkTarget, newestTick, nextTick, type Placeable, phaseMs, placeShards } from "./schedule.ts";

const regions = ["wnam", "enam", "weur"];
const check = { member_id: "m", endpoint: "192.0.2.1", monitor_id: "n", delayMs: 20_000, regions };
const phaseOf = (more: Partial<Parameters<typeof phaseMs>[0]> = {}) => phaseMs({ ...check, region: "weur", ...more });

describe("the phase of a check", () => {
  it("spreads the regions of one endpoint evenly over the delay", () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.integer({ min: 1, max: 86_400 }),
        fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 16 }),
        (id, s, names) => {
          const delayMs = s * 1000;
          const phases = names.map((region) => phaseOf({ member_id: id, delayMs, region, regions: names })).sort((a, b) => a - b);
          const gaps = phases.map((phase, index) => (phases[index + 1] ?? Number(phases[0]) + delayMs) - phase);
          for (const gap of gaps) expect(Math.abs(gap - delayMs / names.length)).toBeLessThanOrEqual(1);
          for (const phase of phases) expect(phase >= 0 && phase < delayMs && Number.isInteger(phase)).toBe(true);
        },
      ),
    );
  });

  it("does not depend on the order of the regions, nor on other monitors' regions", () => {
    expect(phaseOf({ regions: [...regions].reverse() })).toBe(phaseOf());
    expect(phaseOf({ regions: [...regions, "weur"] })).toBe(phaseOf());
  });

  it("lets the checks of one region fall on few instants", () => {
    const phases = Array.from({ length: 500 }, (_, index) => phaseOf({ member_id: `member-${index}` }));
    expect(new Set(phases).size).toBe(20);
    for (const phase of new Set(phases)) expect(phases.filter((other) => other === phase).length).toBeLessThan(60);
  });

  it("belongs to a region of the monitor", () => {
    expect(() => phaseOf({ region: "oc" })).toThrow(/assertion/);
  });
});

describe("ticks", () => {
  it("lie where t mod delay is the phase: the newest at or before, the next after a time", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 86_400_000 }), fc.nat(), fc.integer({ min: 0, max: 2 ** 42 }), (delayMs, phase, at) => {
        const check = { delayMs, phaseMs: phase % delayMs };
        const newest = newestTick(check, at);
        const next = nextTick(check, at);
        expect(next - newest).toBe(delayMs);
        expect(newest <= at && at < next).toBe(true);
        expect((((newest % delayMs) + delayMs) % delayMs) - check.phaseMs).toBe(0);
      }),
    );
  });
});

describe("the target of a check", () => {
  it("is the endpoint, or the member's own monitoring address and port", () => {
    const member = { monitor_address: null, monitor_port: null, host_header: null };
    expect(checkTarget(member, "192.0.2.1", {})).toEqual({ host: "192.0.2.1", port: null, hostHeader: null, endpoint: "192.0.2.1" });
    expect(
      checkTarget({ monitor_address: "127.0.0.1", monitor_port: 81, host_header: "a.example" }, "192.0.2.1", { target: null }),
    ).toEqual({
      host: "127.0.0.1",
      port: 81,
      hostHeader: "a.example",
      endpoint: "192.0.2.1",
    });
  });
});

describe("shards", () => {
  const checks = fc.uniqueArray(
    fc.record({ key: fc.string(), delayMs: fc.integer({ min: 1, max: 60 }), timeoutMs: fc.integer({ min: 1, max: 60 }) }),
    { selector: ({ key }) => key, maxLength: 300 },
  );
  const load = (list: readonly Placeable[]) => list.reduce((sum, { timeoutMs, delayMs }) => sum + timeoutMs / delayMs, 0);
  const inShards = (placed: ReadonlyMap<string, number>, list: readonly Placeable[]) =>
    Map.groupBy(list, ({ key }) => placed.get(key) ?? -1);

  it("never carry more than their load and their number of targets, unless one check alone is more", () => {
    fc.assert(
      fc.property(checks, fc.array(fc.nat({ max: 5 })), (list, before) => {
        const previous = new Map(list.slice(0, before.length).map(({ key }, index) => [key, before[index] ?? 0]));
        const placed = placeShards(previous, list);
        expect([...placed.keys()].sort()).toEqual(list.map(({ key }) => key).sort());
        for (const [shard, own] of inShards(placed, list)) {
          expect(shard).toBeGreaterThanOrEqual(0);
          expect(own.length).toBeLessThanOrEqual(limits.shardTargets);
          if (own.length > 1) expect(load(own)).toBeLessThanOrEqual(limits.shardLoad + 1e-6);
        }
      }),
    );
  });

  it("keep every check where it was when nothing changed, when checks are removed, and when checks are added", () => {
    fc.assert(
      fc.property(checks, fc.array(fc.boolean(), { minLength: 300, maxLength: 300 }), (list, keep) => {
        const placed = placeShards(new Map(), list);
        expect(placeShards(placed, [...list].reverse())).toEqual(placed);
        const some = list.filter((_, index) => keep[index]);
        const fewer = placeShards(placed, some);
        for (const { key } of some) expect(fewer.get(key)).toBe(placed.get(key));
        const grown = placeShards(fewer, list);
        for (const { key } of some) expect(grown.get(key)).toBe(fewer.get(key));
      }),
    );
  });

  it("take forty checks of two seconds in twenty, and a hundred light ones", () => {
    const many = (count: number, timeoutMs: number, delayMs: number) =>
      Array.from({ length: count }, (_, index) => ({ key: `check-${String(index).padStart(4, "0")}`, timeoutMs, delayMs }));
    const sizes = (list: Placeable[]) => [...inShards(placeShards(new Map(), list), list).values()].map((own) => own.length);
    expect(sizes(many(90, 2_000, 20_000)).toSorted()).toEqual([10, 40, 40]);
    expect(sizes(many(150, 1_000, 86_400_000)).toSorted((a, b) => a - b)).toEqual([50, 100]);
    expect(sizes(many(9, 1_000, 1_000))).toEqual([4, 4, 1]);
  });

  it("move a check only when it became too heavy for where it is", () => {
    const list = ["a", "b", "c", "d"].map((key) => ({ key, timeoutMs: 1_000, delayMs: 1_000 }));
    const placed = placeShards(new Map(), list);
    expect(new Set(placed.values())).toEqual(new Set([0]));
    const heavier = [...list.slice(0, 3), { key: "d", timeoutMs: 2_000, delayMs: 1_000 }];
    expect(placeShards(placed, heavier)).toEqual(
      new Map([
        ["a", 0],
        ["b", 0],
        ["c", 0],
        ["d", 1],
      ]),
    );
  });
});
