/** What people tell the automation to do now: let go what a pool's removal budget holds, send a GSLB's traffic back. The Engine does it. */
import type { Hono } from "hono";
import type { Problem } from "../../domain/problem.ts";
import { ok, type Result } from "../../domain/result.ts";
import type { Caller, EngineRpc } from "../../durable-objects/rpc.ts";
import type { ApiEnv } from "./bindings.ts";
import { readNothing } from "./body.ts";
import { type ApiContext, ask, look } from "./context.ts";
import { notStored } from "./list.ts";
import { answerProblem } from "./problem.ts";
import { pathId, route } from "./route.ts";

export function operationRoutes(app: Hono<ApiEnv>): void {
  route(app, "/v0.1/pools/:pool_id/release", {
    POST: { handle: (c) => operate(c, "release", { kind: "pool", id: pathId(c, "pool_id") }, release) },
  });
  route(app, "/v0.1/gslbs/:gslb_id/failback", {
    POST: { handle: (c) => operate(c, "failback", { kind: "gslb", id: pathId(c, "gslb_id") }, failback) },
  });
}

/** The status afterwards; null: the Engine does not know it (yet). */
type Operation = (engine: EngineRpc, id: string, by: Caller) => Promise<Result<object | null, Problem>>;

const release: Operation = async (engine, id, by) => ok(await engine.release(id, by));
const failback: Operation = (engine, id, by) => engine.failback(id, by);

async function operate(
  c: ApiContext,
  name: string,
  target: { readonly kind: "pool" | "gslb"; readonly id: string },
  operation: Operation,
): Promise<Response> {
  const unwanted = await readNothing(c, name);
  if (unwanted !== null) return answerProblem(c, unwanted);
  const row = await ask(c, (conductor) => conductor.read(target.kind, target.id));
  // The Engine acts by what it knows, also while D1 is away.
  if (!row.ok && row.error.type !== "unavailable") return answerProblem(c, row.error);
  const done = await look(c, (engine) => operation(engine, target.id, c.var.caller));
  const view = done.ok ? done.value : done;
  if (!view.ok) return answerProblem(c, view.error);
  if (view.value !== null) return c.json(view.value, 200, notStored);
  return answerProblem(c, row.ok ? notTakenOver : row.error);
}

const notTakenOver: Problem = { type: "unavailable", detail: "the Engine has not taken it over yet", retryAfterSeconds: 1 };
