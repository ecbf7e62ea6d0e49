import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Candidate, memberStatus, poolHealth, poolStatus } from "./pool-health.ts";
import { statuses } from "./status.ts";

const member = (id: number, over: Partial<Candidate> = {}): Candidate => ({
  id: `m${id}`,
  status: "ACTIVE",
  adminStateUp: true,
  weight: 1,
  judged: true,
  up: [`192.0.2.${id}`],
  all: [`192.0.2.${id}`],
  override: null,
  heldBack: false,
  fellAt: null,
  released: false,
  ...over,
});
const down = (id: number, over: Partial<Candidate> = {}) => member(id, { status: "DOWN", up: [], ...over });
const rules = (minHealthyPercent = 0, panicPercent = 0, maxRemovalPercent = 100) => ({
  minHealthyPercent,
  panicPercent,
  maxRemovalPercent,
});
const ids = (members: readonly { readonly id: string }[]) => members.map(({ id }) => id);
const pool = (healthy: number, size: number) => Array.from({ length: size }, (_, index) => (index < healthy ? member(index) : down(index)));

describe("a usable pool", () => {
  it.each([10, 20, 30, 40, 50, 60, 70, 80, 90].flatMap((percent) => Array.from({ length: 10 }, (_, up) => [percent, up] as const)))(
    "with min_healthy_percent %i and %i of 9 up",
    (percent, up) => {
      expect(poolHealth(pool(up, 9), rules(percent)).usable).toBe(up * 100 >= percent * 9 && up >= 1);
    },
  );

  it.each([
    [14, 50, 7],
    [28, 25, 7],
    [56, 25, 14],
  ])("%i percent of %i is %i, in integers", (percent, size, needed) => {
    expect(poolHealth(pool(0, size), rules(percent)).needed).toBe(needed);
  });

  it("counts neither those of weight 0, nor disabled ones, nor those never judged", () => {
    const health = poolHealth(
      [member(1), member(2, { weight: 0 }), member(3, { adminStateUp: false }), member(4, { judged: false, status: "PENDING", up: [] })],
      rules(100),
    );
    expect(health.enabled.map(({ id }) => id)).toEqual(["m1"]);
    expect(health.usable).toBe(true);
  });

  it("serves those never judged, or of weight 0, only when nothing else is servable", () => {
    const pending = member(1, { judged: false, status: "PENDING", up: [] });
    expect(poolHealth([pending, down(2)], rules()).servable.map(({ id }) => id)).toEqual(["m2"]);
    expect(poolHealth([pending, member(3, { weight: 0 })], rules()).servable.map(({ id }) => id)).toEqual(["m1", "m3"]);
  });
});

describe("overrides", () => {
  it("up is healthy whatever the checks say, also for one never judged", () => {
    const health = poolHealth(
      [down(1, { override: "up" }), member(2, { override: "up", judged: false, status: "PENDING", up: [] })],
      rules(100),
    );
    expect(health.usable).toBe(true);
    expect(health.serving.map(({ endpoints }) => endpoints)).toEqual([["192.0.2.1"], ["192.0.2.2"]]);
  });

  it("down stays in the sum, drain is left out of it, and neither is served, in panic or out", () => {
    const health = poolHealth([member(1, { override: "down" }), member(2, { override: "drain" }), member(3)], rules(51));
    expect([ids(health.enabled), health.needed, health.usable]).toEqual([["m1", "m3"], 2, false]);
    expect(ids(health.servable)).toEqual(["m3"]);
    expect(ids(poolHealth([member(1, { override: "down" }), member(3), down(4)], rules(0, 90)).serving.map((one) => one.member))).toEqual([
      "m3",
      "m4",
    ]);
  });

  it("admin_state_up false beats an override", () => {
    expect(poolHealth([member(1, { adminStateUp: false, override: "up" })], rules()).eligible).toEqual([]);
  });
});

describe("a member that is held back", () => {
  it("is not served while others are", () => {
    expect(ids(poolHealth([member(1, { heldBack: true }), member(2)], rules()).serving.map((one) => one.member))).toEqual(["m2"]);
  });

  it("yields where the pool would not be usable without it", () => {
    const health = poolHealth([member(1, { heldBack: true }), down(2)], rules());
    expect([health.usable, ids(health.yielded)]).toEqual([true, ["m1"]]);
    expect(poolHealth([member(1, { heldBack: true }), member(2), down(3), down(4)], rules(50)).healthy).toHaveLength(2);
  });

  it("is served before any that fails, where the budget keeps somebody in", () => {
    const members = [member(1), down(2, { fellAt: 1 }), member(3, { heldBack: true, fellAt: 2 }), down(4, { fellAt: 3 })];
    const health = poolHealth(members, rules(0, 0, 50));
    expect([ids(health.held), ids(health.yielded)]).toEqual([[], ["m3"]]);
    expect(ids(health.serving.map((one) => one.member))).toEqual(["m1", "m3"]);
  });
});

describe("panic", () => {
  it("serves all that may be served once too few are healthy, and not before", () => {
    expect(poolHealth(pool(5, 10), rules(0, 50)).panic).toBe(false);
    const health = poolHealth(pool(4, 10), rules(0, 50));
    expect([health.panic, health.serving.length, health.held]).toEqual([true, 10, []]);
  });

  it("is only of a usable pool", () => {
    expect(poolHealth(pool(0, 10), rules(0, 50)).panic).toBe(false);
  });
});

describe("the removal budget", () => {
  const fallen = (...order: number[]) => order.map((fellAt, index) => down(index + 2, { fellAt }));

  it("lets go those that fell first, and holds the rest", () => {
    const health = poolHealth([member(1), ...fallen(30, 10, 20)], rules(0, 0, 50));
    expect([health.budget, ids(health.held)]).toEqual([2, ["m2"]]);
    expect(ids(health.serving.map((one) => one.member))).toEqual(["m1", "m2"]);
    expect(ids(health.healthy)).toEqual(["m1"]);
  });

  it("does not hold what people decided", () => {
    expect(poolHealth([member(1), down(2, { released: true }), member(3, { override: "down" })], rules(0, 0, 1)).held).toEqual([]);
  });

  it("does not make a pool usable", () => {
    const health = poolHealth(fallen(1, 2), rules(0, 0, 1));
    expect([health.usable, health.held]).toEqual([false, []]);
  });
});

describe("any pool", () => {
  const candidate = (index: number) =>
    fc
      .record({
        status: fc.constantFrom(...statuses),
        adminStateUp: fc.boolean(),
        weight: fc.constantFrom(0, 1, 65_535),
        isUp: fc.boolean(),
        override: fc.constantFrom(null, null, "up" as const, "down" as const, "drain" as const),
        heldBack: fc.boolean(),
        fellAt: fc.option(fc.integer()),
        released: fc.boolean(),
      })
      .map(
        ({ isUp, ...rest }): Candidate =>
          member(index, { ...rest, judged: rest.status !== "PENDING", up: isUp ? [`192.0.2.${index}`] : [] }),
      );
  const members = fc
    .integer({ min: 0, max: 12 })
    .chain((size) => fc.tuple(...Array.from({ length: size }, (_, index) => candidate(index))));
  const percents = fc.record({
    minHealthyPercent: fc.integer({ min: 0, max: 100 }),
    panicPercent: fc.integer({ min: 0, max: 100 }),
    maxRemovalPercent: fc.integer({ min: 1, max: 100 }),
  });
  const passes = (one: Candidate) =>
    one.override === "up" || (one.override === null && one.up.length > 0 && (one.status === "ACTIVE" || one.status === "DEGRADED"));

  it("serves nobody that people took out, and somebody if it is usable", () => {
    fc.assert(
      fc.property(members, percents, (all, limits) => {
        const health = poolHealth(all, limits);
        for (const { member: one, endpoints } of health.serving) {
          expect(one.adminStateUp && one.override !== "down" && one.override !== "drain").toBe(true);
          expect(endpoints.length).toBeGreaterThan(0);
        }
        if (health.usable) expect(health.serving.length).toBeGreaterThan(0);
        expect(health.servable.length > 0).toBe(health.eligible.length > 0);
      }),
    );
  });

  it("is usable if and only if enough of the enabled pass, held back or not: damping never empties a pool", () => {
    fc.assert(
      fc.property(members, percents, (all, limits) => {
        const health = poolHealth(all, limits);
        const passing = health.enabled.filter(passes).length;
        expect(health.usable).toBe(passing >= 1 && passing * 100 >= limits.minHealthyPercent * health.enabled.length);
      }),
    );
  });

  it("keeps out no more than the budget says, of those that automation decides about", () => {
    fc.assert(
      fc.property(members, percents, (all, limits) => {
        const health = poolHealth(all, limits);
        if (!health.usable || health.panic) return;
        const served = new Set(health.serving.map((one) => one.member.id));
        const out = health.enabled.filter((one) => !served.has(one.id) && one.override === null && !one.released);
        const admitted = all.filter((one) => one.adminStateUp).length;
        expect(out.length * 100).toBeLessThanOrEqual(limits.maxRemovalPercent * admitted);
        // Nobody is held while the budget has room.
        if (health.held.length + health.yielded.length > 0 && health.healthy.length < served.size)
          expect(out.length).toBe(Math.floor((limits.maxRemovalPercent * admitted) / 100));
      }),
    );
  });

  it("is made no worse by one member more that passes", () => {
    fc.assert(
      fc.property(members, percents, fc.nat(), (all, limits, which) => {
        const index = all.length === 0 ? 0 : which % all.length;
        const one = all[index];
        if (one === undefined || !one.adminStateUp || one.weight === 0 || one.status === "PENDING" || one.override !== null) return;
        const before = poolHealth(all, limits);
        const better = all.with(index, { ...one, status: "ACTIVE", up: one.all, heldBack: false });
        const after = poolHealth(better, limits);
        expect(after.usable || !before.usable).toBe(true);
        // Where damping had to yield, one that needs it no more leaves the others waiting again, who counted till then.
        if (before.yielded.length === 0) expect(after.panic && before.usable && !before.panic).toBe(false);
        expect(after.usable && after.serving.some(({ member: served }) => served.id === one.id)).toBe(after.usable);
      }),
    );
  });

  it("serves in the order of its members, each once", () => {
    fc.assert(
      fc.property(members, percents, (all, limits) => {
        const order = ids(poolHealth(all, limits).serving.map((one) => one.member));
        expect(order).toEqual(ids(all).filter((one) => order.includes(one)));
      }),
    );
  });
});

describe("a member's status", () => {
  it.each([
    ["PENDING", ["unknown"], "PENDING"],
    ["PENDING", ["up"], "ACTIVE"],
    ["PENDING", ["down", "unknown"], "PENDING"],
    ["ACTIVE", ["down", "up"], "DEGRADED"],
    ["DEGRADED", ["down", "down"], "DOWN"],
    ["DOWN", ["up", "down"], "DEGRADED"],
    ["ACTIVE", ["unknown"], "ACTIVE"],
  ] as const)("held %s, endpoints %j: %s", (held, endpoints, expected) => {
    expect(memberStatus(held, endpoints)).toBe(expected);
  });

  it("never goes back to PENDING", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...statuses),
        fc.array(fc.constantFrom("up", "down", "unknown" as const), { minLength: 1 }),
        (held, endpoints) => {
          if (held !== "PENDING") expect(memberStatus(held, endpoints as ("up" | "down" | "unknown")[])).not.toBe("PENDING");
        },
      ),
    );
  });
});

describe("a pool's status", () => {
  it.each([
    ["PENDING", pool(0, 0), "PENDING"],
    ["PENDING", pool(2, 2), "ACTIVE"],
    ["ACTIVE", pool(1, 2), "DEGRADED"],
    ["DEGRADED", pool(0, 2), "DOWN"],
    ["ACTIVE", pool(0, 0), "DOWN"],
  ] as const)("held %s: case %#", (held, members, expected) => {
    expect(poolStatus(held, poolHealth(members, rules()), members.length)).toBe(expected);
  });
});
