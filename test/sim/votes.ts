/**
 * The reference of who voted what: a plain fold of everything that was ever delivered to the Engine, kept apart from it. It answers one
 * question: could this endpoint have been judged so by votes that were cast? What the Engine loses by a crash, since it never stored it, is
 * lost here too.
 */
import type { CheckReport, Observation, OutcomeKind } from "../../domain/observation.ts";

type Heard = { readonly tick: number; readonly outcome: OutcomeKind };
type Fold = { verdict: "unknown" | "up" | "down"; fails: number; passes: number };
/** Never changed in place. */
type Line = { readonly version: number; readonly base: Fold; readonly heard: readonly Heard[] };
/** Of one member, by endpoint, monitor and region. */
type Lines = Map<string, Line>;

export type Limit = { readonly fails: number; readonly passes: number };

const window = 16;
const fresh: Fold = { verdict: "unknown", fails: 0, passes: 0 };

export class Votes {
  private members = new Map<string, Lines>();
  private readonly durable = new Map<string, Lines>();

  /** `arrivedAt` is the Engine's clock. `limitOf`: null where the observation does not count. */
  hear(report: CheckReport, arrivedAt: number, limitOf: (told: Observation) => Limit | null): void {
    for (const told of report.observations) {
      if (told.tick > arrivedAt + 5_000) continue;
      const limit = limitOf(told);
      if (limit === null) continue;
      const lines = this.members.get(told.member_id) ?? new Map<string, Line>();
      this.members.set(told.member_id, lines);
      const key = `${told.endpoint} ${told.monitor_id} ${report.region}`;
      const known = lines.get(key);
      if (known !== undefined && known.version > told.monitor_version) continue;
      // A monitor that asks in another way is another witness.
      const line = known?.version === told.monitor_version ? known : { version: told.monitor_version, base: fresh, heard: [] };
      lines.set(key, put(caughtUp(line, told.tick, arrivedAt), told, limit));
    }
  }

  /** The regions that say `wanted` of an endpoint, by what the Engine was told. */
  saying(
    wanted: "up" | "down",
    of: { memberId: string; endpoint: string; monitorId: string; regions: readonly string[] },
    limit: Limit,
  ): string[] {
    return of.regions.filter((region) => {
      const line = this.members.get(of.memberId)?.get(`${of.endpoint} ${of.monitorId} ${region}`);
      return line !== undefined && line.heard.reduce((fold, { outcome }) => step(fold, outcome, limit), line.base).verdict === wanted;
    });
  }

  /** The counters of this endpoint and monitor start anew. */
  restart(memberId: string, endpoint: string, monitorId: string): void {
    const lines = this.members.get(memberId);
    for (const key of lines?.keys() ?? []) if (key.startsWith(`${endpoint} ${monitorId} `)) lines?.delete(key);
  }

  /** The Engine writes what it knows of the member. Returns what to do once that is durable. */
  stored(memberId: string): () => void {
    const snapshot = new Map(this.members.get(memberId));
    return () => this.durable.set(memberId, snapshot);
  }

  /** The Engine is gone, and knows no more than it stored. */
  crashed(): void {
    this.members = new Map([...this.durable].map(([id, lines]) => [id, new Map(lines)]));
  }

  forget(): void {
    this.members.clear();
    this.durable.clear();
  }
}

/** What came from a clock that ran ahead and was set back since goes before what comes now. */
function caughtUp(line: Line, tick: number, arrivedAt: number): Line {
  const first = line.heard.findIndex((heard) => heard.tick > arrivedAt + 6_000);
  if (first < 0) return line;
  const { length } = line.heard;
  if (first > 0 && tick - length + first <= (line.heard[first - 1] as Heard).tick) return line;
  return { ...line, heard: line.heard.map((heard, index) => (index < first ? heard : { ...heard, tick: tick - length + index })) };
}

function put(line: Line, { tick, outcome }: Heard, limit: Limit): Line {
  const heard = [...line.heard];
  const known = heard.findIndex((entry) => entry.tick === tick);
  if (known >= 0) {
    if (heard[known]?.outcome === "no_data") heard[known] = { tick, outcome };
    return { ...line, heard };
  }
  let index = heard.length;
  while (index > 0 && (heard[index - 1] as Heard).tick > tick) index -= 1;
  if (index === 0 && heard.length >= window) return line;
  heard.splice(index, 0, { tick, outcome });
  const dropped = heard.length > window ? heard.shift() : undefined;
  return { ...line, base: dropped === undefined ? line.base : step(line.base, dropped.outcome, limit), heard };
}

function step(fold: Fold, outcome: OutcomeKind, limit: Limit): Fold {
  const { verdict } = fold;
  if (outcome === "no_data") return fold;
  if (outcome === "pass") {
    const passes = fold.passes + 1;
    return { verdict: verdict !== "down" || passes >= limit.passes ? "up" : "down", fails: 0, passes };
  }
  const fails = fold.fails + 1;
  return { verdict: fails >= limit.fails ? "down" : verdict, fails, passes: 0 };
}
