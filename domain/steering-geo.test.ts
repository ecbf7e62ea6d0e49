/** Steering by place: what stands in the plan, and that nobody's clients go where they may not. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Client, nowhere, poolFor } from "./geo.ts";
import { defaultPlace, onAllDownForms, type PoolPlace } from "./gslb.ts";
import { type Candidate, type PoolRules, poolHealth } from "./pool-health.ts";
import { type SteeredPool, type Steering, type SteeringSettings, steer } from "./steering.ts";

const settings: SteeringSettings = {
  fqdn: "www.example.com.",
  zone: "example.com.",
  ttl: 30,
  policy: "geo",
  maxAnswers: null,
  onAllDown: "serve_all",
  fallback: null,
  lastKnown: [],
  stayAt: null,
  nothingJudged: false,
};
const member = (endpoint: string, isUp = true, over: Partial<Candidate> = {}): Candidate => ({
  id: endpoint,
  status: isUp ? "ACTIVE" : "DOWN",
  adminStateUp: true,
  weight: 1,
  judged: true,
  up: isUp ? [endpoint] : [],
  all: [endpoint],
  override: null,
  heldBack: false,
  fellAt: null,
  released: false,
  ...over,
});
const rules: PoolRules = { minHealthyPercent: 0, panicPercent: 0, maxRemovalPercent: 100 };
const pool = (id: string, members: readonly Candidate[], place: Partial<PoolPlace> = {}, over: Partial<SteeredPool & PoolRules> = {}) => ({
  id,
  name: id,
  adminStateUp: true,
  ...defaultPlace,
  ...place,
  heldBack: false,
  health: poolHealth(members, { ...rules, ...over }),
  ...over,
});
const france: Client = { ...nowhere, country: "FR", continent: "EU" };
const germany: Client = { ...nowhere, country: "DE", continent: "EU" };
const canada: Client = { ...nowhere, country: "CA", continent: "NA" };

const answerFor = (steering: Steering, client: Client): string[] => {
  const chosen = poolFor(steering.places ?? [], client);
  return steering.answers.filter(({ pool_id }) => pool_id === chosen).flatMap(({ values }) => values);
};
const inFrance = { locations: [{ country: "FR" }] };
const inEurope = { locations: [{ continent: "EU" as const }] };
const fenced = { ...inFrance, geofence: true };
const all = (isUp: readonly boolean[], fr: Partial<PoolPlace> = inFrance): SteeredPool[] => [
  pool("fr", [member("192.0.2.1", isUp[0])], fr),
  pool("eu", [member("192.0.2.2", isUp[1])], inEurope),
  pool("rest", [member("192.0.2.3", isUp[2])]),
];

describe("geo", () => {
  it("answers each client from the pool for its place, and says so with every set", () => {
    const steering = steer(all([true, true, true]), settings);
    expect([france, germany, canada].map((client) => answerFor(steering, client))).toEqual([["192.0.2.1"], ["192.0.2.2"], ["192.0.2.3"]]);
    expect(steering.answers.map(({ pool_id, locations, geofence }) => [pool_id, locations, geofence])).toEqual([
      ["fr", [{ country: "FR" }], false],
      ["eu", [{ continent: "EU" }], false],
      ["rest", [], false],
    ]);
    expect(steering).toMatchObject({ outcome: "serve", poolIds: ["fr", "eu", "rest"] });
  });

  it("falls to the next less specific pool that is usable, then to any", () => {
    const left = (...isUp: boolean[]) => answerFor(steer(all(isUp), settings), france);
    expect(left(false, true, true)).toEqual(["192.0.2.2"]);
    expect(left(false, false, true)).toEqual(["192.0.2.3"]);
    const abroad = [
      pool("fr", [member("192.0.2.1", false)], inFrance),
      pool("us", [member("192.0.2.4")], { locations: [{ country: "US" }] }),
    ];
    const steering = steer(abroad, settings);
    expect(answerFor(steering, france)).toEqual(["192.0.2.4"]);
    expect(steering.reason).toContain("pool fr is passed over: 0 of 1 enabled members healthy");
  });

  it("has each pool's own records: the same address twice, a host name beside addresses, max_answers each", () => {
    const pools = [
      pool("fr", [member("192.0.2.1"), member("192.0.2.9")], inFrance),
      pool("eu", [member("192.0.2.1"), member("192.0.2.8")], inEurope),
      pool("rest", [member("origin.example.net.")]),
    ];
    const steering = steer(pools, { ...settings, maxAnswers: 1 });
    expect([france, germany, canada].map((client) => answerFor(steering, client))).toEqual([
      ["192.0.2.1"],
      ["192.0.2.1"],
      ["origin.example.net."],
    ]);
    // At the apex no host name can stand: its clients get another pool's addresses.
    expect(answerFor(steer(pools, { ...settings, fqdn: settings.zone }), canada)).toEqual(["192.0.2.1", "192.0.2.9"]);
  });

  it("passes over a pool in panic, and one that is held back, while another is as good as it was", () => {
    const panicking = pool("fr", [member("192.0.2.1"), member("192.0.2.5", false), member("192.0.2.6", false)], inFrance, {
      panicPercent: 50,
    });
    expect(answerFor(steer([panicking, ...all([true, true, true]).slice(1)], settings), france)).toEqual(["192.0.2.2"]);
    const held = pool("fr", [member("192.0.2.1")], inFrance, { heldBack: true });
    expect(answerFor(steer([held, ...all([true, true, true]).slice(1)], settings), france)).toEqual(["192.0.2.2"]);
  });

  it("with all down serves each client its own pool whole, or what on_all_down says", () => {
    const down = all([false, false, false]);
    expect([france, germany, canada].map((client) => answerFor(steer(down, settings), client))).toEqual([
      ["192.0.2.1"],
      ["192.0.2.2"],
      ["192.0.2.3"],
    ]);
    expect(steer(down, { ...settings, onAllDown: "withdraw" })).toMatchObject({ outcome: "withdraw", answers: [] });
    const fallback = pool("sorry", [member("192.0.2.250")]);
    const sorry = steer(down, { ...settings, onAllDown: "fallback_pool", fallback });
    expect([france, canada].map((client) => answerFor(sorry, client))).toEqual([["192.0.2.250"], ["192.0.2.250"]]);
  });
});

describe("a geofence", () => {
  const down = all([false, true, true], fenced);

  it("keeps its clients: they get what is servable of their pool, and nobody else gets it", () => {
    const steering = steer(down, settings);
    expect(answerFor(steering, france)).toEqual(["192.0.2.1"]);
    expect([germany, canada].map((client) => answerFor(steering, client))).toEqual([["192.0.2.2"], ["192.0.2.3"]]);
    expect(steering.reason).toContain("pool fr keeps its clients (geofence) and serves them alone");
    const alone = steer([down[0] as SteeredPool, pool("us", [member("192.0.2.4")], { locations: [{ country: "US" }] })], settings);
    expect([france, germany].map((client) => answerFor(alone, client))).toEqual([["192.0.2.1"], ["192.0.2.4"]]);
  });

  it("has no answer for them under withdraw", () => {
    const steering = steer(down, { ...settings, onAllDown: "withdraw" });
    expect([france, germany, canada].map((client) => answerFor(steering, client))).toEqual([[], ["192.0.2.2"], ["192.0.2.3"]]);
    expect(steering).toMatchObject({ outcome: "serve", poolIds: ["eu", "rest"] });
  });

  it("under last_known serves them what their pool served last, as long as it is away", () => {
    const two = [member("192.0.2.1"), member("192.0.2.7", false)];
    const lastKnown = (steering: Steering) => ({ ...settings, onAllDown: "last_known" as const, lastKnown: steering.served });
    const before = steer([pool("fr", two, fenced), ...down.slice(1)], { ...settings, onAllDown: "last_known" });
    const gone = [pool("fr", [member("192.0.2.1", false), member("192.0.2.7", false)], fenced), ...down.slice(1)];
    const once = steer(gone, lastKnown(before));
    const twice = steer(gone, lastKnown(once));
    expect([once, twice].map((steering) => answerFor(steering, france))).toEqual([["192.0.2.1"], ["192.0.2.1"]]);
  });

  it("holds before the fallback pool, and in panic", () => {
    const fallback = pool("sorry", [member("192.0.2.250")]);
    const sorry = steer(all([false, false, false], fenced), { ...settings, onAllDown: "fallback_pool", fallback });
    expect([france, germany].map((client) => answerFor(sorry, client))).toEqual([["192.0.2.1"], ["192.0.2.250"]]);
    const panicking = pool("fr", [member("192.0.2.1"), member("192.0.2.5", false)], fenced, { panicPercent: 100 });
    expect(answerFor(steer([panicking, ...down.slice(1)], settings), france)).toEqual(["192.0.2.1", "192.0.2.5"]);
  });

  it("is gone with its pool when that is switched off", () => {
    const off = { ...(down[0] as SteeredPool), adminStateUp: false };
    expect(answerFor(steer([off, ...down.slice(1)], settings), france)).toEqual(["192.0.2.2"]);
  });
});

const anyPlace: fc.Arbitrary<Partial<PoolPlace>> = fc.record({
  locations: fc.subarray([{ country: "FR" }, { country: "CA" }, { continent: "EU" as const }]),
  geofence: fc.boolean(),
});
const anyPool = fc
  .record({
    place: anyPlace,
    adminStateUp: fc.boolean(),
    heldBack: fc.boolean(),
    panicPercent: fc.constantFrom(0, 60),
    members: fc.array(fc.record({ isUp: fc.boolean(), weight: fc.constantFrom(0, 1, 1), adminStateUp: fc.boolean() }), { maxLength: 3 }),
  })
  .map(
    ({ place, members, adminStateUp, ...over }) =>
      (id: number) =>
        pool(
          `p${id}`,
          members.map(({ isUp, ...one }, n) => member(`192.0.${id}.${n}`, isUp, one)),
          place,
          // Mostly on.
          { ...over, adminStateUp: adminStateUp || id % 2 === 0 },
        ),
  );
const anyPools = fc.array(anyPool, { minLength: 1, maxLength: 5 }).map((make) => make.map((one, id) => one(id)));

describe("properties of geo", () => {
  it("everybody gets an answer, unless it is withdrawn, there is nothing at all, or a fence keeps him", () => {
    fc.assert(
      fc.property(
        anyPools,
        fc.constantFrom(...onAllDownForms),
        fc.constantFrom(nowhere, france, germany, canada),
        (pools, onAllDown, client) => {
          const steering = steer(pools, { ...settings, onAllDown });
          if (steering.outcome === "withdraw" || steering.outcome === "nothing") return;
          const chosen = poolFor(steering.places ?? [], client);
          const place = steering.places?.find(({ pool_id }) => pool_id === chosen);
          const values = answerFor(steering, client);
          if (values.length === 0) expect(place === undefined ? steering.places?.every(({ own }) => own) : place.own).toBe(true);
          const known = new Map(pools.map((one) => [one.id, one]));
          for (const { pool_id } of steering.answers) expect(known.get(pool_id)?.adminStateUp).toBe(true);
          for (const { pool_id } of steering.answers) expect(steering.places?.some((one) => one.pool_id === pool_id)).toBe(true);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it("no fence that stands is left: whose pool it is while all are well, gets that pool or nothing", () => {
    fc.assert(
      fc.property(
        anyPools,
        fc.constantFrom(...onAllDownForms),
        fc.constantFrom(nowhere, france, germany, canada),
        (pools, onAllDown, client) => {
          const steering = steer(pools, { ...settings, onAllDown });
          if (steering.outcome === "withdraw" || steering.outcome === "nothing") return;
          const admitted = pools.filter(({ adminStateUp }) => adminStateUp);
          const home = poolFor(
            admitted.map(({ id, locations }) => ({ pool_id: id, locations: [...locations], own: true })),
            client,
          );
          if (admitted.find(({ id }) => id === home)?.geofence !== true) return;
          expect(poolFor(steering.places ?? [], client)).toBe(home);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
