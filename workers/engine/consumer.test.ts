import { describe, expect, it } from "vitest";
import type { CheckReport } from "../../domain/observation.ts";
import type { EngineRpc } from "../../durable-objects/rpc.ts";
import { consume } from "./consumer.ts";

const report = (project_id: string): CheckReport => ({
  project_id,
  region: "weur",
  shard: 0,
  generation: 1,
  colo: "local",
  observations: [
    {
      member_id: "00000000-0000-4000-8000-000000000001",
      endpoint: "192.0.2.1",
      monitor_id: "00000000-0000-4000-8000-000000000002",
      monitor_version: 1,
      tick: 1_000,
      outcome: "pass",
      latency_ms: 1,
      detail: "200",
    },
  ],
});

/** A batch whose messages remember what became of them, and Engines that remember what they heard. */
function deliver(bodies: readonly unknown[], failing: readonly string[] = []) {
  const fates: string[] = bodies.map(() => "nothing");
  const heard = new Map<string, number>();
  const messages = bodies.map((body, index) => ({
    id: String(index),
    timestamp: new Date(),
    attempts: 1,
    body,
    ack: () => {
      fates[index] = "ack";
    },
    retry: () => {
      fates[index] = "retry";
    },
  }));
  const engine = (project: string) => ({
    observe: async (reports: readonly CheckReport[]) => {
      if (failing.includes(project)) throw new Error("away");
      heard.set(project, (heard.get(project) ?? 0) + reports.length);
    },
  });
  const batch = { queue: "q", messages, ackAll: () => undefined, retryAll: () => undefined };
  return consume(batch as unknown as MessageBatch<unknown>, engine as unknown as (project: string) => EngineRpc).then(() => ({
    fates,
    heard,
  }));
}

describe("the queue consumer", () => {
  it("hands each project's reports to its Engine and acknowledges them", async () => {
    const { fates, heard } = await deliver([report("a"), report("b"), report("a")]);
    expect(fates).toEqual(["ack", "ack", "ack"]);
    expect([...heard]).toEqual([
      ["a", 2],
      ["b", 1],
    ]);
  });

  it("retries what an Engine did not take, and nothing else", async () => {
    const { fates } = await deliver([report("a"), report("b")], ["a"]);
    expect(fates).toEqual(["retry", "ack"]);
  });

  it("leaves what it cannot read to the dead-letter queue", async () => {
    const { fates, heard } = await deliver([{ nonsense: true }, null, { ...report("a"), observations: [] }, report("a")]);
    expect(fates).toEqual(["retry", "retry", "retry", "ack"]);
    expect(heard.get("a")).toBe(1);
  });
});
