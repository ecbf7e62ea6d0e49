/**
 * What the Engine knows beside the configuration, as plain values that go to storage as JSON. Everything here can be rebuilt from the
 * configuration and one round of checks; it is kept so that an eviction costs nothing.
 */
import { z } from "zod";
import { damping, undamped } from "../../domain/damping.ts";
import { judgement } from "../../domain/quorum.ts";
import { statuses } from "../../domain/status.ts";
import { type Series, series, verdict } from "../../domain/verdict.ts";

const status = z.enum(statuses);

/** One monitor's view of one endpoint. Observations of another version are ignored (rule 10). */
const monitorState = z.object({
  version: z.int(),
  judgement,
  series: z.record(z.string(), series),
  /** When a heartbeat came last, Unix ms: the series forgets it after a few that are missing. */
  beatAt: z.number().nullable().default(null),
});
export type MonitorState = z.output<typeof monitorState>;

/** What each of these regions has said. */
export const seriesOf = (state: MonitorState | undefined, regions: readonly string[]): (readonly [string, Series | undefined])[] =>
  regions.map((region) => [region, state?.series[region]] as const);

const endpointState = z.object({
  state: verdict,
  /** The verdict is from before a change of configuration; it is kept until the new series have one. */
  rejudging: z.boolean(),
  monitors: z.record(z.string(), monitorState),
});
export type EndpointState = z.output<typeof endpointState>;

export const memberState = z.object({
  status,
  /** What its endpoints say of it where that is not its status, as where nobody can check it; null: its status is its health. */
  health: status.nullable().default(null),
  /** What does not fail its checks and should be known, in words; null: nothing. */
  warning: z.string().nullable().default(null),
  /** Unix ms of the last change of status, and why. */
  since: z.number(),
  reason: z.string(),
  /** What its judging depends on; another one starts the counters anew. */
  fingerprint: z.string(),
  endpoints: z.record(z.string(), endpointState),
  /** The address that a new one replaced: it is served until the new one is judged, at most until then. */
  replaced: z.object({ endpoint: z.string(), until: z.number() }).nullable(),
  /** How long it stays out after it came back (rule 7). */
  damping: damping.default(undamped),
  /** It was let in for want of others, who are back since: it stays in, and is held no longer. */
  yielded: z.boolean().default(false),
  /** Somebody let its removal go, against the budget, until it was up again. */
  released: z.boolean().default(false),
  /** The last (status, in_rotation) that went to the Conductor. */
  reported: z.string(),
});
export type MemberState = z.output<typeof memberState>;

export const poolState = z.object({
  status,
  since: z.number(),
  reason: z.string(),
  reported: z.string(),
  /** As it was counted last, so that a fall can be told. */
  usable: z.boolean().default(false),
  panic: z.boolean().default(false),
  damping: damping.default(undamped),
  /** Members that are only held back, and let in for want of others. */
  yielded: z.array(z.string()).readonly().default([]),
  /** Members that the removal budget keeps in. */
  held: z.array(z.string()).readonly().default([]),
});
export type PoolState = z.output<typeof poolState>;

export const gslbState = z.object({
  status,
  since: z.number(),
  reason: z.string(),
  /** When it first had a pool with a member, Unix ms. */
  readySince: z.number().nullable(),
  /** Whether it waited long enough for its first verdicts (rule 9). */
  gateOpen: z.boolean(),
  /** An Engine that started without state serves what it found, until its members were judged anew. */
  adopted: z.boolean(),
  /** The last steering that was carried out. */
  outcome: z.enum(["serve", "all_down", "withdraw", "nothing"]).nullable(),
  memberIds: z.array(z.string()).readonly(),
  poolIds: z.array(z.string()).readonly().default([]),
  /** Under `failback: manual`: the pool that traffic went to. */
  stayAt: z.string().nullable().default(null),
  failbackPending: z.boolean().default(false),
  /** Who was served by the newest plan that had a usable pool, where `on_all_down` asks for it. */
  lastKnown: z
    .array(z.object({ poolId: z.string(), memberId: z.string(), endpoints: z.array(z.string()).readonly() }))
    .readonly()
    .default([]),
  /** What decided the newest plan of each flavor, for the event that tells of it. */
  decisions: z
    .record(z.string(), z.object({ number: z.int(), reason: z.string(), cause: z.string(), steps: z.array(z.unknown()).readonly() }))
    .default({}),
  /** Flavors that it was taken from and that may still have its name: each serves on until those that it has now hold its newest plan. */
  leaving: z.array(z.string()).readonly().default([]),
  reported: z.string(),
  /** The version of the configuration that the backends are known to hold. */
  settledVersion: z.int(),
});
export type GslbState = z.output<typeof gslbState>;

/** How far an override has come; whether it holds is a matter of time alone. */
export const overrideState = z.object({
  begun: z.boolean(),
  /** It was to begin later, and too little would have been left by then. */
  refused: z.boolean(),
  announced: z.boolean(),
  expirySaid: z.boolean(),
  /** Whether it held when it was looked at last, so that a change of that can be told. */
  applied: z.boolean().default(false),
});
export type OverrideState = Readonly<z.output<typeof overrideState>>;
export const newOverrideState = (): OverrideState => ({
  begun: false,
  refused: false,
  announced: false,
  expirySaid: false,
  applied: false,
});

export const newMember = (now: number, fingerprint: string): MemberState => ({
  status: "PENDING",
  health: null,
  warning: null,
  since: now,
  reason: "not judged yet",
  fingerprint,
  endpoints: {},
  replaced: null,
  damping: undamped,
  yielded: false,
  released: false,
  reported: "",
});

export const newPool = (now: number): PoolState => ({
  status: "PENDING",
  since: now,
  reason: "nothing is judged yet",
  reported: "",
  usable: false,
  panic: false,
  damping: undamped,
  yielded: [],
  held: [],
});

export const newGslb = (now: number): GslbState => ({
  status: "PENDING",
  since: now,
  reason: "nothing is published yet",
  readySince: null,
  gateOpen: false,
  adopted: false,
  outcome: null,
  memberIds: [],
  poolIds: [],
  stayAt: null,
  failbackPending: false,
  lastKnown: [],
  decisions: {},
  leaving: [],
  reported: "",
  settledVersion: 0,
});

export const publicationKey = (flavor: string, fqdn: string): string => `${flavor} ${fqdn}`;
