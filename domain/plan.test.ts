import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { comparePlans, type Plan, plan } from "./plan.ts";

const answer = {
  type: "A",
  values: ["192.0.2.1"],
  ttl: 30,
  pool_id: "22222222-2222-4222-8222-222222222222",
  weight: null,
  pool_weight: null,
  locations: [],
  geofence: false,
  region: null,
} as const;

const valid: Plan = {
  gslb_id: "11111111-1111-4111-8111-111111111111",
  fqdn: "www.example.com.",
  zone: "example.com.",
  flavor: "edge",
  epoch: 0,
  number: 1,
  decided_at: 0,
  ttl: 30,
  withdrawn: false,
  policy: "failover",
  pools: [],
  answers: [{ ...answer, values: [...answer.values], locations: [] }],
};

describe("a plan", () => {
  it("has answers", () => {
    expect(plan.parse(valid)).toEqual(valid);
    expect(plan.safeParse({ ...valid, answers: [] }).success).toBe(false);
    expect(plan.safeParse({ ...valid, answers: [{ ...answer, values: [] }] }).success).toBe(false);
  });

  it("is empty only where it is withdrawn, and then it is", () => {
    expect(plan.safeParse({ ...valid, withdrawn: true, answers: [] }).success).toBe(true);
    expect(plan.safeParse({ ...valid, withdrawn: true }).success).toBe(false);
  });

  it("has a number from 1 on and a TTL of at least a second", () => {
    for (const wrong of [{ number: 0 }, { number: 1.5 }, { epoch: -1 }, { ttl: 0 }]) {
      expect(plan.safeParse({ ...valid, ...wrong }).success).toBe(false);
    }
  });

  it("survives JSON", () => {
    expect(plan.parse(JSON.parse(JSON.stringify(valid)))).toEqual(valid);
  });
});

describe("plan numbers", () => {
  const number = fc.record({ epoch: fc.nat(5), number: fc.integer({ min: 1, max: 5 }) });

  it("go by the epoch first", () => {
    expect(comparePlans({ epoch: 1, number: 1 }, { epoch: 0, number: 900 })).toBeGreaterThan(0);
    expect(comparePlans({ epoch: 1, number: 1 }, { epoch: 1, number: 2 })).toBeLessThan(0);
  });

  it("are in one order: of two, exactly one is newer, or they are the same", () => {
    fc.assert(
      fc.property(number, number, (a, b) => {
        expect(Math.sign(comparePlans(a, b)) + Math.sign(comparePlans(b, a))).toBe(0);
        expect(comparePlans(a, b) === 0).toBe(a.epoch === b.epoch && a.number === b.number);
      }),
    );
  });
});
