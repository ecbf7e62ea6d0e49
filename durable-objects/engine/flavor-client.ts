/**
 * Calls the backend of one flavor: within its budget, and ended by a deadline, since a backend that hangs is one that failed. A call that throws
 * is an answer like any other; what it means for a publication is for the caller.
 */
import {
  BackendFailure,
  type BackendIo,
  type Change,
  type FailureClass,
  type LiveRecords,
  type LiveSet,
  type WholeFailure,
  type WriteOutcome,
} from "../../domain/backend.ts";
import {
  type Budget,
  type Channel,
  callAt,
  failedAgain,
  fullBudget,
  mayCall,
  noOutage,
  type Outage,
  postpone,
  spend,
  type Use,
} from "../../domain/batch.ts";
import { asItIs, type DriftSettings, defaultDrift } from "../../domain/drift.ts";
import { nameOf } from "../../domain/fence.ts";
import { limits } from "../../domain/limits.ts";
import type { Plan } from "../../domain/plan.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { Connections } from "./connections.ts";
import type { BoundFlavor, EnginePorts } from "./ports.ts";

export type ClientPorts = Pick<EnginePorts, "now" | "random" | "sleep" | "flavors" | "backendIo" | "log"> & {
  /** Left out: as many requests wait as are made. */
  readonly connections?: Connections;
};

export class FlavorClient {
  private readonly flavor: string;
  private readonly ports: ClientPorts;
  private budget: Budget = fullBudget;
  private outage: Outage = noOutage;
  private kept = new Map<string, unknown>();

  constructor(flavor: string, ports: ClientPorts) {
    this.flavor = flavor;
    this.ports = ports;
  }

  /** A throw, or silence, is `retry` for all. */
  async write(zone: string, changes: readonly Change[]): Promise<WriteOutcome> {
    const outcome = await this.tryWrite(zone, changes);
    const isTaken = !("class" in outcome) && outcome.some((result) => result.ok);
    if (isTaken) this.outage = noOutage;
    else if (isOutage(outcome)) this.failed(changes.map(nameOf));
    return outcome;
  }

  /** Nothing can be done for these names, and it may be so for others. */
  failed(names: readonly string[]): void {
    this.outage = failedAgain(this.outage, names, this.ports.now(), this.ports.random());
  }

  /** The flavor is another one now, as with new credentials: what it said before counts no more, but for the calls that were made. */
  changed(): void {
    // A call that is under way goes on with what it has, and leaves nothing behind.
    this.kept = new Map();
    this.outage = noOutage;
    this.budget = { ...this.budget, waitUntil: 0 };
  }

  private async tryWrite(zone: string, changes: readonly Change[]): Promise<WriteOutcome> {
    const bound = this.bound();
    if (bound === null) return { class: "not-found", detail: `there is no flavor ${this.flavor}` };
    const { plugin, settings, credentials } = bound;
    try {
      return await this.call(limits.writeDeadlineMs, (io) => plugin.write(zone, changes, { settings, credentials, io }));
    } catch (error) {
      return failureOf(error);
    }
  }

  /** What is live, by name. At most `channel().most` names of one zone. */
  async read(zone: string, fqdns: readonly string[], deadlineMs: number): Promise<Result<ReadonlyMap<string, LiveRecords>, WholeFailure>> {
    const bound = this.bound();
    const read = bound?.plugin.read;
    if (bound === null || read === undefined) return fail({ class: "not-found", detail: `there is no flavor ${this.flavor} to be read` });
    const { plugin, settings, credentials } = bound;
    try {
      const records = await this.call(deadlineMs, (io) => read.call(plugin, zone, fqdns, { settings, credentials, io }));
      return ok(new Map(records.map((record) => [record.fqdn, record])));
    } catch (error) {
      const failure = failureOf(error);
      this.ports.log.warn(`engine: ${this.flavor} could not be read: ${failure.detail}`);
      return fail(failure);
    }
  }

  /** Whether its backend tells what is live. */
  canRead(): boolean {
    const plugin = this.bound()?.plugin;
    return plugin?.read !== undefined && plugin.supports.readBack;
  }

  /** What is read of a plan that is live. */
  expect(plan: Plan): readonly LiveSet[] {
    const bound = this.bound();
    return bound?.plugin.expected?.(plan, bound.settings) ?? asItIs(plan);
  }

  drift(): DriftSettings {
    return this.bound()?.drift ?? defaultDrift;
  }

  channel(): Channel {
    const supports = this.bound()?.plugin.supports;
    return { budget: this.budget, outage: this.outage, limit: supports?.rateLimit, most: supports?.batch ?? 1 };
  }

  /** When it may be called for this, Unix ms: now, or later. */
  callAt(use: Use, now: number): number {
    const { budget, limit } = this.channel();
    return callAt(budget, limit, use, now);
  }

  mayRead(now: number): boolean {
    return this.canRead() && this.callAt("read", now) <= now;
  }

  /** Whether one more call may be made before this one: a reading never delays the write that it is for. */
  mayReadBefore(use: Use, now: number): boolean {
    const { budget, limit } = this.channel();
    return this.canRead() && mayCall(budget, limit, "read", now) && mayCall(spend(budget, limit, now), limit, use, now);
  }

  /** The backend asked to be left alone for so long. */
  postpone(afterMs: number): void {
    this.budget = postpone(this.budget, afterMs, this.ports.now());
  }

  private bound(): BoundFlavor | null {
    return this.ports.flavors(this.flavor);
  }

  private async call<T>(deadlineMs: number, call: (io: BackendIo) => Promise<T>): Promise<T> {
    this.budget = spend(this.budget, this.channel().limit, this.ports.now());
    const deadline = new AbortController();
    const ended = new AbortController();
    const late = async (): Promise<never> => {
      await this.ports.sleep(deadlineMs, ended.signal);
      deadline.abort();
      throw new Error(`no answer within ${deadlineMs / 1_000} s`);
    };
    const { signal } = deadline;
    const sleep = (ms: number) => this.ports.sleep(ms, signal);
    const { backendIo, connections } = this.ports;
    const fetch = connections?.fetchFor(this.flavor, backendIo.fetch, signal) ?? backendIo.fetch;
    try {
      return await Promise.race([call({ ...backendIo, fetch, sleep, kept: this.kept, signal }), late()]);
    } finally {
      ended.abort();
    }
  }
}

/** Nobody in it is to blame, as far as it says. Of one name alone the backend would say otherwise. */
const isOutage = (outcome: WriteOutcome): boolean =>
  "class" in outcome
    ? outcome.class !== "refused"
    : outcome.length > 1 && outcome.every((result) => !result.ok && nobodys.has(result.error.class));
const nobodys: ReadonlySet<FailureClass> = new Set(["retry", "credentials", "not-found"]);

const failureOf = (error: unknown): WholeFailure =>
  error instanceof BackendFailure ? error.failure : { class: "retry", detail: text(error) };

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
