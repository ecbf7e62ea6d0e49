/** What D1 says when it cannot do what was asked: three things that are expected, and the rest, which is a programmer's error and throws. */
import type { Problem } from "../../domain/problem.ts";
import { fail, type Result } from "../../domain/result.ts";

/** D1 did not answer, or cannot now. Whether a write was carried out is not known. */
export class StorageAway extends Error {
  override readonly name = "StorageAway";
}

export const unavailable: Problem = { type: "unavailable", detail: "the configuration cannot be reached now", retryAfterSeconds: 2 };

/** The messages of an error and of everything that caused it. */
function messages(error: unknown): string {
  const parts: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) parts.push(at.message);
  return parts.length > 0 ? parts.join("; ") : String(error);
}

/** Somebody else wrote the project's configuration since it was read (`advance` in ledger.ts); nothing was written. */
export const isOvertaken = (error: unknown): boolean => messages(error).includes("NOT NULL constraint failed: project.seq");

/** Somebody holds the name; nothing was written. */
export const isClaimed = (error: unknown): boolean => messages(error).includes("UNIQUE constraint failed: name_claim.");

/** Another agent has the name; nothing was written. */
export const isAgentNamed = (error: unknown): boolean => messages(error).includes("UNIQUE constraint failed: agent.name");

/** Another flavor, or cloud, has the name; nothing was written. */
export const isSharedNamed = (error: unknown, table: string): boolean =>
  messages(error).includes(`UNIQUE constraint failed: ${table}.name`);

/** Somebody uses the flavor, or the cloud (`unused` in shared.ts); nothing was written. */
export const isSharedUsed = (error: unknown, table: string): boolean =>
  messages(error).includes(`NOT NULL constraint failed: ${table}.version`);

/** The tables are not there: this is not the database that was prepared. */
export const isUnprepared = (error: unknown): boolean => messages(error).includes("no such table");

/** A statement that can never succeed; everything else may pass. */
const isMistaken = (error: unknown): boolean =>
  /SQLITE_(ERROR|CONSTRAINT|MISMATCH|RANGE|TOOBIG)|D1_(TYPE|COLUMN_NOTFOUND|EXEC)_?ERROR/.test(messages(error)) && !isUnprepared(error);

/** What to throw instead of what D1 threw. */
export function failureOf(error: unknown): unknown {
  if (error instanceof StorageAway || isMistaken(error)) return error;
  return new StorageAway(messages(error), { cause: error });
}

/** D1 being away is an expected failure; whatever else throws is a programmer's error. */
export async function orUnavailable<T>(work: () => Promise<Result<T, Problem>>): Promise<Result<T, Problem>> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof StorageAway)) throw error;
    console.warn(`conductor: ${error.message}`);
    return fail(unavailable);
  }
}
