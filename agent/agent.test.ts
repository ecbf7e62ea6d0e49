import { describe, expect, it } from "vitest";
import type { AgentOrdersAnswer, AgentReportsBody } from "../domain/agent-wire.ts";
import type { CheckSocket } from "../domain/check.ts";
import type { Observation } from "../domain/observation.ts";
import type { CheckerIo } from "../workers/checker/run-checks.ts";
import { KosmosAgent } from "./agent.ts";
import { type ApiAnswer, type ApiClient, backOffMs } from "./api-client.ts";
import { Results } from "./results.ts";
import { StallWatch } from "./stall.ts";

const [member, monitor] = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"];
const place = { project_id: "default", shard: 0, generation: 3 };
const observation = (tick: number, outcome: Observation["outcome"] = "pass"): Observation => ({
  member_id: member,
  endpoint: "10.1.0.1",
  monitor_id: monitor,
  monitor_version: 1,
  tick,
  outcome,
  latency_ms: 1,
  detail: "ok",
});

describe("the results of an agent", () => {
  const ticks = (results: Results) => results.next()?.observations.map(({ observation }) => observation.tick);

  it("go out in order, in parts of a hundred, and stay until they are taken", () => {
    const results = new Results();
    for (let tick = 0; tick < 250; tick += 1) results.add(tick % 2 === 0 ? place : { ...place, project_id: "other" }, observation(tick));
    const batch = results.next();
    expect(batch?.body.reports?.map(({ project_id, observations }) => [project_id, observations.length])).toEqual([
      ["default", 100],
      ["default", 25],
      ["other", 100],
      ["other", 25],
    ]);
    expect(results.size).toBe(250);
    results.add(place, observation(250));
    if (batch !== null) results.taken(batch);
    expect(ticks(results)).toEqual([250]);
  });

  it("send no more at once than the API takes", () => {
    const results = new Results();
    for (let tick = 0; tick < 3_000; tick += 1) results.add({ ...place, project_id: `p${tick % 30}` }, observation(tick));
    let [sent, requests] = [0, 0];
    for (let batch = results.next(); batch !== null; batch = results.next()) {
      expect(batch.body.reports?.length).toBeLessThanOrEqual(20);
      expect(batch.observations.length).toBeLessThanOrEqual(1_000);
      sent += batch.observations.length;
      requests += 1;
      results.taken(batch);
    }
    expect(sent).toBe(3_000);
    expect(requests).toBeLessThan(200);
  });

  it("give up the oldest passes first, then the oldest, and what is too old in any case", () => {
    const results = new Results(100, 1_000);
    for (let tick = 1; tick <= 120; tick += 1) results.add(place, observation(tick, tick <= 10 ? "fail" : "pass"));
    expect(results.trim(200)).toBe(25);
    expect(ticks(results)?.slice(0, 11)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 36]);
    expect(results.trim(1_050)).toBe(10 + 15);
    expect(ticks(results)?.[0]).toBe(51);
    const failing = new Results(100);
    for (let tick = 1; tick <= 120; tick += 1) failing.add(place, observation(tick, "fail"));
    failing.trim(0);
    expect(failing.size).toBe(95);
    expect(ticks(failing)?.at(-1)).toBe(120);
  });
});

describe("the pause after failures", () => {
  it("grows, is random, has an end, and is no shorter than the API asked for", () => {
    expect(backOffMs(0, 0)).toBe(250);
    expect(backOffMs(0, 1)).toBe(500);
    expect(backOffMs(3, 0.5)).toBe(2_000);
    expect(backOffMs(1_000, 1)).toBe(10_000);
    expect(backOffMs(0, 0, 3_000)).toBe(3_000);
    expect(backOffMs(0, 0, 3_600_000)).toBe(10_000);
  });
});

describe("a stall", () => {
  it("is noticed while it lasts and afterwards, by whom it concerns", () => {
    let now = 0;
    const watch = new StallWatch(() => now);
    now = 50;
    watch.beat();
    expect(watch.since(0)).toBe(0);
    now = 700;
    expect(watch.since(600)).toBe(600);
    watch.beat();
    expect(watch.since(100)).toBe(600);
    now = 750;
    watch.beat();
    expect(watch.since(740)).toBe(0);
    watch.close();
  });
});

/** An API that answers as the test says, and an agent of it. */
function start(orders: AgentOrdersAnswer, report: (body: AgentReportsBody) => Promise<ApiAnswer>, connect: () => Promise<unknown>) {
  const logged: string[] = [];
  const tags: unknown[] = [];
  const api: ApiClient = {
    post: async (path, body, _, signal) => {
      if (path === "/v0.1/agents/report") return report(body as AgentReportsBody);
      tags.push((body as { tags: unknown }).tags);
      if (tags.length === 1) return { status: 200, body: orders, retryAfterMs: null };
      return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(new Error("aborted"))));
    },
    close: () => undefined,
  };
  const io: CheckerIo = {
    capabilities: new Set(["tcp", "private", "port_25"]),
    now: () => Date.now(),
    fetch: () => Promise.reject(new Error("no fetch")),
    connect: () => {
      const opened = connect();
      opened.catch(() => undefined);
      const streams = { readable: new ReadableStream<Uint8Array>(), writable: new WritableStream<Uint8Array>() };
      return { ...streams, opened, closed: new Promise(() => undefined), close: async () => undefined } as CheckSocket;
    },
  };
  const agent = new KosmosAgent({ api, io, concurrency: 4, families: [4], log: (level, text) => logged.push(`${level} ${text}`) });
  return { agent, logged, tags, ended: agent.run() };
}

const target = { host: "10.1.0.1", port: null, hostHeader: null, endpoint: "10.1.0.1" };
const assignedMonitor = { id: monitor, version: 1, type: "TCP", delay_ms: 1_000, timeout_ms: 1_000, spec: { port: 80 }, trouble: null };
const check = { member_id: member, endpoint: "10.1.0.1", monitor_id: monitor, target, phase_ms: 0 };
const assignment = { ...place, version: 7, monitors: [assignedMonitor], checks: [check] };
const orders = (more: Partial<AgentOrdersAnswer["projects"][number]> = {}, now = Date.now()): AgentOrdersAnswer => ({
  region: "rack-1",
  now,
  project_ids: ["default"],
  projects: [{ project_id: "default", tag: "3.7", assignment, confirmations: [], tests: [], ...more }],
});
const done: ApiAnswer = { status: 200, body: {}, retryAfterMs: null };

describe("an agent", () => {
  it("checks what it was told to, reports it, says what it has, and ends with a last report", async () => {
    const reports: AgentReportsBody[] = [];
    const came = Promise.withResolvers<void>();
    const { agent, tags, ended } = start(
      orders(),
      async (body) => {
        reports.push(body);
        came.resolve();
        return done;
      },
      async () => undefined,
    );
    await came.promise;
    agent.stop();
    expect(await ended).toBe("ended");
    expect(tags).toEqual([{}, { default: "3.7" }]);
    const [first] = reports[0]?.reports ?? [];
    expect(first).toMatchObject({ project_id: "default", shard: 0, generation: 3 });
    expect(first?.observations[0]).toMatchObject({ member_id: member, monitor_version: 1, outcome: "pass" });
  });

  it("keeps what the API could not take, and tells apart what it never will", async () => {
    const answers: ApiAnswer[] = [
      { status: 503, body: { detail: "the Engine cannot be reached now" }, retryAfterMs: null },
      { status: 400, body: { detail: "this is no report" }, retryAfterMs: null },
    ];
    const reports: number[][] = [];
    const came = Promise.withResolvers<void>();
    const { agent, logged, ended } = start(
      orders(),
      async (body) => {
        reports.push((body.reports ?? []).flatMap(({ observations }) => observations.map(({ tick }) => tick)));
        const answer = answers.shift();
        if (answer === undefined) came.resolve();
        return answer ?? done;
      },
      async () => Promise.reject(new Error("refused")),
    );
    await came.promise;
    agent.stop();
    await ended;
    const [unsent = [], refused = [], later = []] = reports;
    expect(refused.slice(0, unsent.length)).toEqual(unsent);
    expect(later.some((tick) => refused.includes(tick))).toBe(false);
    expect(logged.join("\n")).toMatch(/warning results wait \(\d+\): the API answered 503: the Engine cannot be reached now/);
    expect(logged.join("\n")).toMatch(/error \d+ results were refused: the API answered 400: this is no report/);
  });

  it("ends where its token is refused", async () => {
    const { logged, ended } = start(
      orders(),
      async () => ({ status: 401, body: { detail: "the token is not valid" }, retryAfterMs: null }),
      async () => undefined,
    );
    expect(await ended).toBe("refused");
    expect(logged).toContain("error the token is not valid, or the agent was removed");
  });

  it("times its checks by the API's clock where its own is wrong", async () => {
    const came = Promise.withResolvers<number>();
    const { agent, logged, ended } = start(
      orders({}, Date.now() + 3_600_000),
      async (body) => {
        came.resolve(body.reports?.[0]?.observations[0]?.tick ?? 0);
        return done;
      },
      async () => undefined,
    );
    expect((await came.promise) - Date.now()).toBeGreaterThan(3_500_000);
    agent.stop();
    await ended;
    expect(logged.join("\n")).toContain("s behind the API's; checks are timed by the API's");
  });

  it("runs a test at once, and says so where a secret did not open", async () => {
    const came = Promise.withResolvers<AgentReportsBody["tests"]>();
    const order = { monitor_id: null, type: "TCP", timeout_ms: 1_000, spec: { port: 80 }, target, trouble: null };
    const tests = [
      { id: "t1", order },
      { id: "t2", order: { ...order, spec: {}, trouble: "credentials: KOSMOS_ENCRYPTION_KEY is not set in this deployment" } },
    ];
    const all: NonNullable<AgentReportsBody["tests"]> = [];
    const { agent, ended } = start(
      orders({ assignment: { ...assignment, monitors: [], checks: [] }, tests }),
      async (body) => {
        all.push(...(body.tests ?? []));
        if (all.length === 2) came.resolve(all);
        return done;
      },
      async () => undefined,
    );
    const results = (await came.promise)?.toSorted((left, right) => left.id.localeCompare(right.id));
    agent.stop();
    await ended;
    expect(results?.map(({ id, result }) => [id, result.outcome])).toEqual([
      ["t1", "pass"],
      ["t2", "no_data"],
    ]);
    expect(results?.[1]?.result.detail).toBe("credentials: KOSMOS_ENCRYPTION_KEY is not set in this deployment");
  });
});
