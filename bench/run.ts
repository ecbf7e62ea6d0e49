/**
 * `npm run bench`: measures Kosmos against baselines in the same run and prints ratios. A missed goal is a figure like any other (exit 0);
 * only what could not be measured is a failure (exit 1). `-- --only core|api|check|schedule|memory|engine|failover|daemons|publish|seen` runs one of them.
 */
import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import { api } from "./api.ts";
import { check } from "./check.ts";
import { core } from "./core.ts";
import { daemons } from "./daemons.ts";
import { engine } from "./engine.ts";
import { failover } from "./failover.ts";
import { type Bench, type Figure, summary } from "./figure.ts";
import { memory } from "./memory.ts";
import { publish } from "./publish.ts";
import { schedule } from "./schedule.ts";
import { seen } from "./seen.ts";

const benches: readonly Bench[] = [core, api, check, schedule, memory, engine, failover, daemons, publish, seen];

const { only } = parseArgs({ options: { only: { type: "string" } } }).values;
const chosen = benches.filter((bench) => only === undefined || bench.name === only);
if (chosen.length === 0) {
  console.error(`bench: there is no "${only}"; there are ${benches.map((bench) => bench.name).join(", ")}`);
  process.exit(1);
}

const startedAt = performance.now();
const figures: Figure[] = [];
const failures: string[] = [];
console.log(`Node ${process.versions.node}, ${availableParallelism()} × ${cpus()[0]?.model.trim() ?? "unknown processor"}`);
for (const bench of chosen) {
  console.log(`\n${bench.name}: ${bench.about}`);
  try {
    figures.push(...(await bench.run((line) => console.log(`  ${line}`))));
  } catch (error) {
    failures.push(bench.name);
    console.error(`  ${bench.name} could not be measured: ${error instanceof Error ? error.stack : String(error)}`);
  }
}
console.log(`\n${summary(figures)}\n\n* of this machine only: compare ratios between machines, not these.`);
const missed = figures.filter((figure) => figure.met === false).length;
const goals = figures.filter((figure) => figure.met !== null).length;
console.log(`${goals - missed} of ${goals} goals met; ${Math.round((performance.now() - startedAt) / 1_000)} s.`);
if (failures.length > 0) console.error(`Not measured: ${failures.join(", ")}`);
process.exit(failures.length > 0 ? 1 : 0);
