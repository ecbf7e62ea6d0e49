/**
 * Virtual time: a heap of events, one after the other, each of which ends before the next begins, with all that its promises bring about.
 * Events of one moment run in the order in which they were made.
 */

type Event = { readonly at: number; readonly order: number; readonly action: () => void; cancelled: boolean };
export type Cancel = () => void;

export class Timeline {
  private heap: Event[] = [];
  private order = 0;
  /** The true time, Unix ms. */
  now: number;
  /** How many events ran. */
  count = 0;

  constructor(start: number) {
    this.now = start;
  }

  at(time: number, action: () => void): Cancel {
    this.order += 1;
    const event = { at: Math.max(time, this.now), order: this.order, action, cancelled: false };
    push(this.heap, event);
    return () => {
      event.cancelled = true;
    };
  }

  after(ms: number, action: () => void): Cancel {
    return this.at(this.now + ms, action);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** Runs everything up to and at `until`. `between` is asked after each event; true ends the run. */
  async run(until: number, between: () => boolean): Promise<void> {
    for (let next = this.heap[0]; next !== undefined && next.at <= until; next = this.heap[0]) {
      pop(this.heap);
      if (next.cancelled) continue;
      this.now = next.at;
      this.count += 1;
      next.action();
      await settled();
      if (between()) return;
    }
    this.now = until;
  }
}

/** A turn of the event loop: by then every promise that could go on without time passing has. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

function push(heap: Event[], event: Event): void {
  let index = heap.length;
  heap.push(event);
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent] as Event;
    if (!before(event, above)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = event;
}

function pop(heap: Event[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    const left = 2 * index + 1;
    if (left >= heap.length) break;
    const right = left + 1;
    const child = right < heap.length && before(heap[right] as Event, heap[left] as Event) ? right : left;
    if (!before(heap[child] as Event, last)) break;
    heap[index] = heap[child] as Event;
    index = child;
  }
  heap[index] = last;
}
