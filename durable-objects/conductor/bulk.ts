/**
 * Many rows in one statement: they travel as JSON in a single bound parameter, since D1 binds at most 100. Lists and objects arrive in their
 * columns as JSON, booleans as 0 and 1.
 */
import { getTableColumns, getTableName, type InferInsertModel, type SQL, type SQLWrapper, sql } from "drizzle-orm";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";

/** D1 takes values of at most 2 MB; characters may take three bytes. */
const chunkLength = 500_000;

/** The list as JSON arrays of bounded length, in order. An empty list has none. */
export function jsonChunks(list: readonly unknown[]): string[] {
  const chunks: string[] = [];
  let parts: string[] = [];
  let length = 0;
  const close = () => {
    if (parts.length > 0) chunks.push(`[${parts.join(",")}]`);
    parts = [];
    length = 0;
  };
  for (const item of list) {
    const text = JSON.stringify(item);
    if (length + text.length > chunkLength) close();
    parts.push(text);
    length += text.length + 1;
  }
  close();
  return chunks;
}

const field = (column: string): SQL => sql`json_extract(value, ${sql.raw(`'$.${column}'`)})`;
const join = (parts: SQL[]): SQL => sql.join(parts, sql.raw(", "));

/** `INSERT` of rows that all have the same columns. */
export function insertRows<T extends SQLiteTable>(
  table: T,
  rows: readonly InferInsertModel<T>[],
  otherwise: "fail" | "ignore" = "fail",
): SQL[] {
  const columns = Object.keys(getTableColumns(table));
  const names = join(Object.values(getTableColumns(table)).map(({ name }) => sql`${sql.identifier(name)}`));
  const verb = sql.raw(otherwise === "ignore" ? "INSERT OR IGNORE" : "INSERT");
  return jsonChunks(rows).map((json) => sql`${verb} INTO ${table} (${names}) SELECT ${join(columns.map(field))} FROM json_each(${json})`);
}

/** `UPDATE` of rows by their id: each sets the columns that `columns` names. */
export function updateRows<T extends SQLiteTable>(
  table: T,
  columns: readonly (keyof InferInsertModel<T> & string)[],
  rows: readonly (Partial<InferInsertModel<T>> & { readonly id: string })[],
): SQL[] {
  const set = join(columns.map((column) => sql`${sql.identifier(column)} = ${field(column)}`));
  const id = sql`${sql.identifier(getTableName(table))}.${sql.identifier("id")}`;
  return jsonChunks(rows).map((json) => sql`UPDATE ${table} SET ${set} FROM json_each(${json}) WHERE ${id} = ${field("id")}`);
}

export const updateRow = <T extends SQLiteTable>(table: T, id: string, values: Partial<InferInsertModel<T>>): SQL[] =>
  updateRows(table, Object.keys(values) as (keyof InferInsertModel<T> & string)[], [{ ...values, id }]);

/** The condition that a column is one of a list that may be long, with one parameter. The list is within a chunk: thousands of ids. */
export const isIn = (column: SQLWrapper, list: readonly string[]): SQL =>
  sql`${column} IN (SELECT value FROM json_each(${JSON.stringify(list)}))`;

/**
 * The project's own, where the rows are found by something narrower: the plus keeps SQLite, which knows no statistics here, from walking all
 * rows of the project instead.
 */
export const isOf = (column: SQLWrapper, project: string): SQL => sql`+${column} = ${project}`;
