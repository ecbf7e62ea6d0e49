/**
 * Many members, some of which begin to hang, checked by the real system over real sockets: whether anyone healthy is called down, whether each of
 * them is checked in every period from every region, and how soon those that hang are down, against the bound of docs/decisions.md.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { limits } from "../../domain/limits.ts";
import { assert } from "../../domain/result.ts";
import { phaseMs } from "../../domain/schedule.ts";
import { freePort } from "../../test/servers/daemon.ts";
import { until } from "../../test/system/until.ts";
import { percentile, table } from "../figure.ts";
import { startScratchSystem } from "../scratch-system.ts";
import { SoakClient, type SoakMember } from "./client.ts";
import type { SoakOptions } from "./options.ts";
import { coverage } from "./periods.ts";
import { addressOf, type Fate, type Target, Targets } from "./targets.ts";

const maxRetries = 3;
/** One in three of those that hang never completes a handshake. */
const freezeOneIn = 3;

type Row = { readonly what: string; readonly seen: string; readonly wanted: string; readonly holds: boolean | null };

/** Prints a table; true: all of it holds. */
export async function soak(options: SoakOptions, say: (line: string) => void): Promise<boolean> {
  const fates = fatesOf(options);
  const targets = new Targets(fates, await freePort());
  const system = await startScratchSystem(undefined, { KOSMOS_REGIONS: options.regions.join(",") });
  try {
    await targets.listen();
    const client = new SoakClient(system.url);
    const { members: _, hanging, regions, seconds, ...settings } = options;
    const monitor = await client.monitor({ type: "HTTP", port: targets.port, max_retries: maxRetries, ...settings });
    const members = await client.members(
      monitor,
      fates.map(({ address }) => address),
    );
    say(`${members.length} members, each checked from ${regions.join(", ")} with delay ${options.delay} and timeout ${options.timeout}`);
    await until(async () => (await client.statuses()).filter(({ status }) => status !== "ACTIVE").length, {
      what: "every member to be ACTIVE",
      is: (others) => others === 0,
      timeoutMs: 120_000,
      intervalMs: 1_000,
    });

    await targets.part();
    const timers = monitorEventLoopDelay({ resolution: 10 });
    timers.enable();
    const partedAt = Date.now();
    say(`all are ACTIVE; from now on ${hanging} of them hang; ${seconds} s to go`);
    await sleep(seconds * 1_000);
    const endedAt = Date.now();
    timers.disable();
    // What was due in the last period may still come; then everything is counted.
    await sleep(options.delay * 1_000);
    const rows = [
      ...(await statusRows(client, options, members, fates, partedAt)),
      ...periodRows(options, monitor, members, fates, await targets.requests(), partedAt, endedAt),
      busy(timers.percentile(99) / 1e6, timers.max / 1e6),
    ];
    const mark = (holds: boolean | null) => (holds === null ? "" : holds ? "holds" : "BROKEN");
    say(`\n${table([["what", "seen", "wanted", ""], ...rows.map(({ what, seen, wanted, holds }) => [what, seen, wanted, mark(holds)])])}`);
    for (const line of new Set(system.errors)) say(`the Worker said: ${line.slice(0, 300)}`);
    return rows.every(({ holds }) => holds !== false);
  } finally {
    await system.close();
    await targets.close();
  }
}

/** Spread among each other, so that every shard has its share of those that hang. */
function fatesOf({ members, hanging }: SoakOptions): Target[] {
  let sick = 0;
  return Array.from({ length: members }, (_, index): Target => {
    const falls = Math.floor(((index + 1) * hanging) / members) > Math.floor((index * hanging) / members);
    if (falls) sick += 1;
    const fate: Fate = !falls ? "healthy" : sick % freezeOneIn === 0 ? "freezes" : "hangs";
    return { address: addressOf(index), fate };
  });
}

async function statusRows(
  client: SoakClient,
  options: SoakOptions,
  members: readonly SoakMember[],
  fates: readonly Target[],
  partedAt: number,
): Promise<Row[]> {
  const { delay, timeout } = options;
  const fateOf = new Map(members.map(({ id, endpoint }) => [id, fates.find(({ address }) => address === endpoint)?.fate ?? "healthy"]));
  const isHealthy = (id: string) => fateOf.get(id) === "healthy";
  const falls = (await client.changes()).filter(({ to }) => to !== "ACTIVE" && to !== "PENDING");
  const wrong = falls.filter(({ member_id }) => isHealthy(member_id));
  const soonest = new Map<string, number>();
  for (const fall of falls.toReversed()) {
    if (fall.to === "DOWN" && !soonest.has(fall.member_id)) soonest.set(fall.member_id, Date.parse(fall.at) - partedAt);
  }
  const statuses = await client.statuses();
  const times = [...soonest].filter(([id]) => !isHealthy(id)).map(([, ms]) => ms / 1_000);
  const is = (wanted: string, healthy: boolean) =>
    statuses.filter(({ id, status }) => status === wanted && isHealthy(id) === healthy).length;
  // Many fail together: the second of the two bounds.
  const bound = (maxRetries + 1) * delay + timeout + 2;
  const slowest = Math.max(0, ...times);
  const healthy = options.members - options.hanging;
  const answers = await client.answers();
  const published = fates.filter(({ address, fate }) => answers.has(address) !== (fate === "healthy")).length;
  const freshMs = 2 * delay * 1_000 + timeout * 1_000;
  const now = Date.now();
  const stale = statuses.flatMap(({ regions }) => regions.filter(({ at }) => now - Date.parse(at) > freshMs)).length;
  const views = statuses.reduce((sum, { regions }) => sum + regions.length, 0);
  const details = new Map<string, number>();
  for (const { regions } of statuses) for (const { detail } of regions) details.set(detail, (details.get(detail) ?? 0) + 1);
  return [
    row("false DOWN or DEGRADED, ever", wrong.length, 0, wrong[0] === undefined ? "" : `: ${wrong[0].reason}`),
    row("healthy and ACTIVE in the end", is("ACTIVE", true), healthy),
    row("hanging and DOWN in the end", is("DOWN", false), options.hanging),
    {
      what: "seconds until a hanging one was DOWN",
      seen: times.length === 0 ? "none" : `${percentile(times, 50).toFixed(1)} (median), ${slowest.toFixed(1)} (worst)`,
      wanted: `≤ ${bound}`,
      holds: times.length === options.hanging && slowest <= bound,
    },
    row("wrongly in, or not in, a published answer", published, 0),
    row("results of a region, for each member", views, options.members * options.regions.length),
    row("of them too old to be a vote", stale, 0),
    ...[...details].map(
      ([detail, count]): Row => ({ what: `newest result "${detail.slice(0, 40)}"`, seen: String(count), wanted: "", holds: null }),
    ),
  ];
}

function periodRows(
  { delay, regions }: SoakOptions,
  monitorId: string,
  members: readonly SoakMember[],
  fates: readonly Target[],
  requests: readonly { readonly address: string; readonly at: number }[],
  partedAt: number,
  endedAt: number,
): Row[] {
  const byAddress = Map.groupBy(requests, ({ address }) => address);
  const healthy = new Set(fates.filter(({ fate }) => fate === "healthy").map(({ address }) => address));
  const delayMs = delay * 1_000;
  let [missed, extra, due] = [0, 0, 0];
  const lateMs: number[] = [];
  for (const { id, endpoint } of members) {
    if (!healthy.has(endpoint)) continue;
    const identity = { member_id: id, endpoint, monitor_id: monitorId, delayMs, regions };
    const phases = regions.map((region) => phaseMs({ ...identity, region }));
    const times = (byAddress.get(endpoint) ?? []).map(({ at }) => at);
    const seen = coverage(times, { delayMs, phases }, partedAt, endedAt);
    missed += seen.missed;
    extra += seen.extra;
    due += seen.missed + seen.lateMs.length;
    lateMs.push(...seen.lateMs);
  }
  assert(due > 0, "something was due");
  const late = (percent: number) => `${percentile(lateMs, percent)} ms`;
  return [
    row(`periods of healthy ones without a check, of ${due}`, missed, 0),
    { what: "checks beyond one a period and region", seen: String(extra), wanted: "", holds: null },
    {
      what: "a check began after it was due (median, 99 %, worst)",
      seen: `${late(50)}, ${late(99)}, ${late(100)}`,
      wanted: `≤ ${delayMs} ms`,
      holds: Math.max(...lateMs) <= delayMs + limits.catchUpMs,
    },
  ];
}

/** Where this is long, something else had the machine, and what came late says little of Kosmos. */
const busy = (percentile99: number, max: number): Row => ({
  what: "a timer of the soak's own, late (99 %, worst)",
  seen: `${Math.max(0, percentile99 - 10).toFixed(0)} ms, ${Math.max(0, max - 10).toFixed(0)} ms`,
  wanted: "",
  holds: null,
});

const row = (what: string, seen: number, wanted: number, more = ""): Row => ({
  what,
  seen: `${seen}${more}`,
  wanted: String(wanted),
  holds: seen === wanted,
});
