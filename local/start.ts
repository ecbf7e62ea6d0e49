/** `npm start`: settings from the environment, one line on standard output when it is ready, a clean end on a signal. The rest is `system.ts`. */
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { parseAnchors } from "../domain/anchors.ts";
import { isServedRegion, parseRegions } from "../domain/monitor.ts";
import { settingProblem } from "../domain/settings.ts";
import { kindOf } from "../domain/vantage-point.ts";
import { openStateDirectory, StartFailure } from "./state-directory.ts";
import { type LocalSystem, startLocalSystem } from "./system.ts";

/** What of the environment is the Worker's; the admin token is handled apart. */
const passedOn = [
  "KOSMOS_REGIONS",
  "KOSMOS_ALLOW_PRIVATE",
  "KOSMOS_ENCRYPTION_KEY",
  "KOSMOS_ENCRYPTION_KEY_PREVIOUS",
  "KOSMOS_ANCHORS",
  "KOSMOS_RESOLVER_URL",
  "KOSMOS_DNS_QUERY",
  "KOSMOS_PDNS_SECRET",
  "KOSMOS_PDNS_NS",
  "KOSMOS_TRACE_URL",
] as const;

/** npm hands on a signal that the terminal has sent to us as well: two so close together are one. */
const sameSignalMs = 500;
const parentPollMs = 1_000;

const ending = new AbortController();
let system: LocalSystem | undefined;
let endingSince: number | undefined;

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    const now = performance.now();
    if (endingSince !== undefined && now - endingSince > sameSignalMs) {
      system?.kill();
      process.exit(1);
    }
    endingSince ??= now;
    ending.abort();
  });
}

// npm that was killed cannot hand on anything. Without its parent a system that npm started would run on unseen.
const parent = process.ppid;
if (process.env.npm_lifecycle_event !== undefined) {
  setInterval(() => process.ppid !== parent && ending.abort(), parentPollMs).unref();
}

try {
  await run(process.env);
} catch (error) {
  if (!ending.signal.aborted) {
    console.error(`kosmos: ${error instanceof StartFailure ? error.message : error instanceof Error ? error.stack : String(error)}`);
    process.exitCode = 1;
  }
}
// Whatever a library may still hold open must not keep us.
process.exit();

async function run(environment: NodeJS.ProcessEnv): Promise<void> {
  const port = parsePort(environment.PORT);
  checkRegions(environment.KOSMOS_REGIONS);
  const anchors = parseAnchors(environment.KOSMOS_ANCHORS);
  if (!anchors.ok) throw new StartFailure(anchors.error);
  checkSettings(environment);
  await checkPort(port);
  const directory = environment.KOSMOS_STATE_DIR || ".kosmos";
  const state = openStateDirectory(directory);
  try {
    const given = environment.KOSMOS_ADMIN_TOKEN || undefined;
    const vars: Record<string, string> = { KOSMOS_ALLOW_PRIVATE: "1", ...state.secrets() };
    for (const name of passedOn) if (environment[name]) vars[name] = environment[name];
    // Once more: a key may also come from the state directory's file.
    checkSettings(vars, ` (${join(directory, "secrets")})`);
    vars.KOSMOS_ADMIN_TOKEN = given ?? state.adminToken();
    system = await startLocalSystem({
      port,
      dataPath: state.dataPath,
      bundlePath: state.bundlePath,
      vars,
      onLog: (level, line) => console.error(`${level}: ${line}`),
      signal: ending.signal,
    });
    const where = given === undefined ? `in ${join(directory, "admin-token")}` : "as given in KOSMOS_ADMIN_TOKEN";
    console.log(`kosmos ready at ${system.url} token ${where}`);
    await aborted(ending.signal);
    await system.close();
  } finally {
    state.unlock();
  }
}

function parsePort(text: string | undefined): number {
  if (text === undefined || text === "") return 8787;
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new StartFailure(`PORT must be a number from 0 (a free one) to 65535, not ${JSON.stringify(text)}`);
  return port;
}

function checkRegions(setting: string | undefined): void {
  const regions = parseRegions(setting);
  const placed = regions.filter((region) => kindOf(region) === "placed");
  if (placed.length > 0) {
    throw new StartFailure(`KOSMOS_REGIONS has ${placed.join(", ")}: that needs a placed checker, and under npm start there is none`);
  }
  const unknown = regions.filter((region) => !isServedRegion(region));
  if (unknown.length > 0) throw new StartFailure(`KOSMOS_REGIONS has no such region: ${unknown.join(", ")}`);
}

function checkSettings(settings: Readonly<Record<string, string | undefined>>, where = ""): void {
  for (const [name, value] of Object.entries(settings)) {
    const problem = settingProblem(name, value);
    if (problem !== null) throw new StartFailure(`${problem}${where}`);
  }
}

/** Says so before the second that a bundle takes; the runtime would say so as well. */
async function checkPort(port: number): Promise<void> {
  if (port === 0) return;
  await new Promise<void>((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        new StartFailure(
          error.code === "EADDRINUSE" ? `port ${port} of 127.0.0.1 is in use` : `cannot listen on 127.0.0.1:${port}: ${error.message}`,
        ),
      ),
    );
    server.listen(port, "127.0.0.1", () => server.close(() => resolve()));
  });
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
}
