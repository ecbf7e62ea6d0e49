/** What the deployment says of itself without a token: its versions, whether it answers, whether it is ready, and the problems' pages. */
import type { Hono } from "hono";
import { limits } from "../../domain/limits.ts";
import { notFound } from "../../domain/problem.ts";
import type { EngineHealth } from "../../durable-objects/rpc.ts";
import type { ApiEnv } from "./bindings.ts";
import type { ApiContext } from "./context.ts";
import { notStored } from "./list.ts";
import { answerProblem, log, problemForms } from "./problem.ts";
import { originOf } from "./resource.ts";
import { route } from "./route.ts";

export function serviceRoutes(app: Hono<ApiEnv>): void {
  route(app, "/", { GET: { handle: (c) => c.json({ versions: [currentVersion(c)] }) } });
  route(app, "/v0.1", { GET: { handle: (c) => c.json(currentVersion(c)) } });
  route(app, "/healthz", { GET: { handle: (c) => c.json({ status: "ok" }, 200, notStored) } });
  route(app, "/readyz", { GET: { handle: readiness } });
  route(app, "/problems/:type", { GET: { handle: problemPage } });
}

const currentVersion = (c: ApiContext) => ({
  id: "v0.1",
  status: "CURRENT",
  links: [{ rel: "self", href: `${originOf(c)}/v0.1` }],
});

type Check = { readonly ok: boolean; readonly detail: string };

async function readiness(c: ApiContext): Promise<Response> {
  const [database, engines] = await Promise.all([checkDatabase(c), checkEngines(c)]);
  const checks = { database, ...engines };
  const ready = Object.values(checks).every((check) => check.ok);
  const headers = { ...notStored, ...(ready ? {} : { "Retry-After": "10" }) };
  return c.json({ status: ready ? "ready" : "not ready", checks }, ready ? 200 : 503, headers);
}

/** In its own words: what D1 says may hold SQL. */
async function checkDatabase(c: ApiContext): Promise<Check> {
  const health = await attempt(c, "D1 is not well", () => c.env.deployment().health());
  return health?.ok ? { ok: true, detail: "D1 answers" } : { ok: false, detail: "D1 does not answer" };
}

/** The Engines of the projects that have configuration: their alarms, and the lag of what reached them through the queue. */
async function checkEngines(c: ApiContext): Promise<{ readonly queue: Check; readonly engine: Check }> {
  const projects = await attempt(c, "the projects are not known", () => c.env.deployment().projects());
  if (projects === null) {
    const unknown = { ok: false, detail: "not asked: which projects there are is not known" };
    return { queue: unknown, engine: unknown };
  }
  const asked = projects.slice(0, limits.readyEngines);
  const healths = await Promise.all(asked.map((project) => attempt(c, "an Engine is not well", () => c.env.engine(project).health())));
  const unwell = healths.filter((health) => !health?.ok).length;
  return {
    queue: checkQueue(healths),
    engine: {
      ok: unwell === 0,
      detail: `${asked.length - unwell} of ${asked.length} Engines asked are well (${projects.length} projects)`,
    },
  };
}

function checkQueue(healths: readonly (EngineHealth | null)[]): Check {
  const lags = healths.flatMap((health) => (health?.queue_lag_seconds == null ? [] : [health.queue_lag_seconds]));
  if (lags.length === 0) return { ok: true, detail: "no results yet" };
  const lag = Math.max(...lags);
  return { ok: lag <= limits.queueLagSeconds, detail: `results arrive within ${Math.ceil(lag)} s (at most ${limits.queueLagSeconds} s)` };
}

async function attempt<T>(c: ApiContext, event: string, question: () => Promise<T>): Promise<T | null> {
  try {
    return await question();
  } catch (error) {
    log(c, event, error);
    return null;
  }
}

function problemPage(c: ApiContext): Response {
  const form = Object.entries(problemForms).find(([type]) => type === c.req.param("type"))?.[1];
  if (form === undefined) return answerProblem(c, notFound("problem type"));
  return c.text(`${form.title}\n\nStatus ${form.status}. ${form.page}\n`);
}
