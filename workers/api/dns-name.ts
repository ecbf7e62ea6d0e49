/**
 * A name as a DNS question carries it: any bytes in its labels, of which Kosmos publishes only host names. Written for people as
 * RFC 1035, 5.1 has it: what is not printable or has a meaning in a zone file is `\DDD`, so that a dot inside a label is none between two.
 */
import { ancestors, canonicalName } from "../../domain/name.ts";

const maxBytes = 255;
const maxLabel = 63;

/** The name that begins at `offset`, with the trailing dot, and where it ends; null if there is none. Pointers are refused: nothing stands before. */
export function readName(bytes: Uint8Array, offset: number): { readonly name: string; readonly end: number } | null {
  let name = "";
  for (let at = offset; ; ) {
    const length = bytes[at];
    if (length === undefined || length > maxLabel) return null;
    at += 1;
    if (at + length > bytes.length || at + length - offset > maxBytes) return null;
    if (length === 0) return { name: name === "" ? "." : name, end: at };
    name += `${[...bytes.subarray(at, at + length)].map(written).join("")}.`;
    at += length;
  }
}

function written(byte: number): string {
  const character = String.fromCharCode(byte);
  return byte > 0x20 && byte < 0x7f && !'.\\"();@$'.includes(character) ? character : `\\${String(byte).padStart(3, "0")}`;
}

/** The name of a text of printable ASCII without escapes; null if it is none. One without the trailing dot gets it. */
export function nameBytes(text: string): Uint8Array | null {
  if (!/^[\x21-\x5b\x5d-\x7e]{1,254}$/.test(text)) return null;
  const labels = text === "." ? [] : text.replace(/\.$/, "").split(".");
  if (labels.some((label) => label.length === 0 || label.length > maxLabel)) return null;
  const encoder = new TextEncoder();
  const bytes = [...labels.flatMap((label) => [label.length, ...encoder.encode(label)]), 0];
  return bytes.length > maxBytes ? null : Uint8Array.from(bytes);
}

/** The names that Kosmos could know on the way from this one to the root, longest first; the first is the name itself if it could be published. */
export function knowable(name: string): { readonly self: string | null; readonly zones: readonly string[] } {
  return { self: canonicalName(name), zones: ancestors(name).flatMap((ancestor) => canonicalName(ancestor) ?? []) };
}
