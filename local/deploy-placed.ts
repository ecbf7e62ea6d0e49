/** `npm run deploy:placed -- sam`: deploys the checker of one placed region, and says what binds it. `--dry-run` uploads nothing and asks nobody. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { nextSteps, parseOrder, placedConfig, summary, usage } from "./placed.ts";

const directory = resolve(import.meta.dirname, "../workers/checker");

const order = parseOrder(process.argv.slice(2));
if (!order.ok) {
  console.error(`kosmos: ${order.error}\nusage: ${usage}`);
  process.exit(1);
}
const scratch = mkdtempSync(join(tmpdir(), "kosmos-placed-"));
try {
  const config = join(scratch, "wrangler.toml");
  writeFileSync(config, placedConfig(readFileSync(join(directory, "placed.toml"), "utf8"), directory, order.value));
  const wrangler = join(dirname(createRequire(import.meta.url).resolve("wrangler/package.json")), "bin", "wrangler.js");
  console.log(summary(order.value));
  const flags = order.value.dryRun ? ["--dry-run", "--outdir", join(scratch, "out")] : [];
  const { status } = spawnSync(process.execPath, [wrangler, "deploy", "--config", config, ...flags], {
    stdio: "inherit",
    // Its banner asks whether there is a newer one.
    env: { ...process.env, WRANGLER_HIDE_BANNER: "true", WRANGLER_SEND_METRICS: "false" },
  });
  process.exitCode = status ?? 1;
  if (status === 0) console.log(`\n${nextSteps(order.value)}`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
