/** How strict the double of Cloudflare's API is: what its schema and its documentation refuse, it refuses. */
import { beforeEach, describe, expect, it } from "vitest";
import { CloudflareDouble, type Zone } from "./doubles/cloudflare.ts";

let double: CloudflareDouble;
let zone: Zone;
beforeEach(() => {
  double = new CloudflareDouble();
  double.token("token", "zone:read", "dns:write", "lb:write", "pools:write");
  zone = double.zone("example.com");
});

type Errors = {
  readonly success: boolean;
  readonly errors: readonly { readonly code: number; readonly message: string }[];
  readonly result: never;
};
async function ask(method: string, path: string, json?: unknown, token = "token") {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const url = `https://api.cloudflare.com/client/v4${path}`;
  const response = await double.fetch(url, { method, headers, ...(json === undefined ? {} : { body: JSON.stringify(json) }) });
  const body = (await response.json()) as Errors;
  return { status: response.status, headers: response.headers, code: body.errors[0]?.code, body };
}
const batch = (json: object) => ask("POST", `/zones/${zone.id}/dns_records/batch`, json);
const record = (over: object = {}) => ({ type: "A", name: "www.example.com", content: "192.0.2.1", ttl: 60, ...over });
const contents = () => [...zone.records.values()].map(({ content }) => content).toSorted();
const pools = () => `/accounts/${zone.account}/load_balancers/pools`;
const pool = (over: object = {}) => ({ name: "one", origins: [{ name: "a", address: "192.0.2.1", enabled: true, weight: 0.5 }], ...over });
const makePool = async (over: object = {}): Promise<string> => ((await ask("POST", pools(), pool(over))).body.result as { id: string }).id;

describe("who calls", () => {
  it("is asked for a token, one that is known, and one that may", async () => {
    double.token("reader", "zone:read", "dns:read");
    expect(await ask("GET", "/zones", undefined, "nobody")).toMatchObject({ status: 401, code: 1_000 });
    expect(await ask("GET", "/zones", undefined, "two words")).toMatchObject({ status: 400, code: 6_003 });
    expect(await ask("POST", `/zones/${zone.id}/dns_records/batch`, { posts: [record()] }, "reader")).toMatchObject({
      status: 403,
      code: 10_000,
    });
    expect(await ask("GET", `/zones/${zone.id}/dns_records`, undefined, "reader")).toMatchObject({ status: 200 });
    expect(double.invalid).toEqual([]);
  });

  it("has 1,200 calls in five minutes, is told how many are left, and shut out after them until there are more", async () => {
    let now = 0;
    double.now = () => now;
    double.limit = 3;
    const left = async () => (await ask("GET", "/zones")).headers.get("Ratelimit");
    expect([await left(), await left(), await left()]).toEqual([2, 1, 0].map((r) => `"default";r=${r};t=300`));
    now = 100_000;
    const shut = await ask("GET", "/zones");
    expect([shut.status, shut.headers.get("Retry-After")]).toEqual([429, "200"]);
    now = 300_000;
    expect((await ask("GET", "/zones")).status).toBe(200);
    expect(new CloudflareDouble().limit).toBe(1_200);
  });
});

describe("a request that Cloudflare's schema does not have", () => {
  it.each<[string, () => Promise<{ status: number }>]>([
    ["an unknown path", () => ask("GET", "/zones/x/nothing")],
    ["a parameter of nobody's", () => ask("GET", "/zones?nmae=example.com")],
    ["a page of zones that is too long", () => ask("GET", "/zones?per_page=500")],
    ["a field that is misspelt", () => batch({ posts: [record({ proxyed: false })] })],
    ["a list that a batch has not", () => batch({ inserts: [record()] })],
    ["a record without a TTL", () => batch({ posts: [{ type: "A", name: "www.example.com", content: "192.0.2.1" }] })],
    ["a put without an id", () => batch({ puts: [record()] })],
    ["an A record with a name", () => batch({ posts: [record({ content: "origin.example.net" })] })],
    ["a TTL beyond a day", () => batch({ posts: [record({ ttl: 86_401 })] })],
    ["a weight in thousandths", () => ask("POST", pools(), pool({ origins: [{ name: "a", address: "192.0.2.1", weight: 0.123 }] }))],
    ["an origin with a field of nobody's", () => ask("POST", pools(), pool({ origins: [{ name: "a", address: "192.0.2.1", on: true }] }))],
    ["a pool without origins", () => ask("POST", pools(), { name: "one" })],
    [
      "a steering of nobody's",
      () =>
        ask("POST", `/zones/${zone.id}/load_balancers`, {
          name: "x.example.com",
          default_pools: [],
          fallback_pool: "",
          steering_policy: "fair",
        }),
    ],
    ["what only the API sets", () => ask("POST", pools(), pool({ created_on: "2026-01-01T00:00:00Z" }))],
  ])("is refused: %s", async (what, asked) => {
    expect((await asked()).status).toBe(400);
    if (what !== "an unknown path") expect(double.invalid).not.toEqual([]);
    expect([zone.records.size, double.lb.pools.size]).toEqual([0, 0]);
  });
});

describe("a batch of records", () => {
  it("is done in its documented order: deletes, patches, puts, posts", async () => {
    await batch({ posts: [record(), record({ content: "192.0.2.2" })] });
    const [first, second] = [...zone.records.keys()];
    const done = await batch({
      posts: [record({ type: "AAAA", content: "2001:DB8:0::1" }), record({ content: "192.0.2.1" })],
      puts: [{ id: second, ...record({ content: "192.0.2.3" }) }],
      patches: [{ id: second, ...record({ content: "192.0.2.4", comment: "soon gone" }) }],
      deletes: [{ id: first }],
    });
    expect(done.status).toBe(200);
    expect(contents()).toEqual(["192.0.2.1", "192.0.2.3", "2001:db8::1"]);
    expect(zone.records.get(second ?? "")?.comment).toBeNull();
  });

  it.each<[string, number, object]>([
    ["an identical record", 81_058, { posts: [record(), record()] }],
    ["an alias beside addresses", 81_053, { posts: [record(), record({ type: "CNAME", content: "origin.example.net" })] }],
    ["addresses beside an alias", 81_054, { posts: [record({ type: "CNAME", content: "origin.example.net" }), record()] }],
    ["an alias of itself", 9_039, { posts: [record({ type: "CNAME", content: "www.example.com" })] }],
    ["an id that is not there", 81_044, { posts: [record()], deletes: [{ id: "0".repeat(32) }] }],
    ["a TTL under a minute, but for 1", 9_021, { posts: [record({ ttl: 1 }), record({ content: "192.0.2.2", ttl: 30 })] }],
    ["a comment of more than 100 characters", 9_313, { posts: [record({ comment: "x".repeat(101) })] }],
    ["a tag on the free plan", 9_300, { posts: [record({ tags: ["a:b"] })] }],
    ["more than 200 records", 9_999, { posts: Array.from({ length: 201 }, (_, index) => record({ name: `n${index}.example.com` })) }],
  ])("is refused as a whole for %s", async (_, code, json) => {
    expect(await batch(json)).toMatchObject({ code, body: { success: false, result: null } });
    expect(contents()).toEqual([]);
    expect(double.invalid).toEqual([]);
  });

  it("is read in pages, and by name with its ending", async () => {
    await batch({ posts: Array.from({ length: 150 }, (_, index) => record({ name: `n${index}.example.com` })) });
    const page = await ask("GET", `/zones/${zone.id}/dns_records?page=2&per_page=100`);
    expect(page.body).toMatchObject({ result_info: { page: 2, per_page: 100, count: 50, total_count: 150 } });
    expect(((await ask("GET", `/zones/${zone.id}/dns_records?name.endswith=N1.example.com`)).body.result as unknown[]).length).toBe(1);
  });
});

describe("load balancers and pools", () => {
  const balancer = (ids: string[], over: object = {}) =>
    ask("POST", `/zones/${zone.id}/load_balancers`, { name: "www.example.com", default_pools: ids, fallback_pool: ids[0] ?? "", ...over });

  it("refer to what is there, and what is referred to stays", async () => {
    expect(await balancer(["0".repeat(32)])).toMatchObject({ status: 400, code: 1_002 });
    const id = await makePool();
    expect(await balancer([id])).toMatchObject({ status: 200 });
    expect(await ask("DELETE", `${pools()}/${id}`)).toMatchObject({ status: 412, code: 1_005 });
    expect(await ask("DELETE", `${pools()}/${"0".repeat(32)}`)).toMatchObject({ status: 404, code: 1_001 });
  });

  it("have names of their own, and origins with addresses of their own", async () => {
    const id = await makePool();
    expect(await ask("POST", pools(), pool())).toMatchObject({ code: 1_003 });
    expect(await ask("POST", pools(), pool({ name: "no spaces" }))).toMatchObject({ code: 1_002 });
    const twice = [
      { name: "a", address: "192.0.2.1" },
      { name: "b", address: "192.0.2.1" },
    ];
    expect(await ask("PATCH", `${pools()}/${id}`, { origins: twice })).toMatchObject({ code: 1_002 });
    expect(await ask("PATCH", `${pools()}/${id}`, { origins: [] })).toMatchObject({ code: 1_002 });
    const host = [{ name: "a", address: "192.0.2.1", header: { Host: ["www.elsewhere.example"] } }];
    expect(await ask("PATCH", `${pools()}/${id}`, { origins: host })).toMatchObject({ code: 1_002 });
    await balancer([id]);
    expect(await balancer([id])).toMatchObject({ code: 1_003 });
  });

  it("have their arrays replaced as a whole by a PATCH, and nothing else", async () => {
    const id = await makePool({ description: "kept" });
    await ask("PATCH", `${pools()}/${id}`, { origins: [{ name: "b", address: "192.0.2.2" }] });
    expect(double.lb.pools.get(id)).toMatchObject({
      description: "kept",
      origins: [{ name: "b", address: "192.0.2.2", enabled: true, weight: 1 }],
    });
    expect(double.lb.pools.get(id)?.origins).toHaveLength(1);
  });

  it("have places and weights within bounds", async () => {
    const id = await makePool();
    for (const over of [
      { region_pools: { MARS: [id] } },
      { country_pools: { France: [id] } },
      { pop_pools: { LAX: [id] } },
      { random_steering: { pool_weights: { [id]: 0.25 } } },
    ]) {
      expect(await balancer([id], over)).toMatchObject({ code: 1_002 });
    }
  });
});
