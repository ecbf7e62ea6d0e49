/**
 * Overrides: what people say of a member or a pool, for a while, against what the checks say (engine.md, rule 8). The words and who is meant;
 * what a state does to the answers is for `pool-health.ts`.
 */
import { z } from "zod";
import { id, oneOf, text, whenRight } from "./schema.ts";

/** `up`: treated as healthy. `down`: treated as failed, still in its pool's sum. `drain`: planned, left out of the sum. */
export const overrideStates = ["up", "down", "drain"] as const;
export type OverrideState = (typeof overrideStates)[number];

const time = z.iso
  .datetime({ offset: true, error: "must be an RFC 3339 time such as 2026-01-31T12:00:00Z" })
  .transform((value) => new Date(value).toISOString());

/** Who is meant: one or more conditions, all of which must hold. */
export const selector = z
  .strictObject({ member_id: id.exactOptional(), pool_id: id.exactOptional() })
  .refine((value) => Object.keys(value).length > 0, { error: "must name a member_id or a pool_id" });
export type Selector = Readonly<z.output<typeof selector>>;

const reason = text(1_024).nullable().default(null);

/** POST `/v0.1/overrides`. `force` begins it although a GSLB would be left with too little. */
export const overrideWrite = z
  .strictObject({
    selector,
    state: oneOf(overrideStates),
    reason,
    starts_at: time.nullable().default(null),
    expires_at: time.nullable().default(null),
    force: z.boolean({ error: "must be true or false" }).default(false),
  })
  .refine((value) => value.starts_at === null || value.expires_at === null || value.starts_at < value.expires_at, {
    path: ["expires_at"],
    error: "must be after starts_at",
    ...whenRight("starts_at", "expires_at"),
  });
export type OverrideWrite = z.output<typeof overrideWrite>;

/** PUT of the shorthand of one member. */
export const memberOverrideWrite = z.strictObject({
  state: oneOf(overrideStates),
  reason,
  expires_at: time.nullable().default(null),
  force: z.boolean({ error: "must be true or false" }).default(false),
});
export type MemberOverrideWrite = z.output<typeof memberOverrideWrite>;

/** As the Conductor stores it and the Engine decides by it. Times are RFC 3339 in UTC. */
export const override = z.object({
  id,
  project_id: z.string(),
  selector,
  state: oneOf(overrideStates),
  reason: z.string().nullable(),
  starts_at: z.string().nullable(),
  expires_at: z.string().nullable(),
  force: z.boolean(),
  by: z.string(),
  created_at: z.string(),
  /** Why it was ended before its time, or never begun; null while it stands. */
  ended: z.string().nullable(),
});
export type Override = Readonly<z.output<typeof override>>;

/** In a member's body and status. */
export type OverrideView = Pick<Override, "state" | "reason" | "expires_at" | "by" | "created_at"> & { readonly override_id: string };

export const overrideView = ({ id: override_id, state, reason: why, expires_at, by, created_at }: Override): OverrideView => ({
  override_id,
  state,
  reason: why,
  expires_at,
  by,
  created_at,
});

/** Whether it holds at `now` (Unix ms). */
export function isInForce(one: Override, now: number): boolean {
  if (one.ended !== null) return false;
  if (one.starts_at !== null && Date.parse(one.starts_at) > now) return false;
  return one.expires_at === null || Date.parse(one.expires_at) > now;
}

export const isMeant = (
  { selector: { member_id, pool_id } }: Override,
  member: { readonly id: string; readonly pool_id: string },
): boolean => (member_id === undefined || member_id === member.id) && (pool_id === undefined || pool_id === member.pool_id);

/** The one that decides for a member: the most specific; of equals the newest. `candidates` are in force and mean it. */
export function deciding(candidates: Iterable<Override>): Override | null {
  let best: Override | null = null;
  for (const one of candidates) if (best === null || compare(one, best) > 0) best = one;
  return best;
}

const rank = ({ selector: { member_id, pool_id } }: Override): number =>
  (member_id === undefined ? 0 : 2) + (pool_id === undefined ? 0 : 1);

const compare = (a: Override, b: Override): number =>
  rank(a) - rank(b) || (a.created_at < b.created_at ? -1 : a.created_at > b.created_at ? 1 : a.id < b.id ? -1 : 1);
