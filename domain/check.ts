/**
 * The contract of a check plugin: `{ type, spec, examples, needs, run }`. A plugin reports a fact; thresholds live in the core, the deadline and
 * every throw belong to the caller. `CheckIo` is the world as a check may see it: no environment, no storage, no secrets.
 */
import type { z } from "zod";
import type { OutcomeKind } from "./observation.ts";

/**
 * What a vantage point must be able to do. `http`: fetch by name; `https_name`: HTTPS by name, strictly verified; `https_address`: HTTPS to
 * an address, or with a Host that is not the name connected to, which a Worker cannot do (no SNI of one's own choice).
 */
export type Capability = "tcp" | "http" | "https_name" | "https_address";

/** Where to check: already resolved from member, endpoint and monitor by `checkTarget` in `schedule.ts`. */
export type CheckTarget = {
  /** An address or a host name (canonical, a name with its trailing dot). */
  readonly host: string;
  /** The member's `monitor_port`, which beats the monitor's own; null: the monitor's. */
  readonly port: number | null;
  /** The member's `host_header`; null: the monitor's `headers.Host`, else the endpoint. */
  readonly hostHeader: string | null;
  /** What is served there, for the default Host header: the member's endpoint, even where `host` is its `monitor_address`. */
  readonly endpoint: string;
};

/** A TCP connection, a subset of Cloudflare's `Socket` (developers.cloudflare.com/workers/runtime-apis/tcp-sockets/). */
export type CheckSocket = {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly opened: Promise<unknown>;
  readonly closed: Promise<unknown>;
  close(): Promise<unknown>;
};

export type CheckIo = {
  /** Unix time in milliseconds. It may stand still between two I/O operations. */
  now(): number;
  fetch(
    url: string,
    init: { method: string; headers: [string, string][]; body?: string; redirect: "manual"; signal: AbortSignal },
  ): Promise<Response>;
  connect(address: { hostname: string; port: number }): CheckSocket;
  /**
   * Aborted at the check's deadline, with words for a detail as the reason: "within 1000 ms". Whoever waits for the network races it:
   * `connect()` itself cannot be aborted.
   */
  readonly signal: AbortSignal;
};

export type Outcome = {
  readonly outcome: OutcomeKind;
  /** Milliseconds from the start of the check to what decided it; null where nothing was measured. */
  readonly latencyMs: number | null;
  /** One line for people, at most 200 characters: "200", "expected 200, got 503", "connect refused or unreachable". */
  readonly detail: string;
};

export type CheckExample<Spec> = {
  readonly title: string;
  readonly spec: Spec;
};

export type CheckPlugin<Schema extends z.ZodType = z.ZodType> = {
  readonly type: string;
  readonly title: string;
  /** The type's own fields; a strict object, all of them with defaults but those that api.md calls required. */
  readonly spec: Schema;
  readonly examples: readonly CheckExample<z.input<Schema>>[];
  /** What the vantage point needs for this spec and target. */
  needs(spec: z.output<Schema>, target: CheckTarget): readonly Capability[];
  run(spec: z.output<Schema>, target: CheckTarget, io: CheckIo): Promise<Outcome>;
};

export const pass = (latencyMs: number, detail: string): Outcome => ({ outcome: "pass", latencyMs, detail });
export const failed = (latencyMs: number | null, detail: string): Outcome => ({ outcome: "fail", latencyMs, detail });
export const noData = (detail: string): Outcome => ({ outcome: "no_data", latencyMs: null, detail });
