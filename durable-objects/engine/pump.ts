/**
 * Work that must get through: one run at a time, again if it was asked for meanwhile, later if it failed. It keeps no promise alive by
 * itself: the Engine's alarm asks `nextTryAt` when to kick it again, so an eviction between two tries loses nothing.
 */
import { backoffMs } from "../../domain/publish.ts";
import type { EnginePorts } from "./ports.ts";

export type PumpPorts = Pick<EnginePorts, "now" | "random" | "sleep" | "log">;

export class Pump {
  private readonly ports: PumpPorts;
  private running: Promise<void> | null = null;
  private again = false;
  private attempts = 0;
  private startedAt = 0;
  /** Unix ms of the next try after a failure; null: nothing failed. */
  nextTryAt: number | null = null;
  private readonly name: string;
  private readonly work: () => Promise<void>;
  private readonly settled: () => void;
  private readonly spacingMs: number;

  /** `settled` is called after each run, whatever came of it. Runs start at least `spacingMs` apart, so that what comes in a row goes out together. */
  constructor(ports: PumpPorts, name: string, work: () => Promise<void>, settled: () => void, spacingMs = 0) {
    this.ports = ports;
    this.name = name;
    this.work = work;
    this.settled = settled;
    this.spacingMs = spacingMs;
  }

  /** Starts a run, or makes the present one be followed by another. The promise ends with the work that was asked for; it never rejects. */
  kick(): Promise<void> {
    if (this.running !== null) {
      this.again = true;
      return this.running;
    }
    // Before the run: its first steps may kick, too.
    const { promise, resolve } = Promise.withResolvers<void>();
    this.running = promise;
    void this.run().finally(resolve);
    return promise;
  }

  isDue(now: number): boolean {
    return this.nextTryAt !== null && this.nextTryAt <= now;
  }

  private async run(): Promise<void> {
    try {
      do await this.once();
      while (this.again && this.nextTryAt === null);
    } finally {
      // In the same step as the last look at `again`: a kick in between would be heard by nobody.
      this.running = null;
    }
  }

  private async once(): Promise<void> {
    const early = Math.min(this.spacingMs, this.startedAt + this.spacingMs - this.ports.now());
    if (early > 0) await this.ports.sleep(early);
    this.again = false;
    this.startedAt = this.ports.now();
    // While it runs there is nothing to wait for: a time that is past would wake the Engine again and again.
    this.nextTryAt = null;
    try {
      await this.work();
      this.attempts = 0;
    } catch (error) {
      this.attempts += 1;
      this.nextTryAt = this.ports.now() + backoffMs(this.attempts, this.ports.random());
      this.ports.log.warn(
        `engine: ${this.name} failed (${this.attempts} times), next try at ${new Date(this.nextTryAt).toISOString()}: ${error}`,
      );
    }
    this.settled();
  }
}
