import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { backendPlugins } from "../plugins/backends/index.ts";
import { type Case, cases } from "./backends/cases.ts";
import { pageOf, pagePath, readPage, renewed } from "./backends/page.ts";
import { subjects } from "./backends/subjects/index.ts";

const page = readFileSync(pagePath, "utf8");

describe("docs/backends-conformance.md", () => {
  it("has every registered provider, and nobody else", () => {
    const tried = subjects.flatMap(({ provider }) => provider ?? []);
    expect(new Set(tried)).toEqual(new Set(Object.keys(backendPlugins)));
    expect(readPage(page).map(({ name }) => name)).toEqual(subjects.map(({ name }) => name));
  });

  it("has a result of every case for every backend, and each holds or is said not to apply", () => {
    for (const { results } of readPage(page)) {
      expect(results.map(({ id }) => id)).toEqual((cases as readonly Case[]).map(({ id }) => id));
      expect(results.filter(({ came, words }) => came === "no" || (came === "not applicable" && words.length < 12))).toEqual([]);
    }
  });

  it("is what its columns make again: one backend's can be renewed alone", () => {
    const columns = readPage(page);
    expect(pageOf(columns)).toBe(page);
    const [first] = columns;
    expect(
      pageOf(
        renewed(
          columns,
          first === undefined ? [] : [first],
          subjects.map(({ name }) => name),
        ),
      ),
    ).toBe(page);
  });
});

describe("the cases", () => {
  it("have an id and a title each of their own", () => {
    for (const words of [cases.map(({ id }) => id), cases.map(({ title }) => title)])
      expect(new Set<string>(words).size).toBe(words.length);
  });
});
