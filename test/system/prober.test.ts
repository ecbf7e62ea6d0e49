import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createTestHarness } from "wrangler";
import { limits } from "../../domain/limits.ts";
import type { Observation } from "../../domain/observation.ts";
import type { AssignedCheck, AssignedMonitor, Assignment } from "../../durable-objects/rpc.ts";
import type { CheckResult, TestOrder } from "../../durable-objects/rpc-vantage.ts";
import { answer, hang, type Origin, type OriginOptions, startOrigin } from "./origins.ts";
import type { Fault, Recorded } from "./prober/worker.ts";
import { until } from "./until.ts";

/** The Prober with its real alarm and the real checker; a recorder stands where the Engine would be. */
const server = createTestHarness({ workers: [{ configPath: "test/system/prober/wrangler.toml", vars: { KOSMOS_TRACE_URL: "off" } }] });
const origins: Origin[] = [];
let assigned: Assignment[] = [];
/** Each test has Probers of its own. */
let shard = 0;

beforeAll(() => server.listen());
afterAll(() => server.close());
beforeEach(() => {
  shard += 1;
});
afterEach(async () => {
  await fault("none");
  for (const last of assigned) await assign({ ...last, version: last.version + 1_000, monitors: [], checks: [] });
  assigned = [];
  for (const origin of origins.splice(0)) await origin.close();
});

const origin = async (options?: OriginOptions): Promise<Origin> => {
  const started = await startOrigin(options);
  origins.push(started);
  return started;
};

const monitorId = "22222222-2222-4222-8222-222222222222";
const memberId = (number: number) => `11111111-1111-4111-8111-${String(number).padStart(12, "0")}`;

const monitor = (more: Partial<AssignedMonitor> = {}): AssignedMonitor => ({
  id: monitorId,
  version: 1,
  type: "HTTP",
  delay_ms: 1_000,
  timeout_ms: 500,
  spec: {},
  ...more,
});
const check = (number: number, port: number, phase_ms = 0): AssignedCheck => ({
  member_id: memberId(number),
  endpoint: "127.0.0.1",
  monitor_id: monitorId,
  target: { host: "127.0.0.1", port, hostHeader: null, endpoint: "127.0.0.1" },
  phase_ms,
});
const assignment = (version: number, monitors: AssignedMonitor[], checks: AssignedCheck[]): Assignment => ({
  project_id: "default",
  region: "weur",
  shard,
  generation: 1,
  version,
  monitors,
  checks,
});

const post = async <T>(path: string, body: unknown): Promise<T> =>
  (await (await server.fetch(path, { method: "POST", body: JSON.stringify(body) })).json()) as T;

async function assign(what: Assignment): Promise<{ version: number }> {
  assigned = [...assigned.filter((other) => other.shard !== what.shard), what];
  return post("/assign", what);
}
const wake = (what: Assignment) => post<{ version: number; checks: number; next_due_at: number | null }>("/wake", what);

async function fault(kind: Fault): Promise<void> {
  await server.fetch("/fault", { method: "POST", body: kind });
}

const recorded = async () => (await (await server.fetch("/reports")).json()) as Recorded;

/** What this test's Prober has brought into the queue. */
async function observations(): Promise<readonly Observation[]> {
  const { reports } = await recorded();
  return reports.filter((report) => report.shard === shard).flatMap((report) => report.observations);
}
const seen = (what: string, is: (observations: readonly Observation[]) => boolean) => until(observations, { what, is });
const calls = async () => (await recorded()).calls;

describe("a Prober", () => {
  it("checks what it was assigned at its ticks, and reports through the queue", async () => {
    const good = await origin();
    const bad = await origin({ behaviour: answer(500) });
    await assign(assignment(1, [monitor()], [check(1, good.port, 250), check(2, bad.port, 250)]));
    const all = await seen("three ticks", (list) => new Set(list.map(({ tick }) => tick)).size >= 3);
    for (const { member_id, tick, outcome, detail } of all) {
      expect(tick % 1_000).toBe(250);
      expect([outcome, detail]).toEqual(member_id === memberId(1) ? ["pass", "200"] : ["fail", "expected 200, got 500"]);
    }
    expect(new Set(all.map(({ member_id }) => member_id)).size).toBe(2);
  });

  it("checks what is new within two seconds, long before its tick", async () => {
    const good = await origin();
    const phase_ms = (Date.now() - 60_000) % 86_400_000;
    const first = assignment(1, [monitor({ delay_ms: 86_400_000 })], [check(1, good.port, phase_ms)]);
    await assign(first);
    const assignedBy = Date.now();
    const [observation] = await seen("the first check", (list) => list.length > 0);
    expect(observation).toMatchObject({ outcome: "pass", monitor_version: 1 });
    expect(observation?.tick).toBeLessThan(assignedBy + limits.firstCheckMs);
    expect((await wake(first)).next_due_at).toBeGreaterThan(Date.now() + 80_000_000);
    // Another version of the monitor is new again; the same one is not.
    await assign({ ...first, version: 2, monitors: [monitor({ version: 2, delay_ms: 86_400_000 })] });
    const two = await seen("the first check of the new version", (list) => list.length > 1);
    expect(two.map(({ monitor_version }) => monitor_version)).toEqual([1, 2]);
  });

  it("sees an origin die and come back", async () => {
    const mortal = await origin();
    await assign(assignment(1, [monitor()], [check(1, mortal.port)]));
    await seen("a pass", (list) => list.at(-1)?.outcome === "pass");
    await mortal.kill();
    const dead = await seen("a fail", (list) => list.at(-1)?.outcome === "fail");
    expect(dead.at(-1)?.detail).toBe("connection refused or unreachable");
    await mortal.revive();
    await seen("a pass again", (list) => list.at(-1)?.outcome === "pass");
  });

  it("goes on after it was evicted, by its alarm alone", async () => {
    const good = await origin();
    await assign(assignment(1, [monitor()], [check(1, good.port)]));
    await seen("a first result", (list) => list.length > 0);
    const worker = server.getWorker();
    await worker.evictDurableObject("Prober", { name: `default:weur:${shard}:1` });
    const before = Math.max(...(await observations()).map(({ tick }) => tick));
    await seen("ticks after the eviction", (list) => list.some(({ tick }) => tick >= before + 2_000));
  });

  it("keeps the assignment that is newer, and stops when it gets an empty one", async () => {
    const [old, young] = await Promise.all([origin(), origin()]);
    const first = assignment(5, [monitor()], [check(1, old.port)]);
    expect(await assign(first)).toEqual({ version: 5 });
    expect(await assign(assignment(6, [monitor()], [check(2, young.port)]))).toEqual({ version: 6 });
    expect(await post("/assign", first)).toEqual({ version: 6 });
    const after = (await observations()).length;
    // A check of the first assignment may have been on its way.
    old.forget();
    const all = await seen("three results", (list) => list.length >= after + 3);
    expect(new Set(all.slice(after).map(({ member_id }) => member_id))).toEqual(new Set([memberId(2)]));
    expect(old.received).toEqual([]);

    const last = assignment(7, [], []);
    expect(await assign(last)).toEqual({ version: 7 });
    expect(await wake(last)).toEqual({ version: 7, checks: 0, next_due_at: null });
    const storage = await server.getWorker().getDurableObjectStorage("Prober", { name: `default:weur:${shard}:1` });
    expect(await storage.exec("SELECT (SELECT count(*) FROM checks) + (SELECT count(*) FROM monitors) AS rows")).toEqual([{ rows: 0 }]);
    expect(await storage.exec("SELECT version FROM assignment")).toEqual([{ version: 7 }]);
  });

  it("does not start again what was detached", async () => {
    const [kept, detached] = await Promise.all([origin(), origin()]);
    await assign(assignment(1, [monitor()], [check(1, kept.port), check(2, detached.port)]));
    await seen("results of both", (list) => new Set(list.map(({ member_id }) => member_id)).size === 2);
    await assign(assignment(2, [monitor()], [check(1, kept.port)]));
    const when = Date.now();
    await seen("a tick of the other", (list) => list.some(({ tick }) => tick > when));
    detached.forget();
    const all = await seen("one more", (list) => list.some(({ tick }) => tick > when + 1_000));
    expect(all.filter(({ tick, member_id }) => tick > when && member_id === memberId(2))).toEqual([]);
    expect(detached.received).toEqual([]);
  });

  it("has at most five checks in flight while twenty targets hang, and says so of those without a slot", async () => {
    const hanging = await origin({ behaviour: hang });
    const checks = Array.from({ length: 20 }, (_, index) => check(index, hanging.port));
    await assign(assignment(1, [monitor({ delay_ms: 2_000, timeout_ms: 1_000 })], checks));
    const all = await seen("every target twice", (list) =>
      checks.every((c) => list.filter((o) => o.member_id === c.member_id).length >= 2),
    );
    expect(new Set(all.map(({ outcome, detail }) => `${outcome}: ${detail}`))).toEqual(
      new Set(["fail: no answer within 1000 ms", "no_data: no slot in time"]),
    );
    expect(new Map((await recorded()).most).get(shard)).toBe(5);
  });

  it.each(["throw", "refuse"] as const)("reports no_data when the checker fails (%s), and goes on", async (kind) => {
    const good = await origin();
    await fault(kind);
    await assign(assignment(1, [monitor()], [check(1, good.port)]));
    const [lost] = await seen("the loss", (list) => list.length > 0);
    expect(lost).toMatchObject({ outcome: "no_data", latency_ms: null, member_id: memberId(1), monitor_version: 1 });
    expect(lost?.detail).toMatch(/^the checker (failed|answered 500)/);
    await fault("none");
    await seen("a pass", (list) => list.at(-1)?.outcome === "pass");
  });

  it("gives up a checker that does not come back, and frees its slots", async () => {
    const good = await origin();
    await fault("hang");
    const before = await calls();
    await assign(assignment(1, [monitor({ delay_ms: 5_000 })], [check(1, good.port)]));
    await until(async () => (await calls()) > before, { what: "a call that hangs" });
    await fault("none");
    const all = await seen("the loss", (list) => list.some(({ outcome }) => outcome === "no_data"));
    expect(all.find(({ outcome }) => outcome === "no_data")?.detail).toBe("the checker did not come back within 5500 ms");
    await seen("a pass", (list) => list.at(-1)?.outcome === "pass");
  });

  it("is woken without harm", async () => {
    const good = await origin();
    const first = assignment(1, [monitor()], [check(1, good.port)]);
    await assign(first);
    const { version, checks, next_due_at } = await wake(first);
    expect({ version, checks }).toEqual({ version: 1, checks: 1 });
    expect(next_due_at).toBeGreaterThan(Date.now() - 1_000);
    await seen("results", (list) => list.length > 1);
  });
});

describe("a monitor's test", () => {
  const order = (port: number, spec: object = {}): TestOrder => ({
    project_id: "default",
    region: "weur",
    monitor_id: null,
    type: "HTTP",
    timeout_ms: 1_000,
    spec: { ...spec },
    target: { host: "127.0.0.1", port, hostHeader: null, endpoint: "127.0.0.1" },
  });
  const test = (what: TestOrder) => post<CheckResult>("/test", what);

  it("runs the check once, and tells all that it saw", async () => {
    const good = await origin();
    expect(await test(order(good.port))).toMatchObject({ region: "weur", colo: "local", outcome: "pass", detail: "200", warning: null });
    expect(await test(order(good.port, { expected_codes: [418] }))).toMatchObject({ outcome: "fail", detail: "expected 418, got 200" });
    expect(good.received).toHaveLength(2);
  });

  it("asks nobody with a secret that does not open, and says why", async () => {
    const good = await origin();
    const seen = await test(order(good.port, { sealed: { secret_headers: "v1.00000000.AAAA" } }));
    expect(seen).toMatchObject({
      outcome: "no_data",
      detail: "secret_headers: KOSMOS_ENCRYPTION_KEY is not set in this deployment",
    });
    expect(good.received).toEqual([]);
  });

  it("says so where no checker can be asked", async () => {
    const good = await origin();
    expect(await test({ ...order(good.port), region: "sam" })).toMatchObject({
      region: "sam",
      outcome: "no_data",
      detail: "no checker is bound for sam (CHECKER_SAM)",
    });
    await fault("none");
  });
});
