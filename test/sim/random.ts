/** Chance from a seed: the same seed and name give the same draws, on every machine. Each part of the world has a stream of its own. */
import { hash32 } from "../../domain/name.ts";

export class Random {
  private a: number;
  private b: number;
  private c: number;
  private d = 1;
  private readonly name: string;

  constructor(name: string) {
    this.name = name;
    this.a = hash32(`${name} a`);
    this.b = hash32(`${name} b`);
    this.c = hash32(`${name} c`);
    for (let warm = 0; warm < 12; warm += 1) this.next();
  }

  /** A stream that does not depend on how much was drawn from this one. */
  fork(name: string): Random {
    return new Random(`${this.name}/${name}`);
  }

  /** From [0, 1): the generator "sfc32". */
  next(): number {
    const sum = (((this.a + this.b) | 0) + this.d) | 0;
    this.d = (this.d + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum;
    return (sum >>> 0) / 4_294_967_296;
  }

  /** Both ends included. */
  int(minimum: number, maximum: number): number {
    return minimum + Math.floor(this.next() * (maximum - minimum + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.next() * items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }

  /** Some of them, in their order. */
  some<T>(items: readonly T[], probability: number): T[] {
    return items.filter(() => this.chance(probability));
  }
}

/** Ids that look like UUIDs and count up. */
export class Ids {
  private n = 0;
  private readonly prefix: string;

  constructor(prefix: number) {
    this.prefix = prefix.toString(16).padStart(8, "0");
  }

  next(): string {
    this.n += 1;
    return `${this.prefix}-0000-4000-8000-${this.n.toString(16).padStart(12, "0")}`;
  }
}
