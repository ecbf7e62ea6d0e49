/** docs/differential.md: what both probers said of every case, from one run. It holds verdicts alone, so that every run gives the same page. */
import type { Outcome } from "../../domain/check.ts";
import type { Verdict } from "./case.ts";
import type { Result } from "./run.ts";

/** What each said; the Worker's is null where the check needs an agent. */
export type Said = { readonly agent: Outcome["outcome"]; readonly worker: Outcome["outcome"] | null; readonly blackbox: Verdict };

export const saidOf = ({ agent, worker, blackbox }: Result): Said => ({
  agent: agent.outcome,
  worker: worker?.outcome ?? null,
  blackbox: blackbox.success ? "pass" : "fail",
});

export function pageOf(results: readonly Result[]): string {
  const groups = Map.groupBy(results, ({ of }) => of.group);
  const differences = results.filter(({ of }) => typeof of.verdict !== "string");
  const here = results.filter(({ worker }) => worker !== null).length;
  return `<!-- Made by \`npm run differential -- --write\`; test/differential holds the cases. -->

# Kosmos beside blackbox_exporter

One set of misbehaving servers, asked by two probers that share no code: Kosmos's check plugins, and Prometheus's
[blackbox_exporter](https://github.com/prometheus/blackbox_exporter) as Debian packages it. Each question is written once, as a monitor, and translated into
a module of blackbox_exporter. ${results.length} cases, ${results.length - differences.length} with the same verdict, ${differences.length} that differ, each for a reason that is given.
*pass*: the prober calls the server good; *fail*: it does not. Each case is named after what the server does, and what is asked of it.

*Agent* is a check from an agent (Node's sockets). *Worker* is the same check with what a Worker has; ${here} cases can be asked there, and "–" stands where the
monitor needs an agent, as it does for certificates of an authority of one's own, which all TLS servers here have. The servers are nginx, OpenSSH, Knot DNS, Redis, npm's smtp-server, and scripts that say exactly the wrong bytes.
A verdict of blackbox_exporter **in bold** is another than ours.
\`npm test\` runs all of it and fails where a verdict is not the one in this page.

## Where they differ

| case | Kosmos | blackbox_exporter | why |
| --- | --- | --- | --- |
${differences.map(({ of }) => (typeof of.verdict === "string" ? "" : row(`${of.group}: ${of.title}`, of.verdict.kosmos, of.verdict.blackbox, of.verdict.because))).join("\n")}
${[...groups].map(([group, all]) => section(group, all)).join("")}`;
}

const section = (group: string, results: readonly Result[]): string => `
## ${group}

| case | agent | Worker | blackbox_exporter |
| --- | --- | --- | --- |
${results
  .map((result) => {
    const { agent, worker, blackbox } = saidOf(result);
    return row(result.of.title, agent, worker ?? "–", blackbox === agent ? blackbox : `**${blackbox}**`);
  })
  .join("\n")}
`;

const row = (...cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
