/**
 * `npm run demo`: the whole loop on this machine. Three web servers, one name; one is killed, then the rest of its pool, then all come back, and
 * each time the published answer follows. It talks to Kosmos as every client does and ends 0 only if all of it happened.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { styleText } from "node:util";
import type { HistoryEvent } from "../domain/history.ts";
import { defaultRegions } from "../domain/monitor.ts";
import type { GslbView } from "../domain/status-view.ts";
import { type DemoClient, demoClient } from "./demo-client.ts";
import { type DemoOrigin, startDemoOrigin } from "./demo-origin.ts";
import { historyLines } from "./demo-summary.ts";
import { demoView, seconds, type View } from "./demo-view.ts";
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
const answerLimitMs = 20_000;
const dnsPollMs = 100;
const statusPollMs = 300;

/** What the demo promised and did not happen. */
class DemoFailure extends Error {}

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
  const watched = watch(client, gslbId, view, signal);
  const [first, second] = pools[0].members;
  const [standby] = pools[1].members;
  const kill = async (name: string) => {
    watched.killed.add(name);
    await origins.get(name)?.kill();
  };
  const revive = async (name: string) => {
    watched.killed.delete(name);
    await origins.get(name)?.revive();
  };
  const results: [string, number][] = [];
  /** Does something to the origins and measures until the answer is as expected. */
  const step = async (what: string, action: () => Promise<void>, expected: readonly string[]) => {
    view.tell(bold(what));
    const begun = performance.now();
    await action();
    await watched.until(expected);
    const took = performance.now() - begun;
    view.tell(`${styleText("cyan", `the answer is ${expected.join(", ")}`)} after ${bold(seconds(took))}`);
    results.push([`${what} → ${expected.join(", ")}`, took]);
  };
  try {
    await step("the name is declared", async () => {}, [first, second]);
    await watched.everySettled();
    await step("paris-1 is killed", () => kill("paris-1"), [second]);
    await step("paris-2 is killed too: the primary pool is gone", () => kill("paris-2"), [standby]);
    await step("both are back", () => Promise.all([revive("paris-1"), revive("paris-2")]).then(() => {}), [first, second]);
    const events = await watched.historyOf(["paris-1", "paris-2"]);
    watched.stop();
    summarise(results, events);
  } finally {
    watched.stop();
  }
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

/** Watches the answer and the status until it is stopped, and draws what it sees. */
function watch(client: DemoClient, gslbId: string, view: View, signal: AbortSignal) {
  const killed = new Set<string>();
  let answers: readonly string[] = [];
  let gslb: GslbView | null = null;
  let stopped = false;
  let statusAt = Number.NEGATIVE_INFINITY;
  let trouble = "";
  const look = async () => {
    try {
      answers = await client.answers(fqdn);
      if (performance.now() - statusAt >= statusPollMs) {
        gslb = await client.status(gslbId);
        statusAt = performance.now();
      }
      trouble = "";
    } catch (error) {
      // What is asked again in a moment may fail once; it is told if the time runs out.
      trouble = ` (${error instanceof Error ? error.message : String(error)})`;
    }
    view.show({ fqdn, regions: defaultRegions, maxRetries: monitor.max_retries, answers, gslb, killed });
  };
  const wait = async <T>(what: string, fact: () => T | undefined | Promise<T | undefined>): Promise<T> => {
    const deadline = performance.now() + answerLimitMs;
    for (;;) {
      signal.throwIfAborted();
      await look();
      const value = await fact();
      if (value !== undefined) return value;
      if (performance.now() > deadline) {
        throw new DemoFailure(`${what} within ${answerLimitMs / 1000} s; the answer is ${answers.join(", ") || "empty"}${trouble}`);
      }
      await sleep(dnsPollMs);
    }
  };
  return {
    killed,
    until: (expected: readonly string[]) =>
      wait(`the answer did not become ${expected.join(", ")}`, () => (answers.join() === expected.toSorted().join() ? true : undefined)),
    /** Every region has seen every member up: the picture to start from. */
    everySettled: () =>
      wait("not every region saw every origin up", () => {
        const members = (gslb?.pools ?? []).flatMap((pool) => pool.members);
        const up = members.every(
          ({ regions }) => regions.length === defaultRegions.length && regions.every(({ verdict }) => verdict === "up"),
        );
        return members.length > 0 && up ? true : undefined;
      }),
    /** The history, once it has the fall and the return of each of the named members. */
    historyOf: (names: readonly string[]) =>
      wait("the history did not show every fall and return", async () => {
        const events = (await client.history()).filter(({ kind }) => kind === "member_status" || kind === "published");
        const has = (name: string, to: string) => {
          const id = gslb?.pools.flatMap((pool) => pool.members).find((member) => member.name === name)?.id;
          const moves = events.filter((event) => event.kind === "member_status" && event.member_id === id);
          return moves.some((event) => event.from === (to === "DOWN" ? "ACTIVE" : "DOWN") && event.to === to);
        };
        return names.every((name) => has(name, "DOWN") && has(name, "ACTIVE")) ? withNames(events, gslb) : undefined;
      }),
    stop: () => {
      if (!stopped) view.end();
      stopped = true;
    },
  };
}

type NamedEvent = HistoryEvent & { readonly name: string };

function withNames(events: readonly HistoryEvent[], gslb: GslbView | null): readonly NamedEvent[] {
  const members = new Map((gslb?.pools ?? []).flatMap((pool) => pool.members).map(({ id, name }) => [id, name]));
  return events.map((event) => ({ ...event, name: members.get(event.member_id ?? "") ?? fqdn }));
}

function summarise(results: readonly [string, number][], events: readonly NamedEvent[]): void {
  const width = Math.max(...results.map(([what]) => what.length));
  console.log(`\n${bold("What happened")}  (seconds until /dns-query answered so)`);
  for (const [what, took] of results) console.log(`  ${what.padEnd(width)}  ${bold(seconds(took).padStart(7))}`);
  console.log(`\n${bold("Why")}  (GET /v0.1/history)`);
  for (const line of historyLines(events)) console.log(`  ${line}`);
  console.log(`\n${bold("Try next")}
  npm start                                                     the same system, with its state kept in .kosmos
  curl -s "http://127.0.0.1:8787/dns-query?name=${fqdn}"    its answers, once you have declared a name (README.md)
  npx wrangler deploy                                           the same on Cloudflare, in your account\n`);
}
