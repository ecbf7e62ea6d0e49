/**
 * Puts one deliberate fault into one module while Node loads it, and never into the file on disk: `node --import ./test/sim/mutate-hook.ts …`
 * with the mutant, as JSON, in the environment. Without one it does nothing.
 */
import { registerHooks } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { appliedLine, mutantOf, mutate } from "./mutants/mutant.ts";

const mutant = mutantOf(process.env);
if (mutant !== null) {
  const target = pathToFileURL(resolve(import.meta.dirname, "../..", mutant.file)).href;
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (url !== target) return loaded;
      const source = typeof loaded.source === "string" ? loaded.source : new TextDecoder().decode(loaded.source ?? undefined);
      const mutated = mutate(source, mutant);
      if (!mutated.ok) throw new Error(mutated.error);
      process.stderr.write(`${appliedLine(mutant)}\n`);
      return { ...loaded, source: mutated.value };
    },
  });
}
