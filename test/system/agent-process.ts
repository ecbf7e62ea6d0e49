/** `kosmos-agent` as an operator runs it: a process of its own, ended by a signal. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";

export type AgentProcess = {
  readonly output: () => string;
  /** Its exit code, or null while it runs. */
  readonly exitCode: () => number | null;
  /** Sends SIGTERM and waits for its end. */
  end(): Promise<number | null>;
};

const root = resolve(import.meta.dirname, "../..");

/** `command`: what runs it. npx ends by the signal that it was sent, so the agent's own code is to be had without it. */
export function startAgent(args: readonly string[], token: string, command: readonly string[] = direct): AgentProcess {
  const [program = "", ...rest] = command;
  const child = spawn(program, [...rest, ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    env: { ...process.env, KOSMOS_AGENT_TOKEN: token },
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const closed = once(child, "close");
  return {
    output: () => output,
    exitCode: () => child.exitCode,
    end: async () => {
      // To all of them, as a terminal does.
      if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
      await closed;
      return child.exitCode;
    },
  };
}

/** The bundle that an installed package runs, made anew, on the oldest Node of this machine. */
export async function bundled(): Promise<readonly string[]> {
  await run(process.execPath, [join(root, "agent/build.js")]);
  const found = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, "node"));
  const versions = await Promise.all(
    [...new Set(found)]
      .filter((path) => existsSync(path))
      .map(async (path) => ({ path, version: (await run(path, ["--version"])).stdout })),
  );
  const [oldest] = versions.toSorted((left, right) => left.version.localeCompare(right.version, "en", { numeric: true }));
  return [oldest?.path ?? process.execPath, "dist/kosmos-agent.cjs"];
}
const run = promisify(execFile);

export const npx = ["npx", "--no-install", "kosmos-agent"] as const;
const direct = [process.execPath, "agent/bin.js"] as const;
