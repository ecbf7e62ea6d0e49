/**
 * What the Engine's shell asks of the world: types only. The Durable Object builds it from the platform, the simulation from a seed; the shell
 * itself knows no clock, no chance, no network and no storage but these.
 */
import type { Anchor } from "../../domain/anchors.ts";
import type { BackendIo, BackendPlugin } from "../../domain/backend.ts";
import type { DriftSettings } from "../../domain/drift.ts";
import { version } from "../../domain/version.ts";
import type { ConductorRpc, ProberRpc } from "../rpc.ts";
import type { CloudSource } from "./clouds.ts";
import type { FlavorSource } from "./flavors.ts";

/** The part of a Durable Object's storage that is used: SQLite, whose writes between two awaits become durable together or not at all. */
export type EngineStorage = {
  readonly sql: {
    exec<T extends Record<string, string | number | null>>(
      query: string,
      ...bindings: (string | number | null)[]
    ): { toArray(): T[]; [Symbol.iterator](): Iterator<T> };
  };
  transactionSync<T>(closure: () => T): T;
};

/** The one alarm; Unix ms. It comes at least once. */
export type EngineAlarm = { get(): Promise<number | null>; set(at: number): Promise<void> };

export type EngineLog = { warn(message: string): void; error(message: string): void };

/** A flavor with the plugin of its provider, ready to be called. */
export type BoundFlavor = {
  readonly plugin: BackendPlugin;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly credentials: Readonly<Record<string, unknown>>;
  /** How drift is looked for; left out: as `defaultDrift`. */
  readonly drift?: DriftSettings;
};

export type ProberKey = { readonly region: string; readonly shard: number; readonly generation: number };

/** What the backends are called with. */
export type BackendPorts = {
  now(): number;
  /** Ends early, without a throw, when `signal` is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Of the Engine's own ports: those that are built in. */
  flavors(name: string): BoundFlavor | null;
  readonly backendIo: Omit<BackendIo, "signal" | "kept" | "sleep">;
};

export type EnginePorts = BackendPorts & {
  readonly projectId: string;
  /** `KOSMOS_RESOLVER_URL`: who is asked for the addresses of host names (RFC 8484); left out: nobody. */
  readonly resolverUrl?: string | undefined;
  /** The deployment's own regions. */
  readonly regions: readonly string[];
  /** What every region checks beside the members; left out: nothing. */
  readonly anchors?: readonly Anchor[];
  /** `KOSMOS_ALLOW_PRIVATE`: whether Workers check private addresses. */
  readonly allowPrivate: string | undefined;
  readonly storage: EngineStorage;
  readonly alarm: EngineAlarm;
  /** From [0, 1). */
  random(): number;
  newId(): string;
  readonly conductor: Pick<ConductorRpc, "configuration" | "record">;
  /** Left out: there are no flavors but those that are built in. */
  readonly flavorSource?: FlavorSource;
  /** Left out: there are no clouds. */
  readonly cloudSource?: CloudSource;
  prober(key: ProberKey): ProberRpc;
  /** Keeps the object alive until the promise has ended; nobody waits for it. */
  background(promise: Promise<unknown>): void;
  readonly log: EngineLog;
};

/** What decides, beside the regions, who can run what. */
export const ableBy = ({ allowPrivate }: Pick<EnginePorts, "allowPrivate">): string => `${version} ${allowPrivate ?? ""}`.trim();
