/** What happened: a hash of all of it, by which two runs are compared, and the last lines for people. */
import { createHash, type Hash } from "node:crypto";

const kept = 40;

export class Trace {
  private readonly hash: Hash = createHash("sha256");
  private readonly lines: string[] = [];
  private readonly verbose: boolean;
  private readonly now: () => number;

  constructor(now: () => number, verbose: boolean) {
    this.now = now;
    this.verbose = verbose;
  }

  say(line: string): void {
    const whole = `${stamp(this.now())} ${line}`;
    this.hash.update(whole);
    this.lines.push(whole);
    if (this.lines.length > 4 * kept) this.lines.splice(0, this.lines.length - kept);
    if (this.verbose) process.stdout.write(`${whole}\n`);
  }

  /** Part of the hash, but of no interest to people: there are too many of them. */
  count(what: string): void {
    this.hash.update(`${this.now()} ${what}`);
  }

  newest(): readonly string[] {
    return this.lines.slice(-kept);
  }

  digest(): string {
    return this.hash.copy().digest("hex").slice(0, 16);
  }
}

export const stamp = (ms: number): string => new Date(ms).toISOString().slice(5, 23);
