/** What a deploy would upload: it is made without an account, and stays within what Cloudflare takes. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type BundledModule, bundleWorker } from "../../local/bundle.ts";

const root = resolve(import.meta.dirname, "../..");
let directory: string;
let modules: readonly BundledModule[];
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kosmos-bundle-"));
  modules = await bundleWorker(join(root, "wrangler.toml"), "workers/index.ts", directory, AbortSignal.timeout(50_000));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

it("the deployed bundle is under 3 MiB", async () => {
  const sizes = await Promise.all(modules.map(async ({ path }) => (await readFile(path)).byteLength));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(3 * 1024 * 1024);
});

it("the deployed bundle brings its migrations along and nothing of the tests, the benches or this machine", async () => {
  const entry = await readFile(modules[0]?.path ?? "", "utf8");
  expect(modules.filter(({ path }) => path.endsWith(".sql")).length).toBeGreaterThan(0);
  for (const folder of ["test/", "bench/", "local/"]) expect(entry).not.toContain(`\n// ${folder}`);
  expect(entry).not.toContain(root);
});
