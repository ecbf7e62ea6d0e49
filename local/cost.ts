/** `npm run cost`: prints the monthly bill of a size. Asked wrongly it says everything that is wrong, and ends with 2. */
import { billOf, billText } from "./cost-bill.ts";
import { costOptions, costUsage } from "./cost-options.ts";

const args = process.argv.slice(2);
if (args.includes("--help")) {
  console.log(costUsage);
} else {
  const size = costOptions(args);
  if ("members" in size) {
    console.log(billText(size, billOf(size)));
  } else {
    for (const line of size) console.error(`cost: ${line}`);
    console.error(`\n${costUsage}`);
    process.exitCode = 2;
  }
}
