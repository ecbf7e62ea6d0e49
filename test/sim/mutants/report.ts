/** What a campaign came to, in lines for people. */
import { isCaught, type Verdict } from "./campaign.ts";
import type { Engine, Outcome } from "./engines.ts";

/** One row for each mutant, and one more for each other engine that was asked. */
export function rows(verdict: Verdict): readonly string[] {
  const { mutant, said, unfit } = verdict;
  const mark = isCaught(verdict) ? "caught  " : "SURVIVES";
  const head = `${mark}  ${mutant.name.padEnd(44)}  ${mutant.rule}`;
  if (unfit !== null) return [head, `          ${unfit}`];
  return [head, ...said.map(({ engine, outcome, seconds }) => `          ${engine} (${seconds.toFixed(1)} s): ${words(outcome)}`)];
}

function words(outcome: Outcome): string {
  switch (outcome.kind) {
    case "caught":
      return outcome.by;
    case "survived":
      return "nothing objected";
    case "not run":
      return `NOT RUN: ${outcome.why}`;
    case "broken":
      return `BROKEN MUTANT: ${outcome.why}`;
  }
}

/** The sum, and what has to be looked at. */
export function summary(verdicts: readonly Verdict[], engines: readonly Engine[]): readonly string[] {
  const caught = verdicts.filter(isCaught);
  const lines = [`${caught.length} of ${verdicts.length} mutants caught`];
  for (const { name, what } of engines) {
    const asked = verdicts.flatMap(({ said }) => said.filter(({ engine }) => engine === name));
    const objected = asked.filter(({ outcome }) => outcome.kind === "caught").length;
    lines.push(`  ${name}: ${objected} of the ${asked.length} that it was asked about (${what})`);
  }
  const left = verdicts.filter((verdict) => !isCaught(verdict));
  for (const { mutant, unfit, said } of left) {
    const why = unfit ?? said.map(({ engine, outcome }) => `${engine}: ${words(outcome)}`).join("; ");
    lines.push(`  not caught: ${mutant.name} (${mutant.file}): ${why}`);
  }
  return lines;
}
