/**
 * `/v0.1/overrides`: what people say of a member or a pool, for a while. Each is shown with whom it means and what it does; an override is
 * never changed, only made and ended.
 */
import type { Hono } from "hono";
import { isInForce, type Override, overrideWrite } from "../../domain/override.ts";
import type { Impact } from "../../durable-objects/rpc.ts";
import type { ApiEnv } from "./bindings.ts";
import { readObject } from "./body.ts";
import { type ApiContext, ask, look } from "./context.ts";
import { invalidBody, parseFields } from "./fields.ts";
import { answerPage, notStored } from "./list.ts";
import { factsOf, sourcesOf } from "./override-facts.ts";
import { planOverride } from "./preflight.ts";
import { answerProblem } from "./problem.ts";
import { pagingParameters, readFlag, readPaging } from "./query.ts";
import { paths, renderOverride } from "./render.ts";
import { originOf } from "./resource.ts";
import { pathId, route } from "./route.ts";

export function overrideRoutes(app: Hono<ApiEnv>): void {
  route(app, "/v0.1/overrides", {
    GET: { query: pagingParameters, handle: list },
    POST: { query: ["dry_run", "force"], handle: create },
  });
  route(app, "/v0.1/overrides/:override_id", { GET: { handle: read }, DELETE: { handle: remove } });
}

async function create(c: ApiContext): Promise<Response> {
  const dryRun = readFlag(c, "dry_run");
  if (!dryRun.ok) return answerProblem(c, dryRun.error);
  const force = readFlag(c, "force");
  if (!force.ok) return answerProblem(c, force.error);
  const body = await readObject(c);
  if (!body.ok) return answerProblem(c, body.error);
  const parsed = parseFields(overrideWrite, body.value, "override");
  if (!parsed.ok) return answerProblem(c, invalidBody(parsed.error));
  const input = { ...parsed.value, force: parsed.value.force || force.value };
  const sources = sourcesOf(c);
  const planned = await planOverride(c, input, sources, ["below_min_healthy", "would_empty"]);
  if (!planned.ok) return answerProblem(c, planned.error);
  const { draft, matched, impact } = planned.value;
  if (dryRun.value) {
    const facts = { active: isInForce(draft, Date.now()), matched, impact, safe_to_stop_at: null };
    return c.json({ ...renderOverride(draft, facts), id: null }, 200, { ...notStored, "Kosmos-Dry-Run": "true" });
  }
  const stored = await ask(c, (conductor) => conductor.createOverride(input, false, c.var.caller));
  if (!stored.ok) return answerProblem(c, stored.error);
  const facts = await factsOf(stored.value, sources);
  if (!facts.ok) return answerProblem(c, facts.error);
  const headers = { ...notStored, Location: originOf(c) + paths.override(stored.value) };
  return c.json(renderOverride(stored.value, { ...facts.value, impact }), 201, headers);
}

async function read(c: ApiContext): Promise<Response> {
  const stored = await ask(c, (conductor) => conductor.readOverride(pathId(c, "override_id")));
  if (!stored.ok) return answerProblem(c, stored.error);
  const [facts, impact] = await Promise.all([factsOf(stored.value, sourcesOf(c)), impactOf(c, stored.value)]);
  if (!facts.ok) return answerProblem(c, facts.error);
  return c.json(renderOverride(stored.value, { ...facts.value, impact }), 200, notStored);
}

/** Nothing, once it is over; nor where the Engine cannot be asked. */
async function impactOf(c: ApiContext, one: Override): Promise<readonly Impact[]> {
  if (one.ended !== null || (one.expires_at !== null && Date.parse(one.expires_at) <= Date.now())) return [];
  const seen = await look(c, (engine) => engine.preflight(one));
  return seen.ok ? seen.value.impact : [];
}

/** Without the impact of each: to see it would be a pre-flight of its own. */
async function list(c: ApiContext): Promise<Response> {
  const paging = readPaging(c);
  if (!paging.ok) return answerProblem(c, paging.error);
  const page = await ask(c, (conductor) => conductor.overrides(paging.value));
  if (!page.ok) return answerProblem(c, page.error);
  const sources = sourcesOf(c);
  const items: object[] = [];
  for (const { one, facts } of await Promise.all(page.value.items.map(async (one) => ({ one, facts: await factsOf(one, sources) })))) {
    if (!facts.ok) return answerProblem(c, facts.error);
    items.push(renderOverride(one, { ...facts.value, impact: [] }));
  }
  return answerPage(c, "overrides", items, { next: page.value.next, total: paging.value.count ? page.value.total : null });
}

async function remove(c: ApiContext): Promise<Response> {
  const removed = await ask(c, (conductor) => conductor.removeOverride(pathId(c, "override_id"), c.var.caller));
  return removed.ok ? c.body(null, 204) : answerProblem(c, removed.error);
}
