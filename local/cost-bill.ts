/**
 * What a month on Cloudflare costs, from its price list and from how Kosmos works: which shards there are, how often each of them runs, and what
 * a run uses. Pure. docs/costs.md says where each number comes from; where it is not known, it is counted too high rather than too low.
 */
import { limits } from "../domain/limits.ts";

export type Size = {
  readonly members: number;
  readonly regions: number;
  /** Seconds. */
  readonly delay: number;
  readonly timeout: number;
  /** How long a check of a healthy endpoint takes. */
  readonly latencyMs: number;
  /** How many of the members hang until the timeout, in percent. */
  readonly hangingPercent: number;
};

export type Line = {
  readonly what: string;
  readonly used: number;
  readonly included: number;
  /** Of a million beyond what is included, in dollars. */
  readonly price: number;
  readonly dollars: number;
};
export type Bill = {
  readonly checks: number;
  /** Of all regions. */
  readonly shards: number;
  readonly lines: readonly Line[];
  /** The plan itself and every line. */
  readonly dollars: number;
};

export const planDollars = 5;
const monthSeconds = 30 * 86_400;
const monthMinutes = monthSeconds / 60;
/** A Durable Object is billed as 128 MB, whatever it uses. */
const objectGigabytes = 0.128;
/** A message is written, read and deleted. */
const operationsPerMessage = 3;
/** Rounded up from what `npm run bench -- --only check` shows for a check with its share of a call. */
const cpuMsPerCheck = 1;
/** The consumer reads a message and hands it over. */
const cpuMsPerMessage = 1;
/** Each minute: the cron, and a look at the deployment's Conductor, the project's, and the Engine. */
const watchdogObjects = 3;
/** Each minute: the Engine's alarm, its sign of life, and some rows of how fresh everything is. */
const engineRows = 8;

export function billOf(size: Size): Bill {
  const { members, regions, delay, timeout } = size;
  const perShard = Math.max(1, Math.min(limits.shardTargets, Math.floor((limits.shardLoad * delay) / timeout + 1e-9)));
  const full = Math.floor(members / perShard);
  const rest = members % perShard;
  const perPeriod = [
    ...(full === 0 ? [] : [{ shards: full, checks: perShard, ...runsOf(perShard, delay) }]),
    ...(rest === 0 ? [] : [{ shards: 1, checks: rest, ...runsOf(rest, delay) }]),
  ];
  const sum = (of: (shard: (typeof perPeriod)[number]) => number) =>
    (regions * monthSeconds * perPeriod.reduce((all, shard) => all + shard.shards * of(shard), 0)) / delay;
  const alarms = sum(({ wakes }) => wakes);
  const calls = sum(({ calls }) => calls);
  const checks = (regions * members * monthSeconds) / delay;
  const proberSeconds = regions * perPeriod.reduce((all, shard) => all + shard.shards * awakeSeconds(size, shard), 0);

  const lines = [
    line("Worker requests", calls + monthMinutes, 10e6, 0.3),
    line("Worker CPU, ms", checks * cpuMsPerCheck + calls * cpuMsPerMessage, 30e6, 0.02),
    line("Queue operations", calls * operationsPerMessage, 1e6, 0.4),
    line("Durable Object requests", alarms + calls + monthMinutes * (1 + watchdogObjects), 1e6, 0.15),
    line("Durable Object GB-s", (monthSeconds + proberSeconds) * objectGigabytes, 400_000, 12.5),
    line("Durable Object rows written", alarms + monthMinutes * engineRows, 50e6, 1),
  ];
  const dollars = planDollars + lines.reduce((all, { dollars }) => all + dollars, 0);
  return { checks, shards: regions * (full + (rest === 0 ? 0 : 1)), lines, dollars };
}

/**
 * In one `delay`, of a shard of so many checks: the seconds in which something is due, each of which is an alarm; and the calls of a checker, each
 * of which carries `limits.proberSlots` checks at the most and sends one message. A check's second is drawn from the whole seconds of `delay`.
 */
export function runsOf(checks: number, delay: number): { readonly wakes: number; readonly calls: number } {
  const seconds = Math.max(1, Math.floor(delay));
  if (seconds === 1) return { wakes: 1, calls: Math.ceil(checks / limits.proberSlots) };
  const share = 1 / seconds;
  // The binomial distribution of how many of them are due in one second, from none upwards.
  let likelihood = (1 - share) ** checks;
  let [wakes, calls] = [0, 0];
  for (let due = 1; due <= checks; due += 1) {
    likelihood *= ((checks - due + 1) / due) * (share / (1 - share));
    wakes += likelihood;
    calls += likelihood * Math.ceil(due / limits.proberSlots);
  }
  return { wakes: wakes * seconds, calls: calls * seconds };
}

type Shard = { readonly checks: number; readonly calls: number };

/** How long one Prober is awake in a month: while a call of its is out, which takes as long as the slowest of its checks. */
function awakeSeconds({ delay, timeout, latencyMs, hangingPercent }: Size, { checks, calls }: Shard): number {
  const allWell = (1 - hangingPercent / 100) ** (checks / calls);
  const callSeconds = Math.min(timeout, latencyMs / 1_000) * allWell + timeout * (1 - allWell);
  return monthSeconds * Math.min(1, (calls / delay) * callSeconds);
}

const line = (what: string, used: number, included: number, price: number): Line => ({
  what,
  used,
  included,
  price,
  dollars: (Math.max(0, used - included) * price) / 1e6,
});

/** For people: a table, and the sum. */
export function billText(size: Size, bill: Bill): string {
  const { members, regions, delay, timeout } = size;
  const rows = [
    ["what", "used", "included", "a million", "cost"],
    ["the Workers Paid plan", "", "", "", dollars(planDollars)],
    ...bill.lines.map(({ what, used, included, price, dollars: cost }) => [
      what,
      count(used),
      count(included),
      dollars(price),
      dollars(cost),
    ]),
    ["a month", "", "", "", dollars(bill.dollars)],
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join("  "),
  );
  const named = (number: number, one: string) => `${count(number)} ${one}${number === 1 ? "" : "s"}`;
  return [
    `${named(members, "member")} from ${named(regions, "region")}, delay ${delay} s, timeout ${timeout} s: ${named(bill.shards, "shard")}, ${count(bill.checks)} checks a month`,
    "",
    ...lines,
  ].join("\n");
}

const count = (value: number): string => Math.round(value).toLocaleString("en-US");
const dollars = (value: number): string => `$${value.toFixed(2)}`;
