/** The harness, over a program of three lines instead of the core: what catches, what survives, and what proves nothing. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { baseline, campaign, isCaught, type Verdict } from "./campaign.ts";
import { root, runChild } from "./child.ts";
import { type Engine, judgeSimulation, judgeTests } from "./engines.ts";
import { mutants } from "./list.ts";
import { type Mutant, mutate } from "./mutant.ts";
import { rows, summary } from "./report.ts";

const folder = mkdtempSync(join(tmpdir(), "mutants-"));
afterAll(() => rmSync(folder, { recursive: true }));

const core = join(folder, "core.ts");
writeFileSync(core, "export const twice = (n: number): number => n + n;\nexport const unused = (): string => 'nobody asks';\n");
const program = join(folder, "program.ts");
writeFileSync(
  program,
  `import { twice } from "./core.ts";
  const seen = twice(3);
  if (seen !== 6) process.stdout.write("seed 7 at 01-01T00:00:00.000: twice is twice\\n");
  process.exitCode = seen === 6 ? 0 : 1;\n`,
);
const idle = join(folder, "idle.ts");
writeFileSync(idle, "setInterval(() => undefined, 1_000);\n");

const mutant = (name: string, find: string, replace: string): Mutant => ({
  name,
  rule: "twice",
  file: relative(root, core),
  find,
  replace,
});
const engine = (entry: string, timeoutMs = 60_000): Engine => ({
  name: "sim",
  what: "the program",
  run: async (one) => judgeSimulation(await runChild(["--import", "./test/sim/mutate-hook.ts", entry], one, timeoutMs), one),
});

const run = async (one: Mutant, engines: readonly Engine[] = [engine(program)]): Promise<Verdict> => {
  const told: Verdict[] = [];
  const read = (file: string) => readFileSync(join(root, file), "utf8");
  const [verdict] = await campaign({
    mutants: [one],
    engines,
    all: false,
    atOnce: 2,
    read,
    clock: () => 0,
    say: (said) => told.push(said),
  });
  expect(told).toEqual([verdict]);
  return verdict as Verdict;
};

describe("a mutant", () => {
  it("is caught by what objects to it, and nothing on disk changes", async () => {
    const before = readFileSync(core, "utf8");
    const verdict = await run(mutant("thrice", "n + n", "n + n + n"));
    expect(verdict.said).toMatchObject([{ outcome: { kind: "caught", by: "seed 7: twice is twice" } }]);
    expect(isCaught(verdict)).toBe(true);
    expect(readFileSync(core, "utf8")).toBe(before);
  });

  it("that does nothing survives, and is reported", async () => {
    const verdict = await run(mutant("the same", "n + n", "2 * n"));
    expect(verdict.said).toMatchObject([{ outcome: { kind: "survived" } }]);
    expect(isCaught(verdict)).toBe(false);
    expect(rows(verdict)[0]).toContain("SURVIVES  the same");
    expect(summary([verdict], [engine(program)])).toContainEqual(expect.stringContaining("not caught: the same"));
  });

  it("whose text is not there, or there twice, no longer applies", async () => {
    const gone = await run(mutant("gone", "n * n", "0"));
    expect(gone).toMatchObject({ said: [], unfit: expect.stringContaining("no longer applies: its text occurs 0 times") });
    expect(isCaught(gone)).toBe(false);
    expect(summary([gone], [])).toContainEqual(expect.stringContaining("no longer applies"));
    expect(await run(mutant("twice there", "=> ", "=> "))).toMatchObject({ unfit: expect.stringContaining("2 times") });
  });

  it("that leaves no program is broken, not caught", async () => {
    expect(await run(mutant("torn", "n + n;", "n + ;"))).toMatchObject({ said: [], unfit: expect.stringContaining("broken") });
    const verdict = await run(mutant("nameless", "n + n", "m + m"));
    expect(isCaught(verdict)).toBe(false);
  });

  it("is not caught by a child that ends too late, fails to start, or never loads its file", async () => {
    const thrice = mutant("thrice", "n + n", "n + n + n");
    const late = await run(thrice, [engine(idle, 300)]);
    expect(late.said).toMatchObject([{ outcome: { kind: "not run", why: expect.stringContaining("had not ended") } }]);
    const absent = await run(thrice, [engine(join(folder, "absent.ts"))]);
    expect(absent.said).toMatchObject([{ outcome: { kind: "not run" } }]);
    const elsewhere = await run({ ...thrice, file: relative(root, program), find: "twice(3)", replace: "twice(3)" }, [engine(core)]);
    expect(elsewhere.said).toMatchObject([{ outcome: { kind: "not run", why: expect.stringContaining("is not loaded there") } }]);
    expect([late, absent, elsewhere].some(isCaught)).toBe(false);
  });

  it("is asked about by the next engine only when the one before let it pass, unless all are asked", async () => {
    const saying = (name: Engine["name"], caught: boolean): Engine => ({
      name,
      what: name,
      run: async () => (caught ? { kind: "caught", by: name } : { kind: "survived" }),
    });
    const asked = async (all: boolean, ...engines: Engine[]) => {
      const options = { read: () => "n + n", clock: () => 0, say: () => undefined, atOnce: 1, all, engines };
      const verdicts = await campaign({ ...options, mutants: [mutant("any", "n + n", "n")] });
      return verdicts.flatMap(({ said }) => said.map((one) => one.engine));
    };
    expect(await asked(false, saying("tests", true), saying("sim", true))).toEqual(["tests"]);
    expect(await asked(false, saying("tests", false), saying("sim", true))).toEqual(["tests", "sim"]);
    expect(await asked(true, saying("tests", true), saying("sim", true))).toEqual(["tests", "sim"]);
  });
});

describe("an engine", () => {
  it("that objects to the core as it stands says nothing of mutants", async () => {
    expect(await baseline([engine(program)])).toEqual([]);
    expect(await baseline([engine(join(folder, "absent.ts"))])).toMatchObject([{ engine: "sim" }]);
  });

  it("of tests is believed only where a test failed by what it asks", () => {
    const judged = (report: object) => judgeTests({ code: 0, stdout: `${JSON.stringify(report)}\n`, stderr: "", cut: null }, null).kind;
    const failed = (message: string) => ({ tests: 3, failed: { name: "x", message }, errors: [] });
    expect(judged({ tests: 3, failed: null, errors: [] })).toBe("survived");
    expect(judged(failed("AssertionError: expected 1 to be 2"))).toBe("caught");
    expect(judged(failed("ReferenceError: m is not defined"))).toBe("broken");
    expect(judged(failed("Error: Test timed out in 5000ms."))).toBe("not run");
    expect(judged({ tests: 3, failed: null, errors: ["x.test.ts: SyntaxError"] })).toBe("not run");
    expect(judged({ tests: 0, failed: null, errors: [] })).toBe("not run");
  });
});

describe("the list", () => {
  it("applies to today's source, each mutant by a name of its own", () => {
    const unfit = mutants.flatMap((one) => {
      const mutated = mutate(readFileSync(join(root, one.file), "utf8"), one);
      return mutated.ok ? [] : [`${one.name}: ${mutated.error}`];
    });
    expect(unfit).toEqual([]);
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });
});
