/**
 * Tells the Engine that the configuration changed, until it confirms. The alarm is set before a write, so that neither a crash nor a failed
 * call can lose one; the call itself starts at once and nobody waits for it. What changed stands in D1's change log, not here.
 */
import { limits } from "../../domain/limits.ts";
import type { EngineRpc } from "../rpc.ts";
import { compareHeads, type Head, later, start } from "./head.ts";
import { within } from "./within.ts";

/** Long enough for a write and the call after it; the alarm then finds nothing to do. */
const backstopMs = 2_000;
/** An Engine that has not answered by then is asked again. */
const answerMs = 30_000;

/** Calls are at least this far apart: many writes in a row are told in one. The first is told at once. */
const spacingMs = 50;

export class Outbox {
  private readonly storage: DurableObjectStorage;
  private readonly engine: () => EngineRpc;
  private delivering: Promise<void> | null = null;
  private lastCallAt = 0;
  private failures = 0;
  private seen: Head | null = null;

  constructor(storage: DurableObjectStorage, engine: () => EngineRpc) {
    this.storage = storage;
    this.engine = engine;
  }

  /** The highest head that this Conductor ever saw, in D1 or from the Engine. */
  async highest(): Promise<Head> {
    const stored = this.seen === null ? ((await this.storage.get<Head>("head")) ?? start) : start;
    this.seen = later(this.seen ?? start, stored);
    return this.seen;
  }

  async saw(head: Head): Promise<void> {
    if (compareHeads(head, await this.highest()) <= 0) return;
    this.seen = head;
    // Nobody needs to wait until this is on disk: the alarm that was set before finds the head in D1.
    await this.storage.put("head", head, { allowUnconfirmed: true });
  }

  /** Before a write: whatever happens now, the alarm will look. */
  async expect(): Promise<void> {
    await this.wakeWithin(backstopMs);
  }

  /** Tells the Engine of everything up to the highest head. Never throws; one call at a time, the last one for the newest. */
  async deliver(): Promise<void> {
    this.delivering ??= this.deliverAll().finally(() => {
      this.delivering = null;
    });
    await this.delivering;
  }

  /** Sets the alarm for the next try. Never throws. */
  async retryLater(): Promise<void> {
    this.failures += 1;
    const delayMs = Math.min(limits.retryBaseMs * 2 ** Math.min(this.failures, 20), limits.retryMaxMs);
    try {
      await this.wakeWithin(delayMs);
    } catch (error) {
      console.error(`conductor: the alarm could not be set: ${error}`);
    }
  }

  private async deliverAll(): Promise<void> {
    try {
      for (;;) {
        const head = await this.highest();
        const confirmed = (await this.storage.get<Head>("confirmed")) ?? start;
        if (compareHeads(confirmed, head) >= 0) break;
        const early = Math.min(spacingMs, this.lastCallAt + spacingMs - Date.now());
        if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
        this.lastCallAt = Date.now();
        const taken = await within(answerMs, this.engine().configurationChanged(await this.highest()));
        await this.storage.put("confirmed", later(confirmed, { epoch: taken.epoch, seq: taken.seq }), { allowUnconfirmed: true });
        // It took notice and will fetch the configuration in its own time; until it has, it is asked again.
        if (compareHeads(taken, head) < 0) return await this.retryLater();
      }
      this.failures = 0;
    } catch (error) {
      console.warn(`conductor: the Engine does not know of the newest configuration yet: ${error}`);
      await this.retryLater();
    }
  }

  private async wakeWithin(delayMs: number): Promise<void> {
    const at = Date.now() + delayMs;
    const set = await this.storage.getAlarm();
    if (set === null || set > at) await this.storage.setAlarm(at);
  }
}
