/**
 * The regions of one project as its Engine sees them: what comes in from each, whether it has a vote and why not. It decides nothing itself;
 * the rules are those of the domain, and what is shown here is what they decided.
 */
import type { CheckReport } from "../../domain/observation.ts";
import type { VantageView } from "../../domain/status-view.ts";
import { kindOf } from "../../domain/vantage-point.ts";
import { AnchorWatch } from "./anchor-watch.ts";
import { isoTime } from "./evidence.ts";
import type { EnginePorts } from "./ports.ts";
import type { Project } from "./project.ts";
import { RegionFacts } from "./region-facts.ts";
import { hearings } from "./silence.ts";

export class VantagePoints {
  readonly anchors: AnchorWatch;
  private readonly project: Project;
  private readonly facts: RegionFacts;

  constructor(ports: Pick<EnginePorts, "anchors" | "now">, project: Project) {
    this.project = project;
    this.anchors = new AnchorWatch(ports.anchors ?? []);
    this.facts = new RegionFacts(ports.now());
  }

  restore(adrift: Parameters<AnchorWatch["restore"]>[0]): void {
    this.anchors.restore(adrift);
    this.project.vantage.setAdrift(this.anchors.regions());
  }

  /** Before members are judged by the same reports: who has no vote is known then. */
  hear(reports: readonly CheckReport[], now: number): void {
    for (const report of reports) this.facts.note(report, now, (seen) => !this.anchors.isAnchor(seen));
    if (this.anchors.hear(reports)) this.look(now);
  }

  /** Time alone may change who is adrift. */
  look(now: number): void {
    const events = this.anchors.look(now);
    if (events.length === 0) return;
    this.project.vantage.setAdrift(this.anchors.regions());
    for (const event of events) this.project.say(now, event);
  }

  /** `checking`: the regions that check anything. */
  views(checking: ReadonlySet<string>, now: number): VantageView[] {
    const { catalog, vantage } = this.project;
    const named = [...catalog.monitors.values()].flatMap((monitor) => catalog.regionsOf(monitor));
    const regions = [...new Set([...catalog.regions, ...named, ...checking, ...this.facts.names])];
    const heard = hearings(this.project, now);
    const silent = new Set([...heard].filter(([, { isFresh }]) => !isFresh).map(([region]) => region));
    const sick = vantage.sickRegions();
    const twice = this.sameColo(now, new Set([...silent, ...vantage.regions()]));
    const isReporting = (region: string): boolean => {
      const { lastReportAt } = this.facts.of(region, now);
      return lastReportAt !== null && now - lastReportAt <= (heard.get(region)?.silenceMs ?? 0);
    };
    const reasonOf = (region: string): string | null => {
      if (!checking.has(region)) return "nothing is checked from here";
      if (silent.has(region)) return isReporting(region) ? "none of its checks comes to a result" : "silent: nothing fresh was heard of it";
      const families = sick.get(region);
      if (families !== undefined) return `sick: it fails what most other regions pass (${families.join(", ")})`;
      return this.anchors.reasonOf(region) ?? twice.get(region) ?? null;
    };
    return regions
      .filter((region) => kindOf(region) !== "kosmos")
      .map((region) => {
        const fact = this.facts.of(region, now);
        const reason = reasonOf(region);
        // What it was heard of last outlives a start in its results alone.
        const lastAt = fact.lastReportAt ?? (heard.get(region)?.freshAt || null);
        return {
          region,
          colos: fact.colos,
          has_vote: reason === null,
          reason,
          last_report_at: lastAt === null ? null : isoTime(lastAt),
          lag_seconds: fact.lagMs === null ? null : Math.round(fact.lagMs / 100) / 10,
          error_percent: fact.errorPercent,
          checks_per_second: fact.checksPerSecond,
        };
      });
  }

  /** Regions that are measured where another is, in all of their monitors: they have no vote in any. `voteless`: who has none already. */
  private sameColo(now: number, voteless: ReadonlySet<string>): Map<string, string> {
    const { catalog } = this.project;
    const reasons = new Map<string, string>();
    const voting = new Set<string>();
    for (const monitor of catalog.monitors.values()) {
      const colos = new Map<string, string>();
      for (const region of catalog.regionsOf(monitor)) {
        const colo = this.facts.of(region, now).colos[0];
        const other = colo === undefined ? undefined : colos.get(colo);
        if (other !== undefined) {
          reasons.set(region, `same colo as ${other} (${colo})`);
          continue;
        }
        if (voteless.has(region)) continue;
        voting.add(region);
        if (colo !== undefined && colo !== "local") colos.set(colo, region);
      }
    }
    for (const region of voting) reasons.delete(region);
    return reasons;
  }
}
