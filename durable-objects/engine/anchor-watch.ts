/**
 * Hears what the regions see of the anchors, which are nobody's members, and remembers who cannot reach them. Who that is, is the domain's
 * decision (`domain/anchors.ts`).
 */
import { type AdriftState, type Anchor, type AnchorRun, continueRun, judgeAnchors } from "../../domain/anchors.ts";
import type { CheckReport, Observation } from "../../domain/observation.ts";
import type { EventDraft } from "./evidence.ts";

export class AnchorWatch {
  private readonly anchors: ReadonlyMap<string, Anchor>;
  private readonly runs = new Map<string, Map<string, AnchorRun>>();
  private suspects: ReadonlyMap<string, AdriftState> = new Map();
  private adrift: ReadonlyMap<string, AdriftState> = new Map();
  private failing: ReadonlyMap<string, readonly string[]> = new Map();
  private stored: Record<string, AdriftState> = {};

  constructor(anchors: readonly Anchor[]) {
    this.anchors = new Map(anchors.map((anchor) => [anchor.id, anchor]));
  }

  get ids(): readonly string[] {
    return [...this.anchors.keys()];
  }

  /** The same object until it changes. */
  state(): Record<string, AdriftState> {
    return this.stored;
  }

  /** Without anchors there is nobody who could not reach them. */
  restore(state: Record<string, AdriftState>): void {
    this.stored = state;
    const isGone = this.anchors.size === 0 && Object.keys(state).length > 0;
    if (isGone) this.stored = {};
    this.suspects = new Map(Object.entries(this.stored));
    this.adrift = this.suspects;
  }

  regions(): ReadonlySet<string> {
    return new Set(this.adrift.keys());
  }

  isAnchor(seen: Pick<Observation, "member_id">): boolean {
    return this.anchors.has(seen.member_id);
  }

  /** Why a region has no vote, if it is for the anchors. */
  reasonOf(region: string): string | null {
    if (!this.adrift.has(region)) return null;
    const urls = (this.failing.get(region) ?? []).flatMap((id) => this.anchors.get(id)?.url ?? []);
    return urls.length === 0 ? "anchors: it could not reach them" : `anchors: it cannot reach ${urls.join(", ")}`;
  }

  /** Notes what the reports say of the anchors. True: who is adrift may be somebody else now. */
  hear(reports: readonly CheckReport[]): boolean {
    if (this.anchors.size === 0) return false;
    let heard = false;
    for (const { region, observations } of reports) {
      for (const seen of observations) {
        if (!this.isAnchor(seen)) continue;
        const regions = this.runs.get(seen.member_id) ?? new Map<string, AnchorRun>();
        this.runs.set(seen.member_id, regions);
        const run = continueRun(regions.get(region), seen.outcome, seen.tick);
        if (run === undefined || run === regions.get(region)) continue;
        regions.set(region, run);
        heard = true;
      }
    }
    return heard;
  }

  /** Judges anew, and returns what is to be said of it. */
  look(now: number): readonly EventDraft[] {
    if (this.anchors.size === 0) return [];
    const before = this.adrift;
    const { adrift, suspects, failing } = judgeAnchors(this.suspects, this.runs, now);
    if (JSON.stringify([...suspects]) !== JSON.stringify([...this.suspects])) this.stored = Object.fromEntries(suspects);
    this.adrift = adrift;
    this.suspects = suspects;
    this.failing = failing;
    const events: EventDraft[] = [];
    for (const region of adrift.keys()) {
      if (before.has(region)) continue;
      const anchors = (failing.get(region) ?? []).flatMap((id) => this.anchors.get(id)?.url ?? []);
      const reason = `${region} cannot reach ${anchors.join(", ")}, which most other regions reach: it has no vote until it does`;
      events.push({ kind: "region_lost_vote", severity: "warning", rule: "anchors", reason, evidence: { region, anchors } });
    }
    for (const region of before.keys()) {
      if (adrift.has(region)) continue;
      const reason = suspects.has(region)
        ? `more than half of the regions would have no vote for the anchors: ${region} has its own again`
        : `${region} reaches the anchors again`;
      events.push({ kind: "region_regained_vote", severity: "info", rule: "anchors", reason, evidence: { region } });
    }
    return events;
  }
}
