/**
 * Bundles the Worker exactly as a deploy does (`wrangler deploy --dry-run`), so that what runs here is the code that production gets. It asks
 * nobody for updates and tells nobody anything.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, extname, join, parse } from "node:path";

export type BundledModule = { readonly type: "ESModule" | "Text" | "Data" | "CompiledWasm"; readonly path: string };

/** What a file of the bundle is to the runtime: wrangler's own default rules. */
const moduleTypes: Readonly<Record<string, BundledModule["type"]>> = {
  ".js": "ESModule",
  ".txt": "Text",
  ".html": "Text",
  ".sql": "Text",
  ".bin": "Data",
  ".wasm": "CompiledWasm",
};

/** Returns the modules, the entry first. `outDirectory` is replaced. */
export async function bundleWorker(
  configPath: string,
  main: string,
  outDirectory: string,
  signal: AbortSignal,
): Promise<readonly BundledModule[]> {
  await rm(outDirectory, { recursive: true, force: true });
  const wrangler = join(dirname(createRequire(import.meta.url).resolve("wrangler/package.json")), "bin", "wrangler.js");
  const child = spawn(process.execPath, [wrangler, "deploy", "--dry-run", "--config", configPath, "--outdir", outDirectory], {
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that ending it early ends what it started.
    detached: true,
    env: { ...process.env, WRANGLER_HIDE_BANNER: "true", WRANGLER_SEND_METRICS: "false", WRANGLER_LOG_SANITIZE: "true", NO_COLOR: "1" },
  });
  const end = () => child.pid !== undefined && child.exitCode === null && process.kill(-child.pid, "SIGKILL");
  signal.addEventListener("abort", end, { once: true });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  signal.removeEventListener("abort", end);
  signal.throwIfAborted();
  if (code !== 0) throw new Error(`the Worker cannot be bundled:\n${output.trim()}`);

  const entry = join(outDirectory, `${parse(main).name}.js`);
  const modules: BundledModule[] = [{ type: "ESModule", path: entry }];
  for (const name of await readdir(outDirectory, { recursive: true })) {
    const path = join(outDirectory, name);
    const type = moduleTypes[extname(name)];
    if (type !== undefined && path !== entry) modules.push({ type, path });
  }
  return modules;
}
