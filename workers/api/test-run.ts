/** One region's part of a monitor's test: asked, waited for no longer than makes sense, and put into the API's words. */

import { limits } from "../../domain/limits.ts";
import type { OutcomeKind } from "../../domain/observation.ts";
import type { VantagePoint } from "../../domain/vantage-point.ts";
import type { CheckResult, TestOrder } from "../../durable-objects/rpc-vantage.ts";
import type { ApiContext } from "./context.ts";
import { log } from "./problem.ts";

/** As the API shows it (api-shapes.md, "Monitor test"). */
export type TestResult = {
  readonly region: string;
  /** The place that was measured; null: the region was not asked, or did not say. */
  readonly colo: string | null;
  readonly outcome: OutcomeKind;
  readonly latency_ms: number | null;
  readonly timings: CheckResult["timings"];
  readonly detail: string;
  readonly http_status: number | null;
  readonly body_excerpt: string | null;
  readonly certificate: { readonly not_after: string; readonly days_left: number; readonly subject: string } | null;
};

export const nothingSeen = (region: string, why: string): TestResult => ({
  region,
  colo: null,
  outcome: "no_data",
  latency_ms: null,
  timings: { dns: null, connect: null, tls: null, first_byte: null },
  detail: why,
  http_status: null,
  body_excerpt: null,
  certificate: null,
});

/** Never fails: what goes wrong on the way to a region, or there, is that region's `no_data`. */
export async function runTest(c: ApiContext, point: VantagePoint, order: TestOrder): Promise<TestResult> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), order.timeout_ms + limits.testGraceMs);
  });
  try {
    const result = await Promise.race([askRegion(c, point, order), late]);
    return result === null ? nothingSeen(point.region, "the region did not answer in time") : shownResult(result, Date.now());
  } catch (error) {
    log(c, `the region ${point.region} did not run a test`, error);
    return nothingSeen(point.region, "the region cannot be reached now");
  } finally {
    clearTimeout(timer);
  }
}

/** Null: an agent did not answer. */
const askRegion = (c: ApiContext, { kind, region }: VantagePoint, order: TestOrder): Promise<CheckResult | null> =>
  kind === "agent" ? c.env.vantage(c.var.project).testByAgent(order) : c.env.tester(c.var.project, region).test(order);

const dayMs = 86_400_000;

function shownResult({ warning, certificate, ...result }: CheckResult, nowMs: number): TestResult {
  return {
    region: result.region,
    colo: result.colo,
    outcome: result.outcome,
    latency_ms: result.latency_ms,
    timings: result.timings,
    detail: warning === null ? result.detail : `${result.detail}; ${warning}`,
    http_status: result.http_status,
    body_excerpt: result.body_excerpt,
    certificate:
      certificate === null
        ? null
        : {
            not_after: new Date(certificate.notAfter).toISOString(),
            days_left: Math.floor((certificate.notAfter - nowMs) / dayMs),
            subject: certificate.subject,
          },
  };
}
