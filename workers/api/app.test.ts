import { afterEach, describe, expect, test, vi } from "vitest";
import { gslbBody, memberBody, parameters, startApi, unknownId } from "./api.fixture.ts";
import { problemForms } from "./problem.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe("every answer", () => {
  test.each([
    ["GET", "/", 200],
    ["GET", "/healthz", 200],
    ["GET", "/nowhere", 404],
    ["GET", "/v0.1/gslbs", 200],
    ["GET", "/v0.1/nowhere", 404],
    ["PUT", "/v0.1/gslbs", 405],
    ["POST", "/v0.1/gslbs", 400],
    ["GET", "/problems/nowhere", 404],
  ])("%s %s carries the request's id", async (method, path, status) => {
    const { call } = startApi();
    const answer = await call(method, path);
    expect(answer.status).toBe(status);
    expect(answer.headers.get("X-Request-Id")).toMatch(uuid);
    if (status >= 400) {
      expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
      expect(answer.body).toMatchObject({ status, title: expect.any(String), request_id: answer.headers.get("X-Request-Id") });
    }
  });

  test("two requests have two ids", async () => {
    const { call } = startApi();
    const [one, two] = [await call("GET", "/"), await call("GET", "/")];
    expect(one.headers.get("X-Request-Id")).not.toBe(two.headers.get("X-Request-Id"));
  });
});

describe("caches", () => {
  test.each([
    ["a resource", "", {}, 200, "private, no-cache"],
    ["one that the client holds", "", { "If-None-Match": '"1.0"' }, 304, "private, no-cache"],
    ["its status", "/status", {}, 200, "no-store"],
    ["a path that is not there", "/nowhere", {}, 404, "no-store"],
    ["who may not ask", "", { "X-Auth-Token": "wrong" }, 401, "no-store"],
    ["another project", "", { "X-Project-Id": "other" }, 404, "no-store"],
  ])("do not keep %s for anybody else", async (_, rest, headers, status, control) => {
    const { call } = startApi();
    const { body } = await call("POST", "/v0.1/gslbs", gslbBody);
    const answer = await call("GET", `/v0.1/gslbs/${body.id}${rest}`, undefined, headers);
    expect([answer.status, answer.headers.get("Cache-Control")]).toEqual([status, control]);
    expect(answer.headers.get("Vary")).toBe("X-Auth-Token, Authorization, X-Project-Id");
  });

  test("keep no problem of a public path", async () => {
    const { call } = startApi();
    expect((await call("GET", "/nowhere")).headers.get("Cache-Control")).toBe("no-store");
  });
});

describe("paths", () => {
  test("a trailing slash is the same resource", async () => {
    const { call } = startApi();
    const { body } = await call("POST", "/v0.1/gslbs/", gslbBody);
    expect((await call("GET", `/v0.1/gslbs/${body.id}/`)).body).toEqual(body);
    expect((await call("GET", "/healthz/")).status).toBe(200);
    expect((await call("GET", "/v0.1/")).body.id).toBe("v0.1");
  });

  test("HEAD is GET without the body", async () => {
    const { call } = startApi();
    const made = await call("POST", "/v0.1/gslbs", gslbBody);
    const path = `/v0.1/gslbs/${made.body.id}`;
    const answer = await call("HEAD", path);
    expect([answer.status, answer.body, answer.headers.get("ETag")]).toEqual([200, null, '"1.0"']);
    expect((await call("HEAD", path, undefined, { "If-None-Match": '"1.0"' })).status).toBe(304);
    expect((await call("HEAD", `/v0.1/gslbs/${unknownId}`)).status).toBe(404);
  });

  test.each([
    ["PUT", "/v0.1/gslbs", "GET, POST, HEAD"],
    ["DELETE", "/v0.1/pools", "GET, POST, HEAD"],
    ["POST", `/v0.1/gslbs/${unknownId}`, "GET, PUT, PATCH, DELETE, HEAD"],
    ["PATCH", "/v0.1/status", "GET, HEAD"],
    ["PUT", "/v0.1/flavors", "GET, POST, HEAD"],
    ["POST", "/v0.1/flavors/edge", "GET, PUT, PATCH, DELETE, HEAD"],
    ["GET", `/v0.1/pools/${unknownId}/monitors/${unknownId}`, "DELETE"],
    ["POST", "/healthz", "GET, HEAD"],
    ["OPTIONS", "/v0.1/gslbs", "GET, POST, HEAD"],
    ["PUT", "/v0.1/overrides", "GET, POST, HEAD"],
    ["PATCH", `/v0.1/overrides/${unknownId}`, "GET, DELETE, HEAD"],
    ["POST", `/v0.1/pools/${unknownId}/pool_members/${unknownId}/override`, "GET, PUT, DELETE, HEAD"],
    ["GET", `/v0.1/pools/${unknownId}/release`, "POST"],
    ["GET", `/v0.1/gslbs/${unknownId}/failback`, "POST"],
  ])("%s %s is 405 and says what is allowed", async (method, path, allow) => {
    const { call } = startApi();
    const answer = await call(method, path, method === "POST" || method === "PUT" || method === "PATCH" ? {} : undefined);
    expect([answer.status, answer.headers.get("Allow")]).toEqual([405, allow]);
  });

  test.each(["nope", "1", "..%2f", "%zz", "%00", `${unknownId}x`, unknownId.replaceAll("-", ""), unknownId])(
    "an id %j is 404",
    async (id) => {
      const { call } = startApi();
      for (const path of [`/v0.1/gslbs/${id}`, `/v0.1/pools/${id}/pool_members`, `/v0.1/pool_members/${id}`, `/v0.1/monitors/${id}`]) {
        expect((await call("GET", path)).status, path).toBe(404);
      }
    },
  );

  test("an id in capitals is the same id", async () => {
    const { call } = startApi();
    const { body } = await call("POST", "/v0.1/gslbs", gslbBody);
    expect((await call("GET", `/v0.1/gslbs/${body.id.toUpperCase()}`)).status).toBe(200);
  });

  test.each([
    "/v0.1/tokens",
    "/v0.1/quotas",
    "/v0.1/audit",
    "/v0.1/automation",
    "/v0.1/notifications",
    "/v0.1/preview",
    `/v0.1/gslbs/${unknownId}/explain`,
    "/metrics",
    "/openapi.json",
    "/v0.2/gslbs",
  ])("%s comes later and is 404 until then", async (path) => {
    const { call } = startApi();
    expect((await call("GET", path)).status).toBe(404);
  });

  test.each(["GET", "POST", "DELETE"])("%s with Idempotency-Key is refused, since nothing would keep its promise", async (method) => {
    const { call, conductor } = startApi();
    const answer = await call(method, "/v0.1/gslbs", method === "POST" ? gslbBody : undefined, { "Idempotency-Key": "k" });
    expect([answer.status, parameters(answer)]).toEqual([400, ["Idempotency-Key"]]);
    expect(conductor.count()).toBe(0);
  });
});

describe("the service", () => {
  test("says which versions it has", async () => {
    const { call } = startApi();
    const { body } = await call("GET", "/");
    expect(body).toEqual({ versions: [{ id: "v0.1", status: "CURRENT", links: [{ rel: "self", href: "http://kosmos.test/v0.1" }] }] });
  });

  test("explains each problem type", async () => {
    const { call } = startApi();
    for (const [type, form] of Object.entries(problemForms)) {
      const page = await call("GET", `/problems/${type}`);
      expect(page.status).toBe(200);
      expect(page.body).toContain(form.title);
    }
    expect((await call("GET", "/problems/constructor")).status).toBe(404);
  });

  test("has the flavor edge, which nobody can write", async () => {
    const { call } = startApi();
    const { body } = await call("GET", "/v0.1/flavors");
    expect(body.flavors).toEqual([
      {
        id: expect.any(String),
        name: "edge",
        provider: "edge",
        settings: { drift_interval: 300, on_drift: "reassert" },
        description: expect.any(String),
        project_ids: [],
        domain_names: [],
        version: 1,
        created_at: expect.any(String),
        updated_at: expect.any(String),
        links: { self: "http://kosmos.test/v0.1/flavors/edge" },
      },
    ]);
    expect((await call("GET", "/v0.1/flavors/edge")).body).toEqual(body.flavors[0]);
    expect((await call("GET", "/v0.1/flavors/other")).status).toBe(404);
  });

  test("is ready when D1, the queue and the Engines are well", async () => {
    const { call } = startApi();
    const answer = await call("GET", "/readyz");
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ status: "ready", checks: { database: { ok: true }, queue: { ok: true }, engine: { ok: true } } });
  });

  test.each([
    ["database", {}, { ok: false, detail: "SELECT 1 failed" }],
    ["engine", { health: async () => ({ ok: false, detail: "no alarm", queue_lag_seconds: null }) }, null],
    ["engine", { health: async () => Promise.reject(new Error("gone")) }, null],
    ["queue", { health: async () => ({ ok: true, detail: "", queue_lag_seconds: 61 }) }, null],
  ])("is not ready when its %s is not well", async (part, engine, database) => {
    vi.spyOn(console, "error").mockReturnValue();
    const { call, conductor } = startApi({}, engine);
    if (database !== null) conductor.health = async () => database;
    const answer = await call("GET", "/readyz");
    expect([answer.status, answer.body.checks[part].ok]).toEqual([503, false]);
    expect(answer.headers.get("Retry-After")).not.toBeNull();
    expect(JSON.stringify(answer.body)).not.toContain("SELECT");
  });
});

describe("what goes wrong inside", () => {
  test("a Conductor that is away is 503 with Retry-After, and the log knows why", async () => {
    const log = vi.spyOn(console, "error").mockReturnValue();
    const { call, conductor } = startApi();
    const gone = async () => Promise.reject(new Error("D1_ERROR: SELECT secret FROM x"));
    Object.assign(conductor, { read: gone, list: gone, create: gone, replaceMembers: gone, attach: gone, history: gone });
    const requests = [
      ["GET", "/v0.1/gslbs"],
      ["GET", `/v0.1/gslbs/${unknownId}`],
      ["POST", "/v0.1/gslbs", gslbBody],
      ["PATCH", `/v0.1/gslbs/${unknownId}`, {}],
      ["PUT", `/v0.1/pools/${unknownId}/pool_members`, { pool_members: [memberBody] }],
      ["POST", `/v0.1/pools/${unknownId}/monitors`, { monitor_id: unknownId }],
      ["GET", "/v0.1/history"],
    ] as const;
    for (const [method, path, body] of requests) {
      const answer = await call(method, path, body);
      expect([answer.status, answer.body.type], path).toEqual([503, "/problems/unavailable"]);
      expect(answer.headers.get("Retry-After")).not.toBeNull();
      expect(JSON.stringify(answer.body)).not.toContain("SELECT");
      expect(log.mock.lastCall?.[0]).toContain(answer.body.request_id);
    }
  });

  test("a fault of the program is a bare 500 with the request's id", async () => {
    const log = vi.spyOn(console, "error").mockReturnValue();
    const { call, conductor } = startApi();
    conductor.list = async () => ({ ok: true, value: null }) as never;
    const answer = await call("GET", "/v0.1/gslbs");
    expect(answer.status).toBe(500);
    expect(answer.body).toEqual({
      type: "about:blank",
      title: "Internal Server Error",
      status: 500,
      request_id: answer.headers.get("X-Request-Id"),
    });
    expect(log.mock.lastCall?.[0]).toContain("TypeError");
  });
});
