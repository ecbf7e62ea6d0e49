/**
 * The backend in front of the reference plugin (`memory.ts`), in all its moods: away, slow, limited, taking a write and yet failing it, and
 * refusing one name for good. What really took effect is told to who watches.
 */
import type { BackendPlugin, Change, LiveRecords, WriteFailure, WriteOutcome } from "../../domain/backend.ts";
import { nameOf } from "../../domain/fence.ts";
import { fail, type Result } from "../../domain/result.ts";
import { memoryBackend } from "../../plugins/backends/memory.ts";
import type { Random } from "./random.ts";

export type Mood = "well" | "away" | "slow" | "hangs" | "limited" | "takes_and_fails" | "credentials";

export class SimBackend {
  readonly names = new Map<string, Change>();
  mood: Mood = "well";
  /** A name whose present plan is refused for good: it is taken once the plan is another. */
  poisoned: string | null = null;
  private poison: string | null = null;
  /** Read-back tells lies. */
  lies = false;
  readonly plugin: BackendPlugin;
  private readonly random: Random;

  constructor(random: Random, sleep: (ms: number) => Promise<void>) {
    this.random = random;
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
      const outcome = await memory.write(zone, good, nobody);
      const taken = "class" in outcome ? [] : [...outcome];
      return changes.map((change) => (this.isPoison(change) ? fail({ class: "refused", detail: "poison" }) : (taken.shift() ?? nothing)));
    };
    this.plugin = {
      ...memory,
      supports: { ...memory.supports, policies: ["failover", "round_robin", "weighted"], batch: random.pick([1, 3, 100]) },
      read: async (zone, fqdns, { io }): Promise<readonly LiveRecords[]> => {
        await sleep(this.random.int(1, 50));
        if (this.mood === "away" || this.mood === "hangs") throw new Error("the backend is away");
        const live = (await memory.read?.(zone, fqdns, { ...nobody, io })) ?? [];
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

  private isPoison(change: Change): boolean {
    if (nameOf(change) !== this.poisoned) return false;
    const content = change.kind === "publish" ? JSON.stringify(change.plan.answers) : "removal";
    this.poison ??= content;
    return this.poison === content;
  }
}

const nothing: Result<null, WriteFailure> = fail({ class: "retry", detail: "the backend did not say" });
