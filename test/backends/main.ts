/**
 * `npm run conformance`: tries all backends, or those that are named, prints what does not hold, and ends with 1 if there is anything. `-- --write`
 * also renews their columns of docs/backends-conformance.md.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { whatIsMissing } from "../servers/installed.ts";
import { type Column, pageOf, pagePath, readPage, renewed } from "./page.ts";
import { runAll } from "./run.ts";
import { subjects } from "./subjects/index.ts";

const { values, positionals } = parseArgs({ options: { write: { type: "boolean", default: false } }, allowPositionals: true });
const unknown = positionals.filter((name) => !subjects.some((kind) => kind.name === name));
const asked = subjects.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const missing = whatIsMissing(...asked.flatMap(({ needs }) => needs));
if (unknown.length > 0 || missing !== null) {
  console.error(missing ?? `there is no backend ${unknown.join(", ")}; there are ${subjects.map(({ name }) => name).join(", ")}`);
  process.exitCode = 1;
} else {
  const columns: Column[] = [];
  for (const kind of asked) {
    const results = await runAll(kind);
    columns.push({ name: kind.name, against: kind.against, results });
    const held = results.filter(({ came }) => came === "yes").length;
    console.log(`${kind.name}: ${held} of ${results.filter(({ came }) => came !== "not applicable").length} cases hold`);
    for (const { id, came, words } of results) if (came === "no") console.error(`  ${id}: ${words.slice(0, 2_000)}`);
  }
  const old = existsSync(pagePath) ? readPage(readFileSync(pagePath, "utf8")) : [];
  if (values.write) {
    const order = subjects.map(({ name }) => name);
    writeFileSync(pagePath, pageOf(renewed(old, columns, order)));
  }
  process.exitCode = columns.every(({ results }) => results.every(({ came }) => came !== "no")) ? 0 : 1;
}
