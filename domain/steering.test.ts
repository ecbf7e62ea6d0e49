import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { onAllDownForms, steeringPolicies } from "./gslb.ts";
import { type Candidate, type PoolRules, poolHealth } from "./pool-health.ts";
import { type SteeredPool, type SteeringSettings, steer } from "./steering.ts";

const settings: SteeringSettings = {
  fqdn: "www.example.com.",
  zone: "example.com.",
  ttl: 30,
  policy: "failover",
  maxAnswers: null,
  onAllDown: "serve_all",
  fallback: null,
  lastKnown: [],
  stayAt: null,
  nothingJudged: false,
};
const member = (endpoints: string[], isUp = true, over: Partial<Candidate> = {}): Candidate => ({
  id: endpoints[0] ?? "",
  status: isUp ? "ACTIVE" : "DOWN",
  adminStateUp: true,
  weight: 1,
  judged: true,
  up: isUp ? endpoints : [],
  all: endpoints,
  override: null,
  heldBack: false,
  fellAt: null,
  released: false,
  ...over,
});
const rules: PoolRules = { minHealthyPercent: 0, panicPercent: 0, maxRemovalPercent: 100 };
const pool = (
  id: string,
  members: readonly Candidate[],
  adminStateUp = true,
  over: Partial<SteeredPool & PoolRules> = {},
): SteeredPool => ({
  id,
  name: id,
  adminStateUp,
  weight: 1,
  locations: [],
  geofence: false,
  heldBack: false,
  health: poolHealth(members, { ...rules, ...over }),
  ...over,
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

describe("weighted", () => {
  const weighted = { ...settings, policy: "weighted" as const };

  it("has a set for each member, with its weight and its pool's", () => {
    const pools = [
      pool("one", [member(["192.0.2.1", "2001:db8::1"], true, { weight: 3 }), member(["192.0.2.2"], false)], true, { weight: 10 }),
      pool("two", [member(["192.0.2.9"])], true, { weight: 20 }),
    ];
    expect(steer(pools, weighted).answers.map((set) => [set.type, ...set.values, set.pool_id, set.weight, set.pool_weight])).toEqual([
      ["A", "192.0.2.1", "one", 3, 10],
      ["AAAA", "2001:db8::1", "one", 3, 10],
      ["A", "192.0.2.9", "two", 1, 20],
    ]);
  });

  it("leaves out a pool of weight 0 unless all are", () => {
    const none = pool("one", [member(["192.0.2.1"])], true, { weight: 0 });
    expect(steer([none, pool("two", [member(["192.0.2.9"])])], weighted).poolIds).toEqual(["two"]);
    expect(steer([none], weighted).poolIds).toEqual(["one"]);
  });

  it("may have several CNAMEs, of which one is picked, and none beside an address", () => {
    const names = pool("one", [member(["a.example.net."]), member(["b.example.net."])]);
    expect(steer([names], weighted).answers.map(({ type }) => type)).toEqual(["CNAME", "CNAME"]);
    expect(steer([names, pool("two", [member(["192.0.2.9"])])], weighted).answers.map(({ type }) => type)).toEqual(["A"]);
  });
});

describe("a pool that is usable, and yet not preferred", () => {
  const panicking = pool("one", [member(["192.0.2.1"]), member(["192.0.2.2"], false), member(["192.0.2.3"], false)], true, {
    panicPercent: 50,
  });
  const second = pool("two", [member(["198.51.100.1"])]);

  it("in panic comes after one that is not, and is served whole where there is none", () => {
    expect(values(steer([panicking, second], settings))).toEqual([["A", "198.51.100.1"]]);
    const steering = steer([panicking], settings);
    expect(values(steering)).toEqual([["A", "192.0.2.1", "192.0.2.2", "192.0.2.3"]]);
    expect(steering.reason).toContain("in panic: 1 of 3 enabled members healthy");
  });

  it("held back comes after one that stood, also one further down, but before one in panic", () => {
    const back = pool("zero", [member(["203.0.113.1"])], true, { heldBack: true });
    expect(steer([back, second], settings).poolIds).toEqual(["two"]);
    expect(steer([back], settings).poolIds).toEqual(["zero"]);
    expect(steer([panicking, back], settings).poolIds).toEqual(["zero"]);
    expect(steer([back, second], { ...settings, policy: "round_robin" }).poolIds).toEqual(["two"]);
  });
});

describe("failback: manual", () => {
  const up = (id: string) => pool(id, [member([`${id}.example.net.`])]);
  const dead = (id: string) => pool(id, [member([`${id}.example.net.`], false)]);

  it("stays where traffic went, and says that it could go back", () => {
    expect(steer([up("a"), up("b"), up("c")], { ...settings, stayAt: "b" })).toMatchObject({ poolIds: ["b"], failbackPending: true });
    expect(steer([dead("a"), up("b"), up("c")], { ...settings, stayAt: "b" })).toMatchObject({ poolIds: ["b"], failbackPending: false });
  });

  it("goes on rather than back when that pool dies, and back where there is nothing else", () => {
    expect(steer([up("a"), dead("b"), up("c")], { ...settings, stayAt: "b" }).poolIds).toEqual(["c"]);
    expect(steer([up("a"), dead("b"), dead("c")], { ...settings, stayAt: "b" }).poolIds).toEqual(["a"]);
  });

  it("means nothing for a pool that is not there any more", () => {
    expect(steer([up("a"), up("b")], { ...settings, stayAt: "gone" }).poolIds).toEqual(["a"]);
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

  it("last_known keeps what was served, less who was deleted, disabled, or taken out", () => {
    const known = [
      { poolId: "one", memberId: "192.0.2.1", endpoints: ["192.0.2.1"] },
      { poolId: "one", memberId: "192.0.2.8", endpoints: ["192.0.2.8"] },
      { poolId: "two", memberId: "198.51.100.1", endpoints: ["198.51.100.1"] },
    ];
    const last = { ...settings, onAllDown: "last_known" as const, lastKnown: known };
    expect(values(steer(dead, last))).toEqual([
      ["A", "192.0.2.1"],
      ["A", "198.51.100.1"],
    ]);
    const out = pool("two", [member(["198.51.100.1"], false, { override: "drain" })]);
    expect(values(steer([dead[0] as SteeredPool, out], last))).toEqual([["A", "192.0.2.1"]]);
    // Nothing is left of it: an answer is better than none.
    expect(values(steer(dead, { ...last, lastKnown: [] }))).toEqual([["A", "192.0.2.1", "192.0.2.2"]]);
  });

  it("fallback_pool serves that pool: its healthy members, or all where none is", () => {
    const fall = (...members: Candidate[]) => ({ ...settings, onAllDown: "fallback_pool" as const, fallback: pool("f", members) });
    expect(values(steer(dead, fall(member(["203.0.113.1"]), member(["203.0.113.2"], false))))).toEqual([["A", "203.0.113.1"]]);
    expect(values(steer(dead, fall(member(["203.0.113.1"], false), member(["203.0.113.2"], false))))).toEqual([
      ["A", "203.0.113.1", "203.0.113.2"],
    ]);
    expect(values(steer(dead, fall()))).toEqual([["A", "192.0.2.1", "192.0.2.2"]]);
  });

  it("a primary pool that dies whole gives way to the second, whatever its budget and panic say", () => {
    const members = [1, 2, 3, 4].map((last) => member([`192.0.2.${last}`], false));
    const primary = pool("one", members, true, { maxRemovalPercent: 50, panicPercent: 50 });
    expect(steer([primary, pool("two", [member(["198.51.100.1"])])], settings).poolIds).toEqual(["two"]);
  });

  it("serves members never judged when nothing was judged in time, also under withdraw", () => {
    const pending = [pool("one", [member(["192.0.2.1"], false, { status: "PENDING", judged: false })])];
    expect(values(steer(pending, { ...settings, onAllDown: "withdraw", nothingJudged: true }))).toEqual([["A", "192.0.2.1"]]);
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
      fc.property(anyPools, fc.constantFrom(...steeringPolicies), fc.constantFrom(...onAllDownForms), (pools, policy, onAllDown) => {
        const steering = steer(build(pools), { ...settings, policy, onAllDown });
        const someone = pools.some(({ members, admin }) => admin && members.some((item) => item.admin));
        if (steering.answers.length === 0) expect(steering.outcome === "withdraw" || !someone).toBe(true);
        if (steering.outcome === "withdraw") expect(onAllDown).toBe("withdraw");
      }),
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

describe("a usable pool whose names have no address", () => {
  const apex = { ...settings, fqdn: "example.com." };
  const [dead, named, last] = [
    pool("a", [member(["192.0.2.1"], false)]),
    pool("b", [member(["origin.test."])]),
    pool("c", [member(["192.0.2.3"])]),
  ];
  const none = () => ({ addresses: [], why: "nobody knows it" });

  it("is passed over while another pool has something to serve", () => {
    const steering = steer([dead, named, last], { ...apex, resolve: none });
    expect([steering.outcome, values(steering), steering.poolIds]).toEqual(["serve", [["A", "192.0.2.3"]], ["c"]]);
    expect(steering.reason).toContain("origin.test. has no address (nobody knows it)");
    expect(steer([dead, named], { ...apex, resolve: none }).outcome).toBe("nothing");
  });

  it("is waited for until somebody was asked", () => {
    expect(steer([dead, named, last], { ...apex, resolve: () => ({ ...none(), isAwaited: true }) }).outcome).toBe("nothing");
  });
});
