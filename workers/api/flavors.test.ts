import { describe, expect, test } from "vitest";
import type { Flavor } from "../../domain/flavor.ts";
import type { BackendsRpc, Sealed } from "../../durable-objects/rpc-backends.ts";
import { flavorPlace, open } from "../../durable-objects/seal.ts";
import { gslbBody, pointers, startApi } from "./api.fixture.ts";

const keys = { KOSMOS_ENCRYPTION_KEY: btoa("k".repeat(32)) };
const credentials = { api_token: "correct-horse" };
const other = { api_token: "battery-staple" };
const zone_id = "023e105f4ecef8ad9ca31a8372d0c353";
const flavorBody = { name: "cf", provider: "cloudflare_dns", settings: { zone_id }, credentials };
const path = "/v0.1/flavors/cf";

function start(settings: object = keys) {
  const asked: Sealed<Flavor>[] = [];
  const engine = { answer: { ok: true, value: ["example.com. can be read"] } as Awaited<ReturnType<BackendsRpc["testFlavor"]>> };
  const backends = (): BackendsRpc => ({
    backendsChanged: async () => {},
    testCloud: async () => ({ ok: true, value: [] }),
    testFlavor: async (flavor) => {
      asked.push(flavor);
      return engine.answer;
    },
  });
  const api = startApi(settings, {}, { backends });
  const opened = async (name = "cf") => JSON.parse(value(await open(api.flavors.rows.get(name)?.sealed ?? "", flavorPlace(name), keys)));
  return { ...api, asked, engine, opened };
}

function value<T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

describe("POST /v0.1/flavors", () => {
  test("answers 201 with the flavor, its defaults, its place and its tag; its credentials are sealed, and shown nowhere", async () => {
    const { call, flavors, opened } = start();
    const made = await call("POST", "/v0.1/flavors", flavorBody);
    expect(made.status).toBe(201);
    expect(made.headers.get("Location")).toBe(`http://kosmos.test${path}`);
    expect(made.headers.get("ETag")).toBe('"1.0"');
    expect(made.body).toEqual({
      id: expect.any(String),
      name: "cf",
      provider: "cloudflare_dns",
      settings: { zone_id, api_url: "https://api.cloudflare.com/client/v4", drift_interval: 300, on_drift: "reassert" },
      description: null,
      project_ids: [],
      domain_names: [],
      version: 1,
      created_at: expect.any(String),
      updated_at: expect.any(String),
      links: { self: `http://kosmos.test${path}` },
    });
    expect(await opened()).toEqual(credentials);
    const answers = [made, await call("GET", path), await call("GET", "/v0.1/flavors"), await call("PATCH", path, { description: "x" })];
    for (const { body } of answers) expect(JSON.stringify(body)).not.toMatch(/sealed|credentials|correct-horse/);
    expect(JSON.stringify(flavors.rows.get("cf"))).not.toMatch(/correct-horse/);
    expect((await call("GET", "/v0.1/flavors")).body.flavors.map(({ name }: Flavor) => name)).toEqual(["edge", "cf"]);
    expect((await call("GET", path, undefined, { "If-None-Match": '"2.0"' })).status).toBe(304);
  });

  test.each([
    [{ name: "AWS" }, "/name", 400],
    [{ name: undefined }, "/name", 400],
    [{ provider: "carrier_pigeon" }, "/provider", 400],
    [{ provider: undefined }, "/provider", 400],
    [{ provider: "edge", settings: {}, credentials: {} }, "/provider", 422],
    [{ settings: { api_url: "ftp://example.com" } }, "/settings/api_url", 400],
    [{ settings: { colour: "red" } }, "/settings/colour", 400],
    [{ settings: { on_drift: "shrug" } }, "/settings/on_drift", 400],
    [{ settings: [] }, "/settings", 400],
    [{ on_drift: "hold", settings: { on_drift: "reassert" } }, "/on_drift", 400],
    [{ drift_interval: -1 }, "/settings/drift_interval", 400],
    [{ credentials: {} }, "/credentials/api_token", 400],
    [{ credentials: { ...credentials, more: 1 } }, "/credentials/more", 400],
    [{ credentials: undefined }, "/credentials", 400],
    [{ credentials: null }, "/credentials", 400],
    [{ domain_names: ["not a name"] }, "/domain_names/0", 400],
    [{ project_ids: [""] }, "/project_ids/0", 400],
    [{ tags: [] }, "/tags", 400],
    [{ settings: { api_url: "https://10.0.0.1:5000" } }, "/settings/api_url", 422],
    [{ settings: { api_url: "https://[::1]/" } }, "/settings/api_url", 422],
    [{ settings: { api_url: "https://localhost/" } }, "/settings/api_url", 422],
    [{ settings: { api_url: "https://dns/" } }, "/settings/api_url", 422],
    [{ settings: { api_url: "https://203.0.113.7/" } }, "/settings/api_url", 422],
    [{ settings: { api_url: "https://admin:secret@dns.example.com/" } }, "/settings/api_url", 422],
  ])("%j is refused at %s with %i", async (change, pointer, status) => {
    const { call, flavors } = start();
    const answer = await call("POST", "/v0.1/flavors", { ...flavorBody, ...change });
    expect([answer.status, pointers(answer)]).toEqual([status, [pointer]]);
    expect(flavors.rows.size).toBe(0);
  });

  test("an address may be called where private ones are allowed, by the Engine; that agents may is not enough", async () => {
    const settings = { api_url: "http://127.0.0.1:4566" };
    const allowed = start({ ...keys, KOSMOS_ALLOW_PRIVATE: "1" });
    expect((await allowed.call("POST", "/v0.1/flavors", { ...flavorBody, settings })).status).toBe(201);
    const agents = start({ ...keys, KOSMOS_ALLOW_PRIVATE: "agents" });
    expect((await agents.call("POST", "/v0.1/flavors", { ...flavorBody, settings })).status).toBe(422);
  });

  test("how drift is looked for may stand beside the settings, and is shown in them", async () => {
    const { call } = start();
    const { body } = await call("POST", "/v0.1/flavors", {
      ...flavorBody,
      drift_interval: 0,
      on_drift: "hold",
      settings: { on_drift: "hold" },
    });
    expect(body.settings).toMatchObject({ drift_interval: 0, on_drift: "hold" });
    expect(body).not.toHaveProperty("on_drift");
    const patched = await call("PATCH", path, { drift_interval: 60, on_drift: null });
    expect(patched.body.settings).toMatchObject({ drift_interval: 60, on_drift: "reassert" });
  });

  test("a name that is taken is 409, and that of the built-in flavor, too", async () => {
    const { call } = start();
    await call("POST", "/v0.1/flavors", flavorBody);
    expect((await call("POST", "/v0.1/flavors", flavorBody)).status).toBe(409);
    expect((await call("POST", "/v0.1/flavors", { ...flavorBody, name: "edge" })).status).toBe(409);
  });

  test("without a key no credentials are taken", async () => {
    const { call, flavors } = start({});
    const answer = await call("POST", "/v0.1/flavors", flavorBody);
    expect([answer.status, answer.body.detail]).toEqual([503, expect.stringContaining("KOSMOS_ENCRYPTION_KEY")]);
    expect(flavors.rows.size).toBe(0);
  });

  test("credentials are not tried: that is what /test is for", async () => {
    const { call, asked, engine } = start();
    await call("POST", "/v0.1/flavors", flavorBody);
    expect(asked).toEqual([]);
    expect((await call("POST", `${path}/test`)).body).toEqual({ ok: true, class: null, details: ["example.com. can be read"] });
    engine.answer = { ok: false, error: { class: "credentials", detail: "403: the signature is wrong" } };
    const failed = await call("POST", `${path}/test`);
    expect([failed.status, failed.body]).toEqual([200, { ok: false, class: "credentials", details: ["403: the signature is wrong"] }]);
    expect(asked.map(({ name, sealed }) => [name, typeof sealed])).toEqual([
      ["cf", "string"],
      ["cf", "string"],
    ]);
    expect((await call("POST", "/v0.1/flavors/none/test")).status).toBe(404);
    expect((await call("POST", `${path}/test`, { zone: 1 })).status).toBe(400);
  });
});

describe("PUT and PATCH of a flavor", () => {
  const make = async () => {
    const api = start();
    const { body } = await api.call("POST", "/v0.1/flavors", { ...flavorBody, description: "one" });
    return { ...api, made: body };
  };

  test("GET, edit, PUT works; what it leaves out has its default, and credentials stay", async () => {
    const { call, made, opened, asked } = await make();
    const put = await call("PUT", path, { ...made, domain_names: ["Example.com"] });
    expect([put.status, put.body.domain_names, put.body.version]).toEqual([200, ["example.com."], 2]);
    const bare = await call("PUT", path, { provider: "cloudflare_dns" });
    expect(bare.body).toMatchObject({ description: null, domain_names: [], settings: { api_url: "https://api.cloudflare.com/client/v4" } });
    expect(await opened()).toEqual(credentials);
    expect(asked).toEqual([]);
  });

  test("a PATCH merges, also into the settings", async () => {
    const { call } = await make();
    const patched = await call("PATCH", path, { settings: { zone_id: null }, project_ids: ["default"] });
    expect(patched.body).toMatchObject({ description: "one", project_ids: ["default"] });
    expect(patched.body.settings).not.toHaveProperty("zone_id");
  });

  test.each(["PUT", "PATCH"])("new credentials by %s are tried first, whole, as they are to be", async (method) => {
    const { call, made, opened, asked, engine } = await make();
    const body = { ...(method === "PUT" ? made : {}), credentials: other };
    engine.answer = { ok: false, error: { class: "credentials", detail: "403: nobody knows it" } };
    const refused = await call(method, path, body);
    expect([refused.status, pointers(refused)]).toEqual([422, ["/credentials"]]);
    expect(refused.body.detail).toContain("403: nobody knows it");
    expect([asked.length, await opened()]).toEqual([1, credentials]);
    expect(value(await open(asked[0]?.sealed ?? "", "deployment/flavor/cf", keys))).toBe(JSON.stringify(other));
    expect((await call(method, `${path}?force=true`, body)).status).toBe(200);
    expect([asked.length, await opened()]).toEqual([1, other]);
    engine.answer = { ok: true, value: [] };
    expect((await call(method, path, { ...body, credentials })).status).toBe(200);
    expect([asked.length, await opened()]).toEqual([2, credentials]);
  });

  test("an Engine that does not answer is 503, and nothing is changed", async () => {
    const { call, bindings, opened } = await make();
    bindings.backends = () => ({ testFlavor: () => Promise.reject(new Error("away")) }) as unknown as BackendsRpc;
    expect((await call("PATCH", path, { credentials: other })).status).toBe(503);
    expect((await call("POST", `${path}/test`)).status).toBe(503);
    expect(await opened()).toEqual(credentials);
  });

  test("credentials are replaced as a whole; null is refused where the provider does not work without", async () => {
    const { call } = await make();
    expect(pointers(await call("PATCH", path, { credentials: {} }))).toEqual(["/credentials/api_token"]);
    expect(pointers(await call("PATCH", path, { credentials: null }))).toEqual(["/credentials"]);
  });

  test("the name stays: 422", async () => {
    const { call, made } = await make();
    for (const [method, body] of [
      ["PATCH", { name: "gcp" }],
      ["PUT", { ...made, name: "gcp" }],
    ] as const) {
      const answer = await call(method, path, body);
      expect([answer.status, pointers(answer)]).toEqual([422, ["/name"]]);
    }
  });

  test("If-Match, 404, 403 for edge, 409 where it is used", async () => {
    const { call, flavors } = await make();
    expect((await call("PATCH", path, { description: "x" }, { "If-Match": '"7"' })).status).toBe(412);
    expect((await call("PATCH", path, { description: "x" }, { "If-Match": '"1"' })).status).toBe(200);
    expect((await call("PATCH", "/v0.1/flavors/none", {})).status).toBe(404);
    for (const method of ["PUT", "PATCH", "DELETE"]) {
      const body = method === "DELETE" ? undefined : {};
      expect((await call(method, "/v0.1/flavors/edge", body)).status, method).toBe(403);
    }
    const users = [{ type: "gslb", id: "1", name: "www" }];
    flavors.users.set("cf", users);
    const used = await call("DELETE", path);
    expect([used.status, used.body.type, used.body.users]).toEqual([409, "/problems/in-use", users]);
    flavors.users.clear();
    expect((await call("DELETE", path, undefined, { "If-Match": '"1"' })).status).toBe(412);
    expect((await call("DELETE", path, undefined, { "If-Match": '"2"' })).status).toBe(204);
    expect((await call("DELETE", path)).status).toBe(404);
  });
});

describe("a GSLB with flavors", () => {
  const make = async (over: object = {}) => {
    const api = start();
    await api.call("POST", "/v0.1/flavors", { ...flavorBody, ...over });
    return api;
  };

  test("has one to four, of which flavor is the first; either may be given, or both where they agree", async () => {
    const { call } = await make();
    const { body } = await call("POST", "/v0.1/gslbs", { ...gslbBody, ttl: 60, flavors: ["cf", "edge"], adopt: true });
    expect(body).toMatchObject({ flavor: "cf", flavors: ["cf", "edge"], adopt: true });
    const gslb = `/v0.1/gslbs/${body.id}`;
    for (const [patch, flavors] of [
      [{ flavor: "edge" }, ["edge"]],
      [{ flavors: ["edge", "cf"] }, ["edge", "cf"]],
      [{ flavor: "edge", flavors: ["edge"] }, ["edge"]],
      [{ flavor: "cf", flavors: null }, ["cf"]],
      [{ flavor: null }, ["edge"]],
      [{ flavors: ["cf"] }, ["cf"]],
      [{ flavors: null }, ["edge"]],
    ] as const) {
      const answer = await call("PATCH", gslb, patch);
      expect([answer.status, answer.body.flavor, answer.body.flavors], JSON.stringify(patch)).toEqual([200, flavors[0], flavors]);
    }
    const { body: shown } = await call("GET", gslb);
    expect((await call("PUT", gslb, { ...shown, adopt: false })).body).toMatchObject({ flavors: ["edge"], adopt: false });
    for (const [body, at] of [
      [{ flavor: "edge", flavors: ["cf", "edge"] }, "/flavor"],
      [{ flavors: ["a", "b", "c", "d", "e"] }, "/flavors"],
      [{ flavors: ["cf", "cf"] }, "/flavors"],
    ] as const) {
      const answer = await call("PATCH", gslb, body);
      expect([answer.status, pointers(answer)], JSON.stringify(body)).toEqual([400, [at]]);
    }
    const unknown = await call("PATCH", gslb, { flavors: ["cf", "nowhere"] });
    expect([unknown.status, pointers(unknown)]).toEqual([422, ["/flavors/1"]]);
  });

  test("is 422 capability where not all of them can do what it asks", async () => {
    const { call } = await make();
    const answer = await call("POST", "/v0.1/gslbs", { ...gslbBody, ttl: 60, flavors: ["edge", "cf"], max_answers: 81 });
    expect([answer.status, answer.body.type]).toEqual([422, "/problems/capability"]);
    expect(answer.body.errors).toEqual([{ pointer: "/max_answers", detail: "must be at most 80, the maximum of flavor cf" }]);
    expect((await call("POST", "/v0.1/gslbs", { ...gslbBody, ttl: 60, flavors: ["edge"], max_answers: 81 })).status).toBe(201);
  });

  test.each([{ project_ids: ["other"] }, { domain_names: ["example.org"] }])("is 403 where the flavor has %j", async (over) => {
    const { call } = await make(over);
    const answer = await call("POST", "/v0.1/gslbs", { ...gslbBody, ttl: 60, flavor: "cf" });
    expect([answer.status, answer.body.type]).toEqual([403, "/problems/flavor-not-allowed"]);
  });

  test("keeps a flavor that is not for it any more", async () => {
    const { call } = await make();
    const { body } = await call("POST", "/v0.1/gslbs", { ...gslbBody, ttl: 60, flavor: "cf" });
    await call("PATCH", path, { project_ids: ["other"] });
    expect((await call("PATCH", `/v0.1/gslbs/${body.id}`, { description: "x" })).status).toBe(200);
    expect((await call("PATCH", `/v0.1/gslbs/${body.id}`, { flavors: ["edge"] })).status).toBe(200);
    expect((await call("PATCH", `/v0.1/gslbs/${body.id}`, { flavors: ["edge", "cf"] })).status).toBe(403);
  });

  test("of edge is made also while nobody can say which flavors there are; what is not known is 503, what was known is known", async () => {
    const { call, flavors } = await make();
    flavors.away = true;
    expect((await call("POST", "/v0.1/gslbs", { ...gslbBody, ttl: 60, flavor: "cf" })).status).toBe(503);
    expect((await call("POST", "/v0.1/gslbs", gslbBody)).status).toBe(201);
    expect((await call("GET", "/v0.1/flavors")).status).toBe(503);
    expect((await call("GET", "/v0.1/flavors/edge")).status).toBe(200);
    flavors.away = false;
    const { body } = await call("POST", "/v0.1/gslbs", { ...gslbBody, ttl: 60, fqdn: "a.example.com", flavor: "cf" });
    flavors.away = true;
    expect((await call("PATCH", `/v0.1/gslbs/${body.id}`, { ttl: 90 })).status).toBe(200);
  });

  test("that its backends have to let go first answers 202 with itself, on its way out", async () => {
    const { call, conductor } = await make();
    const { body } = await call("POST", "/v0.1/gslbs", { ...gslbBody, ttl: 60, flavor: "cf" });
    const row = conductor.rows.gslb.get(body.id);
    conductor.remove = async () => {
      Object.assign(row ?? {}, { action: "DELETE" });
      return { ok: true, value: null };
    };
    const answer = await call("DELETE", `/v0.1/gslbs/${body.id}`);
    expect([answer.status, answer.body.action, answer.headers.get("ETag")]).toEqual([202, "DELETE", '"1.0"']);
  });
});

describe("GET /v0.1/providers", () => {
  test("lists what there is with the schemas of settings and credentials, and what each can do", async () => {
    const { call } = start();
    const { status, body } = await call("GET", "/v0.1/providers");
    expect(status).toBe(200);
    const [edge] = body.providers.filter(({ provider }: { provider: string }) => provider === "edge");
    expect(edge).toMatchObject({
      title: expect.any(String),
      settings_schema: { type: "object", additionalProperties: false },
      credentials_schema: { type: "object", additionalProperties: false },
      supports: {
        record_types: ["A", "AAAA", "CNAME"],
        affinity: false,
        max_answers: 100,
        min_ttl: 1,
        batch: 500,
        read_back: true,
        own_health: false,
        rate_limit: null,
      },
    });
    const [cloudflare] = body.providers.filter(({ provider }: { provider: string }) => provider === "cloudflare_dns");
    expect(Object.keys(cloudflare.settings_schema.properties)).toEqual(expect.arrayContaining(["zone_id", "drift_interval", "on_drift"]));
    expect(cloudflare.credentials_schema.required).toEqual(["api_token"]);
    expect(body.metadata.total_count).toBe(body.providers.length);
    const first = await call("GET", "/v0.1/providers?limit=1");
    expect(first.body.providers).toEqual([body.providers[0]]);
    expect((await call("POST", "/v0.1/providers", {})).status).toBe(405);
  });
});
