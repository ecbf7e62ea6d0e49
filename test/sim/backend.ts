/**
 * The backend in front of the reference plugin (`memory.ts`), in all its moods: away, slow, limited, taking a write and yet failing it, and
 * refusing one name for good. One kind takes changes and hands them out later. Others may have records there, without a mark.
 */
import type { BackendPlugin, Change, LiveRecords, WriteFailure, WriteOutcome } from "../../domain/backend.ts";
import { nameOf, numberOf, recordsOf } from "../../domain/fence.ts";
import { fail, type Result } from "../../domain/result.ts";
import { memoryBackend } from "../../plugins/backends/memory.ts";
import type { Random } from "./random.ts";

export type Mood = "well" | "away" | "slow" | "hangs" | "limited" | "takes_and_fails" | "credentials";

export class SimBackend {
  readonly names = new Map<string, Change>();
  /** What others made at a name, and since when (true time): whatever is written there replaces it. */
  readonly others = new Map<string, { readonly values: readonly string[]; readonly since: number }>();
  /** What was sent, since the Engine last lost its state. */
  readonly sent = new Map<string, { epoch: number; number: number }>();
  /** How often what is handed out fails. */
  failing = 0.15;
  private readonly handedOut = new Map<string, { readonly at: number; readonly before: LiveRecords; readonly fails: boolean }>();
  private readonly now: () => number;
  mood: Mood = "well";
  /** A name whose present plan is refused for good: it is taken once the plan is another. */
  poisoned: string | null = null;
  private poison: string | null = null;
  /** Read-back tells lies. */
  lies = false;
  readonly plugin: BackendPlugin;
  private readonly random: Random;

  constructor(random: Random, now: () => number, sleep: (ms: number) => Promise<void>, kind: "at once" | "hands out") {
    this.random = random;
    this.now = now;
    const memory = memoryBackend(this.names);
    const connect = (): never => {
      throw new Error("this backend needs no network");
    };
    const world = { now: () => 0, sleep: async () => undefined, fetch, connect, signal: new AbortController().signal, kept: new Map() };
    const nobody = { settings: {}, credentials: {}, io: world };
    // Some providers take a batch whole or not at all, and do not say whom they disliked.
    const whole = random.chance(0.5);
    const write = async (zone: string, changes: readonly Change[]): Promise<WriteOutcome> => {
      const good = changes.filter((change) => !this.isPoison(change));
      if (whole && good.length < changes.length) return { class: "refused", detail: "poison, somewhere" };
      const were = new Map(good.map((change) => [nameOf(change), recordsOf(nameOf(change), this.names.get(nameOf(change)) ?? null)]));
      const outcome = await memory.write(zone, good, nobody);
      const taken = "class" in outcome ? [] : [...outcome];
      for (const [n, change] of good.entries()) {
        if (taken[n]?.ok !== true) continue;
        this.others.delete(nameOf(change));
        if (kind === "hands out") this.handOut(change, were.get(nameOf(change)) as LiveRecords);
      }
      return changes.map((change) => (this.isPoison(change) ? fail({ class: "refused", detail: "poison" }) : (taken.shift() ?? nothing)));
    };
    this.plugin = {
      ...memory,
      supports: { ...memory.supports, policies: ["failover", "round_robin", "weighted"], batch: random.pick([1, 3, 100]) },
      read: async (zone, fqdns, { io }): Promise<readonly LiveRecords[]> => {
        await sleep(this.random.int(1, 50));
        if (this.mood === "away" || this.mood === "hangs") throw new Error("the backend is away");
        const live = ((await memory.read?.(zone, fqdns, { ...nobody, io })) ?? []).map((records) => this.seen(records));
        return this.lies ? live.map((records) => ({ ...records, answers: [] })) : live;
      },
      write: async (zone, changes) => {
        const all = (failure: WriteFailure) => changes.map(() => fail(failure));
        switch (this.mood) {
          case "well":
            await sleep(this.random.int(1, 80));
            return write(zone, structuredClone(changes));
          case "away":
            await sleep(this.random.int(1, 2_000));
            throw new Error("the backend is away");
          case "slow": {
            await sleep(this.random.int(100, 25_000));
            return write(zone, structuredClone(changes));
          }
          case "hangs": {
            const late = structuredClone(changes);
            await sleep(this.random.int(31_000, 90_000));
            return write(zone, late);
          }
          case "limited":
            return all({ class: "retry", detail: "429", afterMs: this.random.int(1_000, 30_000) });
          case "takes_and_fails":
            await write(zone, structuredClone(changes));
            throw new Error("the answer was lost");
          case "credentials":
            return all({ class: "credentials", detail: "the token was refused" });
        }
      },
    };
  }

  /** Refuses what is asked for next at this name, until it asks for something else. */
  poisonNext(fqdn: string | null): void {
    this.poisoned = fqdn;
    this.poison = null;
  }

  /** Whether it still hands this plan out. */
  isPending(fqdn: string, number: number): boolean {
    const held = this.names.get(fqdn);
    return held !== undefined && numberOf(held).number === number && (this.handedOut.get(fqdn)?.at ?? 0) > this.now();
  }

  private handOut(change: Change, before: LiveRecords): void {
    const fqdn = nameOf(change);
    const known = this.handedOut.get(fqdn);
    const isSame = before.number === numberOf(change).number && before.epoch === numberOf(change).epoch;
    // The same once more mends what failed, and changes nothing else.
    if (isSame && known?.fails !== true) return;
    const at = this.now() + this.random.int(0, 20_000);
    this.handedOut.set(fqdn, { at, before: isSame ? (known?.before ?? before) : before, fails: this.random.chance(this.failing) });
  }

  private seen(records: LiveRecords): LiveRecords {
    const { fqdn } = records;
    const others = this.others.get(fqdn);
    if (others !== undefined) return { fqdn, epoch: null, number: null, answers: [{ type: "A", values: others.values, ttl: 300 }] };
    const handed = this.handedOut.get(fqdn);
    if (handed === undefined) return records;
    if (handed.at > this.now()) return { ...handed.before, state: "pending" };
    return handed.fails ? { ...records, state: { error: "a server did not take it" } } : records;
  }

  private isPoison(change: Change): boolean {
    if (nameOf(change) !== this.poisoned) return false;
    const content = change.kind === "publish" ? JSON.stringify(change.plan.answers) : "removal";
    this.poison ??= content;
    return this.poison === content;
  }
}

const nothing: Result<null, WriteFailure> = fail({ class: "retry", detail: "the backend did not say" });
