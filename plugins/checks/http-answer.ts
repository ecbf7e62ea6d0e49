/** What one request of an HTTP check came to, whichever way it went. */
import type { Certificate, Timings } from "../../domain/check.ts";
import type { Result } from "../../domain/result.ts";
import type { Deadline } from "./deadline.ts";
import type { BodyChunks } from "./http-body.ts";

export type Answer = {
  readonly status: number;
  /** The first value of a header, by its name in lower case. */
  header(name: string): string | null;
  /** Decoded. Not read before somebody asks; what is wrong with it is said then. */
  readonly body: BodyChunks;
  readonly certificate: Certificate | null;
  readonly took: Omit<Timings, "first_byte">;
};

export type Unanswered = {
  /** The deadline came first: there is no latency. */
  readonly timedOut: boolean;
  readonly detail: string;
};

export type Exchange = {
  /** Resolves once status and headers are there. What this vantage point may not or cannot do is thrown, as `VantageRefusal`. */
  answer(end: Deadline): Promise<Result<Answer, Unanswered>>;
  /** Lets go of the connection and of what was not read. */
  drop(): void;
};

export const unseen: Answer["took"] = { dns: null, connect: null, tls: null };
