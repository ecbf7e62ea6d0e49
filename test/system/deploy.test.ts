/** What a deploy would upload: it is made without an account, and stays within what Cloudflare takes. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type BundledModule, bundleWorker } from "../../local/bundle.ts";
import { placedConfig } from "../../local/placed.ts";

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

it("a placed checker is deployed alone: the checks, no class, no binding", async () => {
  const checker = join(root, "workers/checker");
  const config = join(directory, "placed.toml");
  const order = { region: "sam", place: "aws:sa-east-1", dryRun: true } as const;
  await writeFile(config, placedConfig(await readFile(join(checker, "placed.toml"), "utf8"), checker, order));
  const [entry, ...others] = await bundleWorker(config, join(checker, "placed.ts"), join(directory, "placed"), AbortSignal.timeout(50_000));
  const text = await readFile(entry?.path ?? "", "utf8");
  expect(others).toEqual([]);
  const parts = [...text.matchAll(/^\/\/ \S*?((?:durable-objects|plugins|workers)\/\S+)$/gm)].map(([, path = ""]) => path);
  expect(parts).toContain("plugins/checks/tcp.ts");
  expect(parts.filter((path) => /^(durable-objects\/.+\/|workers\/(api|engine)|plugins\/backends)/.test(path))).toEqual([]);
  expect(text).not.toContain("extends DurableObject");
});
