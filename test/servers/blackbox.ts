/** Prometheus's blackbox_exporter: a prober that knows nothing of ours. Its modules are given as its configuration file has them, in JSON. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Daemon, freePort, inFolder, startDaemon } from "./daemon.ts";

export type Blackbox = Daemon & {
  readonly port: number;
  /** Asks it once. `log` is what it says of this probe. */
  probe(module: string, target: string): Promise<{ readonly success: boolean; readonly log: string }>;
};

/** A module of its configuration (`prober`, `timeout`, and the prober's own section). */
export type BlackboxModule = { readonly prober: string; readonly timeout?: string } & Readonly<Record<string, unknown>>;

export const startBlackbox = (modules: Readonly<Record<string, BlackboxModule>>): Promise<Blackbox> =>
  inFolder("blackbox", async (folder) => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const path = join(folder, "blackbox.yml");
    // JSON is YAML.
    await writeFile(path, JSON.stringify({ modules }));
    const daemon = await startDaemon({
      program: "prometheus-blackbox-exporter",
      args: [`--config.file=${path}`, `--web.listen-address=127.0.0.1:${port}`, "--log.level=error"],
      ready: async () => (await fetch(`${url}/-/healthy`)).ok,
    });
    return {
      ...daemon,
      port,
      probe: async (module, target) => {
        const answer = await fetch(`${url}/probe?${new URLSearchParams({ module, target, debug: "true" })}`);
        const log = await answer.text();
        const result = /^probe_success (0|1)$/m.exec(log);
        if (!answer.ok || result === null) throw new Error(`blackbox_exporter answered ${answer.status}: ${log.slice(0, 500)}`);
        return { success: result[1] === "1", log };
      },
    };
  });
