/**
 * The Prober and the checker with doors for a test: `/assign`, `/wake` and `/test` to a Prober, `/check` to the checker, `/reports` to what came out of
 * the queue, `/fault` to make the checker fail as a whole.
 */
import { DurableObject } from "cloudflare:workers";
import type { CheckReport } from "../../../domain/observation.ts";
import type { Env } from "../../../durable-objects/env.ts";
import { Prober } from "../../../durable-objects/prober/prober.ts";
import type { Assignment, CheckBatch } from "../../../durable-objects/rpc.ts";
import type { TestOrder } from "../../../durable-objects/rpc-vantage.ts";
import { proberOf, testerOf } from "../../../durable-objects/stubs.ts";
import { Checker as RealChecker } from "../../../workers/checker/checker.ts";

export { Prober };

type TestEnv = Env & { readonly RECORDER: DurableObjectNamespace<Recorder> };
export type Recorded = {
  readonly reports: readonly CheckReport[];
  readonly calls: number;
  /** How many checks of a shard were with the checker at the same time, at the most. */
  readonly most: readonly (readonly [shard: number, checks: number])[];
};
export type Fault = "none" | "throw" | "refuse" | "hang";

/** Keeps what came out of the queue, counts the checker's calls, and holds the fault. */
export class Recorder extends DurableObject {
  private readonly reports: CheckReport[] = [];
  private fault: Fault = "none";
  private calls = 0;
  private readonly inFlight = new Map<number, { now: number; most: number }>();

  record(reports: readonly CheckReport[]): void {
    this.reports.push(...reports);
  }

  read(): Recorded {
    return { reports: this.reports, calls: this.calls, most: [...this.inFlight].map(([shard, { most }]) => [shard, most]) };
  }

  set(fault: Fault): void {
    this.fault = fault;
  }

  begin({ shard, checks }: CheckBatch): Fault {
    this.calls += 1;
    const { now, most } = this.inFlight.get(shard) ?? { now: 0, most: 0 };
    this.inFlight.set(shard, { now: now + checks.length, most: Math.max(most, now + checks.length) });
    return this.fault;
  }

  end({ shard, checks }: CheckBatch): void {
    const { now, most } = this.inFlight.get(shard) ?? { now: 0, most: 0 };
    this.inFlight.set(shard, { now: now - checks.length, most });
  }
}

const recorderOf = (env: TestEnv) => env.RECORDER.get(env.RECORDER.idFromName("recorder"));

export class Checker extends RealChecker {
  override async fetch(request: Request): Promise<Response> {
    const recorder = recorderOf(this.env as TestEnv);
    const body = await request.text();
    const batch = JSON.parse(body) as CheckBatch;
    if (!Array.isArray(batch.checks)) return super.fetch(new Request(request.url, { method: "POST", body }));
    const fault = await recorder.begin(batch);
    if (fault === "hang") await new Promise((resolve) => setTimeout(resolve, 60_000));
    try {
      if (fault === "throw") throw new Error("the checker is broken");
      if (fault === "refuse") return new Response(null, { status: 500 });
      return await super.fetch(new Request(request.url, { method: "POST", body }));
    } finally {
      await recorder.end(batch);
    }
  }
}

export default {
  async fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    const recorder = recorderOf(env);
    const body = request.method === "POST" ? await request.text() : "";
    switch (pathname) {
      case "/assign": {
        const assignment = JSON.parse(body) as Assignment;
        return Response.json(await prober(env, assignment).assign(assignment));
      }
      case "/wake":
        return Response.json(await prober(env, JSON.parse(body) as Assignment).wake());
      case "/test": {
        const order = JSON.parse(body) as TestOrder;
        return Response.json(await testerOf(env.PROBER, order.project_id, order.region).test(order));
      }
      case "/check": {
        const { Checker } = context.exports as unknown as { readonly Checker: Fetcher };
        return Checker.fetch("http://checker/", { method: "POST", body });
      }
      case "/fault":
        await recorder.set(body as Fault);
        return new Response(null);
      case "/reports":
        return Response.json(await recorder.read());
      default:
        return new Response(null, { status: 404 });
    }
  },
  async queue(batch, env) {
    await recorderOf(env).record(batch.messages.map((message) => message.body));
  },
} satisfies ExportedHandler<TestEnv, CheckReport>;

const prober = (env: TestEnv, { project_id, region, shard, generation }: Assignment) =>
  proberOf(env.PROBER, { project: project_id, region, shard, generation });
