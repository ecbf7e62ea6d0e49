import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalHost } from "./host.ts";
import { limits } from "./limits.ts";
import { checkTarget, newestTick, nextTick, type Placeable, phaseMs, placeShards } from "./schedule.ts";

const second = 1_000;
const delayMs = fc.oneof(fc.constantFrom(1, 20, 86_400), fc.integer({ min: 1, max: 86_400 })).map((seconds) => seconds * second);
const regions = fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/), { minLength: 1, maxLength: limits.checkRegions });
const identity = fc.record({
  member_id: fc.uuid(),
  endpoint: fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()),
  monitor_id: fc.uuid(),
  delayMs,
  regions,
});

describe("properties of a phase", () => {
  /** The identity of a tick follows from the configuration alone: not from the order in which somebody lists the regions. */
  it("does not depend on the order of the regions, nor on how often one is named", () => {
    fc.assert(
      fc.property(identity, fc.nat(), (check, turn) => {
        const turned = check.regions.map((_, index, all) => all[(index + turn) % all.length] ?? "");
        for (const region of check.regions) {
          expect(phaseMs({ ...check, region, regions: [...turned, region] })).toBe(phaseMs({ ...check, region }));
        }
      }),
    );
  });

  /** Rule 6: some region looks at an endpoint at least every `delay ÷ regions`, rounded to the millisecond. */
  it("leaves no longer gap between two regions' looks than an even share of the delay", () => {
    fc.assert(
      fc.property(identity, fc.nat(2 ** 42), (check, now) => {
        const next = Math.min(
          ...check.regions.map((region) => nextTick({ delayMs: check.delayMs, phaseMs: phaseMs({ ...check, region }) }, now)),
        );
        expect(next - now).toBeLessThanOrEqual(Math.ceil(check.delayMs / check.regions.length));
      }),
    );
  });

  it("is a time within the delay, the same each time", () => {
    fc.assert(
      fc.property(identity, (check) => {
        for (const region of check.regions) {
          const phase = phaseMs({ ...check, region });
          expect(Number.isInteger(phase) && phase >= 0 && phase < check.delayMs).toBe(true);
          expect(phaseMs({ ...check, region })).toBe(phase);
        }
      }),
    );
  });
});

describe("properties of ticks", () => {
  const clock = fc.oneof(fc.constantFrom(0, -1, 2 ** 52), fc.integer({ min: -(2 ** 45), max: 2 ** 45 }));
  const check = delayMs.chain((delay) => fc.record({ delayMs: fc.constant(delay), phaseMs: fc.nat(delay - 1) }));

  /** Clocks: the same tick whenever it is asked for, also before 1970 and far away; time that goes on never brings an older one. */
  it("are the same for all times between two of them, and never go back while time goes on", () => {
    fc.assert(
      fc.property(check, clock, fc.nat(2 ** 30), (periodic, now, later) => {
        const newest = newestTick(periodic, now);
        expect(newestTick(periodic, newest)).toBe(newest);
        expect(newestTick(periodic, newest + periodic.delayMs - 1)).toBe(newest);
        expect(nextTick(periodic, newest)).toBe(newest + periodic.delayMs);
        expect(newestTick(periodic, now + later)).toBeGreaterThanOrEqual(newest);
        expect((newest - periodic.phaseMs) % periodic.delayMs).toBeCloseTo(0);
      }),
    );
  });
});

describe("properties of shards", () => {
  const checks = fc.uniqueArray(
    fc.record({ key: fc.string(), delayMs: fc.constantFrom(1, 2, 5, 20, 86_400), timeoutMs: fc.constantFrom(1, 2, 5, 20, 60) }),
    { selector: ({ key }) => key, maxLength: 200 },
  );
  const previous = fc.dictionary(fc.string(), fc.nat(8), { maxKeys: 20 }).map((entries) => new Map(Object.entries(entries)));

  /** Order: who places them all comes to the same, in whatever order they are listed. */
  it("do not depend on the order of the checks", () => {
    fc.assert(
      fc.property(checks, previous, fc.nat(), (list, before, turn) => {
        const turned = list.map((_, index) => list[(index + turn) % list.length] as Placeable);
        expect(new Map([...placeShards(before, turned)].toSorted())).toEqual(new Map([...placeShards(before, list)].toSorted()));
      }),
    );
  });

  /** Idempotence: what is placed stays placed. */
  it("are the same when all are placed again", () => {
    fc.assert(
      fc.property(checks, previous, (list, before) => {
        const placed = placeShards(before, list);
        expect(placeShards(placed, list)).toEqual(placed);
      }),
    );
  });

  /** Bounds: no two shards of a fresh placement could have been one, so that there are never twice as many as needed. */
  it("are as few as filling one after the other gives", () => {
    fc.assert(
      fc.property(checks, (list) => {
        const placed = placeShards(new Map(), list);
        const shards = [...Map.groupBy(list, ({ key }) => placed.get(key) ?? -1).values()].map((own) => ({
          targets: own.length,
          load: own.reduce((sum, one) => sum + one.timeoutMs / one.delayMs, 0),
        }));
        shards.forEach((one, index) => {
          for (const other of shards.slice(index + 1)) {
            expect(one.load + other.load > limits.shardLoad || one.targets + other.targets > limits.shardTargets).toBe(true);
          }
        });
      }),
    );
  });
});

describe("properties of a target", () => {
  /** What is served stays known, wherever it is checked. */
  it("is the monitoring address if there is one, else the endpoint, which it names in any case", () => {
    const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()).map((text) => canonicalHost(text) ?? "192.0.2.1");
    const member = fc.record({
      monitor_address: fc.option(host),
      monitor_port: fc.option(fc.integer({ min: 1, max: 65_535 })),
      host_header: fc.option(fc.domain()),
    });
    fc.assert(
      fc.property(member, host, (given, endpoint) => {
        const target = checkTarget(given, endpoint, {});
        expect(target.host).toBe(given.monitor_address ?? endpoint);
        expect(target).toMatchObject({ endpoint, port: given.monitor_port, hostHeader: given.host_header });
      }),
    );
  });
});
