/** Runs one program to its end with a mutant in its environment. What its output means is for the engines to say. */
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { type Mutant, mutantVariable } from "./mutant.ts";

export const root = resolve(import.meta.dirname, "../../..");

export type Ended = {
  /** Null: it was ended by a signal, or never began. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Why it did not come to its own end; null: it did. */
  readonly cut: string | null;
};

/** `arguments_` go to this same Node. Without a mutant the program runs as it stands. */
export function runChild(arguments_: readonly string[], mutant: Mutant | null, timeoutMs: number): Promise<Ended> {
  const { promise, resolve: end } = Promise.withResolvers<Ended>();
  const environment = { ...process.env, NO_COLOR: "1", [mutantVariable]: mutant === null ? "" : JSON.stringify(mutant) };
  const child = spawn(process.execPath, arguments_, { cwd: root, env: environment, stdio: ["ignore", "pipe", "pipe"] });
  const kept = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      kept[name] += text;
    });
  }
  let cut: string | null = null;
  const deadline = setTimeout(() => {
    cut = `it had not ended after ${timeoutMs / 1_000} s`;
    child.kill("SIGKILL");
  }, timeoutMs);
  child.on("error", (error) => {
    cut = error.message;
    end({ code: null, ...kept, cut });
  });
  child.on("close", (code, signal) => {
    clearTimeout(deadline);
    end({ code, ...kept, cut: cut ?? (signal === null ? null : `it was ended by ${signal}`) });
  });
  return promise;
}
