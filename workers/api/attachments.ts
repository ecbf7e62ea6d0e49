/** The monitors attached to a pool or to a member: `…/monitors`. Attaching is all that happens here; the Conductor says what may be attached. */
import type { Hono } from "hono";
import { z } from "zod";
import type { Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { id } from "../../domain/schema.ts";
import type { AttachTarget, MonitorRef } from "../../durable-objects/rpc.ts";
import type { ApiEnv, ApiSettings } from "./bindings.ts";
import { readObject } from "./body.ts";
import { type ApiContext, ask } from "./context.ts";
import { invalidBody, parseFields } from "./fields.ts";
import type { JsonObject } from "./json.ts";
import { answerPage, pageOf } from "./list.ts";
import { monitorNoun } from "./monitors.ts";
import { findMember } from "./pool-members.ts";
import { answerProblem } from "./problem.ts";
import { pagingParameters, readPaging } from "./query.ts";
import { paths, renderAttached } from "./render.ts";
import { originOf, prepare } from "./resource.ts";
import { pathId, route } from "./route.ts";

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
  const attached = await ask(c, (conductor) => conductor.attached(target.value));
  if (!attached.ok) return answerProblem(c, attached.error);
  const page = pageOf(attached.value, ({ monitor }) => monitor.id, paging.value);
  if (!page.ok) return answerProblem(c, page.error);
  const monitors = page.value.items.map((item) => renderAttached(item, c.env.settings, originOf(c)));
  return answerPage(c, "monitors", monitors, { next: page.value.next, total: attached.value.length });
}

async function attach(c: ApiContext, targetOf: TargetOf): Promise<Response> {
  const body = await readObject(c);
  if (!body.ok) return answerProblem(c, body.error);
  const monitor = prepareReference(body.value, c.env.settings);
  if (!monitor.ok) return answerProblem(c, monitor.error);
  const target = await targetOf(c);
  if (!target.ok) return answerProblem(c, target.error);
  const attached = await ask(c, (conductor) => conductor.attach(target.value, monitor.value, c.var.caller));
  if (!attached.ok) return answerProblem(c, attached.error);
  const shown = renderAttached({ monitor: attached.value, attached_to: target.value.kind, inherited: false }, c.env.settings, originOf(c));
  return c.json(shown, 201, { Location: originOf(c) + paths.monitor(attached.value) });
}

/** `{"monitor_id"}` names a monitor that there is; anything else describes a new one. */
function prepareReference(body: JsonObject, settings: ApiSettings): Result<MonitorRef, Problem> {
  if ("monitor_id" in body) {
    const parsed = parseFields(reference, body, "monitor to attach");
    return parsed.ok ? parsed : fail(invalidBody(parsed.error));
  }
  const monitor = prepare(monitorNoun, body, settings);
  return monitor.ok ? ok({ monitor: monitor.value }) : monitor;
}

async function detach(c: ApiContext, targetOf: TargetOf): Promise<Response> {
  const target = await targetOf(c);
  if (!target.ok) return answerProblem(c, target.error);
  const detached = await ask(c, (conductor) => conductor.detach(target.value, pathId(c, "monitor_id"), c.var.caller));
  return detached.ok ? c.body(null, 204) : answerProblem(c, detached.error);
}
