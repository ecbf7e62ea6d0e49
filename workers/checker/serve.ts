/**
 * What a checker answers, wherever it is deployed: `POST /` carries out a batch of checks, `POST /test` one check with all that it saw. What
 * becomes of a batch's report is the caller's.
 */
import { connect } from "cloudflare:sockets";
import { addressFamily } from "../../domain/address.ts";
import { limits } from "../../domain/limits.ts";
import type { CheckReport } from "../../domain/observation.ts";
import { workerCapabilities } from "../../domain/vantage-point.ts";
import type { Env } from "../../durable-objects/env.ts";
import type { CheckBatch } from "../../durable-objects/rpc.ts";
import type { CheckResult, TestOrder } from "../../durable-objects/rpc-vantage.ts";
import { openSpec, type SealingKeys } from "../../durable-objects/seal.ts";
import { checkBatch, testOrder } from "./batch.ts";
import { Colo } from "./colo.ts";
import { type CheckerIo, runCheck, runChecks } from "./run-checks.ts";

/** What a checker is told; it needs no other binding. */
export type CheckerSettings = Pick<Env, "KOSMOS_ALLOW_PRIVATE" | "KOSMOS_TRACE_URL"> & SealingKeys;

/** For the whole isolate, because that is what has a place; it is only ever a little out of date. */
const colo = new Colo();

/** `deliver` takes the report of a batch on; a throw of it is answered with 503. */
export async function serveChecks(
  request: Request,
  settings: CheckerSettings,
  deliver: (report: CheckReport) => Promise<void>,
): Promise<Response> {
  if (request.method !== "POST") return new Response(null, { status: 405, headers: { allow: "POST" } });
  const body = await request.json().catch(() => null);
  if (new URL(request.url).pathname === "/test") {
    const order = testOrder.safeParse(body);
    return order.success ? Response.json(await test(order.data, settings)) : refuse(order.error.issues[0]?.message ?? "not a test");
  }
  const batch = checkBatch.safeParse(body);
  if (!batch.success) return refuse(batch.error.issues[0]?.message ?? "not a batch of checks");
  const report = await carryOut(batch.data, settings);
  try {
    await deliver(report);
  } catch (error) {
    return Response.json({ detail: `the queue does not take the report: ${error}` }, { status: 503 });
  }
  return Response.json(report);
}

const refuse = (detail: string) => Response.json({ detail }, { status: 400 });

async function carryOut({ checks, ...place }: CheckBatch, settings: CheckerSettings): Promise<CheckReport> {
  const io = ioOf(settings);
  const measured = placeOf(settings, io);
  const observations = await runChecks(checks, io, (spec) => openSpec(spec, place.project_id, settings));
  return { ...place, colo: await measured, observations };
}

async function test(order: TestOrder, settings: CheckerSettings): Promise<CheckResult> {
  const io = { ...ioOf(settings), detailed: true };
  const measured = placeOf(settings, io);
  const { outcome, latencyMs, detail, warning, more } = await runCheck(order, io, (spec) => openSpec(spec, order.project_id, settings));
  return {
    region: order.region,
    colo: await measured,
    outcome,
    latency_ms: latencyMs === null ? null : Math.max(0, latencyMs),
    timings: more?.timings ?? { dns: null, connect: null, tls: null, first_byte: null },
    detail: detail.slice(0, limits.checkDetailLength),
    warning: warning ?? null,
    http_status: more?.httpStatus ?? null,
    body_excerpt: more?.bodyExcerpt ?? null,
    certificate: more?.certificate ?? null,
  };
}

const placeOf = (settings: CheckerSettings, io: CheckerIo): Promise<string> =>
  colo.read(settings.KOSMOS_TRACE_URL, { now: io.now, fetch: (url, init) => fetch(url, { ...init, cache: "no-store" }) });

const ioOf = (settings: CheckerSettings): CheckerIo => ({
  capabilities: new Set(workerCapabilities(settings.KOSMOS_ALLOW_PRIVATE)),
  now: () => Date.now(),
  fetch: (url, init) => fetch(url, { ...init, cache: "no-store" }),
  connect: ({ hostname, port }, tls) =>
    connect(
      { hostname: addressFamily(hostname) === 6 ? `[${hostname}]` : hostname, port },
      { allowHalfOpen: false, secureTransport: tls === undefined ? "off" : "on" },
    ),
});
