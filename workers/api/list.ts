/** The envelope of lists: `{"<collection>": […], "links", "metadata"}`. A list has no entity tag and is never stored by a cache. */

import type { Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { ApiContext } from "./context.ts";
import { invalidQuery, type Paging } from "./query.ts";

export const notStored = { "Cache-Control": "no-store" } as const;

export function answerPage(
  c: ApiContext,
  collection: string,
  items: readonly unknown[],
  page: { readonly next: string | null; readonly total: number | null },
  status: 200 | 201 = 200,
): Response {
  const self = new URL(c.req.url);
  const links: Record<string, string> = { self: self.href };
  if (page.next !== null) {
    self.searchParams.set("marker", page.next);
    links.next = self.href;
  }
  const metadata = page.total === null ? {} : { total_count: page.total };
  return c.json({ [collection]: items, links, metadata }, status, notStored);
}

/**
 * A page of a list that is short by its nature and is at hand whole. The marker is the key of the last item and its place: where that item is
 * gone, the next has its place.
 */
export function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  paging: Paging,
): Result<{ readonly items: readonly T[]; readonly next: string | null }, Problem> {
  const start = startOf(items.map(keyOf), paging.marker);
  if (start === null) return fail(invalidQuery([{ parameter: "marker", detail: "must come from links.next" }]));
  const page = items.slice(start, start + paging.limit);
  const last = page.at(-1);
  const end = start + page.length;
  return ok({ items: page, next: last !== undefined && end < items.length ? `${end - 1}.${keyOf(last)}` : null });
}

function startOf(keys: readonly string[], marker: string | null): number | null {
  if (marker === null) return 0;
  const [, place, key = ""] = /^([0-9]{1,6})\.(.+)$/.exec(marker) ?? [];
  if (place === undefined) return null;
  const last = keys.indexOf(key);
  return last === -1 ? Number(place) : last + 1;
}
