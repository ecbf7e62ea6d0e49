/**
 * The two paths of an agent: `POST /v0.1/agents/poll`, which hands out work as soon as there is any, and `POST /v0.1/agents/report`, which is
 * answered only once the Engine has taken the results over. An agent speaks for its own region and its own projects alone.
 */
import type { Hono } from "hono";
import { type Agent, serves } from "../../domain/agent.ts";
import { type AgentReport, agentPoll, agentReports, type TestResult } from "../../domain/agent-wire.ts";
import { limits } from "../../domain/limits.ts";
import type { Problem } from "../../domain/problem.ts";
import { assert } from "../../domain/result.ts";
import { gatherOrders, openOrders } from "./agent-orders.ts";
import { agentOfToken } from "./auth.ts";
import type { ApiEnv } from "./bindings.ts";
import { readObject } from "./body.ts";
import type { ApiContext } from "./context.ts";
import { invalidBody, parseFields } from "./fields.ts";
import { notStored } from "./list.ts";
import { answerProblem, log } from "./problem.ts";
import { route } from "./route.ts";

export function agentWorkRoutes(app: Hono<ApiEnv>): void {
  route(app, "/v0.1/agents/poll", { POST: { handle: poll } });
  route(app, "/v0.1/agents/report", { POST: { handle: report } });
}

async function poll(c: ApiContext): Promise<Response> {
  const agent = agentHere(c);
  const body = await readObject(c);
  if (!body.ok) return answerProblem(c, body.error);
  const parsed = parseFields(agentPoll, body.value, "poll");
  if (!parsed.ok) return answerProblem(c, invalidBody(parsed.error));
  const { tags, wait, ...facts } = parsed.value;
  const noting = c.env.agents().agentSeen(agent.id, facts);
  noting.catch((error) => log(c, "that an agent was seen is not noted", error));

  const projects = await projectsOf(c, agent);
  if (projects === null) return answerProblem(c, away);
  const gathered = await gatherOrders({
    region: agent.name,
    projects,
    tags,
    waitMs: wait * 1_000,
    vantage: (project) => c.env.vantage(project),
    log: (project, error) => log(c, `the Engine of ${project} did not answer an agent's poll`, error),
  });
  if (gathered.length === 0) return answerProblem(c, away);
  // It may have been removed while it waited; then it gets nothing more.
  const still = await agentOfToken(c);
  if (!still.ok) return answerProblem(c, still.error);
  const orders = await Promise.all(gathered.map((one) => openOrders(one, c.env.settings)));
  return c.json({ region: agent.name, now: Date.now(), project_ids: projects, projects: orders }, 200, notStored);
}

const firstProject = "default";

/** Null: not known now. */
async function projectsOf(c: ApiContext, agent: Agent): Promise<readonly string[] | null> {
  if (agent.project_id !== null) return [agent.project_id];
  try {
    const projects = await c.env.deployment().projects();
    // Where nothing is configured yet somebody may try a monitor out all the same.
    return projects.length === 0 ? [firstProject] : projects;
  } catch (error) {
    log(c, "the projects are not known", error);
    return null;
  }
}

async function report(c: ApiContext): Promise<Response> {
  const agent = agentHere(c);
  const body = await readObject(c, limits.bulkBodyBytes);
  if (!body.ok) return answerProblem(c, body.error);
  const parsed = parseFields(agentReports, body.value, "report");
  if (!parsed.ok) return answerProblem(c, invalidBody(parsed.error));
  const { reports, tests } = parsed.value;
  const foreign = [...reports, ...tests].find(({ project_id }) => !serves(agent, project_id));
  if (foreign !== undefined) return answerProblem(c, { type: "forbidden", detail: `this agent does not serve ${foreign.project_id}` });
  try {
    await Promise.all(
      [...byProject(reports)].map(([project, ofProject]) =>
        c.env.engine(project).observe(
          ofProject.map((each) => ({ ...each, region: agent.name, colo: "local" })),
          0,
        ),
      ),
    );
    await Promise.all(tests.map(({ project_id, id, result }) => c.env.vantage(project_id).agentTested(id, checkResult(agent, result))));
  } catch (error) {
    log(c, "the Engine did not take over an agent's results", error);
    return answerProblem(c, away);
  }
  return c.json({ observations: reports.reduce((sum, { observations }) => sum + observations.length, 0) }, 200, notStored);
}

const byProject = (reports: readonly AgentReport[]): Map<string, AgentReport[]> => {
  const groups = new Map<string, AgentReport[]>();
  for (const each of reports) groups.set(each.project_id, [...(groups.get(each.project_id) ?? []), each]);
  return groups;
};

const checkResult = (agent: Agent, result: TestResult) => ({ ...result, region: agent.name, colo: "local" });

function agentHere(c: ApiContext): Agent {
  assert(c.var.agent !== null, "only an agent's token comes here");
  return c.var.agent;
}

const away: Problem = { type: "unavailable", detail: "the Engine cannot be reached now", retryAfterSeconds: 1 };
