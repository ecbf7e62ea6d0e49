/**
 * From the regions' verdicts to one judgement of an (endpoint, monitor), and from those to the endpoint (engine.md, rules 2, 4 and 10).
 * The rule that everything else leans on: **a state changes only by votes that were cast.** A region that falls silent, in either
 * direction, changes nothing.
 */
import { z } from "zod";
import { isSilent, type Series, type Verdict, verdict } from "./verdict.ts";

export type Vote = {
  readonly region: string;
  readonly verdict: Verdict;
  readonly hasVote: boolean;
  /** Why it has none; null where it has. */
  readonly reason: "silent" | "returning" | "unknown" | "same colo" | "sick" | null;
};

export type QuorumSettings = {
  readonly quorumPercent: number;
  /** Null: a majority of the monitor's regions. */
  readonly minRegions: number | null;
};

export type Timing = { readonly now: number; readonly delayMs: number; readonly timeoutMs: number };

export const judgement = z.object({
  state: verdict,
  /** Who voted what in the last decision, so that a vote that is cast can be told from one that fell silent. */
  voters: z.record(z.string(), z.enum(["up", "down"])).readonly(),
  /** When its counters started anew, Unix ms. */
  startedAt: z.number(),
});
export type Judgement = Readonly<z.output<typeof judgement>>;

export const newJudgement = (startedAt: number): Judgement => ({ state: "unknown", voters: {}, startedAt });

/** How many votes a decision needs: `floor(n ÷ 2) + 1` unless the pool says otherwise, and never more than there are regions. */
export function votesNeeded(regionCount: number, minRegions: number | null): number {
  return Math.max(1, Math.min(minRegions ?? Math.floor(regionCount / 2) + 1, regionCount));
}

const nobody: ReadonlySet<string> = new Set();

/**
 * Who votes. A region that is sick (rule 3) has no vote. A region measured at the same colo as one before it (in the order given) has none: it is the same place twice. `local` is no
 * colo: where none could be measured, every region counts.
 */
export function votesOf(
  series: readonly (readonly [region: string, series: Series | undefined])[],
  timing: Timing,
  sick: ReadonlySet<string> = nobody,
): Vote[] {
  const colos = new Set<string>();
  return series.map(([region, entry]) => {
    const verdict = entry?.count.verdict ?? "unknown";
    if (entry === undefined || isSilent(entry, timing.now, timing.delayMs, timing.timeoutMs)) {
      return { region, verdict, hasVote: false, reason: "silent" };
    }
    if (entry.returning) return { region, verdict, hasVote: false, reason: "returning" };
    if (verdict === "unknown") return { region, verdict, hasVote: false, reason: "unknown" };
    if (sick.has(region)) return { region, verdict, hasVote: false, reason: "sick" };
    if (entry.colo !== null && entry.colo !== "local") {
      if (colos.has(entry.colo)) return { region, verdict, hasVote: false, reason: "same colo" };
      colos.add(entry.colo);
    }
    return { region, verdict, hasVote: true, reason: null };
  });
}

/**
 * Whether a region that voted in the last decision may only not have been heard *yet*. After a start the freshness of the last moments is
 * lost: until such a region was heard again, or for as long as silence takes, a decision without it would be made by fewer than there are.
 * `lostMs`: how much of the freshness a start can lose.
 */
export function mayBeLate(
  judgement: Judgement,
  series: readonly (readonly [region: string, series: Series | undefined])[],
  timing: Timing,
  startedAt: number,
  lostMs: number,
): boolean {
  const silenceMs = 2 * timing.delayMs + timing.timeoutMs;
  const sinceStart = timing.now - startedAt;
  if (sinceStart < 0 || sinceStart > silenceMs) return false;
  return series.some(
    ([region, entry]) =>
      entry !== undefined &&
      judgement.voters[region] !== undefined &&
      entry.freshAt < startedAt &&
      startedAt - entry.freshAt <= silenceMs + lostMs &&
      isSilent(entry, timing.now, timing.delayMs, timing.timeoutMs),
  );
}

/** The quorum in integers: down when `down × 100 ≥ quorum_percent × votes`. */
export const isQuorumDown = (down: number, votes: number, quorumPercent: number): boolean => down * 100 >= quorumPercent * votes;

/**
 * The judgement after these votes. It is held where fewer than needed voted, and where nobody cast a vote since the last decision: the same
 * voters say the same, or fewer of them do. It moves only to what somebody voted anew: where others fell silent, one fail more must not
 * bring an endpoint back, nor one pass more take it away.
 */
export function judge(judgement: Judgement, votes: readonly Vote[], settings: QuorumSettings): Judgement {
  let up = 0;
  let down = 0;
  const cast = { up: false, down: false };
  for (const vote of votes) {
    if (!vote.hasVote) continue;
    const said = vote.verdict === "down" ? "down" : "up";
    if (said === "down") down += 1;
    else up += 1;
    if (judgement.voters[vote.region] !== said) cast[said] = true;
  }
  if ((!cast.up && !cast.down) || up + down < votesNeeded(votes.length, settings.minRegions)) return judgement;
  const state = isQuorumDown(down, up + down, settings.quorumPercent) ? "down" : "up";
  if (state !== judgement.state && !cast[state]) return judgement;
  const voters: Record<string, "up" | "down"> = {};
  for (const vote of votes) if (vote.hasVote) voters[vote.region] = vote.verdict === "down" ? "down" : "up";
  return { ...judgement, state, voters };
}

/**
 * Whether a judgement that started anew has heard enough to replace what was held: each region has a verdict, or has said nothing for as long
 * as silence takes. Without it the first passes of a few regions would speak while the failing ones are still counting.
 */
export function hasSettled(
  judgement: Judgement,
  series: readonly (readonly [region: string, series: Series | undefined])[],
  timing: Timing,
): boolean {
  const patienceOver = timing.now - judgement.startedAt > 2 * timing.delayMs + timing.timeoutMs;
  return series.every(([, entry]) => {
    if (entry !== undefined && entry.count.verdict !== "unknown") return true;
    const heard = entry !== undefined && !isSilent(entry, timing.now, timing.delayMs, timing.timeoutMs);
    return !heard && patienceOver;
  });
}

/** An endpoint is down when any of its judged monitors is, up when all of them are up; else what it was is held (rule 4). */
export function endpointState(held: Verdict, judgements: readonly Verdict[]): Verdict {
  if (judgements.some((state) => state === "down")) return "down";
  if (judgements.length > 0 && judgements.every((state) => state === "up")) return "up";
  return held;
}
