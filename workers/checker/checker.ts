/**
 * The stateless half of a Prober: one POST is one batch of checks, one message for the queue, and one answer. It is called by `.fetch()`,
 * and whatever connection still hangs when it answers ends with the call.
 */
import { WorkerEntrypoint } from "cloudflare:workers";
import type { CheckReport } from "../../domain/observation.ts";
import type { Env } from "../../durable-objects/env.ts";
import { serveChecks } from "./serve.ts";

export class Checker extends WorkerEntrypoint<Env> {
  override async fetch(request: Request): Promise<Response> {
    return serveChecks(request, this.env, (report) => this.report(report));
  }

  private async report(report: CheckReport): Promise<void> {
    const send = () => this.env.STATUS_RESULTS.send(report, { contentType: "json" });
    await send().catch(send);
  }
}
