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
  ...over,
});
const down = (id: number) => member(id, { status: "DOWN", up: [] });
const pool = (healthy: number, size: number) => Array.from({ length: size }, (_, index) => (index < healthy ? member(index) : down(index)));

describe("a usable pool", () => {
  it.each([10, 20, 30, 40, 50, 60, 70, 80, 90].flatMap((percent) => Array.from({ length: 10 }, (_, up) => [percent, up] as const)))(
    "with min_healthy_percent %i and %i of 9 up",
    (percent, up) => {
      expect(poolHealth(pool(up, 9), percent).usable).toBe(up * 100 >= percent * 9 && up >= 1);
    },
  );

  it.each([
    [14, 50, 7],
    [28, 25, 7],
    [56, 25, 14],
  ])("%i %% of %i is %i, in integers", (percent, size, needed) => {
    expect(poolHealth(pool(0, size), percent).needed).toBe(needed);
  });

  it("counts neither those of weight 0, nor disabled ones, nor those never judged", () => {
    const health = poolHealth(
      [member(1), member(2, { weight: 0 }), member(3, { adminStateUp: false }), member(4, { judged: false, status: "PENDING", up: [] })],
      100,
    );
    expect(health.enabled.map(({ id }) => id)).toEqual(["m1"]);
    expect(health.usable).toBe(true);
  });

  it("serves those never judged, or of weight 0, only when nothing else is servable", () => {
    const pending = member(1, { judged: false, status: "PENDING", up: [] });
    expect(poolHealth([pending, down(2)], 0).servable.map(({ id }) => id)).toEqual(["m2"]);
    expect(poolHealth([pending, member(3, { weight: 0 })], 0).servable.map(({ id }) => id)).toEqual(["m1", "m3"]);
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
    expect(poolStatus(held, poolHealth(members, 0), members.length)).toBe(expected);
  });
});
