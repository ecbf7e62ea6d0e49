/**
 * Fast confirmation (engine.md, rule 6): when a first result contradicts what was decided, every region of the monitor looks again at once
 * instead of at its next tick. Whether to ask is decided here, and so is each Prober's own course of looks; the verdict's thresholds are never
 * lowered by it.
 */
import type { OutcomeKind } from "./observation.ts";
import type { Count, Verdict } from "./verdict.ts";

/** What is to be confirmed: that it is down, or that it is up again. */
export type Doubt = "down" | "up";

export type ConfirmationSettings = {
  /** At least so long from the start of one look to the start of the next. */
  readonly delayMs: number;
  /** `max_retries`, and `rise`: how many looks it takes at the most. */
  readonly fails: number;
  readonly passes: number;
};

/** The doubt that the newest result of a region casts on what was decided; null: none. Only the first of a run does. */
export function doubtOf(decided: Verdict, count: Count): Doubt | null {
  if (decided !== "down" && count.fails === 1) return "down";
  if (decided === "down" && count.passes === 1) return "up";
  return null;
}

/** One Prober's course of looks at one check. */
export type Episode = {
  readonly doubt: Doubt;
  /** Looks that are still to be taken. */
  readonly left: number;
  readonly startedAt: number;
  /** When the next look is due; null while one is under way. */
  readonly nextAt: number | null;
};

export const beginEpisode = (doubt: Doubt, settings: ConfirmationSettings, now: number): Episode => ({
  doubt,
  left: doubt === "down" ? settings.fails : settings.passes,
  startedAt: now,
  nextAt: now,
});

/** A look was started. */
export const lookAt = (episode: Episode, now: number): Episode => ({ ...episode, left: episode.left - 1, startedAt: now, nextAt: null });

/**
 * A look, or a regular check of the same endpoint, has ended. It is over when the doubt is refuted, or was looked at as often as it takes.
 * A look without a result used one up all the same: a checker in trouble is not asked without end.
 */
export function afterLook(episode: Episode, outcome: OutcomeKind, settings: ConfirmationSettings, now: number): Episode | null {
  const refuted = episode.doubt === "down" ? outcome === "pass" : outcome === "fail";
  if (refuted || episode.left <= 0) return null;
  // A clock that was set back since the start must not leave the next look waiting for it to catch up.
  const startedAt = Math.min(episode.startedAt, now);
  return { ...episode, startedAt, nextAt: startedAt + Math.max(now - startedAt, settings.delayMs) };
}
