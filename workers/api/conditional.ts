/**
 * Conditional requests (RFC 9110, section 13). A tag is "<version>.<n>": the version counts changes of the configuration, n changes with
 * anything else in the body. If-None-Match compares the whole tag, If-Match only the version, so that a change of health never makes a write fail.
 */
import type { Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { ApiContext } from "./context.ts";
import { invalidQuery } from "./query.ts";

export const entityTag = (version: number, n: number): string => `"${version}.${n}"`;

/** What If-Match asks for: nothing, "it exists", or one of these versions. */
export type Precondition =
  | { readonly kind: "none" }
  | { readonly kind: "exists" }
  | { readonly kind: "versions"; readonly of: readonly string[] };

export function readIfMatch(c: ApiContext): Result<Precondition, Problem> {
  const header = c.req.header("If-Match");
  if (header === undefined) return ok({ kind: "none" });
  const tags = readTags(header);
  if (tags === null) return fail(invalidQuery([{ parameter: "If-Match", detail: 'must be * or entity tags such as "3"' }]));
  if (tags === "*") return ok({ kind: "exists" });
  return ok({ kind: "versions", of: tags.map((tag) => tag.split(".")[0] ?? tag) });
}

export const meets = (precondition: Precondition, version: number): boolean =>
  precondition.kind !== "versions" || precondition.of.includes(String(version));

export const versionMismatch = (version: number): Problem => ({
  type: "version-mismatch",
  detail: `If-Match does not name the resource's version, which is ${version}`,
});

/** Whether the client already holds the body with this tag. */
export function holdsAlready(c: ApiContext, tag: string): boolean {
  const header = c.req.header("If-None-Match");
  if (header === undefined) return false;
  const tags = readTags(header);
  return tags === "*" || (tags?.includes(tag.slice(1, -1)) ?? false);
}

/** For what has no tag (lists, status, attachments): only `*` can match. */
export function refusesPrecondition(c: ApiContext): Problem | null {
  const precondition = readIfMatch(c);
  if (!precondition.ok) return precondition.error;
  if (precondition.value.kind !== "versions") return null;
  return { type: "version-mismatch", detail: "this path has no entity tag, so If-Match cannot match" };
}

/** The opaque parts of a list of tags, weak ones included; "*"; null if the header is neither. */
function readTags(header: string): "*" | readonly string[] | null {
  if (header.trim() === "*") return "*";
  const tags: string[] = [];
  for (const element of header.split(",")) {
    const tag = /^\s*(?:W\/)?"([\x21\x23-\x2b\x2d-\x7e]*)"\s*$/.exec(element)?.[1];
    if (tag !== undefined) tags.push(tag);
    else if (element.trim() !== "") return null;
  }
  return tags.length === 0 ? null : tags;
}
