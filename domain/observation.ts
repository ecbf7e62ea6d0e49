/**
 * What a checker saw: the facts, without a verdict. The identity of an observation is (project, member, endpoint, monitor, monitor version,
 * region, prober generation, tick); the first three and the last are what orders and deduplicates it.
 */
import { z } from "zod";
import { limits } from "./limits.ts";
import { id } from "./schema.ts";

export const outcomes = ["pass", "fail", "no_data"] as const;
/** `no_data`: the checker's own trouble. It neither counts nor breaks a run. */
export type OutcomeKind = (typeof outcomes)[number];

/** One check of one endpoint from one region. */
export const observation = z.object({
  member_id: id,
  endpoint: z.string().min(1).max(255),
  monitor_id: id,
  /** The version of the monitor at which it last changed what it asks (`judgesAlike`). */
  monitor_version: z.int().min(1),
  /** When the check was due: Unix time in milliseconds. It orders; arrival does not. */
  tick: z.int().min(0),
  outcome: z.enum(outcomes),
  /** From the start of the check to what decided it, in milliseconds; null where nothing was measured. */
  latency_ms: z.number().min(0).nullable(),
  /** "200", "connect refused", "no slot in time", … */
  detail: z.string().max(limits.checkDetailLength),
  /** What does not fail the check and should be known; left out: nothing. */
  warning: z.string().max(limits.checkDetailLength).optional(),
});
export type Observation = z.output<typeof observation>;

/** One message of the queue `status-results`: what one checker call saw. */
export const checkReport = z.object({
  project_id: z.string().min(1).max(64),
  region: z.string().min(1).max(32),
  shard: z.int().min(0),
  generation: z.int().min(0),
  /** Measured, never the wish: an IATA code, or `local` where there is none. */
  colo: z.string().min(1).max(16),
  observations: z.array(observation).min(1).max(limits.shardTargets),
});
export type CheckReport = z.output<typeof checkReport>;
