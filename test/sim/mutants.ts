/**
 * `npm run sim:mutants [-- --only name] [--engine tests|sim|both] [--seeds N] [--hours H] [--from S] [--list]`: puts deliberate faults into the
 * core, one by one, and fails unless the tests or the simulation object to every one. Without `--engine` the tests are asked first, and
 * the simulation about what they let pass.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { baseline, campaign, isCaught } from "./mutants/campaign.ts";
import { root } from "./mutants/child.ts";
import { simulation, unitTests } from "./mutants/engines.ts";
import { mutants } from "./mutants/list.ts";
import { rows, summary } from "./mutants/report.ts";

const { values: options } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] },
    engine: { type: "string" },
    seeds: { type: "string", default: "20" },
    from: { type: "string", default: "1" },
    hours: { type: "string", default: "3" },
    list: { type: "boolean", default: false },
  },
});

/** Cores of the machine that continuous integration has. */
const atOnce = 2;
const testsTimeoutMs = 90_000;
const simulationTimeoutMs = 300_000;

process.exitCode = await main();

async function main(): Promise<number> {
  const say = (...lines: readonly string[]) => process.stdout.write(`${lines.join("\n")}\n`);
  const { engine, only } = options;
  const chosen = mutants.filter(({ name }) => only.length === 0 || only.includes(name));
  const unknown = only.filter((name) => !mutants.some((mutant) => mutant.name === name));
  if (unknown.length > 0) {
    say(`there is no mutant ${unknown.join(", ")}; --list names them all`);
    return 2;
  }
  if (engine !== undefined && !["tests", "sim", "both"].includes(engine)) {
    say(`--engine is tests, sim or both, not ${engine}`);
    return 2;
  }
  if (options.list) {
    say(...chosen.map(({ name, rule, file }) => `${name.padEnd(44)}  ${file}: ${rule}`));
    return 0;
  }
  const worlds = { seeds: Number(options.seeds), hours: Number(options.hours), from: Number(options.from) };
  const both = [unitTests(testsTimeoutMs), simulation(worlds, simulationTimeoutMs)];
  const engines = both.filter(({ name }) => engine === undefined || engine === "both" || engine === name);

  const begun = performance.now();
  const objections = await baseline(engines);
  if (objections.length > 0) {
    say("the core as it stands does not pass: what is said of mutants would mean nothing");
    say(...objections.map((one) => `  ${one.engine}: ${one.why}`));
    return 1;
  }
  const verdicts = await campaign({
    mutants: chosen,
    engines,
    all: engine === "both",
    atOnce,
    read: (file) => readFileSync(resolve(root, file), "utf8"),
    clock: () => performance.now() / 1_000,
    say: (verdict) => say(...rows(verdict)),
  });
  say("", ...summary(verdicts, engines), `${((performance.now() - begun) / 1_000).toFixed(0)} s`);
  return verdicts.every(isCaught) ? 0 : 1;
}
