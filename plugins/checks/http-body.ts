/** A body as it arrives, and what a monitor expects of its first 64 KiB: no more of it is read than decides. */
import { limits } from "../../domain/limits.ts";
import { bodyConditions, type HttpSpec } from "./http-spec.ts";
import { judgeJson } from "./json-assertions.ts";

export type BodyChunk =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "end" }
  | { readonly kind: "broken"; readonly detail: string };
/** The next piece of the body. */
export type BodyChunks = () => Promise<BodyChunk>;

/** What the last look came to: there are more bytes; the body has ended, or is longer than what is read; it broke off. */
export type BodyState = { readonly kind: "open" | "end" | "full" } | { readonly kind: "broken"; readonly detail: string };

export type Body = {
  /** What was read so far. */
  bytes(): Uint8Array;
  readOn(): Promise<BodyState>;
};

export function bodyOf(next: BodyChunks, maximum: number = limits.checkBodyBytes): Body {
  let seen = new Uint8Array(0);
  let length = 0;
  let state: BodyState = { kind: "open" };
  return {
    bytes: () => seen.subarray(0, length),
    async readOn() {
      if (state.kind !== "open") return state;
      const chunk = await next();
      if (chunk.kind !== "bytes") {
        state = chunk;
        return state;
      }
      const taken = chunk.bytes.subarray(0, maximum - length);
      if (length + taken.length > seen.length) {
        const larger = new Uint8Array(Math.min(maximum, Math.max(2 * seen.length, length + taken.length)));
        larger.set(seen.subarray(0, length));
        seen = larger;
      }
      seen.set(taken, length);
      length += taken.length;
      if (length === maximum) state = { kind: "full" };
      return state;
    },
  };
}

/** Null where the body is as expected, else what to say about it. */
export async function judgeBody(body: Body, spec: HttpSpec): Promise<string | null> {
  if (bodyConditions(spec).length === 0) return null;
  const wanted = spec.receive_string === null ? null : new TextEncoder().encode(spec.receive_string);
  const unwanted = spec.receive_string_absent === null ? null : new TextEncoder().encode(spec.receive_string_absent);
  let found = wanted === null;
  let looked = 0;
  for (;;) {
    const state = await body.readOn();
    const bytes = body.bytes();
    const fresh = (text: Uint8Array) => bytes.subarray(Math.max(0, looked - text.length + 1));
    if (unwanted !== null && contains(fresh(unwanted), unwanted)) return "the body contains the text that it must not";
    found ||= wanted !== null && contains(fresh(wanted), wanted);
    if (found && unwanted === null && spec.json_assertions.length === 0) return null;
    looked = bytes.length;
    if (state.kind === "broken") return state.detail;
    if (state.kind === "open") continue;
    if (!found) return notFound(bytes.length, state.kind === "full");
    return spec.json_assertions.length === 0 ? null : judgeJson(bytes, state.kind === "full", spec.json_assertions);
  }
}

const notFound = (length: number, cut: boolean): string =>
  cut
    ? `the first ${length} bytes of the body do not contain the expected text`
    : `the body of ${length} bytes does not contain the expected text`;

function contains(haystack: Uint8Array, needle: Uint8Array): boolean {
  const first = needle[0] ?? 0;
  for (let at = haystack.indexOf(first); at !== -1 && at + needle.length <= haystack.length; at = haystack.indexOf(first, at + 1)) {
    let matched = 1;
    while (matched < needle.length && haystack[at + matched] === needle[matched]) matched += 1;
    if (matched === needle.length) return true;
  }
  return false;
}
