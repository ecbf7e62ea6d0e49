/** What a run says that the cases do not, in words that help to find out why. */
import { resolve } from "node:path";
import { saidOf } from "./page.ts";
import type { Result } from "./run.ts";

export const pagePath = resolve(import.meta.dirname, "../../docs/differential.md");

export function surprises(results: readonly Result[]): string[] {
  return results.flatMap((result) => {
    const { of, agent, worker } = result;
    const said = saidOf(result);
    const expected = typeof of.verdict === "string" ? { kosmos: of.verdict, blackbox: of.verdict } : of.verdict;
    const name = `${of.group}: ${of.title}`;
    return [
      ...(said.agent === expected.kosmos ? [] : [`${name}: the agent said ${said.agent}, not ${expected.kosmos}: ${agent.detail}`]),
      ...(said.worker === null || said.worker === expected.kosmos
        ? []
        : [`${name}: the Worker said ${said.worker}, not ${expected.kosmos}: ${worker?.detail}`]),
      ...(said.blackbox === expected.blackbox
        ? []
        : [`${name}: blackbox_exporter said ${said.blackbox}, not ${expected.blackbox}:\n${lastWords(result.blackbox.log)}`]),
    ];
  });
}

/** The end of its log of the probe, without times. */
const lastWords = (log: string): string =>
  log
    .split("\n")
    .filter((line) => /level=(info|error)/.test(line))
    .slice(-3)
    .map((line) => `    ${line.replace(/^.*?(?=msg=)/, "")}`)
    .join("\n");
