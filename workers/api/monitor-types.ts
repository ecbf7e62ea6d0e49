/** `/v0.1/monitor_types`: what the check plugins of this deployment take, as JSON Schema, with an example, and from where it can be run. */
import type { Hono } from "hono";
import { ablePoints, pointsOf, type Vantage } from "../../domain/runnable.ts";
import { checkPluginOf, monitorSchemaOf, monitorTypes } from "../../plugins/index.ts";
import type { ApiEnv } from "./bindings.ts";
import type { ApiContext } from "./context.ts";
import type { JsonObject } from "./json.ts";
import { answerPage, pageOf } from "./list.ts";
import { answerProblem } from "./problem.ts";
import { pagingParameters, readPaging } from "./query.ts";
import { route } from "./route.ts";
import { vantageOf } from "./vantage.ts";

export function monitorTypeRoutes(app: Hono<ApiEnv>): void {
  route(app, "/v0.1/monitor_types", { GET: { query: pagingParameters, handle: list } });
}

async function list(c: ApiContext): Promise<Response> {
  const paging = readPaging(c);
  if (!paging.ok) return answerProblem(c, paging.error);
  const page = pageOf(monitorTypes, (type) => type, paging.value);
  if (!page.ok) return answerProblem(c, page.error);
  const vantage = await vantageOf(c);
  const types = page.value.items.flatMap((type) => renderType(type, vantage));
  return answerPage(c, "monitor_types", types, { next: page.value.next, total: monitorTypes.length });
}

/** Shown is the example that can be run from the most regions, and from where that is; of several the first. */
function renderType(type: string, vantage: Vantage): JsonObject[] {
  const plugin = checkPluginOf(type);
  if (plugin === null) return [];
  const everywhere = vantage.points.map(({ region }) => region);
  const forms = plugin.examples.flatMap(({ spec: example }) => {
    const spec = plugin.spec.safeParse(example);
    if (!spec.success) return [];
    const needs = plugin.needs(spec.data as never, null);
    const regions = ablePoints(needs, pointsOf(needs, everywhere, vantage)).map(({ region }) => region);
    return [{ example: { type, ...(example as object) }, regions, needs }];
  });
  const [easiest] = forms.toSorted((left, right) => right.regions.length - left.regions.length);
  return easiest === undefined ? [] : [{ type, title: plugin.title, schema: monitorSchemaOf(plugin), ...easiest }];
}
