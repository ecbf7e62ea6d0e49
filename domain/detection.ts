/**
 * How long a dead endpoint can stay in the answer, at the worst: the bounds that operators choose settings by (docs/decisions.md), with results
 * that arrive promptly. It measures nothing and promises nothing of resolvers, which keep an answer for its TTL.
 */

export type DetectionSettings = {
  /** Seconds, as in a monitor. */
  readonly delay: number;
  readonly timeout: number;
  readonly maxRetries: number;
  readonly confirmDelay: number;
  /** How many regions run the monitor. */
  readonly regions: number;
};

/** From the last result to the published answer: the queue, judging, the write. Seconds. */
const deliverySeconds = 2;

/** By the regular ticks alone: more endpoints fail together than a shard has slots to confirm, or `confirm_delay` is `delay`. Seconds. */
export const byTicks = ({ delay, timeout, maxRetries }: DetectionSettings): number => (maxRetries + 1) * delay + timeout + deliverySeconds;

/**
 * Confirmed fast: at most as many endpoints of a shard fail together as it has slots. Regular ticks go on meanwhile, so that it never takes
 * longer than they alone. Seconds.
 */
export function confirmed(settings: DetectionSettings): number {
  const { delay, timeout, maxRetries, confirmDelay, regions } = settings;
  if (confirmDelay >= delay) return byTicks(settings);
  return Math.min(byTicks(settings), delay / regions + (maxRetries + 1) * (timeout + confirmDelay) + deliverySeconds);
}
