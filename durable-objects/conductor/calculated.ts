/** Monitors that others are named by: what a pool or a member is made with, and what a CALCULATED one is made of. */
import { and, asc, eq, sql } from "drizzle-orm";
import { calculatedType, type MonitorWrite, referencesOf } from "../../domain/monitor.ts";
import type { FieldError, Problem, User } from "../../domain/problem.ts";
import { isIn, isOf } from "./bulk.ts";
import type { Scope } from "./change.ts";
import { monitor } from "./schema.ts";

/** Null: the project has all of them. The pointers are those of a body with `monitor_ids`. */
export const unknownMonitors = (scope: Scope, ids: readonly string[]): Promise<Problem | null> => mistakenIn(scope, ids, () => null);

/** What a CALCULATED monitor names must be there, and must look for itself. */
export const referencesProblem = (scope: Scope, input: MonitorWrite): Promise<Problem | null> =>
  mistakenIn(scope, referencesOf(input), (type) => (type === calculatedType ? "is a CALCULATED monitor itself" : null));

async function mistakenIn(
  { store, project }: Scope,
  ids: readonly string[],
  wrong: (type: string) => string | null,
): Promise<Problem | null> {
  if (ids.length === 0) return null;
  const rows = await store.read((db) =>
    db
      .select({ id: monitor.id, type: monitor.type })
      .from(monitor)
      .where(and(isIn(monitor.id, ids), isOf(monitor.project_id, project))),
  );
  const types = new Map(rows.map(({ id, type }) => [id, type]));
  const errors = ids.flatMap((id, index): FieldError[] => {
    const type = types.get(id);
    const detail = type === undefined ? `there is no monitor ${id}` : wrong(type);
    return detail === null ? [] : [{ pointer: `/monitor_ids/${index}`, detail }];
  });
  return errors.length === 0 ? null : { type: "unprocessable", detail: "monitors that cannot be used", errors };
}

/** The CALCULATED monitors that are made of this one. */
export async function calculatedFrom({ store, project }: Scope, id: string): Promise<readonly User[]> {
  const rows = await store.read((db) =>
    db
      .select({ id: monitor.id, name: monitor.name })
      .from(monitor)
      .where(
        and(
          eq(monitor.project_id, project),
          eq(monitor.type, calculatedType),
          sql`EXISTS (SELECT 1 FROM json_each(monitor.settings, '$.monitor_ids') WHERE value = ${id})`,
        ),
      )
      .orderBy(asc(monitor.created_at), asc(monitor.id)),
  );
  return rows.map((row) => ({ type: "monitor", ...row }));
}
