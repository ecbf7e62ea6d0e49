import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it, type TestContext } from "vitest";
import { requireInstalled, whatIsMissing } from "../servers/installed.ts";
import { cases } from "./cases.ts";
import { pageOf } from "./page.ts";
import { askBoth, type Result, wanted } from "./run.ts";
import { pagePath, surprises } from "./surprises.ts";

let results: readonly Result[] = [];
beforeAll(async () => {
  if (whatIsMissing(...wanted) === null) results = await askBoth(cases);
}, 90_000);

describe("Kosmos and blackbox_exporter, asked the same", () => {
  it(`say of all ${cases.length} servers what the cases say`, (context: TestContext) => {
    requireInstalled(context, ...wanted);
    expect(surprises(results)).toEqual([]);
  });

  it("say what docs/differential.md shows (npm run differential -- --write)", (context: TestContext) => {
    requireInstalled(context, ...wanted);
    expect(pageOf(results)).toBe(readFileSync(pagePath, "utf8"));
  });

  it("are asked at least sixty things, each once", () => {
    const names = cases.map(({ group, title }) => `${group}: ${title}`);
    expect(names.length).toBeGreaterThanOrEqual(60);
    expect(new Set(names).size).toBe(names.length);
  });

  it("may only differ for a reason", () => {
    for (const { verdict } of cases) {
      if (typeof verdict === "string") continue;
      expect(verdict.kosmos).not.toBe(verdict.blackbox);
      expect(verdict.because.length).toBeGreaterThan(40);
    }
  });
});
