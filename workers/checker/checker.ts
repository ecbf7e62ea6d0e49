/**
 * The stateless half of a Prober: one POST is one batch of checks, one message for the queue, and one answer. It is called by `.fetch()`,
 * and whatever connection still hangs when it answers ends with the call.
 */
import { connect } from "cloudflare:sockets";
import { WorkerEntrypoint } from "cloudflare:workers";
import { addressFamily } from "../../domain/address.ts";
import type { CheckReport } from "../../domain/observation.ts";
import { workerCapabilities } from "../../domain/vantage-point.ts";
import type { Env } from "../../durable-objects/env.ts";
import { checkBatch } from "./batch.ts";
import { Colo } from "./colo.ts";
import { type CheckerIo, runChecks } from "./run-checks.ts";

const ioOf = (env: Env): CheckerIo => ({
  capabilities: new Set(workerCapabilities(env.KOSMOS_ALLOW_PRIVATE)),
  now: () => Date.now(),
  fetch: (url, init) => fetch(url, { ...init, cache: "no-store" }),
  connect: ({ hostname, port }, tls) =>
    connect(
      { hostname: addressFamily(hostname) === 6 ? `[${hostname}]` : hostname, port },
      { allowHalfOpen: false, secureTransport: tls === undefined ? "off" : "on" },
    ),
});

/** For the whole isolate, because that is what has a place; it is only ever a little out of date. */
const colo = new Colo();

export class Checker extends WorkerEntrypoint<Env> {
  override async fetch(request: Request): Promise<Response> {
    if (request.method !== "POST") return new Response(null, { status: 405, headers: { allow: "POST" } });
    const batch = checkBatch.safeParse(await request.json().catch(() => null));
    if (!batch.success) return Response.json({ detail: batch.error.issues[0]?.message ?? "not a batch of checks" }, { status: 400 });
    const io = ioOf(this.env);
    const { checks, project_id, region, shard, generation } = batch.data;
    const place = colo.read(this.env.KOSMOS_TRACE_URL, { now: io.now, fetch: (url, init) => fetch(url, { ...init, cache: "no-store" }) });
    const observations = await runChecks(checks, io);
    const report: CheckReport = { project_id, region, shard, generation, colo: await place, observations };
    try {
      await this.report(report);
    } catch (error) {
      return Response.json({ detail: `the queue does not take the report: ${error}` }, { status: 503 });
    }
    return Response.json(report);
  }

  private async report(report: CheckReport): Promise<void> {
    const send = () => this.env.STATUS_RESULTS.send(report, { contentType: "json" });
    await send().catch(send);
  }
}
