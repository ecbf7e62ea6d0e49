/**
 * The contract of a backend plugin: it writes the Engine's plans into what steers the traffic. Changes come batched by zone; a plugin
 * canonicalises its provider's quirks, so that none becomes an eternal difference.
 */
import type { z } from "zod";
import type { SteeringPolicy } from "./gslb.ts";
import type { Plan } from "./plan.ts";
import type { Result } from "./result.ts";

/** What a provider can express; the API refuses with 422 `capability` what it cannot. */
export type BackendSupport = {
  readonly policies: readonly SteeringPolicy[];
  readonly recordTypes: readonly ("A" | "AAAA" | "CNAME")[];
  readonly maxAnswers: number;
  readonly minTtl: number;
  /** How many names one `write`, or one `read`, may carry. */
  readonly batch: number;
  /** Whether `read` tells what is live: then each write is read back, and drift is looked for. */
  readonly readBack: boolean;
  /** The provider's bound on calls, reads and writes together, in any stretch of `perMs`; left out: none that is known. */
  readonly rateLimit?: RateLimit;
};
export type RateLimit = { readonly calls: number; readonly perMs: number };

/** A plan to publish at a name, or the removal of the name. Both carry the number that fences older ones. */
export type Change =
  | { readonly kind: "publish"; readonly plan: Plan }
  | {
      readonly kind: "unpublish";
      readonly fqdn: string;
      readonly zone: string;
      readonly gslbId: string;
      /** GSLBs that had the name before, of the same project, whose plan may still stand there: it goes too. */
      readonly also?: readonly string[];
      readonly epoch: number;
      readonly number: number;
    };

/** Why a change was not made. `superseded`: the backend holds a higher plan, or the plan of a GSLB that a removal does not speak for; its number and GSLB come along. */
export type WriteFailure =
  | { readonly class: "retry"; readonly detail: string; readonly afterMs?: number }
  | { readonly class: "refused"; readonly detail: string }
  | { readonly class: "credentials"; readonly detail: string }
  | { readonly class: "not-found"; readonly detail: string }
  | { readonly class: "superseded"; readonly detail: string; readonly epoch: number; readonly number: number; readonly gslbId: string };

/**
 * What came of a write: one result for each change, in their order; or one failure for all of them, where the provider takes a write as a whole
 * or not at all and does not say whom it disliked. Of a whole write that is `refused` the Engine tries the halves.
 * `afterMs` of the whole, or of each of several, is meant for the flavor; of one change, for its name alone.
 */
export type WriteOutcome = readonly Result<null, WriteFailure>[] | WholeFailure;
export type WholeFailure = Exclude<WriteFailure, { class: "superseded" }>;

/** What is live at a name. */
export type LiveRecords = {
  readonly fqdn: string;
  /** Whose plan it is, where the backend keeps that with the records. */
  readonly gslbId?: string;
  readonly epoch: number | null;
  readonly number: number | null;
  /** In the plan's order. */
  readonly answers: readonly LiveSet[];
};
export type LiveSet = {
  readonly type: "A" | "AAAA" | "CNAME";
  readonly values: readonly string[];
  readonly ttl: number;
  /** As in `AnswerSet`, of a weighted name; left out of others, and by a provider that has no weights. */
  readonly weight?: number;
  readonly pool_weight?: number;
};

/** The world as a backend may see it. `answers` is handed to `edge` alone. */
export type BackendIo = {
  now(): number;
  readonly fetch: typeof fetch;
  readonly signal: AbortSignal;
  readonly answers?: {
    write(changes: readonly Change[]): Promise<readonly Result<null, WriteFailure>[]>;
    read(fqdns: readonly string[]): Promise<readonly LiveRecords[]>;
  };
};

export type BackendPlugin<Settings extends z.ZodType = z.ZodType, Credentials extends z.ZodType = z.ZodType> = {
  readonly provider: string;
  readonly title: string;
  readonly settings: Settings;
  readonly credentials: Credentials;
  readonly supports: BackendSupport;
  /** What is live at these names of one zone, in their order. A throw says nothing of them: it is asked again later. */
  read?(
    fqdns: readonly string[],
    settings: z.output<Settings>,
    credentials: z.output<Credentials>,
    io: BackendIo,
  ): Promise<readonly LiveRecords[]>;
  /** Idempotent. A throw is the same as `retry` for all. */
  write(changes: readonly Change[], settings: z.output<Settings>, credentials: z.output<Credentials>, io: BackendIo): Promise<WriteOutcome>;
};
