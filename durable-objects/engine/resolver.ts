/**
 * The addresses of host names that are published as addresses. What was learnt is kept through evictions and through the resolver's silence; names
 * that nobody needs are forgotten. It asks when it is told to, by the Engine's alarm, and says whose addresses are others now.
 */
import { limits } from "../../domain/limits.ts";
import type { Resolve } from "../../domain/records.ts";
import { addressesOf, askAt, type Heard, heard, type Resolution, unresolved } from "../../domain/resolution.ts";
import { askFor } from "./doh.ts";

export type ResolverPorts = { now(): number; readonly fetch: typeof fetch; readonly url: string | undefined };
export type ResolverMemory = {
  resolutions(): readonly Resolution[];
  putResolution(resolution: Resolution): void;
  forgetResolution(name: string): void;
};

/** Nobody has answered yet. */
const isNew = ({ at, error }: Resolution): boolean => at === null && error === null;

const nothing: Heard = { ok: false, error: "not asked" };

export class Resolver {
  private readonly ports: ResolverPorts;
  private readonly memory: ResolverMemory;
  private readonly names = new Map<string, Resolution>();

  constructor(ports: ResolverPorts, memory: ResolverMemory) {
    this.ports = ports;
    this.memory = memory;
    for (const one of memory.resolutions()) this.names.set(one.name, one);
  }

  /** Its addresses; none: `why`. */
  look(name: string): ReturnType<Resolve> {
    if (this.ports.url === undefined) return { addresses: [], why: "KOSMOS_RESOLVER_URL is not set in this deployment" };
    const known = this.names.get(name);
    if (known === undefined || isNew(known)) return { addresses: [], why: "not resolved yet", isAwaited: true };
    return { addresses: addressesOf(known), why: known.error ?? "the name has no address" };
  }

  /** These are the names that are needed now. True: there is one that was never asked for. */
  need(names: ReadonlySet<string>): boolean {
    for (const name of this.names.keys()) {
      if (names.has(name)) continue;
      this.names.delete(name);
      this.memory.forgetResolution(name);
    }
    let isNew = false;
    for (const name of names) {
      if (this.names.has(name)) continue;
      this.names.set(name, unresolved(name));
      isNew = true;
    }
    return isNew;
  }

  /** When somebody is to be asked, Unix ms; null: never. */
  nextAt(now: number): number | null {
    if (this.ports.url === undefined || this.names.size === 0) return null;
    return Math.min(...[...this.names.values()].map((one) => askAt(one, now)));
  }

  /** Asks for all that is due, and returns the names whose addresses changed, or of which something is known at last. Never throws. */
  async refresh(): Promise<readonly string[]> {
    const now = this.ports.now();
    const due = [...this.names.values()].filter((one) => askAt(one, now) <= now).map(({ name }) => name);
    const changed: string[] = [];
    const work = async () => {
      for (let name = due.shift(); name !== undefined; name = due.shift()) if (await this.ask(name)) changed.push(name);
    };
    await Promise.all(Array.from({ length: limits.resolveParallel }, work));
    return changed;
  }

  private async ask(name: string): Promise<boolean> {
    const { url, fetch } = this.ports;
    if (url === undefined) return false;
    const deadline = new AbortController();
    // A timer that is still pending would keep the object awake, and billed.
    const timer = setTimeout(() => deadline.abort(), limits.resolveDeadlineMs);
    const families = (["A", "AAAA"] as const).map((type) => askFor(name, type, url, fetch, deadline.signal));
    const [v4 = nothing, v6 = nothing] = await Promise.all(families).finally(() => clearTimeout(timer));
    const before = this.names.get(name);
    // Nobody needs it any more.
    if (before === undefined) return false;
    const after = heard(before, v4, v6, this.ports.now());
    this.names.set(name, after);
    this.memory.putResolution(after);
    // That there are none is news as well, where they were waited for.
    return isNew(before) || addressesOf(before).join() !== addressesOf(after).join();
  }
}
