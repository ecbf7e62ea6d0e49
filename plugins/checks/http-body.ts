/** Looks for a text in a body as it arrives, and reads no more of it than it must. */
import { limits } from "../../domain/limits.ts";

export type BodyChunk =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "end" }
  | { readonly kind: "broken"; readonly detail: string };
/** The next piece of the body. */
export type BodyChunks = () => Promise<BodyChunk>;

/** Null once the text was seen within the first 64 KiB; else what to say about it. */
export async function findText(next: BodyChunks, text: string): Promise<string | null> {
  const needle = new TextEncoder().encode(text);
  const seen = new Uint8Array(limits.checkBodyBytes);
  let length = 0;
  for (;;) {
    const chunk = await next();
    if (chunk.kind === "broken") return chunk.detail;
    if (chunk.kind === "end") return `the body of ${length} bytes does not contain the expected text`;
    const taken = chunk.bytes.subarray(0, seen.length - length);
    seen.set(taken, length);
    const from = Math.max(0, length - needle.length + 1);
    length += taken.length;
    if (contains(seen.subarray(from, length), needle)) return null;
    if (length === seen.length) return `the first ${length} bytes of the body do not contain the expected text`;
  }
}

function contains(haystack: Uint8Array, needle: Uint8Array): boolean {
  const first = needle[0] ?? 0;
  for (let at = haystack.indexOf(first); at !== -1 && at + needle.length <= haystack.length; at = haystack.indexOf(first, at + 1)) {
    let matched = 1;
    while (matched < needle.length && haystack[at + matched] === needle[matched]) matched += 1;
    if (matched === needle.length) return true;
  }
  return false;
}
