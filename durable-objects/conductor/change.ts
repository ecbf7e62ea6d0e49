/**
 * A change of configuration as a value: what a noun decides and the ledger writes. A change that touches nothing is none: nothing is
 * written, no version rises, nobody is told.
 */
import type { SQLWrapper } from "drizzle-orm";
import { type Problem, unprocessable } from "../../domain/problem.ts";
import type { Result } from "../../domain/result.ts";
import type { Vantage } from "../../domain/runnable.ts";
import type { Caller, Kind } from "../rpc.ts";
import type { EventRow } from "./event.ts";
import type { Store } from "./store.ts";

export type Touched = { readonly kind: Kind | "override"; readonly id: string; readonly op: "put" | "delete" };

export type Change<T> = {
  /** What the caller gets. */
  readonly value: T;
  readonly statements: readonly SQLWrapper[];
  readonly touched: readonly Touched[];
  readonly events: readonly EventRow[];
};

export type Decision<T> = Result<Change<T>, Problem>;

/** Whose configuration is looked at, and when (Unix ms). Another project's rows are never visible. */
export type Scope = { readonly store: Store; readonly project: string; readonly now: number };

/** A write in the making: who asks, and the ids for what is made. */
export type Writing = Scope & {
  readonly by: Caller;
  readonly newId: () => string;
  /** From where the project can be checked; left out: nobody said, and nothing is refused for it. */
  readonly vantage?: Vantage;
};

/** Nothing differs. */
export const nothing = <T>(value: T): Change<T> => ({ value, statements: [], touched: [], events: [] });

/** One change out of several; the caller gets `value`. */
export const together = <T>(value: T, ...parts: readonly Change<unknown>[]): Change<T> => ({
  value,
  statements: parts.flatMap((part) => part.statements),
  touched: parts.flatMap((part) => part.touched),
  events: parts.flatMap((part) => part.events),
});

/** Whether the resource has the version that the caller saw; null: whatever it has. */
export function versionProblem(resource: { readonly version: number }, expected: number | null): Problem | null {
  if (expected === null || expected === resource.version) return null;
  return { type: "version-mismatch", detail: `the version is ${resource.version}, not ${expected}` };
}

/** What a member or a monitor is, it stays. */
export const typeProblem = (before: { readonly type: string }, input: { readonly type: string }, pointer: string): Problem | null =>
  before.type === input.type ? null : unprocessable(pointer, `cannot be changed; it is ${before.type}`);

/** The fields of `after` that `before` has otherwise; the order of an object's keys says nothing. */
export function changedFields(before: object, after: object): string[] {
  const old: Readonly<Record<string, unknown>> = { ...before };
  return Object.entries(after)
    .filter(([field, value]) => canonicalJson(old[field]) !== canonicalJson(value))
    .map(([field]) => field);
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
