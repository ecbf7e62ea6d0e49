/** What a monitor expects of a JSON body: each assertion a place and one thing that must be so of what is there. */
import { z } from "zod";
import { limits } from "../../domain/limits.ts";
import { flag } from "../../domain/schema.ts";
import { shownValue } from "./http-words.ts";
import { lookUp, parseJsonPath } from "./json-path.ts";
import { shown } from "./shown.ts";

const operators = ["equals", "not_equals", "less_than", "greater_than", "exists"] as const;
const operatorsText = operators.join(", ");

const pathError = `must be a path such as $.a['b c'][0], at most ${limits.jsonPathLength} characters and ${limits.jsonPathSteps} steps`;
const path = z.string({ error: pathError }).refine((text) => parseJsonPath(text) !== null, { error: pathError });

const scalarError = `must be a string of at most ${limits.receiveStringBytes} bytes, a number, true, false or null`;
const scalar = z
  .union([z.string(), z.number(), z.boolean(), z.null()], { error: scalarError })
  .refine((value) => typeof value !== "string" || new TextEncoder().encode(value).length <= limits.receiveStringBytes, {
    error: scalarError,
  });
const bound = z.number({ error: "must be a number" });

const assertion = z
  .strictObject(
    {
      path,
      equals: scalar.optional(),
      not_equals: scalar.optional(),
      less_than: bound.optional(),
      greater_than: bound.optional(),
      exists: flag.optional(),
    },
    { error: `must be {path} and one of ${operatorsText}` },
  )
  .superRefine((value, context) => {
    const given = operators.filter((operator) => value[operator] !== undefined);
    if (given.length !== 1) context.addIssue({ code: "custom", path: [], message: `must have exactly one of ${operatorsText}` });
  });
export type JsonAssertion = z.output<typeof assertion>;

export const jsonAssertions = z
  .array(assertion, { error: "must be a list of assertions" })
  .max(limits.jsonAssertions, { error: `must have at most ${limits.jsonAssertions} assertions` });

/** Null where the body is JSON and all of it holds, else what does not; `cut`: the body goes on after these bytes. */
export function judgeJson(body: Uint8Array, cut: boolean, assertions: readonly JsonAssertion[]): string | null {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(body));
  } catch {
    if (cut) return `the body is longer than the ${body.length} bytes that are read, and so far no JSON`;
    return body.length === 0 ? "the body is empty, not JSON" : `the body of ${body.length} bytes is not JSON`;
  }
  for (const each of assertions) {
    const problem = judge(lookUp(value, parseJsonPath(each.path) ?? []), each);
    if (problem !== null) return `${shown(each.path, 60)} ${problem}`;
  }
  return null;
}

function judge(found: unknown, wanted: JsonAssertion): string | null {
  if (wanted.exists !== undefined) {
    if (wanted.exists) return found === undefined ? "is not there" : null;
    return found === undefined ? null : `is there: ${shownValue(found)}`;
  }
  if (found === undefined) return "is not there";
  // Of objects and lists there is no equal one to be written.
  if (wanted.equals !== undefined) return found === wanted.equals ? null : `is ${shownValue(found)}, expected ${shownValue(wanted.equals)}`;
  if (wanted.not_equals !== undefined) return found === wanted.not_equals ? `is ${shownValue(found)}, expected anything else` : null;
  if (typeof found !== "number") return `is ${shownValue(found)}, expected a number`;
  if (wanted.less_than !== undefined && found >= wanted.less_than) return `is ${shownValue(found)}, expected less than ${wanted.less_than}`;
  if (wanted.greater_than !== undefined && found <= wanted.greater_than) {
    return `is ${shownValue(found)}, expected more than ${wanted.greater_than}`;
  }
  return null;
}
