/**
 * The CPU time of one HTTP check through the checker, against a bare request from a Worker to the same origin. Each side runs in a workerd of
 * its own; what is counted is the user and system time of that process, all its threads. Needs /proc.
 */
import { Agent } from "node:http";
import { assert } from "../domain/result.ts";
import { startOrigin } from "../test/system/origins.ts";
import { besideBlackbox } from "./check-blackbox.ts";
import { type Bench, type Figure, median, spread } from "./figure.ts";
import { send } from "./load.ts";
import { cpuSeconds, type ScratchSystem, startScratchSystem } from "./scratch-system.ts";
import type { Drive, Driven } from "./worker-check.ts";

const goal = 1.3;
const checksPerRound = 5;
/** Rounds of five in one measurement: enough that the clock's 10 ms are a few percent. */
const rounds = 240;
const measurements = 5;

type Comparison = {
  readonly name: string;
  readonly host: string;
  readonly ours: Drive["mode"];
  readonly baseline: Drive["mode"];
  readonly judged: boolean;
  /** How many checks a call has, where not five. */
  readonly checks?: number;
};
const comparisons: readonly Comparison[] = [
  { name: "check by address, against fetch", host: "127.0.0.1", ours: "checker", baseline: "fetch", judged: true },
  { name: "check by name, against fetch", host: "localhost.", ours: "checker", baseline: "fetch", judged: true },
  // Where it goes: each of these adds one thing to a bare loop of fetch.
  { name: "bare connect, against fetch", host: "127.0.0.1", ours: "connect", baseline: "fetch", judged: false },
  { name: "fetch and a queue message, against fetch", host: "127.0.0.1", ours: "send", baseline: "fetch", judged: false },
  { name: "the same in a called entrypoint, against fetch", host: "127.0.0.1", ours: "plain", baseline: "fetch", judged: false },
  { name: "check by name, against that entrypoint", host: "localhost.", ours: "checker", baseline: "plain", judged: false },
  { name: "one check a call, against that entrypoint", host: "127.0.0.1", ours: "checker", baseline: "plain", judged: false, checks: 1 },
];

export const check: Bench = {
  name: "check",
  about: `CPU time (user and system, of the whole workerd) of one HTTP check through the checker, ${checksPerRound} a call, its queue message included; baseline: as many bare requests of a Worker to the same origin, ${checksPerRound} at a time. Then the same check by an agent on Node and by blackbox_exporter, which all ask one nginx.`,
  run: async (say) => {
    const systems: ScratchSystem[] = [];
    try {
      const ours = await startScratchSystem("worker-check.toml");
      systems.push(ours);
      const baseline = await startScratchSystem("worker-check.toml");
      systems.push(baseline);
      const figures: Figure[] = [];
      for (const comparison of comparisons) {
        // An origin for each: connections that were closed keep their ports for a while.
        const origin = await startOrigin();
        try {
          figures.push(await compare(comparison, ours, baseline, origin.port, say));
        } finally {
          await origin.close();
        }
      }
      figures.push(...(await besideBlackbox(ours, say)));
      return figures;
    } finally {
      for (const system of systems) await system.close();
    }
  },
};

async function compare(
  item: Comparison,
  ours: ScratchSystem,
  baseline: ScratchSystem,
  port: number,
  say: (line: string) => void,
): Promise<Figure> {
  const drive = (mode: Drive["mode"]): Drive => ({ mode, rounds, checks: item.checks ?? checksPerRound, host: item.host, port });
  await cpuOf(ours, drive(item.ours));
  await cpuOf(baseline, drive(item.baseline));
  const times = { ours: [] as number[], baseline: [] as number[] };
  for (let measurement = 0; measurement < measurements; measurement += 1) {
    times.ours.push(await cpuOf(ours, drive(item.ours)));
    times.baseline.push(await cpuOf(baseline, drive(item.baseline)));
  }
  const ratio = median(times.ours) / median(times.baseline);
  const shown = (values: readonly number[]) => `${Math.round(median(values))} µs CPU`;
  say(`${item.name}: ${shown(times.ours)} (${spread(times.ours)}); bare ${shown(times.baseline)} (${spread(times.baseline)})`);
  return {
    name: item.name,
    ours: shown(times.ours),
    baseline: shown(times.baseline),
    ratio,
    goal: item.judged ? `≤ ${goal}` : "",
    met: item.judged ? ratio <= goal : null,
  };
}

/** Microseconds of CPU for each check. */
async function cpuOf(system: ScratchSystem, drive: Drive): Promise<number> {
  assert(system.pid !== null, "the runtime's process is known: CPU time is read from /proc, which Linux has");
  const agent = new Agent();
  const before = cpuSeconds(system.pid);
  const answered = await send(system.url, agent, { method: "POST", path: "/", body: JSON.stringify(drive) }, {});
  const used = cpuSeconds(system.pid) - before;
  agent.destroy();
  assert(
    answered.status === 200,
    `the checks ended with ${answered.status}: ${answered.body.slice(0, 500)}; ${system.errors.at(-1) ?? ""}`,
  );
  const { passed } = JSON.parse(answered.body) as Driven;
  const checks = drive.rounds * (drive.checks ?? checksPerRound);
  assert(passed === checks, `${passed} of ${checks} checks passed`);
  return (used * 1_000_000) / checks;
}
