/** Monitors in the whole system: their tests against real servers, secrets that reach the checks and nothing else, heartbeats, where they can run. */
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type System, startSystem, until } from "./system.ts";
import { create, write } from "./world.ts";

const regions = ["weur", "enam", "apac"];
const password = "correct-horse-battery";
let system: System;
let server: Server;
let port = 0;
let closedPort = 0;
const authorizations: (string | undefined)[] = [];

beforeAll(async () => {
  system = await startSystem({ vars: { KOSMOS_REGIONS: regions.join(",") } });
  server = createServer((request, response) => {
    authorizations.push(request.headers.authorization);
    response.statusCode = request.url === "/sick" ? 503 : 200;
    response.end("hello");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
  const other = createTcpServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  closedPort = (other.address() as AddressInfo).port;
  await new Promise((resolve) => other.close(resolve));
});

afterAll(async () => {
  await system?.close();
  server?.close();
});

const test = (monitor: object, rest: object = {}) =>
  system.api("POST", "/v0.1/monitors/test", { monitor: { delay: 5, timeout: 2, ...monitor }, endpoint: "127.0.0.1", ...rest });
const basic = `Basic ${btoa(`probe:${password}`)}`;

describe("the test of a monitor", () => {
  it("says what each region sees of a server that is well, of one that is sick, and of none", async () => {
    const well = await test({ type: "HTTP", port });
    expect(well.status, JSON.stringify(well.body)).toBe(200);
    expect(well.body.results.map((result: { region: string }) => result.region)).toEqual(regions);
    for (const result of well.body.results) {
      expect(result).toMatchObject({ colo: "local", outcome: "pass", detail: "200", http_status: 200, certificate: null });
      expect(Object.keys(result.timings)).toEqual(["dns", "connect", "tls", "first_byte"]);
    }
    const sick = await test({ type: "HTTP", port, url_path: "/sick" }, { check_regions: ["oc"] });
    expect(sick.body.results).toMatchObject([{ region: "oc", outcome: "fail", detail: "expected 200, got 503", http_status: 503 }]);
    const gone = await test({ type: "TCP", port: closedPort });
    for (const result of gone.body.results) expect(result).toMatchObject({ outcome: "fail" });
  });

  it("needs a vantage point that can do it", async () => {
    const answer = await test({ type: "PING" });
    expect([answer.status, answer.body.detail]).toEqual([422, "PING of 127.0.0.1 needs an agent; no region has one"]);
  });

  it("of a stored monitor uses its secrets, as its checks do, and nobody else sees them", async () => {
    const monitor = { type: "HTTP", port, delay: 2, timeout: 1, max_retries: 2, credentials: { username: "probe", password } };
    const { id } = await create(system, "/v0.1/monitors", monitor);
    authorizations.length = 0;
    const { body } = await system.api("POST", `/v0.1/monitors/${id}/test`, { endpoint: "127.0.0.1", check_regions: ["weur"] });
    expect(body.results).toMatchObject([{ outcome: "pass" }]);
    expect(authorizations).toEqual([basic]);

    const pool = await create(system, "/v0.1/pools", { name: "secret", members: [{ endpoints: ["127.0.0.1"] }], monitor_ids: [id] });
    const status = () => system.api("GET", `/v0.1/pools/${pool.id}/status`);
    await until(status, { what: "the member to be ACTIVE", is: ({ body: view }) => view.members?.[0]?.status === "ACTIVE" });
    expect(new Set(authorizations)).toEqual(new Set([basic]));
    const seen = [await status(), await system.api("GET", `/v0.1/monitors/${id}`), await system.api("GET", "/v0.1/history?limit=1000")];
    for (const answer of seen) expect(JSON.stringify(answer.body)).not.toMatch(/correct-horse|v1\.[0-9a-f]{8}\./);

    // Another secret is another question: it is asked from then on.
    await write(system, "PATCH", `/v0.1/monitors/${id}`, { credentials: { bearer_token: "other", username: null, password: null } });
    await until(async () => authorizations.at(-1), { what: "the new secret to be used", is: (last) => last === "Bearer other" });
    await write(system, "PATCH", `/v0.1/monitors/${id}`, { credentials: null });
    await until(async () => authorizations.at(-1), { what: "no secret to be used", is: (last) => last === undefined });
    await write(system, "DELETE", `/v0.1/pools/${pool.id}`);
  });
});

describe("a heartbeat", () => {
  const beat = (path: string) => fetch(system.url + path, { method: "POST" });

  it("keeps its members ACTIVE without a token; anything else is not found", async () => {
    const monitor = await create(system, "/v0.1/monitors", { type: "HEARTBEAT", period: 60, grace: 30 });
    const { body } = await system.api("GET", `/v0.1/monitors/${monitor.id}`);
    expect((await beat(body.heartbeat_path)).status).toBe(404);
    const pool = await create(system, "/v0.1/pools", { name: "jobs", members: [{ endpoints: ["192.0.2.77"] }], monitor_ids: [monitor.id] });
    await until(() => beat(body.heartbeat_path), { what: "the Engine to wait for it", is: ({ status }) => status === 204 });
    await until(() => system.api("GET", `/v0.1/pools/${pool.id}/status`), {
      what: "the member to be ACTIVE",
      is: ({ body: view }) => view.members?.[0]?.status === "ACTIVE",
    });
    expect((await beat(`${body.heartbeat_path}x`)).status).toBe(404);
    expect((await beat(`${body.heartbeat_path}?pool_member_id=${monitor.id}`)).status).toBe(404);
  });
});

describe("where monitors can run", () => {
  it("is said of the regions and of the types, and refused where it is nowhere", async () => {
    const { body } = await system.api("GET", "/v0.1/regions");
    const weur = body.regions.find(({ region }: { region: string }) => region === "weur");
    expect(weur).toMatchObject({
      kind: "hinted",
      default: true,
      colos: ["local"],
      capabilities: expect.arrayContaining(["tcp", "private"]),
    });
    const types = await system.api("GET", "/v0.1/monitor_types");
    const of = (name: string) => types.body.monitor_types.find(({ type }: { type: string }) => type === name);
    expect(of("PING")).toMatchObject({ regions: [], needs: ["ping"] });
    expect(of("HTTP").regions).toContain("weur");

    const pool = await create(system, "/v0.1/pools", { name: "pinged", members: [{ endpoints: ["127.0.0.1"] }] });
    const refused = await system.api("POST", `/v0.1/pools/${pool.id}/monitors`, { type: "PING" });
    expect([refused.status, refused.body.type, refused.body.errors[0].pointer]).toEqual([422, "/problems/capability", "/type"]);
    const alone = await system.api("POST", "/v0.1/monitors", { type: "ICMP" });
    expect(alone.body).toMatchObject({
      type: "PING",
      runnable: { ok: false, reason: "PING needs an agent; no region has one", regions: [] },
    });
    const attached = await system.api("POST", `/v0.1/pools/${pool.id}/monitors`, { monitor_id: alone.body.id });
    expect([attached.status, attached.body.errors[0].pointer]).toEqual([422, "/monitor_id"]);
  });

  it("a target is asked only so much", async () => {
    const pool = await create(system, "/v0.1/pools", { name: "busy", members: [{ endpoints: ["192.0.2.88"] }] });
    const attach = (body: object) =>
      system.api("POST", `/v0.1/pools/${pool.id}/monitors`, { type: "TCP", port: 80, delay: 1, timeout: 1, ...body });
    for (let index = 0; index < 3; index += 1) {
      const attached = await attach({});
      expect([attached.status, attached.body.load]).toEqual([201, { requests_per_second: 3, vantage_points: 3 }]);
    }
    const refused = await attach({});
    expect([refused.status, refused.body.detail]).toEqual([
      422,
      "192.0.2.88 would be asked 12 checks per second (now 9), and at most 10 are allowed for one target",
    ]);
  });
});
