/** What PowerDNS is told, in each form in which it asks; with the real server it is tested in test/system/powerdns-remote.test.ts. */

import { Hono } from "hono";
import { describe, expect, it, vi } from "vitest";
import type { Change } from "../../domain/backend.ts";
import { limits } from "../../domain/limits.ts";
import type { Plan } from "../../domain/plan.ts";
import { answersIo } from "../../durable-objects/answers/answers-io.ts";
import { allAnswersDouble } from "../../test/answers-double.ts";
import type { ApiBindings, ApiEnv } from "./bindings.ts";
import { FindingCache } from "./dns-lookup.ts";
import { pdnsRoutes } from "./pdns.ts";

const secret = "s3cret-of-powerdns_0123456789abcdef";
const [near, far] = ["22222222-2222-4222-8222-222222222222", "33333333-3333-4333-8333-333333333333"] as const;
type SetOf = readonly [type: "A" | "AAAA" | "CNAME", values: readonly string[], pool?: string, weight?: number];

function publish(fqdn: string, sets: readonly SetOf[], more: Partial<Plan> = {}): Change {
  const answers = sets.map(([type, values, pool_id = near, weight]) => ({
    ...{ type, values: [...values], ttl: 30, pool_id, locations: [], geofence: false, region: null },
    weight: weight ?? null,
    pool_weight: weight === undefined ? null : 1,
  }));
  const identity = { gslb_id: "11111111-1111-4111-8111-111111111111", fqdn, zone: "example.com.", flavor: "edge", epoch: 0, number: 1 };
  const plan = { ...identity, decided_at: 0, ttl: 30, policy: "failover" as const, pools: [], withdrawn: answers.length === 0, answers };
  return { kind: "publish", plan: { ...plan, ...more } };
}

const places = [
  { pool_id: near, locations: [{ cidr: "203.0.113.0/24" }], own: false },
  { pool_id: far, locations: [], own: false },
];

async function serve(
  settings: Partial<ApiBindings["settings"]> = { KOSMOS_PDNS_SECRET: secret, KOSMOS_PDNS_NS: "ns1.example.net, ns2.example.net." },
) {
  const { one, all } = allAnswersDouble();
  const state = { now: 1_000_000, away: false, lookups: 0, chance: 0 };
  await answersIo(one).write([
    publish("www.example.com.", [
      ["A", ["192.0.2.1", "192.0.2.2"]],
      ["AAAA", ["2001:db8::1"]],
    ]),
    publish("alias.example.com.", [["CNAME", ["origin.example.net."]]]),
    publish("gone.example.com.", []),
    publish("deep.a.example.com.", [["A", ["192.0.2.9"]]]),
    publish("apex.test.", [["A", ["192.0.2.5"]]], { zone: "apex.test." }),
    publish("heavy.example.com.", [
      ["A", ["192.0.2.11"], near, 1],
      ["A", ["192.0.2.12"], near, 3],
    ]),
    publish(
      "geo.example.com.",
      [
        ["A", ["192.0.2.21"]],
        ["A", ["192.0.2.22"], far],
      ],
      { policy: "geo", places },
    ),
    publish("kept.example.com.", [["A", ["192.0.2.22"], far]], {
      policy: "geo",
      places: [{ ...places[0], own: true } as never, places[1] as never],
    }),
  ]);
  const app = new Hono<ApiEnv>();
  pdnsRoutes(app, { cache: new FindingCache(), now: () => state.now, random: () => state.chance, deadlineMs: 20 });
  const bindings: Partial<ApiBindings> = {
    settings: settings as ApiBindings["settings"],
    allAnswers: all,
    answers: (name) => ({
      ...one(name),
      lookup: (fqdn) => {
        state.lookups += 1;
        return state.away ? Promise.reject(new Error("overloaded")) : one(name).lookup(fqdn);
      },
    }),
  };
  const send = (path: string, init: RequestInit = {}) => app.request(path, init, bindings);
  const result = async (response: Response | Promise<Response>) => {
    const answered = await response;
    expect([answered.status, answered.headers.get("cache-control")]).toEqual([200, "no-store"]);
    // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came
    return ((await answered.json()) as { result: any }).result;
  };
  /** As the connector encodes it: dots too. */
  const encoded = (name: string) => encodeURIComponent(name).replaceAll(".", "%2e");
  const lookup = (name: string, type = "ANY", from = "0.0.0.0/0") =>
    result(send(`/pdns/${secret}/lookup/${encoded(name)}/${type}`, { headers: { "X-RemoteBackend-real-remote": from } }));
  const content = async (name: string, type?: string, from?: string) => {
    const records = await lookup(name, type, from);
    return records === false
      ? false
      : records.map((record: { qtype: string; content: string }) => `${record.qtype} ${record.content}`.trim());
  };
  return { state, send, result, lookup, content };
}

describe("a lookup", () => {
  it("asks the answers again after a fifth of a second, since PowerDNS waits for a failover too", async () => {
    const { state, content } = await serve();
    await content("www.example.com.");
    const asked = state.lookups;
    state.now += limits.pdnsCacheMs - 1;
    await content("www.example.com.");
    expect(state.lookups).toBe(asked);
    state.now += 1;
    await content("www.example.com.");
    expect(state.lookups).toBe(asked + 1);
  });

  it("of ANY has all that is there, with the TTL of the plan", async () => {
    const { lookup, content } = await serve();
    expect((await lookup("www.example.com."))[0]).toEqual({
      qtype: "A",
      qname: "www.example.com.",
      content: "192.0.2.1",
      ttl: 30,
      auth: 1,
      domain_id: -1,
      scopeMask: 0,
    });
    expect(await content("www.example.com.")).toEqual(["A 192.0.2.1", "A 192.0.2.2", "AAAA 2001:db8::1"]);
    expect(await content("alias.example.com.")).toEqual(["CNAME origin.example.net."]);
  });

  it("of one type has that type alone", async () => {
    const { content } = await serve();
    expect(await content("www.example.com.", "AAAA")).toEqual(["AAAA 2001:db8::1"]);
    expect(await content("www.example.com.", "SOA")).toBe(false);
    expect(await content("alias.example.com.", "A")).toBe(false);
    expect(await content("gone.example.com.", "A")).toBe(false);
  });

  it("has SOA and name servers at the apex, beside what is published there", async () => {
    const { content, lookup } = await serve();
    const soa = "SOA ns1.example.net. hostmaster.example.com. 1 3600 600 86400 5";
    expect(await content("example.com.", "SOA")).toEqual([soa]);
    expect(await content("EXAMPLE.com.")).toEqual([soa, "NS ns1.example.net.", "NS ns2.example.net."]);
    expect(await content("apex.test.")).toContain("A 192.0.2.5");
    expect((await lookup("example.com.", "SOA"))[0].ttl).toBe(5);
    const bare = await serve({ KOSMOS_PDNS_SECRET: secret });
    expect(await bare.content("example.com.")).toEqual(["SOA example.com. hostmaster.example.com. 1 3600 600 86400 5"]);
  });

  it("of a name without data says that the name is there, of others nothing", async () => {
    const { content } = await serve();
    for (const empty of ["gone.example.com.", "a.example.com."]) expect(await content(empty)).toEqual([""]);
    for (const absent of ["nope.example.com.", "*.example.com.", "example.org.", "com.", ".", "a\\032b.example.com."]) {
      expect(await content(absent)).toBe(false);
    }
  });

  it("of a weighted name is by chance, each time anew", async () => {
    const { content, state } = await serve();
    expect(await content("heavy.example.com.")).toEqual(["A 192.0.2.11"]);
    state.chance = 0.25;
    expect(await content("heavy.example.com.")).toEqual(["A 192.0.2.12"]);
    expect(state.lookups).toBe(1);
  });

  it("of a name that is steered by place is by the client's network, which it says", async () => {
    const { lookup, content } = await serve();
    expect(await lookup("geo.example.com.", "ANY", "203.0.113.0/24")).toMatchObject([{ content: "192.0.2.21", scopeMask: 24 }]);
    expect(await lookup("geo.example.com.", "A", "198.51.100.7/32")).toMatchObject([{ content: "192.0.2.22", scopeMask: 5 }]);
    expect(await lookup("geo.example.com.", "ANY")).toMatchObject([{ content: "192.0.2.22", scopeMask: 0 }]);
    // Behind a fence whose pool has nothing: the name is there, and there is no answer.
    expect(await lookup("kept.example.com.", "ANY", "203.0.113.9/32")).toMatchObject([{ qtype: "", content: "", scopeMask: 24 }]);
    expect(await content("kept.example.com.", "ANY", "198.51.100.7/32")).toEqual(["A 192.0.2.22"]);
  });

  it("asks the Answers objects once for what PowerDNS asks about one question", async () => {
    const { content, state } = await serve();
    for (const type of ["SOA", "ANY", "ANY"]) await content("www.example.com.", type);
    expect(state.lookups).toBe(1);
  });

  it("is unavailable while the answers are, and never says that a name is not there", async () => {
    const { send, state } = await serve();
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    try {
      state.away = true;
      const response = await send(`/pdns/${secret}/lookup/www.example.com./ANY`);
      expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
      expect(await response.text()).not.toContain(secret);
      expect(logged.mock.calls.flat().join()).toContain('"path":"/pdns/***"');
      expect(logged.mock.calls.flat().join()).not.toContain(secret);
    } finally {
      logged.mockRestore();
    }
  });
});

describe("the other forms", () => {
  const call = (method: string, parameters: object = {}) => ({ method: "POST", body: JSON.stringify({ method, parameters }) });
  const form = (parameters: object) => ({ method: "POST", body: new URLSearchParams({ parameters: JSON.stringify(parameters) }) });
  const question = { qname: "geo.example.com.", qtype: "ANY", remote: "127.0.0.1", "real-remote": "203.0.113.0/24", "zone-id": -1 };

  it("ask the same: post, and post_json", async () => {
    const { send, result } = await serve();
    for (const asked of [send(`/pdns/${secret}`, call("lookup", question)), send(`/pdns/${secret}/lookup`, form(question))]) {
      expect(await result(asked)).toMatchObject([{ content: "192.0.2.21", scopeMask: 24 }]);
    }
    expect(await result(send(`/pdns/${secret}/`, call("initialize", { url: "x" })))).toBe(true);
    for (const body of ["", "{", "[]", "null", "x=1"]) expect(await result(send(`/pdns/${secret}`, { method: "POST", body }))).toBe(false);
  });
});

describe("the zones", () => {
  it("are those that have a name, and each is known by itself", async () => {
    const { send, result } = await serve();
    const info = (zone: string) => ({ id: -1, zone, kind: "native", serial: 1 });
    const get = (path: string) => result(send(`/pdns/${secret}/${path}`));
    expect(await get("getAllDomains?includeDisabled=true")).toEqual([info("apex.test."), info("example.com.")]);
    expect(await get("getDomainInfo/example%2ecom%2e")).toEqual(info("example.com."));
    expect(await get("getDomainInfo/apex.test.")).toEqual(info("apex.test."));
    expect(await get("getDomainInfo/www.example.com.")).toBe(false);
    expect(await get("getDomainMetadata/example.com./PRESIGNED")).toEqual([]);
    expect(await get("getAllDomainMetadata/example.com.")).toEqual({});
    for (const path of ["list/-1/example.com.", "getUnfreshSlaveInfos", "getDomainKeys/example.com.", "nonsense", ""]) {
      expect(await get(path)).toBe(false);
    }
    expect(await result(send(`/pdns/${secret}/feedRecord/1`, { method: "PATCH", body: "rr[qtype]=A" }))).toBe(false);
  });
});

describe("the secret", () => {
  it("opens the path, and nothing else does", async () => {
    const { send } = await serve();
    for (const path of ["/pdns/", "/pdns", `/pdns/${secret}x/lookup/www.example.com./ANY`, `/pdns/${secret.slice(1)}/initialize`]) {
      expect((await send(path)).status).toBe(404);
    }
  });

  it.each([undefined, "", "short"])("is one of 32 characters at least: with %j there is no such path", async (setting) => {
    const { send } = await serve(setting === undefined ? {} : { KOSMOS_PDNS_SECRET: setting });
    for (const path of ["/pdns/", "/pdns/short/initialize", "/pdns//initialize", "/pdns/undefined/initialize"]) {
      expect((await send(path)).status).toBe(404);
    }
  });
});
