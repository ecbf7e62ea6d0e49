/**
 * `npm run differential`: asks both probers, prints what is not as the cases say, and ends with 1 if there is any. `-- --write` also writes
 * docs/differential.md.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { whatIsMissing } from "../servers/installed.ts";
import { cases } from "./cases.ts";
import { pageOf } from "./page.ts";
import { askBoth, wanted } from "./run.ts";
import { pagePath, surprises } from "./surprises.ts";

const { write } = parseArgs({ options: { write: { type: "boolean", default: false } } }).values;
const missing = whatIsMissing(...wanted);
if (missing !== null) {
  console.error(missing);
  process.exitCode = 1;
} else {
  const results = await askBoth(cases);
  const found = surprises(results);
  for (const line of found) console.error(line);
  if (write) writeFileSync(pagePath, pageOf(results));
  console.log(`${results.length} cases, ${found.length} not as they say`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
