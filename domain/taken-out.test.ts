/** What people say of a member stands, whatever a rule would make of its health: in the sum, in the budget, and when everything is down. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultPlace } from "./gslb.ts";
import { type Candidate, poolHealth } from "./pool-health.ts";
import { type KnownMember, type SteeredPool, type SteeringSettings, steer } from "./steering.ts";

const rules = { minHealthyPercent: 0, panicPercent: 0, maxRemovalPercent: 100 };
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
const dead: Partial<Candidate> = { status: "DOWN", up: [] };
const servedBy = (members: readonly Candidate[], over = {}) => {
  const { serving } = poolHealth(members, { ...rules, ...over });
  return serving.map((one) => one.member.id);
};

describe("an override", () => {
  it("up serves a member that is held back, beside those that are not", () => {
    expect(servedBy([member(1, { heldBack: true, override: "up" }), member(2)])).toEqual(["m1", "m2"]);
  });

  it("down costs no removal budget: it is out, and automation may still keep out as many", () => {
    const members = [member(1, { override: "down" }), member(2), member(3, { ...dead, fellAt: 1 }), member(4, { ...dead, fellAt: 2 })];
    expect(servedBy(members, { maxRemovalPercent: 25 })).toEqual(["m2", "m4"]);
  });
});

describe("the removal budget", () => {
  it("is the largest whole number of members that is no more than the percentage", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 0, max: 40 }), (maxRemovalPercent, size) => {
        const { budget } = poolHealth(
          Array.from({ length: size }, (_, id) => member(id)),
          { ...rules, maxRemovalPercent },
        );
        expect(budget * 100).toBeLessThanOrEqual(maxRemovalPercent * size);
        expect((budget + 1) * 100).toBeGreaterThan(maxRemovalPercent * size);
      }),
    );
  });
});

describe("last_known", () => {
  const last = (members: readonly Candidate[], lastKnown: readonly KnownMember[]) => {
    const health = poolHealth(members, rules);
    const one: SteeredPool = { id: "one", name: "one", adminStateUp: true, ...defaultPlace, heldBack: false, health };
    const settings: SteeringSettings = {
      fqdn: "www.example.com.",
      zone: "example.com.",
      ttl: 30,
      policy: "failover",
      maxAnswers: null,
      onAllDown: "last_known",
      fallback: null,
      lastKnown,
      stayAt: null,
      nothingJudged: false,
    };
    return steer([one], settings).answers.flatMap((answer) => answer.values);
  };
  const knew = (id: number, ...endpoints: string[]): KnownMember => ({ poolId: "one", memberId: `m${id}`, endpoints });

  it("keeps nobody in of whom people say down since, though it counts in the pool's sum", () => {
    const members = [member(1, { ...dead, override: "down" }), member(2, dead), member(3, dead)];
    expect(last(members, [knew(1, "192.0.2.1"), knew(2, "192.0.2.2")])).toEqual(["192.0.2.2"]);
  });

  it("keeps no address of a member that the member has no more", () => {
    expect(last([member(1, { ...dead, all: ["192.0.2.1"] })], [knew(1, "192.0.2.1", "192.0.2.77")])).toEqual(["192.0.2.1"]);
  });
});
