/** `/v0.1/flavors`, read-only: there are the built-in flavors alone. */
import type { Hono } from "hono";
import { builtInFlavors } from "../../domain/flavor.ts";
import { notFound } from "../../domain/problem.ts";
import type { ApiEnv } from "./bindings.ts";
import type { ApiContext } from "./context.ts";
import { answerPage, pageOf } from "./list.ts";
import { answerProblem } from "./problem.ts";
import { pagingParameters, readPaging } from "./query.ts";
import { renderFlavor } from "./render.ts";
import { originOf } from "./resource.ts";
import { route } from "./route.ts";

export function flavorRoutes(app: Hono<ApiEnv>): void {
  route(app, "/v0.1/flavors", { GET: { query: pagingParameters, handle: list } });
  route(app, "/v0.1/flavors/:name", { GET: { handle: read } });
}

function list(c: ApiContext): Response {
  const paging = readPaging(c);
  if (!paging.ok) return answerProblem(c, paging.error);
  const page = pageOf(builtInFlavors, ({ name }) => name, paging.value);
  if (!page.ok) return answerProblem(c, page.error);
  const flavors = page.value.items.map((flavor) => renderFlavor(flavor, originOf(c)));
  return answerPage(c, "flavors", flavors, { next: page.value.next, total: builtInFlavors.length });
}

function read(c: ApiContext): Response {
  const flavor = builtInFlavors.find((candidate) => candidate.name === c.req.param("name"));
  return flavor ? c.json(renderFlavor(flavor, originOf(c))) : answerProblem(c, notFound("flavor"));
}
