/** DNS names as Kosmos writes them: lower case, fully qualified, with the trailing dot. Sources: RFC 1035 (lengths), RFC 1123 (host names). */
import { z } from "zod";

const label = /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/;

/** The name in canonical form, or null if it is none. A single trailing dot may be missing. Underscores are taken, as DNS does. */
export function canonicalName(text: string): string | null {
  const name = text.replace(/\.$/, "");
  if (name.length === 0 || name.length > 253) return null;
  // Looked at before the letter case changes: the Kelvin sign in lower case is the letter k.
  const labels = name.split(".");
  if (!labels.every((part) => label.test(part))) return null;
  // A number in the end, also a hexadecimal one, makes an IPv4 address of the whole (WHATWG URL, 3.5; inet_aton), or is a mistake for one.
  if (/^([0-9]+|0x[0-9a-f]*)$/i.test(labels.at(-1) ?? "")) return null;
  return `${name.toLowerCase()}.`;
}

/** Whether `name` is `zone` or below it. Both canonical. */
export const isInZone = (name: string, zone: string): boolean => name === zone || name.endsWith(`.${zone}`);

/** The name and each of its ancestors, longest first, without the root: "a.b.c." gives "a.b.c.", "b.c.", "c.". */
export function ancestors(name: string): string[] {
  const labels = name.replace(/\.$/, "").split(".");
  return labels.map((_, index) => `${labels.slice(index).join(".")}.`);
}

/** A fully qualified name; given without the trailing dot it gets one. */
export const fqdn = z.string({ error: "must be a string" }).transform((text, context) => {
  const name = canonicalName(text);
  if (name !== null) return name;
  context.issues.push({ code: "custom", message: "must be a host name such as www.example.com.", input: text });
  return z.NEVER;
});

/** A stable 32-bit hash (FNV-1a over UTF-16 code units). It spreads ticks and names; it is no defence against anyone. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash ^= text.charCodeAt(index);
    hash = Math.imul(hash, 0x01000193);
  }
  // A final mix: without it, names that differ in their last character only land close together.
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  return hash >>> 0;
}
