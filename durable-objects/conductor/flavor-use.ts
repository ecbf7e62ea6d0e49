/**
 * Flavors as the GSLBs of a project use them: which there are, whether the project may have them, and the place each writes to. A name has one
 * writer at a place, over all projects; a flavor that changes while a GSLB is written makes that write be decided anew.
 */
import { asc, type SQL, sql } from "drizzle-orm";
import { builtInFlavors, type Flavor, flavorPointer, flavorRefusal } from "../../domain/flavor.ts";
import { type Problem, unprocessable } from "../../domain/problem.ts";
import { assert, fail, ok, type Result } from "../../domain/result.ts";
import { backendPluginOf, placeOf } from "../../plugins/flavor.ts";
import type { Scope, Writing } from "./change.ts";
import { flavor as flavorTable, project as projectTable } from "./schema.ts";

/** `place`: the key of its claims, the same for two flavors that write to the same place. */
export type UsedFlavor = Pick<Flavor, "id" | "name" | "provider" | "version" | "project_ids" | "domain_names"> & {
  readonly place: string;
  readonly minTtl: number;
};
export type UsedFlavors = ReadonlyMap<string, UsedFlavor>;

type Known = Pick<Flavor, "id" | "name" | "provider" | "version" | "project_ids" | "domain_names" | "settings">;

/** Null: this version knows nothing of its provider, or of such settings. */
function used({ id, name, provider, version, project_ids, domain_names, settings }: Known): UsedFlavor | null {
  const plugin = backendPluginOf(provider);
  const place = placeOf({ provider, settings });
  if (plugin === null || place === null) return null;
  return { id, name, provider, version, project_ids, domain_names, place, minTtl: plugin.supports.minTtl };
}

const builtIn: UsedFlavors = new Map(
  builtInFlavors.map((flavor) => {
    const found = used(flavor);
    assert(found !== null, `the provider of ${flavor.name} is registered`);
    return [flavor.name, found];
  }),
);

/** All that there are; D1 is not asked where only built-in ones are named. */
export async function flavorsFor({ store }: Pick<Scope, "store">, names: readonly string[]): Promise<UsedFlavors> {
  if (names.every((name) => builtIn.has(name))) return builtIn;
  const rows = await store.read((db) => db.select().from(flavorTable).orderBy(asc(flavorTable.name)));
  const made = rows.flatMap((row) => used(row) ?? []);
  return new Map([...builtIn, ...made.map((flavor) => [flavor.name, flavor] as const)]);
}

/** The names of all flavors that write to these places. */
export const writingTo = (flavors: UsedFlavors, places: ReadonlySet<string>): string[] =>
  [...flavors.values()].filter(({ place }) => places.has(place)).map(({ name }) => name);

/**
 * The flavors of a GSLB, in their order. `had` are those that it has already: whom a flavor is for may have changed since, which takes it away from
 * nobody.
 */
export function usable(
  flavors: UsedFlavors,
  {
    names,
    zone,
    project,
    had,
  }: { readonly names: readonly string[]; readonly zone: string; readonly project: string; readonly had: readonly string[] },
): Result<readonly UsedFlavor[], Problem> {
  const found: UsedFlavor[] = [];
  for (const [index, name] of names.entries()) {
    const pointer = flavorPointer(index, names);
    const flavor = flavors.get(name);
    if (flavor === undefined) return fail(unprocessable(pointer, `there is no flavor ${name}`));
    const refused = had.includes(name) ? null : flavorRefusal(flavor, project, zone);
    if (refused !== null) return fail(refused);
    const same = found.find(({ place }) => place === flavor.place);
    if (same !== undefined) return fail(unprocessable(pointer, `writes to the same place as ${same.name}`));
    found.push(flavor);
  }
  return ok(found);
}

/**
 * Proves, in the batch of a write, that these flavors are still as they were read; otherwise it takes the whole batch back, as `advance` in
 * ledger.ts does, and the write is decided anew.
 */
export function unchangedFlavors({ project }: Pick<Writing, "project">, flavors: readonly UsedFlavor[]): SQL[] {
  const made = flavors.filter(({ name }) => !builtIn.has(name));
  if (made.length === 0) return [];
  const there = sql.join(
    made.map(({ id, version }) => sql`EXISTS (SELECT 1 FROM ${flavorTable} WHERE id = ${id} AND version = ${version})`),
    sql` AND `,
  );
  return [sql`UPDATE ${projectTable} SET seq = CASE WHEN ${there} THEN seq END WHERE project_id = ${project}`];
}
