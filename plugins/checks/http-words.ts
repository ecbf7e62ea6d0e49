/** What others sent, in a form that is fit to be shown: short, on one line, in printable ASCII. */
import { limits } from "../../domain/limits.ts";

const escaped = (character: string): string =>
  Array.from({ length: character.length }, (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`).join("");

/** A value as JSON, shortened. */
export function shownValue(value: unknown, maximum = 40): string {
  // A text that is far too long is cut before it is looked at; escapes only make it longer.
  const text = json(typeof value === "string" ? value.slice(0, maximum + 1) : value);
  const printable = text.slice(0, maximum + 1).replace(/[^ -~]/gu, escaped);
  return printable.length > maximum ? `${printable.slice(0, maximum - 3)}...` : printable;
}

/** JSON can be parsed to a depth at which it cannot be written any more. */
function json(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "a deeply nested value";
  }
}

/** The beginning of a line: without what is not printable. */
export const excerpt = (line: string): string => JSON.stringify(line.slice(0, 40).replace(/[^ -~]/g, "?"));

/** The beginning of a body as text, its line breaks kept, other control characters made visible. */
export function bodyExcerpt(body: Uint8Array): string {
  const text = new TextDecoder().decode(body.subarray(0, limits.bodyExcerptBytes));
  return text.replace(/[^\P{C}\n\t]/gu, (character) => visible[character] ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

const visible: Readonly<Record<string, string>> = { "\r": "\\r", "\0": "\\0", "\u001b": "\\e" };
