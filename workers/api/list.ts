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

/** A page of a list that is short by its nature and is at hand whole; the marker is how many came before. */
export function pageOf<T>(
  items: readonly T[],
  paging: Paging,
): Result<{ readonly items: readonly T[]; readonly next: string | null }, Problem> {
  const marker = paging.marker ?? "0";
  if (!/^[0-9]{1,6}$/.test(marker)) return fail(invalidQuery([{ parameter: "marker", detail: "must come from links.next" }]));
  const end = Number(marker) + paging.limit;
  return ok({ items: items.slice(Number(marker), end), next: end < items.length ? String(end) : null });
}
