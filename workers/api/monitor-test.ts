/**
 * `/v0.1/monitors/{id}/test` and `/v0.1/monitors/test`: a monitor, stored or not, is run once, now, from each of its regions, and what was seen
 * is the answer. No state changes, and what a region cannot say is `no_data`, never the target's failure.
 */
import type { Hono } from "hono";
import { z } from "zod";
import type { CheckTarget } from "../../domain/check.ts";
import { host } from "../../domain/host.ts";
import { limits } from "../../domain/limits.ts";
import { type MonitorWrite, monitorCommon, withSecrets } from "../../domain/monitor.ts";
import type { FieldError, Problem } from "../../domain/problem.ts";
import { unprocessable } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { pointsOf, runnable } from "../../domain/runnable.ts";
import { checkTarget } from "../../domain/schedule.ts";
import { id } from "../../domain/schema.ts";
import { type Capability, missing, type VantagePoint } from "../../domain/vantage-point.ts";
import type { TestOrder } from "../../durable-objects/rpc-vantage.ts";
import { monitorWrite, readNeeds, specOf } from "../../plugins/index.ts";
import type { ApiEnv } from "./bindings.ts";
import { readObject } from "./body.ts";
import { type ApiContext, ask } from "./context.ts";
import { agentsAway, hostErrors, monitorErrors, regionErrors, unprocessableIf } from "./feasible.ts";
import { invalidBody, parseFields } from "./fields.ts";
import { isJsonObject, type JsonObject } from "./json.ts";
import { notStored } from "./list.ts";
import { sealMonitor } from "./monitor-secrets.ts";
import { monitorNoun } from "./monitors.ts";
import { answerProblem } from "./problem.ts";
import { withoutReadOnly } from "./resource.ts";
import { pathId, route } from "./route.ts";
import { nothingSeen, runTest, type TestResult } from "./test-run.ts";
import { type SeenVantage, vantageOf } from "./vantage.ts";

/** Before `/v0.1/monitors/:monitor_id`, which would take "test" for an id. */
export function monitorTestRoutes(app: Hono<ApiEnv>): void {
  route(app, "/v0.1/monitors/test", { POST: { handle: testUnsaved } });
  route(app, "/v0.1/monitors/:monitor_id/test", { POST: { handle: testStored } });
}

const what = {
  endpoint: host.optional(),
  pool_member_id: id.optional(),
  check_regions: monitorCommon.check_regions.removeDefault().optional(),
};
const oneOfBoth = (input: { readonly endpoint?: unknown; readonly pool_member_id?: unknown }) =>
  (input.endpoint === undefined) !== (input.pool_member_id === undefined);
const either = { error: "must have either endpoint or pool_member_id" };
const storedTest = z.strictObject(what).refine(oneOfBoth, either);
const unsavedTest = z.strictObject({ ...what, monitor: z.unknown().optional() }).refine(oneOfBoth, either);
type Asked = z.output<typeof storedTest>;

/** A monitor that is tested; `monitorId` null: it is not stored. */
type Tested = { readonly monitor: MonitorWrite; readonly monitorId: string | null };

async function testStored(c: ApiContext): Promise<Response> {
  const body = await readObject(c);
  if (!body.ok) return answerProblem(c, body.error);
  const asked = parseFields(storedTest, body.value, "test of a monitor");
  if (!asked.ok) return answerProblem(c, invalidBody(asked.error));
  const stored = await ask(c, (conductor) => conductor.read("monitor", pathId(c, "monitor_id")));
  if (!stored.ok) return answerProblem(c, stored.error);
  return test(c, { monitor: stored.value, monitorId: stored.value.id }, asked.value, await vantageOf(c, true));
}

async function testUnsaved(c: ApiContext): Promise<Response> {
  const body = await readObject(c);
  if (!body.ok) return answerProblem(c, body.error);
  const vantage = await vantageOf(c, true);
  const asked = parseFields(unsavedTest, body.value, "test of a monitor");
  const written = readMonitor(body.value.monitor, vantage);
  const mistakes = [...(asked.ok ? [] : asked.error), ...(written.ok ? [] : written.error)];
  if (!asked.ok || !written.ok) return answerProblem(c, invalidBody(mistakes));
  const refused = unprocessableIf(monitorErrors(written.value, c.env.settings, vantage, ["monitor"]));
  if (refused !== null) return answerProblem(c, refused);
  const sealed = await sealMonitor(written.value, c.var.project, c.env.settings);
  if (!sealed.ok) return answerProblem(c, sealed.error);
  const { monitor: _, ...rest } = asked.value;
  return test(c, { monitor: withSecrets(sealed.value, null), monitorId: null }, rest, vantage);
}

/** The monitor as it is written, or as a GET showed it. */
function readMonitor(given: unknown, vantage: SeenVantage) {
  const body = isJsonObject(given) ? withoutReadOnly(monitorNoun(vantage), given) : given;
  return parseFields(monitorWrite, body, "monitor", ["monitor"]);
}

async function test(c: ApiContext, tested: Tested, asked: Asked, vantage: SeenVantage): Promise<Response> {
  const targets = await targetsOf(c, tested.monitor, asked);
  if (!targets.ok) return answerProblem(c, targets.error);
  const regions = asked.check_regions ?? tested.monitor.check_regions;
  const unknown = unprocessableIf(regionErrors(asked.check_regions ?? [], vantage)) ?? agentsAway(regions, vantage);
  if (unknown !== null) return answerProblem(c, unknown);
  const needs = readNeeds(tested.monitor);
  if (!needs.ok) return answerProblem(c, unprocessable("", needs.error));

  const plans = targets.value.map((target) => planOf(tested.monitor.type, target, needs.value(target), regions, vantage));
  const refused = plans.flatMap((plan) => (plan.ok ? [] : [plan.error]));
  const possible = plans.flatMap((plan) => (plan.ok ? [plan.value] : []));
  if (possible.length === 0) return answerProblem(c, capability(refused, asked));
  const several = targets.value.length > 1;
  const results = await Promise.all(
    possible.flatMap(({ target, able, unable }) => [
      ...able.map(async (point) => {
        const silent = silence(point, vantage, Date.now());
        const result = silent === null ? await runTest(c, point, orderOf(c, tested, target, point)) : nothingSeen(point.region, silent);
        return shown(result, target, several);
      }),
      ...unable.map(({ region, reason }) => shown(nothingSeen(region, reason), target, several)),
    ]),
  );
  return c.json({ results }, 200, notStored);
}

/** Where to: one place for an `endpoint`, one for each endpoint of a member. */
async function targetsOf(c: ApiContext, monitor: MonitorWrite, asked: Asked): Promise<Result<readonly CheckTarget[], Problem>> {
  if (asked.pool_member_id === undefined) {
    const endpoint = asked.endpoint ?? "";
    const refused = unprocessableIf(hostErrors(endpoint, c.env.settings, ["endpoint"]));
    if (refused !== null) return fail(refused);
    return ok([checkTarget({ monitor_address: null, monitor_port: null, host_header: null }, endpoint, monitor)]);
  }
  const memberId = asked.pool_member_id;
  const member = await ask(c, (conductor) => conductor.read("pool_member", memberId));
  if (!member.ok) {
    return member.error.type === "not-found" ? fail(unprocessable("/pool_member_id", `there is no pool member ${memberId}`)) : member;
  }
  return ok(member.value.endpoints.map((endpoint) => checkTarget(member.value, endpoint, monitor)));
}

type Plan = {
  readonly target: CheckTarget;
  readonly able: readonly VantagePoint[];
  /** Regions that the test is asked of and that cannot carry it out, with why. */
  readonly unable: readonly { readonly region: string; readonly reason: string }[];
};

function planOf(
  type: string,
  target: CheckTarget,
  needed: readonly Capability[],
  checkRegions: readonly string[],
  vantage: SeenVantage,
): Result<Plan, string> {
  if (needed.includes("kosmos")) return fail(`${type} is judged by Kosmos itself: there is nothing that a region could look at`);
  const whole = runnable(`${type} of ${target.endpoint}`, needed, checkRegions, vantage);
  if (!whole.ok) return fail(whole.reason ?? "no region can do it");
  const points = pointsOf(needed, checkRegions, vantage);
  const lacks = points.flatMap(({ region, capabilities }) => {
    const lacking = missing(needed, capabilities);
    return lacking.length === 0 ? [] : [{ region, reason: `this vantage point cannot do what the check needs: ${lacking.join(", ")}` }];
  });
  const there = new Set(points.map(({ region }) => region));
  const gone = checkRegions
    .filter((region) => !there.has(region))
    .map((region) => ({ region, reason: "there is no such region any more" }));
  return ok({ target, able: points.filter(({ region }) => whole.regions.includes(region)), unable: [...lacks, ...gone] });
}

function capability(reasons: readonly string[], asked: Asked): Problem {
  const pointer =
    asked.check_regions !== undefined ? "/check_regions" : asked.pool_member_id === undefined ? "/endpoint" : "/pool_member_id";
  const errors: FieldError[] = reasons.map((detail) => ({ pointer, detail }));
  return { type: "capability", detail: reasons[0] ?? "no region can do it", errors };
}

/** Why an agent is not waited for: it has not polled for longer than its polls and the notes of them are apart. */
function silence({ region }: VantagePoint, { agents }: SeenVantage, nowMs: number): string | null {
  const agent = agents?.find(({ name }) => name === region);
  if (agent === undefined) return null;
  if (agent.last_seen_at === null) return `${region} was never heard from`;
  return nowMs - Date.parse(agent.last_seen_at) > limits.agentSilentMs ? `${region} was last heard at ${agent.last_seen_at}` : null;
}

/** Secrets of a stored monitor are sealed, and those of another were sealed a moment ago. */
const orderOf = (c: ApiContext, { monitor, monitorId }: Tested, target: CheckTarget, { region }: VantagePoint): TestOrder => ({
  project_id: c.var.project,
  region,
  monitor_id: monitorId,
  type: monitor.type,
  timeout_ms: monitor.timeout * 1_000,
  spec: specOf(monitor),
  target,
});

/** Of a member with several endpoints each result says which it is about. */
const shown = (result: TestResult, target: CheckTarget, several: boolean): JsonObject =>
  several ? { ...result, endpoint: target.endpoint } : result;
