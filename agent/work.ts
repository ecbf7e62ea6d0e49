/**
 * What this agent has to check, and when: the Prober's own timetable (`slots.ts`) with as many slots as the agent runs checks at a time, over
 * all projects that it serves. It carries the checks out and hands what they saw on; it never waits for the API.
 */
import {
  type AgentOrdersAnswer,
  bodyExcerptLength,
  type ProjectOrders,
  subjectLength,
  type TestResult,
  type WireAssignment,
  type WireTestOrder,
} from "../domain/agent-wire.ts";
import { noData, type Outcome } from "../domain/check.ts";
import { limits } from "../domain/limits.ts";
import type { Observation, OutcomeKind } from "../domain/observation.ts";
import { fail } from "../domain/result.ts";
import { firstRunAt, type HeldCheck, heldChecks, keyOf, orderOf } from "../durable-objects/prober/assignment.ts";
import { type Run, Slots } from "../durable-objects/prober/slots.ts";
import { type CheckerIo, type OneCheck, runCheck } from "../workers/checker/run-checks.ts";
import type { ResultPlace } from "./results.ts";
import { StallWatch } from "./stall.ts";

export type WorkPorts = {
  readonly io: CheckerIo;
  readonly concurrency: number;
  /** The time that ticks lie on: the API's, Unix ms. */
  now(): number;
  /** `urgent`: it is not what it was the last time. */
  seen(place: ResultPlace, observation: Observation, urgent: boolean): void;
  tested(projectId: string, id: string, result: TestResult): void;
};

type Held = HeldCheck & { readonly place: ResultPlace; readonly trouble: string | null };

/** A clock that was set shows within this. */
const lookMs = 1_000;
const soonMs = 10;

export class Work {
  private readonly ports: WorkPorts;
  private readonly slots: Slots;
  private readonly stalls = new StallWatch();
  /** What each project has, by its key; a member's and a monitor's ids are nobody else's. */
  private readonly projects = new Map<string, { readonly tag: string; readonly held: ReadonlyMap<string, Held> }>();
  private held: ReadonlyMap<string, Held> = new Map();
  private readonly last = new Map<string, OutcomeKind>();
  private readonly running = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined;
  private soon: NodeJS.Timeout | undefined;
  private ended = false;

  constructor(ports: WorkPorts) {
    this.ports = ports;
    this.slots = new Slots(ports.concurrency);
  }

  /** The assignment of each project, as it was last taken over. */
  get tags(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.projects].map(([project, { tag }]) => [project, tag]));
  }

  get checks(): number {
    return this.held.size;
  }

  /** Takes over what the API said; true: there are other checks than before. */
  take({ project_ids, projects }: AgentOrdersAnswer): boolean {
    if (this.ended) return false;
    const served = new Set(project_ids);
    let changed = false;
    for (const project of [...this.projects.keys()]) if (!served.has(project)) changed = this.projects.delete(project) || changed;
    for (const orders of projects) {
      const { project_id, tag, assignment } = orders;
      const before = this.projects.get(project_id);
      if (assignment !== null) changed = true;
      const held = assignment === null ? (before?.held ?? new Map<string, Held>()) : this.heldOf(assignment, before?.held);
      this.projects.set(project_id, { tag, held });
    }
    const now = this.ports.now();
    if (changed) this.replace(now);
    for (const orders of projects) this.confirm(orders, now);
    this.pump();
    for (const { project_id, tests } of projects) for (const { id, order } of tests) this.track(this.test(project_id, id, order));
    return changed;
  }

  /** Starts nothing more, and waits for what runs, so long. */
  async end(waitMs: number): Promise<void> {
    this.ended = true;
    clearTimeout(this.timer);
    clearTimeout(this.soon);
    let late: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      late = setTimeout(resolve, waitMs);
    });
    await Promise.race([Promise.all(this.running), patience]);
    clearTimeout(late);
    this.stalls.close();
  }

  private heldOf(assignment: WireAssignment, before: ReadonlyMap<string, Held> | undefined): Map<string, Held> {
    const now = this.ports.now();
    const { project_id, shard, generation } = assignment;
    const place = { project_id, shard, generation };
    const troubles = new Map(assignment.monitors.map(({ id, trouble }) => [id, trouble]));
    const monitors = assignment.monitors.map(({ trouble: _, confirm, ...monitor }) => ({
      ...monitor,
      ...(confirm === undefined ? {} : { confirm }),
    }));
    const held = heldChecks(monitors, assignment.checks, (key, periodic) => {
      const known = before?.get(key);
      return known === undefined ? firstRunAt(key, periodic, now) : known.scheduled.firstAt;
    });
    return new Map([...held].map(([key, one]) => [key, { ...one, place, trouble: troubles.get(one.monitor.id) ?? null }]));
  }

  private replace(now: number): void {
    this.held = new Map([...this.projects.values()].flatMap(({ held }) => [...held]));
    for (const key of this.last.keys()) if (!this.held.has(key)) this.last.delete(key);
    this.slots.resume(now, now);
    this.slots.replace(
      [...this.held.values()].map(({ scheduled }) => scheduled),
      now,
    );
  }

  private confirm({ confirmations }: ProjectOrders, now: number): void {
    for (const { member_id, endpoint, monitor_id, monitor_version, doubt } of confirmations) {
      this.slots.doubt(keyOf(member_id, endpoint, monitor_id, monitor_version), doubt, now);
    }
  }

  /** Starts what is due and has a slot, and sets the clock for what comes next. */
  private pump(): void {
    if (this.ended) return;
    const now = this.ports.now();
    const { calls, late } = this.slots.advance(now);
    for (const run of late) this.giveUp(run);
    for (const { timeoutMs, runs } of calls) {
      for (const run of runs) {
        const carrying = this.carryOut(run).finally(() => {
          this.slots.release({ timeoutMs, runs: [run] });
          this.pumpSoon();
        });
        this.track(carrying);
      }
    }
    const next = this.slots.nextDueAt(now);
    clearTimeout(this.timer);
    if (next !== null) this.timer = setTimeout(() => this.pump(), Math.max(0, Math.min(next - now, lookMs)));
  }

  /** A look at the clock is a look at every check, so those that end together share one. */
  private pumpSoon(): void {
    this.soon ??= setTimeout(() => {
      this.soon = undefined;
      this.pump();
    }, soonMs);
  }

  private track(work: Promise<void>): void {
    const tracked: Promise<void> = work.finally(() => this.running.delete(tracked));
    this.running.add(tracked);
  }

  private async carryOut(run: Run): Promise<void> {
    const held = this.held.get(run.key);
    if (held === undefined) return;
    const order = orderOf(held, run);
    const outcome = await this.run(order, held.trouble);
    this.slots.concluded(run.key, outcome.outcome, this.ports.now());
    this.say(held, run, outcome);
  }

  private giveUp(run: Run): void {
    const held = this.held.get(run.key);
    if (held !== undefined) this.say(held, run, noData(`no slot in time: this agent runs ${this.ports.concurrency} checks at a time`));
  }

  private say(held: Held, { key, tick }: Run, outcome: Outcome): void {
    const { check, monitor, place } = held;
    const urgent = outcome.outcome === "fail" || (this.last.has(key) && this.last.get(key) !== outcome.outcome);
    if (this.held.has(key)) this.last.set(key, outcome.outcome);
    const warning = outcome.warning?.slice(0, limits.checkDetailLength);
    this.ports.seen(
      place,
      {
        member_id: check.member_id,
        endpoint: check.endpoint,
        monitor_id: monitor.id,
        monitor_version: monitor.version,
        tick,
        outcome: outcome.outcome,
        latency_ms: positive(outcome.latencyMs),
        detail: outcome.detail.slice(0, limits.checkDetailLength),
        ...(warning === undefined ? {} : { warning }),
      },
      urgent,
    );
  }

  /** A fail for being late says nothing where this program itself was held up. */
  private async run(check: OneCheck, trouble: string | null, io: CheckerIo = this.ports.io): Promise<Outcome> {
    const startedAt = this.stalls.now();
    const outcome =
      trouble === null ? await runCheck(check, io) : await runCheck({ ...check, spec: { sealed: null } }, io, async () => fail(trouble));
    const inTime = this.stalls.now() - startedAt < check.timeout_ms && check.spec.max_response_ms == null;
    if (outcome.outcome !== "fail" || inTime) return outcome;
    const held = this.stalls.since(startedAt);
    return held === 0 ? outcome : noData(`this agent was held up for ${held} ms during the check`);
  }

  private async test(projectId: string, id: string, order: WireTestOrder): Promise<void> {
    this.ports.tested(projectId, id, testResultOf(await this.run(order, order.trouble, { ...this.ports.io, detailed: true })));
  }
}

/** Within what the API takes, whatever the endpoint said: one that it refuses would take the whole report with it. */
export function testResultOf({ outcome, latencyMs, detail, warning, more }: Outcome): TestResult {
  const { dns = null, connect = null, tls = null, first_byte = null } = more?.timings ?? {};
  const certificate = more?.certificate;
  const isDated = certificate !== undefined && Number.isFinite(certificate.notAfter);
  return {
    outcome,
    latency_ms: positive(latencyMs),
    timings: { dns: positive(dns), connect: positive(connect), tls: positive(tls), first_byte: positive(first_byte) },
    detail: detail.slice(0, limits.checkDetailLength),
    warning: warning?.slice(0, limits.checkDetailLength) ?? null,
    http_status: more?.httpStatus ?? null,
    body_excerpt: more?.bodyExcerpt?.slice(0, bodyExcerptLength) ?? null,
    certificate: isDated ? { notAfter: certificate.notAfter, subject: certificate.subject.slice(0, subjectLength) } : null,
  };
}

const positive = (ms: number | null): number | null => (ms === null || !Number.isFinite(ms) ? null : Math.max(0, ms));
