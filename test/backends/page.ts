/**
 * docs/backends-conformance.md: every case and every backend, from runs. It holds no times, so that every run gives the same page; a run of one
 * backend renews its column and leaves the others as they are.
 */
import { resolve } from "node:path";
import { type Case, cases } from "./cases.ts";
import type { CaseResult } from "./run.ts";

export const pagePath = resolve(import.meta.dirname, "../../docs/backends-conformance.md");

/** A backend's results, in the order of the cases. */
export type Column = { readonly name: string; readonly against: string; readonly results: readonly CaseResult[] };

const signs = { yes: "yes", no: "**no**", "not applicable": "–" } as const;

export function pageOf(columns: readonly Column[]): string {
  const names = columns.map(({ name }) => name);
  const count = (came: CaseResult["came"]) => columns.flatMap(({ results }) => results).filter((result) => result.came === came).length;
  return `<!-- Made by \`npm run conformance -- --write\`; test/backends holds the cases. -->

# Every backend, every case

One suite for all backends ([what each can do](backends.md)): the same ${cases.length} cases for ${columns.length} of them. A server runs beside the tests where Debian has one; where the
provider is a service, a double stands for it that is as strict as its documentation. ${count("yes")} times a case holds, ${count("no")} times it does not, ${count("not applicable")} times it does not apply, for a reason that is given.
\`npm test\` runs all of it and fails where the page says something else; \`npm run conformance -- --write NAME …\` renews the columns of these backends.

${table(
  ["", "against"],
  [...columns].map(({ name, against }) => [name, against]),
)}

## Cases

${table(
  ["case", ...names],
  (cases as readonly Case[]).map(({ id, title }) => [title, ...columns.map((column) => signs[resultOf(column, id).came])]),
)}

## In words

${table(["case", "backend", "what happens"], wordsOf(columns, "yes"))}

## What does not apply

${table(["case", "backend", "why"], wordsOf(columns, "not applicable"))}
`;
}

/** The columns of a page that was made by \`pageOf\`; of cases that it does not know, nothing. */
export function readPage(text: string): Column[] {
  const tables = text.split(/\n## /).map((section) =>
    section
      .split("\n")
      .filter((line) => line.startsWith("| "))
      .map(cellsOf),
  );
  const [about = [], main = [], ...words] = tables;
  const names = main[0]?.slice(1) ?? [];
  const said = words.flat();
  return names.map((name, index) => ({
    name,
    against: about.find(([of]) => of === name)?.[1] ?? "",
    results: (cases as readonly Case[]).flatMap(({ id, title }): CaseResult[] => {
      const sign = main.find(([of]) => of === title)?.[index + 1];
      const came = (Object.keys(signs) as CaseResult["came"][]).find((key) => signs[key] === sign);
      return came === undefined ? [] : [{ id, came, words: said.find(([of, who]) => of === title && who === name)?.[2] ?? "" }];
    }),
  }));
}

/** These columns renewed, in the order of `order`; columns that are not named there go. */
export function renewed(old: readonly Column[], fresh: readonly Column[], order: readonly string[]): Column[] {
  return order.flatMap((name) => fresh.find((column) => column.name === name) ?? old.find((column) => column.name === name) ?? []);
}

const resultOf = ({ results }: Column, id: string): CaseResult =>
  results.find((result) => result.id === id) ?? { id, came: "no", words: "not tried" };

function wordsOf(columns: readonly Column[], came: CaseResult["came"]): string[][] {
  return (cases as readonly Case[]).flatMap(({ id, title }) =>
    columns.flatMap((column) => {
      const result = resultOf(column, id);
      return result.came === came && result.words !== "" ? [[title, column.name, result.words]] : [];
    }),
  );
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`).join("\n");

const cellsOf = (line: string): string[] =>
  line
    .slice(2, -2)
    .split(/(?<!\\)\| ?/)
    .map((cell) => cell.replaceAll("\\|", "|").trim());
