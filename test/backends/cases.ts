/** The cases of the conformance suite, as data: what a backend is asked, in one line, and how. Each is at names of its own, in any order. */
import { engineCases } from "./cases-engine.ts";
import { networkCases } from "./cases-network.ts";
import { recordCases } from "./cases-records.ts";
import type { Lab } from "./lab.ts";

export type Case = {
  readonly id: string;
  /** What holds, in one line. */
  readonly title: string;
  /** Throws where it does not hold. What it returns is said in words in the page, where backends may differ. */
  run(lab: Lab): Promise<string | undefined>;
};

export const cases = [...recordCases, ...networkCases, ...engineCases] as const;
export type CaseId = (typeof cases)[number]["id"];

export const caseIds: readonly string[] = cases.map(({ id }) => id);
