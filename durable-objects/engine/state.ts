/**
 * What the Engine knows beside the configuration, as plain values that go to storage as JSON. Everything here can be rebuilt from the
 * configuration and one round of checks; it is kept so that an eviction costs nothing.
 */
import type { Judgement } from "../../domain/quorum.ts";
import type { Status } from "../../domain/status.ts";
import type { Steering } from "../../domain/steering.ts";
import type { Series, Verdict } from "../../domain/verdict.ts";

/** One monitor's view of one endpoint. Observations of another version are ignored (rule 10). */
export type MonitorState = {
  version: number;
  judgement: Judgement;
  series: Record<string, Series>;
};

export type EndpointState = {
  state: Verdict;
  /** The verdict is from before a change of configuration; it is kept until the new series have one. */
  rejudging: boolean;
  monitors: Record<string, MonitorState>;
};

export type MemberState = {
  status: Status;
  /** Unix ms of the last change of status, and why. */
  since: number;
  reason: string;
  /** What its judging depends on; another one starts the counters anew. */
  fingerprint: string;
  endpoints: Record<string, EndpointState>;
  /** The address that a new one replaced: it is served until the new one is judged, at most until then. */
  replaced: { endpoint: string; until: number } | null;
  /** The last (status, in_rotation) that went to the Conductor. */
  reported: string;
};

export type PoolState = { status: Status; since: number; reason: string; reported: string };

export type GslbState = {
  status: Status;
  since: number;
  reason: string;
  /** When it first had a pool with a member, Unix ms. */
  readySince: number | null;
  /** Whether it waited long enough for its first verdicts (rule 9). */
  gateOpen: boolean;
  /** An Engine that started without state serves what it found, until its members were judged anew. */
  adopted: boolean;
  /** The last steering that was carried out. */
  outcome: Steering["outcome"] | null;
  memberIds: readonly string[];
  reported: string;
  /** The version of the configuration that the backends are known to hold. */
  settledVersion: number;
};

export const newMember = (now: number, fingerprint: string): MemberState => ({
  status: "PENDING",
  since: now,
  reason: "not judged yet",
  fingerprint,
  endpoints: {},
  replaced: null,
  reported: "",
});

export const newPool = (now: number): PoolState => ({ status: "PENDING", since: now, reason: "nothing is judged yet", reported: "" });

export const newGslb = (now: number): GslbState => ({
  status: "PENDING",
  since: now,
  reason: "nothing is published yet",
  readySince: null,
  gateOpen: false,
  adopted: false,
  outcome: null,
  memberIds: [],
  reported: "",
  settledVersion: 0,
});

export const publicationKey = (flavor: string, fqdn: string): string => `${flavor} ${fqdn}`;
