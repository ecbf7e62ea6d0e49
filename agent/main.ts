/** The program `kosmos-agent`: settings in, one line of log for each event, a clean end on a signal. The rest is `agent.ts`. */
import "./node-20.ts";
import { version } from "../domain/version.ts";
import { KosmosAgent } from "./agent.ts";
import { apiClient } from "./api-client.ts";
import { ownFamilies } from "./failures.ts";
import { createNodeIo } from "./node-io.ts";
import { findPing } from "./node-ping.ts";
import { help, readSettings, type Settings } from "./settings.ts";

const wrongSettings = 2;
/** EX_NOPERM of sysexits.h: starting it again would not help. */
const tokenRefused = 77;

const wanted = readSettings(process.argv.slice(2), process.env);
if (!wanted.ok) {
  console.error(`kosmos-agent: ${wanted.error}\n(kosmos-agent --help says more)`);
  process.exitCode = wrongSettings;
} else if (wanted.value.kind === "help") console.log(help);
else if (wanted.value.kind === "version") console.log(version);
else void start(wanted.value.settings);

async function start({ url, token, allow, concurrency, ca, warnings }: Settings): Promise<void> {
  // Nothing that this starts (ping) is to have it.
  delete process.env.KOSMOS_AGENT_TOKEN;
  const api = apiClient({ url, token, ca });
  const ping = findPing();
  const agent = new KosmosAgent({
    api,
    io: createNodeIo({ allow, ping }),
    concurrency,
    families: allow.families.filter((family) => ownFamilies().includes(family)),
    log,
  });
  let asked = false;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (asked) process.exit(1);
      asked = true;
      log("info", `${signal}: ending after the last report`);
      agent.stop();
    });
  }
  for (const warning of warnings) log("warning", warning);
  if (ping === null) log("warning", "there is no ping on this machine: PING checks are not carried out");
  log("info", `kosmos-agent ${version} asks ${url} for its checks`);
  const end = await agent.run();
  api.close();
  log("info", "ended");
  process.exitCode = end === "refused" ? tokenRefused : 0;
}

function log(level: "info" | "warning" | "error", text: string): void {
  console.log(`${new Date().toISOString()} ${level} ${text.replaceAll(/\s+/g, " ")}`);
}
