/** GSLBs as the Conductor keeps them: their references hold, and a name belongs to one GSLB of the whole deployment. */
import { and, eq, getTableColumns, sql } from "drizzle-orm";
import { type Gslb, type GslbWrite, type PoolPlace, placeOf } from "../../domain/gslb.ts";
import { limits } from "../../domain/limits.ts";
import { type FieldError, notFound, type Problem, unprocessable } from "../../domain/problem.ts";
import { assert, fail, ok, type Result } from "../../domain/result.ts";
import type { Tombstone } from "../rpc.ts";
import { insertRows, isIn, isOf, updateRow } from "./bulk.ts";
import { type Change, changedFields, type Decision, nothing, type Scope, versionProblem, type Writing } from "./change.ts";
import { buried, claim, moveClaims, unclaim } from "./claim.ts";
import { changedWords, configEvent } from "./event.ts";
import { flavorsFor, type UsedFlavor, usable } from "./flavor-use.ts";
import { changing, newRow, newSteered, poolIdsOfGslb, poolPlacesOfGslb, poolWeightsOfGslb, shown } from "./resource.ts";
import { gslb, gslbPool, nameClaim, pool, tombstone } from "./schema.ts";
import { emptiedByPlaces } from "./would-empty.ts";

export const gslbColumns = {
  ...getTableColumns(gslb),
  pool_ids: poolIdsOfGslb,
  pool_weights: poolWeightsOfGslb,
  pool_places: poolPlacesOfGslb,
};

type Placed = { pool_ids: string[] } & Required<Places>;
export const toGslb = (row: typeof gslb.$inferSelect & Placed): Gslb => shown(row);

export async function readGslb({ store, project }: Scope, id: string): Promise<Gslb | null> {
  const [row] = await store.read((db) =>
    db
      .select(gslbColumns)
      .from(gslb)
      .where(and(eq(gslb.id, id), eq(gslb.project_id, project))),
  );
  return row === undefined ? null : toGslb(row);
}

/** One that is on its way out changes no more. */
export async function livingGslb(scope: Scope, id: string): Promise<Result<Gslb, Problem>> {
  const found = await readGslb(scope, id);
  if (found === null) return fail(notFound("GSLB"));
  return found.action === "DELETE" ? fail({ type: "conflict", detail: "the GSLB is being deleted" }) : ok(found);
}

export async function createGslb(writing: Writing, input: GslbWrite): Promise<Decision<Gslb>> {
  const wanted = await completed(writing, input);
  if (!wanted.ok) return wanted;
  const { pool_ids, ...fields } = wanted.value.fields;
  const row = { ...fields, ...newRow(writing), ...newSteered };
  const { id } = row;
  return ok({
    value: shown({ ...row, pool_ids, pool_weights: {}, pool_places: {} }),
    statements: [
      ...insertRows(gslb, [row]),
      ...(await claim(writing, row, wanted.value.flavors)),
      ...insertRows(gslbPool, placesOf(id, pool_ids, { pool_weights: {} })),
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
  const living = await livingGslb(writing, id);
  if (!living.ok) return living;
  const before = living.value;
  const mismatch = versionProblem(before, expected);
  if (mismatch !== null) return fail(mismatch);
  for (const field of ["fqdn", "domain_name"] as const) {
    if (input[field] !== before[field]) return fail(unprocessable(`/${field}`, `cannot be changed; it is ${before[field]}`));
  }
  const wanted = await completed(writing, input, before);
  if (!wanted.ok) return wanted;
  const { fields, flavors } = wanted.value;
  const empty = force ? null : await emptiedByPlaces(writing, { ...before, ...fields, pool_ids: before.pool_ids }, input.pool_ids);
  if (empty !== null) return fail(empty);
  const change = rewritten(writing, before, fields);
  return ok({ ...change, statements: [...change.statements, ...(await moveClaims(writing, before, flavors))] });
}

/** What a change sets; the rest stays. What is said of a pool that is not among `pool_ids` is forgotten. */
type Rewrite = Partial<Omit<GslbWrite, "ttl"> & Pick<Gslb, "ttl">> & { readonly places?: Readonly<Record<string, PoolPlace>> };

/** The change from what is to what is wanted. `places`: of some pools; others keep their own. */
export function rewritten(writing: Writing, before: Gslb, { places: given = {}, ...wanted }: Rewrite): Change<Gslb> {
  const { pool_ids = before.pool_ids, ...columns } = wanted;
  const places = placedAt(pool_ids.map((poolId) => [poolId, given[poolId] ?? placeOf(before, poolId)]));
  const fields = changedFields({ ...before, pool_places: before.pool_places ?? {} }, { ...wanted, ...places });
  if (fields.length === 0) return nothing(before);
  const { id } = before;
  const next = { version: before.version + 1, action: changing(before.action) };
  const order = ["pool_ids", ...Object.keys(places)].some((field) => fields.includes(field))
    ? [sql`DELETE FROM ${gslbPool} WHERE gslb_id = ${id}`, ...insertRows(gslbPool, placesOf(id, pool_ids, places))]
    : [];
  const value = { ...before, ...wanted, ...next, ...places, updated_at: new Date(writing.now).toISOString() };
  return {
    value,
    statements: [...updateRow(gslb, id, { ...columns, ...next, updated_at: writing.now }), ...order],
    touched: [{ kind: "gslb", id, op: "put" }],
    events: [configEvent(writing, { kind: "gslb", id, name: value.name, gslb_id: id, ...changedWords(fields) })],
  };
}

type Places = Pick<Gslb, "pool_weights" | "pool_places">;

/** What of these places is not as it is by default. */
const placedAt = (places: readonly (readonly [string, PoolPlace])[]): Places => ({
  pool_weights: Object.fromEntries(places.flatMap(([id, { weight }]) => (weight === 1 ? [] : [[id, weight]]))),
  pool_places: Object.fromEntries(
    places.flatMap(([id, { locations, geofence }]) => (locations.length === 0 && !geofence ? [] : [[id, { locations, geofence }]])),
  ),
});

/**
 * `edge` is Kosmos itself: a GSLB that only it publishes is gone at once, with a tombstone for the Engine. With others it stays, on its way out,
 * until they confirmed that the name is gone. `keep`: its records are nobody's from now on; `force`: what backends hold is forgotten.
 */
export async function removeGslb(
  writing: Writing,
  id: string,
  options: { readonly expected: number | null; readonly records: "delete" | "keep"; readonly force?: boolean },
): Promise<Decision<null>> {
  const before = await readGslb(writing, id);
  if (before === null) return fail(notFound("GSLB"));
  const mismatch = versionProblem(before, options.expected);
  if (mismatch !== null) return fail(mismatch);
  const { records, force = false } = options;
  const remote = before.flavors.filter((name) => name !== "edge");
  const waits = remote.length > 0 && records === "delete" && !force;
  if (waits && before.action === "DELETE") return ok(nothing(null));
  const flavors = await flavorsFor(writing, before.flavors);
  // What was left behind before goes on leaving, but where everything is to be forgotten.
  const claims = force ? sql`DELETE FROM ${nameClaim} WHERE gslb_id = ${id}` : unclaim(id, flavors, before.flavors);
  const forgotten = force ? sql`flavor <> 'edge'` : records === "keep" ? isIn(sql`flavor`, before.flavors) : sql`0`;
  const removed = records === "keep" ? [] : force ? before.flavors.filter((name) => name === "edge") : before.flavors;
  const next = { action: "DELETE", version: before.version + 1, updated_at: writing.now, fallback_pool_id: null } as const;
  return ok({
    value: null,
    statements: [
      sql`DELETE FROM ${gslbPool} WHERE gslb_id = ${id}`,
      ...(waits ? updateRow(gslb, id, next) : [sql`DELETE FROM ${gslb} WHERE id = ${id}`, claims]),
      sql`UPDATE ${tombstone} SET remove = 0 WHERE gslb_id = ${id} AND ${forgotten}`,
      ...buried(before, removed),
    ],
    touched: [{ kind: "gslb", id, op: "delete" }],
    events: [
      configEvent(writing, {
        kind: "gslb",
        id,
        name: before.name,
        gslb_id: id,
        happened: force ? "deleted by force" : records === "delete" ? "deleted" : "deleted; its records stay",
        evidence: { fqdn: before.fqdn, records, ...(force ? { force } : {}) },
      }),
    ],
  });
}

export const toTombstone = ({ project_id: _, ...row }: typeof tombstone.$inferSelect): Tombstone => row;

/** A null TTL is the providers', at least 30 s. */
const defaultTtlSeconds = 30;

type Completed = { readonly fields: GslbWrite & { readonly ttl: number }; readonly flavors: readonly UsedFlavor[] };

/** What the input means here, or why it cannot be carried out. */
async function completed(scope: Scope, input: GslbWrite, before: Gslb | null = null): Promise<Result<Completed, Problem>> {
  const { project } = scope;
  const had = before?.flavors ?? [];
  const all = await flavorsFor(scope, input.flavors);
  const flavors = usable(all, { names: input.flavors, zone: input.domain_name, project, had });
  if (!flavors.ok) return flavors;
  const slowest = flavors.value.reduce((one, other) => (other.minTtl > one.minTtl ? other : one));
  if (input.ttl !== null && input.ttl < slowest.minTtl) {
    return fail(unprocessable("/ttl", `the provider ${slowest.provider} takes ${slowest.minTtl} s at least`));
  }
  const problem = await poolProblem(scope, input, input.pool_ids, input.fallback_pool_id);
  if (problem !== null) return fail(problem);
  return ok({ fields: { ...input, ttl: input.ttl ?? Math.max(defaultTtlSeconds, slowest.minTtl) }, flavors: flavors.value });
}

/** Whether a GSLB of these flavors can use these pools: one that is bound to a flavor is published nowhere else. The pointers are those of its body. */
export async function poolProblem(
  { store, project }: Scope,
  { flavors: names }: { readonly flavors: readonly string[] },
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
    return only === null || names.every((name) => name === only)
      ? []
      : [{ pointer, detail: `only GSLBs of flavor ${only} may use the pool` }];
  });
  return errors.length === 0 ? null : { type: "unprocessable", detail: "pools that this GSLB cannot use", errors };
}

const placesOf = (gslb_id: string, pool_ids: readonly string[], places: Places) => {
  assert(pool_ids.length <= limits.poolsPerGslb, "the API bounds the pools of a GSLB");
  return pool_ids.map((pool_id, position) => {
    const { locations, ...place } = placeOf(places, pool_id);
    return { gslb_id, pool_id, position, ...place, locations: [...locations] };
  });
};
