/**
 * Starts a server of somebody else's on this machine, in a folder of its own, and ends it by its process id. It is ready when it answers, not
 * after a while; where it never is, the error has what it logged.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathOf } from "./installed.ts";

export type Daemon = {
  readonly pid: number;
  /** Its standard output and standard error so far. */
  readonly log: () => string;
  /** Waits for its end. */
  stop(): Promise<void>;
};

export type DaemonOptions = {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Asked until it is true. */
  readonly ready: () => Promise<boolean>;
  readonly readyTimeoutMs?: number;
};

const usualReadyTimeoutMs = 20_000;
const patienceMs = 5_000;
const running = new Set<ChildProcess>();
// A runner that ends in the midst of a test leaves no server behind.
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export async function startDaemon({
  program,
  args,
  cwd,
  env,
  ready,
  readyTimeoutMs = usualReadyTimeoutMs,
}: DaemonOptions): Promise<Daemon> {
  const path = pathOf(program);
  if (path === null) throw new Error(`${program} is not installed`);
  const child = spawn(path, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  const keep = (chunk: Buffer) => {
    log = (log + chunk.toString("latin1")).slice(-20_000);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  running.add(child);
  child.once("close", () => running.delete(child));
  let failure: Error | null = null;
  child.once("error", (error) => {
    failure = error;
  });
  const ended = () => failure !== null || child.exitCode !== null || child.signalCode !== null;
  const stop = async () => {
    if (ended()) return;
    const closed = once(child, "close");
    child.kill("SIGTERM");
    const impatient = setTimeout(() => child.kill("SIGKILL"), patienceMs);
    await closed;
    clearTimeout(impatient);
  };

  const deadline = performance.now() + readyTimeoutMs;
  while (ended() || !(await ready().catch(() => false))) {
    if (ended() || performance.now() > deadline) {
      await stop();
      throw new Error(`${program} did not start: ${failure ?? `exit ${child.exitCode ?? child.signalCode}`}\n${log}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { pid: child.pid as number, log: () => log, stop };
}

/** A folder that is there until `remove()`. */
export async function temporaryFolder(name: string): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), `kosmos-${name}-`));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** Starts what a folder is for, and removes the folder with it, also where it does not start. */
export async function inFolder<T extends { stop(): Promise<void> }>(name: string, start: (path: string) => Promise<T>): Promise<T> {
  const folder = await temporaryFolder(name);
  try {
    const started = await start(folder.path);
    return {
      ...started,
      stop: async () => {
        await started.stop();
        await folder.remove();
      },
    };
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

/**
 * Ports that nobody listens on, below the range that the kernel takes ports of outgoing connections from. Free for TCP and, since a name server
 * wants both, most likely for UDP.
 */
export async function freePorts(count: number, address = "127.0.0.1"): Promise<number[]> {
  const found = new Set<number>();
  for (let attempt = 0; attempt < 50 * count && found.size < count; attempt += 1) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    if (await isFree(port, address)) found.add(port);
  }
  if (found.size < count) throw new Error(`no ${count} free ports on ${address}`);
  return [...found];
}

export async function freePort(address = "127.0.0.1"): Promise<number> {
  const [port] = await freePorts(1, address);
  return port as number;
}

const isFree = (port: number, address: string) =>
  new Promise<boolean>((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, address, () => server.close(() => resolve(true)));
  });

/** Whether a TCP connection opens. */
export const accepts = (port: number, address = "127.0.0.1"): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection({ host: address, port });
    const say = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => say(true));
    socket.once("error", () => say(false));
    socket.setTimeout(1_000, () => say(false));
  });
