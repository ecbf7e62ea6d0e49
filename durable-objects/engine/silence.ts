/** Who is not heard from: members whose votes are all old, regions without a vote, a project that is blind (engine.md, rules 2 and 4). */
import { limits } from "../../domain/limits.ts";
import type { Member } from "../../domain/member.ts";
import { ownRegion } from "../../domain/vantage-point.ts";
import { isSilent } from "../../domain/verdict.ts";
import type { Catalog, CatalogMonitor } from "./catalog.ts";
import { healthOf } from "./judging.ts";
import { timingOf } from "./pace.ts";
import type { Project } from "./project.ts";
import { type MemberState, seriesOf } from "./state.ts";
import type { Watched } from "./store.ts";

/** Whether somebody is to judge it, and can. */
function isWatched({ catalog }: Project, member: Member): boolean {
  const roster = catalog.rosterOf(member);
  const isRun = (monitor: CatalogMonitor) => member.endpoints.some((endpoint) => roster.regionsFor(monitor, endpoint).length > 0);
  return roster.voters.some((monitor) => monitor.admin_state_up && isRun(monitor));
}

/** No fresh vote for two periods from any region: what is shown is what was. */
export function isStale(project: Project, state: MemberState, member: Member, now: number): boolean {
  const roster = project.catalog.rosterOf(member);
  const monitors = roster.voters.filter((monitor) => monitor.admin_state_up);
  if (!isWatched(project, member) || healthOf(state) === "PENDING") return false;
  return monitors.every((monitor) => {
    const { delayMs, timeoutMs } = timingOf(monitor, now);
    return member.endpoints.every((endpoint) => {
      const monitorState = state.endpoints[endpoint]?.monitors[monitor.id];
      // Counters that started anew just now were not heard *yet*.
      if (monitorState !== undefined && now - monitorState.judgement.startedAt <= 2 * delayMs + timeoutMs) return false;
      return seriesOf(monitorState, roster.regionsFor(monitor, endpoint)).every(
        ([, series]) => series === undefined || isSilent(series, now, delayMs, timeoutMs),
      );
    });
  });
}

/** How many members are monitored, and of how many nothing fresh is known. More than half: the project is blind, and state is held. */
export function staleness(project: Project, now: number): { readonly monitored: number; readonly stale: number } {
  let monitored = 0;
  let stale = 0;
  for (const [id, state] of project.members) {
    const member = project.catalog.members.get(id);
    if (member === undefined || healthOf(state) === "PENDING" || !isWatched(project, member)) continue;
    monitored += 1;
    if (isStale(project, state, member, now)) stale += 1;
  }
  return { monitored, stale };
}

/** Each series of a vantage point that is watched now, with its region and timing. */
function* watched(project: Project, now: number) {
  for (const [id, state] of project.members) {
    const member = project.catalog.members.get(id);
    if (member === undefined) continue;
    const roster = project.catalog.rosterOf(member);
    for (const monitor of roster.monitors) {
      if (!monitor.admin_state_up) continue;
      for (const endpoint of member.endpoints) {
        const regions = roster.regionsFor(monitor, endpoint);
        for (const [region, series] of seriesOf(state.endpoints[endpoint]?.monitors[monitor.id], regions)) {
          if (region !== ownRegion) yield { region, series, timing: timingOf(monitor, now) };
        }
      }
    }
  }
}

export type Hearing = {
  /** Whether anything that it watches is fresh. */
  isFresh: boolean;
  /** How far its newest pass or fail speaks, Unix ms; 0: there is none. */
  freshAt: number;
  /** How long silence takes in the slowest of the monitors that it runs. */
  silenceMs: number;
};

/** What is known of each region that watches anything, by its results alone: they outlive a start. */
export function hearings(project: Project, now: number): ReadonlyMap<string, Hearing> {
  const heard = new Map<string, Hearing>();
  for (const { region, series, timing } of watched(project, now)) {
    const known = heard.get(region) ?? { isFresh: false, freshAt: 0, silenceMs: 0 };
    heard.set(region, known);
    known.silenceMs = Math.max(known.silenceMs, 2 * timing.delayMs + timing.timeoutMs);
    if (series === undefined) continue;
    known.freshAt = Math.max(known.freshAt, series.freshAt);
    known.isFresh ||= !isSilent(series, now, timing.delayMs, timing.timeoutMs);
  }
  return heard;
}

/** Regions of which nothing that they watch is fresh. */
export const regionsWithoutVote = (project: Project, now: number): string[] =>
  [...hearings(project, now)]
    .filter(([, { isFresh }]) => !isFresh)
    .map(([region]) => region)
    .sort();

/** Age of the least fresh series that has been heard from at all, in seconds. */
export function oldestResult(project: Project, now: number): number | null {
  let oldest: number | null = null;
  for (const { series } of watched(project, now)) {
    if (series !== undefined && series.freshAt > 0) oldest = Math.min(oldest ?? series.freshAt, series.freshAt);
  }
  return oldest === null ? null : Math.max(0, Math.round((now - oldest) / 100) / 10);
}

/** What the newest check of these members came to, of those that were never judged: "web-1: weur: the agent may not check this". Null: nothing. */
export function whyUnjudged(project: Project, members: readonly Member[]): string | null {
  let newest: { readonly tick: number; readonly words: string } | null = null;
  for (const { id, name } of members) {
    const state = project.members.get(id);
    if (state === undefined || healthOf(state) !== "PENDING") continue;
    if (state.status === "ERROR") newest ??= { tick: 0, words: `${name}: ${state.reason}` };
    for (const { monitors } of Object.values(state.endpoints)) {
      for (const { series } of Object.values(monitors)) {
        for (const [region, { window, detail }] of Object.entries(series)) {
          const last = window.at(-1);
          if (last === undefined || detail === null || (newest !== null && last.tick <= newest.tick)) continue;
          newest = { tick: last.tick, words: `${name}: ${region}: ${detail}` };
        }
      }
    }
  }
  return newest?.words ?? null;
}

/** Until when the regions may need to be heard again: after an eviction no time, after the system was away as long as silence takes. */
export function listening(known: Watched | null, catalog: Catalog, now: number): Watched {
  if (known !== null && now - known.aliveAt < 3 * limits.checkpointMs) return known;
  const silences = [...catalog.monitors.values()].map(({ delay, timeout }) => (2 * delay + timeout) * 1_000);
  return { aliveAt: 0, listensUntil: now + Math.max(limits.checkpointMs, ...silences) };
}
