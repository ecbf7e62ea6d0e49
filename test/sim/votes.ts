/**
 * The reference of who voted what: a plain fold of everything that was ever delivered to the Engine, kept apart from it. It answers one
 * question: could this endpoint have been judged so by votes that were cast?
 */
import type { CheckReport, OutcomeKind } from "../../domain/observation.ts";

type Heard = { readonly tick: number; readonly outcome: OutcomeKind };
type Fold = { verdict: "unknown" | "up" | "down"; fails: number; passes: number };
type Line = { readonly version: number; readonly base: Fold; readonly heard: Heard[] };

export type Limit = { readonly fails: number; readonly passes: number };

const window = 16;

export class Votes {
  private readonly lines = new Map<string, Line>();

  /** `arrivedAt` is the Engine's clock. Returns how to forget it again. */
  hear(report: CheckReport, arrivedAt: number, thresholds: (told: CheckReport["observations"][number]) => Limit | null): () => void {
    const undo: (() => void)[] = [];
    for (const told of report.observations) {
      const { member_id, endpoint, monitor_id, monitor_version, tick, outcome } = told;
      if (tick > arrivedAt + 5_000) continue;
      const limit = thresholds(told);
      if (limit === null) continue;
      const key = [member_id, endpoint, monitor_id, report.region].join(" ");
      let line = this.lines.get(key);
      // A monitor that asks in another way is another witness.
      if (line === undefined || line.version < monitor_version)
        line = { version: monitor_version, base: { verdict: "unknown", fails: 0, passes: 0 }, heard: [] };
      else if (line.version > monitor_version) continue;
      const before = this.lines.get(key);
      line = { ...line, base: { ...line.base }, heard: [...line.heard] };
      this.lines.set(key, line);
      undo.push(() => this.put(key, before));
      put(line, { tick, outcome }, limit);
    }
    return () => {
      for (const step of undo.reverse()) step();
    };
  }

  /** The counters of this endpoint and monitor start anew, or, without them, all do. Returns how to take it back. */
  restart(memberId: string, endpoint: string, monitorId: string): () => void {
    const prefix = `${memberId} ${endpoint} ${monitorId} `;
    const gone = [...this.lines].filter(([key]) => key.startsWith(prefix));
    for (const [key] of gone) this.lines.delete(key);
    return () => {
      for (const [key, line] of gone) this.lines.set(key, line);
    };
  }

  forget(): void {
    this.lines.clear();
  }

  private put(key: string, line: Line | undefined): void {
    if (line === undefined) this.lines.delete(key);
    else this.lines.set(key, line);
  }

  /** The regions that say `wanted` of an endpoint, by what the Engine was told. */
  saying(
    wanted: "up" | "down",
    of: { memberId: string; endpoint: string; monitorId: string; regions: readonly string[] },
    limit: Limit,
  ): string[] {
    return of.regions.filter((region) => {
      const line = this.lines.get([of.memberId, of.endpoint, of.monitorId, region].join(" "));
      if (line === undefined) return false;
      const fold = { ...line.base };
      for (const { outcome } of line.heard) step(fold, outcome, limit);
      return fold.verdict === wanted;
    });
  }
}

function put(line: Line, heard: Heard, limit: Limit): void {
  const known = line.heard.findIndex(({ tick }) => tick === heard.tick);
  if (known >= 0) {
    if (line.heard[known]?.outcome === "no_data") line.heard[known] = heard;
    return;
  }
  let index = line.heard.length;
  while (index > 0 && (line.heard[index - 1] as Heard).tick > heard.tick) index -= 1;
  if (index === 0 && line.heard.length >= window) return;
  line.heard.splice(index, 0, heard);
  const dropped = line.heard.length > window ? line.heard.shift() : undefined;
  if (dropped !== undefined) step(line.base, dropped.outcome, limit);
}

function step(fold: Fold, outcome: OutcomeKind, limit: Limit): void {
  if (outcome === "pass") {
    fold.passes += 1;
    fold.fails = 0;
    if (fold.verdict !== "down" || fold.passes >= limit.passes) fold.verdict = "up";
  } else if (outcome === "fail") {
    fold.fails += 1;
    fold.passes = 0;
    if (fold.fails >= limit.fails) fold.verdict = "down";
  }
}
