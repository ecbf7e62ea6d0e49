/**
 * Monitors that nobody is sent to look for: heartbeats, which endpoints send and which are missed when they do not come, and what is calculated
 * from other monitors. Their results are Kosmos's own (`own-voice.ts`); from there on every rule holds as for any other.
 *
 * A heartbeat is missed only in a time in which it could have been heard: after the Engine was away, or the monitor switched off, or the clock
 * set, one whole period and grace is waited for anew.
 */
import { limits } from "../../domain/limits.ts";
import { ownRegion } from "../../domain/vantage-point.ts";
import type { CatalogMonitor } from "./catalog.ts";
import { isoTime } from "./evidence.ts";
import { calculateOwn, hearOwn, type Judged } from "./judging.ts";
import { memberMoved } from "./member-status.ts";
import { behind } from "./own-voice.ts";
import { heartbeatPace, isCalculated, isHeartbeat, isPassive } from "./pace.ts";
import type { Project } from "./project.ts";
import type { MemberState, MonitorState } from "./state.ts";

export class Passive {
  /** Since when a heartbeat would have been heard, Unix ms; 0: ever since it was waited for. */
  listeningSince = 0;
  private readonly project: Project;
  /** The members that such a monitor judges, by monitor; made when it is asked for. */
  private index: Map<string, Set<string>> | null = null;
  private tickedAt = 0;
  /** Whether each heartbeat monitor was switched on when it was seen last. */
  private readonly on = new Map<string, boolean>();

  constructor(project: Project) {
    this.project = project;
  }

  /** Whether there is anything that is not to be missed. */
  get isListening(): boolean {
    return [...this.on.values()].includes(true);
  }

  /** After a start: everything is looked at by the first tick. */
  start(now: number): void {
    for (const monitor of this.heartbeats()) this.on.set(monitor.id, monitor.admin_state_up);
    for (const id of this.beating()) this.project.timers.set(`heartbeat ${id}`, now);
  }

  /** The configuration is another one, perhaps for these members. */
  configured(members: Iterable<string>, now: number): void {
    this.index = null;
    const before = new Map(this.on);
    this.on.clear();
    for (const monitor of this.heartbeats()) {
      this.on.set(monitor.id, monitor.admin_state_up);
      // While it was off nobody listened.
      if (monitor.admin_state_up && before.get(monitor.id) === false) this.waitAnew(monitor.id, now);
    }
    if (this.on.size + before.size === 0) return;
    for (const id of members) this.look(id, now);
  }

  /** Nobody listened until now. */
  wasAway(now: number): void {
    this.listeningSince = now;
    for (const { id } of this.heartbeats()) {
      for (const [memberId, state] of this.statesOf(id)) {
        const series = state.series[ownRegion];
        // What a clock that was set back has made of the future.
        if (series !== undefined) state.series[ownRegion] = behind(series, now);
        state.beatAt = state.beatAt === null ? null : Math.min(state.beatAt, now);
        if (state.judgement.startedAt > now) state.judgement = { ...state.judgement, startedAt: now };
        this.project.touched.members.add(memberId);
      }
    }
    for (const id of this.beating()) this.look(id, now);
  }

  /** A heartbeat of a member's endpoints; `memberId` null: of all that wait for it. False: nobody does. */
  beat(monitorId: string, memberId: string | null, now: number): boolean {
    const monitor = this.project.catalog.monitors.get(monitorId);
    if (monitor === undefined || !isHeartbeat(monitor)) return false;
    const waiting = this.members().get(monitorId) ?? new Set();
    const ids = memberId === null ? [...waiting] : waiting.has(memberId) ? [memberId] : [];
    for (const id of ids) {
      const [judged, state] = [this.project.judged(id), this.project.members.get(id)];
      if (judged === null || state === undefined || !monitor.admin_state_up) continue;
      for (const endpoint of judged.member.endpoints) {
        const known = state.endpoints[endpoint]?.monitors[monitorId];
        if (known !== undefined) known.beatAt = now;
        const last = known?.series[ownRegion]?.window.at(-1);
        // Who sends many at once is heard once.
        if (last?.outcome === "pass" && now >= last.tick && now - last.tick < limits.heartbeatMs) continue;
        this.say(judged, state, monitor, endpoint, { outcome: "pass", detail: "heartbeat received" }, now);
        this.project.touched.members.add(id);
      }
      this.look(id, now);
    }
    return ids.length > 0;
  }

  /** Looks whether heartbeats of a member are late, and sets the time of the next look. */
  look(id: string, now: number): void {
    const [judged, state] = [this.project.judged(id), this.project.members.get(id)];
    let next: number | null = null;
    for (const monitor of judged === null || state === undefined ? [] : judged.monitors) {
      if (judged === null || state === undefined || !isHeartbeat(monitor) || !monitor.admin_state_up) continue;
      for (const endpoint of judged.member.endpoints) {
        const known = state.endpoints[endpoint]?.monitors[monitor.id];
        if (known === undefined) continue;
        if (this.lookAfter(known, monitor, now) <= now)
          this.say(judged, state, monitor, endpoint, { outcome: "fail", detail: missing(known) }, now);
        const at = this.lookAfter(known, monitor, now);
        next = next === null ? at : Math.min(next, at);
      }
    }
    this.project.timers.set(`heartbeat ${id}`, next);
  }

  /** Says again what is calculated, so that it stays fresh while what it comes from is. */
  tick(now: number): void {
    if (now >= this.tickedAt && now - this.tickedAt < limits.diagnosisMs) return;
    this.tickedAt = now;
    for (const [monitorId, ids] of this.members()) {
      const monitor = this.project.catalog.monitors.get(monitorId);
      if (monitor === undefined || !isCalculated(monitor)) continue;
      for (const id of ids) {
        const [judged, state] = [this.project.judged(id), this.project.members.get(id)];
        if (judged === null || state === undefined) continue;
        for (const endpoint of judged.member.endpoints) {
          const heard = calculateOwn(state, judged, endpoint, now);
          if (heard.significant) this.project.touched.members.add(id);
          if (heard.endpointChanged) memberMoved(this.project, judged, state, now);
        }
      }
    }
  }

  /**
   * When to look after a heartbeat next. Until it is due that is when it is, so that an Engine that was away then notices it; then when it is
   * late; and once it was missed each period, so that this stays known.
   */
  private lookAfter({ series, judgement }: MonitorState, monitor: CatalogMonitor, now: number): number {
    const { periodMs, graceMs } = heartbeatPace(monitor);
    const last = series[ownRegion]?.window.at(-1);
    const heardAt = Math.min(last?.tick ?? 0, now);
    const waitedSince = Math.max(this.listeningSince, judgement.startedAt);
    if (last?.outcome === "fail" && heardAt >= waitedSince) return heardAt + periodMs;
    const dueAt = Math.max(heardAt, waitedSince) + periodMs;
    return now < dueAt ? wholeSecond(dueAt) : dueAt + graceMs;
  }

  private say(
    judged: Judged,
    state: MemberState,
    monitor: CatalogMonitor,
    endpoint: string,
    word: { outcome: "pass" | "fail"; detail: string },
    now: number,
  ): void {
    const heard = hearOwn(state, judged, endpoint, monitor, word, now);
    if (heard.significant) this.project.touched.members.add(judged.member.id);
    if (heard.endpointChanged) memberMoved(this.project, judged, state, now);
  }

  private waitAnew(monitorId: string, now: number): void {
    for (const [memberId, state] of this.statesOf(monitorId)) {
      state.judgement = { ...state.judgement, startedAt: now };
      this.project.touched.members.add(memberId);
    }
  }

  private *statesOf(monitorId: string): Generator<readonly [string, MonitorState]> {
    for (const id of this.members().get(monitorId) ?? []) {
      for (const endpoint of Object.values(this.project.members.get(id)?.endpoints ?? {})) {
        const state = endpoint.monitors[monitorId];
        if (state !== undefined) yield [id, state];
      }
    }
  }

  private heartbeats(): CatalogMonitor[] {
    return [...this.project.catalog.monitors.values()].filter(isHeartbeat);
  }

  private beating(): Set<string> {
    return new Set(this.heartbeats().flatMap(({ id }) => [...(this.members().get(id) ?? [])]));
  }

  private members(): ReadonlyMap<string, ReadonlySet<string>> {
    if (this.index !== null) return this.index;
    const { catalog } = this.project;
    const index = new Map<string, Set<string>>();
    for (const monitor of catalog.monitors.values()) if (isPassive(monitor)) index.set(monitor.id, new Set());
    for (const member of index.size === 0 ? [] : catalog.members.values())
      for (const { id } of catalog.rosterOf(member).monitors) index.get(id)?.add(member.id);
    this.index = index;
    return index;
  }
}

/** Thousands that are due, each at a moment of its own, are looked at together. The grace is never shorter than what that adds. */
const wholeSecond = (at: number): number => Math.ceil(at / 1_000) * 1_000;

/** "no heartbeat since 2026-01-31T12:00:05Z": since when stays true, how long does not. */
function missing({ beatAt, judgement }: MonitorState): string {
  const clock = (at: number) => `${isoTime(at).slice(0, 19)}Z`;
  return beatAt === null
    ? `no heartbeat since it began to be expected at ${clock(judgement.startedAt)}`
    : `no heartbeat since ${clock(beatAt)}`;
}
