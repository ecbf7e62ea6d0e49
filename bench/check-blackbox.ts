/**
 * One HTTP check by our checker in workerd, by our agent on Node and by blackbox_exporter: CPU time and checks a second, asked of one nginx in one
 * run, in turns. Each side is a process of its own, and all of its CPU counts: what a check costs there with all that belongs to it.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { Agent } from "node:http";
import { join } from "node:path";
import { assert } from "../domain/result.ts";
import { startBlackbox } from "../test/servers/blackbox.ts";
import { whatIsMissing } from "../test/servers/installed.ts";
import { startNginx } from "../test/servers/nginx.ts";
import type { AgentDrive, AgentDriven } from "./agent-check-process.ts";
import { count, type Figure, median, spread } from "./figure.ts";
import { send } from "./load.ts";
import { cpuSeconds, type ScratchSystem } from "./scratch-system.ts";
import type { Drive, Driven } from "./worker-check.ts";

/** Checks under way at a time, as calls of a checker and checks in each. */
const sizes = [
  { lanes: 1, checks: 1 },
  { lanes: 1, checks: 5 },
  { lanes: 3, checks: 5 },
  { lanes: 12, checks: 5 },
] as const;
/** Enough that the clock's 10 ms are a few percent, and few enough that closed connections leave ports free. */
const checksPerMeasurement = 420;
const measurements = 5;
const host = "127.0.0.1";

type Side = { readonly name: string; readonly pid: number; run(lanes: number, checks: number): Promise<number> };
type Taken = { readonly cpuUs: number; readonly perSecond: number };

/** `checker`: the system of `worker-check.toml`. No figure where a server is not installed. */
export async function besideBlackbox(checker: ScratchSystem, say: (line: string) => void): Promise<Figure[]> {
  const missing = whatIsMissing("nginx", "openssl", "blackbox");
  if (missing !== null) {
    say(missing);
    return [];
  }
  const nginx = await startNginx();
  const blackbox = await startBlackbox({ web: { prober: "http", timeout: "5s", http: { preferred_ip_protocol: "ip4" } } });
  const child = fork(join(import.meta.dirname, "agent-check-process.ts"), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const agent = new Agent({ keepAlive: true });
  try {
    const sides: Side[] = [
      workerSide(checker, agent, nginx.http),
      {
        name: "agent",
        pid: child.pid as number,
        run: async (lanes, checks) => {
          child.send({ host, port: nginx.http, lanes, checks } satisfies AgentDrive);
          return ((await once(child, "message")) as [AgentDriven])[0].passed;
        },
      },
      {
        name: "blackbox_exporter",
        pid: blackbox.pid,
        run: (lanes, checks) => askBlackbox(blackbox.port, agent, nginx.http, lanes, checks),
      },
    ];
    const figures: Figure[] = [];
    for (const { lanes, checks } of sizes) figures.push(...(await compare(sides, lanes, checks, say)));
    return figures;
  } finally {
    agent.destroy();
    child.disconnect();
    await blackbox.stop();
    await nginx.stop();
  }
}

async function compare(sides: readonly Side[], lanes: number, checks: number, say: (line: string) => void): Promise<Figure[]> {
  const taken = new Map(sides.map(({ name }) => [name, [] as Taken[]]));
  for (let measurement = 0; measurement <= measurements; measurement += 1) {
    for (const side of sides) {
      const one = await measure(side, lanes * checks);
      // The first of each is to get warm.
      if (measurement > 0) taken.get(side.name)?.push(one);
    }
  }
  const cpu = (name: string) => median((taken.get(name) ?? []).map(({ cpuUs }) => cpuUs));
  const rate = (name: string) => median((taken.get(name) ?? []).map(({ perSecond }) => perSecond));
  const shown = (name: string) => `${Math.round(cpu(name))} µs CPU, ${count(rate(name))}/s`;
  for (const { name } of sides)
    say(`${lanes * checks} at a time, ${name}: ${shown(name)} (${spread((taken.get(name) ?? []).map(({ cpuUs }) => cpuUs))})`);
  return ["checker", "agent"].map((name) => {
    const ratio = cpu("blackbox_exporter") / cpu(name);
    return {
      name: `HTTP checks per CPU second, ${lanes * checks} at a time: ${name}, against blackbox_exporter`,
      ours: shown(name),
      baseline: shown("blackbox_exporter"),
      ratio,
      goal: "≥ 1",
      met: ratio >= 1,
    };
  });
}

async function measure({ name, pid, run }: Side, atOnce: number): Promise<Taken> {
  const before = cpuSeconds(pid);
  const startedAt = performance.now();
  const passed = await run(atOnce, checksPerMeasurement);
  const seconds = (performance.now() - startedAt) / 1_000;
  assert(passed === checksPerMeasurement, `${name}: ${passed} of ${checksPerMeasurement} checks passed`);
  return { cpuUs: ((cpuSeconds(pid) - before) * 1e6) / checksPerMeasurement, perSecond: checksPerMeasurement / seconds };
}

/** As a Prober calls it: up to five checks in a call. */
function workerSide(checker: ScratchSystem, agent: Agent, port: number): Side {
  const { pid } = checker;
  assert(pid !== null, "the runtime's process is known: CPU time is read from /proc, which Linux has");
  return {
    name: "checker",
    pid,
    run: async (atOnce, checks) => {
      const inCall = Math.min(5, atOnce);
      const drive: Drive = { mode: "checker", rounds: checks / inCall, checks: inCall, lanes: atOnce / inCall, host, port };
      const answered = await send(checker.url, agent, { method: "POST", path: "/", body: JSON.stringify(drive) }, {});
      assert(answered.status === 200, `the checks ended with ${answered.status}: ${answered.body.slice(0, 500)}`);
      return (JSON.parse(answered.body) as Driven).passed;
    },
  };
}

async function askBlackbox(port: number, agent: Agent, target: number, lanes: number, checks: number): Promise<number> {
  const path = `/probe?module=web&target=${encodeURIComponent(`http://${host}:${target}/`)}`;
  let begun = 0;
  let passed = 0;
  const lane = async () => {
    while (begun < checks) {
      begun += 1;
      const { body } = await send(`http://${host}:${port}`, agent, { method: "GET", path }, {});
      if (body.includes("\nprobe_success 1\n")) passed += 1;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return passed;
}
