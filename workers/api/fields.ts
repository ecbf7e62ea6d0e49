/** From a zod schema's issues to the errors that a client reads: a pointer to each field, and words that complete "<field> …". */
import type { z } from "zod";
import { limits } from "../../domain/limits.ts";
import type { FieldError, Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { pointerOf } from "./json.ts";

type PointerError = { readonly pointer: string; readonly detail: string };

/** `what` names the thing for "is not a field of …"; `at` is where `body` stands in the request. */
export function parseFields<T>(
  schema: z.ZodType<T>,
  body: unknown,
  what: string,
  at: readonly PropertyKey[] = [],
): Result<T, readonly PointerError[]> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return ok(parsed.data);
  const errors = new Map<string, PointerError>();
  for (const error of parsed.error.issues.flatMap((issue) => errorsOf(issue, body, what, at, []))) {
    // The first says most: a value of the wrong type also fails the checks that follow.
    if (!errors.has(error.pointer)) errors.set(error.pointer, error);
  }
  return fail([...errors.values()]);
}

export const invalidBody = (errors: readonly FieldError[]): Problem => ({
  type: "invalid-body",
  detail: summary(errors),
  errors: errors.slice(0, limits.problemErrors),
});

/** One sentence for a list of errors: the first, and how many more there are. */
export function summary(errors: readonly FieldError[]): string {
  const [first, ...rest] = errors;
  if (first === undefined) return "the request cannot be understood";
  const where = "pointer" in first ? first.pointer || "the body" : first.parameter;
  return `${where} ${first.detail}${rest.length > 0 ? ` (and ${rest.length} more)` : ""}`;
}

type Issue = z.core.$ZodIssue;

function errorsOf(issue: Issue, body: unknown, what: string, at: readonly PropertyKey[], within: readonly PropertyKey[]): PointerError[] {
  const path = [...within, ...issue.path];
  const pointer = pointerOf([...at, ...path]);
  if (issue.code === "unrecognized_keys") {
    const owner = path.length === 0 ? named(what, body) : pointer;
    return issue.keys.map((key) => ({ pointer: pointerOf([...at, ...path, key]), detail: `is not a field of ${owner}` }));
  }
  // A rule that spans fields may point at one that was left out and took its default; only a schema's own complaint means "missing".
  if (issue.code !== "custom" && valueAt(body, path) === undefined) return [{ pointer, detail: "is required" }];
  if (issue.code === "invalid_union") {
    const meant = meantBranch(issue.errors);
    if (meant !== null) return meant.flatMap((inner) => errorsOf(inner, body, what, at, path));
  }
  return [{ pointer, detail: detailOf(issue) }];
}

/** "an agent"; of a monitor its type says which fields there are. */
function named(what: string, body: unknown): string {
  const type = what === "monitor" ? valueAt(body, ["type"]) : undefined;
  return `${article(what)} ${what}${typeof type === "string" ? ` of type ${type.toUpperCase()}` : ""}`;
}

export const article = (noun: string): string => (/^[aeiou]/.test(noun) ? "an" : "a");

/** Of a union the branch whose own fields were sent; null where that is not just one: then the union's own message says more. */
function meantBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | null {
  const meant = branches.filter((issues) => issues.every((issue) => issue.path.length > 0));
  return meant.length === 1 ? (meant[0] ?? null) : null;
}

/** The schemas say what would be right; only for plain containers zod's own words remain to be replaced. */
function detailOf(issue: Issue): string {
  if (issue.code === "too_big" && issue.message.startsWith("Too big")) return `must have at most ${issue.maximum} elements`;
  if (issue.code !== "invalid_type" || !issue.message.startsWith("Invalid input")) return issue.message;
  return issue.expected === "object" || issue.expected === "record" ? "must be an object" : `must be of type ${issue.expected}`;
}

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  let value = body;
  for (const segment of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, segment)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[segment];
  }
  return value;
}
