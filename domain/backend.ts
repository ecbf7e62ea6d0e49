/**
 * The contract of a backend plugin: it writes the Engine's plans into what steers the traffic, and says what is live there. Changes come batched
 * by zone; a plugin makes its provider's quirks canonical, so that none becomes an eternal difference. Whose records may be replaced is decided
 * before it is called (`domain/ownership.ts`): a plugin keeps the mark that tells whose a name is, and never touches other names or types.
 */
import type { z } from "zod";
import type { CheckSocket } from "./check.ts";
import type { SteeringPolicy } from "./gslb.ts";
import type { Location } from "./location.ts";
import type { AnswerSet, Plan } from "./plan.ts";
import type { Result } from "./result.ts";

/** What a provider can express; the API refuses with 422 `capability` what it cannot. */
export type BackendSupport = {
  readonly policies: readonly SteeringPolicy[];
  readonly recordTypes: readonly ("A" | "AAAA" | "CNAME")[];
  readonly affinity?: boolean;
  /** Of one type, at one name. */
  readonly maxAnswers: number;
  readonly minTtl: number;
  /** How many names one `write`, or one `read`, may carry. */
  readonly batch: number;
  /** Whether `read` tells what is live: then each write is read back, and drift is looked for. */
  readonly readBack: boolean;
  /** Whether its plans carry `pools`: the provider has pools of its own. */
  readonly pools?: boolean;
  /** Whether the provider checks the endpoints too, and may leave out what Kosmos publishes. */
  readonly ownHealth?: boolean;
  /** Whether a CNAME, or what the provider has in its stead, may stand at the zone's apex. */
  readonly apexAlias?: boolean;
  /** The provider's bound on calls, reads and writes together, in any stretch of `perMs`; left out: none that is known. */
  readonly rateLimit?: RateLimit;
};
export type RateLimit = { readonly calls: number; readonly perMs: number };

/**
 * A plan to publish at a name, or the removal of the name. Both carry the number that fences older ones. `found`: what was live there a moment ago,
 * where it was read: ids to change records by, and a mark to compare and set; left out: it was not read.
 */
export type Change =
  | { readonly kind: "publish"; readonly plan: Plan; readonly found?: LiveRecords }
  | {
      readonly kind: "unpublish";
      readonly fqdn: string;
      readonly zone: string;
      readonly gslbId: string;
      /** GSLBs that had the name before, of the same project, whose plan may still stand there: it goes too. */
      readonly also?: readonly string[];
      readonly epoch: number;
      readonly number: number;
      readonly found?: LiveRecords;
    };

/**
 * Why a change was not made.
 * - `retry`: a fault that may pass by itself; `afterMs`: the provider asks to be left alone for so long (Retry-After).
 * - `refused`: it will not be taken as it is, however often it is tried.
 * - `credentials`: the provider does not know us, or does not let us.
 * - `not-found`: the zone, the project or the service is not there.
 * - `superseded`: the backend holds a higher plan, or the plan of a GSLB that a removal does not speak for; its number and GSLB come along.
 * - `foreign`: there are records that Kosmos did not make, and nobody said that it may have the name.
 */
export type WriteFailure =
  | { readonly class: "retry"; readonly detail: string; readonly afterMs?: number }
  | { readonly class: "refused"; readonly detail: string }
  | { readonly class: "credentials"; readonly detail: string }
  | { readonly class: "not-found"; readonly detail: string }
  | { readonly class: "foreign"; readonly detail: string }
  | { readonly class: "superseded"; readonly detail: string; readonly epoch: number; readonly number: number; readonly gslbId: string };
export type FailureClass = WriteFailure["class"];

/**
 * What came of a write: one result for each change, in their order; or one failure for all of them, where the provider takes a write as a whole
 * or not at all and does not say whom it disliked. Of a whole write that is `refused` the Engine tries the halves.
 * `afterMs` of the whole, or of each of several, is meant for the flavor; of one change, for its name alone.
 */
export type WriteOutcome = readonly Result<null, WriteFailure>[] | WholeFailure;
export type WholeFailure = Exclude<WriteFailure, { class: "superseded" } | { class: "foreign" }>;

/** What is live at a name. */
export type LiveRecords = {
  readonly fqdn: string;
  /** Whose plan it is, where the backend keeps that with the records; left out: nobody's mark is there. */
  readonly gslbId?: string;
  readonly epoch: number | null;
  readonly number: number | null;
  /** In the plan's order. */
  readonly answers: readonly LiveSet[];
  /** `pending`: the provider took it and still hands it out to its servers; `error`: it failed to, in its words. Left out: it is live. */
  readonly state?: "pending" | { readonly error: string };
  /** The provider's own ids and versions, for the plugin's next write; nobody else looks into it, and it is not stored. */
  readonly handle?: unknown;
};
export type LiveSet = {
  readonly type: "A" | "AAAA" | "CNAME";
  readonly values: readonly string[];
  readonly ttl: number;
  /** As in `AnswerSet`, where the provider has it so. */
  readonly weight?: number;
  readonly pool_weight?: number;
  readonly locations?: readonly Location[];
  readonly region?: string;
  /** How else it is served, in the provider's own words ("pool 2 of 3, Host www.example.com"): compared as it stands, and shown. */
  readonly as?: string;
};

/** A connection of a backend's: a subset of Cloudflare's `Socket`. */
export type BackendSocket = Pick<CheckSocket, "readable" | "writable" | "opened" | "closed" | "close">;

/** The world as a backend may see it. `answers` is handed to `edge` alone. */
export type BackendIo = {
  now(): number;
  /** For a provider that wants to be asked more slowly; it ends early, without a throw, at the call's deadline. */
  sleep(ms: number): Promise<void>;
  readonly fetch: typeof fetch;
  /** A TCP connection in plain text. It cannot be aborted before it opened: race `opened` with `signal`. */
  connect(address: { readonly hostname: string; readonly port: number }): BackendSocket;
  /** Aborted at the call's deadline. */
  readonly signal: AbortSignal;
  /**
   * What a plugin wants to remember between calls of one flavor: a token, a zone's id. It is in memory alone, and forgotten when the flavor's
   * settings or credentials change.
   */
  readonly kept: Map<string, unknown>;
  readonly answers?: {
    write(changes: readonly Change[]): Promise<readonly Result<null, WriteFailure>[]>;
    read(fqdns: readonly string[]): Promise<readonly LiveRecords[]>;
  };
};

/** A flavor as its plugin is called with it. */
export type Backend<Settings, Credentials> = { readonly settings: Settings; readonly credentials: Credentials; readonly io: BackendIo };

/** What `test` found, for people: one line for each thing that was tried. */
export type BackendTest = { readonly details: readonly string[] };

export type BackendPlugin<Settings extends z.ZodType = z.ZodType, Credentials extends z.ZodType = z.ZodType> = {
  readonly provider: string;
  /** One line for people. */
  readonly title: string;
  /** Strict objects, fields with defaults where there is one. Credentials are optional as a whole where `{}` passes. */
  readonly settings: Settings;
  readonly credentials: Credentials;
  readonly supports: BackendSupport;
  /** The URLs and hosts of the settings that will be called, by field: the API refuses what a deployment may not reach. */
  hosts?(settings: z.output<Settings>): Readonly<Record<string, string>>;
  /** Where it writes, the same text for two flavors that write to the same place: a name has one writer there. */
  identity(settings: z.output<Settings>): string;
  /**
   * What `read` finds once the plan is live: the plan's answers as this provider holds them. The Engine compares by it, whatever the order of sets
   * and values; left out: the sets as they are (`liveSet`).
   */
  expected?(plan: Plan, settings: z.output<Settings>): readonly LiveSet[];
  /** What is live at these names of one zone, in their order. A throw, `BackendFailure` among them, says nothing of them: it is asked again later. */
  read?(
    zone: string,
    fqdns: readonly string[],
    backend: Backend<z.output<Settings>, z.output<Credentials>>,
  ): Promise<readonly LiveRecords[]>;
  /** Changes of one zone. Idempotent. A throw is the same as `retry` for all, but a `BackendFailure` says what it is. */
  write(zone: string, changes: readonly Change[], backend: Backend<z.output<Settings>, z.output<Credentials>>): Promise<WriteOutcome>;
  /** Whether the backend can be reached, knows us, and has these zones. Changes nothing. Throws `BackendFailure`. */
  test?(zones: readonly string[], backend: Backend<z.output<Settings>, z.output<Credentials>>): Promise<BackendTest>;
};

/** A failure of a whole call, to be thrown by a plugin. Its message is fit to be shown: it holds no secret. */
export class BackendFailure extends Error {
  override readonly name = "BackendFailure";
  readonly failure: WholeFailure;

  constructor(failure: WholeFailure) {
    super(failure.detail);
    this.failure = failure;
  }
}

/** A plan's sets as they are, for a backend that holds them so. */
export const liveSet = (set: AnswerSet): LiveSet => ({
  type: set.type,
  values: [...set.values],
  ttl: set.ttl,
  ...(set.weight === null ? {} : { weight: set.weight }),
  ...(set.pool_weight === null ? {} : { pool_weight: set.pool_weight }),
  ...(set.locations.length === 0 ? {} : { locations: set.locations }),
  ...(set.region === null ? {} : { region: set.region }),
});
