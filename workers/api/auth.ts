/** Who asks, and for which project: the bootstrap secret, or an agent. It compares digests, so that time tells nothing about a secret. */
import { createMiddleware } from "hono/factory";
import type { Agent } from "../../domain/agent.ts";
import type { Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { ApiEnv } from "./bindings.ts";
import type { ApiContext } from "./context.ts";
import { digest, equal } from "./digest.ts";
import { answerProblem, log } from "./problem.ts";
import { invalidQuery } from "./query.ts";

const projectId = /^[A-Za-z0-9_-]{1,64}$/;

/** What an agent's token opens, and no other. */
const agentPaths: ReadonlySet<string> = new Set(["/v0.1/agents/poll", "/v0.1/agents/report"]);

export const authenticate = createMiddleware<ApiEnv>(async (c, next) => {
  const secrets = (c.env.settings.KOSMOS_ADMIN_TOKEN ?? "")
    .split(",")
    .map((secret) => secret.trim())
    .filter((secret) => secret.length > 0);
  if (secrets.length === 0) {
    return answerProblem(c, {
      type: "unavailable",
      detail: "KOSMOS_ADMIN_TOKEN is not set in this deployment; set it with `wrangler secret put KOSMOS_ADMIN_TOKEN`",
      retryAfterSeconds: 60,
    });
  }
  const token = tokenOf(c);
  if (token === null) {
    return answerProblem(c, { type: "unauthenticated", detail: "send a token as X-Auth-Token or as Authorization: Bearer" });
  }
  const ofAgents = agentPaths.has(c.req.path.replace(/\/$/, ""));
  if (!(await isOneOf(token, secrets))) {
    const agent = await agentOfToken(c);
    if (!agent.ok) return answerProblem(c, agent.error);
    if (!ofAgents) return answerProblem(c, { type: "forbidden", detail: "an agent's token is for an agent's own paths only" });
    c.set("agent", agent.value);
    return next();
  }
  if (ofAgents) return answerProblem(c, { type: "forbidden", detail: "this path is for agents' tokens only" });
  const project = c.req.header("X-Project-Id") ?? "default";
  if (!projectId.test(project)) {
    return answerProblem(c, invalidQuery([{ parameter: "X-Project-Id", detail: "must match [A-Za-z0-9_-]{1,64}" }]));
  }
  c.set("project", project);
  c.set("caller", { id: "bootstrap", name: "bootstrap", requestId: c.var.requestId });
  c.set("agent", null);
  return next();
});

/** Whose token came with the request. Asked anew each time, so that a token that was revoked is worth nothing from that moment on. */
export async function agentOfToken(c: ApiContext): Promise<Result<Agent, Problem>> {
  const token = tokenOf(c) ?? "";
  if (!tokenForm.test(token)) return fail(notValid);
  try {
    const agent = await c.env.agents().agentOf(await hashToken(token));
    return agent === null ? fail(notValid) : ok(agent);
  } catch (error) {
    log(c, "the agents are not known", error);
    return fail({ type: "unavailable", detail: "tokens cannot be checked now", retryAfterSeconds: 2 });
  }
}

const notValid: Problem = { type: "unauthenticated", detail: "the token is not valid" };
const tokenForm = /^kosmos_[A-Za-z0-9_-]{43}$/;

/** 32 random bytes, in base64url. */
export function newToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return `kosmos_${text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;
}

/** What is kept of a token: SHA-256, in hex. It needs no salt and no slowness: the token is random itself. */
export async function hashToken(token: string): Promise<string> {
  return Array.from(await digest(token), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function tokenOf(c: ApiContext): string | null {
  const header = c.req.header("X-Auth-Token")?.trim();
  if (header) return header;
  return /^bearer +(\S+)\s*$/i.exec(c.req.header("Authorization") ?? "")?.[1] ?? null;
}

async function isOneOf(token: string, secrets: readonly string[]): Promise<boolean> {
  const given = await digest(token);
  let matches = 0;
  for (const secret of secrets) matches += equal(given, await digest(secret)) ? 1 : 0;
  return matches > 0;
}
