import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { onAllDownForms, steeringPolicies } from "./gslb.ts";
import { type PoolMember, planPools } from "./plan-pools.ts";
import { type Candidate, poolHealth } from "./pool-health.ts";
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

const candidate = (id: string, all: readonly string[], up: readonly string[], over: Partial<Candidate> = {}): Candidate => ({
  id,
  status: up.length > 0 ? "ACTIVE" : "DOWN",
  adminStateUp: true,
  weight: 1,
  judged: true,
  up,
  all,
  override: null,
  heldBack: false,
  fellAt: null,
  released: false,
  ...over,
});
type Made = { readonly pool: SteeredPool; readonly members: readonly Candidate[] };
const made = (id: string, members: readonly Candidate[], over: Partial<SteeredPool> = {}): Made => ({
  members,
  pool: {
    id,
    name: `pool ${id}`,
    adminStateUp: true,
    weight: 1,
    locations: [],
    geofence: false,
    heldBack: false,
    health: poolHealth(members, { minHealthyPercent: 0, panicPercent: 0, maxRemovalPercent: 100 }),
    ...over,
  },
});

/** Two of the host names have addresses, one shared with a member; one leads back. */
const addresses: Readonly<Record<string, readonly string[]>> = {
  "a.example.net.": ["192.0.2.1", "192.0.2.77"],
  "c.example.net.": ["2001:db8::77"],
};
const names: Required<Pick<SteeringSettings, "resolve" | "isLoop">> = {
  resolve: (name) => ({ addresses: addresses[name] ?? [], why: "there is none" }),
  isLoop: (name) => name === "loop.example.net.",
};
const valuesOf = (endpoint: string) => [endpoint, ...(addresses[endpoint] ?? [])];

/** The plan's pools, and what was steered. */
function planned(pools: readonly Made[], over: Partial<SteeringSettings> = {}, outside: Made | null = null) {
  const all = outside === null ? pools : [...pools, outside];
  const steering = steer(
    pools.map(({ pool }) => pool),
    { ...settings, ...names, fallback: outside?.pool ?? null, ...over },
  );
  const membersOf = (poolId: string): PoolMember[] =>
    (all.find(({ pool }) => pool.id === poolId)?.members ?? []).map(({ id, weight, all: endpoints }) => ({
      id,
      name: id,
      weight,
      host_header: null,
      endpoints,
    }));
  const policy = over.policy ?? "failover";
  return {
    steering,
    pools: planPools(
      all.map(({ pool }) => pool),
      steering,
      { policy, membersOf, ...names },
    ),
  };
}
type Planned = ReturnType<typeof planned>["pools"];
const on = (pools: Planned) =>
  pools.map(({ id, picked, members }) => [
    id,
    picked,
    ...members.flatMap(({ endpoints }) => endpoints.flatMap((one) => (one.on ? [one.endpoint] : []))),
  ]);

const whole = made("one", [candidate("a", ["192.0.2.1"], ["192.0.2.1"]), candidate("b", ["192.0.2.2"], [])]);
const standby = made("two", [candidate("c", ["198.51.100.1"], ["198.51.100.1"]), candidate("d", ["198.51.100.2"], [])]);
const dead = made("three", [candidate("e", ["203.0.113.1"], [])]);

describe("the pools of a plan", () => {
  it("are all there in their order, with what is out of rotation, and the one that is picked", () => {
    const { pools } = planned([whole, standby, dead]);
    expect(on(pools)).toEqual([
      ["one", true, "192.0.2.1"],
      ["two", false, "198.51.100.1"],
      ["three", false],
    ]);
    expect(pools[0]?.members[1]).toEqual({
      id: "b",
      name: "b",
      weight: 1,
      host_header: null,
      endpoints: [{ endpoint: "192.0.2.2", on: false }],
    });
  });

  it("have nothing on in a pool that is switched off, or not usable", () => {
    const off = made("two", standby.members, { adminStateUp: false });
    const poor = made("three", dead.members.concat(candidate("f", ["203.0.113.2"], ["203.0.113.2"])), {});
    const weak = {
      ...poor,
      pool: { ...poor.pool, health: poolHealth(poor.members, { minHealthyPercent: 80, panicPercent: 0, maxRemovalPercent: 100 }) },
    };
    expect(on(planned([whole, off, weak]).pools)).toEqual([
      ["one", true, "192.0.2.1"],
      ["two", false],
      ["three", false],
    ]);
  });

  it("stay with the pool that traffic went to, while the preferred one stands by", () => {
    expect(on(planned([whole, standby], { stayAt: "two" }).pools)).toEqual([
      ["one", false, "192.0.2.1"],
      ["two", true, "198.51.100.1"],
    ]);
  });

  it("have everything on that is served in spite of its health", () => {
    expect(on(planned([dead]).pools)).toEqual([["three", true, "203.0.113.1"]]);
    expect(
      on(planned([dead], { onAllDown: "last_known", lastKnown: [{ poolId: "three", memberId: "e", endpoints: ["203.0.113.1"] }] }).pools),
    ).toEqual([["three", true, "203.0.113.1"]]);
  });

  it("have nothing on where the name is withdrawn", () => {
    expect(on(planned([dead], { onAllDown: "withdraw" }).pools)).toEqual([["three", false]]);
  });

  it("have a fallback pool that is none of them, last, in use or not", () => {
    expect(on(planned([whole], { onAllDown: "fallback_pool" }, standby).pools)).toEqual([
      ["one", true, "192.0.2.1"],
      ["two", false, "198.51.100.1"],
    ]);
    expect(on(planned([dead], { onAllDown: "fallback_pool" }, standby).pools)).toEqual([
      ["three", false],
      ["two", true, "198.51.100.1"],
    ]);
  });

  it("have a host name on that is answered by its addresses", () => {
    const mixed = made("one", [candidate("a", ["a.example.net."], ["a.example.net."]), candidate("b", ["192.0.2.2"], ["192.0.2.2"])]);
    const { steering, pools } = planned([mixed]);
    expect(steering.answers.map((set) => set.values)).toEqual([["192.0.2.1", "192.0.2.77", "192.0.2.2"]]);
    expect(on(pools)).toEqual([["one", true, "a.example.net.", "192.0.2.2"]]);
  });

  it("have an address that a new one replaced, for as long as it is served", () => {
    const moved = made("one", [candidate("a", ["192.0.2.9"], ["192.0.2.9"])]);
    const steering = steer([moved.pool], settings);
    const [pool] = planPools([moved.pool], steering, {
      policy: "failover",
      membersOf: () => [{ id: "a", name: "a", weight: 1, host_header: "www.example.com", endpoints: ["192.0.2.1"] }],
    });
    expect(pool?.members).toMatchObject([
      {
        host_header: "www.example.com",
        endpoints: [
          { endpoint: "192.0.2.1", on: false },
          { endpoint: "192.0.2.9", on: true },
        ],
      },
    ]);
  });
});

const endpoints = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2"].concat(
  ["a", "b", "c", "loop"].map((host) => `${host}.example.net.`),
);
const anyMember = fc
  .record({
    all: fc.subarray(endpoints, { minLength: 1, maxLength: 3 }),
    downs: fc.subarray([0, 1, 2]),
    weight: fc.constantFrom(0, 1, 1, 5),
    adminStateUp: fc.constantFrom(true, true, true, false),
    judged: fc.constantFrom(true, true, true, false),
    override: fc.constantFrom(null, null, null, "up" as const, "down" as const, "drain" as const),
  })
  .map(
    ({ all, downs, ...over }) =>
      (id: string) =>
        candidate(
          id,
          all,
          all.filter((_, index) => !downs.includes(index)),
          over,
        ),
  );
const anyPool = fc
  .record({
    members: fc.array(anyMember, { maxLength: 4 }),
    rules: fc.record({
      minHealthyPercent: fc.constantFrom(0, 0, 60, 100),
      panicPercent: fc.constantFrom(0, 50),
      maxRemovalPercent: fc.constantFrom(100, 34),
    }),
    adminStateUp: fc.constantFrom(true, true, true, false),
    heldBack: fc.boolean(),
    weight: fc.constantFrom(0, 1, 3),
    geofence: fc.boolean(),
    locations: fc.subarray([{ country: "FR" }, { continent: "EU" as const }]),
  })
  .map(({ members, rules, ...over }) => (id: string): Made => {
    const candidates = members.map((make, index) => make(`${id}-${index}`));
    return made(id, candidates, { ...over, health: poolHealth(candidates, rules) });
  });

describe("properties of a plan's pools", () => {
  /** A provider that serves what is on in the pools that are picked serves what every other provider answers with. */
  it("have on, where they are picked, exactly what the plan answers with", () => {
    fc.assert(
      fc.property(
        fc.array(anyPool, { minLength: 1, maxLength: 4 }),
        fc.option(anyPool),
        fc.constantFrom(...steeringPolicies),
        fc.constantFrom(...onAllDownForms),
        fc.constantFrom(null, 1, 2),
        fc.record({ apex: fc.boolean(), nothingJudged: fc.boolean(), known: fc.boolean(), stay: fc.boolean() }),
        (makes, makeOutside, policy, onAllDown, maxAnswers, { apex, nothingJudged, known, stay }) => {
          const all = makes.map((make, index) => make(`p${index}`));
          const lastKnown = known
            ? all.flatMap(({ pool: { id }, members }) =>
                members.slice(0, 2).map((one) => ({ poolId: id, memberId: one.id, endpoints: one.all.slice(0, 1) })),
              )
            : [];
          const over = { policy, onAllDown, maxAnswers, nothingJudged, lastKnown, stayAt: stay ? "p1" : null };
          const { steering, pools } = planned(
            all,
            { ...over, ...(apex ? { fqdn: "example.com." } : {}) },
            makeOutside?.("outside") ?? null,
          );
          if (steering.outcome === "nothing") return;
          const served = pools
            .filter(({ picked }) => picked)
            .flatMap(({ members }) => members.flatMap((one) => one.endpoints.filter(({ on: isOn }) => isOn)));
          const answered = steering.answers.flatMap((set) => set.values);
          // Each that is on is answered with, by its name or an address of its; and nothing is answered that no such one has.
          expect(served.filter(({ endpoint }) => !valuesOf(endpoint).some((value) => answered.includes(value)))).toEqual([]);
          const covered = served.flatMap(({ endpoint }) => valuesOf(endpoint));
          expect(answered.filter((value) => !covered.includes(value))).toEqual([]);
          expect(
            pools.some(({ members }) => members.some((one) => one.endpoints.some((each) => each.on && names.isLoop(each.endpoint)))),
          ).toBe(false);
          expect(pools.map(({ id }) => id)).toEqual([...all.map(({ pool }) => pool.id), ...(makeOutside === null ? [] : ["outside"])]);
          // While nothing is usable, nothing but what was chosen in spite of that is on anywhere.
          const idle = pools.filter(({ picked }) => !picked).flatMap(({ members }) => members.flatMap((one) => one.endpoints));
          if (steering.outcome !== "serve") expect(idle.some(({ on: isOn }) => isOn)).toBe(false);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
