#!/usr/bin/env node
// Starts the agent: from its source, where this is a clone and this Node reads TypeScript, so that nothing stale runs; else from the bundle that
// `npm run build:agent` makes (`npm ci` and `npm pack` do), which Node 20 and later runs.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "main.ts");
const bundle = join(here, "..", "dist", "kosmos-agent.cjs");
// Node reads no TypeScript in node_modules.
const readsSource = Boolean(process.features.typescript) && !here.includes(`${join("/", "node_modules", "/")}`);

if (readsSource && existsSync(source)) await import(pathToFileURL(source).href);
else if (existsSync(bundle)) await import(pathToFileURL(bundle).href);
else {
  console.error(`kosmos-agent: Node ${process.versions.node} needs the bundle, which is not there; make it with: npm run build:agent`);
  process.exitCode = 1;
}
