/**
 * `npm run demo`: the whole loop on this machine. Three web servers, one name; one is killed, then the rest of its pool, then all come back, and
 * each time the published answer follows. It talks to Kosmos as every client does and ends 0 only if all of it happened.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { styleText } from "node:util";
import { defaultRegions } from "../domain/monitor.ts";
import { type DemoClient, demoClient } from "./demo-client.ts";
import { type DemoOrigin, startDemoOrigin } from "./demo-origin.ts";
import { historyLines } from "./demo-summary.ts";
import { demoView, seconds, type View } from "./demo-view.ts";
import { DemoFailure, DemoWatch, type NamedEvent } from "./demo-watch.ts";
import { type LocalSystem, startLocalSystem } from "./system.ts";

const fqdn = "www.shop.example.";
const zone = "shop.example.";
const monitor = { type: "HTTP", delay: 2, timeout: 1, max_retries: 2 };
/** Documentation addresses (RFC 5737): what is served; what is checked is the origin on this machine. */
const pools = [
  { name: "primary", members: ["192.0.2.10", "192.0.2.11"] },
  { name: "standby", members: ["198.51.100.20"] },
] as const;
const memberNames: Readonly<Record<string, string>> = { "192.0.2.10": "paris-1", "192.0.2.11": "paris-2", "198.51.100.20": "tokyo-1" };

const budgetMs = 85_000;

type Measured = { readonly what: string; readonly answer: readonly string[]; readonly tookMs: number };

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupted.abort());
const started = performance.now();
const sinceStartMs = () => performance.now() - started;
const bold = (text: string) => styleText("bold", text);

process.exitCode = await main();
// Whatever a library may still hold open must not keep us.
process.exit();

async function main(): Promise<number> {
  const signal = AbortSignal.any([interrupted.signal, AbortSignal.timeout(budgetMs)]);
  const directory = mkdtempSync(join(tmpdir(), "kosmos-demo-"));
  const view = demoView(process.stdout, sinceStartMs);
  const log: string[] = [];
  const origins = new Map<string, DemoOrigin>();
  let system: LocalSystem | undefined;
  try {
    console.log(`\n${bold("Kosmos")}: one name, three web servers, ${defaultRegions.length} regions that watch them\n`);
    for (const name of Object.values(memberNames)) origins.set(name, await startDemoOrigin(name));
    view.tell(`three web servers on 127.0.0.1: ${[...origins].map(([name, origin]) => `${name} :${origin.port}`).join("  ")}`);
    const token = randomBytes(24).toString("base64url");
    system = await startLocalSystem({
      port: 0,
      dataPath: join(directory, "data"),
      bundlePath: join(directory, "worker"),
      vars: { KOSMOS_ADMIN_TOKEN: token, KOSMOS_ALLOW_PRIVATE: "1" },
      onLog: (level, line) => log.push(`${level}: ${line}`),
      signal,
    });
    view.tell(`kosmos is ready at ${system.url}`);
    await play(demoClient(system.url, token, signal), origins, view, signal);
    return 0;
  } catch (error) {
    view.end();
    if (interrupted.signal.aborted) {
      console.log("\ninterrupted; everything that was started is being ended");
      return 130;
    }
    const late = signal.aborted ? `it was not done after ${budgetMs / 1000} s` : undefined;
    const reason = error instanceof DemoFailure ? error.message : (late ?? (error instanceof Error ? error.stack : String(error)));
    console.error(`\n${styleText("red", "the demo failed")}: ${reason}`);
    for (const line of log.slice(-20)) console.error(`  ${line}`);
    return 1;
  } finally {
    await system?.close();
    for (const origin of origins.values()) await origin.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function play(client: DemoClient, origins: ReadonlyMap<string, DemoOrigin>, view: View, signal: AbortSignal): Promise<void> {
  const gslbId = await declare(client, origins, view);
  const watch = new DemoWatch(client, { fqdn, gslbId, regions: defaultRegions, maxRetries: monitor.max_retries }, view, signal);
  const [first, second] = pools[0].members;
  const [standby] = pools[1].members;
  const kill = async (name: string) => {
    watch.killed.add(name);
    await origins.get(name)?.kill();
  };
  const revive = async (name: string) => {
    watch.killed.delete(name);
    await origins.get(name)?.revive();
  };
  const results: Measured[] = [];
  /** Does something to the origins, measures until the answer is as expected, and goes on when all regions agree. */
  const step = async (what: string, action: () => Promise<void>, expected: readonly string[]) => {
    view.tell(bold(what));
    const begun = performance.now();
    await action();
    await watch.answered(expected);
    const tookMs = performance.now() - begun;
    view.tell(`${styleText("cyan", `the answer is ${expected.join(", ")}`)} after ${bold(seconds(tookMs))}`);
    results.push({ what, answer: expected, tookMs });
    await watch.agreed();
  };
  await step("the name is declared", async () => {}, [first, second]);
  await step("paris-1 is killed", () => kill("paris-1"), [second]);
  await step("paris-2 is killed too, and with it the primary pool", () => kill("paris-2"), [standby]);
  await step("paris-1 is back", () => revive("paris-1"), [first]);
  await step("paris-2 is back", () => revive("paris-2"), [first, second]);
  const events = await watch.history(["paris-1", "paris-2"]);
  view.end();
  summarise(results, events);
}

/** Everything over the API that users have; returns the GSLB's id. */
async function declare(client: DemoClient, origins: ReadonlyMap<string, DemoOrigin>, view: View): Promise<string> {
  const monitorId = await client.create("/v0.1/monitors", { name: "web", ...monitor });
  view.tell(`POST /v0.1/monitors   ${monitor.type} every ${monitor.delay} s, down after ${monitor.max_retries} fails in a row`);
  const poolIds: string[] = [];
  for (const { name, members } of pools) {
    const body = members.map((endpoint) => {
      const memberName = memberNames[endpoint] ?? endpoint;
      return { name: memberName, endpoints: [endpoint], monitor_address: "127.0.0.1", monitor_port: origins.get(memberName)?.port };
    });
    poolIds.push(await client.create("/v0.1/pools", { name, members: body, monitor_ids: [monitorId] }));
    view.tell(`POST /v0.1/pools      ${name}: ${body.map((member) => `${member.name} ${member.endpoints[0]}`).join(", ")}`);
  }
  const gslbId = await client.create("/v0.1/gslbs", { fqdn, domain_name: zone, pool_ids: poolIds, flavor: "edge" });
  view.tell(`POST /v0.1/gslbs      ${fqdn} on primary, else on standby`);
  return gslbId;
}

function summarise(results: readonly Measured[], events: readonly NamedEvent[]): void {
  const width = Math.max(...results.map(({ what }) => what.length));
  console.log(`\n${bold("What happened")}  (time until /dns-query answered so)`);
  for (const { what, answer, tookMs } of results) {
    console.log(`  ${what.padEnd(width)}  ${bold(seconds(tookMs).padStart(7))}  ${answer.join(", ")}`);
  }
  console.log(`\n${bold("Why")}  (GET /v0.1/history)`);
  for (const line of historyLines(events)) console.log(`  ${line}`);
  console.log(`\n${bold("Try next")}  (README.md goes on from here)
  npm start
  curl -s -H "X-Auth-Token: $(cat .kosmos/admin-token)" http://127.0.0.1:8787/v0.1/flavors
  npx wrangler deploy\n`);
}
