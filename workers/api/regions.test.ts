import { describe, expect, test } from "vitest";
import type { Agent } from "../../domain/agent.ts";
import { ok } from "../../domain/result.ts";
import type { VantageView } from "../../domain/status-view.ts";
import type { AgentsRpc, VantageRpc } from "../../durable-objects/rpc-vantage.ts";
import { memberBody, monitorBody, pointers, startApi } from "./api.fixture.ts";

const agent = (name: string, rest: Partial<Agent> = {}): Agent => ({
  id: "00000000-0000-4000-8000-000000000001",
  name,
  description: null,
  project_id: null,
  created_at: "2026-11-22T10:00:00Z",
  last_seen_at: "2026-11-22T10:00:00Z",
  facts: { version: "0.3.0", capabilities: ["tcp", "tls", "ping"], address_families: [4, 6] },
  ...rest,
});
const view = (region: string): VantageView => ({
  region,
  colos: ["CDG"],
  has_vote: true,
  reason: null,
  last_report_at: "2026-11-22T10:00:00Z",
  lag_seconds: 1.2,
  error_percent: 0,
  checks_per_second: 4,
});

function start(agents: readonly Agent[] | Error = [], settings: object = {}) {
  let asked = 0;
  const answer = { agents };
  const rpc = {
    agents: async () => {
      asked += 1;
      if (answer.agents instanceof Error) throw answer.agents;
      return ok(answer.agents);
    },
  } as unknown as AgentsRpc;
  const vantage = { regions: async () => [view("weur")] } as unknown as VantageRpc;
  return { ...startApi(settings, {}, { agents: () => rpc, vantage: () => vantage }), asked: () => asked, answer };
}

describe("GET /v0.1/regions", () => {
  test("has the hinted regions, those with a placed checker, and the agents that serve the project", async () => {
    const agents = [agent("dc1", { description: "the cellar" }), agent("dc2", { project_id: "other" }), agent("dc3", { facts: null })];
    const { call } = start(agents, { CHECKER_SAM: {}, KOSMOS_REGIONS: "weur,sam" });
    const { status, body } = await call("GET", "/v0.1/regions");
    expect(status).toBe(200);
    const kinds = body.regions.map(({ region, kind }: { region: string; kind: string }) => `${region} ${kind}`);
    expect(kinds).toContain("weur hinted");
    expect(kinds).toContain("sam placed");
    expect(kinds.slice(-2)).toEqual(["dc1 agent", "dc3 agent"]);
    expect(body.metadata.total_count).toBe(11);
    const of = (name: string) => body.regions.find(({ region }: { region: string }) => region === name);
    expect(of("weur")).toMatchObject({
      name: "Western Europe",
      colos: ["CDG"],
      default: true,
      has_vote: true,
      lag_seconds: 1.2,
      capabilities: ["tcp", "http", "https_name", "tls_name"],
      address_families: [4, 6],
    });
    expect(of("enam")).toMatchObject({ default: false, has_vote: false, reason: "no results yet", last_report_at: null });
    expect(of("dc1")).toMatchObject({ name: "the cellar", capabilities: ["tcp", "tls", "ping"], version: "0.3.0", default: false });
    expect(of("dc3")).toMatchObject({ reason: "the agent has not been heard of yet", capabilities: [], version: null });
  });

  test("comes in pages, like every list", async () => {
    const { call } = start();
    const first = await call("GET", "/v0.1/regions?limit=3");
    expect(first.body.regions).toHaveLength(3);
    const rest = await call("GET", first.body.links.next.replace("http://kosmos.test", "").replace("limit=3", "limit=8"));
    expect(rest.body.regions).toHaveLength(5);
    expect(rest.body.links).not.toHaveProperty("next");
    expect((await call("GET", "/v0.1/regions?kind=agent")).status).toBe(400);
  });
});

describe("GET /v0.1/monitor_types", () => {
  test("has each type with its schema, an example that can be sent as it is, and where it runs", async () => {
    const { call } = start([agent("dc1")]);
    const { body } = await call("GET", "/v0.1/monitor_types");
    const of = (type: string) => body.monitor_types.find((one: { type: string }) => one.type === type);
    expect(of("HTTP")).toMatchObject({ title: expect.any(String), needs: ["tcp"], example: { type: "HTTP" } });
    expect(of("HTTP").regions).toEqual(expect.arrayContaining(["weur", "oc", "dc1"]));
    expect(of("HTTP").schema.properties).toMatchObject({ type: { const: "HTTP" }, delay: { minimum: 1, default: 20 }, url_path: {} });
    expect(of("TCP").schema.required).toEqual(["type", "port"]);
    expect(of("PING")).toMatchObject({ needs: ["ping"], regions: ["dc1"] });
    expect(of("GRPC")).toMatchObject({ needs: ["tcp"], example: { type: "GRPC", tls: false }, regions: of("TCP").regions });
    expect(of("HEARTBEAT")).toMatchObject({ needs: ["kosmos"], regions: ["kosmos"] });
    for (const { example, type } of body.monitor_types) {
      if (type === "CALCULATED") continue;
      const made = await call("POST", "/v0.1/monitors", example);
      expect([type, made.status]).toEqual([type, 201]);
    }
  });
});

describe("what a monitor can be run from", () => {
  test("is shown with it, and changes its tag", async () => {
    const { call } = start([agent("dc1")]);
    const made = await call("POST", "/v0.1/monitors", { type: "PING" });
    expect(made.body.runnable).toEqual({ ok: false, reason: "PING needs ICMP, which none of its regions has; dc1 would do", regions: [] });
    const there = await call("PATCH", `/v0.1/monitors/${made.body.id}`, { check_regions: ["dc1", "weur"] });
    expect(there.body.runnable).toEqual({ ok: true, reason: null, regions: ["dc1"] });
    expect((await call("PUT", `/v0.1/monitors/${made.body.id}`, there.body)).status).toBe(200);
    const alone = await start().call("POST", "/v0.1/monitors", { type: "PING" });
    expect(alone.body.runnable).toEqual({ ok: false, reason: "PING needs an agent; no region has one", regions: [] });
    expect(alone.headers.get("ETag")).not.toBe(made.headers.get("ETag"));
  });

  test("is asked for once in a while, and stays known while nobody can be asked", async () => {
    const { call, asked, answer } = start([agent("dc1")]);
    const { body } = await call("POST", "/v0.1/monitors", { type: "PING", check_regions: ["dc1"] });
    const before = asked();
    answer.agents = new Error("away");
    for (let times = 0; times < 3; times += 1) {
      expect((await call("GET", `/v0.1/monitors/${body.id}`)).body.runnable.regions).toEqual(["dc1"]);
    }
    expect(asked()).toBe(before);
  });

  test("an agent that was made a moment ago may be named at once", async () => {
    const { call, answer } = start();
    const { body } = await call("POST", "/v0.1/monitors", { type: "PING" });
    answer.agents = [agent("dc1")];
    const named = await call("PATCH", `/v0.1/monitors/${body.id}`, { check_regions: ["dc1"] });
    expect([named.status, named.body.runnable]).toEqual([200, { ok: true, reason: null, regions: ["dc1"] }]);
  });

  test("a region that is gone does not keep a monitor from being changed", async () => {
    const { call, answer } = start([agent("dc1")]);
    const { body } = await call("POST", "/v0.1/monitors", { ...monitorBody, check_regions: ["dc1", "weur"] });
    answer.agents = [];
    const off = await call("PATCH", `/v0.1/monitors/${body.id}`, { admin_state_up: false });
    expect([off.status, off.body.check_regions, off.body.runnable.regions]).toEqual([200, ["dc1", "weur"], ["weur"]]);
    expect(pointers(await call("PATCH", `/v0.1/monitors/${body.id}`, { check_regions: ["dc1", "dc2"] }))).toEqual(["/check_regions/1"]);
    expect((await call("POST", "/v0.1/monitors", { ...monitorBody, check_regions: ["dc1"] })).status).toBe(422);
  });

  test("a write is refused only by the agents that there are now", async () => {
    const { call, conductor, answer } = start();
    const pool = await call("POST", "/v0.1/pools", { name: "web" });
    const create = conductor.create.bind(conductor);
    const seen: string[][] = [];
    Object.assign(conductor, {
      create: async (kind: "pool_member", input: object, _by: unknown, vantage: { points: { region: string; kind: string }[] }) => {
        seen.push(vantage.points.filter((point) => point.kind === "agent").map(({ region }) => region));
        return vantage.points.some(({ region }) => region === "dc1")
          ? create(kind, input)
          : { ok: false, error: { type: "capability", detail: "needs an agent", errors: [] } };
      },
    });
    expect((await call("POST", `/v0.1/pools/${pool.body.id}/pool_members`, memberBody)).status).toBe(422);
    answer.agents = [agent("dc1")];
    expect((await call("POST", `/v0.1/pools/${pool.body.id}/pool_members`, memberBody)).status).toBe(201);
    expect(seen).toEqual([[], [], [], ["dc1"]]);
  });

  test("is not needed to read a monitor, nor to write one that names no agent", async () => {
    const { call } = start(new Error("away"));
    const made = await call("POST", "/v0.1/monitors", monitorBody);
    expect(made.status).toBe(201);
    expect((await call("GET", `/v0.1/monitors/${made.body.id}`)).status).toBe(200);
    const named = await call("POST", "/v0.1/monitors", { ...monitorBody, check_regions: ["dc1"] });
    expect([named.status, named.body.detail]).toEqual([503, "which agents there are cannot be told now"]);
  });

  test.each([
    ["mars", {}, 422],
    ["sam", {}, 422],
    ["sam", { CHECKER_SAM: {} }, 201],
    ["dc1", {}, 201],
    ["dc2", {}, 422],
    ["kosmos", {}, 422],
  ])("decides which regions it may name: %s with %j is %i", async (region, settings, status) => {
    const { call } = start([agent("dc1"), agent("dc2", { project_id: "other" })], settings);
    const answer = await call("POST", "/v0.1/monitors", { ...monitorBody, check_regions: ["weur", region] });
    expect([answer.status, pointers(answer)]).toEqual([status, status === 422 ? ["/check_regions/1"] : []]);
  });

  test("a target of its own must be public, where members must", async () => {
    const { call } = start();
    const answer = await call("POST", "/v0.1/monitors", { ...monitorBody, target: "10.0.0.1" });
    expect([answer.status, pointers(answer)]).toEqual([422, ["/target"]]);
    const allowed = start([], { KOSMOS_ALLOW_PRIVATE: "agents" });
    expect((await allowed.call("POST", "/v0.1/monitors", { ...monitorBody, target: "10.0.0.1" })).status).toBe(201);
    expect((await allowed.call("POST", "/v0.1/pools", { name: "a", members: [{ ...memberBody, endpoints: ["10.0.0.1"] }] })).status).toBe(
      201,
    );
  });
});
