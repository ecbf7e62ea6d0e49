/**
 * The API's rate and latency, against a bare Hono + D1 Worker in the same runtime. Both run at once, each in a process of its own, and take
 * turns under load, so that whatever else the machine does hits both alike.
 */
import { Agent } from "node:http";
import { assert } from "../domain/result.ts";
import { type Bench, count, type Figure, median, milliseconds, percentile, spread } from "./figure.ts";
import { type LoadRequest, load, send } from "./load.ts";
import { adminToken, cpuSeconds, type ScratchSystem, startScratchSystem } from "./scratch-system.ts";

const goal = 0.5;
const rounds = 3;
const roundMs = 800;
/** A fresh runtime gets faster for a while. */
const warmUpMs = 1_500;
const inFlights = [1, 8, 32];
const listed = 100;

type Subject = { readonly system: ScratchSystem; readonly prefix: string; readonly headers: Readonly<Record<string, string>> };
type Case = { readonly name: string; readonly expected: number; readonly next: (subject: Subject) => (n: number) => LoadRequest };

export const api: Bench = {
  name: "api",
  about:
    "Requests a second and latency (p50, p99) through the API; baseline: Hono, zod and one D1 statement in a bare Worker. Both in workerd through Miniflare, in turns.",
  run: async (say) => {
    const kosmos = await startScratchSystem();
    const bare = await startScratchSystem("worker-api.toml");
    try {
      const ours: Subject = { system: kosmos, prefix: "/v0.1", headers: { "x-auth-token": adminToken } };
      const baseline: Subject = { system: bare, prefix: "", headers: {} };
      const ids = new Map<Subject, readonly string[]>();
      for (const subject of [ours, baseline]) ids.set(subject, await seed(subject));

      const cases: readonly Case[] = [
        {
          name: "read one",
          expected: 200,
          next: (subject) => (n) => ({ method: "GET", path: `${subject.prefix}/gslbs/${ids.get(subject)?.[n % listed]}` }),
        },
        {
          name: `list ${listed}`,
          expected: 200,
          next:
            ({ prefix }) =>
            () => ({ method: "GET", path: `${prefix}/gslbs` }),
        },
        {
          name: "create",
          expected: 201,
          next:
            ({ prefix }) =>
            (n) => ({ method: "POST", path: `${prefix}/pools`, body: poolBody(n) }),
        },
      ];
      const figures: Figure[] = [];
      for (const item of cases) {
        for (const subject of [ours, baseline]) await drive(subject, item, 8, warmUpMs);
        for (const inFlight of inFlights) figures.push(await compare(item, inFlight, ours, baseline, say));
      }
      assert(kosmos.errors.length === 0, `the API logged ${kosmos.errors.length} errors, the first: ${kosmos.errors[0]}`);
      return figures;
    } finally {
      await kosmos.close();
      await bare.close();
    }
  },
};

async function compare(item: Case, inFlight: number, ours: Subject, baseline: Subject, say: (line: string) => void): Promise<Figure> {
  const rates = { ours: [] as number[], baseline: [] as number[] };
  const latencies = { ours: [] as number[], baseline: [] as number[] };
  const cpu = { ours: 0, baseline: 0 };
  for (let round = 0; round < rounds; round += 1) {
    for (const [who, subject] of [
      ["ours", ours],
      ["baseline", baseline],
    ] as const) {
      const before = cpuOf(subject.system);
      const result = await drive(subject, item, inFlight, roundMs);
      rates[who].push(result.perSecond);
      latencies[who].push(...result.latenciesMs);
      cpu[who] += cpuOf(subject.system) - before;
    }
  }
  const name = `api ${item.name}, ${inFlight} in flight`;
  const shown = (who: "ours" | "baseline") =>
    `${count(median(rates[who]))}/s, p50 ${milliseconds(median(latencies[who]))}, p99 ${milliseconds(percentile(latencies[who], 99))}`;
  const detail = (who: "ours" | "baseline") =>
    `${shown(who)}, ${milliseconds((cpu[who] * 1_000) / latencies[who].length)} CPU (${spread(rates[who])})`;
  say(`${name}: ${detail("ours")}; bare ${detail("baseline")}`);
  const ratio = median(rates.ours) / median(rates.baseline);
  return { name, ours: shown("ours"), baseline: shown("baseline"), ratio, goal: `≥ ${goal}`, met: ratio >= goal };
}

/** For people only: where it is not known, the rates are. */
const cpuOf = ({ pid }: ScratchSystem): number => (pid === null ? Number.NaN : cpuSeconds(pid));

const drive = (subject: Subject, item: Case, inFlight: number, forMs: number) =>
  load({ url: subject.system.url, headers: subject.headers, inFlight, forMs, expected: item.expected, next: item.next(subject) });

/** A hundred GSLBs to read; their ids. */
async function seed({ system, prefix, headers }: Subject): Promise<readonly string[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ids: string[] = [];
  for (let n = 0; n < listed; n += 1) {
    const body = JSON.stringify({ fqdn: `bench-${n}.example.com.`, domain_name: "example.com.", tags: ["bench"], description: "a row" });
    const answered = await send(system.url, agent, { method: "POST", path: `${prefix}/gslbs`, body }, headers);
    assert(answered.status === 201, `a GSLB could not be made: ${answered.status} ${answered.body.slice(0, 300)}`);
    ids.push((JSON.parse(answered.body) as { id: string }).id);
  }
  agent.destroy();
  return ids;
}

const poolBody = (n: number) => JSON.stringify({ name: `bench-${n}`, description: "a row", tags: ["bench"], min_healthy_percent: 50 });
