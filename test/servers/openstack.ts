/**
 * What OpenStack's services have in common here: they are Python programs of Debian's, each with its files in one folder and its API under uWSGI
 * or by itself, and start slowly: one start for a test file, shared by its tests.
 */
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Daemon, startDaemon } from "./daemon.ts";
import { pathOf } from "./installed.ts";

const run = promisify(execFile);

/** A Python of Debian's, which has its packages; one of somebody's own might come first on the PATH. */
export const python = "/usr/bin/python3";
/** Two cores are shared by everything; a bad start tells its reason before. */
export const slowStartMs = 60_000;

/** Sections and their settings, as oslo.config reads them. */
export type Configuration = Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>;

export const configText = (configuration: Configuration): string =>
  Object.entries(configuration)
    .map(([section, settings]) => [`[${section}]`, ...Object.entries(settings).map(([name, value]) => `${name} = ${value}`), ""].join("\n"))
    .join("\n");

/** Every service reads its policies from files, and has good ones without. */
export async function noPolicies(folder: string): Promise<Configuration> {
  await mkdir(join(folder, "policy.d"), { recursive: true });
  await writeFile(join(folder, "policy.yaml"), "{}\n");
  return { oslo_policy: { policy_file: join(folder, "policy.yaml"), policy_dirs: join(folder, "policy.d") } };
}

/** One command to its end; its error has what it said. */
export async function command(program: string, args: readonly string[]): Promise<string> {
  const path = pathOf(program);
  if (path === null) throw new Error(`${program} is not installed`);
  const { stdout } = await run(path, args, { maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}

export type Wsgi = {
  readonly file: string;
  readonly port: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly more?: readonly string[];
};

/** A service's API under uWSGI, in one process: SQLite has one writer. Answers on the port as soon as it is ready. */
export const startWsgi = ({ file, port, env = {}, more = [] }: Wsgi): Promise<Daemon> =>
  startDaemon({
    program: "uwsgi",
    args: [
      ...["--plugin", "python3", "--http-socket", `127.0.0.1:${port}`, "--wsgi-file", file, "--master", "--processes", "1"],
      // Left to exit by themselves, its workers crash; left behind, they would keep the port.
      ...["--lazy-apps", "--enable-threads", "--need-app", "--die-on-term", "--no-orphans", "--skip-atexit"],
      // A token in a header, and its catalogue, are long. A request on a kept connection that it closes meanwhile would fail.
      ...["--buffer-size", "65535", "--add-header", "Connection: close", "--disable-logging", "--log-5xx", ...more],
    ],
    env,
    ready: async () => (await fetch(`http://127.0.0.1:${port}/`)).status < 500,
    readyTimeoutMs: slowStartMs,
  });
