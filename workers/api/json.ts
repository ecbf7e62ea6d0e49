/**
 * JSON as the API takes it (RFC 8259, with what RFC 7493 asks for): refuses what JavaScript would read silently and differently than was
 * meant: a name that stands twice, `__proto__`, text that cannot be stored, and nesting that no resource needs. It knows no resource.
 */
import { limits } from "../../domain/limits.ts";
import { fail, ok, type Result } from "../../domain/result.ts";

export type JsonObject = { readonly [field: string]: unknown };
export type Mistake = { readonly pointer: string; readonly detail: string };

export const isJsonObject = (value: unknown): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

/** A JSON pointer (RFC 6901) from its segments. */
export const pointerOf = (segments: readonly PropertyKey[]): string =>
  segments.map((segment) => `/${String(segment).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");

export function parseJson(text: string): Result<unknown, Mistake> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fail({ pointer: "", detail: "is not valid JSON" });
  }
  const mistake = scan(text);
  return mistake === null ? ok(value) : fail(mistake);
}

/** Where the scan is: in an object (its names so far) or in an array (`names` null), at which of its members. */
type Frame = { readonly names: Set<string> | null; at: string | number; expectsName: boolean };

/** Looks over a text that is known to be JSON. A loop over the text and not a walk over the value, so that depth costs no stack. */
function scan(text: string): Mistake | null {
  const frames: Frame[] = [];
  const pointer = () => pointerOf(frames.map((frame) => frame.at));
  for (let index = 0; index < text.length; index += 1) {
    const frame = frames.at(-1);
    switch (text[index]) {
      case "{":
        frames.push({ names: new Set(), at: "", expectsName: true });
        break;
      case "[":
        frames.push({ names: null, at: 0, expectsName: false });
        break;
      case "}":
      case "]":
        frames.pop();
        break;
      case ",":
        if (frame === undefined) break;
        if (typeof frame.at === "number") frame.at += 1;
        frame.expectsName = frame.names !== null;
        break;
      case '"': {
        const end = endOfString(text, index);
        const string = decode(text.slice(index, end + 1));
        index = end;
        if (frame?.names && frame.expectsName) {
          frame.expectsName = false;
          frame.at = string;
          if (frame.names.has(string)) return { pointer: pointer(), detail: "must not stand twice" };
          if (string === "__proto__") return { pointer: pointer(), detail: "is not a field" };
          frame.names.add(string);
        }
        if (!string.isWellFormed() || string.includes("\0")) {
          return { pointer: pointer(), detail: "must be text without NUL and without halves of surrogate pairs" };
        }
        break;
      }
    }
    if (frames.length > limits.bodyDepth) return { pointer: "", detail: `must not be nested more than ${limits.bodyDepth} deep` };
  }
  return null;
}

function endOfString(text: string, start: number): number {
  let end = start + 1;
  while (text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
  return end;
}

const decode = (literal: string): string => (literal.includes("\\") ? (JSON.parse(literal) as string) : literal.slice(1, -1));
