/**
 * What the conformance suite asks of a backend that it is to try: the plugin with what an operator would write, the world it works in, and ways
 * to do and see beside it what others do and see. One subject a file in `subjects/`, one line for it in `subjects/index.ts`.
 */
import type { BackendIo, BackendPlugin } from "../../domain/backend.ts";
import type { Program } from "../servers/installed.ts";
import type { CaseId } from "./cases.ts";

/** A record as it stands in the zone: lower case and with trailing dots, a TXT's data in its quotes. */
export type ZoneRecord = { readonly name: string; readonly type: string; readonly ttl: number; readonly data: string };

export type Subject = {
  readonly plugin: BackendPlugin;
  /** As an operator writes them; the plugin's schema completes them. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly credentials: Readonly<Record<string, unknown>>;
  /** Well-formed, and not good. */
  readonly wrongCredentials?: Readonly<Record<string, unknown>>;
  /** The network, and for `edge` the Answers objects. */
  readonly io: Pick<BackendIo, "fetch" | "connect"> & Pick<Partial<BackendIo>, "answers">;
  /** It has records of others, the apex among them. The cases make names of their own in it, with the label `kt-…`. */
  readonly zone: string;
  readonly missingZone: string;
  /** All that is in the zone, by the server's own tools. */
  dump(): Promise<readonly ZoneRecord[]>;
  /** Others write to the backend by its own tools: records of one type at a name are these from now on; none: there are none. Marks are left as they are. */
  byHand(fqdn: string, type: string, ttl: number, values: readonly string[]): Promise<void>;
  /** What clients are told, where there is a name server; none: []. */
  resolve?(fqdn: string, type: string): Promise<readonly { readonly data: string; readonly ttl: number }[]>;
  /** Nobody answers there any more, and again. Left out: its network is cut. */
  away?(): Promise<void>;
  back?(): Promise<void>;
  /** Whether an HTTP request would change something; left out: every method but GET would. */
  isWrite?(method: string, url: string): boolean;
  /** Whether what a TCP connection sends first would change something; left out: it would. */
  isWriteMessage?(first: Uint8Array): boolean;
  /** Makes the backend refuse a CNAME at this name for good; left out: others have an MX there, which does it with every name server. */
  poison?(fqdn: string): Promise<void>;
  /** How many names stand for many: where a write is a call a name, 500 would be a test of patience; left out: 500. */
  readonly many?: number;
  /** It remembers the number of what was removed, and whose it was. */
  readonly remembers?: boolean;
  /** What was wrong with requests so far, by the provider's own schema; see `judgedBy`. */
  invalid?(): readonly string[];
  /** Where writes become live later: how long that may take. */
  readonly patienceMs?: number;
  stop(): Promise<void>;
};

export type SubjectKind = {
  /** As the page calls it: the provider, and the server where there are several. */
  readonly name: string;
  /** In whose registry line it stands; null: none. */
  readonly provider: string | null;
  /** What it runs against, for people: "PowerDNS Authoritative 4.7". */
  readonly against: string;
  readonly needs: readonly Program[];
  /** What judges every request of all cases, for people: the provider's own schema. */
  readonly judgedBy?: string;
  /** Cases that do not apply, and why. */
  readonly cannot: Readonly<Partial<Record<CaseId, string>>>;
  /** How long its start, and each case, may take, where a minute is not enough. */
  readonly timeoutMs?: number;
  start(): Promise<Subject>;
};
