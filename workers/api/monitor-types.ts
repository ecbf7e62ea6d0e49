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

/** The easiest form is the plugin's first example. */
function renderType(type: string, vantage: Vantage): JsonObject[] {
  const plugin = checkPluginOf(type);
  if (plugin === null) return [];
  const example = plugin.examples[0]?.spec ?? {};
  const spec = plugin.spec.safeParse(example);
  const needs = spec.success ? plugin.needs(spec.data as never, null) : [];
  const everywhere = vantage.points.map(({ region }) => region);
  const regions = ablePoints(needs, pointsOf(needs, everywhere, vantage)).map(({ region }) => region);
  return [{ type, title: plugin.title, schema: monitorSchemaOf(plugin), example: { type, ...(example as object) }, regions, needs }];
}
