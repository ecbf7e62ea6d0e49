/**
 * Where in a JSON text something is: `$`, `.name`, `['name']`, `[index]`, the part of RFC 9535 that names exactly one place. No wildcards, no
 * filters, no slices: what a path costs is its length.
 */
import { limits } from "../../domain/limits.ts";

export type JsonStep = string | number;

/** RFC 9535, 2.5.1.1: the names that may stand after a dot. */
const dotted = /\.([A-Za-z_\u0080-\u{10ffff}][0-9A-Za-z_\u0080-\u{10ffff}]*)/uy;
const indexed = /\[(0|[1-9][0-9]{0,8})\]/y;
/** In quotes everything but control characters; a quote and a backslash after a backslash. */
const quoted = /\['((?:[^\p{Cc}'\\]|\\['\\])*)'\]/uy;

/** The steps from the root, or null if it is no such path. */
export function parseJsonPath(path: string): readonly JsonStep[] | null {
  if (path.length > limits.jsonPathLength || !path.startsWith("$")) return null;
  const steps: JsonStep[] = [];
  for (let at = 1; at < path.length; ) {
    const found = match(dotted, path, at) ?? match(indexed, path, at) ?? match(quoted, path, at);
    if (found === null || steps.length === limits.jsonPathSteps) return null;
    const [, text = ""] = found;
    if (found[0].startsWith(".")) steps.push(text);
    else steps.push(found[0].startsWith("['") ? text.replace(/\\(.)/g, "$1") : Number(text));
    at += found[0].length;
  }
  return steps;
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** What is there; undefined, which JSON does not have, where there is nothing. */
export function lookUp(value: unknown, steps: readonly JsonStep[]): unknown {
  let here = value;
  for (const step of steps) {
    if (typeof here !== "object" || here === null) return undefined;
    if (Array.isArray(here) !== (typeof step === "number")) return undefined;
    here = Object.hasOwn(here, step) ? (here as Record<JsonStep, unknown>)[step] : undefined;
  }
  return here;
}
