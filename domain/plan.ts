/**
 * A plan: what a name shall answer, as a value that knows no provider. Its number rises strictly, so that an old one can be told and dropped.
 * An empty plan cannot be represented but by `withdraw`.
 */
import { z } from "zod";
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
});
export type AnswerSet = z.output<typeof answerSet>;

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
    answers: z.array(answerSet),
  })
  .refine((value) => value.withdrawn === (value.answers.length === 0), { error: "a plan is empty if and only if it is withdrawn" });
export type Plan = z.output<typeof plan>;

/** Which of two plan numbers is newer: the epoch first. Negative, zero or positive, as for `sort`. */
export const comparePlans = (a: { epoch: number; number: number }, b: { epoch: number; number: number }): number =>
  a.epoch - b.epoch || a.number - b.number;
