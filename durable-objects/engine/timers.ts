/** What waits for time to pass, by key: each key has one time at most. Made anew from the state after a start; it stores nothing. */
export class Timers {
  private readonly times = new Map<string, number>();
  /** No later than the soonest time: a time that was taken away may leave it too early, and then nothing is due. */
  private soonest = Number.POSITIVE_INFINITY;

  /** Null: nothing is waited for. */
  set(key: string, at: number | null): void {
    if (at === null) this.times.delete(key);
    else {
      this.times.set(key, at);
      this.soonest = Math.min(this.soonest, at);
    }
  }

  /** Takes out what is due. */
  due(now: number): string[] {
    return now < this.soonest ? [] : this.take((at) => at <= now);
  }

  /** Takes out everything: the clock was set, and no time means what it did. */
  all(): string[] {
    return this.take(() => true);
  }

  /** When something is due next, or a little before; null: nothing is waited for. */
  next(): number | null {
    return this.times.size === 0 ? null : this.soonest;
  }

  private take(isDue: (at: number) => boolean): string[] {
    const keys = [...this.times].filter(([, at]) => isDue(at)).map(([key]) => key);
    for (const key of keys) this.times.delete(key);
    let soonest = Number.POSITIVE_INFINITY;
    for (const at of this.times.values()) soonest = Math.min(soonest, at);
    this.soonest = soonest;
    return keys;
  }
}
