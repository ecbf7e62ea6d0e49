/** `npm run soak`: see `usage` in `options.ts`. Ends with 0 where all of it holds, 1 where something is broken, 2 where it was asked wrongly. */

import { soakOptions, usage } from "./options.ts";
import { soak } from "./soak.ts";

const args = process.argv.slice(2);
const options = soakOptions(args);
if (args.includes("--help")) {
  console.log(usage);
} else if (typeof options === "string") {
  console.error(`soak: ${options}\n\n${usage}`);
  process.exitCode = 2;
} else {
  process.exitCode = (await soak(options, (line) => console.log(line))) ? 0 : 1;
}
