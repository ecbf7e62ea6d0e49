/**
 * The opaque end of a page: the sort value and the id of its last row, not a count and not a pointer to the row, so that the next page is
 * right whatever was written or deleted in between.
 */
import { z } from "zod";
import type { Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";

export type Marker = { readonly value: string | number; readonly id: string };

const shape = z.tuple([z.string(), z.union([z.string(), z.int()]), z.string()]);

/** `order` says by what the list is sorted; a marker of another order is refused. */
export function writeMarker(order: string, { value, id }: Marker): string {
  const bytes = new TextEncoder().encode(JSON.stringify([order, value, id]));
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

export function readMarker(order: string, type: "string" | "number", text: string): Result<Marker, Problem> {
  const parsed = shape.safeParse(decoded(text));
  if (!parsed.success) return fail(broken("is not one that a list has given"));
  const [of, value, id] = parsed.data;
  if (of !== order || typeof value !== type) return fail(broken("belongs to a list in another order"));
  return ok({ value, id });
}

const broken = (detail: string): Problem => ({
  type: "invalid-query",
  detail: `marker: ${detail}`,
  errors: [{ parameter: "marker", detail }],
});

/** Undefined: it is no JSON in base64url. */
function decoded(text: string): unknown {
  if (!/^[A-Za-z0-9_-]+$/.test(text)) return undefined;
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return JSON.parse(
      new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(binary, (character) => character.charCodeAt(0))),
    );
  } catch {
    return undefined;
  }
}
