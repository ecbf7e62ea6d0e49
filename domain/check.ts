/**
 * The contract of a check plugin: `{ type, spec, examples, needs, run }`. A plugin reports a fact; thresholds live in the core, the deadline and
 * every throw belong to the caller. `CheckIo` is the world as a check may see it: no environment, no storage, no secrets.
 */
import type { z } from "zod";
import type { OutcomeKind } from "./observation.ts";
import type { Capability } from "./vantage-point.ts";

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

/** How a connection is encrypted. Without the capability `tls` only what `tls_name` means: a name, verified, nothing of the rest. */
export type TlsOptions = {
  /** The name in the handshake (SNI), and the one that the certificate must have; null: none is sent, the certificate must have the address. */
  readonly serverName: string | null;
  /** True: the certificate is not verified. */
  readonly insecure: boolean;
  /** PEM: these authorities instead of the public ones. */
  readonly caCert: string | null;
  /** RFC 7301: "h2", "http/1.1"; empty: not offered. */
  readonly alpn: readonly string[];
};

export type Certificate = {
  /** Unix ms. */
  readonly notAfter: number;
  readonly subject: string;
};

/**
 * Why a connection did not open, where the vantage point can tell; a Worker cannot, and throws an error of its own. Its message is fit to be
 * shown: "connection refused", "certificate has expired".
 */
export class ConnectFailure extends Error {
  override readonly name = "ConnectFailure";
}

/** This vantage point may not, or cannot, do what was asked: never the endpoint's fault, so the check's outcome is `no_data` with the message. */
export class VantageRefusal extends Error {
  override readonly name = "VantageRefusal";
}

/** A TCP connection, a subset of Cloudflare's `Socket` (developers.cloudflare.com/workers/runtime-apis/tcp-sockets/). */
export type CheckSocket = {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly opened: Promise<unknown>;
  readonly closed: Promise<unknown>;
  close(): Promise<unknown>;
  /** Only where `tls` is, once it has opened: the other side's certificate, and the protocol that ALPN chose. */
  readonly peer?: () => { readonly certificate: Certificate | null; readonly protocol: string | null };
  /** Once it has opened, where the vantage point can tell: how long name, connection and handshake took, in milliseconds each. */
  readonly took?: () => { readonly dns: number | null; readonly connect: number | null; readonly tls: number | null };
};

/** A UDP socket that talks with one address. */
export type CheckDatagrams = {
  send(datagram: Uint8Array): Promise<void>;
  /** The next datagram from there. Rejects with `ConnectFailure` where the other side's ICMP says that nobody listens. */
  receive(): Promise<Uint8Array>;
  close(): void;
};

export type CheckIo = {
  /** What this vantage point can do. What a plugin `needs` is among it, else the plugin is not asked. */
  readonly capabilities: ReadonlySet<Capability>;
  /** Names Kosmos and the monitor. */
  readonly userAgent: string;
  /** Unix time in milliseconds. It may stand still between two I/O operations. */
  now(): number;
  fetch(
    url: string,
    init: { method: string; headers: [string, string][]; body?: string; redirect: "manual"; signal: AbortSignal },
  ): Promise<Response>;
  /** `tls` left out: plain text. */
  connect(address: { hostname: string; port: number }, tls?: TlsOptions): CheckSocket;
  /** Where `udp` is. */
  readonly datagrams?: (address: { hostname: string; port: number }) => Promise<CheckDatagrams>;
  /** Where `ping` is: one ICMP echo; milliseconds until it came back. Rejects with `ConnectFailure` where it is told that it will not. */
  readonly ping?: (hostname: string, signal: AbortSignal) => Promise<number>;
  /**
   * Aborted at the check's deadline, with words for a detail as the reason: "within 1000 ms". Whoever waits for the network races it:
   * `connect()` itself cannot be aborted.
   */
  readonly signal: AbortSignal;
  /** True in a monitor's test: the plugin may read a little more than decides, such as the beginning of a body, to fill `more`. */
  readonly detailed?: boolean;
};

export type Outcome = {
  readonly outcome: OutcomeKind;
  /** Milliseconds from the start of the check to what decided it; null where nothing was measured. */
  readonly latencyMs: number | null;
  /** One line for people, at most 200 characters: "200", "expected 200, got 503", "connect refused or unreachable". */
  readonly detail: string;
  /** What does not fail the check and should be known: "the certificate expires in 5 days". The member is DEGRADED, and stays in rotation. */
  readonly warning?: string | null;
  /** For a monitor's test alone. */
  readonly more?: OutcomeDetails;
};

/** Milliseconds each; null where it does not apply or cannot be seen from the vantage point. `first_byte` is counted from the start. */
export type Timings = {
  readonly dns: number | null;
  readonly connect: number | null;
  readonly tls: number | null;
  readonly first_byte: number | null;
};
export type OutcomeDetails = {
  readonly timings?: Timings;
  readonly httpStatus?: number;
  /** The first 1,024 bytes of the decoded body, as text. */
  readonly bodyExcerpt?: string;
  readonly certificate?: Certificate;
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
  /** Fields that are secrets: write-only, and kept encrypted; a spec may have them or not. */
  readonly secrets?: readonly (keyof z.output<Schema> & string)[];
  /** What the vantage point needs for this spec and target; without a target, for the easiest one. */
  needs(spec: z.output<Schema>, target: CheckTarget | null): readonly Capability[];
  run(spec: z.output<Schema>, target: CheckTarget, io: CheckIo): Promise<Outcome>;
};

export const pass = (latencyMs: number, detail: string): Outcome => ({ outcome: "pass", latencyMs, detail });
export const failed = (latencyMs: number | null, detail: string): Outcome => ({ outcome: "fail", latencyMs, detail });
export const noData = (detail: string): Outcome => ({ outcome: "no_data", latencyMs: null, detail });
