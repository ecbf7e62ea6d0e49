/**
 * When names that a provider has taken, and still hands out to its servers, are read again: soon at first, then less often. In memory alone:
 * what is forgotten is read at once.
 */
import { limits } from "../../domain/limits.ts";
import { backoffMs, type Publication } from "../../domain/publish.ts";

export class HandedOut {
  /** By the publication's key. A newer plan begins anew. */
  private readonly waits = new Map<string, { readonly number: number; readonly times: number; readonly at: number }>();

  /** When it is to be read again, Unix ms. */
  readAt(key: string, { number }: Publication, now: number): number {
    const wait = this.waits.get(key);
    // A time that is further ahead than any wait was set before the clock was.
    return wait === undefined || wait.number !== number || wait.at > now + limits.retryMaxMs ? now : wait.at;
  }

  /** It is still pending; with `random`, from [0, 1): it could not be read, which is not asked as often. */
  again(key: string, number: number, now: number, random: number | null): void {
    const known = this.waits.get(key);
    const times = known?.number === number ? known.times + 1 : 0;
    const soon = Math.min(limits.pendingMaxMs, limits.pendingMinMs * 2 ** Math.min(times, 20));
    this.waits.set(key, { number, times, at: now + (random === null ? soon : backoffMs(times, random)) });
  }

  ended(key: string): void {
    this.waits.delete(key);
  }
}
