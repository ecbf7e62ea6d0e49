/**
 * Whether this program itself was held up: by a machine without time for it, or by a pause of the machine. What was late then says nothing of
 * an endpoint.
 */

const beatMs = 50;

export class StallWatch {
  private readonly clock: () => number;
  private readonly timer: NodeJS.Timeout;
  private beatAt: number;
  /** Of the last stalls: when each ended, and how long it was. */
  private stalls: { readonly endedAt: number; readonly ms: number }[] = [];

  constructor(clock: () => number = () => performance.now()) {
    this.clock = clock;
    this.beatAt = clock();
    this.timer = setInterval(() => this.beat(), beatMs);
    this.timer.unref();
  }

  now(): number {
    return this.clock();
  }

  beat(): void {
    const now = this.clock();
    const ms = now - this.beatAt - beatMs;
    this.beatAt = now;
    if (ms >= noticedMs) this.stalls = [...this.stalls.slice(-20), { endedAt: now, ms }];
  }

  /** The longest stall since then, in milliseconds, one that goes on among them; 0: none. */
  since(at: number): number {
    const going = this.clock() - this.beatAt - beatMs;
    const ended = this.stalls.filter(({ endedAt }) => endedAt >= at).map(({ ms }) => ms);
    return Math.round(Math.max(0, going >= noticedMs ? going : 0, ...ended));
  }

  close(): void {
    clearInterval(this.timer);
  }
}

const noticedMs = 200;
