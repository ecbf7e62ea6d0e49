/**
 * One Prober with its checkers: the real timetable (`slots.ts`) and the real form of an assignment on the region's clock. It outlives its own
 * crashes as its storage would; what is under way is lost by them.
 */
import { limits } from "../../domain/limits.ts";
import type { CheckReport, OutcomeKind } from "../../domain/observation.ts";
import { firstRunAt, type HeldCheck, heldChecks, keyOf, type Place } from "../../durable-objects/prober/assignment.ts";
import { type Call, Slots } from "../../durable-objects/prober/slots.ts";
import type { Assignment, Confirmation } from "../../durable-objects/rpc.ts";
import type { Region, Targets } from "./targets.ts";
import type { Cancel, Timeline } from "./timeline.ts";

export class SimProber {
  private readonly timeline: Timeline;
  private readonly targets: Targets;
  private readonly region: Region;
  private readonly send: (report: CheckReport) => void;
  private slots = new Slots(limits.proberSlots);
  private place: Place | null = null;
  private version = 0;
  private held: ReadonlyMap<string, HeldCheck> = new Map();
  private alarmAt: number | null = null;
  private cancelAlarm: Cancel | null = null;
  private life = 0;

  constructor(timeline: Timeline, targets: Targets, region: Region, send: (report: CheckReport) => void) {
    this.timeline = timeline;
    this.targets = targets;
    this.region = region;
    this.send = send;
  }

  private get now(): number {
    return this.timeline.now + this.region.offsetMs;
  }

  assign(assignment: Assignment): { readonly version: number } {
    if (assignment.version <= this.version) return { version: this.version };
    const { now } = this;
    this.slots.resume(this.alarmAt, now);
    this.held = heldChecks(assignment.monitors, assignment.checks, (key, periodic) => {
      const before = this.held.get(key);
      return before === undefined ? firstRunAt(key, periodic, now) : before.scheduled.firstAt;
    });
    const { project_id, region, shard, generation, version } = assignment;
    this.place = { project_id, region, shard, generation };
    this.version = version;
    this.slots.replace(this.schedule(), now);
    this.setAlarm(this.slots.nextDueAt(now));
    this.pump(now);
    return { version };
  }

  confirm(confirmations: readonly Confirmation[]): void {
    const { now } = this;
    for (const { member_id, endpoint, monitor_id, monitor_version, doubt } of confirmations)
      this.slots.doubt(keyOf(member_id, endpoint, monitor_id, monitor_version), doubt, now);
    this.pump(now);
    this.arm(now);
  }

  wake(): { readonly version: number; readonly checks: number; readonly next_due_at: number | null } {
    const { now } = this;
    this.slots.resume(this.alarmAt, now);
    const next = this.slots.nextDueAt(now);
    const amiss = this.alarmAt === null || this.alarmAt < now - limits.catchUpMs || (next !== null && this.alarmAt > next);
    if (next !== null && amiss) this.setAlarm(next);
    return { version: this.version, checks: this.slots.size, next_due_at: next };
  }

  /** Its memory is gone; assignment and alarm stay. */
  crash(): void {
    this.life += 1;
    this.slots = new Slots(limits.proberSlots);
    this.slots.restore(this.schedule());
  }

  /** The region's clock was set. */
  clockMoved(): void {
    this.setAlarm(this.alarmAt);
  }

  private schedule() {
    return [...this.held.values()].map(({ scheduled }) => scheduled);
  }

  private setAlarm(at: number | null): void {
    this.cancelAlarm?.();
    this.alarmAt = at;
    this.cancelAlarm = at === null ? null : this.timeline.after(Math.max(0, at - this.now), () => this.ring());
  }

  private ring(): void {
    const { now } = this;
    this.slots.resume(this.alarmAt, now);
    this.setAlarm(this.slots.nextDueAt(now));
    this.pump(now);
  }

  private arm(now: number): void {
    const next = this.slots.nextDueAt(now);
    if (next !== null && (this.alarmAt === null || this.alarmAt > next)) this.setAlarm(next);
  }

  private pump(now: number): void {
    const { calls, late } = this.slots.advance(now);
    for (const call of calls) this.carryOut(call);
    if (late.length > 0) this.report(late.map(({ key, tick }) => ({ held: this.held.get(key), tick, outcome: "no_data" })));
  }

  /** One call of a checker: it comes back when its slowest check has. */
  private carryOut(call: Call): void {
    const { life } = this;
    const seen = call.runs.flatMap(({ key, tick }) => {
      const held = this.held.get(key);
      if (held === undefined) return [];
      const look = this.targets.look(this.region, held.check.target.host, held.monitor.id, call.timeoutMs, this.timeline.now);
      return [{ held, tick, ...look }];
    });
    const tookMs = Math.max(0, ...seen.map((look) => look.tookMs)) + 5;
    this.timeline.after(tookMs, () => {
      // The checker sends by itself, whatever became of the Prober.
      this.report(seen);
      if (life !== this.life) return;
      const ended = this.now;
      for (const { held, outcome } of seen) this.slots.concluded(held.scheduled.key, outcome, ended);
      this.slots.release(call);
      this.pump(ended);
      this.arm(ended);
    });
  }

  private report(seen: readonly { readonly held: HeldCheck | undefined; readonly tick: number; readonly outcome: OutcomeKind }[]): void {
    const observations = seen.flatMap(({ held, tick, outcome }): CheckReport["observations"][number][] => {
      if (held === undefined) return [];
      const { check, monitor } = held;
      const { member_id, endpoint, monitor_id } = check;
      return [{ member_id, endpoint, monitor_id, monitor_version: monitor.version, tick, outcome, latency_ms: null, detail: outcome }];
    });
    if (this.place !== null && observations.length > 0) this.send({ ...this.place, colo: this.region.colo, observations });
  }
}
