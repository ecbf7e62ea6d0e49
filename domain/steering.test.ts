import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Candidate, poolHealth } from "./pool-health.ts";
import { type SteeredPool, type SteeringSettings, steer } from "./steering.ts";

const settings: SteeringSettings = {
  fqdn: "www.example.com.",
  zone: "example.com.",
  ttl: 30,
  policy: "failover",
  maxAnswers: null,
  onAllDown: "serve_all",
};
const member = (endpoints: string[], isUp = true, over: Partial<Candidate> = {}): Candidate => ({
  id: endpoints[0] ?? "",
  status: isUp ? "ACTIVE" : "DOWN",
  adminStateUp: true,
  weight: 1,
  judged: true,
  up: isUp ? endpoints : [],
  all: endpoints,
  ...over,
});
const pool = (id: string, members: readonly Candidate[], adminStateUp = true): SteeredPool => ({
  id,
  name: id,
  adminStateUp,
  health: poolHealth(members, 0),
});
const values = (steering: ReturnType<typeof steer>) => steering.answers.map((answer) => [answer.type, ...answer.values]);

describe("failover", () => {
  const first = pool("one", [member(["192.0.2.1"]), member(["192.0.2.2"], false)]);
  const second = pool("two", [member(["198.51.100.1"])]);

  it("serves the healthy members of the first usable pool", () => {
    expect(values(steer([first, second], settings))).toEqual([["A", "192.0.2.1"]]);
  });

  it("passes over a pool that is not usable, or is switched off, and says why", () => {
    const dead = pool("one", [member(["192.0.2.1"], false)]);
    const steering = steer([dead, second], settings);
    expect(values(steering)).toEqual([["A", "198.51.100.1"]]);
    expect(steering.reason).toContain("pool one is passed over: 0 of 1 enabled members healthy, 1 needed");
    expect(values(steer([pool("one", [member(["192.0.2.1"])], false), second], settings))).toEqual([["A", "198.51.100.1"]]);
  });
});

describe("round_robin", () => {
  it("serves all usable pools together, each address once", () => {
    const steering = steer(
      [
        pool("one", [member(["192.0.2.1"])]),
        pool("two", [member(["192.0.2.1"]), member(["192.0.2.9"])]),
        pool("three", [member(["192.0.2.7"], false)]),
      ],
      { ...settings, policy: "round_robin" },
    );
    expect(values(steering)).toEqual([
      ["A", "192.0.2.1"],
      ["A", "192.0.2.9"],
    ]);
  });
});

describe("when no pool is usable", () => {
  const dead = [pool("one", [member(["192.0.2.1"], false), member(["192.0.2.2"], false)]), pool("two", [member(["198.51.100.1"], false)])];

  it("serve_all serves the first pool whole, never a mixture", () => {
    const steering = steer(dead, settings);
    expect(steering.outcome).toBe("all_down");
    expect(values(steering)).toEqual([["A", "192.0.2.1", "192.0.2.2"]]);
  });

  it("serve_all leaves out what is switched off", () => {
    const half = [pool("one", [member(["192.0.2.1"], false, { adminStateUp: false }), member(["192.0.2.2"], false)])];
    expect(values(steer(half, settings))).toEqual([["A", "192.0.2.2"]]);
  });

  it("withdraw is the only form with an empty answer", () => {
    expect(steer(dead, { ...settings, onAllDown: "withdraw" })).toMatchObject({ outcome: "withdraw", answers: [] });
  });

  it("serves members never judged when nothing was judged in time, also under withdraw", () => {
    const pending = [pool("one", [member(["192.0.2.1"], false, { status: "PENDING", judged: false })])];
    expect(values(steer(pending, { ...settings, onAllDown: "withdraw" }, true))).toEqual([["A", "192.0.2.1"]]);
  });

  it("says that there is nothing where there is nothing", () => {
    expect(steer([], settings).outcome).toBe("nothing");
    expect(steer([pool("one", [])], settings).outcome).toBe("nothing");
    expect(steer([pool("one", [member(["192.0.2.1"])], false)], settings).outcome).toBe("nothing");
  });
});

describe("records", () => {
  it("come by family, and max_answers bounds each", () => {
    const mixed = pool("one", [member(["192.0.2.1", "2001:db8::1"]), member(["192.0.2.2", "2001:db8::2"])]);
    expect(values(steer([mixed], settings))).toEqual([
      ["A", "192.0.2.1", "192.0.2.2"],
      ["AAAA", "2001:db8::1", "2001:db8::2"],
    ]);
    expect(values(steer([mixed], { ...settings, maxAnswers: 1 }))).toEqual([
      ["A", "192.0.2.1"],
      ["AAAA", "2001:db8::1"],
    ]);
  });

  it("leave out a family whose endpoints are all down while the other is healthy", () => {
    const half = pool("one", [member(["192.0.2.1", "2001:db8::1"], true, { up: ["192.0.2.1"], status: "DEGRADED" })]);
    expect(values(steer([half], settings))).toEqual([["A", "192.0.2.1"]]);
  });

  it("are one CNAME for a host name off the apex, and nothing at the apex", () => {
    const named = pool("one", [member(["origin.example.net."])]);
    expect(values(steer([named], settings))).toEqual([["CNAME", "origin.example.net."]]);
    expect(steer([named], { ...settings, fqdn: "example.com." }).outcome).toBe("nothing");
  });

  it("never put a CNAME beside an address", () => {
    const mixed = pool("one", [member(["origin.example.net."]), member(["192.0.2.1"])]);
    expect(values(steer([mixed], settings))).toEqual([["A", "192.0.2.1"]]);
  });
});

describe("properties of steering", () => {
  const anyMember = fc.record({
    last: fc.integer({ min: 1, max: 200 }),
    isUp: fc.boolean(),
    admin: fc.boolean(),
    weight: fc.nat(2),
    judged: fc.boolean(),
  });
  const anyPools = fc.array(fc.record({ members: fc.array(anyMember, { maxLength: 6 }), admin: fc.boolean() }), { maxLength: 4 });
  const build = (
    pools: { members: { last: number; isUp: boolean; admin: boolean; weight: number; judged: boolean }[]; admin: boolean }[],
  ) =>
    pools.map(({ members, admin }, index) =>
      pool(
        `p${index}`,
        members.map((item) =>
          member([`192.0.${index}.${item.last}`], item.isUp && item.judged, {
            adminStateUp: item.admin,
            weight: item.weight,
            judged: item.judged,
          }),
        ),
        admin,
      ),
    );

  it("the answer is empty only under withdraw, or where no member may be served at all", () => {
    fc.assert(
      fc.property(
        anyPools,
        fc.constantFrom("failover", "round_robin" as const),
        fc.constantFrom("serve_all", "withdraw" as const),
        (pools, policy, onAllDown) => {
          const steering = steer(build(pools), { ...settings, policy: policy as "failover", onAllDown: onAllDown as "withdraw" });
          const someone = pools.some(({ members, admin }) => admin && members.some((item) => item.admin));
          if (steering.answers.length === 0) expect(steering.outcome === "withdraw" || !someone).toBe(true);
          if (steering.outcome === "withdraw") expect(onAllDown).toBe("withdraw");
        },
      ),
    );
  });

  it("no disabled member is ever in an answer, and none that is down while a pool is usable", () => {
    fc.assert(
      fc.property(anyPools, (pools) => {
        const built = build(pools);
        const steering = steer(built, settings);
        const served = new Set(steering.answers.flatMap((answer) => answer.values));
        pools.forEach(({ members, admin }, index) => {
          for (const item of members) {
            const address = `192.0.${index}.${item.last}`;
            const twin = members.some((other) => other !== item && other.last === item.last);
            if ((!item.admin || !admin) && !twin) expect(served.has(address)).toBe(false);
            if (steering.outcome === "serve" && !(item.isUp && item.judged) && !twin) expect(served.has(address)).toBe(false);
          }
        });
      }),
    );
  });
});
