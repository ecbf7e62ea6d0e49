import { createServer, type Server, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createTestHarness } from "wrangler";
import type { CheckReport, Observation } from "../../domain/observation.ts";
import type { CheckBatch } from "../../durable-objects/rpc.ts";
import { answer, drop, hang, type Origin, type OriginOptions, startOrigin } from "./origins.ts";
import { until } from "./until.ts";

/** The checker in the real runtime, with its own sockets, against servers on this machine. */
const server = createTestHarness({ workers: [{ configPath: "test/system/prober/wrangler.toml", vars: { KOSMOS_TRACE_URL: "off" } }] });
const origins: Origin[] = [];

beforeAll(() => server.listen());
afterAll(() => server.close());
afterEach(async () => {
  for (const origin of origins.splice(0)) await origin.close();
});

const origin = async (options?: OriginOptions): Promise<Origin> => {
  const started = await startOrigin(options);
  origins.push(started);
  return started;
};

type Check = CheckBatch["checks"][number];
const http = (port: number, more: Partial<Check> = {}): Check => ({
  member_id: "11111111-1111-4111-8111-111111111111",
  endpoint: "127.0.0.1",
  monitor_id: "22222222-2222-4222-8222-222222222222",
  monitor_version: 3,
  tick: 1_000,
  type: "HTTP",
  timeout_ms: 1_000,
  spec: { port },
  target: { host: "127.0.0.1", port: null, hostHeader: null, endpoint: "127.0.0.1" },
  ...more,
});
const batch = (...checks: Check[]): CheckBatch => ({ project_id: "default", region: "weur", shard: 2, generation: 1, checks });

async function post(body: unknown): Promise<Response> {
  return (await server.fetch("/check", { method: "POST", body: JSON.stringify(body) })) as unknown as Response;
}

async function check(...checks: Check[]): Promise<readonly Observation[]> {
  const response = await post(batch(...checks));
  expect(response.status).toBe(200);
  return ((await response.json()) as CheckReport).observations;
}

const outcomes = (observations: readonly Observation[]) => observations.map(({ outcome, detail }) => [outcome, detail]);

describe("the checker", () => {
  it("answers with a report that names what was measured, and sends the same to the queue", async () => {
    const good = await origin();
    const response = await post(batch(http(good.port, { tick: 4711 })));
    const report = (await response.json()) as CheckReport;
    expect(report).toMatchObject({ project_id: "default", region: "weur", shard: 2, generation: 1, colo: "local" });
    expect(report.observations).toMatchObject([{ monitor_version: 3, tick: 4711, outcome: "pass", detail: "200" }]);
    const queued = await until(async () => ((await (await server.fetch("/reports")).json()) as { reports: CheckReport[] }).reports, {
      what: "the report in the queue",
      is: (reports) => reports.some((seen) => seen.observations.some(({ tick }) => tick === 4711)),
    });
    expect(queued).toContainEqual(report);
  });

  it("sends the Host that was chosen, to an address, with the path as it is written", async () => {
    const good = await origin();
    const target = { host: "127.0.0.1", port: good.port, hostHeader: "www.example.com", endpoint: "192.0.2.1" };
    await check(http(1, { target, endpoint: "192.0.2.1", spec: { url_path: "/a/../b?c=%20" } }));
    expect(good.received).toMatchObject([{ host: "www.example.com", path: "/a/../b?c=%20", method: "GET" }]);
  });

  it("tells a wrong status, a refusal, a hanging and a dropping origin apart from a good one", async () => {
    const [good, wrong, hanging, dropping, dead] = await Promise.all([
      origin(),
      origin({ behaviour: answer(503) }),
      origin({ behaviour: hang }),
      origin({ behaviour: drop }),
      origin(),
    ]);
    await dead.kill();
    expect(outcomes(await check(http(good.port), http(wrong.port), http(hanging.port), http(dropping.port), http(dead.port)))).toEqual([
      ["pass", "200"],
      ["fail", "expected 200, got 503"],
      ["fail", "no answer within 1000 ms"],
      ["fail", expect.stringMatching(/^connection (closed|reset) before a status line$/)],
      ["fail", "connection refused or unreachable"],
    ]);
  });

  it("connects over TCP, also to IPv6", async () => {
    const four = await origin({ protocol: "tcp", behaviour: hang });
    const six = await origin({ protocol: "tcp", address: "::1", behaviour: hang });
    const tcp = (host: string, port: number) =>
      http(port, { type: "TCP", endpoint: host, target: { host, port: null, hostHeader: null, endpoint: host } });
    expect(outcomes(await check(tcp("127.0.0.1", four.port), tcp("::1", six.port)))).toEqual([
      ["pass", "connected"],
      ["pass", "connected"],
    ]);
  });

  it("checks names through fetch, and a name with another Host over a connection", async () => {
    const good = await origin({ behaviour: answer(200, "all is well") });
    const target = { host: "localhost.", port: null, hostHeader: null, endpoint: "localhost." };
    const spec = { port: good.port, receive_string: "is well" };
    const observations = await check(http(1, { target, spec }), http(1, { target: { ...target, hostHeader: "www.example.com" }, spec }));
    expect(outcomes(observations)).toEqual([
      ["pass", "200"],
      ["pass", "200"],
    ]);
    expect(good.received.map(({ host }) => host).toSorted()).toEqual([`localhost:${good.port}`, "www.example.com"]);
  });

  it("gives each check its whole time, also the sixth of a batch", async () => {
    const hanging = await origin({ behaviour: hang });
    const observations = await check(...Array.from({ length: 7 }, () => http(hanging.port, { timeout_ms: 300 })));
    expect(observations.map(({ detail }) => detail)).toEqual(Array.from({ length: 7 }, () => "no answer within 300 ms"));
    expect(hanging.received).toHaveLength(7);
  });

  it("drops a connection that hangs when the call ends", async () => {
    const open = new Set<Socket>();
    const listener: Server = createServer((socket) => {
      open.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => open.delete(socket));
      socket.resume();
    });
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const { port } = listener.address() as { port: number };
    try {
      const pending = check(http(port));
      await until(() => open.size, { what: "the check's connection" });
      expect(outcomes(await pending)).toEqual([["fail", "no answer within 1000 ms"]]);
      await until(() => open.size === 0, { what: "the end of the connection" });
    } finally {
      listener.close();
    }
  });

  it("says no_data for what is its own trouble", async () => {
    const unable = "this vantage point cannot do what the check needs";
    const orders = [
      http(1, { type: "FTP" }),
      http(1, { spec: { port: 0 } }),
      ...["HTTPS", "PING"].map((type) => http(1, { type, spec: {} })),
    ];
    expect(outcomes(await check(...orders))).toEqual([
      ["no_data", "this checker knows no monitors of type FTP"],
      ["no_data", "the monitor's fields cannot be read: must be an integer from 1 to 65535"],
      ["no_data", `${unable}: tls`],
      ["no_data", `${unable}: ping`],
    ]);
  });

  it("refuses what is not a batch", async () => {
    expect((await post({ project_id: "default" })).status).toBe(400);
    expect((await post("checks")).status).toBe(400);
    expect((await post(batch())).status).toBe(400);
  });
});
