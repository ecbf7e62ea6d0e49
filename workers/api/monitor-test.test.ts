import { describe, expect, test } from "vitest";
import type { Agent } from "../../domain/agent.ts";
import { ok } from "../../domain/result.ts";
import type { AgentsRpc, CheckResult, TestOrder, VantageRpc } from "../../durable-objects/rpc-vantage.ts";
import { openSpec } from "../../durable-objects/seal.ts";
import { monitorBody, pointers, startApi, unknownId } from "./api.fixture.ts";

const keys = { KOSMOS_ENCRYPTION_KEY: btoa("k".repeat(32)) };
const agent: Agent = {
  id: "00000000-0000-4000-8000-000000000001",
  name: "dc1",
  description: null,
  project_id: null,
  created_at: "2026-11-22T10:00:00Z",
  last_seen_at: new Date().toISOString(),
  facts: { version: "0.3.0", capabilities: ["tcp", "http", "https_name", "tls", "ping", "private"], address_families: [4] },
};
const seen = (order: TestOrder, rest: Partial<CheckResult> = {}): CheckResult => ({
  region: order.region,
  colo: "CDG",
  outcome: "pass",
  latency_ms: 4,
  timings: { dns: null, connect: 1, tls: null, first_byte: 4 },
  detail: "200",
  warning: null,
  http_status: 200,
  body_excerpt: "ok",
  certificate: null,
  ...rest,
});

type Answering = (order: TestOrder) => Promise<CheckResult | null>;

function start(options: { settings?: object; workers?: Answering; agents?: Answering; agent?: boolean | Partial<Agent> } = {}) {
  const orders: TestOrder[] = [];
  const via = (answering: Answering) => async (order: TestOrder) => {
    orders.push(order);
    return answering(order) as Promise<CheckResult>;
  };
  const answers: Answering = async (order) => seen(order);
  const api = startApi(
    { KOSMOS_REGIONS: "weur,enam", ...keys, ...options.settings },
    {},
    {
      agents: () =>
        ({
          agents: async () => ok(options.agent ? [{ ...agent, ...(options.agent === true ? {} : options.agent) }] : []),
        }) as unknown as AgentsRpc,
      tester: () => ({ test: via(options.workers ?? answers) }),
      vantage: () => ({ testByAgent: via(options.agents ?? answers) }) as unknown as VantageRpc,
    },
  );
  return { ...api, orders, test: (body: object) => api.call("POST", "/v0.1/monitors/test", body) };
}

const endpoint = "www.example.com";

describe("the test of a monitor", () => {
  test("runs it from each of its regions and says what each saw, in the shape of the contract", async () => {
    const { call, orders, conductor } = start();
    const made = await call("POST", "/v0.1/monitors", monitorBody);
    const before = conductor.count();
    const { status, body } = await call("POST", `/v0.1/monitors/${made.body.id}/test`, { endpoint });
    expect(status).toBe(200);
    expect(body.results.map(({ region }: { region: string }) => region)).toEqual(["weur", "enam"]);
    expect(body.results[0]).toEqual({
      region: "weur",
      colo: "CDG",
      outcome: "pass",
      latency_ms: 4,
      timings: { dns: null, connect: 1, tls: null, first_byte: 4 },
      detail: "200",
      http_status: 200,
      body_excerpt: "ok",
      certificate: null,
    });
    expect(orders[0]).toMatchObject({
      project_id: "default",
      region: "weur",
      monitor_id: made.body.id,
      type: "HTTP",
      timeout_ms: 1_000,
      target: { host: "www.example.com.", port: null, hostHeader: null, endpoint: "www.example.com." },
    });
    expect(conductor.count()).toBe(before);
  });

  test("of one that is not stored seals its secrets before they leave", async () => {
    const { test, orders, conductor } = start();
    const credentials = { bearer_token: "correct-horse" };
    const answer = await test({ monitor: { ...monitorBody, credentials }, endpoint, check_regions: ["oc"] });
    expect(answer.status).toBe(200);
    expect(orders).toMatchObject([{ region: "oc", monitor_id: null }]);
    expect(JSON.stringify(orders)).not.toContain("correct-horse");
    expect(await openSpec(orders[0]?.spec ?? {}, "default", keys)).toMatchObject({ ok: true, value: { credentials } });
    expect(conductor.count()).toBe(0);
  });

  test("of a stored one sends its secrets as they are sealed", async () => {
    const { call, orders } = start();
    const made = await call("POST", "/v0.1/monitors", { ...monitorBody, credentials: { bearer_token: "abc" } });
    await call("POST", `/v0.1/monitors/${made.body.id}/test`, { endpoint });
    expect(await openSpec(orders[0]?.spec ?? {}, "default", keys)).toMatchObject({
      ok: true,
      value: { credentials: { bearer_token: "abc" } },
    });
  });

  test("of a member goes where its checks go, to each of its endpoints", async () => {
    const { call, orders, test } = start();
    const pool = await call("POST", "/v0.1/pools", {
      name: "web",
      members: [{ endpoints: ["192.0.2.1", "192.0.2.2"], host_header: "www.example.com" }],
    });
    const { body } = await test({ monitor: monitorBody, pool_member_id: pool.body.members[0].id, check_regions: ["weur"] });
    expect(orders.map(({ target }) => target)).toEqual([
      { host: "192.0.2.1", port: null, hostHeader: "www.example.com", endpoint: "192.0.2.1" },
      { host: "192.0.2.2", port: null, hostHeader: "www.example.com", endpoint: "192.0.2.2" },
    ]);
    expect(body.results.map((result: { endpoint: string }) => result.endpoint)).toEqual(["192.0.2.1", "192.0.2.2"]);
  });

  test.each([
    [null, "dc1 was never heard from"],
    ["2026-11-22T10:00:00.000Z", "dc1 was last heard at 2026-11-22T10:00:00.000Z"],
  ])("does not wait for an agent that is not at work (%s)", async (last_seen_at, detail) => {
    const { test, orders } = start({ agent: { last_seen_at }, agents: () => new Promise(() => undefined) });
    const { status, body } = await test({ monitor: monitorBody, endpoint, check_regions: ["dc1"] });
    expect([status, body.results]).toMatchObject([200, [{ region: "dc1", outcome: "no_data", detail }]]);
    expect(orders).toEqual([]);
  });

  test("of a region that there is not says which there are", async () => {
    const { test } = start({ agent: true });
    const { status, body } = await test({ monitor: monitorBody, endpoint, check_regions: ["mars"] });
    expect([status, body.errors]).toEqual([
      422,
      [
        {
          pointer: "/check_regions/0",
          detail:
            "is no region of this deployment; there are wnam, enam, weur, eeur, apac, apac-ne, apac-se, oc; agents: dc1 (GET /v0.1/regions)",
        },
      ],
    ]);
  });

  test("never turns a region's trouble into the target's", async () => {
    const { test } = start({
      workers: async (order) => {
        if (order.region === "weur") throw new Error("the object was reset");
        return seen(order, { outcome: "fail", detail: "503" });
      },
      agents: async () => null,
      agent: true,
    });
    const { body } = await test({ monitor: monitorBody, endpoint, check_regions: ["weur", "enam", "dc1"] });
    expect(body.results).toMatchObject([
      { region: "weur", colo: null, outcome: "no_data", detail: "the region cannot be reached now" },
      { region: "enam", outcome: "fail", detail: "503" },
      { region: "dc1", outcome: "no_data", detail: "the region did not answer in time" },
    ]);
  });

  test("lists regions that cannot do it beside those that can, and shows the certificate", async () => {
    const notAfter = Date.now() + 61.5 * 86_400_000;
    const { test, orders } = start({
      agent: true,
      agents: async (order) => seen(order, { certificate: { notAfter, subject: "CN=a" }, warning: "the certificate expires in 61 days" }),
    });
    const monitor = { type: "HTTPS", insecure: true, check_regions: ["weur", "dc1"] };
    const { body } = await test({ monitor, endpoint: "192.0.2.1" });
    expect(orders.map(({ region }) => region)).toEqual(["dc1"]);
    expect(body.results).toMatchObject([
      {
        region: "dc1",
        detail: "200; the certificate expires in 61 days",
        certificate: { not_after: new Date(notAfter).toISOString(), days_left: 61, subject: "CN=a" },
      },
      { region: "weur", outcome: "no_data", detail: "this vantage point cannot do what the check needs: tls" },
    ]);
  });

  test.each([
    [{ type: "PING" }, "192.0.2.1", "PING of 192.0.2.1 needs an agent; no region has one"],
    [{ type: "HEARTBEAT" }, "192.0.2.1", /HEARTBEAT is judged by Kosmos itself/],
    [{ type: "HTTPS", insecure: true }, "192.0.2.1", /HTTPS of 192.0.2.1 needs an agent for TLS/],
  ])("is 422 where no vantage point can do it: %j", async (monitor, at, detail) => {
    const { test } = start();
    const answer = await test({ monitor, endpoint: at });
    expect([answer.status, answer.body.type, pointers(answer)]).toEqual([422, "/problems/capability", ["/endpoint"]]);
    expect(answer.body.detail).toMatch(detail);
  });

  test.each([
    [{}, ["", "/monitor"], 400],
    [{ monitor: monitorBody }, [""], 400],
    [{ monitor: monitorBody, endpoint, pool_member_id: unknownId }, [""], 400],
    [{ monitor: { ...monitorBody, delay: 0 }, endpoint: "a b" }, ["/endpoint", "/monitor/delay"], 400],
    [{ monitor: monitorBody, endpoint, region: "weur" }, ["/region"], 400],
    [{ monitor: monitorBody, pool_member_id: unknownId }, ["/pool_member_id"], 422],
    [{ monitor: monitorBody, endpoint: "10.0.0.1" }, ["/endpoint"], 422],
    [{ monitor: { ...monitorBody, target: "127.0.0.1" }, endpoint }, ["/monitor/target"], 422],
    [{ monitor: monitorBody, endpoint, check_regions: ["mars"] }, ["/check_regions/0"], 422],
    [{ monitor: { ...monitorBody, check_regions: ["mars"] }, endpoint }, ["/monitor/check_regions/0"], 422],
  ])("%j is refused at %j with %i", async (body, at, status) => {
    const { test, orders } = start();
    const answer = await test(body);
    expect([answer.status, pointers(answer).sort()]).toEqual([status, [...at].sort()]);
    expect(orders).toEqual([]);
  });

  test("of a monitor that is not there is 404, and its path takes nothing but POST", async () => {
    const { call } = start();
    expect((await call("POST", `/v0.1/monitors/${unknownId}/test`, { endpoint })).status).toBe(404);
    const got = await call("GET", "/v0.1/monitors/test");
    expect([got.status, got.headers.get("Allow")]).toEqual([405, "POST"]);
  });
});
