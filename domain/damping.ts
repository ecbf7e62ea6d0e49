/**
 * How long somebody who came back stays out (engine.md, rule 7): the pool's failback delay, and for one that keeps falling a penalty on top.
 * It serves members and pools alike; who yields to whom when nobody else is left is for the callers to say.
 */
import { z } from "zod";
import { limits } from "./limits.ts";

export const damping = z.object({
  /** The last fall, and the last return after it; Unix ms, null before the first. */
  fellAt: z.number().nullable(),
  returnedAt: z.number().nullable(),
  /** As it was at the last fall; it halves while its owner stays up. */
  penaltyMs: z.number(),
});
export type Damping = Readonly<z.output<typeof damping>>;

export const undamped: Damping = { fellAt: null, returnedAt: null, penaltyMs: 0 };

/** What is left of the penalty after the time that its owner has been up. */
export function penaltyAt(state: Damping, now: number): number {
  if (state.returnedAt === null) return state.penaltyMs;
  const halvings = Math.floor(Math.max(0, now - state.returnedAt) / limits.dampingMs);
  const left = state.penaltyMs / 2 ** Math.min(halvings, 60);
  return left < limits.penaltyBaseMs ? 0 : left;
}

/** A fall: from the second within ten minutes on it costs a penalty, doubled by each further one. Who is down already does not fall again. */
export function fall(state: Damping, now: number): Damping {
  if (state.fellAt !== null && state.returnedAt === null) return state;
  const left = penaltyAt(state, now);
  // A clock that was set back makes a fall recent rather than long ago: the safe side is to hold back.
  const recent = state.fellAt !== null && now - state.fellAt <= limits.dampingMs;
  const penaltyMs = left > 0 ? Math.min(2 * left, limits.penaltyMaxMs) : recent ? limits.penaltyBaseMs : 0;
  return { fellAt: now, returnedAt: null, penaltyMs };
}

/**
 * It is up, and held back since it came back; nothing happens to one that never fell. Say it as often as you like: the same object comes back,
 * unless the clock was set back since. Then it is held from now on, and not until the clock has caught up.
 */
export function comeBack(state: Damping, now: number): Damping {
  if (state.fellAt === null || (state.returnedAt !== null && state.returnedAt <= now)) return state;
  return { ...state, returnedAt: now };
}

/** Until when it is held back, Unix ms; null: it is not. */
export function heldUntil(state: Damping, failbackDelayMs: number, now: number): number | null {
  if (state.returnedAt === null) return null;
  // On a clock that was set back: no further ahead than the hold is long; `comeBack` ends it in time.
  const since = Math.min(state.returnedAt, now);
  const until = since + failbackDelayMs + state.penaltyMs;
  return until > now ? until : null;
}

/** A time that lies ahead was set by a clock that was set back since: it is now. The same object comes back where none does. */
export function notAhead(state: Damping, now: number): Damping {
  const bound = (at: number | null) => (at === null ? null : Math.min(at, now));
  const [fellAt, returnedAt] = [bound(state.fellAt), bound(state.returnedAt)];
  return fellAt === state.fellAt && returnedAt === state.returnedAt ? state : { ...state, fellAt, returnedAt };
}
