/** `npm start` as an operator runs it: the real process tree on a free port and a state directory of its own, with workerd's own network. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export type Started = {
  readonly url: string;
  readonly token: string;
  readonly stateDirectory: string;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Every process of it that is alive: npm, node, the runtime. */
  processes(): readonly Process[];
  /** Sends the signal to npm, as a supervisor does, and waits for its end. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
};

export type Process = { readonly pid: number; readonly parent: number; readonly command: string };

const root = resolve(import.meta.dirname, "../..");

/** Starts it and waits for its end or its ready line, whichever comes first. */
export async function npmStart(env: Readonly<Record<string, string>> = {}, stateDirectory?: string): Promise<Started | Ended> {
  const directory = stateDirectory ?? (await temporaryDirectory());
  const child = spawn("npm", ["start"], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    env: { ...withoutKosmos(process.env), PORT: "0", KOSMOS_STATE_DIR: directory, ...env },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const known = new Map<number, Process>();
  const processes = () => {
    const all = listProcesses();
    const found = descendants(all, child.pid ?? -1);
    for (const one of found) known.set(one.pid, one);
    return all.filter(({ pid, command }) => known.get(pid)?.command === command);
  };

  const ready = await new Promise<RegExpExecArray | null>((settle) => {
    child.stdout.on("data", () => {
      const match = /^kosmos ready at (\S+) token (?:in (.+)|as given.*)$/m.exec(stdout);
      if (match !== null) settle(match);
    });
    child.once("close", () => settle(null));
  });
  if (ready === null) return { kind: "ended", code: child.exitCode, stdout, stderr, stateDirectory: directory };
  const tokenPath = ready[2];
  const token = tokenPath === undefined ? (env.KOSMOS_ADMIN_TOKEN ?? "") : (await readFile(resolve(root, tokenPath), "utf8")).trim();
  processes();
  return {
    url: ready[1] ?? "",
    token,
    stateDirectory: directory,
    stdout: () => stdout,
    stderr: () => stderr,
    processes,
    end: (signal = "SIGTERM") => end(child, signal),
  };
}

export type Ended = {
  readonly kind: "ended";
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly stateDirectory: string;
};

/** As `npmStart`, where an end instead of a start is a failure of the test. */
export async function npmStarted(env: Readonly<Record<string, string>> = {}, stateDirectory?: string): Promise<Started> {
  const started = await npmStart(env, stateDirectory);
  if ("kind" in started) throw new Error(`npm start ended with ${started.code}:\n${started.stdout}\n${started.stderr}`);
  return started;
}

export const temporaryDirectory = () => mkdtemp(join(tmpdir(), "kosmos-state-"));

export const removeDirectory = (path: string) => rm(path, { recursive: true, force: true });

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const closed = once(child, "close");
    child.kill(signal);
    await closed;
  }
  return child.exitCode;
}

/** A zombie is dead; that nobody has asked for its exit code is its parent's affair. */
function listProcesses(): readonly Process[] {
  if (existsSync("/proc/self/stat")) return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? fromProc(Number(name)) : []));
  const table = execFileSync("ps", ["-eo", "pid=,ppid=,stat=,args="], { encoding: "utf8" });
  return table.split("\n").flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+([^Z]\S*)\s+(.*)$/.exec(line);
    return match === null ? [] : [{ pid: Number(match[1]), parent: Number(match[2]), command: match[4] ?? "" }];
  });
}

/** A bare machine has no `ps`. */
function fromProc(pid: number): Process[] {
  try {
    // The second field, the name in parentheses, may hold anything; state and parent follow its end.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    return state === "Z" ? [] : [{ pid, parent: Number(parent), command }];
  } catch {
    return [];
  }
}

function descendants(all: readonly Process[], ancestor: number): readonly Process[] {
  const found = all.filter(({ pid }) => pid === ancestor);
  for (const one of found) found.push(...all.filter(({ parent }) => parent === one.pid));
  return found;
}

function withoutKosmos(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("KOSMOS_")));
}
