/** A deliberate fault of the core, as a value, and its text put into a source. It reads and runs nothing. */
import { stripTypeScriptTypes } from "node:module";
import { fail, ok, type Result } from "../../../domain/result.ts";

export type Mutant = {
  readonly name: string;
  /** What it breaks, in the words of engine.md. */
  readonly rule: string;
  /** From the root of the repository. */
  readonly file: string;
  /** Exact text of today's source, which occurs there once. */
  readonly find: string;
  readonly replace: string;
};

/** The environment variable that hands a mutant, as JSON, to a child. */
export const mutantVariable = "KOSMOS_MUTANT";

/** What a child says on standard error once it has put the mutant's text in: without it the child never met the mutant. */
export const appliedLine = ({ name }: Mutant): string => `mutant applied: ${name}`;

/** The source with the fault in it; a mutant whose text is not there exactly once, or which leaves no program, is out of use. */
export function mutate(source: string, { file, find, replace }: Mutant): Result<string, string> {
  const times = find === "" ? 0 : source.split(find).length - 1;
  if (times !== 1) return fail(`this mutant no longer applies: its text occurs ${times} times in ${file}`);
  const mutated = source.replace(find, () => replace);
  try {
    stripTypeScriptTypes(mutated);
  } catch (error) {
    return fail(`this mutant is broken: ${file} is no program with it: ${error instanceof Error ? error.message : String(error)}`);
  }
  return ok(mutated);
}

/** The mutant that a parent handed to this process; null: none. */
export function mutantOf(environment: Readonly<Record<string, string | undefined>>): Mutant | null {
  const text = environment[mutantVariable];
  return text === undefined || text === "" ? null : (JSON.parse(text) as Mutant);
}
