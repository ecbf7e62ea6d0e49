/**
 * Watches the watchers (engine.md, rule 3): gathers what each region's newest results say of every endpoint, and remembers which regions are
 * not believed. Who is sick is the domain's decision; this is only the look at the project's state.
 */
import { addressFamily } from "../../domain/address.ts";
import { limits } from "../../domain/limits.ts";
import { checkTarget } from "../../domain/schedule.ts";
import { diagnose, type RegionSighting, type SicknessState, type Sighting } from "../../domain/vantage.ts";
import { isSilent, type Series } from "../../domain/verdict.ts";
import { isPassive, timingOf } from "./pace.ts";
import type { Project } from "./project.ts";

const nobody: ReadonlySet<string> = new Set();

export class VantageWatch {
  /** Who is not believed, or would not be if so many were not that nobody can tell: `blind` ends as slowly as a sickness does. */
  private suspects: ReadonlyMap<string, SicknessState> = new Map();
  private sick: ReadonlyMap<string, SicknessState> = new Map();
  private byFamily = new Map<string, ReadonlySet<string>>();
  /** Who cannot reach the anchors: not believed either, of whatever family. */
  private adrift: ReadonlySet<string> = nobody;
  private stored: Record<string, SicknessState> = {};
  private lookedAt = 0;
  /** After a start: what was seen before is looked at before anything is judged. */
  private suspicious = true;
  /** Whether more than half of the regions would have been sick at the last look. */
  blind = false;

  /** What is stored of it: the sick, by region and family. The same object until it changes. */
  state(): Record<string, SicknessState> {
    return this.stored;
  }

  restore(state: Record<string, SicknessState>): void {
    this.suspects = new Map(Object.entries(state));
    this.remember(this.suspects);
    this.stored = state;
  }

  sickFor(endpoint: string): ReadonlySet<string> {
    return this.byFamily.size === 0 ? this.adrift : (this.byFamily.get(familyOf(endpoint)) ?? this.adrift);
  }

  regions(): string[] {
    return [...new Set([...this.adrift, ...this.sickRegions().keys()])];
  }

  /** Those that disagree with the others, with the address families in which they do. */
  sickRegions(): ReadonlyMap<string, readonly string[]> {
    const regions = new Map<string, string[]>();
    for (const key of this.sick.keys()) {
      const [region = "", family = ""] = key.split(" ");
      regions.set(region, [...(regions.get(region) ?? []), wordsFor(family)]);
    }
    return regions;
  }

  setAdrift(regions: ReadonlySet<string>): void {
    this.adrift = regions;
    this.remember(this.sick);
  }

  /** Somebody failed who did not before: worth a look. */
  suspect(): void {
    this.suspicious = true;
  }

  /** Looks again, at most once a second, when somebody failed or is sick. */
  look(project: Project, now: number): void {
    if (!this.suspicious && this.suspects.size === 0 && !this.blind) return;
    if (now >= this.lookedAt && now - this.lookedAt < limits.diagnosisMs) return;
    this.lookedAt = now;
    this.suspicious = false;
    const { sightings, agreed, longestDelayMs } = gather(project, this, now);
    const believed = this.sick;
    const before = this.suspects;
    const { sick, suspects, blind } = diagnose(before, sightings, Math.min(2 * longestDelayMs, limits.recoveryMaxMs), now, agreed);
    this.blind = blind;
    this.suspects = suspects;
    if (JSON.stringify([...suspects]) !== JSON.stringify([...before])) this.stored = Object.fromEntries(suspects);
    if (JSON.stringify([...sick.keys()]) !== JSON.stringify([...believed.keys()])) this.remember(sick);
    this.say(project, believed, now);
  }

  private remember(sick: ReadonlyMap<string, SicknessState>): void {
    this.sick = sick;
    const byFamily = new Map<string, Set<string>>();
    for (const key of sick.keys()) {
      const [region = "", family = ""] = key.split(" ");
      byFamily.set(family, (byFamily.get(family) ?? new Set<string>(this.adrift)).add(region));
    }
    this.byFamily = byFamily;
  }

  private say(project: Project, before: ReadonlyMap<string, SicknessState>, now: number): void {
    const about = (key: string) => {
      const [region, family] = key.split(" ");
      return { region, family, what: wordsFor(family ?? "") };
    };
    for (const key of this.sick.keys()) {
      if (before.has(key)) continue;
      const { region, family, what } = about(key);
      const reason = `${region} fails what most other regions pass (${what}): it has no vote until it agrees with them again`;
      project.say(now, { kind: "region_lost_vote", severity: "warning", rule: "vantage", reason, evidence: { region, family } });
    }
    for (const key of before.keys()) {
      if (this.sick.has(key)) continue;
      const { region, family, what } = about(key);
      const reason = `${region} agrees with the other regions again (${what})`;
      project.say(now, { kind: "region_regained_vote", severity: "info", rule: "vantage", reason, evidence: { region, family } });
    }
  }
}

const wordsFor = (family: string): string => (family === "name" ? "host names" : `IPv${family}`);

const familyOf = (endpoint: string): string => String(addressFamily(endpoint) ?? "name");

type Gathered = { readonly sightings: Sighting[]; readonly agreed: ReadonlyMap<string, number>; readonly longestDelayMs: number };

/** Most endpoints are passed by everyone: those are only counted, since there may be tens of thousands of them. */
function gather(project: Project, watch: VantageWatch, now: number): Gathered {
  const sightings: Sighting[] = [];
  const agreed = new Map<string, number>();
  let longestDelayMs = 0;
  for (const [id, state] of project.members) {
    const member = project.catalog.members.get(id);
    if (member === undefined) continue;
    // Who only observes decides nothing, not even about regions; and what needs no network says nothing of one.
    const roster = project.catalog.rosterOf(member);
    for (const monitor of roster.voters) {
      if (!monitor.admin_state_up || isPassive(monitor)) continue;
      const timing = timingOf(monitor, now);
      longestDelayMs = Math.max(longestDelayMs, timing.delayMs);
      for (const endpoint of member.endpoints) {
        const regionNames = roster.regionsFor(monitor, endpoint);
        const sick = watch.sickFor(endpoint);
        const known = state.endpoints[endpoint]?.monitors[monitor.id]?.series ?? {};
        const heard = regionNames.filter((region) => {
          const series = known[region];
          return (
            series !== undefined && series.count.fails + series.count.passes > 0 && !isSilent(series, now, timing.delayMs, timing.timeoutMs)
          );
        });
        const hasVote = (region: string) => known[region]?.count.verdict !== "unknown" && !sick.has(region);
        if (heard.every((region) => known[region]?.count.fails === 0)) {
          const voting = heard.filter(hasVote).length;
          for (const region of heard) {
            if (voting - (hasVote(region) ? 1 : 0) === 0) continue;
            const key = `${region} ${familyOf(endpoint)}`;
            agreed.set(key, (agreed.get(key) ?? 0) + 1);
          }
          continue;
        }
        const regions = new Map<string, RegionSighting>();
        for (const region of heard) {
          const newest = newestRun(known[region] as Series);
          if (newest !== null) regions.set(region, { ...newest, hasVote: hasVote(region) });
        }
        // Checked at another address than it serves, it is that address which the region reaches or does not.
        const { host, port } = checkTarget(member, endpoint, monitor);
        const address = `${host}:${port ?? ""}`;
        sightings.push({ endpoint: address, family: addressFamily(endpoint), poolId: member.pool_id, regions });
      }
    }
  }
  return { sightings, agreed, longestDelayMs };
}

/** The newest pass or fail, and when the run that it ends began; what is before the window counts as its oldest. */
function newestRun({ window }: Series): Omit<RegionSighting, "hasVote"> | null {
  const results = window.filter((entry) => entry.outcome !== "no_data");
  const newest = results.at(-1);
  if (newest === undefined) return null;
  const breach = results.findLastIndex((entry) => entry.outcome !== newest.outcome);
  return { passes: newest.outcome === "pass", at: newest.tick, since: results[breach + 1]?.tick ?? newest.tick };
}
