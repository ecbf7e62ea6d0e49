/**
 * The two that a mutant must get past: the pure tests with their properties, and the simulation. Each is a child with the fault put into one
 * module as it is loaded; what it says is sorted into caught, survived and never run. Only an objection catches: a child that does not
 * start, ends too late or never met the mutant proves nothing.
 */
import { type Ended, runChild } from "./child.ts";
import { appliedLine, type Mutant } from "./mutant.ts";
import type { UnitReport } from "./unit-tests.ts";

export type Outcome =
  /** `by`: the test, or the seed and the invariant. */
  | { readonly kind: "caught"; readonly by: string }
  | { readonly kind: "survived" }
  | { readonly kind: "not run"; readonly why: string }
  /** The mutant is no sensible program: it refers to what is not there. */
  | { readonly kind: "broken"; readonly why: string };

export type Engine = {
  readonly name: "tests" | "sim";
  /** What is run, for people. */
  readonly what: string;
  /** Null: the core as it stands, which must survive. */
  run(mutant: Mutant | null): Promise<Outcome>;
};

export const engineNames = ["tests", "sim"] as const;

const quiet = "--disable-warning=ExperimentalWarning";

export function unitTests(timeoutMs: number): Engine {
  return {
    name: "tests",
    what: "unit tests and properties of domain/ and durable-objects/engine/",
    run: async (mutant) => judgeTests(await runChild([quiet, "test/sim/mutants/unit-tests.ts"], mutant, timeoutMs), mutant),
  };
}

export function simulation({ seeds, hours, from }: { seeds: number; hours: number; from: number }, timeoutMs: number): Engine {
  const worlds = ["--seeds", String(seeds), "--hours", String(hours), "--from", String(from), "--jobs", "1"];
  const program = [quiet, "--import", "./test/sim/mutate-hook.ts", "test/sim/run.ts", ...worlds];
  return {
    name: "sim",
    what: `node ${program.slice(1).join(" ")}`,
    run: async (mutant) => judgeSimulation(await runChild(program, mutant, timeoutMs), mutant),
  };
}

/** Exported for the test of it: what the children's output means. */
export function judgeTests(ended: Ended, mutant: Mutant | null): Outcome {
  const early = unfit(ended, mutant);
  if (early !== null) return early;
  const report = reportOf(ended.stdout);
  if (report === null || ended.code !== 0) return { kind: "not run", why: `the tests did not end well: ${lastLine(ended)}` };
  const [error] = report.errors;
  if (report.failed === null) {
    if (error !== undefined) return { kind: "not run", why: error };
    return report.tests === 0 ? { kind: "not run", why: "no test ran" } : { kind: "survived" };
  }
  const { name, message } = report.failed;
  return objection(name, message);
}

export function judgeSimulation(ended: Ended, mutant: Mutant | null): Outcome {
  const early = unfit(ended, mutant);
  if (early !== null) return early;
  if (ended.code === 0) return { kind: "survived" };
  const violation = /^seed (\S+) at \S+: (.+)$/m.exec(ended.stdout);
  if (violation === null) return { kind: "not run", why: `the simulation did not end well: ${lastLine(ended)}` };
  const [line, seed, invariant] = violation;
  return objection(`seed ${seed}: ${invariant}`, ended.stdout.slice(ended.stdout.indexOf(line)));
}

/** A name that is not defined is a mistake of the mutant, and a test that hangs says nothing. */
function objection(by: string, message: string): Outcome {
  const mistake = /\b(ReferenceError|SyntaxError)\b.*/.exec(message);
  if (mistake !== null) return { kind: "broken", why: `${by}: ${mistake[0]}` };
  if (message.includes("Test timed out")) return { kind: "not run", why: `${by} timed out` };
  return { kind: "caught", by };
}

/** Why a child's end says nothing of the mutant; null: it does. */
function unfit(ended: Ended, mutant: Mutant | null): Outcome | null {
  if (ended.cut !== null) return { kind: "not run", why: ended.cut };
  if (mutant === null || ended.stderr.includes(appliedLine(mutant))) return null;
  const trouble = ended.code === 0 ? "" : `: ${lastLine(ended)}`;
  return { kind: "not run", why: `${mutant.file} is not loaded there${trouble}` };
}

function reportOf(stdout: string): UnitReport | null {
  const line = stdout.trimEnd().split("\n").at(-1) ?? "";
  try {
    return JSON.parse(line) as UnitReport;
  } catch {
    return null;
  }
}

const lastLine = ({ stdout, stderr }: Ended): string => {
  const lines = `${stdout}\n${stderr}`.split("\n").map((line) => line.trim());
  return lines.find((line) => /Error\b/.test(line)) ?? lines.filter((line) => line !== "").at(-1) ?? "it said nothing";
};
