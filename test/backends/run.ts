/** Tries one case on a backend: `yes`, or `no` with what was not so; its words are for the page. */
import type { Case } from "./cases.ts";
import { cases } from "./cases.ts";
import { Lab } from "./lab.ts";
import type { Subject, SubjectKind } from "./subject.ts";

export type CaseResult = { readonly id: string; readonly came: "yes" | "no" | "not applicable"; readonly words: string };

/** The subject is as it was before, also where the case ended in the middle of a fault. */
export async function runCase(one: Case, subject: Subject, lab: Lab = new Lab(subject)): Promise<string | undefined> {
  try {
    return await one.run(lab);
  } finally {
    await lab.mend();
    lab.deadlineMs = Lab.deadlineMs;
  }
}

export const notApplicable = (kind: SubjectKind, { id }: Case): string | undefined => (kind.cannot as Readonly<Record<string, string>>)[id];

/** All cases, one after the other. */
export async function runAll(kind: SubjectKind): Promise<CaseResult[]> {
  const subject = await kind.start();
  try {
    const lab = new Lab(subject);
    const results: CaseResult[] = [];
    for (const one of cases) {
      const reason = notApplicable(kind, one);
      if (reason !== undefined) results.push({ id: one.id, came: "not applicable", words: reason });
      else results.push(await resultOf(one, subject, lab));
    }
    return results;
  } finally {
    await subject.stop();
  }
}

const resultOf = (one: Case, subject: Subject, lab: Lab): Promise<CaseResult> =>
  runCase(one, subject, lab).then(
    (words) => ({ id: one.id, came: "yes", words: words ?? "" }),
    (error: unknown) => ({ id: one.id, came: "no", words: error instanceof Error ? error.message : String(error) }),
  );
