/** A local system in a directory of its own, for as long as a bench runs; and the CPU time of its runtime. */
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LocalSystem, startLocalSystem } from "../local/system.ts";

export const adminToken = "bench-token";

export type ScratchSystem = {
  readonly url: string;
  /** The process id of its workerd; null where it could not be told. */
  readonly pid: number | null;
  /** Of its inspector; null where it was not asked for. */
  readonly inspectorUrl: string | null;
  /** What the Worker logged as errors, newest last. */
  readonly errors: readonly string[];
  close(): Promise<void>;
};

/** `config`: a wrangler configuration in this folder; left out: Kosmos itself. */
export async function startScratchSystem(
  config?: string,
  vars: Readonly<Record<string, string>> = {},
  inspect = false,
): Promise<ScratchSystem> {
  const directory = await mkdtemp(join(tmpdir(), "kosmos-bench-"));
  const errors: string[] = [];
  const before = new Set(runtimesOf(process.pid));
  let system: LocalSystem;
  try {
    system = await startLocalSystem({
      port: 0,
      dataPath: join(directory, "data"),
      bundlePath: join(directory, "worker"),
      vars: { KOSMOS_ADMIN_TOKEN: adminToken, KOSMOS_ALLOW_PRIVATE: "1", ...vars },
      onLog: (level, line) => {
        if (level === "error") errors.push(line);
      },
      signal: new AbortController().signal,
      inspect,
      ...(config === undefined ? {} : { configPath: join(import.meta.dirname, config) }),
    });
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
  const started = runtimesOf(process.pid).filter((pid) => !before.has(pid));
  return {
    url: system.url,
    inspectorUrl: system.inspectorUrl,
    pid: started.length === 1 ? (started[0] ?? null) : null,
    errors,
    close: async () => {
      await system.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** User and system time of a process so far, all its threads, in seconds (proc(5): fields 14 and 15 of stat, in ticks of 1/100 s). */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** The workerd processes that this one has started; none where there is no /proc. */
function runtimesOf(parent: number): number[] {
  let entries: string[];
  try {
    entries = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));
  } catch {
    return [];
  }
  return entries.map(Number).filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const command = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
      return command === "workerd" && Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === parent;
    } catch {
      // It ended while we looked.
      return false;
    }
  });
}
