/**
 * What the `edge` backend published, in a Durable Object: one of `limits.answersObjects`, each with its share of the names. It takes only a
 * higher plan, and answers without Conductor, Engine or D1, so that DNS goes on while everything else is away.
 */
import { DurableObject } from "cloudflare:workers";
import { z } from "zod";
import type { Change, LiveRecords, WriteFailure } from "../../domain/backend.ts";
import { fail, type Result } from "../../domain/result.ts";
import type { Env } from "../env.ts";
import type { AnswersRpc, ServedName, ZoneReference } from "../rpc.ts";
import { AnswersStore, change } from "./store.ts";

const name = z.string().min(1).max(255);
const references = z.array(z.object({ fqdn: name, epoch: z.int().min(0), number: z.int().min(1) }));

export class Answers extends DurableObject<Env> implements AnswersRpc {
  readonly #store: AnswersStore;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.#store = new AnswersStore(context.storage.sql);
  }

  async write(changes: readonly Change[]): Promise<readonly Result<null, WriteFailure>[]> {
    return this.ctx.storage.transactionSync(() =>
      z
        .array(z.unknown())
        .parse(changes)
        .map((entry) => {
          const parsed = change.safeParse(entry);
          // Refused alone, not thrown: one bad change must not keep its neighbours from being published.
          return parsed.success ? this.#store.write(parsed.data) : fail({ class: "refused", detail: z.prettifyError(parsed.error) });
        }),
    );
  }

  async read(fqdns: readonly string[]): Promise<readonly LiveRecords[]> {
    return z
      .array(name)
      .parse(fqdns)
      .map((fqdn) => this.#store.read(fqdn));
  }

  async lookup(fqdn: string): Promise<ServedName | null> {
    return this.#store.lookup(name.parse(fqdn));
  }

  async holdZone(zone: string, names: readonly ZoneReference[]): Promise<void> {
    this.#mark(zone, names, true);
  }

  async releaseZone(zone: string, names: readonly ZoneReference[]): Promise<void> {
    this.#mark(zone, names, false);
  }

  async longestZone(zones: readonly string[], asked: string): Promise<{ readonly zone: string; readonly below: boolean } | null> {
    return this.#store.longestZone(z.array(name).parse(zones), name.parse(asked));
  }

  async zones(): Promise<readonly string[]> {
    return this.#store.zones();
  }

  #mark(zone: string, names: readonly ZoneReference[], held: boolean): void {
    const parsed = { zone: name.parse(zone), names: references.parse(names) };
    this.ctx.storage.transactionSync(() => this.#store.mark(parsed.zone, parsed.names, held));
  }
}
