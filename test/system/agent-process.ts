/** `kosmos-agent` as an operator runs it: a process of its own, ended by a signal. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";

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

export const npx = ["npx", "--no-install", "kosmos-agent"] as const;
const direct = [process.execPath, "agent/bin.js"] as const;
