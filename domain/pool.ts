/** A pool: members that serve the same thing, and how many of them must be healthy for it to deserve traffic. */
import { z } from "zod";
import { flavorName } from "./flavor.ts";
import { limits } from "./limits.ts";
import { memberWrite } from "./member.ts";
import { description, flag, ids, int, name, type Resource, tags } from "./schema.ts";
import type { Action, Status } from "./status.ts";

const fields = {
  name,
  description,
  tags,
  /** Null, or the only flavor whose GSLBs may use the pool. */
  flavor: flavorName.nullable().default(null),
  /** False: steering skips the pool; its members are still checked. */
  admin_state_up: flag.default(true),
  min_healthy_percent: int(0, 100).default(0),
  /** Under this share of healthy members the test is suspected, not the members. */
  panic_percent: int(0, 100).default(0),
  quorum_percent: int(1, 100).default(51),
  /** Null: a majority of the monitor's regions. */
  min_regions: int(1, 16).nullable().default(null),
  /** Seconds that a member, or the pool, which came back still stays out. */
  failback_delay: int(0, 86_400).default(0),
  /** How much of a usable pool automation may keep out. */
  max_removal_percent: int(1, 100).default(100),
};

export const poolWrite = z.strictObject(fields);
export type PoolWrite = z.output<typeof poolWrite>;

/** POST alone also takes members and monitors: all are made, or none. */
export const poolCreate = z.strictObject({
  ...fields,
  members: z
    .array(memberWrite, { error: "must be a list of members" })
    .max(limits.membersPerPool, { error: `must have at most ${limits.membersPerPool} members` })
    .default([]),
  monitor_ids: ids("monitor", limits.monitorsPerAttachment).default([]),
});
export type PoolCreate = z.output<typeof poolCreate>;

export type Pool = Resource &
  PoolWrite & {
    readonly monitor_ids: readonly string[];
    readonly status: Status;
    readonly action: Action;
    readonly revision: number;
  };

/** Embedded, read-only but in POST. */
export const poolReadOnly = ["members", "monitor_ids"] as const;
