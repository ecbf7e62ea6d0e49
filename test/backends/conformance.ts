/** The suite for one backend, as a test file of its own has it, so that a server that is not there skips no other's tests. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { requireInstalled, whereInstalled } from "../servers/installed.ts";
import { type Case, cases } from "./cases.ts";
import { Lab } from "./lab.ts";
import { pagePath, readPage } from "./page.ts";
import { type CaseResult, notApplicable, runCase } from "./run.ts";
import type { SubjectKind } from "./subject.ts";

export function conformance(kind: SubjectKind): void {
  const running = whereInstalled(kind.needs, async () => {
    const subject = await kind.start();
    return { subject, lab: new Lab(subject), stop: () => subject.stop() };
  });
  const results: CaseResult[] = [];

  describe(`the backend ${kind.name}, against ${kind.against}`, () => {
    beforeAll(running.start, kind.timeoutMs);
    afterAll(running.stop);

    for (const one of cases as readonly Case[]) {
      const reason = notApplicable(kind, one);
      if (reason !== undefined) {
        results.push({ id: one.id, came: "not applicable", words: reason });
        continue;
      }
      it(one.title, { ...(kind.timeoutMs === undefined ? {} : { timeout: kind.timeoutMs }) }, async (context) => {
        const { subject, lab } = running.get(context);
        results.push({ id: one.id, came: "yes", words: (await runCase(one, subject, lab)) ?? "" });
      });
    }

    if (kind.judgedBy !== undefined)
      it(`was sent nothing, in any of these cases, that is wrong by ${kind.judgedBy}`, (context) => {
        expect(running.get(context).subject.invalid?.()).toEqual([]);
      });

    it(`does what docs/backends-conformance.md shows (npm run conformance -- --write ${kind.name})`, (context) => {
      requireInstalled(context, ...kind.needs);
      const column = readPage(readFileSync(pagePath, "utf8")).find(({ name }) => name === kind.name);
      expect(column?.against).toBe(kind.against);
      const ordered = (cases as readonly Case[]).map(({ id }) => results.find((result) => result.id === id));
      expect(column?.results).toEqual(ordered);
    });
  });
}
