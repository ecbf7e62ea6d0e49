/** One side of the bench of the Engine: a workerd with that Worker in it, what it is sent, and what it has counted. */
import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { CheckReport } from "../domain/observation.ts";
import { assert } from "../domain/result.ts";
import { type Heap, openHeap } from "./inspector.ts";
import { type Answered, type LoadRequest, send } from "./load.ts";
import { cpuSeconds, startScratchSystem } from "./scratch-system.ts";
import type { Counts, Decide, Decided } from "./worker-engine.ts";

export type Side = "engine" | "sink";

/** How long what was sent may take until the consumer has had it. */
const drainTimeoutMs = 60_000;

export class EngineSystem {
  /** Messages that were sent through the queue. */
  sent = 0;
  private readonly system: Awaited<ReturnType<typeof startScratchSystem>>;
  private readonly agent = new Agent({ keepAlive: true });

  private heap: Heap | null = null;

  private constructor(system: Awaited<ReturnType<typeof startScratchSystem>>) {
    this.system = system;
  }

  static async start(side: Side, members: number): Promise<EngineSystem> {
    const vars = {
      BENCH_SIDE: side,
      BENCH_MEMBERS: String(members),
      KOSMOS_REGIONS: "wnam,enam,weur,eeur,apac",
      KOSMOS_ALLOW_PRIVATE: "1",
    };
    const started = new EngineSystem(await startScratchSystem("worker-engine.toml", vars, true));
    const { inspectorUrl } = started.system;
    try {
      assert(inspectorUrl !== null, "the inspector was asked for");
      started.heap = await openHeap(inspectorUrl, () => started.counts());
      return started;
    } catch (error) {
      await started.close();
      throw error;
    }
  }

  /** What the isolate holds, in bytes. */
  heapBytes(collected: boolean): Promise<number> {
    assert(this.heap !== null, "the system has been started");
    return this.heap.usedBytes(collected);
  }

  /** User and system time of the whole process so far, in seconds. */
  cpu(): number {
    assert(this.system.pid !== null, "the runtime's process is known: CPU time is read from /proc, which Linux has");
    return cpuSeconds(this.system.pid);
  }

  async counts(): Promise<Counts> {
    return JSON.parse((await this.ask({ method: "GET", path: "/counts" })).body) as Counts;
  }

  /** Through the queue. `body`: `reports` as JSON, where it is at hand. */
  async report(reports: readonly CheckReport[], body = JSON.stringify(reports)): Promise<void> {
    this.sent += reports.length;
    await this.ask({ method: "POST", path: "/reports", body });
  }

  async fill(reports: readonly CheckReport[]): Promise<void> {
    await this.ask({ method: "POST", path: "/fill", body: JSON.stringify(reports) });
  }

  /** Until the Engine has the configuration and has told its Probers. Returns their generation. */
  async configure(): Promise<number> {
    await this.ask({ method: "GET", path: "/start" });
    return (await this.until(({ generation }) => generation > 0, "the Engine tells its Probers")).generation;
  }

  /** Until the consumer has had all that was sent so far. */
  drained(): Promise<Counts> {
    const { sent } = this;
    return this.until(({ messages }) => messages >= sent, "the consumer has had every message");
  }

  /** Milliseconds from the report that decides until the address is not answered any more, by the clock of the Worker. */
  async decide(decide: Decide): Promise<number> {
    this.sent += 1;
    const { body } = await this.ask({ method: "POST", path: "/decide", body: JSON.stringify(decide) });
    return (JSON.parse(body) as Decided).tookMs;
  }

  errors(): readonly string[] {
    return this.system.errors;
  }

  async close(): Promise<void> {
    this.heap?.close();
    this.agent.destroy();
    await this.system.close();
  }

  private async until(holds: (counts: Counts) => boolean, what: string): Promise<Counts> {
    const deadline = performance.now() + drainTimeoutMs;
    for (;;) {
      const counts = await this.counts();
      if (holds(counts)) return counts;
      assert(performance.now() < deadline, `${what} within ${drainTimeoutMs / 1_000} s: ${JSON.stringify(counts)}`);
      await sleep(5);
    }
  }

  private async ask(request: LoadRequest): Promise<Answered> {
    const answered = await send(this.system.url, this.agent, request, {});
    const last = this.system.errors.at(-1) ?? "";
    assert(answered.status < 300, `${request.path} ended with ${answered.status}: ${answered.body.slice(0, 500)} ${last}`);
    return answered;
  }
}
