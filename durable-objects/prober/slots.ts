/**
 * A Prober's decisions without its clock and its network: which checks are due, which of them go out together, which wait for a slot and
 * which came too late. Times are Unix milliseconds, brought by the caller; a clock that jumps neither stalls it nor floods the slots.
 */
import { afterLook, beginEpisode, type ConfirmationSettings, type Doubt, type Episode, lookAt } from "../../domain/confirmation.ts";
import { limits } from "../../domain/limits.ts";
import type { OutcomeKind } from "../../domain/observation.ts";
import { assert } from "../../domain/result.ts";
import { newestTick, nextTick, type Periodic } from "../../domain/schedule.ts";

export type ScheduledCheck = Periodic & {
  /** (member, endpoint, monitor, monitor version). */
  readonly key: string;
  readonly timeoutMs: number;
  /** When a new check is run once, out of its stagger; null: it is not new. */
  readonly firstAt: number | null;
  /** How a doubt is confirmed; null: by the next tick. */
  readonly confirm: ConfirmationSettings | null;
};

/** One run of one check; `tick` is when it was due. */
export type Run = { readonly key: string; readonly tick: number };
/** Runs for one checker call, which holds as many slots until it ends. */
export type Call = { readonly timeoutMs: number; readonly runs: readonly Run[] };

type Waiting = Run & { readonly check: ScheduledCheck; readonly expiresAt: number };

export class Slots {
  private readonly total: number;
  private busy = 0;
  private checks: readonly ScheduledCheck[] = [];
  private waiting: Waiting[] = [];
  /** Keys of the runs that are under way, and the checks that are being confirmed. */
  private readonly running = new Map<string, number>();
  private readonly episodes = new Map<string, Episode>();
  /** Everything due until here was seen to; null: not known yet. */
  private seenTo: number | null = null;

  constructor(total: number) {
    this.total = total;
  }

  /** The checks as they were before a restart; `resume` must say how far they had been seen to. */
  restore(checks: readonly ScheduledCheck[]): void {
    this.checks = checks;
  }

  /** Other checks from `now` on. What is due or waits stays only if its check does; a new check has no past. */
  replace(checks: readonly ScheduledCheck[], now: number): void {
    this.collect(now);
    const kept = new Set(checks.map((check) => check.key));
    this.checks = checks;
    this.waiting = this.waiting.filter((entry) => kept.has(entry.key));
    for (const key of this.episodes.keys()) if (!kept.has(key)) this.episodes.delete(key);
  }

  /** Looks again at a check, unless it is being looked at for a doubt already. */
  doubt(key: string, doubt: Doubt, now: number): void {
    const check = this.checks.find((candidate) => candidate.key === key);
    if (check === undefined || check.confirm === null || this.episodes.has(key)) return;
    this.episodes.set(key, beginEpisode(doubt, check.confirm, now));
  }

  /** What came of a run, regular or not: a doubt may be settled by it. */
  concluded(key: string, outcome: OutcomeKind, now: number): void {
    const episode = this.episodes.get(key);
    if (episode === undefined) return;
    const settings = this.checks.find((check) => check.key === key)?.confirm ?? null;
    const next = settings === null ? null : afterLook(episode, outcome, settings, now);
    if (next === null) this.episodes.delete(key);
    else this.episodes.set(key, next);
  }

  /** After a start: everything before the alarm that was set has been seen to. Of what was missed, the newest seconds are made up for. */
  resume(alarmAt: number | null, now: number): void {
    if (this.seenTo !== null) return;
    this.seenTo = Math.max(now - limits.catchUpMs, Math.min(alarmAt ?? 0, now) - 1);
  }

  /** Takes the time: what to start now, and what got no slot before its next run is due. */
  advance(now: number): { readonly calls: readonly Call[]; readonly late: readonly Run[] } {
    this.collect(now);
    const late = this.waiting.filter((entry) => entry.expiresAt <= now).map(({ key, tick }) => ({ key, tick }));
    this.waiting = this.waiting.filter((entry) => entry.expiresAt > now);
    const started: { key: string; tick: number; check: ScheduledCheck }[] = this.waiting.splice(0, this.total - this.busy);
    started.push(...this.looks(now, this.total - this.busy - started.length));
    this.busy += started.length;
    for (const { key } of started) this.running.set(key, (this.running.get(key) ?? 0) + 1);
    const calls = Map.groupBy(started, (entry) => entry.check.timeoutMs);
    return {
      calls: [...calls].map(([timeoutMs, entries]) => ({ timeoutMs, runs: entries.map(({ key, tick }) => ({ key, tick })) })),
      late,
    };
  }

  /** The call has ended, one way or another. */
  release(call: Call): void {
    this.busy -= call.runs.length;
    for (const { key } of call.runs) {
      const left = (this.running.get(key) ?? 1) - 1;
      if (left > 0) this.running.set(key, left);
      else this.running.delete(key);
    }
    assert(this.busy >= 0, "a call is released once");
  }

  /** When to look at the clock again, after `now`; null: nothing to check. */
  nextDueAt(now: number): number | null {
    const after = this.seenToAt(now) > now ? this.seenToAt(now) : now;
    let next: number | null = null;
    for (const check of this.checks) {
      const tick = nextTick(check, after);
      const due = check.firstAt !== null && check.firstAt > after ? Math.min(check.firstAt, tick) : tick;
      if (next === null || due < next) next = due;
    }
    for (const { nextAt } of this.episodes.values()) if (nextAt !== null && nextAt > now && (next === null || nextAt < next)) next = nextAt;
    return next;
  }

  get size(): number {
    return this.checks.length;
  }

  get inFlight(): number {
    return this.busy;
  }

  get queued(): number {
    return this.waiting.length;
  }

  /** Confirming looks that are due, in the slots that regular checks leave; never at what is being checked at the moment. */
  private looks(now: number, free: number): { key: string; tick: number; check: ScheduledCheck }[] {
    const due: { key: string; tick: number; check: ScheduledCheck }[] = [];
    for (const [key, episode] of this.episodes) {
      if (due.length >= free) break;
      // The clock was set back: its times lie ahead, and it would keep new doubts out until then.
      if (episode.startedAt > now + limits.clockBackMs) {
        this.episodes.delete(key);
        continue;
      }
      const check = this.checks.find((candidate) => candidate.key === key);
      if (check === undefined || episode.nextAt === null || episode.nextAt > now || this.running.has(key)) continue;
      // One that waited too long would only disturb.
      if (now - episode.startedAt > check.delayMs + check.timeoutMs) {
        this.episodes.delete(key);
        continue;
      }
      this.episodes.set(key, lookAt(episode, now));
      due.push({ key, tick: now, check });
    }
    return due;
  }

  /** Puts what became due into the queue: of each check the newest run, if it is not too old. */
  private collect(now: number): void {
    const since = Math.max(this.seenToAt(now), now - limits.catchUpMs - 1);
    for (const check of this.checks) {
      const tick = newestTick(check, now);
      const first = check.firstAt !== null && check.firstAt > since && check.firstAt <= now ? check.firstAt : null;
      const due = Math.max(first ?? since, tick);
      if (due > since) this.waiting.push({ key: check.key, tick: due, check, expiresAt: nextTick(check, due) });
    }
    this.seenTo = Math.max(now, this.seenToAt(now));
  }

  /** A clock that was set back starts anew from where it is; one that stumbles waits until it is past what was seen. */
  private seenToAt(now: number): number {
    const seenTo = this.seenTo ?? now;
    return seenTo > now + limits.clockBackMs ? now : seenTo;
  }
}
