/**
 * How a path is declared: which methods it takes, and for each its query parameters. From that follow, for every path alike, 405 with Allow,
 * 404 for an id that is none, 400 for an unknown parameter, and 412 where there is no tag to match.
 */
import type { Hono } from "hono";
import { notFound } from "../../domain/problem.ts";
import { assert } from "../../domain/result.ts";
import { id } from "../../domain/schema.ts";
import type { ApiEnv } from "./bindings.ts";
import { refusesPrecondition } from "./conditional.ts";
import type { ApiContext } from "./context.ts";
import { answerProblem } from "./problem.ts";
import { unknownParameters } from "./query.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
export type Handler = (c: ApiContext) => Response | Promise<Response>;
export type Operation = {
  readonly query?: readonly string[];
  /** True: the resource has an entity tag, and the handler looks at If-Match itself. */
  readonly tagged?: boolean;
  readonly handle: Handler;
};
export type Operations = Readonly<Partial<Record<Method, Operation>>>;

export function route(app: Hono<ApiEnv>, path: string, operations: Operations): void {
  for (const [method, operation] of Object.entries(operations)) app.on(method, path, (c) => carryOut(c, operation));
  const methods = Object.keys(operations);
  const allow = methods.includes("GET") ? [...methods, "HEAD"] : methods;
  app.all(path, (c) => answerProblem(c, { type: "method-not-allowed", detail: `this path takes ${allow.join(", ")}`, allow }));
}

/** An id in the path, in lower case. That it is one was checked before the handler. */
export function pathId(c: ApiContext, parameter: string): string {
  const value = c.req.param(parameter);
  assert(value !== undefined, `the path has a parameter ${parameter}`);
  return value.toLowerCase();
}

function carryOut(c: ApiContext, operation: Operation): Response | Promise<Response> {
  for (const [parameter, value] of Object.entries(c.req.param())) {
    if (parameter.endsWith("id") && !id.safeParse(value).success) return answerProblem(c, notFound("resource"));
  }
  const unknown = unknownParameters(c, operation.query ?? []);
  if (unknown !== null) return answerProblem(c, unknown);
  const unmatched = operation.tagged ? null : refusesPrecondition(c);
  if (unmatched !== null) return answerProblem(c, unmatched);
  return operation.handle(c);
}
