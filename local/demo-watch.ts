/** Watches, while the demo plays, what is answered and what each region sees, draws it, and waits for what is expected. */
import { setTimeout as sleep } from "node:timers/promises";
import type { HistoryEvent } from "../domain/history.ts";
import type { GslbView, MemberView } from "../domain/status-view.ts";
import type { DemoClient } from "./demo-client.ts";
import type { View } from "./demo-view.ts";

/** What the demo promised and did not happen. */
export class DemoFailure extends Error {}

export type Named = { readonly fqdn: string; readonly gslbId: string; readonly regions: readonly string[]; readonly maxRetries: number };

export type NamedEvent = HistoryEvent & { readonly name: string };

const answerLimitMs = 20_000;
const dnsPollMs = 100;
const statusPollMs = 300;

export class DemoWatch {
  /** The members whose origin is dead right now; whoever kills one says so here. */
  readonly killed = new Set<string>();
  readonly #client: DemoClient;
  readonly #named: Named;
  readonly #view: View;
  readonly #signal: AbortSignal;
  #answers: readonly string[] = [];
  #gslb: GslbView | null = null;
  #statusAt = Number.NEGATIVE_INFINITY;
  #trouble = "";

  constructor(client: DemoClient, named: Named, view: View, signal: AbortSignal) {
    this.#client = client;
    this.#named = named;
    this.#view = view;
    this.#signal = signal;
  }

  /** Until the name answers exactly so. */
  async answered(expected: readonly string[]): Promise<void> {
    const wanted = expected.toSorted().join();
    await this.#wait(`the answer did not become ${expected.join(", ")}`, () => (this.#answers.join() === wanted ? true : undefined));
  }

  /** Until every region sees every origin as it is. */
  async agreed(): Promise<void> {
    const right = (member: MemberView) => {
      const expected = this.killed.has(member.name) ? "down" : "up";
      return member.regions.length === this.#named.regions.length && member.regions.every(({ verdict }) => verdict === expected);
    };
    await this.#wait("not every region saw what every origin does", () =>
      this.#members.length > 0 && this.#members.every(right) ? true : undefined,
    );
  }

  /** The history of members and answers, once it has the fall and the return of each of the named members. */
  history(names: readonly string[]): Promise<readonly NamedEvent[]> {
    return this.#wait("the history did not show every fall and return", async () => {
      const members = new Map(this.#members.map(({ id, name }) => [id, name]));
      const all = (await this.#client.history()).filter(({ kind }) => kind === "member_status" || kind === "published");
      const events = all.map((event) => ({ ...event, name: members.get(event.member_id ?? "") ?? this.#named.fqdn }));
      const has = (name: string, from: string, to: string) =>
        events.some((event) => event.name === name && event.from === from && event.to === to);
      return names.every((name) => has(name, "ACTIVE", "DOWN") && has(name, "DOWN", "ACTIVE")) ? events : undefined;
    });
  }

  get #members(): readonly MemberView[] {
    return (this.#gslb?.pools ?? []).flatMap((pool) => pool.members);
  }

  async #look(): Promise<void> {
    try {
      this.#answers = await this.#client.answers(this.#named.fqdn);
      if (performance.now() - this.#statusAt >= statusPollMs) {
        this.#gslb = await this.#client.status(this.#named.gslbId);
        this.#statusAt = performance.now();
      }
      this.#trouble = "";
    } catch (error) {
      // What is asked again in a moment may fail once; it is told if the time runs out.
      this.#trouble = ` (${error instanceof Error ? error.message : String(error)})`;
    }
    this.#view.show({ ...this.#named, answers: this.#answers, gslb: this.#gslb, killed: this.killed });
  }

  async #wait<T>(failure: string, fact: () => T | undefined | Promise<T | undefined>): Promise<T> {
    const deadline = performance.now() + answerLimitMs;
    for (;;) {
      this.#signal.throwIfAborted();
      await this.#look();
      const value = await fact();
      if (value !== undefined) return value;
      if (performance.now() > deadline) {
        const answer = this.#answers.join(", ") || "empty";
        throw new DemoFailure(`${failure} within ${answerLimitMs / 1000} s; the answer is ${answer}${this.#trouble}`);
      }
      await sleep(dnsPollMs);
    }
  }
}
