/**
 * What is published at one (flavor, name): one writer, rising plan numbers, the newest plan only, retries without end (engine.md, rules 17,
 * 19, 20). A value and its transitions; who calls the backend keeps it, and stores it before each write.
 */
import { z } from "zod";
import type { WriteFailure } from "./backend.ts";
import { limits } from "./limits.ts";
import { type AnswerSet, type Plan, plan } from "./plan.ts";

export const publication = z.object({
  flavor: z.string(),
  fqdn: z.string(),
  zone: z.string(),
  /** The GSLB it was last wanted for; it changes when a name is made again. */
  gslbId: z.string(),
  epoch: z.int(),
  /** The number of the newest plan, published or not. It never falls, also when the name is gone. */
  number: z.int(),
  /** What shall be live: a plan, or `removed`, or nothing yet (null). */
  wanted: z.union([plan, z.literal("removed"), z.null()]),
  /** The number that the backend confirmed; 0: none. */
  confirmed: z.int(),
  /** The newest plan that the backend confirmed, and when. */
  live: z.object({ plan, at: z.number() }).nullable(),
  attempts: z.int(),
  nextTryAt: z.number(),
  lastError: z
    .object({ class: z.enum(["retry", "refused", "credentials", "not-found", "superseded"]), detail: z.string(), at: z.number() })
    .nullable(),
});
export type Publication = Readonly<z.output<typeof publication>>;

export const newPublication = (flavor: string, fqdn: string, zone: string, gslbId: string): Publication => ({
  flavor,
  fqdn,
  zone,
  gslbId,
  epoch: 0,
  number: 0,
  wanted: null,
  confirmed: 0,
  live: null,
  attempts: 0,
  nextTryAt: 0,
  lastError: null,
});

export type Wanted = { readonly ttl: number; readonly withdrawn: boolean; readonly answers: readonly AnswerSet[] };

/** Wants these answers; the same object comes back where they are wanted already, so that stable targets cause no write. */
export function want(publication: Publication, gslbId: string, zone: string, epoch: number, wanted: Wanted, now: number): Publication {
  const current = publication.wanted;
  const same =
    current !== null &&
    current !== "removed" &&
    publication.gslbId === gslbId &&
    publication.zone === zone &&
    publication.epoch >= epoch &&
    current.ttl === wanted.ttl &&
    current.withdrawn === wanted.withdrawn &&
    JSON.stringify(current.answers) === JSON.stringify(wanted.answers);
  if (same) return publication;
  return renumber({ ...publication, gslbId, zone }, Math.max(publication.epoch, epoch), publication.number + 1, (number, nextEpoch) => ({
    gslb_id: gslbId,
    fqdn: publication.fqdn,
    zone,
    flavor: publication.flavor,
    epoch: nextEpoch,
    number,
    decided_at: now,
    ttl: wanted.ttl,
    withdrawn: wanted.withdrawn,
    answers: [...wanted.answers],
  }));
}

/** Wants the name gone. Its number goes on, so that no plan from before can come back. */
export function wantRemoved(publication: Publication): Publication {
  if (publication.wanted === "removed") return publication;
  return { ...publication, number: publication.number + 1, wanted: "removed", attempts: 0, nextTryAt: 0, lastError: null };
}

export const isPending = (publication: Publication): boolean => publication.wanted !== null && publication.confirmed !== publication.number;

export const isDue = (publication: Publication, now: number): boolean => isPending(publication) && publication.nextTryAt <= now;

export const isInSync = (publication: Publication): boolean => publication.wanted !== null && !isPending(publication);

/** The backend took plan `number`. If a newer one is wanted by now, that one stays pending. */
export function confirm(publication: Publication, number: number, now: number): Publication {
  if (number < publication.confirmed) return publication;
  if (number !== publication.number) return { ...publication, confirmed: number };
  const live = publication.wanted === "removed" || publication.wanted === null ? null : { plan: publication.wanted, at: now };
  return { ...publication, confirmed: number, live, attempts: 0, nextTryAt: 0, lastError: null };
}

/**
 * The backend did not take it. It is tried again without end: exponential back-off with full jitter, at most five minutes apart. `random` is
 * from [0, 1). A name that somebody holds with a higher plan is taken over by a plan above it; a removal gives way to another GSLB's,
 * since the name is not ours any more.
 */
export function refuse(publication: Publication, number: number, failure: WriteFailure, now: number, random: number): Publication {
  if (number !== publication.number) return publication;
  if (failure.class === "superseded") {
    const epoch = Math.max(publication.epoch, failure.epoch);
    const above = Math.max(publication.number, failure.number) + 1;
    const plan = publication.wanted;
    if (plan !== null && plan !== "removed") {
      return renumber(publication, epoch, above, (next, nextEpoch) => ({ ...plan, epoch: nextEpoch, number: next }));
    }
    // What is left there is our own: a removal by an Engine that lost its numbers goes above it too.
    if (plan === "removed" && ownersOf(publication).includes(failure.gslbId))
      return { ...publication, epoch, number: above, attempts: 0, nextTryAt: 0 };
    return confirm(publication, number, now);
  }
  const attempts = publication.attempts + 1;
  const wait = failure.class === "retry" && failure.afterMs !== undefined ? failure.afterMs : backoffMs(attempts, random);
  return {
    ...publication,
    attempts,
    nextTryAt: now + wait,
    lastError: { class: failure.class, detail: failure.detail, at: now },
  };
}

/** The GSLBs whose plan may be at the name: the present one, and the one whose plan was confirmed last. */
export const ownersOf = ({ gslbId, live }: Publication): readonly string[] =>
  live === null || live.plan.gslb_id === gslbId ? [gslbId] : [gslbId, live.plan.gslb_id];

/** Full jitter between half the base and the bound, so that a herd of names does not come back at once. */
export function backoffMs(attempts: number, random: number): number {
  const bound = Math.min(limits.retryMaxMs, limits.retryBaseMs * 2 ** Math.min(attempts, 20));
  return Math.round(limits.retryBaseMs / 2 + random * (bound - limits.retryBaseMs / 2));
}

function renumber(publication: Publication, epoch: number, number: number, make: (number: number, epoch: number) => Plan): Publication {
  return { ...publication, epoch, number, wanted: make(number, epoch), attempts: 0, nextTryAt: 0, lastError: null };
}
