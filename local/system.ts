/**
 * The whole system on this machine: the deployed bundle in workerd, with its state in one directory, reachable from 127.0.0.1 alone, its cron
 * ticked each minute. It downloads nothing. Bindings come from `wrangler.toml`; this file names none of them.
 */
import { resolve } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { unstable_readConfig as readConfig, unstable_getMiniflareWorkerOptions as workerOptionsOf } from "wrangler";
import { bundleWorker } from "./bundle.ts";
import { holdLifeline } from "./lifeline.ts";
import { StartFailure } from "./state-directory.ts";

export type LocalSystemOptions = {
  /** 0: a free one. */
  readonly port: number;
  readonly dataPath: string;
  readonly bundlePath: string;
  /** Settings and secrets, as the Worker's environment has them. */
  readonly vars: Readonly<Record<string, string>>;
  /** What the Worker logs, a line at a time. */
  readonly onLog: (level: string, line: string) => void;
  /** Ends a start that has not come to its end. */
  readonly signal: AbortSignal;
  /** Another configuration than the repository's own. */
  readonly configPath?: string;
  /** How often the cron is ticked, where not each minute. */
  readonly cronIntervalMs?: number;
  /** Opens the runtime's inspector, on a free port of 127.0.0.1. */
  readonly inspect?: boolean;
};

export type LocalSystem = {
  readonly url: string;
  /** Where the Chrome DevTools Protocol is spoken, if it was asked for. */
  readonly inspectorUrl: string | null;
  /** Ends the runtime and waits for it. */
  close(): Promise<void>;
  /** Ends the runtime and waits for nothing. */
  kill(): void;
};

/** What the Worker is told here beside what it is given: there is no colo to ask for. */
const localVars = { KOSMOS_TRACE_URL: "off" };

const cronIntervalMs = 60_000;
const readyTimeoutMs = 60_000;

/** Resolves once `/readyz` has answered 200. */
export async function startLocalSystem(options: LocalSystemOptions): Promise<LocalSystem> {
  const configPath = options.configPath ?? resolve(import.meta.dirname, "../wrangler.toml");
  const config = readConfig({ config: configPath });
  const { workerOptions, main } = workerOptionsOf(config);
  if (main === undefined) throw new StartFailure(`${configPath} names no main`);
  const bundlePath = resolve(options.bundlePath);
  const modules = await bundleWorker(configPath, main, bundlePath, options.signal);
  // Rules for finding modules: there is nothing left to find. Services are other deployments, placed checkers, which are not here.
  const { modulesRules: _, serviceBindings: __, ...bindings } = workerOptions;

  const lifeline = holdLifeline("workerd");
  const returnSignals = keepSignals();
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: options.port,
      log: new Log(LogLevel.NONE),
      handleStructuredLogs: ({ level, message }) => options.onLog(level, message),
      cf: {},
      telemetry: { enabled: false },
      ...(options.inspect === true ? { inspectorPort: 0 } : {}),
      resourcePersistencePath: resolve(options.dataPath),
      workers: [
        {
          ...bindings,
          name: config.name ?? "kosmos",
          modules: [...modules],
          modulesRoot: bundlePath,
          bindings: { ...(bindings.bindings as Record<string, string> | undefined), ...localVars, ...options.vars },
        },
      ],
    }),
  );
  returnSignals();
  let ticking: NodeJS.Timeout | undefined;
  const close = async () => {
    clearInterval(ticking);
    await runtime.dispose();
    lifeline.release();
  };
  try {
    const url = (await runtime.ready).origin;
    const inspectorUrl = options.inspect === true ? (await runtime.getInspectorURL()).href : null;
    const tick = async () => {
      try {
        // Asked each time: where the runtime died another takes its place, and what was had of the first throws.
        const worker = await runtime.getWorker();
        await worker.scheduled({ cron: "* * * * *" });
      } catch (error) {
        options.onLog("error", `cron: ${error}`);
      }
    };
    ticking = setInterval(tick, options.cronIntervalMs ?? cronIntervalMs);
    tick();
    await untilReady(url, options.signal);
    return { url, inspectorUrl, close, kill: () => lifeline.cut() };
  } catch (error) {
    await close();
    options.signal.throwIfAborted();
    throw isPortTaken(error) ? new StartFailure(`port ${options.port} of 127.0.0.1 is in use`) : error;
  }
}

/** Miniflare ends the process on a signal, at once; how it ends is for whoever started the system to say. Returns what takes that back. */
function keepSignals(): () => void {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const before = new Set(signals.flatMap((signal) => process.listeners(signal)));
  return () => {
    for (const signal of signals) {
      for (const listener of process.listeners(signal)) if (!before.has(listener)) process.removeListener(signal, listener);
    }
  };
}

const isPortTaken = (error: unknown) => error instanceof Error && "code" in error && error.code === "ERR_ADDRESS_IN_USE";

async function untilReady(url: string, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + readyTimeoutMs;
  for (;;) {
    signal.throwIfAborted();
    const response = await fetch(`${url}/readyz`, { signal });
    const body = await response.text();
    if (response.ok) return;
    if (performance.now() > deadline) throw new StartFailure(`not ready after ${readyTimeoutMs / 1000} s: ${body}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
