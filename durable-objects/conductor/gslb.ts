/** GSLBs as the Conductor keeps them: their references hold, and a name belongs to one GSLB of the whole deployment. */
import { and, eq, getTableColumns, sql } from "drizzle-orm";
import { builtInFlavors } from "../../domain/flavor.ts";
import type { Gslb, GslbWrite } from "../../domain/gslb.ts";
import { limits } from "../../domain/limits.ts";
import { type FieldError, notFound, type Problem, unprocessable } from "../../domain/problem.ts";
import { assert, fail, ok, type Result } from "../../domain/result.ts";
import { backendPlugins } from "../../plugins/backends/index.ts";
import type { Tombstone } from "../rpc.ts";
import { insertRows, isIn, isOf, updateRow } from "./bulk.ts";
import { type Change, changedFields, type Decision, nothing, type Scope, versionProblem, type Writing } from "./change.ts";
import { changedWords, configEvent } from "./event.ts";
import { changing, newRow, newSteered, poolIdsOfGslb, poolWeightsOfGslb, shown } from "./resource.ts";
import { gslb, gslbPool, nameClaim, pool, tombstone } from "./schema.ts";
import { emptiedByPlaces } from "./would-empty.ts";

export const gslbColumns = { ...getTableColumns(gslb), pool_ids: poolIdsOfGslb, pool_weights: poolWeightsOfGslb };

export const toGslb = (row: typeof gslb.$inferSelect & { pool_ids: string[]; pool_weights: Record<string, number> }): Gslb => shown(row);

export async function readGslb({ store, project }: Scope, id: string): Promise<Gslb | null> {
  const [row] = await store.read((db) =>
    db
      .select(gslbColumns)
      .from(gslb)
      .where(and(eq(gslb.id, id), eq(gslb.project_id, project))),
  );
  return row === undefined ? null : toGslb(row);
}

export async function createGslb(writing: Writing, input: GslbWrite): Promise<Decision<Gslb>> {
  const wanted = await completed(writing, input);
  if (!wanted.ok) return wanted;
  const { pool_ids, ...fields } = wanted.value;
  const row = { ...fields, ...newRow(writing), ...newSteered };
  const { id, project_id, fqdn, flavor } = row;
  return ok({
    value: shown({ ...row, pool_ids, pool_weights: {} }),
    statements: [
      ...insertRows(gslb, [row]),
      ...insertRows(nameClaim, [{ backend: flavor, fqdn, project_id, gslb_id: id }]),
      ...insertRows(gslbPool, places(id, pool_ids, {})),
    ],
    touched: [{ kind: "gslb", id, op: "put" }],
    events: [configEvent(writing, { kind: "gslb", id, name: row.name, happened: "made", gslb_id: id })],
  });
}

export async function replaceGslb(
  writing: Writing,
  id: string,
  input: GslbWrite,
  expected: number | null,
  force: boolean,
): Promise<Decision<Gslb>> {
  const before = await readGslb(writing, id);
  if (before === null) return fail(notFound("GSLB"));
  const mismatch = versionProblem(before, expected);
  if (mismatch !== null) return fail(mismatch);
  for (const field of ["fqdn", "domain_name"] as const) {
    if (input[field] !== before[field]) return fail(unprocessable(`/${field}`, `cannot be changed; it is ${before[field]}`));
  }
  const wanted = await completed(writing, input);
  if (!wanted.ok) return wanted;
  // There is one flavor; with others a move needs its claim and its tombstone (engine.md, rule 20).
  assert(wanted.value.flavor === before.flavor, "a GSLB keeps its flavor");
  const empty = force ? null : await emptiedByPlaces(writing, { ...before, ...wanted.value, pool_ids: before.pool_ids }, input.pool_ids);
  if (empty !== null) return fail(empty);
  return ok(rewritten(writing, before, wanted.value));
}

/** What a change sets; the rest stays. The weight of a pool that is not among `pool_ids` is forgotten. */
type Rewrite = Partial<Omit<GslbWrite, "ttl"> & Pick<Gslb, "ttl" | "pool_weights">>;

/** The change from what is to what is wanted. */
export function rewritten(writing: Writing, before: Gslb, { pool_weights: weights, ...wanted }: Rewrite): Change<Gslb> {
  const { pool_ids = before.pool_ids, ...columns } = wanted;
  const pool_weights = weightsOf(pool_ids, weights ?? before.pool_weights);
  const fields = changedFields(before, { ...wanted, pool_weights });
  if (fields.length === 0) return nothing(before);
  const { id } = before;
  const next = { version: before.version + 1, action: changing(before.action) };
  const order =
    fields.includes("pool_ids") || fields.includes("pool_weights")
      ? [sql`DELETE FROM ${gslbPool} WHERE gslb_id = ${id}`, ...insertRows(gslbPool, places(id, pool_ids, pool_weights))]
      : [];
  const value = { ...before, ...wanted, ...next, pool_weights, updated_at: new Date(writing.now).toISOString() };
  return {
    value,
    statements: [...updateRow(gslb, id, { ...columns, ...next, updated_at: writing.now }), ...order],
    touched: [{ kind: "gslb", id, op: "put" }],
    events: [configEvent(writing, { kind: "gslb", id, name: value.name, gslb_id: id, ...changedWords(fields) })],
  };
}

/** Of these pools, those that have another weight than 1. */
const weightsOf = (pool_ids: readonly string[], weights: Gslb["pool_weights"]): Record<string, number> =>
  Object.fromEntries(
    pool_ids.flatMap((id) => {
      const weight = weights[id] ?? 1;
      return weight === 1 ? [] : [[id, weight]];
    }),
  );

export async function removeGslb(
  writing: Writing,
  id: string,
  options: { readonly expected: number | null; readonly records: "delete" | "keep" },
): Promise<Decision<null>> {
  const before = await readGslb(writing, id);
  if (before === null) return fail(notFound("GSLB"));
  const mismatch = versionProblem(before, options.expected);
  if (mismatch !== null) return fail(mismatch);
  const { project_id, fqdn, domain_name: zone, flavor } = before;
  const remains = options.records === "delete" ? [{ gslb_id: id, flavor, project_id, fqdn, zone, remove: true }] : [];
  return ok({
    value: null,
    statements: [
      sql`DELETE FROM ${gslb} WHERE id = ${id}`,
      sql`DELETE FROM ${gslbPool} WHERE gslb_id = ${id}`,
      sql`DELETE FROM ${nameClaim} WHERE gslb_id = ${id}`,
      ...insertRows(tombstone, remains),
    ],
    touched: [{ kind: "gslb", id, op: "delete" }],
    events: [
      configEvent(writing, {
        kind: "gslb",
        id,
        name: before.name,
        gslb_id: id,
        happened: options.records === "delete" ? "deleted" : "deleted; its records stay",
        evidence: { fqdn, records: options.records },
      }),
    ],
  });
}

export const toTombstone = ({ project_id: _, ...row }: typeof tombstone.$inferSelect): Tombstone => row;

/** A null TTL is the provider's, at least 30 s. */
const defaultTtlSeconds = 30;

/** What the input means here, or why it cannot be carried out. */
async function completed(scope: Scope, input: GslbWrite): Promise<Result<GslbWrite & { readonly ttl: number }, Problem>> {
  const flavor = builtInFlavors.find(({ name }) => name === input.flavor);
  if (flavor === undefined) return fail(unprocessable("/flavor", `there is no flavor ${input.flavor}`));
  const supports = backendPlugins[flavor.provider]?.supports;
  assert(supports !== undefined, `the provider ${flavor.provider} of a built-in flavor is registered`);
  if (input.ttl !== null && input.ttl < supports.minTtl) {
    return fail(unprocessable("/ttl", `the provider ${flavor.provider} takes ${supports.minTtl} s at least`));
  }
  const problem = await poolProblem(scope, input, input.pool_ids, input.fallback_pool_id);
  if (problem !== null) return fail(problem);
  return ok({ ...input, ttl: input.ttl ?? Math.max(defaultTtlSeconds, supports.minTtl) });
}

/** Whether a GSLB of this flavor can use these pools. The pointers are those of its body. */
export async function poolProblem(
  { store, project }: Scope,
  { flavor }: { readonly flavor: string },
  pool_ids: readonly string[],
  fallback: string | null = null,
): Promise<Problem | null> {
  const wanted = pool_ids.map((id, index) => ({ id, pointer: `/pool_ids/${index}` }));
  if (fallback !== null) wanted.push({ id: fallback, pointer: "/fallback_pool_id" });
  if (wanted.length === 0) return null;
  const ids = wanted.map(({ id }) => id);
  const rows = await store.read((db) =>
    db
      .select({ id: pool.id, flavor: pool.flavor })
      .from(pool)
      .where(and(isIn(pool.id, ids), isOf(pool.project_id, project))),
  );
  const flavors = new Map(rows.map((row) => [row.id, row.flavor]));
  const errors = wanted.flatMap(({ id, pointer }): FieldError[] => {
    const only = flavors.get(id);
    if (only === undefined) return [{ pointer, detail: `there is no pool ${id}` }];
    return only === null || only === flavor ? [] : [{ pointer, detail: `only GSLBs of flavor ${only} may use the pool` }];
  });
  return errors.length === 0 ? null : { type: "unprocessable", detail: "pools that this GSLB cannot use", errors };
}

const places = (gslb_id: string, pool_ids: readonly string[], weights: Gslb["pool_weights"]) => {
  assert(pool_ids.length <= limits.poolsPerGslb, "the API bounds the pools of a GSLB");
  return pool_ids.map((pool_id, position) => ({ gslb_id, pool_id, position, weight: weights[pool_id] ?? 1 }));
};
