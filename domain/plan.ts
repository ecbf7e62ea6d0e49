/**
 * A plan: what a name shall answer, as a value that knows no provider. Its number rises strictly, so that an old one can be told and dropped.
 * An empty plan cannot be represented but by `withdraw`.
 */
import { z } from "zod";
import { place } from "./geo.ts";
import { steeringPolicies } from "./gslb.ts";
import { location } from "./location.ts";
import { id } from "./schema.ts";

export const recordTypes = ["A", "AAAA", "CNAME"] as const;

export const answerSet = z.object({
  type: z.enum(recordTypes),
  /** Addresses, or the one target of a CNAME; canonical and in the order of preference. */
  values: z.array(z.string().min(1)).min(1),
  ttl: z.int().min(1),
  pool_id: id,
  /** Of a `weighted` plan, whose sets are a member each: the member's weight in its pool, and its pool's among the pools. Null in others. */
  weight: z.int().min(0).nullable().default(null),
  pool_weight: z.int().min(0).nullable().default(null),
  /** Of a `geo` plan: whose clients the pool is for; none: everybody whom no other set is for. */
  locations: z.array(location).default([]),
  /** Of a `geo` plan: clients of these locations get no answer of another pool's. */
  geofence: z.boolean().default(false),
  /** Of a `latency` plan: where the pool's members are, as they say it (`region`); null: they do not, or not all the same. */
  region: z.string().nullable().default(null),
});
export type AnswerSet = z.output<typeof answerSet>;

/**
 * A pool in a plan for a provider that steers by pools of its own: every pool of the GSLB in its order, those that the policy passed over too.
 * What is out of rotation stands there and is off.
 */
export const planPool = z.object({
  id,
  name: z.string(),
  /** The policy picked it: it takes traffic now. */
  picked: z.boolean(),
  weight: z.int().min(0),
  locations: z.array(location),
  geofence: z.boolean(),
  members: z.array(
    z.object({
      id,
      name: z.string(),
      weight: z.int().min(0),
      host_header: z.string().nullable(),
      /** Addresses, or names with their trailing dot. */
      endpoints: z.array(z.object({ endpoint: z.string().min(1), on: z.boolean() })),
    }),
  ),
});
export type PlanPool = z.output<typeof planPool>;

export const plan = z
  .object({
    gslb_id: id,
    fqdn: z.string(),
    zone: z.string(),
    flavor: z.string(),
    epoch: z.int().min(0),
    number: z.int().min(1),
    decided_at: z.int(),
    ttl: z.int().min(1),
    /** True only where `on_all_down` says `withdraw` and no pool is usable: the one plan without answers. */
    withdrawn: z.boolean(),
    /** How the answers were chosen, and how a provider shall choose among them. */
    policy: z.enum(steeringPolicies).default("failover"),
    answers: z.array(answerSet),
    /** Of a `geo` plan: which pool's answers are whose, in the pools' order. */
    places: z.array(place).exactOptional(),
    /** Only for a provider that `supports.pools`. */
    pools: z.array(planPool).default([]),
  })
  .refine((value) => value.withdrawn === (value.answers.length === 0), { error: "a plan is empty if and only if it is withdrawn" });
export type Plan = z.output<typeof plan>;

/** Which of two plan numbers is newer: the epoch first. Negative, zero or positive, as for `sort`. */
export const comparePlans = (a: { epoch: number; number: number }, b: { epoch: number; number: number }): number =>
  a.epoch - b.epoch || a.number - b.number;
