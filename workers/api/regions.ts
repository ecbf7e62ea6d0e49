/** `/v0.1/regions`: from where this project can be checked, what each place can do, and how it has been doing. */
import type { Hono } from "hono";
import type { Agent } from "../../domain/agent.ts";
import type { VantageView } from "../../domain/status-view.ts";
import type { VantagePoint } from "../../domain/vantage-point.ts";
import { version } from "../../domain/version.ts";
import type { ApiEnv } from "./bindings.ts";
import { type ApiContext, lookFrom } from "./context.ts";
import type { JsonObject } from "./json.ts";
import { answerPage, pageOf } from "./list.ts";
import { answerProblem } from "./problem.ts";
import { pagingParameters, readPaging } from "./query.ts";
import { route } from "./route.ts";
import { vantageOf } from "./vantage.ts";

export function regionRoutes(app: Hono<ApiEnv>): void {
  route(app, "/v0.1/regions", { GET: { query: pagingParameters, handle: list } });
}

async function list(c: ApiContext): Promise<Response> {
  const paging = readPaging(c);
  if (!paging.ok) return answerProblem(c, paging.error);
  const vantage = await vantageOf(c);
  const views = await lookFrom(c, (engine) => engine.regions());
  if (!views.ok) return answerProblem(c, views.error);
  const page = pageOf(vantage.points, ({ region }) => region, paging.value);
  if (!page.ok) return answerProblem(c, page.error);
  const regions = page.value.items.map((point) =>
    renderRegion(
      point,
      views.value.find(({ region }) => region === point.region),
      vantage.agents?.find(({ name }) => name === point.region),
      vantage.defaults.includes(point.region),
    ),
  );
  return answerPage(c, "regions", regions, { next: page.value.next, total: vantage.points.length });
}

/** An agent is named by its own description. */
const names: Readonly<Record<string, string>> = {
  wnam: "Western North America",
  enam: "Eastern North America",
  weur: "Western Europe",
  eeur: "Eastern Europe",
  apac: "Asia-Pacific",
  "apac-ne": "Northeast Asia",
  "apac-se": "Southeast Asia",
  oc: "Oceania",
  sam: "South America",
  afr: "Africa",
  me: "Middle East",
};

/** A Worker's sockets and its `fetch` take addresses of both families. Of an agent it is known as soon as it has said so. */
const workerFamilies = [4, 6];

function renderRegion(point: VantagePoint, view: VantageView | undefined, agent: Agent | undefined, isDefault: boolean): JsonObject {
  const { region, kind } = point;
  const isAgent = kind === "agent";
  return {
    region,
    kind,
    name: names[region] ?? agent?.description ?? region,
    colos: view?.colos ?? [],
    default: isDefault,
    has_vote: view?.has_vote ?? false,
    reason: view === undefined ? (isAgent && agent?.facts == null ? "the agent has not been heard of yet" : "no results yet") : view.reason,
    last_report_at: view?.last_report_at ?? null,
    lag_seconds: view?.lag_seconds ?? null,
    error_percent: view?.error_percent ?? null,
    checks_per_second: view?.checks_per_second ?? 0,
    capabilities: isAgent ? (agent?.facts?.capabilities ?? []) : point.capabilities,
    address_families: isAgent ? (agent?.facts?.address_families ?? []) : workerFamilies,
    version: isAgent ? (agent?.facts?.version ?? null) : version,
  };
}
