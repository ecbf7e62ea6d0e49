/**
 * Whose requests wait for an answer. Cloudflare lets six connections wait in one invocation and queues the seventh without a word, so that one
 * backend that hangs would hold up every other: each flavor has one that is always free for it, and takes more while others do not need them.
 */
import { limits } from "../../domain/limits.ts";

export class Connections {
  private readonly flavors: () => readonly string[];
  private readonly open = new Map<string, number>();
  private readonly queue = new Set<() => void>();

  /** `flavors`: those that are in use, and call somebody. */
  constructor(flavors: () => readonly string[]) {
    this.flavors = flavors;
  }

  /** `fetch` for one flavor: it waits for its turn, and no longer than `signal` lets it. */
  fetchFor(flavor: string, fetch: typeof globalThis.fetch, signal: AbortSignal): typeof globalThis.fetch {
    return (async (...call: Parameters<typeof fetch>) => {
      while (!this.isFree(flavor)) await this.change(signal);
      this.count(flavor, 1);
      try {
        return await fetch(...call);
      } finally {
        this.count(flavor, -1);
        for (const go of this.queue) go();
      }
    }) as typeof globalThis.fetch;
  }

  private isFree(flavor: string): boolean {
    if (!this.open.has(flavor)) return true;
    const idle = this.flavors().filter((name) => name !== flavor && !this.open.has(name));
    const taken = [...this.open.values()].reduce((sum, one) => sum + one, 0);
    return taken + idle.length < limits.backendConnections;
  }

  private count(flavor: string, by: number): void {
    const next = (this.open.get(flavor) ?? 0) + by;
    if (next === 0) this.open.delete(flavor);
    else this.open.set(flavor, next);
  }

  /** Until somebody's request was answered. */
  private async change(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.queue.add(resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    this.queue.delete(resolve);
    signal.throwIfAborted();
  }
}
