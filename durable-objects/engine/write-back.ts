/** What goes back to the Conductor, as it is stored and as it is sent: parts that fit a row, and of each status the newest alone. */
import type { ConductorRpc, WriteBack } from "../rpc.ts";

/** A row of storage holds 2 MB; an event with the votes of many endpoints and regions takes hundreds of kilobytes. Characters may take three bytes. */
const partLength = 400_000;

export type Draft = { -readonly [K in keyof WriteBack]: WriteBack[K][number][] };
export const newDraft = (): Draft => ({ statuses: [], settled: [], events: [], unpublished: [], ended: [] });

/** Parts that stay well below a row's size, in order. Nothing to say has none. */
export function cut(writeBack: WriteBack): WriteBack[] {
  const parts: Draft[] = [];
  let length = Number.POSITIVE_INFINITY;
  const room = (item: unknown): Draft => {
    const size = JSON.stringify(item).length;
    const last = parts.at(-1);
    if (last !== undefined && length + size <= partLength) {
      length += size;
      return last;
    }
    length = size;
    const part = newDraft();
    parts.push(part);
    return part;
  };
  for (const status of writeBack.statuses) room(status).statuses.push(status);
  for (const settled of writeBack.settled) room(settled).settled.push(settled);
  for (const event of writeBack.events) room(event).events.push(event);
  for (const name of writeBack.unpublished) room(name).unpublished.push(name);
  for (const override of writeBack.ended) room(override).ended.push(override);
  return parts;
}

/** How many outbox rows go to the Conductor in one call. */
const flushRows = 20;

/** Tells the Conductor all that waits for it, in order. Throws where it is away: what it did not take stays. */
export async function flush(
  store: {
    outbox(limit: number): readonly { readonly n: number; readonly writeBack: WriteBack }[];
    outboxDone(n: number): void;
  },
  conductor: Pick<ConductorRpc, "record">,
): Promise<void> {
  for (;;) {
    const rows = store.outbox(flushRows);
    const last = rows.at(-1);
    if (last === undefined) return;
    await conductor.record(merge(rows.map(({ writeBack }) => writeBack)));
    store.outboxDone(last.n);
  }
}

/** Several parts in one call. A resource has one status in it, the last: of two in one statement the database would take either. */
export function merge(parts: readonly WriteBack[]): WriteBack {
  const statuses = new Map(parts.flatMap((part) => part.statuses.map((status) => [`${status.kind} ${status.id}`, status] as const)));
  return {
    statuses: [...statuses.values()],
    settled: parts.flatMap((part) => part.settled),
    events: parts.flatMap((part) => part.events),
    unpublished: parts.flatMap((part) => part.unpublished),
    ended: parts.flatMap((part) => part.ended),
  };
}
