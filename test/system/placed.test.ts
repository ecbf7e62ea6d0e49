/** A region where no Durable Object can be placed: the real Prober, and the placed checker as it is deployed, a Worker of its own. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestHarness, type TestHarness } from "wrangler";
import type { CheckReport } from "../../domain/observation.ts";
import type { Assignment } from "../../durable-objects/rpc.ts";
import type { CheckResult } from "../../durable-objects/rpc-vantage.ts";
import { startOrigin } from "./origins.ts";
import type { Recorded } from "./prober/worker.ts";
import { until } from "./until.ts";

/** Says where the placed checker is, as Cloudflare would. */
const trace = createServer((_request, response) => response.end("fl=1\ncolo=GRU\n"));
let server: TestHarness;

beforeAll(async () => {
  await new Promise<void>((resolve) => trace.listen(0, "127.0.0.1", resolve));
  const { port } = trace.address() as AddressInfo;
  server = createTestHarness({
    workers: [
      { configPath: "test/system/placed/wrangler.toml", vars: { KOSMOS_TRACE_URL: "off", KOSMOS_ALLOW_PRIVATE: "1" } },
      {
        configPath: "workers/checker/placed.toml",
        vars: { KOSMOS_TRACE_URL: `http://127.0.0.1:${port}/`, KOSMOS_ALLOW_PRIVATE: "1" },
      },
    ],
  });
  await server.listen();
});
afterAll(async () => {
  await server.close();
  trace.close();
});

const post = async <T>(path: string, body: unknown): Promise<T> =>
  (await (await server.fetch(path, { method: "POST", body: JSON.stringify(body) })).json()) as T;
const reports = async (region: string): Promise<CheckReport[]> => {
  const { reports } = (await (await server.fetch("/reports")).json()) as Recorded;
  return reports.filter((report) => report.region === region);
};

const monitorId = "22222222-2222-4222-8222-222222222222";
const memberId = "11111111-1111-4111-8111-111111111111";
const target = (port: number) => ({ host: "127.0.0.1", port, hostHeader: null, endpoint: "127.0.0.1" });
const assignment = (region: string, version: number, port: number | null): Assignment => ({
  project_id: "default",
  region,
  shard: 0,
  generation: 1,
  version,
  monitors: [{ id: monitorId, version: 1, type: "TCP", delay_ms: 1_000, timeout_ms: 500, spec: { port: 1 } }],
  checks: port === null ? [] : [{ member_id: memberId, endpoint: "127.0.0.1", monitor_id: monitorId, target: target(port), phase_ms: 250 }],
});

describe("a placed region", () => {
  it("is checked by its own checker, reported by its Prober once each tick, and labelled with the place that was measured there", async () => {
    const origin = await startOrigin({ protocol: "tcp" });
    await post("/assign", assignment("sam", 1, origin.port));
    const seen = await until(() => reports("sam"), { what: "three reports", is: (list) => list.length >= 3 });
    await post("/assign", assignment("sam", 2, null));
    expect(new Set(seen.map(({ colo, generation, shard }) => `${colo} ${generation} ${shard}`))).toEqual(new Set(["GRU 1 0"]));
    const ticks = seen.flatMap(({ observations }) => observations.map(({ tick, outcome }) => `${tick} ${outcome}`));
    expect(new Set(ticks).size).toBe(ticks.length);
    expect(ticks.every((tick) => tick.endsWith("250 pass"))).toBe(true);
    // None of it went through the checker of the Prober's own script.
    expect(((await (await server.fetch("/reports")).json()) as Recorded).calls).toBe(0);
    await origin.close();
  });

  it("runs a monitor's test there", async () => {
    const origin = await startOrigin();
    const order = { project_id: "default", region: "sam", monitor_id: null, type: "HTTP", timeout_ms: 1_000, spec: {} };
    const seen = await post<CheckResult>("/test", { ...order, target: target(origin.port) });
    expect(seen).toMatchObject({ region: "sam", colo: "GRU", outcome: "pass", detail: "200" });
    await origin.close();
  });

  it("without a checker has no_data, and says which binding is missing", async () => {
    await post("/assign", assignment("afr", 1, 1));
    const [first] = await until(() => reports("afr"), { what: "a report", is: (list) => list.length > 0 });
    await post("/assign", assignment("afr", 2, null));
    expect(first).toMatchObject({
      colo: "local",
      observations: [{ outcome: "no_data", detail: "no checker is bound for afr (CHECKER_AFR)" }],
    });
  });
});
