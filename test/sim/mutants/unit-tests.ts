/**
 * Runs the pure tests of the core, properties among them, with one deliberate fault in one module, and prints what came of it as one line of
 * JSON. The fault, from the environment, goes in as Vite loads the module: nothing on disk changes. Only `engines.ts` starts it.
 */
import { resolve } from "node:path";
import { BaseSequencer, startVitest, type TestCase, type TestModule, type TestSpecification } from "vitest/node";
import { root } from "./child.ts";
import { appliedLine, mutantOf, mutate } from "./mutant.ts";

/** What the run says; `failed` is the first test that objected, `errors` is what kept tests from running. */
export type UnitReport = {
  readonly tests: number;
  readonly failed: { readonly name: string; readonly message: string } | null;
  readonly errors: readonly string[];
};

const mutant = mutantOf(process.env);
const target = mutant === null ? null : resolve(root, mutant.file);
const mutation = {
  name: "mutation",
  enforce: "pre" as const,
  transform(code: string, id: string) {
    if (mutant === null || id.split("?")[0] !== target) return null;
    const mutated = mutate(code, mutant);
    if (!mutated.ok) throw new Error(mutated.error);
    process.stderr.write(`${appliedLine(mutant)}\n`);
    return { code: mutated.value, map: null };
  },
};

/** The module's own tests first: they are the likeliest to object, and the first objection ends the run. */
class OwnTestsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const own = target?.replace(/\.ts$/, ".") ?? "";
    const rank = ({ moduleId }: TestSpecification) => (own !== "" && moduleId.startsWith(own) ? 0 : 1);
    return files.toSorted((a, b) => rank(a) - rank(b) || (a.moduleId < b.moduleId ? -1 : 1));
  }
}

let tests = 0;
let failed: UnitReport["failed"] = null;
const errors: string[] = [];
const listener = {
  onTestCaseResult(test: TestCase) {
    const result = test.result();
    if (result.state === "passed" || result.state === "failed") tests += 1;
    if (result.state !== "failed" || failed !== null) return;
    const [error] = result.errors;
    failed = { name: `${test.module.relativeModuleId}: ${test.fullName}`, message: `${error?.name}: ${error?.message}` };
  },
  onTestModuleEnd(module: TestModule) {
    for (const { name, message } of module.errors()) errors.push(`${module.relativeModuleId}: ${name}: ${message}`);
  },
  onTestRunEnd(_modules: readonly TestModule[], unhandled: readonly { readonly name?: string; readonly message: string }[]) {
    for (const { name, message } of unhandled) errors.push(`${name}: ${message}`);
  },
};

const vitest = await startVitest(
  "test",
  [],
  {
    config: false,
    root,
    watch: false,
    include: ["{domain,durable-objects/engine}/**/*.test.ts"],
    // One thread for all files: what costs time here is loading them, and nothing in them changes what they share.
    pool: "threads",
    isolate: false,
    fileParallelism: false,
    bail: 1,
    sequence: { sequencer: OwnTestsFirst },
    silent: true,
    reporters: [listener],
  },
  { plugins: [mutation], cacheDir: resolve(root, "node_modules/.vite-mutants"), logLevel: "silent" },
);
await vitest.close();
const report: UnitReport = { tests, failed, errors };
process.stdout.write(`${JSON.stringify(report)}\n`);
process.exit(0);
