/** `/v0.1/providers`: what the backend plugins of this deployment take, as JSON Schema, and what each can express. */
import type { Hono } from "hono";
import type { BackendPlugin, BackendSupport } from "../../domain/backend.ts";
import { backendPluginOf, providers, schemaOf } from "../../plugins/flavor.ts";
import type { ApiEnv } from "./bindings.ts";
import type { ApiContext } from "./context.ts";
import type { JsonObject } from "./json.ts";
import { answerPage, pageOf } from "./list.ts";
import { answerProblem } from "./problem.ts";
import { pagingParameters, readPaging } from "./query.ts";
import { route } from "./route.ts";

export function providerRoutes(app: Hono<ApiEnv>): void {
  route(app, "/v0.1/providers", { GET: { query: pagingParameters, handle: list } });
}

function list(c: ApiContext): Response {
  const paging = readPaging(c);
  if (!paging.ok) return answerProblem(c, paging.error);
  const page = pageOf(providers, (provider) => provider, paging.value);
  if (!page.ok) return answerProblem(c, page.error);
  const items = page.value.items.flatMap((provider) => {
    const plugin = backendPluginOf(provider);
    return plugin === null ? [] : [render(plugin)];
  });
  return answerPage(c, "providers", items, { next: page.value.next, total: providers.length });
}

const render = ({ provider, title, settings, credentials, supports }: BackendPlugin): JsonObject => ({
  provider,
  title,
  settings_schema: schemaOf(settings),
  credentials_schema: schemaOf(credentials),
  supports: renderSupport(supports),
});

/** Rates are bounds of the provider's that the Engine keeps to; null: none that is known. */
const renderSupport = (supports: BackendSupport): JsonObject => ({
  policies: supports.policies,
  record_types: supports.recordTypes,
  affinity: supports.affinity ?? false,
  max_answers: supports.maxAnswers,
  min_ttl: supports.minTtl,
  batch: supports.batch,
  read_back: supports.readBack,
  own_health: supports.ownHealth ?? false,
  rate_limit: supports.rateLimit === undefined ? null : { calls: supports.rateLimit.calls, per_seconds: supports.rateLimit.perMs / 1_000 },
});
