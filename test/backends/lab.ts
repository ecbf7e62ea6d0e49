/**
 * A backend under trial, as the cases handle it: changes as the Engine makes them, read before they are written, and what came of them in one
 * word each. It holds in every case what must hold in all: one result for each change, in words without secrets, and names in their order.
 */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import {
  type Backend,
  BackendFailure,
  type Change,
  type LiveRecords,
  type LiveSet,
  type WriteFailure,
  type WriteOutcome,
} from "../../domain/backend.ts";
import { asItIs, differs } from "../../domain/drift.ts";
import { nameOf } from "../../domain/fence.ts";
import { objection } from "../../domain/ownership.ts";
import type { AnswerSet, Plan } from "../../domain/plan.ts";
import { newPublication, type Publication } from "../../domain/publish.ts";
import { until } from "../system/until.ts";
import { FaultyNetwork } from "./faults.ts";
import type { Subject, ZoneRecord } from "./subject.ts";

export const gslbId = "11111111-1111-4111-8111-111111111111";
export const otherGslbId = "22222222-2222-4222-8222-222222222222";
const poolId = "33333333-3333-4333-8333-333333333333";
const memberId = (index: number) => `44444444-4444-4444-8444-${String(index).padStart(12, "0")}`;

/** What came of a change, in one word, and why. */
export type Came = { readonly word: "ok" | WriteFailure["class"]; readonly detail: string; readonly afterMs: number | null };
type Credentials = Readonly<Record<string, unknown>>;
type WriteOptions = {
  /** `look`: what is there is read first, as the Engine does; `blind`: it could not be read; `given`: the changes have what was found. */
  readonly found?: "look" | "blind" | "given";
  readonly credentials?: Credentials;
  readonly zone?: string;
};

const patienceMs = 10_000;
const graceMs = 3_000;

export class Lab {
  static readonly deadlineMs = 30_000;
  readonly subject: Subject;
  readonly network: FaultyNetwork;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly kept = new Map<string, unknown>();
  /** How long a call may take. */
  deadlineMs: number = Lab.deadlineMs;
  private isAway = false;
  private number = 0;
  private names: number;

  /** `names`: how many were made before, where others were at work on the same server. */
  constructor(subject: Subject, names = 0) {
    this.names = names;
    this.subject = subject;
    this.network = new FaultyNetwork(subject);
    this.settings = subject.plugin.settings.parse(subject.settings) as Record<string, unknown>;
  }

  /** A name of the case's own, at which nothing is. */
  name(label = "name"): string {
    this.names += 1;
    return `kt-${this.names}-${label}.${this.subject.zone}`;
  }

  /** For ids of the case's own. */
  next(): number {
    this.names += 1;
    return 10_000 + this.names;
  }

  credentials(own: Credentials = this.subject.credentials): Credentials {
    return this.subject.plugin.credentials.parse(own) as Credentials;
  }

  /** A plan above all before it. */
  publish(fqdn: string, answers: readonly AnswerSet[], more: Partial<Plan> = {}): Change & { readonly kind: "publish" } {
    this.number += 1;
    const { policies, pools } = this.subject.plugin.supports;
    const plan: Plan = {
      gslb_id: gslbId,
      fqdn,
      zone: this.subject.zone,
      flavor: "any",
      epoch: 0,
      number: this.number,
      decided_at: 0,
      ttl: answers[0]?.ttl ?? 60,
      policy: policies.includes("failover") ? "failover" : (policies[0] ?? "failover"),
      pools: pools === true ? [poolOf(answers)] : [],
      withdrawn: answers.length === 0,
      answers: [...answers],
      ...more,
    };
    return { kind: "publish", plan };
  }

  unpublish(fqdn: string): Change {
    this.number += 1;
    return { kind: "unpublish", fqdn, zone: this.subject.zone, gslbId, epoch: 0, number: this.number };
  }

  async write(changes: readonly Change[], { found: how = "look", credentials, zone }: WriteOptions = {}): Promise<readonly Came[]> {
    const found = how === "look" ? await this.read(changes.map(nameOf)) : [];
    const given = changes.map((change, index): Change => {
      const records = found[index];
      return records === undefined ? change : { ...change, found: records };
    });
    const outcome = await this.called(credentials, (backend) => this.subject.plugin.write(zone ?? this.subject.zone, given, backend)).catch(
      (error: unknown): WriteOutcome => {
        if (error instanceof assert.AssertionError) throw error;
        return error instanceof BackendFailure
          ? error.failure
          : { class: "retry", detail: error instanceof Error ? error.message : String(error) };
      },
    );
    if (!("class" in outcome)) assert.equal(outcome.length, changes.length, "one result for each change");
    return changes.map((_, index): Came => {
      const result = "class" in outcome ? { ok: false as const, error: outcome } : outcome[index];
      assert.ok(result !== undefined);
      if (result.ok) return { word: "ok", detail: "", afterMs: null };
      this.hasNoSecret(result.error.detail);
      return {
        word: result.error.class,
        detail: result.error.detail,
        afterMs: result.error.class === "retry" ? (result.error.afterMs ?? null) : null,
      };
    });
  }

  /** The words of a write that is to succeed; what it says else is the error. */
  async writes(...changes: Change[]): Promise<void> {
    const came = await this.write(changes);
    assert.deepEqual(
      came
        .filter(({ word }) => word !== "ok")
        .map(({ word, detail }) => `${word}: ${detail}`)
        .slice(0, 3),
      [],
    );
    await this.settled(changes.map(nameOf));
  }

  async words(changes: readonly Change[], options: WriteOptions = {}): Promise<string[]> {
    return (await this.write(changes, options)).map(({ word }) => word);
  }

  async read(fqdns: readonly string[], options: WriteOptions = {}): Promise<readonly LiveRecords[]> {
    const { read } = this.subject.plugin;
    assert.ok(read !== undefined, "it can be read");
    const { batch } = this.subject.plugin.supports;
    const all: LiveRecords[] = [];
    for (let start = 0; start < fqdns.length; start += batch) {
      const some = fqdns.slice(start, start + batch);
      const zone = options.zone ?? this.subject.zone;
      const records: readonly LiveRecords[] = await this.called(options.credentials, (backend) =>
        read.call(this.subject.plugin, zone, some, backend),
      );
      assert.deepEqual(
        records.map(({ fqdn }) => fqdn),
        some,
        "what is read stands in the order of the names",
      );
      all.push(...records);
    }
    return all;
  }

  async live(fqdn: string): Promise<LiveRecords> {
    const [records] = await this.read([fqdn]);
    assert.ok(records !== undefined);
    return records;
  }

  /** Waits until the names are handed out to the provider's servers, where that takes its time. */
  async settled(fqdns: readonly string[]): Promise<void> {
    if (this.subject.patienceMs === undefined) return;
    await until(async () => (await this.read(fqdns)).every(({ state }) => state !== "pending"), {
      what: `${fqdns.length} names to be live`,
      timeoutMs: this.subject.patienceMs,
      intervalMs: 200,
    });
  }

  /** What is read, and what clients see, is the plan; nothing of it would be taken for drift. */
  async is(change: Change): Promise<void> {
    await this.settled([nameOf(change)]);
    const wanted = change.kind === "publish" ? change.plan : "removed";
    const live = await this.live(nameOf(change));
    assert.ok(
      !differs(wanted, live.answers, this.expect),
      `${nameOf(change)}: ${JSON.stringify(live.answers)} is not ${JSON.stringify(change)}`,
    );
    if (change.kind === "publish") {
      assert.deepEqual([live.gslbId, live.epoch, live.number], [change.plan.gslb_id, change.plan.epoch, change.plan.number], "the mark");
      await this.seen(nameOf(change), change.plan.answers);
    } else {
      if (this.subject.remembers !== true) {
        assert.deepEqual([live.gslbId, live.epoch, live.number], [undefined, null, null], "no mark stays behind");
      }
      await this.seen(nameOf(change), []);
    }
  }

  /** Whether the plan is what is live. */
  async differs(change: Change): Promise<boolean> {
    const live = await this.live(nameOf(change));
    return differs(change.kind === "publish" ? change.plan : "removed", live.answers, this.expect);
  }

  readonly expect = (plan: Plan): readonly LiveSet[] => {
    const { plugin } = this.subject;
    return plugin.expected?.(plan, this.settings) ?? asItIs(plan);
  };

  /** What a name server of the backend's tells clients, within its patience. Without one: nothing to see. */
  async seen(fqdn: string, answers: readonly Pick<AnswerSet, "type" | "values" | "ttl">[]): Promise<void> {
    const { resolve } = this.subject;
    if (resolve === undefined) return;
    for (const type of ["A", "AAAA", "CNAME"] as const) {
      const isCname = answers.some((set) => set.type === "CNAME");
      // An address query at a CNAME is answered with the CNAME.
      if (isCname && type !== "CNAME") continue;
      const sets = answers.filter((set) => set.type === type);
      const expected = sets.flatMap(({ values, ttl }) => values.map((data) => `${data} ${ttl}`)).toSorted();
      await until(async () => (await resolve(fqdn, type)).map(({ data, ttl }) => `${data} ${ttl}`).toSorted(), {
        what: `${fqdn} ${type} to be ${expected.join(", ") || "nothing"}`,
        is: (lines) => lines.join() === expected.join(),
        timeoutMs: this.subject.patienceMs ?? patienceMs,
      });
    }
  }

  /** The records that the cases did not make. With `name`: those of other types at a name. */
  async others(name?: string): Promise<string[]> {
    const records = await this.subject.dump();
    const isTheirs = (record: ZoneRecord) =>
      record.type !== "SOA" &&
      (name === undefined ? !/(^|\.)kt-/.test(record.name) : record.name === name && !["A", "AAAA", "CNAME"].includes(record.type));
    return lines(records.filter(isTheirs));
  }

  /** What the Engine would object to, that has or (`isKnown`) has not published the name before. */
  objection(change: Change, live: LiveRecords, { adopt = false, isKnown = false } = {}): WriteFailure | null {
    const { epoch, number } = change.kind === "publish" ? change.plan : change;
    const fresh = newPublication("any", nameOf(change), this.subject.zone, gslbId);
    const wanted = change.kind === "publish" ? change.plan : ("removed" as const);
    const publication: Publication = {
      ...fresh,
      epoch,
      number,
      wanted,
      live: isKnown && wanted !== "removed" ? { plan: wanted, at: 0 } : null,
    };
    return objection(publication, live, adopt);
  }

  test(zones: readonly string[], credentials?: Credentials): Promise<{ readonly details: readonly string[] }> {
    const { test } = this.subject.plugin;
    assert.ok(test !== undefined, "it can be tested");
    return this.called(credentials, (backend) => test.call(this.subject.plugin, zones, backend));
  }

  /** What a call that is to fail throws. */
  async failure(call: () => Promise<unknown>): Promise<BackendFailure["failure"]> {
    const error = await call().then(
      () => null,
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof BackendFailure, `a BackendFailure is thrown, not ${error}`);
    this.hasNoSecret(error.message);
    return error.failure;
  }

  async cut(): Promise<void> {
    this.isAway = true;
    if (this.subject.away === undefined) this.network.fault = { kind: "reset", all: true };
    else await this.subject.away();
  }

  async mend(): Promise<void> {
    this.network.fault = { kind: "none" };
    if (this.isAway) await this.subject.back?.();
    this.isAway = false;
  }

  /** A call as the Engine makes it, with a deadline that the plugin hears of. */
  private async called<T>(credentials: Credentials | undefined, call: (backend: Backend<never, never>) => Promise<T>): Promise<T> {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(new Error("no answer within the deadline")), this.deadlineMs);
    const late = Promise.withResolvers<never>();
    // A plugin that hears of its deadline ends by itself; one that does not is at work when nobody waits for it any more.
    deadline.signal.addEventListener("abort", () => {
      delay(graceMs).then(() => late.reject(new assert.AssertionError({ message: "a call goes on after its deadline" })));
    });
    // Another's credentials are another flavor's: nothing is kept for both.
    const kept = credentials === undefined ? this.kept : new Map<string, unknown>();
    const { signal } = deadline;
    const io = { ...this.network.io(), now: () => Date.now(), sleep: (ms: number) => sleep(ms, signal), kept, signal };
    const parsed = this.credentials(credentials);
    try {
      return await Promise.race([call({ settings: this.settings as never, credentials: parsed as never, io }), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  private hasNoSecret(text: string): void {
    for (const credentials of [this.subject.credentials, this.subject.wrongCredentials ?? {}]) {
      for (const [field, value] of Object.entries(credentials)) {
        if (/key$|secret|password|token/.test(field) && typeof value === "string")
          assert.ok(!text.includes(value), `${field} is not told: ${text}`);
      }
    }
  }
}

export const set = (type: AnswerSet["type"], values: string | readonly string[], ttl = 60): AnswerSet => ({
  type,
  values: [values].flat(),
  ttl,
  pool_id: poolId,
  weight: null,
  pool_weight: null,
  locations: [],
  geofence: false,
  region: null,
});

/** For a provider with pools of its own: one pool of a member an answer. */
const poolOf = (answers: readonly AnswerSet[]): Plan["pools"][number] => ({
  id: poolId,
  name: "one",
  picked: answers.length > 0,
  weight: 1,
  locations: [],
  geofence: false,
  members: answers
    .flatMap(({ values }) => values)
    .map((endpoint, index) => ({
      id: memberId(index),
      name: `member-${index}`,
      weight: 1,
      host_header: null,
      endpoints: [{ endpoint: endpoint, on: true }],
    })),
});

export const lines = (records: readonly ZoneRecord[]): string[] =>
  records.map(({ name, type, ttl, data }) => `${name} ${ttl} ${type} ${data}`).toSorted();

const sleep = (ms: number, signal: AbortSignal): Promise<void> => delay(ms, undefined, { signal }).catch(() => undefined);
