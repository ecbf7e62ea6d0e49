/** What waits for time to pass, by key: each key has one time at most. Made anew from the state after a start; it stores nothing. */
export class Timers {
  private readonly times = new Map<string, number>();
  /** Null: to be looked for, since the soonest was taken away. */
  private soonest: number | null = Number.POSITIVE_INFINITY;

  /** Null: nothing is waited for. */
  set(key: string, at: number | null): void {
    const before = this.times.get(key);
    if (at === null) this.times.delete(key);
    else this.times.set(key, at);
    if (before !== undefined && before === this.soonest && before !== at) this.soonest = null;
    else if (at !== null && this.soonest !== null) this.soonest = Math.min(this.soonest, at);
  }

  /** Takes out what is due. */
  due(now: number): string[] {
    if (now < (this.next() ?? Number.POSITIVE_INFINITY)) return [];
    const keys = [...this.times].filter(([, at]) => at <= now).map(([key]) => key);
    for (const key of keys) this.times.delete(key);
    this.soonest = null;
    return keys;
  }

  /** When something is due next; null: nothing is waited for. */
  next(): number | null {
    if (this.soonest === null) {
      this.soonest = Number.POSITIVE_INFINITY;
      for (const at of this.times.values()) this.soonest = Math.min(this.soonest, at);
    }
    return this.times.size === 0 ? null : this.soonest;
  }
}
