/** The monitors attached to a pool or to a member: `…/monitors`. Attaching is all that happens here; the Conductor says what may be attached. */
import type { Hono } from "hono";
import { z } from "zod";
import type { Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { Vantage } from "../../domain/runnable.ts";
import { id } from "../../domain/schema.ts";
import type { AttachTarget, MonitorRef } from "../../durable-objects/rpc.ts";
import type { ApiEnv } from "./bindings.ts";
import { readObject } from "./body.ts";
import { type ApiContext, ask } from "./context.ts";
import { invalidBody, parseFields } from "./fields.ts";
import type { JsonObject } from "./json.ts";
import { answerPage, pageOf } from "./list.ts";
import { monitorNoun } from "./monitors.ts";
import { findMember } from "./pool-members.ts";
import { answerProblem } from "./problem.ts";
import { pagingParameters, readPaging } from "./query.ts";
import { paths } from "./render.ts";
import { renderAttached } from "./render-monitor.ts";
import { originOf, prepare, sealed } from "./resource.ts";
import { pathId, route } from "./route.ts";
import { type SeenVantage, vantageOf } from "./vantage.ts";

const reference = z.strictObject({ monitor_id: id });

/** What the path names, once it is sure that it is there. */
type TargetOf = (c: ApiContext) => Promise<Result<AttachTarget, Problem>>;

const pool: TargetOf = async (c) => ok({ kind: "pool", id: pathId(c, "pool_id") });

const member: TargetOf = async (c) => {
  const found = await findMember(c);
  return found.ok ? ok({ kind: "pool_member", id: found.value.id }) : found;
};

export function attachmentRoutes(app: Hono<ApiEnv>): void {
  for (const [path, targetOf] of [
    ["/v0.1/pools/:pool_id/monitors", pool],
    ["/v0.1/pools/:pool_id/pool_members/:member_id/monitors", member],
  ] as const) {
    route(app, path, {
      GET: { query: pagingParameters, handle: (c) => list(c, targetOf) },
      POST: { handle: (c) => attach(c, targetOf) },
    });
    route(app, `${path}/:monitor_id`, { DELETE: { handle: (c) => detach(c, targetOf) } });
  }
}

async function list(c: ApiContext, targetOf: TargetOf): Promise<Response> {
  const paging = readPaging(c);
  if (!paging.ok) return answerProblem(c, paging.error);
  const target = await targetOf(c);
  if (!target.ok) return answerProblem(c, target.error);
  const vantage = await vantageOf(c);
  const attached = await ask(c, (conductor) => conductor.attached(target.value, pointsOf(vantage)));
  if (!attached.ok) return answerProblem(c, attached.error);
  const page = pageOf(attached.value, ({ monitor }) => monitor.id, paging.value);
  if (!page.ok) return answerProblem(c, page.error);
  const monitors = page.value.items.map((item) => renderAttached(item, vantage, originOf(c)));
  return answerPage(c, "monitors", monitors, { next: page.value.next, total: attached.value.length });
}

async function attach(c: ApiContext, targetOf: TargetOf): Promise<Response> {
  const body = await readObject(c);
  if (!body.ok) return answerProblem(c, body.error);
  const vantage = await vantageOf(c, true);
  const monitor = await prepareReference(c, body.value, vantage);
  if (!monitor.ok) return answerProblem(c, monitor.error);
  const target = await targetOf(c);
  if (!target.ok) return answerProblem(c, target.error);
  const known = vantage.agents === null ? undefined : pointsOf(vantage);
  const attached = await ask(c, (conductor) => conductor.attach(target.value, monitor.value, c.var.caller, known));
  if (!attached.ok) return answerProblem(c, attached.error);
  // What it asks of the members now. That nobody can say it in this moment takes nothing back.
  const all = await ask(c, (conductor) => conductor.attached(target.value, pointsOf(vantage)));
  const here = all.ok ? all.value.find((one) => one.monitor.id === attached.value.id) : undefined;
  const shown = { monitor: attached.value, attached_to: target.value.kind, inherited: false, vantage_points: here?.vantage_points };
  return c.json(renderAttached(shown, vantage, originOf(c)), 201, { Location: originOf(c) + paths.monitor(attached.value) });
}

const pointsOf = ({ points, defaults }: SeenVantage): Vantage => ({ points, defaults });

/** `{"monitor_id"}` names a monitor that there is; anything else describes a new one. */
async function prepareReference(c: ApiContext, body: JsonObject, vantage: SeenVantage): Promise<Result<MonitorRef, Problem>> {
  if ("monitor_id" in body) {
    const parsed = parseFields(reference, body, "monitor to attach");
    return parsed.ok ? parsed : fail(invalidBody(parsed.error));
  }
  const noun = monitorNoun(vantage);
  const prepared = prepare(noun, body, c.env.settings);
  const monitor = prepared.ok ? await sealed(c, noun, prepared.value) : prepared;
  return monitor.ok ? ok({ monitor: monitor.value }) : monitor;
}

async function detach(c: ApiContext, targetOf: TargetOf): Promise<Response> {
  const target = await targetOf(c);
  if (!target.ok) return answerProblem(c, target.error);
  const detached = await ask(c, (conductor) => conductor.detach(target.value, pathId(c, "monitor_id"), c.var.caller));
  return detached.ok ? c.body(null, 204) : answerProblem(c, detached.error);
}
