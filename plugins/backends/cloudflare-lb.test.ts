import { beforeEach, describe, expect, it } from "vitest";
import type { BackendIo, Change, WriteOutcome } from "../../domain/backend.ts";
import { differs } from "../../domain/drift.ts";
import { nameOf } from "../../domain/fence.ts";
import type { Plan } from "../../domain/plan.ts";
import { CloudflareDouble, type Fault, type Zone } from "../../test/doubles/cloudflare.ts";
import { addRecord } from "../../test/doubles/cloudflare-dns.ts";
import type { Balancer, Pool } from "../../test/doubles/cloudflare-lb.ts";
import { gslbId, type Pooled, planOf, publishOf } from "./cloudflare-lb.fixture.ts";
import { cloudflareLb } from "./cloudflare-lb.ts";

const www = "www.example.com.";
const a = "192.0.2.1";
const b = "192.0.2.2";
const c = "192.0.2.3";

let double: CloudflareDouble;
let zone: Zone;
let kept: Map<string, unknown>;
beforeEach(() => {
  double = new CloudflareDouble();
  double.token("secret-token", "zone:read", "dns:read", "lb:write", "pools:write");
  zone = double.zone("example.com");
  kept = new Map();
});

const settings = (more: object = {}) => cloudflareLb.settings.parse({ account_id: zone.account, ...more });
const backend = (token = "secret-token", more: object = {}) => ({
  settings: settings(more),
  credentials: { api_token: token },
  io: {
    now: () => 0,
    fetch: double.fetch,
    signal: new AbortController().signal,
    kept,
    connect: () => raise("no sockets"),
  } as unknown as BackendIo,
});
const live = async (fqdn = www, more: object = {}) =>
  (await cloudflareLb.read?.("example.com.", [fqdn], backend("secret-token", more)))?.[0] ?? raise("nothing read");
async function write(change: Change, more: object = {}): Promise<WriteOutcome> {
  const found = await live(nameOf(change), more);
  return cloudflareLb.write("example.com.", [{ ...change, found }], backend("secret-token", more));
}
const words = (outcome: WriteOutcome) => ("class" in outcome ? [outcome.class] : outcome.map((one) => (one.ok ? "ok" : one.error.class)));
const publish = async (number: number, policy: Plan["policy"], pools: readonly Pooled[], more: Partial<Plan> = {}) => {
  const plan = planOf(number, policy, pools, more);
  const came = await write(publishOf(plan));
  if (!Array.isArray(came) || came.some(({ ok }) => !ok)) throw new Error(JSON.stringify(came));
  expect(isLive(plan, (await live()).answers)).toBe(true);
  expect(await live()).toMatchObject({ gslbId, epoch: 0, number });
  return plan;
};
const isLive = (plan: Plan, answers: Awaited<ReturnType<typeof live>>["answers"]) =>
  !differs(plan, answers, (one) => cloudflareLb.expected?.(one, settings()) ?? []);
const removal = (number: number): Change => ({ kind: "unpublish", fqdn: www, zone: "example.com.", gslbId, epoch: 0, number });
const balancer = (): Balancer => [...double.lb.balancers.values()][0] ?? raise("no load balancer");
const pools = (): Pool[] => [...double.lb.pools.values()].toSorted((one, other) => (one.name < other.name ? -1 : 1));
const writes = () =>
  double.calls
    .filter(({ method }) => method !== "GET")
    .map(({ method, path }) => `${method} ${path.startsWith("/accounts") ? "pool" : "load balancer"}`);

describe("cloudflare_lb", () => {
  it("makes pools and a load balancer, without monitors, changes and removes them", async () => {
    await publish(1, "failover", [
      { n: 1, on: [a], off: [b], host: "app.example.com" },
      { n: 2, on: ["2001:db8::1"], picked: false },
    ]);
    expect(pools()).toMatchObject([
      {
        name: expect.stringMatching(/^kosmos-11111111-00000001-[0-9a-f]{16}$/),
        description: `heritage=kosmos gslb=${gslbId} plan=0.1`,
        origins: [
          { address: a, enabled: true, weight: 1, header: { Host: ["app.example.com"] } },
          { address: b, enabled: false },
        ],
      },
      { origins: [{ address: "2001:db8::1", enabled: true }] },
    ]);
    expect(pools()[0]).not.toHaveProperty("monitor");
    const [first] = pools();
    expect(balancer()).toMatchObject({
      name: "www.example.com",
      default_pools: [first?.id],
      fallback_pool: first?.id,
      steering_policy: "off",
      ttl: 60,
    });
    expect(double.lb.served("www.example.com")).toEqual([a]);
    await publish(2, "failover", [
      { n: 1, off: [a, b], host: "app.example.com" },
      { n: 2, on: ["2001:db8::1"] },
    ]);
    expect(double.lb.served("www.example.com")).toEqual(["2001:db8::1"]);
    expect(words(await write(removal(3)))).toEqual(["ok"]);
    expect([double.lb.balancers.size, double.lb.pools.size]).toEqual([0, 0]);
    expect(await live()).toEqual({ fqdn: www, epoch: null, number: null, answers: [] });
    expect(double.invalid).toEqual([]);
  });

  it("takes one call for a change of rotation, one for a change of pools, and none where all is so already", async () => {
    const both = [{ n: 1, on: [a, b] }];
    await publish(1, "failover", both);
    double.calls.length = 0;
    await publish(2, "failover", [{ n: 1, on: [a], off: [b] }]);
    expect(writes()).toEqual(["PATCH pool"]);
    expect(pools()[0]?.description).toBe(`heritage=kosmos gslb=${gslbId} plan=0.2`);
    await publish(3, "failover", [{ n: 1, on: [a], off: [b] }]);
    expect(writes()).toEqual(["PATCH pool", "PATCH load balancer"]);
    await publish(3, "failover", [{ n: 1, on: [a], off: [b] }]);
    expect(writes()).toHaveLength(2);
  });

  it("spreads by weight, in Cloudflare's steps: pools in tenths, origins in hundredths of the greatest", async () => {
    await publish(1, "weighted", [
      { n: 1, on: [a, b], weight: 300, weights: { [a]: 2, [b]: 1 } },
      { n: 2, on: [c], weight: 100 },
      { n: 3, on: ["192.0.2.4"], weight: 1 },
    ]);
    const [first, second, third] = pools();
    expect(balancer()).toMatchObject({
      steering_policy: "random",
      random_steering: { pool_weights: { [first?.id ?? ""]: 1, [second?.id ?? ""]: 0.3, [third?.id ?? ""]: 0.1 } },
    });
    expect(first?.origins.map(({ weight }) => weight)).toEqual([1, 0.5]);
  });

  it("serves all that are picked evenly under round_robin: a pool has as much as it has endpoints", async () => {
    await publish(1, "round_robin", [
      { n: 1, on: [a, b] },
      { n: 2, on: [c] },
    ]);
    expect(Object.values(balancer().random_steering?.pool_weights ?? {})).toEqual([1, 0.5]);
    expect(double.lb.served("www.example.com")).toEqual([a, b, c]);
  });

  it("steers by country and by continent, and sends the rest to the default pool", async () => {
    const eu = { n: 1, on: [a], locations: [{ continent: "EU" as const }] };
    const fr = { n: 2, on: [b], locations: [{ country: "FR" }] };
    await publish(1, "geo", [eu, fr, { n: 3, on: [c] }]);
    const [first, second, third] = pools();
    expect(balancer()).toMatchObject({
      steering_policy: "geo",
      default_pools: [third?.id],
      region_pools: { EEU: [first?.id], WEU: [first?.id] },
      country_pools: { FR: [second?.id] },
      location_strategy: { prefer_ecs: "geo" },
    });
    expect(double.lb.served("www.example.com", { country: "FR", region: "WEU" })).toEqual([b]);
    expect(double.lb.served("www.example.com", { country: "DE", region: "WEU" })).toEqual([a]);
    expect(double.lb.served("www.example.com", { country: "US", region: "ENAM" })).toEqual([c]);
    // Who is out leaves no place behind.
    await publish(2, "geo", [eu, { ...fr, on: [], off: [b] }, { n: 3, on: [c] }]);
    expect(double.lb.served("www.example.com", { country: "FR", region: "WEU" })).toEqual([a]);
  });

  it.each<[string, Pooled[], Partial<Plan>, RegExp]>([
    ["a range of addresses", [{ n: 1, on: [a], locations: [{ cidr: "203.0.113.0/24" }] }], {}, /cidr 203.0.113.0\/24 cannot be expressed/],
    ["a subdivision", [{ n: 1, on: [a], locations: [{ subdivision: "US-CA" }] }], {}, /subdivision US-CA cannot/],
    ["Antarctica as a continent", [{ n: 1, on: [a], locations: [{ continent: "AN" }] }], {}, /continent AN cannot/],
    [
      "a fence around a pool without an answer",
      [
        { n: 1, on: [a] },
        { n: 2, off: [b], locations: [{ country: "FR" }] },
      ],
      {
        places: [
          { pool_id: planOf(1, "geo", [{ n: 1 }]).pools[0]?.id ?? "", locations: [], own: false },
          { pool_id: planOf(1, "geo", [{ n: 2 }]).pools[0]?.id ?? "", locations: [{ country: "FR" }], own: true },
        ],
      },
      /country FR shall get no answer/,
    ],
  ])("refuses %s in words", async (_, pooled, more, words) => {
    const came = await write(publishOf(planOf(1, "geo", pooled, more)));
    expect(came).toMatchObject([{ ok: false, error: { class: "refused", detail: expect.stringMatching(words) } }]);
    expect(double.lb.pools.size).toBe(0);
  });

  it("switches a load balancer off for a withdrawn plan, and on again", async () => {
    const down = [{ n: 1, off: [a, b] }];
    await publish(1, "failover", [{ n: 1, on: [a, b] }]);
    await publish(2, "failover", down);
    expect(double.lb.served("www.example.com")).toBeNull();
    await publish(3, "failover", [{ n: 1, on: [b], off: [a] }]);
    expect(double.lb.served("www.example.com")).toEqual([b]);
    await write(removal(4));
    // One that is withdrawn from the first is made off.
    await publish(5, "failover", down);
    expect(balancer()).toMatchObject({ enabled: false });
    expect(double.invalid).toEqual([]);
  });

  it("publishes host names, and one address of two members once", async () => {
    await publish(1, "failover", [{ n: 1, on: ["origin.example.net.", a, a] }]);
    expect(
      pools()[0]
        ?.origins.map(({ address }) => address)
        .toSorted(),
    ).toEqual([a, "origin.example.net"]);
    expect((await live()).answers.flatMap(({ type, values }) => [type, ...values])).toEqual(["A", a, "CNAME", "origin.example.net."]);
  });

  it("proxies where the settings say so: then there is no TTL", async () => {
    const plan = planOf(1, "failover", [{ n: 1, on: [a] }]);
    expect(words(await write(publishOf(plan), { proxied: true }))).toEqual(["ok"]);
    expect(balancer().proxied).toBe(true);
    const sent = double.calls.find(({ method, path }) => method === "POST" && path.startsWith("/zones"));
    expect(sent?.body).not.toHaveProperty("ttl");
    const expected = cloudflareLb.expected?.(plan, settings({ proxied: true })) ?? [];
    expect(differs(plan, (await live()).answers, () => expected)).toBe(false);
    expect((await live()).answers[0]?.as).toContain("proxied");
  });

  it.each<[string, () => void]>([
    ["an origin switched off", () => edit((pool) => ({ ...pool, origins: pool.origins.map((one) => ({ ...one, enabled: false })) }))],
    ["an origin switched on", () => edit((pool) => ({ ...pool, origins: pool.origins.map((one) => ({ ...one, enabled: true })) }))],
    ["another weight", () => edit((pool) => ({ ...pool, origins: pool.origins.map((one) => ({ ...one, weight: 0.25 })) }))],
    [
      "another Host",
      () => edit((pool) => ({ ...pool, origins: pool.origins.map((one) => ({ ...one, header: { Host: ["x.example.com"] } })) })),
    ],
    ["a monitor", () => edit((pool) => ({ ...pool, monitor: "f1aba936b94213e5b8dca0c0dbf1f9cc" }))],
    ["a pool disabled", () => edit((pool) => ({ ...pool, enabled: false }))],
    ["another policy for origins", () => edit((pool) => ({ ...pool, origin_steering: { policy: "hash" } }))],
    ["another steering", () => change({ steering_policy: "random" })],
    ["the pools in another order", () => change({ default_pools: balancer().default_pools.toReversed() })],
    ["another pool for a country", () => change({ steering_policy: "geo", country_pools: { FR: [balancer().default_pools[1] ?? ""] } })],
    ["another TTL", () => change({ ttl: 300 })],
    ["a cloud turned orange", () => change({ proxied: true })],
    ["session affinity", () => change({ session_affinity: "cookie" })],
    ["rules", () => change({ rules: [{ name: "theirs" }] })],
    ["a load balancer switched off", () => change({ enabled: false })],
  ])("finds %s by hand, and writes over it", async (_, byHand) => {
    const plan = await publish(1, "failover", [
      { n: 1, on: [a], off: [b] },
      { n: 2, on: [c], picked: true },
    ]);
    byHand();
    expect(isLive(plan, (await live()).answers)).toBe(false);
    await publish(1, "failover", [
      { n: 1, on: [a], off: [b] },
      { n: 2, on: [c], picked: true },
    ]);
    expect(double.invalid).toEqual([]);
  });

  it("tells of records that it would stand before, never touches them, and is not held up by them when it is gone", async () => {
    addRecord(double, zone, { name: "www.example.com", type: "A", content: "203.0.113.7", ttl: 300 });
    addRecord(double, zone, { name: "below.www.example.com", type: "A", content: "203.0.113.8", ttl: 300 });
    expect(await live()).toMatchObject({ epoch: null, number: null, answers: [{ type: "A", values: ["203.0.113.7"], ttl: 300 }] });
    expect(await live()).not.toHaveProperty("gslbId");
    await publish(1, "failover", [{ n: 1, on: [a] }]);
    await write(removal(2));
    expect((await live()).answers).toEqual([]);
    // Somebody who has not seen it stand there, as after a restart, sees the records, until he has removed it.
    kept = new Map();
    expect((await live()).answers).toHaveLength(1);
    expect(words(await write(removal(2)))).toEqual(["ok"]);
    expect((await live()).answers).toEqual([]);
    expect([...zone.records.values()]).toHaveLength(2);
  });

  it("takes a monitor off, and leaves what is people's own", async () => {
    const plan = await publish(1, "failover", [{ n: 1, on: [a] }]);
    edit((pool) => ({
      ...pool,
      monitor: "f1aba936b94213e5b8dca0c0dbf1f9cc",
      latitude: 52.5,
      longitude: 13.4,
      notification_filter: { pool: { disable: true } },
    }));
    expect((await live()).answers[0]?.as).toContain("monitor f1aba");
    expect(words(await write(publishOf(plan)))).toEqual(["ok"]);
    expect(isLive(plan, (await live()).answers)).toBe(true);
    expect(pools()[0]).not.toHaveProperty("monitor");
    expect(pools()[0]).toMatchObject({ latitude: 52.5, longitude: 13.4, notification_filter: { pool: { disable: true } } });
    expect(await live()).toMatchObject({ gslbId, number: 1 });
    expect(double.invalid).toEqual([]);
  });

  it("says on the load balancer itself whose it is, also where nothing else changes", async () => {
    await publish(1, "failover", [{ n: 1, on: [a] }]);
    change({ description: "edited" });
    expect(await live()).toMatchObject({ epoch: null, number: null });
    await publish(2, "failover", [{ n: 1, on: [a] }]);
    const other = "11111111-2222-4222-8222-222222222222";
    const plan = planOf(3, "failover", [{ n: 1, on: [a] }], { gslb_id: other });
    expect(words(await write(publishOf(plan)))).toEqual(["ok"]);
    expect(await live()).toMatchObject({ gslbId: other, number: 3 });
    expect(double.lb.pools.size).toBe(1);
  });

  it("leaves other load balancers and pools as they are, also one that uses a pool of ours", async () => {
    const theirs = double.lb.makePool(zone.account, {
      name: "theirs",
      origins: [{ name: "x", address: "203.0.113.1", enabled: true, weight: 1 }],
    });
    const other = double.lb.makeBalancer(zone, { name: "other.example.com", default_pools: [theirs.id], fallback_pool: theirs.id });
    await publish(1, "failover", [
      { n: 1, on: [a] },
      { n: 2, on: [b], picked: false },
    ]);
    const [, second] = pools();
    double.lb.makeBalancer(zone, { name: "borrows.example.com", default_pools: [second?.id ?? ""], fallback_pool: second?.id ?? "" });
    // The pool left the GSLB; somebody else's load balancer has it.
    await publish(2, "failover", [{ n: 1, on: [a] }]);
    expect(double.lb.pools.has(second?.id ?? "")).toBe(true);
    expect(double.lb.balancers.get(other.id)).toEqual(other);
    expect(await live("other.example.com.")).toMatchObject({ epoch: null, answers: [{ type: "A", values: ["203.0.113.1"] }] });
    expect(words(await write(removal(3)))).toEqual(["retry"]);
    expect([...double.lb.balancers.values()].map(({ name }) => name)).toEqual(["other.example.com", "borrows.example.com"]);
  });

  it("passes on what Cloudflare's plan does not have, and stops at a limit of calls", async () => {
    double.lb.limits.origins = 1;
    const came = await write(publishOf(planOf(1, "failover", [{ n: 1, on: [a, b] }])));
    expect(came).toMatchObject([
      { error: { class: "refused", detail: "400: the origin list length must be in range [1, 1]: validation failed (1002)" } },
    ]);
    const fault: Fault = { status: 429, headers: { "Retry-After": "9" } };
    double.fault = ({ method }) => (method === "GET" ? null : fault);
    const changes = Array.from({ length: 40 }, (_, index) =>
      publishOf(planOf(1, "failover", [{ n: 1, on: [a] }], { fqdn: `n${index}.example.com.` })),
    );
    const outcome = await cloudflareLb.write("example.com.", changes, backend());
    expect(new Set(words(outcome))).toEqual(new Set(["retry"]));
    expect(double.calls.filter(({ status }) => status === 429).length).toBeLessThanOrEqual(4);
  });

  it("takes a call a name for five hundred changed names, and two to read them", async () => {
    double.limit = 10_000;
    const changes = (number: number, on: string[], off: string[]) =>
      Array.from({ length: 500 }, (_, index) =>
        publishOf(planOf(number, "failover", [{ n: 1, on, off }], { fqdn: `n${index}.example.com.` })),
      );
    const all = async (some: readonly Change[]) => {
      const found = (await cloudflareLb.read?.("example.com.", some.map(nameOf), backend())) ?? [];
      return words(
        await cloudflareLb.write(
          "example.com.",
          some.map((one, index) => ({ ...one, found: found[index] ?? raise("nothing read") })),
          backend(),
        ),
      );
    };
    expect(new Set(await all(changes(1, [a, b], [])))).toEqual(new Set(["ok"]));
    double.calls.length = 0;
    expect(new Set(await all(changes(2, [b], [a])))).toEqual(new Set(["ok"]));
    expect([double.calls.filter(({ method }) => method === "GET").length, double.calls.length]).toEqual([2, 502]);
    expect(double.invalid).toEqual([]);
  });

  it("is told who may not, and where nothing is", async () => {
    double.token("reader", "zone:read", "dns:read", "lb:read", "pools:read");
    const change = publishOf(planOf(1, "failover", [{ n: 1, on: [a] }]));
    expect(words(await cloudflareLb.write("example.com.", [change], backend("reader")))).toEqual(["credentials"]);
    await expect(cloudflareLb.read?.("example.com.", [www], backend("nobody"))).rejects.toMatchObject({
      failure: { class: "credentials" },
    });
    await expect(cloudflareLb.test?.(["example.org."], backend())).rejects.toMatchObject({ failure: { class: "not-found" } });
    await expect(cloudflareLb.read?.("example.com.", [www], backend("secret-token", { account_id: "0".repeat(32) }))).rejects.toMatchObject(
      {
        failure: { class: "not-found" },
      },
    );
  });
});

const edit = (as: (pool: Pool) => Pool) => {
  const id = balancer().default_pools[0] ?? "";
  double.lb.pools.set(id, as(double.lb.pools.get(id) ?? raise("no pool")));
};
const change = (fields: Partial<Balancer>) => double.lb.balancers.set(balancer().id, { ...balancer(), ...fields });

function raise(message: string): never {
  throw new Error(message);
}
