import { describe, expect, test } from "vitest";
import { gslbBody, pointers, startApi, unknownId } from "./api.fixture.ts";

describe("POST /v0.1/gslbs", () => {
  test("answers 201 with the resource, its place and its tag; what was left out has its default", async () => {
    const { call } = startApi();
    const answer = await call("POST", "/v0.1/gslbs", gslbBody);
    expect(answer.status).toBe(201);
    const { id, created_at, updated_at, ...rest } = answer.body;
    const self = `http://kosmos.test/v0.1/gslbs/${id}`;
    expect(answer.headers.get("Location")).toBe(self);
    expect(answer.headers.get("ETag")).toBe('"1.0"');
    expect(rest).toEqual({
      project_id: "default",
      domain_id: "default",
      name: "www.gslb.example.com.",
      description: null,
      tags: [],
      fqdn: "www.gslb.example.com.",
      domain_name: "example.com.",
      flavor: "edge",
      flavors: ["edge"],
      appliance_id: null,
      ttl: 30,
      steering_policy: "failover",
      max_answers: null,
      failback: "auto",
      adopt: false,
      admin_state_up: true,
      pool_ids: [],
      on_all_down: "serve_all",
      fallback_pool_id: null,
      status: "PENDING",
      action: "CREATE",
      version: 1,
      links: { self, pools: `${self}/pools`, status: `${self}/status`, history: `${self}/history` },
    });
  });

  test("zone_name is another name of domain_name", async () => {
    const { call } = startApi();
    const answer = await call("POST", "/v0.1/gslbs", { fqdn: "WWW.Example.com", zone_name: "example.com." });
    expect(answer.body.domain_name).toBe("example.com.");
    expect(answer.body.zone_name).toBeUndefined();
    const both = await call("POST", "/v0.1/gslbs", { ...gslbBody, zone_name: "example.com." });
    expect(pointers(both)).toEqual(["/zone_name"]);
  });

  test("all mistakes are listed at once, each with a pointer and a reason", async () => {
    const { call, conductor } = startApi();
    const answer = await call("POST", "/v0.1/gslbs", { ttl: "30", tags: ["ok", "NOT OK"], steering_policy: "nearest", colour: "red" });
    expect(answer.status).toBe(400);
    expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
    expect(answer.body.errors).toEqual(
      expect.arrayContaining([
        { pointer: "/fqdn", detail: "is required" },
        { pointer: "/domain_name", detail: "is required" },
        { pointer: "/ttl", detail: "must be an integer from 1 to 86400" },
        { pointer: "/tags/1", detail: "must match [a-z0-9][a-z0-9_.:-]{0,62}" },
        { pointer: "/steering_policy", detail: "must be one of failover, round_robin, weighted, geo, latency" },
        { pointer: "/colour", detail: "is not a field of a GSLB" },
      ]),
    );
    expect(answer.body.errors).toHaveLength(6);
    expect(conductor.count()).toBe(0);
  });

  test.each([
    ["affinity", "none"],
    ["pool_weights", {}],
    ["constructor", 1],
    ["toString", 1],
  ])("%s comes with a later version and is unknown until then", async (field, value) => {
    const { call } = startApi();
    expect(pointers(await call("POST", "/v0.1/gslbs", { ...gslbBody, [field]: value }))).toEqual([`/${field}`]);
  });

  test.each([
    [{ fqdn: "www.other.org." }, "/fqdn", 400],
    [{ fqdn: "not a name" }, "/fqdn", 400],
    [{ fqdn: 7 }, "/fqdn", 400],
    [{ flavor: "nowhere" }, "/flavor", 422],
    [{ flavors: ["edge", "edge"] }, "/flavors", 400],
    [{ flavor: "edge", flavors: ["other"] }, "/flavor", 400],
    [{ max_answers: 101 }, "/max_answers", 400],
    [{ pool_ids: ["nope"] }, "/pool_ids/0", 400],
    [{ pool_ids: [unknownId] }, "/pool_ids/0", 422],
    [{ ttl: 0 }, "/ttl", 400],
    [{ steering_policy: "latency" }, "/steering_policy", 422],
    [{ on_all_down: "panic" }, "/on_all_down", 400],
    [{ on_all_down: "fallback_pool" }, "/fallback_pool_id", 400],
    [{ fallback_pool_id: "x" }, "/fallback_pool_id", 400],
    [{ fallback_pool_id: unknownId }, "/fallback_pool_id", 422],
    [{ failback: "never" }, "/failback", 400],
  ])("%j is refused at %s with %i", async (change, pointer, status) => {
    const { call, conductor } = startApi();
    const answer = await call("POST", "/v0.1/gslbs", { ...gslbBody, ...change });
    expect([answer.status, pointers(answer)]).toEqual([status, [pointer]]);
    expect(conductor.count()).toBe(0);
  });

  test("takes every form of on_all_down, a manual failback, and a fallback pool", async () => {
    const { call } = startApi();
    const pool = await call("POST", "/v0.1/pools", { name: "last" });
    const { body } = await call("POST", "/v0.1/gslbs", {
      ...gslbBody,
      on_all_down: "fallback_pool",
      fallback_pool_id: pool.body.id,
      failback: "manual",
    });
    expect(body).toMatchObject({ on_all_down: "fallback_pool", fallback_pool_id: pool.body.id, failback: "manual" });
    for (const on_all_down of ["serve_all", "last_known", "withdraw"]) {
      const patched = await call("PATCH", `/v0.1/gslbs/${body.id}`, { on_all_down });
      expect([patched.status, patched.body.on_all_down]).toEqual([200, on_all_down]);
    }
    const reset = await call("PATCH", `/v0.1/gslbs/${body.id}`, { on_all_down: null, fallback_pool_id: null, failback: null });
    expect(reset.body).toMatchObject({ on_all_down: "serve_all", fallback_pool_id: null, failback: "auto" });
  });

  test("a name that is taken is 409", async () => {
    const { call } = startApi();
    await call("POST", "/v0.1/gslbs", gslbBody);
    const answer = await call("POST", "/v0.1/gslbs", gslbBody);
    expect([answer.status, pointers(answer)]).toEqual([409, ["/fqdn"]]);
  });
});

describe("PUT and PATCH of a GSLB", () => {
  const make = async () => {
    const api = startApi();
    const { body } = await api.call("POST", "/v0.1/gslbs", { ...gslbBody, description: "one", tags: ["a"], ttl: 60 });
    return { ...api, made: body, path: `/v0.1/gslbs/${body.id}` };
  };

  test("GET, edit, PUT works: what is read-only is ignored", async () => {
    const { call, made, path } = await make();
    const { body } = await call("GET", path);
    const answer = await call("PUT", path, { ...body, id: unknownId, status: "DOWN", version: 99, description: "two" });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ id: made.id, status: "PENDING", version: 2, description: "two", ttl: 60, tags: ["a"] });
    expect(answer.headers.get("ETag")).toBe('"2.0"');
  });

  test("a field of a later version passes only with the value that it was shown with", async () => {
    const { call, path } = await make();
    expect((await call("PUT", path, { ...gslbBody, appliance_id: null })).status).toBe(200);
    expect(pointers(await call("PUT", path, { ...gslbBody, appliance_id: "x" }))).toEqual(["/appliance_id"]);
    expect(pointers(await call("PATCH", path, { appliance_id: "x" }))).toEqual(["/appliance_id"]);
  });

  test("a PUT resets what it leaves out, a PATCH keeps it, and null in a PATCH resets", async () => {
    const { call, path } = await make();
    expect((await call("PATCH", path, { name: "new" })).body).toMatchObject({ name: "new", description: "one", tags: ["a"], ttl: 60 });
    expect((await call("PATCH", path, { description: null, tags: null, ttl: null })).body).toMatchObject({
      description: null,
      tags: [],
      ttl: 30,
    });
    expect((await call("PUT", path, gslbBody)).body).toMatchObject({ name: `${gslbBody.fqdn}.`, description: null, tags: [], ttl: 30 });
  });

  test("a PUT needs the required fields", async () => {
    const { call, path } = await make();
    expect(pointers(await call("PUT", path, {}))).toEqual(["/fqdn", "/domain_name"]);
    expect(pointers(await call("PATCH", path, { fqdn: null }))).toEqual(["/fqdn"]);
  });

  test.each([{ fqdn: "other.example.com." }, { domain_name: "gslb.example.com." }, { zone_name: "com." }, { fqdn: "www.elsewhere.org." }])(
    "%j would change what is immutable: 422",
    async (change) => {
      const { call, path } = await make();
      const field = "fqdn" in change ? "/fqdn" : "/domain_name";
      const patched = await call("PATCH", path, change);
      expect([patched.status, pointers(patched)]).toEqual([422, [field]]);
      const { domain_name, ...rest } = gslbBody;
      const put = await call("PUT", path, "zone_name" in change ? { ...rest, ...change } : { ...gslbBody, ...change });
      expect([put.status, pointers(put)]).toEqual([422, [field]]);
      expect((await call("GET", path)).body.version).toBe(1);
    },
  );

  test("a patch of flavor, or of flavors, is judged as what it says", async () => {
    const { call, path } = await make();
    expect((await call("PATCH", path, { flavors: ["edge"] })).status).toBe(200);
    expect((await call("PATCH", path, { flavor: "edge", flavors: null })).status).toBe(200);
    for (const [patch, status, at] of [
      [{ flavor: "nowhere" }, 422, "/flavor"],
      [{ flavors: ["nowhere"] }, 422, "/flavor"],
      [{ flavor: "nowhere", flavors: ["edge"] }, 400, "/flavor"],
      [{ flavors: [] }, 400, "/flavors"],
      [{ flavors: ["edge", "edge"] }, 400, "/flavors"],
      [{ flavors: ["NO"] }, 400, "/flavors/0"],
      [{ flavors: "edge" }, 400, "/flavors"],
      [{ flavor: 7 }, 400, "/flavor"],
      [{ flavor: 7, flavors: ["edge"] }, 400, "/flavor"],
    ] as const) {
      const answer = await call("PATCH", path, patch);
      expect([answer.status, pointers(answer)], JSON.stringify(patch)).toEqual([status, [at]]);
    }
  });

  test("the same immutable value in another spelling is no change", async () => {
    const { call, path } = await make();
    expect((await call("PATCH", path, { fqdn: "WWW.GSLB.example.com" })).status).toBe(200);
    expect((await call("PATCH", path, { zone_name: "EXAMPLE.com" })).status).toBe(200);
  });

  test("unknown fields, wrong values and invalid JSON are refused and change nothing", async () => {
    const { call, path } = await make();
    for (const method of ["PUT", "PATCH"]) {
      const base = method === "PUT" ? gslbBody : {};
      expect(pointers(await call(method, path, { ...base, x: 1 }))).toEqual(["/x"]);
      expect(pointers(await call(method, path, { ...base, ttl: -1, tags: 3 }))).toEqual(["/tags", "/ttl"]);
      expect((await call(method, path, "{")).status).toBe(400);
      expect((await call(method, path, "[]")).status).toBe(400);
    }
    expect((await call("GET", path)).body.version).toBe(1);
  });

  test("DELETE answers 204, a second one 404", async () => {
    const { call, path } = await make();
    expect(await call("DELETE", `${path}?records=keep`)).toMatchObject({ status: 204, body: null });
    expect((await call("DELETE", path)).status).toBe(404);
    expect((await call("GET", path)).status).toBe(404);
  });

  test.each(["records=drop", "force=maybe", "dry_run=true", "records=keep&records=keep"])("DELETE with ?%s is 400", async (query) => {
    const { call, path } = await make();
    const answer = await call("DELETE", `${path}?${query}`);
    expect([answer.status, answer.body.type]).toEqual([400, "/problems/invalid-query"]);
    expect((await call("GET", path)).status).toBe(200);
  });
});
