/**
 * The order in which Probers are told, where a check moves from one to another: who takes it over first, who gives it away only after that was
 * confirmed. In between both run it, at the same ticks, which count once; the other way round nobody would. A Prober that takes and gives at
 * once is told like one that takes: what it gives has a gap, until the other is told and has run it as new (`limits.firstCheckMs`). One that does
 * not answer is not waited for without end: what else the giver has to know must not wait for it.
 */
import { limits } from "../../domain/limits.ts";
import { checkKey, type Shard, shardKey } from "./assignments.ts";

export class Handover {
  /** By who gives: who takes, and until when it is waited for, Unix ms. */
  private readonly takers = new Map<string, { readonly by: Set<string>; readonly until: number }>();

  /** Notes what moves between two placements. */
  note(before: ReadonlyMap<string, Shard>, after: ReadonlyMap<string, Shard>, now: number): void {
    const changed = [...after].filter(([key, shard]) => before.get(key) !== shard);
    const gained = new Map<string, string>();
    const lost: (readonly [giver: string, check: string])[] = [];
    for (const [key, shard] of changed) {
      const had = new Set(before.get(key)?.checks.map(checkKey));
      const has = new Set(shard.checks.map(checkKey));
      for (const check of has) if (!had.has(check)) gained.set(`${shard.region} ${check}`, key);
      for (const check of had) if (!has.has(check)) lost.push([key, `${shard.region} ${check}`]);
    }
    for (const [giver, check] of lost) {
      const taker = gained.get(check);
      if (taker === undefined) continue;
      const known = this.takers.get(giver) ?? { by: new Set<string>(), until: now + limits.handoverMs };
      this.takers.set(giver, known);
      known.by.add(taker);
    }
  }

  /** Those that can be told at once, and those that must wait for them. */
  split(shards: readonly Shard[]): { readonly first: Shard[]; readonly after: Shard[] } {
    const taking = new Set([...this.takers.values()].flatMap(({ by }) => [...by]));
    const waits = (shard: Shard) => this.takers.has(shardKey(shard)) && !taking.has(shardKey(shard));
    return { first: shards.filter((shard) => !waits(shard)), after: shards.filter(waits) };
  }

  /** Whether everybody has confirmed who takes from this one, or was waited for long enough. */
  isTakenOver(giver: Shard, shards: ReadonlyMap<string, Shard>, now: number): boolean {
    const known = this.takers.get(shardKey(giver));
    if (known === undefined || now >= known.until || now < known.until - limits.handoverMs) return true;
    return [...known.by].every((taker) => {
      const shard = shards.get(taker);
      return shard === undefined || shard.acknowledged === shard.version;
    });
  }

  /** The giver has confirmed: nothing of it is waited for any more. */
  done(giver: Shard): void {
    this.takers.delete(shardKey(giver));
  }
}
