import { describe, expect, test } from "vitest";
import type { Agent, AgentWrite } from "../../domain/agent.ts";
import type { CheckReport } from "../../domain/observation.ts";
import { notFound } from "../../domain/problem.ts";
import { fail, ok } from "../../domain/result.ts";
import type { ConductorRpc } from "../../durable-objects/rpc.ts";
import type { AgentOrders, AgentPoll, AgentsRpc, VantageRpc } from "../../durable-objects/rpc-vantage.ts";
import { sealSecrets } from "../../durable-objects/seal.ts";
import { pointers, startApi, token } from "./api.fixture.ts";

const facts = { version: "0.1.0", capabilities: ["tcp", "ping"], address_families: [4] };
const nothing = (tag: string): AgentOrders => ({ tag, assignment: null, confirmations: [], tests: [] });
const [member, monitor] = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"];
const confirmation = { member_id: member, endpoint: "10.1.0.1", monitor_id: monitor, monitor_version: 1, doubt: "down" } as const;
const observation = {
  member_id: member,
  endpoint: "10.1.0.1",
  monitor_id: monitor,
  monitor_version: 1,
  tick: 1_000,
  outcome: "pass",
  latency_ms: 1,
  detail: "ok",
};

/** The deployment's agents, and Engines that say what the test tells them to. */
function start(projects: readonly string[] = ["default"], settings: object = {}) {
  const agents = new Map<string, Agent & { hash: string }>();
  const polls: (AgentPoll & { project: string })[] = [];
  const observed: { project: string; reports: readonly CheckReport[] }[] = [];
  const tested: { id: string; result: unknown }[] = [];
  const orders = new Map<string, (poll: AgentPoll) => Promise<AgentOrders>>();
  const rpc: AgentsRpc = {
    createAgent: async (input: AgentWrite, hash: string) => {
      if ([...agents.values()].some(({ name }) => name === input.name)) return fail({ type: "conflict", detail: "there is one" });
      const id = `00000000-0000-4000-8000-00000000000${agents.size}`;
      const agent: Agent = { id, ...input, created_at: "2026-11-22T10:00:00.000Z", last_seen_at: null, facts: null };
      agents.set(id, { ...agent, hash });
      return ok(agent);
    },
    agents: async () => ok([...agents.values()]),
    readAgent: async (id) => {
      const found = agents.get(id);
      return found === undefined ? fail(notFound("agent")) : ok(found);
    },
    removeAgent: async (id, _by, force) => {
      if (agents.get(id)?.name === "used" && !force) return fail({ type: "in-use", detail: "it is named", users: [] });
      return agents.delete(id) ? ok(null) : fail(notFound("agent"));
    },
    agentOf: async (hash) => [...agents.values()].find((agent) => agent.hash === hash) ?? null,
    agentSeen: async (id, seen) => {
      const agent = agents.get(id);
      if (agent !== undefined) agents.set(id, { ...agent, facts: seen });
    },
  };
  const vantage = (project: string) =>
    ({
      agentPoll: async (poll: AgentPoll) => {
        polls.push({ ...poll, project });
        return (await orders.get(project)?.(poll)) ?? nothing(poll.tag ?? "");
      },
      agentTested: async (id: string, result: unknown) => void tested.push({ id, result }),
    }) as unknown as VantageRpc;
  const api = startApi(
    settings,
    {},
    {
      agents: () => rpc,
      vantage,
      deployment: () => ({ projects: async () => projects }) as unknown as ConductorRpc,
      engine: (project) =>
        ({ observe: async (reports: readonly CheckReport[]) => void observed.push({ project, reports }) }) as unknown as never,
    },
  );
  const make = async (body: object) => (await api.call("POST", "/v0.1/agents", body)).body;
  const as = (agentToken: string) => ({
    poll: (body: object = {}) => api.call("POST", "/v0.1/agents/poll", { ...facts, wait: 0, ...body }, { "X-Auth-Token": agentToken }),
    report: (body: object) => api.call("POST", "/v0.1/agents/report", body, { "X-Auth-Token": agentToken }),
  });
  return { ...api, agents, polls, observed, tested, orders, make, as };
}

describe("/v0.1/agents", () => {
  test("a token is shown once, of it a hash is kept, and a second of the name is refused", async () => {
    const { call, agents } = start();
    const made = await call("POST", "/v0.1/agents", { name: "rack-1", project_id: "default", description: "in the cellar" });
    expect(made.status).toBe(201);
    expect(made.body.token).toMatch(/^kosmos_[A-Za-z0-9_-]{43}$/);
    expect(made.headers.get("Location")).toMatch(new RegExp(`/v0.1/agents/${made.body.id}$`));
    expect(made.headers.get("Cache-Control")).toBe("no-store");
    const { token: shown, ...rest } = made.body;
    expect((await call("GET", `/v0.1/agents/${made.body.id}`)).body).toEqual(rest);
    expect([...agents.values()][0]?.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.stringify([...agents.values()])).not.toContain(shown);
    const list = await call("GET", "/v0.1/agents?limit=1");
    expect(list.body).toMatchObject({ agents: [rest], metadata: { total_count: 1 } });
    expect((await call("POST", "/v0.1/agents", { name: "rack-1" })).status).toBe(409);
    expect((await call("DELETE", `/v0.1/agents/${made.body.id}`)).status).toBe(204);
    expect((await call("DELETE", `/v0.1/agents/${made.body.id}`)).status).toBe(404);
  });

  test("one that monitors name is removed only by force", async () => {
    const { call, make } = start();
    const { id } = await make({ name: "used" });
    const refused = await call("DELETE", `/v0.1/agents/${id}`);
    expect([refused.status, refused.body.type]).toEqual([409, "/problems/in-use"]);
    expect((await call("DELETE", `/v0.1/agents/${id}?force=yes`)).status).toBe(400);
    expect((await call("DELETE", `/v0.1/agents/${id}?force=false`)).status).toBe(409);
    expect((await call("DELETE", `/v0.1/agents/${id}?force=true`)).status).toBe(204);
  });

  test.each([
    [{}, ["/name"]],
    [{ name: "weur" }, ["/name"]],
    [{ name: "kosmos" }, ["/name"]],
    [{ name: "constructor" }, ["/name"]],
    [{ name: "Rack 1" }, ["/name"]],
    [{ name: "rack", token: "mine" }, ["/token"]],
    [{ name: "rack", project_id: "a:b" }, ["/project_id"]],
  ])("%j is refused", async (body, expected) => {
    const answer = await start().call("POST", "/v0.1/agents", body);
    expect([answer.status, pointers(answer)]).toEqual([400, expected]);
  });
});

describe("an agent's token", () => {
  test("opens the agent's own paths and nothing else, and those are for no other", async () => {
    const { call, make, as } = start();
    const agent = await make({ name: "rack-1" });
    expect((await as(agent.token).poll()).status).toBe(200);
    for (const [method, path] of [
      ["GET", "/v0.1/gslbs"],
      ["GET", "/v0.1/agents"],
      ["DELETE", `/v0.1/agents/${agent.id}`],
      ["GET", "/v0.1/nothing"],
    ] as const) {
      expect((await call(method, path, undefined, { "X-Auth-Token": agent.token })).status).toBe(403);
    }
    expect((await as(token).poll()).status).toBe(403);
    expect((await as(token).report({})).status).toBe(403);
    expect((await as(`kosmos_${"A".repeat(43)}`).poll()).status).toBe(401);
    expect((await as("kosmos_short").poll()).status).toBe(401);
  });

  test("is worth nothing once the agent is removed, also to a poll that waits", async () => {
    const { call, make, as, orders } = start();
    const agent = await make({ name: "rack-1", project_id: "default" });
    orders.set("default", async () => {
      await call("DELETE", `/v0.1/agents/${agent.id}`);
      return { ...nothing("2"), confirmations: [confirmation] };
    });
    expect((await as(agent.token).poll()).status).toBe(401);
    expect((await as(agent.token).report({})).status).toBe(401);
  });

  test("is 503 while it cannot be checked", async () => {
    const { call } = startApi({}, {}, { agents: () => ({ agentOf: () => Promise.reject(new Error("away")) }) as unknown as AgentsRpc });
    const answer = await call("POST", "/v0.1/agents/poll", facts, { "X-Auth-Token": `kosmos_${"A".repeat(43)}` });
    expect([answer.status, answer.headers.get("Retry-After")]).toEqual([503, "2"]);
  });
});

describe("POST /v0.1/agents/poll", () => {
  test("asks the Engine of the agent's project, and keeps what the agent says of itself", async () => {
    const { make, as, polls, agents } = start(["default", "other"]);
    const { id, token: own } = await make({ name: "rack-1", project_id: "other" });
    const answer = await as(own).poll({ tags: { other: "7" }, wait: 3 });
    expect(answer.body).toMatchObject({ region: "rack-1", project_ids: ["other"], projects: [{ project_id: "other", tag: "7" }] });
    expect(polls).toEqual([{ project: "other", region: "rack-1", tag: "7", waitMs: 3_000 }]);
    expect(agents.get(id)?.facts).toEqual(facts);
  });

  test("takes the name of a project for nothing but a name", async () => {
    const { make, as, polls } = start(["constructor"]);
    const { token: own } = await make({ name: "rack-1" });
    expect((await as(own).poll()).status).toBe(200);
    expect(polls).toMatchObject([{ project: "constructor", tag: null }]);
  });

  test("is answered as soon as one of many Engines has news, and loses nothing of the others'", async () => {
    const { make, as, orders } = start(["a", "b", "c"]);
    const { token: own } = await make({ name: "rack-1" });
    const waiting = new Map<string, (orders: AgentOrders) => void>();
    const engine = (project: string) => (poll: AgentPoll) => {
      // As the Engine does: each poll replaces the one before, and what came up meanwhile goes to either of them.
      if (poll.waitMs === 0) {
        waiting.get(project)?.(project === "c" ? { ...nothing("1"), confirmations: [confirmation] } : nothing("1"));
        return Promise.resolve(nothing("1"));
      }
      return new Promise<AgentOrders>((resolve) => waiting.set(project, resolve));
    };
    orders.set("b", engine("b"));
    orders.set("c", engine("c"));
    orders.set("a", async () => {
      while (waiting.size < 2) await Promise.resolve();
      return { ...nothing("2"), confirmations: [confirmation] };
    });
    const answer = await as(own).poll({ tags: { a: "1", b: "1", c: "1" }, wait: 20 });
    expect(answer.body.projects).toEqual([
      { project_id: "a", ...nothing("2"), confirmations: [confirmation] },
      { project_id: "b", ...nothing("1") },
      { project_id: "c", ...nothing("1"), confirmations: [confirmation] },
    ]);
  });

  test("is not held up by an Engine that hangs", async () => {
    const { make, as, orders } = start(["a", "b"]);
    const { token: own } = await make({ name: "rack-1" });
    orders.set("a", async () => ({ ...nothing("2"), confirmations: [confirmation] }));
    orders.set("b", () => new Promise(() => undefined));
    const answer = await as(own).poll({ wait: 20 });
    expect(answer.body.projects).toEqual([{ project_id: "a", ...nothing("2"), confirmations: [confirmation] }]);
  });

  test("leaves out an Engine that does not answer, and is 503 where none does", async () => {
    const { make, as, orders } = start(["a", "b"]);
    const { token: own } = await make({ name: "rack-1" });
    orders.set("a", () => Promise.reject(new Error("away")));
    const answer = await as(own).poll();
    expect(answer.body.project_ids).toEqual(["a", "b"]);
    expect(answer.body.projects.map(({ project_id }: { project_id: string }) => project_id)).toEqual(["b"]);
    orders.set("b", () => Promise.reject(new Error("away")));
    expect((await as(own).poll()).status).toBe(503);
  });

  test("opens the secrets of what this agent has to check, and says which it cannot", async () => {
    const key = btoa(String.fromCharCode(...Array.from({ length: 32 }, (_, index) => index)));
    const sealed = await sealSecrets({ credentials: { bearer_token: "s3cret" } }, "default", { KOSMOS_ENCRYPTION_KEY: key });
    const spec = { port: 443, sealed: sealed.ok ? sealed.value : {} };
    const target = { host: "10.1.0.1", port: null, hostHeader: null, endpoint: "10.1.0.1" };
    const check = { member_id: member, endpoint: "10.1.0.1", monitor_id: monitor, target, phase_ms: 0 };
    const assigned = { id: monitor, version: 1, type: "HTTPS", delay_ms: 2_000, timeout_ms: 1_000, spec };
    const assignment = {
      project_id: "default",
      region: "rack-1",
      shard: 0,
      generation: 3,
      version: 9,
      monitors: [assigned],
      checks: [check],
    };
    const order = { project_id: "default", region: "rack-1", monitor_id: null, type: "HTTPS", timeout_ms: 1_000, spec, target };
    const given = async (settings: object) => {
      const { make, as, orders } = start(["default"], settings);
      const { token: own } = await make({ name: "rack-1", project_id: "default" });
      orders.set("default", async () => ({ tag: "9", assignment, confirmations: [], tests: [{ id: "t", order }] }));
      return (await as(own).poll()).body.projects[0];
    };
    const open = await given({ KOSMOS_ENCRYPTION_KEY: key });
    expect(open.assignment.monitors[0]).toMatchObject({ spec: { port: 443, credentials: { bearer_token: "s3cret" } }, trouble: null });
    expect(open.assignment).toMatchObject({ generation: 3, version: 9, checks: [check] });
    expect(open.tests[0].order.spec).toEqual({ port: 443, credentials: { bearer_token: "s3cret" } });
    const closed = await given({});
    expect(closed.assignment.monitors[0].trouble).toContain("KOSMOS_ENCRYPTION_KEY is not set");
    expect(JSON.stringify(closed)).not.toContain("s3cret");
  });

  test.each([{ wait: 600 }, { tags: [] }, { tags: { "a:b": "1" } }, { capabilities: ["fly"] }, { more: 1 }])("%j is 400", async (wrong) => {
    const { make, as } = start();
    const { token: own } = await make({ name: "rack-1" });
    expect((await as(own).poll(wrong)).status).toBe(400);
  });
});

describe("POST /v0.1/agents/report", () => {
  const report = { project_id: "default", shard: 0, generation: 3, observations: [observation] };

  test("hands the results to the Engine before it answers, as the agent's own region and without a colo", async () => {
    const { make, as, observed, tested } = start();
    const { token: own } = await make({ name: "rack-1", project_id: "default" });
    const result = {
      outcome: "pass",
      latency_ms: 1,
      timings: { dns: null, connect: 1, tls: null, first_byte: null },
      detail: "ok",
      warning: null,
      http_status: null,
      body_excerpt: null,
      certificate: null,
    };
    const answer = await as(own).report({ reports: [report, report], tests: [{ project_id: "default", id: "t", result }] });
    expect([answer.status, answer.body]).toEqual([200, { observations: 2 }]);
    const whole = { ...report, region: "rack-1", colo: "local" };
    expect(observed).toEqual([{ project: "default", reports: [whole, whole] }]);
    expect(tested).toEqual([{ id: "t", result: { ...result, region: "rack-1", colo: "local" } }]);
  });

  test("for a project that it does not serve is 403, and nothing of it is taken", async () => {
    const { make, as, observed } = start();
    const { token: own } = await make({ name: "rack-1", project_id: "other" });
    expect((await as(own).report({ reports: [{ ...report, project_id: "other" }, report] })).status).toBe(403);
    expect(observed).toEqual([]);
  });

  test.each([
    { reports: [{ ...report, region: "weur" }] },
    { reports: [{ ...report, colo: "CDG" }] },
    { reports: [{ ...report, observations: [] }] },
    { reports: [{ ...report, observations: [{ ...observation, outcome: "maybe" }] }] },
    { tests: [{ project_id: "default", id: "t", result: {} }] },
  ])("%j is 400", async (wrong) => {
    const { make, as, observed } = start();
    const { token: own } = await make({ name: "rack-1" });
    expect((await as(own).report(wrong)).status).toBe(400);
    expect(observed).toEqual([]);
  });

  test("is 503 while the Engine is away, so that the agent sends it again", async () => {
    const engine = () => ({ observe: () => Promise.reject(new Error("away")) }) as never;
    const agent: Agent = { id: "1", name: "rack-1", project_id: null, description: null, created_at: "", last_seen_at: null, facts: null };
    const agents = () => ({ agentOf: async () => agent }) as unknown as AgentsRpc;
    const { call } = startApi({}, {}, { engine, agents });
    const answer = await call("POST", "/v0.1/agents/report", { reports: [report] }, { "X-Auth-Token": `kosmos_${"A".repeat(43)}` });
    expect([answer.status, answer.headers.get("Retry-After")]).toEqual([503, "1"]);
  });
});
