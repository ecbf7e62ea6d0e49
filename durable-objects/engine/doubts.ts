/** Which doubts were passed on lately, in memory alone: one for each endpoint and direction in a `delay` (engine.md, rule 6). */
export class Doubts {
  private readonly until = new Map<string, number>();

  /** Whether it may be asked about now; if so, it may not again for `delayMs`. */
  mayAsk(key: string, delayMs: number, now: number): boolean {
    const until = this.until.get(key) ?? 0;
    // A time that lies further ahead than the delay is one of a clock that was set back.
    if (until > now && until <= now + delayMs) return false;
    this.until.set(key, now + delayMs);
    return true;
  }

  forget(now: number): void {
    for (const [key, until] of this.until) if (until <= now) this.until.delete(key);
  }
}
