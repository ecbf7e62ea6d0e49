/** `/v0.1/agents`: who may be a vantage point. An agent's token is shown once, when it is made; of it only its SHA-256 is kept. */
import type { Hono } from "hono";
import { type Agent, agentWrite } from "../../domain/agent.ts";
import type { Problem } from "../../domain/problem.ts";
import { fail, type Result } from "../../domain/result.ts";
import type { AgentsRpc } from "../../durable-objects/rpc-vantage.ts";
import { hashToken, newToken } from "./auth.ts";
import type { ApiEnv } from "./bindings.ts";
import { readObject } from "./body.ts";
import type { ApiContext } from "./context.ts";
import { invalidBody, parseFields } from "./fields.ts";
import type { JsonObject } from "./json.ts";
import { answerPage, notStored, pageOf } from "./list.ts";
import { answerProblem, log } from "./problem.ts";
import { pagingParameters, readFlag, readPaging } from "./query.ts";
import { originOf } from "./resource.ts";
import { pathId, route } from "./route.ts";

export function agentRoutes(app: Hono<ApiEnv>): void {
  route(app, "/v0.1/agents", { GET: { query: pagingParameters, handle: list }, POST: { handle: create } });
  route(app, "/v0.1/agents/:agent_id", { GET: { handle: read }, DELETE: { query: ["force"], handle: remove } });
}

async function create(c: ApiContext): Promise<Response> {
  const body = await readObject(c);
  if (!body.ok) return answerProblem(c, body.error);
  const parsed = parseFields(agentWrite, body.value, "agent");
  if (!parsed.ok) return answerProblem(c, invalidBody(parsed.error));
  const token = newToken();
  const hash = await hashToken(token);
  const made = await askAgents(c, (agents) => agents.createAgent(parsed.value, hash, c.var.caller));
  if (!made.ok) return answerProblem(c, made.error);
  const shown = render(c, made.value);
  return c.json({ ...shown, token }, 201, { ...notStored, Location: originOf(c) + pathOf(made.value) });
}

async function list(c: ApiContext): Promise<Response> {
  const paging = readPaging(c);
  if (!paging.ok) return answerProblem(c, paging.error);
  const all = await askAgents(c, (agents) => agents.agents());
  if (!all.ok) return answerProblem(c, all.error);
  const page = pageOf(all.value, ({ id }) => id, paging.value);
  if (!page.ok) return answerProblem(c, page.error);
  const items = page.value.items.map((agent) => render(c, agent));
  return answerPage(c, "agents", items, { next: page.value.next, total: all.value.length });
}

async function read(c: ApiContext): Promise<Response> {
  const found = await askAgents(c, (agents) => agents.readAgent(pathId(c, "agent_id")));
  return found.ok ? c.json(render(c, found.value), 200, notStored) : answerProblem(c, found.error);
}

async function remove(c: ApiContext): Promise<Response> {
  const force = readFlag(c, "force");
  if (!force.ok) return answerProblem(c, force.error);
  const removed = await askAgents(c, (agents) => agents.removeAgent(pathId(c, "agent_id"), c.var.caller, force.value));
  return removed.ok ? c.body(null, 204) : answerProblem(c, removed.error);
}

async function askAgents<T>(c: ApiContext, question: (agents: AgentsRpc) => Promise<Result<T, Problem>>): Promise<Result<T, Problem>> {
  try {
    return await question(c.env.agents());
  } catch (error) {
    log(c, "the Conductor did not answer", error);
    return fail({ type: "unavailable", detail: "the agents cannot be reached now", retryAfterSeconds: 5 });
  }
}

const pathOf = (agent: Agent): string => `/v0.1/agents/${agent.id}`;

function render(c: ApiContext, agent: Agent): JsonObject {
  return {
    id: agent.id,
    name: agent.name,
    description: agent.description,
    project_id: agent.project_id,
    created_at: agent.created_at,
    last_seen_at: agent.last_seen_at,
    facts: agent.facts,
    links: { self: originOf(c) + pathOf(agent) },
  };
}
