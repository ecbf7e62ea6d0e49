/**
 * `npm run sim -- --seeds N [--seed S] [--hours 6] [--jobs 2] [--verbose]`: runs worlds one after the other until one breaks a promise, and
 * says how to see it again. Seeds are numbers from 1 on.
 */
import { fork } from "node:child_process";
import { parseArgs } from "node:util";
import { type RunResult, simulate } from "./simulate.ts";
import { stamp } from "./trace.ts";

const { values: options } = parseArgs({
  options: {
    seeds: { type: "string", default: "20" },
    seed: { type: "string" },
    from: { type: "string", default: "1" },
    step: { type: "string", default: "1" },
    hours: { type: "string", default: "6" },
    jobs: { type: "string", default: "2" },
    verbose: { type: "boolean", default: false },
    keepGoing: { type: "boolean", default: false },
  },
});

const hours = Number(options.hours);
const begun = performance.now();
const jobs = options.seed === undefined ? Number(options.jobs) : 1;
process.exitCode = jobs > 1 ? await spread(jobs) : await runAll();

async function runAll(): Promise<number> {
  const [count, from, step] = [Number(options.seeds), Number(options.from), Number(options.step)];
  const seeds = options.seed !== undefined ? [options.seed] : Array.from({ length: count }, (_, n) => String(from + n * step));
  let events = 0;
  let crashes = 0;
  let broken = 0;
  for (const seed of seeds) {
    const result = await simulate({ seed, hours, verbose: options.verbose });
    events += result.events;
    crashes += result.crashes;
    if (result.violations.length > 0) {
      broken += 1;
      say(result);
      if (!options.keepGoing) return 1;
    } else if (options.seed !== undefined) {
      process.stdout.write(`seed ${seed}: nothing broke; trace ${result.digest}\n`);
    }
  }
  const seconds = (performance.now() - begun) / 1_000;
  const many = `${seeds.length} seeds × ${hours} h: ${events} events, ${crashes} crashes, ${broken} broken`;
  process.stdout.write(`${many}, ${seconds.toFixed(1)} s\n`);
  return broken > 0 ? 1 : 0;
}

function say({ seed, violations, trace }: RunResult): void {
  const lines = [...trace.map((line) => `  ${line}`)];
  for (const { at, invariant, expected, seen } of violations.slice(0, 5))
    lines.push(`seed ${seed} at ${stamp(at)}: ${invariant}`, `  expected: ${expected}`, `  seen:     ${seen}`);
  lines.push(`again: npm run sim -- --seed ${seed} --hours ${hours} --verbose`, "");
  process.stdout.write(lines.join("\n"));
}

/** One process for each core, each with its share of the seeds; the first to fail ends them all. */
async function spread(parts: number): Promise<number> {
  const count = Number(options.seeds);
  const children = Array.from({ length: Math.min(parts, count) }, (_, part) => {
    const share = Math.floor((count - part + parts - 1) / parts);
    const own = ["--seeds", String(share), "--from", String(Number(options.from) + part), "--step", String(parts), "--jobs", "1"];
    return fork(import.meta.filename, [...own, "--hours", options.hours, ...(options.keepGoing ? ["--keepGoing"] : [])]);
  });
  const codes = children.map(
    (child) =>
      new Promise<number>((resolve) => {
        child.on("exit", (code) => {
          if (code !== 0 && !options.keepGoing) for (const other of children) if (other !== child) other.kill();
          resolve(code ?? 1);
        });
      }),
  );
  const worst = Math.max(...(await Promise.all(codes)));
  process.stdout.write(
    `${worst === 0 ? "nothing broke" : "something broke"}: ${count} seeds, ${((performance.now() - begun) / 1_000).toFixed(1)} s\n`,
  );
  return worst;
}
