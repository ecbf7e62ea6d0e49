/**
 * What is published at one (flavor, name): one writer, rising plan numbers, the newest plan only, retries without end (engine.md, rules 17,
 * 19, 20). A value and its transitions; who calls the backend keeps it, and stores it before each write.
 */
import { z } from "zod";
import type { WriteFailure } from "./backend.ts";
import type { Place } from "./geo.ts";
import type { SteeringPolicy } from "./gslb.ts";
import { limits } from "./limits.ts";
import { type AnswerSet, type Plan, type PlanPool, plan } from "./plan.ts";

/** What is written first, in this order: what people asked for, dead endpoints that go, what comes, and what others changed. */
export const urgencies = ["operator", "removal", "addition", "repair"] as const;
export type Urgency = (typeof urgencies)[number];

/** Why nothing is written although something else is live: the flavor says so, others fight over the name, or people had changed it. */
export const holds = ["drift", "conflict", "hand_edit"] as const;

export const publication = z.object({
  flavor: z.string(),
  fqdn: z.string(),
  zone: z.string(),
  /** The GSLB it was last wanted for; it changes when a name is made again. */
  gslbId: z.string(),
  /** GSLBs that it was wanted for before, and whose plan may have been written since a plan was last confirmed. */
  former: z.array(z.string()).readonly().default([]),
  epoch: z.int(),
  /** The number of the newest plan, published or not. It never falls, also when the name is gone. */
  number: z.int(),
  /** What shall be live: a plan, or `removed`, or nothing yet (null). */
  wanted: z.union([plan, z.literal("removed"), z.null()]),
  urgency: z.enum(urgencies).default("addition"),
  /** The number that the backend confirmed; 0: none. */
  confirmed: z.int(),
  /** The newest plan that the backend confirmed, and when. */
  live: z.object({ plan, at: z.number() }).nullable(),
  /** Until when resolvers may have answers of plans before `live`, Unix ms. */
  cachedUntil: z.number().default(0),
  /** The longest TTL, in seconds, of plans that were replaced before the backend confirmed them: they may have been live. */
  replacedTtl: z.number().default(0),
  /** The backend took it and could not be read back yet; of what is still pending: it is taken, and not live yet. */
  unseen: z.boolean().default(false),
  /** A plan after `live` may have been written: what is found there says nothing of other writers. */
  unsure: z.boolean().default(false),
  attempts: z.int(),
  nextTryAt: z.number(),
  /** How many names at the most go in a write with it: halved each time that the write failed as a whole; null: as many as there are. */
  atMost: z.int().min(1).nullable().default(null),
  lastError: z
    .object({
      class: z.enum(["retry", "refused", "credentials", "not-found", "superseded", "foreign"]),
      detail: z.string(),
      at: z.number(),
    })
    .nullable(),
  /** When others were found to have changed it, of late (Unix ms). */
  drifts: z.array(z.number()).readonly().default([]),
  /** Ends with the next change of what is wanted, or when what was written is live again. */
  hold: z
    .object({ kind: z.enum(holds), found: z.string(), at: z.number() })
    .nullable()
    .default(null),
});
export type Publication = Readonly<z.output<typeof publication>>;

export const newPublication = (flavor: string, fqdn: string, zone: string, gslbId: string): Publication => ({
  flavor,
  fqdn,
  zone,
  gslbId,
  former: [],
  epoch: 0,
  number: 0,
  wanted: null,
  urgency: "addition",
  confirmed: 0,
  live: null,
  cachedUntil: 0,
  replacedTtl: 0,
  unseen: false,
  unsure: false,
  attempts: 0,
  nextTryAt: 0,
  atMost: null,
  lastError: null,
  drifts: [],
  hold: null,
});

const holdWords = {
  drift: "somebody else changed the name",
  conflict: "somebody else changes the name again and again",
  hand_edit: "the name was changed while nobody decided here",
} as const;

/** Why nothing is written over what is there. */
export const holdReason = ({ kind, found }: NonNullable<Publication["hold"]>): string =>
  `${holdWords[kind]} (found: ${found}): held until what is wanted changes`;

export type Wanted = {
  readonly ttl: number;
  readonly withdrawn: boolean;
  readonly policy: SteeringPolicy;
  readonly answers: readonly AnswerSet[];
  readonly places?: readonly Place[];
  readonly pools: readonly PlanPool[];
};

/**
 * Wants these answers; the same object comes back where they are wanted already, so that stable targets cause no write. What people change
 * ends a hold also where the answers stay the same.
 */
export function want(
  publication: Publication,
  gslbId: string,
  zone: string,
  epoch: number,
  wanted: Wanted,
  now: number,
  cause: "operator" | "automatic" = "automatic",
): Publication {
  const current = publication.wanted;
  const same =
    current !== null &&
    current !== "removed" &&
    publication.gslbId === gslbId &&
    publication.zone === zone &&
    publication.epoch >= epoch &&
    current.ttl === wanted.ttl &&
    current.withdrawn === wanted.withdrawn &&
    current.policy === wanted.policy &&
    JSON.stringify(current.answers) === JSON.stringify(wanted.answers) &&
    JSON.stringify(current.places) === JSON.stringify(wanted.places) &&
    JSON.stringify(current.pools) === JSON.stringify(wanted.pools);
  if (same && (cause === "automatic" || publication.hold === null)) return publication;
  const next = { ...publication, gslbId, former: formerOf(publication, gslbId), zone, urgency: urgencyOf(publication, wanted, cause) };
  return renumber(next, Math.max(publication.epoch, epoch), publication.number + 1, (number, nextEpoch) => ({
    gslb_id: gslbId,
    fqdn: publication.fqdn,
    zone,
    flavor: publication.flavor,
    epoch: nextEpoch,
    number,
    decided_at: now,
    ttl: wanted.ttl,
    withdrawn: wanted.withdrawn,
    policy: wanted.policy,
    answers: [...wanted.answers],
    ...(wanted.places === undefined ? {} : { places: [...wanted.places] }),
    pools: [...wanted.pools],
  }));
}

/** Wants the name gone. Its number goes on, so that no plan from before can come back. */
export function wantRemoved(publication: Publication): Publication {
  if (publication.wanted === "removed") return publication;
  return { ...fresh(publication), number: publication.number + 1, wanted: "removed", urgency: "operator" };
}

/** The same answers once more, above whatever was written: somebody else has changed what is live. */
export function reassert(publication: Publication, now: number): Publication {
  const { wanted, epoch, number } = publication;
  if (wanted === null || wanted === "removed") return publication;
  const next: Publication = { ...publication, urgency: moreUrgent("repair", pendingUrgency(publication)), unsure: true };
  return renumber(next, epoch, number + 1, (above, nextEpoch) => ({ ...wanted, epoch: nextEpoch, number: above, decided_at: now }));
}

export const isPending = (publication: Publication): boolean => publication.wanted !== null && publication.confirmed !== publication.number;

/** The provider took the newest and still hands it out: it is read again until it is live, and not written again. */
export const isTaken = (publication: Publication): boolean => isPending(publication) && publication.unseen;

/** The provider took plan `number` and says that it is not live yet. */
export const take = (publication: Publication, number: number): Publication =>
  number === publication.number && isPending(publication) && !publication.unseen ? { ...publication, unseen: true } : publication;

/** What failed is tried again now, as if for the first time: why it failed may be over. */
export const retryNow = (publication: Publication): Publication =>
  isPending(publication) && publication.lastError !== null ? { ...publication, attempts: 0, nextTryAt: 0 } : publication;

/** When it may be written, Unix ms; null: there is nothing to write, or it is held. */
export function dueAt(publication: Publication, now: number): number | null {
  if (!isPending(publication) || publication.unseen || publication.hold !== null) return null;
  // A time that is further ahead than any wait was set before the clock was.
  return publication.nextTryAt > now + limits.retryAfterMaxMs ? 0 : publication.nextTryAt;
}

export function isDue(publication: Publication, now: number): boolean {
  const at = dueAt(publication, now);
  return at !== null && at <= now;
}

/** What is wanted is live, as far as was read. */
export const isInSync = (publication: Publication): boolean =>
  publication.wanted !== null && !isPending(publication) && !publication.unseen && publication.hold === null;

/** The backend took plan `number`. If a newer one is wanted by now, that one stays pending. `seen`: it was read back, or nobody can. */
export function confirm(publication: Publication, number: number, now: number, seen = true): Publication {
  if (number < publication.confirmed) return publication;
  if (number !== publication.number) return { ...publication, confirmed: number };
  const live = publication.wanted === "removed" || publication.wanted === null ? null : { plan: publication.wanted, at: now };
  const before = Math.max(publication.live?.plan.ttl ?? 0, publication.replacedTtl);
  return {
    ...publication,
    confirmed: number,
    live,
    cachedUntil: isPending(publication) ? Math.max(publication.cachedUntil, now + before * 1_000) : publication.cachedUntil,
    replacedTtl: 0,
    former: [],
    unseen: !seen,
    unsure: false,
    attempts: 0,
    nextTryAt: 0,
    atMost: null,
    lastError: null,
  };
}

/**
 * The backend did not take it. It is tried again without end: exponential back-off with full jitter, at most five minutes apart. `random` is
 * from [0, 1). A name that somebody holds with a higher plan is taken over by a plan above it; a removal gives way to whatever is not
 * ours, since the name is not ours any more.
 */
export function refuse(publication: Publication, number: number, failure: WriteFailure, now: number, random: number): Publication {
  if (number !== publication.number) return publication;
  const attempts = publication.attempts + 1;
  const backoff = backoffMs(attempts, random);
  if (failure.class === "superseded") {
    // At once; but two that go above each other again and again do it ever more slowly.
    const again = { attempts, nextTryAt: publication.attempts === 0 ? 0 : now + backoff };
    const epoch = Math.max(publication.epoch, failure.epoch);
    const above = Math.max(publication.number, failure.number) + 1;
    const { wanted, atMost } = publication;
    if (wanted !== null && wanted !== "removed") {
      const next = renumber(publication, epoch, above, (higher, nextEpoch) => ({ ...wanted, epoch: nextEpoch, number: higher }));
      return { ...next, ...again, atMost };
    }
    // What is left there is our own: a removal by an Engine that lost its numbers goes above it too.
    if (wanted === "removed" && ownersOf(publication).includes(failure.gslbId)) return { ...publication, epoch, number: above, ...again };
    return confirm(publication, number, now);
  }
  if (failure.class === "foreign" && publication.wanted === "removed") return confirm(publication, number, now);
  const wait = failure.class === "retry" ? Math.max(backoff, Math.min(failure.afterMs ?? 0, limits.retryAfterMaxMs)) : backoff;
  return {
    ...publication,
    attempts,
    nextTryAt: now + wait,
    unseen: false,
    // Whoever is refused for good is alone from now on: no other waits for what it does to a write.
    atMost: failure.class === "refused" ? 1 : publication.atMost,
    lastError: { class: failure.class, detail: failure.detail, at: now },
  };
}

/** A write of `names` changes, this one among them, was refused as a whole: it is tried again at once, with half of the others. */
export const halve = (publication: Publication, number: number, names: number): Publication =>
  number === publication.number ? { ...publication, atMost: Math.max(1, Math.ceil(names / 2)) } : publication;

/** A write of `names` changes, this one among them, failed as a whole, without a word for whom: whoever failed often goes with fewer. */
export const suspect = (publication: Publication, number: number, names: number): Publication =>
  publication.attempts >= limits.suspectAttempts ? halve(publication, number, names) : publication;

/** A write with others that were halved as often, to `atMost`, was taken: whoever only failed goes with twice as many, up to `most`. */
export function grow(publication: Publication, atMost: number, most: number): Publication {
  if (publication.atMost !== atMost || publication.lastError?.class !== "retry") return publication;
  return { ...publication, atMost: 2 * atMost < most ? 2 * atMost : null };
}

/** The GSLBs whose plan may be at the name: the present one, the one whose plan was confirmed last, and who wanted it in between. */
export const ownersOf = ({ gslbId, former, live }: Publication): readonly string[] => [
  ...new Set([gslbId, ...former, ...(live === null ? [] : [live.plan.gslb_id])]),
];

/** A plan that was not confirmed may have been written all the same. */
function formerOf({ gslbId, former, number, confirmed }: Publication, next: string): readonly string[] {
  if (gslbId === next || number === confirmed) return former;
  return [...new Set([...former, gslbId])].slice(-limits.formerGslbs);
}

/** Full jitter between half the base and the bound, so that a herd of names does not come back at once. */
export function backoffMs(attempts: number, random: number): number {
  const bound = Math.min(limits.retryMaxMs, limits.retryBaseMs * 2 ** Math.min(attempts, 20));
  return Math.round(limits.retryBaseMs / 2 + random * (bound - limits.retryBaseMs / 2));
}

/** An answer that is live and not wanted any more is a removal. A plan that was not written yet hands its urgency on. */
function urgencyOf(publication: Publication, wanted: Wanted, cause: "operator" | "automatic"): Urgency {
  if (cause === "operator") return "operator";
  const stays = new Set(wanted.answers.flatMap((set) => set.values));
  const isRemoval = publication.live?.plan.answers.some((set) => set.values.some((value) => !stays.has(value))) ?? false;
  return moreUrgent(isRemoval ? "removal" : "addition", pendingUrgency(publication));
}

const pendingUrgency = (publication: Publication): Urgency => (isPending(publication) ? publication.urgency : "repair");

const moreUrgent = (a: Urgency, b: Urgency): Urgency => (urgencies.indexOf(a) < urgencies.indexOf(b) ? a : b);

function renumber(publication: Publication, epoch: number, number: number, make: (number: number, epoch: number) => Plan): Publication {
  return { ...fresh(publication), epoch, number, wanted: make(number, epoch) };
}

const pendingTtl = (publication: Publication): number => {
  const { wanted } = publication;
  return isPending(publication) && wanted !== null && wanted !== "removed" ? wanted.ttl : 0;
};

/** Nothing was tried yet of what is wanted now. What it replaces may have been. */
const fresh = (publication: Publication): Publication => ({
  ...publication,
  replacedTtl: Math.max(publication.replacedTtl, pendingTtl(publication)),
  unseen: false,
  unsure: publication.unsure || isPending(publication),
  attempts: 0,
  nextTryAt: 0,
  atMost: null,
  lastError: null,
  hold: null,
});
