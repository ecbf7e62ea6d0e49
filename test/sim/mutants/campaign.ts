/** All mutants against the engines, two children at a time: first whether the core as it stands passes, then one mutant after the other. */
import type { Engine, Outcome } from "./engines.ts";
import { type Mutant, mutate } from "./mutant.ts";

export type Verdict = {
  readonly mutant: Mutant;
  /** What each engine that was asked said. */
  readonly said: readonly { readonly engine: Engine["name"]; readonly outcome: Outcome; readonly seconds: number }[];
  /** Why it was not asked about at all: its text is not there, or leaves no program; null: it was. */
  readonly unfit: string | null;
};

export type CampaignOptions = {
  readonly mutants: readonly Mutant[];
  /** In the order in which they are asked. */
  readonly engines: readonly Engine[];
  /** Every engine is asked, also about what one before it caught. */
  readonly all: boolean;
  readonly atOnce: number;
  readonly read: (file: string) => string;
  /** Seconds of some beginning. */
  readonly clock: () => number;
  readonly say: (verdict: Verdict) => void;
};

/** The engines that object to the core as it stands, with what they said: nothing that they say of a mutant means anything. */
export async function baseline(engines: readonly Engine[]): Promise<readonly { readonly engine: Engine["name"]; readonly why: string }[]> {
  const outcomes = await Promise.all(engines.map(async (engine) => ({ engine, outcome: await engine.run(null) })));
  return outcomes.flatMap(({ engine, outcome }) => {
    if (outcome.kind === "survived") return [];
    return [{ engine: engine.name, why: outcome.kind === "caught" ? outcome.by : outcome.why }];
  });
}

export async function campaign(options: CampaignOptions): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  const waiting = [...options.mutants];
  const worker = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const verdict = await ask(mutant, options);
      verdicts.push(verdict);
      options.say(verdict);
    }
  };
  await Promise.all(Array.from({ length: options.atOnce }, worker));
  const place = new Map(options.mutants.map((mutant, index) => [mutant, index]));
  return verdicts.toSorted((a, b) => (place.get(a.mutant) ?? 0) - (place.get(b.mutant) ?? 0));
}

export const isCaught = ({ said }: Verdict): boolean => said.some(({ outcome }) => outcome.kind === "caught");

async function ask(mutant: Mutant, { engines, all, read, clock }: CampaignOptions): Promise<Verdict> {
  const mutated = mutate(read(mutant.file), mutant);
  if (!mutated.ok) return { mutant, said: [], unfit: mutated.error };
  const said: Verdict["said"][number][] = [];
  for (const engine of engines) {
    const begun = clock();
    const outcome = await engine.run(mutant);
    said.push({ engine: engine.name, outcome, seconds: clock() - begun });
    if (outcome.kind === "caught" && !all) break;
  }
  return { mutant, said, unfit: null };
}
