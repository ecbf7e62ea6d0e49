/** How each problem looks on the wire (RFC 9457): its status, its title, its headers, and the page that its `type` leads to. */
import type { Problem, ProblemType } from "../../domain/problem.ts";
import type { ApiContext } from "./context.ts";

type Form = { readonly status: number; readonly title: string; readonly page: string };

/** Exhaustive: a new member of the union does not compile until it has a form. */
export const problemForms: Readonly<Record<ProblemType, Form>> = {
  "invalid-body": {
    status: 400,
    title: "The body is not valid",
    page: "The body is not JSON, or a field is unknown, missing, of the wrong type or out of range. `errors` points at each mistake.",
  },
  "invalid-query": {
    status: 400,
    title: "The query is not valid",
    page: "A query parameter or a header is unknown, stands twice, or has a value that it cannot have. `errors` names each.",
  },
  "not-found": {
    status: 404,
    title: "Not found",
    page: "Nothing is at this path. What belongs to another project is not found either.",
  },
  "method-not-allowed": {
    status: 405,
    title: "Method not allowed",
    page: "The path exists and does not take this method. The header `Allow` lists those it takes.",
  },
  unauthenticated: {
    status: 401,
    title: "Not authenticated",
    page: "Send a valid token as `X-Auth-Token` or as `Authorization: Bearer`.",
  },
  forbidden: { status: 403, title: "Not allowed", page: "The token's role does not allow this." },
  "quota-exceeded": { status: 403, title: "Quota exceeded", page: "The project has as many of these as its quota allows." },
  "flavor-not-allowed": {
    status: 403,
    title: "Flavor not allowed",
    page: "The flavor may not be used by this project, or not for this zone.",
  },
  conflict: { status: 409, title: "Conflict", page: "The state of other resources forbids it. `detail` says which state." },
  "in-use": { status: 409, title: "In use", page: "Other resources use it. `users` lists them; change those first." },
  "would-empty": {
    status: 409,
    title: "It would leave a GSLB with too little",
    page: "After this change a live GSLB would have no enabled member, or after this override no usable pool. `users` lists the GSLBs. `?force=true` does it all the same.",
  },
  "version-mismatch": {
    status: 412,
    title: "The resource has changed",
    page: "`If-Match` names another version than the resource has. Read it again, and decide again.",
  },
  "unsupported-media-type": {
    status: 415,
    title: "Unsupported media type",
    page: "Send `Content-Type: application/json`; a PATCH may also be `application/merge-patch+json`. The text is UTF-8 and not compressed.",
  },
  "too-large": { status: 413, title: "The body is too large", page: "A body has at most 64 KiB; the whole set of a pool's members 1 MiB." },
  unprocessable: {
    status: 422,
    title: "It cannot be carried out here",
    page: "The request is well-formed, but names something that does not exist or may not be used, or changes what cannot change.",
  },
  capability: {
    status: 422,
    title: "The provider or the vantage points cannot do it",
    page: "The flavor's provider, or every place that could check, lacks what is asked for. `errors` says what it can do instead.",
  },
  "idempotency-mismatch": { status: 422, title: "Another body under the same key", page: "The key was used before, with another body." },
  "rate-limited": { status: 429, title: "Too many requests", page: "Wait as long as `Retry-After` says." },
  unavailable: { status: 503, title: "Not available now", page: "A part of the service cannot be reached. Try again after `Retry-After`." },
};

/** What is wrong now may be right in a moment, so no cache keeps it. */
const problemHeaders = { "Content-Type": "application/problem+json", "Cache-Control": "no-store" };

export function answerProblem(c: ApiContext, problem: Problem): Response {
  const { status, title } = problemForms[problem.type];
  const body = {
    type: `/problems/${problem.type}`,
    title,
    status,
    detail: problem.detail,
    request_id: c.var.requestId,
    ...("errors" in problem && problem.errors ? { errors: problem.errors } : {}),
    ...("users" in problem ? { users: problem.users } : {}),
  };
  return new Response(JSON.stringify(body), { status, headers: { ...headersOf(problem), ...problemHeaders } });
}

/** What no contract foresees: the log has the error, the client its number. */
export function answerFault(c: ApiContext, error: unknown): Response {
  log(c, "a request failed", error);
  const body = { type: "about:blank", title: "Internal Server Error", status: 500, request_id: c.var.requestId };
  return new Response(JSON.stringify(body), { status: 500, headers: problemHeaders });
}

export function log(c: ApiContext, event: string, error: unknown): void {
  const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const path = c.req.path.replace(secretInPath, "$1***");
  console.error(JSON.stringify({ event, request_id: c.var.requestId, method: c.req.method, path, error: said }));
}

/** What follows the monitor in the path of a heartbeat is its secret, and what follows `/pdns/` PowerDNS's. */
const secretInPath = /^(\/v0\.1\/heartbeats\/[^/]*\/|\/pdns\/).*/;

function headersOf(problem: Problem): Record<string, string> {
  if (problem.type === "method-not-allowed") return { Allow: problem.allow.join(", ") };
  if (problem.type === "unauthenticated") return { "WWW-Authenticate": "Bearer" };
  if (problem.type === "unsupported-media-type" && problem.acceptPatch) return { "Accept-Patch": problem.acceptPatch };
  if ("retryAfterSeconds" in problem && problem.retryAfterSeconds !== undefined)
    return { "Retry-After": String(problem.retryAfterSeconds) };
  return {};
}
