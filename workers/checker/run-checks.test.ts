import { describe, expect, it } from "vitest";
import { VantageRefusal } from "../../domain/check.ts";
import { limits } from "../../domain/limits.ts";
import { checkReport } from "../../domain/observation.ts";
import { workerCapabilities } from "../../domain/vantage-point.ts";
import type { CheckOrder } from "./batch.ts";
import { checkBatch } from "./batch.ts";
import { type CheckerIo, runChecks } from "./run-checks.ts";

const order = (number: number, more: Partial<CheckOrder> = {}): CheckOrder => ({
  member_id: `11111111-1111-4111-8111-${String(number).padStart(12, "0")}`,
  endpoint: "192.0.2.1",
  monitor_id: "22222222-2222-4222-8222-222222222222",
  monitor_version: 4,
  tick: 1_000 + number,
  type: "TCP",
  timeout_ms: 20,
  spec: { port: 80 + number },
  target: { host: "192.0.2.1", port: null, hostHeader: null, endpoint: "192.0.2.1" },
  ...more,
});

/** A network in which a connection opens when the test says so. */
function network() {
  const pending = new Map<number, PromiseWithResolvers<unknown>>();
  let open = 0;
  let most = 0;
  const io: CheckerIo = {
    capabilities: new Set(workerCapabilities("1")),
    now: () => 0,
    fetch: () => Promise.reject(new Error("no fetch is expected")),
    connect: ({ port }) => {
      open += 1;
      most = Math.max(most, open);
      const opened = Promise.withResolvers<unknown>();
      pending.set(port, opened);
      const close = async () => {
        open -= 1;
      };
      return { readable: new ReadableStream(), writable: new WritableStream(), opened: opened.promise, closed: opened.promise, close };
    },
  };
  return { io, pending, most: () => most };
}

describe("a batch of checks", () => {
  it("runs five at a time, and gives the observations in its own order", async () => {
    const { io, pending, most } = network();
    const orders = Array.from({ length: 12 }, (_, index) => order(index, { timeout_ms: 10_000 }));
    const running = runChecks(orders, io);
    expect([...pending.keys()]).toEqual([80, 81, 82, 83, 84]);
    // The newest first, so that they end in another order than they began.
    for (let rounds = 0; pending.size > 0; rounds += 1) {
      expect(rounds).toBeLessThan(100);
      for (const [port, opened] of [...pending].toReversed()) {
        pending.delete(port);
        opened.resolve({});
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const observations = await running;
    expect(observations.map(({ tick }) => tick)).toEqual(orders.map(({ tick }) => tick));
    expect(observations.every(({ outcome }) => outcome === "pass")).toBe(true);
    expect(most()).toBe(5);
  });

  it("gives each check its time from when it has a slot", async () => {
    const { io } = network();
    const observations = await runChecks(
      Array.from({ length: 7 }, (_, index) => order(index)),
      io,
    );
    expect(observations.map(({ outcome, detail }) => [outcome, detail])).toEqual(
      Array.from({ length: 7 }, () => ["fail", "no connection within 20 ms"]),
    );
  });

  it("makes observations that may be reported as they are", async () => {
    const { io } = network();
    const observations = await runChecks([order(1)], io);
    const report = { project_id: "default", region: "weur", shard: 0, generation: 0, colo: "local", observations };
    expect(checkReport.parse(report)).toEqual(report);
  });

  it("says no_data where the checker itself is at fault", async () => {
    const { io } = network();
    const broken = {
      ...io,
      connect: () => {
        throw new Error(`Too many ${"x".repeat(300)}`);
      },
    };
    const [thrown] = await runChecks([order(1)], broken);
    expect(thrown).toMatchObject({ outcome: "no_data", latency_ms: null });
    expect(thrown?.detail).toMatch(/^the check could not be carried out: Too many x+$/);
    expect(thrown?.detail).toHaveLength(limits.checkDetailLength);
    const [unknown, unreadable] = await runChecks([order(1, { type: "GOPHER" }), order(2, { spec: {} })], io);
    expect(unknown).toMatchObject({ outcome: "no_data", detail: "this checker knows no monitors of type GOPHER" });
    expect(unreadable).toMatchObject({ outcome: "no_data", detail: expect.stringContaining("cannot be read") });
  });

  it("says everything on one line that can be printed, whoever said it first", async () => {
    const { io } = network();
    const refusing = {
      ...io,
      connect: () => {
        throw new VantageRefusal("one\r\n\u001b[31mtwo\u202e three\ud83d é");
      },
    };
    const [refused] = await runChecks([order(1)], refusing);
    expect(refused?.detail).toBe("one  ?[31mtwo? three? é");
  });

  it("says no_data when it was held up itself, whatever the plugin saw", async () => {
    const { io, pending } = network();
    let now = 0;
    const running = runChecks([order(0, { timeout_ms: 10_000 })], { ...io, now: () => now });
    now = 10_000 + limits.checkLateMs + 1;
    pending.get(80)?.resolve({});
    expect(await running).toMatchObject([{ outcome: "no_data", detail: "the checker took 11001 ms for 10000" }]);
  });
});

describe("what a Prober asks", () => {
  const batch = { project_id: "default", region: "weur", shard: 0, generation: 0, checks: [order(1)] };

  it("is read as it was sent", () => {
    expect(checkBatch.parse(JSON.parse(JSON.stringify(batch)))).toEqual(batch);
  });

  it.each([
    { ...batch, checks: [] },
    { ...batch, checks: Array.from({ length: limits.shardTargets + 1 }, () => order(1)) },
    { ...batch, project_id: "" },
    { ...batch, checks: [{ ...order(1), timeout_ms: 0 }] },
    { ...batch, checks: [{ ...order(1), target: { host: "a" } }] },
    null,
  ])("is refused where it is not in order", (wrong) => {
    expect(checkBatch.safeParse(wrong).success).toBe(false);
  });
});
