/**
 * The clock of one shard, in one region: its alarm says when a check is due, and a stateless checker carries it out. It does no network work
 * of its own, judges nothing, and never waits for a checker while an alarm runs.
 */
import { DurableObject } from "cloudflare:workers";
import { limits } from "../../domain/limits.ts";
import { type CheckReport, checkReport } from "../../domain/observation.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { Env } from "../env.ts";
import type { Assignment, CheckBatch, Confirmation, ProberRpc } from "../rpc.ts";
import type { CheckResult, TesterRpc, TestOrder } from "../rpc-vantage.ts";
import { firstRunAt, type HeldCheck, heldChecks, keyOf, keyOfObservation, orderOf, type Place } from "./assignment.ts";
import { ask, type Checker, checkerOf } from "./checker-client.ts";
import { type Run, Slots } from "./slots.ts";
import { ProberStore } from "./store.ts";

/** A run with the check as it was when it was started. */
type Started = Run & { readonly held: HeldCheck };

export class Prober extends DurableObject<Env> implements ProberRpc, TesterRpc {
  private readonly store: ProberStore;
  private readonly slots = new Slots(limits.proberSlots);
  private place: Place | null = null;
  private version = 0;
  private held: ReadonlyMap<string, HeldCheck> = new Map();

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    this.store = new ProberStore(state.storage);
    const kept = this.store.load();
    if (kept === null) return;
    this.place = kept.place;
    this.version = kept.version;
    this.held = kept.held;
    this.slots.restore(schedule(kept.held));
  }

  async assign(assignment: Assignment): Promise<{ readonly version: number }> {
    if (assignment.version <= this.version) return { version: this.version };
    const now = Date.now();
    this.slots.resume(await this.ctx.storage.getAlarm(), now);
    // Another assignment may have come in while the alarm was read.
    if (assignment.version <= this.version) return { version: this.version };
    const held = heldChecks(assignment.monitors, assignment.checks, (key, periodic) => {
      const before = this.held.get(key);
      return before === undefined ? firstRunAt(key, periodic, now) : before.scheduled.firstAt;
    });
    this.store.save(assignment, held);
    const { project_id, region, shard, generation, version } = assignment;
    this.place = { project_id, region, shard, generation };
    this.version = version;
    this.held = held;
    this.slots.replace(schedule(held), now);
    const next = this.slots.nextDueAt(now);
    if (next === null) await this.ctx.storage.deleteAlarm();
    else await this.ctx.storage.setAlarm(next);
    this.pump(now);
    return { version };
  }

  async confirm(confirmations: readonly Confirmation[]): Promise<void> {
    const now = Date.now();
    for (const { member_id, endpoint, monitor_id, monitor_version, doubt } of confirmations) {
      this.slots.doubt(keyOf(member_id, endpoint, monitor_id, monitor_version), doubt, now);
    }
    this.pump(now);
    await this.arm(now);
  }

  async wake(): Promise<{ readonly version: number; readonly checks: number; readonly next_due_at: number | null }> {
    const now = Date.now();
    const alarmAt = await this.ctx.storage.getAlarm();
    this.slots.resume(alarmAt, now);
    const next = this.slots.nextDueAt(now);
    // Missing, long past, or set before the clock was: the alarm that there should be.
    const amiss = alarmAt === null || alarmAt < now - limits.catchUpMs || (next !== null && alarmAt > next);
    if (next !== null && amiss) await this.ctx.storage.setAlarm(next);
    return { version: this.version, checks: this.slots.size, next_due_at: next };
  }

  /** Asked of a Prober that is assigned nothing (`testerOf`). Never throws. */
  async test(order: TestOrder): Promise<CheckResult> {
    const checker = this.checker(order.region);
    const answer = checker.ok ? await ask(checker.value.fetcher, "/test", order, order.timeout_ms + limits.checkerGraceMs) : checker;
    if (answer.ok) return answer.value as CheckResult;
    return {
      region: order.region,
      colo: "local",
      outcome: "no_data",
      latency_ms: null,
      timings: { dns: null, connect: null, tls: null, first_byte: null },
      detail: answer.error.slice(0, limits.checkDetailLength),
      warning: null,
      http_status: null,
      body_excerpt: null,
      certificate: null,
    };
  }

  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    const now = Date.now();
    this.slots.resume(info?.scheduledTime ?? null, now);
    // First of all, and outside of any catch: if this fails the platform tries the alarm again.
    const next = this.slots.nextDueAt(now);
    if (next !== null) await this.ctx.storage.setAlarm(next);
    this.pump(now);
  }

  /** Sets the alarm earlier where something is due before it. */
  private async arm(now: number): Promise<void> {
    const next = this.slots.nextDueAt(now);
    if (next === null) return;
    const set = await this.ctx.storage.getAlarm();
    if (set === null || set > next) await this.ctx.storage.setAlarm(next);
  }

  /** Starts what is due and has a slot. Never throws and never waits. */
  private pump(now: number): void {
    try {
      const { calls, late } = this.slots.advance(now);
      for (const call of calls) {
        const started = this.withChecks(call.runs);
        void this.carryOut(started, call.timeoutMs).finally(() => {
          const ended = Date.now();
          this.slots.release(call);
          this.pump(ended);
          void this.arm(ended).catch((error: unknown) => this.log("the alarm could not be set", error));
        });
      }
      if (late.length > 0) void this.reportNoData(this.withChecks(late), "no slot in time");
    } catch (error) {
      this.log("a look at the clock failed", error);
    }
  }

  private withChecks(runs: readonly Run[]): Started[] {
    return runs.flatMap((run) => {
      const held = this.held.get(run.key);
      return held === undefined ? [] : [{ ...run, held }];
    });
  }

  /** Never throws. */
  private async carryOut(started: readonly Started[], timeoutMs: number): Promise<void> {
    const came = await this.callChecker(started, timeoutMs).catch((error: unknown) => fail(`the checker failed: ${error}`));
    const now = Date.now();
    const outcomes = new Map(
      came.ok ? came.value.observations.map((seen) => [`${seen.tick} ${keyOfObservation(seen)}`, seen.outcome]) : [],
    );
    for (const { key, tick } of started) this.slots.concluded(key, outcomes.get(`${tick} ${key}`) ?? "no_data", now);
    if (!came.ok) await this.reportNoData(started, came.error);
  }

  /** What it reported, or what to say in its place. */
  private async callChecker(started: readonly Started[], timeoutMs: number): Promise<Result<CheckReport, string>> {
    if (this.place === null) return fail("the Prober was assigned nothing");
    const { place } = this;
    const checker = this.checker(place.region);
    if (!checker.ok) return checker;
    const batch: CheckBatch = { ...place, checks: started.map((run) => orderOf(run.held, run)) };
    const answer = await ask(checker.value.fetcher, "/", batch, timeoutMs + limits.checkerGraceMs);
    if (!answer.ok) return answer;
    // Whose report it is, is ours to say; where it was measured, the checker's.
    const report: CheckReport = { ...checkReport.parse(answer.value), ...place };
    if (!checker.value.reports) await this.send(report);
    return ok(report);
  }

  private checker(region: string): Result<Checker, string> {
    const { Checker } = this.ctx.exports as unknown as { readonly Checker: Fetcher };
    return checkerOf(region, this.env, Checker);
  }

  private async reportNoData(runs: readonly Started[], detail: string): Promise<void> {
    if (this.place === null) return;
    // Anchors come on top of the targets that a shard may have, and a report takes no more than those.
    for (let from = 0; from < runs.length; from += limits.shardTargets) {
      await this.send({
        ...this.place,
        // Nothing was measured, so there is no place to name.
        colo: "local",
        observations: runs.slice(from, from + limits.shardTargets).map(({ tick, held: { check, monitor } }) => ({
          member_id: check.member_id,
          endpoint: check.endpoint,
          monitor_id: monitor.id,
          monitor_version: monitor.version,
          tick,
          outcome: "no_data",
          latency_ms: null,
          detail: detail.slice(0, limits.checkDetailLength),
        })),
      });
    }
  }

  /** Never throws: if the queue is away, the Engine sees the silence. */
  private async send(report: CheckReport): Promise<void> {
    const send = () => this.env.STATUS_RESULTS.send(report, { contentType: "json" });
    await send()
      .catch(send)
      .catch((error: unknown) => this.log("the queue does not take a report", error));
  }

  private log(message: string, error: unknown): void {
    console.error(JSON.stringify({ message: `prober: ${message}`, ...this.place, error: String(error) }));
  }
}

const schedule = (held: ReadonlyMap<string, HeldCheck>) => [...held.values()].map(({ scheduled }) => scheduled);
