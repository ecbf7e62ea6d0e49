/**
 * How each region is doing: where it was measured, when it was heard, how often its checks came to nothing. Counters by region and ten
 * seconds, so that a report costs a few additions; in memory alone, since nothing is decided by them.
 */
import type { CheckReport, Observation } from "../../domain/observation.ts";

const bucketMs = 10_000;
/** The last minute: the ten seconds that are not over yet, and six before. */
const buckets = 7;
const rateMs = 60_000;
/** A place that was not measured for so long is not shown any more. */
const coloMs = 600_000;

type Bucket = { start: number; checks: number; noData: number };
type Known = { lastAt: number; lagMs: number | null; readonly colos: Map<string, number>; readonly counts: Bucket[] };

export type RegionFact = {
  /** Newest first. */
  readonly colos: readonly string[];
  readonly lastReportAt: number | null;
  readonly lagMs: number | null;
  readonly errorPercent: number | null;
  readonly checksPerSecond: number;
};

export class RegionFacts {
  private readonly startedAt: number;
  private readonly regions = new Map<string, Known>();

  constructor(startedAt: number) {
    this.startedAt = startedAt;
  }

  /** `counts`: which observations are members' checks; the others only show that the region is there. */
  note(report: Pick<CheckReport, "region" | "colo" | "observations">, now: number, counts: (seen: Observation) => boolean): void {
    const known = this.regions.get(report.region) ?? { lastAt: 0, lagMs: null, colos: new Map<string, number>(), counts: [] };
    this.regions.set(report.region, known);
    known.lastAt = now;
    const bucket = bucketAt(known, now);
    let newest: number | null = null;
    let measured = false;
    for (const seen of report.observations) {
      if (newest === null || seen.tick > newest) newest = seen.tick;
      if (seen.outcome !== "no_data") measured = true;
      if (!counts(seen)) continue;
      bucket.checks += 1;
      if (seen.outcome === "no_data") bucket.noData += 1;
    }
    if (newest !== null) known.lagMs = Math.max(0, now - newest);
    // What came to nothing was measured nowhere.
    if (measured) known.colos.set(report.colo, now);
  }

  get names(): readonly string[] {
    return [...this.regions.keys()];
  }

  of(region: string, now: number): RegionFact {
    const known = this.regions.get(region);
    if (known === undefined) return { colos: [], lastReportAt: null, lagMs: null, errorPercent: null, checksPerSecond: 0 };
    const recent = known.counts.filter(({ start }) => now - start < rateMs && start <= now);
    const checks = recent.reduce((sum, bucket) => sum + bucket.checks, 0);
    const noData = recent.reduce((sum, bucket) => sum + bucket.noData, 0);
    const oldest = Math.min(...recent.map(({ start }) => start));
    const seconds = Math.min(rateMs, Math.max(1_000, now - Math.max(oldest, this.startedAt))) / 1_000;
    for (const [colo, at] of known.colos) if (now - at > coloMs) known.colos.delete(colo);
    return {
      colos: [...known.colos].sort(([, a], [, b]) => b - a).map(([colo]) => colo),
      lastReportAt: known.lastAt,
      // Of one that is not heard it is not how late it is.
      lagMs: now - known.lastAt > rateMs ? null : known.lagMs,
      errorPercent: checks === 0 ? null : Math.round((noData * 1_000) / checks) / 10,
      checksPerSecond: checks === 0 ? 0 : Math.round((checks * 10) / seconds) / 10,
    };
  }
}

function bucketAt(known: Known, now: number): Bucket {
  const start = now - (now % bucketMs);
  const last = known.counts.at(-1);
  if (last?.start === start) return last;
  const bucket = { start, checks: 0, noData: 0 };
  known.counts.push(bucket);
  if (known.counts.length > buckets) known.counts.shift();
  return bucket;
}
