/** Who asks, and for which project. Knows the bootstrap secret alone; it compares digests, so that time tells nothing about the secret. */
import { createMiddleware } from "hono/factory";
import type { ApiEnv } from "./bindings.ts";
import type { ApiContext } from "./context.ts";
import { answerProblem } from "./problem.ts";
import { invalidQuery } from "./query.ts";

const projectId = /^[A-Za-z0-9_-]{1,64}$/;

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
  if (!(await isOneOf(token, secrets))) return answerProblem(c, { type: "unauthenticated", detail: "the token is not valid" });
  const project = c.req.header("X-Project-Id") ?? "default";
  if (!projectId.test(project)) {
    return answerProblem(c, invalidQuery([{ parameter: "X-Project-Id", detail: "must match [A-Za-z0-9_-]{1,64}" }]));
  }
  c.set("project", project);
  c.set("caller", { id: "bootstrap", name: "bootstrap", requestId: c.var.requestId });
  return next();
});

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

const digest = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));

/** Looks at every byte, wherever the first difference is. */
function equal(left: Uint8Array, right: Uint8Array): boolean {
  let difference = left.length ^ right.length;
  for (let index = 0; index < left.length; index += 1) difference |= (left[index] ?? 0) ^ (right[index] ?? 0);
  return difference === 0;
}
