/** The shell of an Engine on ports of its own: storage that outlives it, an alarm and a clock that stand still until they are set. */
import { DatabaseSync } from "node:sqlite";
import type { Change } from "../../domain/backend.ts";
import type { Cloud } from "../../domain/cloud.ts";
import type { Flavor } from "../../domain/flavor.ts";
import { ok } from "../../domain/result.ts";
import { memoryBackend } from "../../plugins/backends/memory.ts";
import type { Sealed } from "../rpc-backends.ts";
import type { SealingKeys } from "../seal.ts";
import type { Plugins } from "./binding.ts";
import type { EnginePorts, EngineStorage } from "./ports.ts";
import { configuration, noConnection, regions, uuid } from "./project.fixture.ts";
import { EngineShell } from "./shell.ts";

/** One project's world, at a time that stands still until it is set. */
export class Desk {
  now = 1_700_000_000_000;
  alarms: number[] = [];
  away = false;
  allowPrivate: string | undefined = undefined;
  resolverUrl: string | undefined = undefined;
  /** What answers over HTTP. */
  fetch: typeof fetch = fetch;
  /** Whether the Conductor takes what is written back. */
  takes = true;
  configuration = configuration({ full: true });
  /** What a backend has; null: there is none. */
  live: Map<string, Change> | null = null;
  /** What the Conductor says of flavors, how often it was asked, and whether it can be. */
  made: readonly Sealed<Flavor>[] = [];
  asked = 0;
  knowsFlavors = true;
  keys: { -readonly [Name in keyof SealingKeys]: SealingKeys[Name] } = {};
  plugins: Plugins = {};
  /** What the Conductor says of OpenStack's clouds. */
  clouds: readonly Sealed<Cloud>[] = [];
  readonly logged: string[] = [];
  private readonly running: Promise<unknown>[] = [];
  readonly recorded: string[] = [];
  readonly storage = sqlite();

  async start(): Promise<EngineShell> {
    const shell = new EngineShell(this.ports());
    await shell.start();
    await settled();
    return shell;
  }

  /** Until nothing is under way any more. */
  async rest(): Promise<void> {
    while (this.running.length > 0) await Promise.all(this.running.splice(0));
  }

  private ports(): EnginePorts {
    const reached = () => {
      if (this.away) throw new Error("away");
    };
    return {
      projectId: "default",
      regions,
      allowPrivate: this.allowPrivate,
      resolverUrl: this.resolverUrl,
      storage: this.storage,
      alarm: {
        get: async () => this.alarms.at(-1) ?? null,
        set: async (at) => {
          this.alarms.push(at);
        },
      },
      now: () => this.now,
      // Short waits pass; deadlines do not.
      sleep: (ms, signal) =>
        ms < 1_000 ? Promise.resolve() : new Promise((resolve) => signal?.addEventListener("abort", () => resolve())),
      random: () => 0.5,
      newId: () => uuid(9_000 + this.recorded.length),
      flavors: (name) =>
        this.live === null || name !== "edge" ? null : { plugin: memoryBackend(this.live), settings: {}, credentials: {} },
      flavorSource: {
        flavors: async () => {
          this.asked += 1;
          reached();
          if (!this.knowsFlavors) throw new Error("no answer");
          return ok(this.made);
        },
        keys: this.keys,
        plugins: this.plugins,
      },
      cloudSource: {
        clouds: async () => {
          reached();
          return ok(this.clouds);
        },
        keys: this.keys,
      },
      backendIo: { fetch: (input, init) => this.fetch(input, init), connect: noConnection, now: () => this.now },
      conductor: {
        configuration: async () => {
          reached();
          return this.configuration;
        },
        record: async ({ events }) => {
          reached();
          if (!this.takes) throw new Error("busy");
          this.recorded.push(...events.map(({ kind, to }) => `${kind} ${to}`));
        },
      },
      prober: () => {
        throw new Error("away");
      },
      background: (promise) => void this.running.push(promise.catch(() => undefined)),
      log: { warn: (message) => this.logged.push(message), error: (message) => this.logged.push(message) },
    };
  }
}

function sqlite(): EngineStorage {
  const database = new DatabaseSync(":memory:");
  return {
    sql: {
      exec: <T extends Record<string, string | number | null>>(query: string, ...bindings: (string | number | null)[]) => {
        const rows = database.prepare(query).all(...bindings) as T[];
        return { toArray: () => rows, [Symbol.iterator]: () => rows[Symbol.iterator]() };
      },
    },
    transactionSync: (closure) => closure(),
  };
}

export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
