/**
 * Who may publish a name where: a GSLB claims its name at each place that its flavors write to, before anything is written there, and keeps the
 * claim until the backend confirmed that the name is gone. A GSLB of the same project may take over what its predecessor is leaving.
 */
import { and, eq, inArray, type SQL, sql } from "drizzle-orm";
import type { Gslb } from "../../domain/gslb.ts";
import { insertRows, isIn } from "./bulk.ts";
import type { Scope, Writing } from "./change.ts";
import { flavorsFor, type UsedFlavor, type UsedFlavors, unchangedFlavors, writingTo } from "./flavor-use.ts";
import { gslb, nameClaim, tombstone } from "./schema.ts";

type Named = Pick<Gslb, "id" | "fqdn" | "domain_name">;

/** Claims the name for a GSLB at all of these flavors' places. Somebody else's claim makes the write fail (`isClaimed`). */
export async function claim(writing: Writing, { id, fqdn }: Named, flavors: readonly UsedFlavor[]): Promise<SQL[]> {
  const { store, project } = writing;
  const places = flavors.map(({ place }) => place);
  const held = await store.read((db) =>
    db
      .select({ backend: nameClaim.backend, gslb_id: nameClaim.gslb_id })
      .from(nameClaim)
      .where(and(eq(nameClaim.fqdn, fqdn), inArray(nameClaim.backend, places), eq(nameClaim.project_id, project))),
  );
  const own = held.filter(({ gslb_id }) => gslb_id === id).map(({ backend }) => backend);
  const wanted = places.filter((place) => !own.includes(place));
  const left = await leftBehind(
    writing,
    held.filter(({ gslb_id }) => gslb_id !== id),
  );
  return [
    ...unchangedFlavors(writing, flavors),
    ...left.flatMap(({ backend, gslb_id, names }) => [
      sql`DELETE FROM ${nameClaim} WHERE flavor = ${backend} AND fqdn = ${fqdn} AND gslb_id = ${gslb_id}`,
      sql`UPDATE ${tombstone} SET remove = 0 WHERE gslb_id = ${gslb_id} AND ${isIn(sql`flavor`, names)}`,
    ]),
    ...insertRows(
      nameClaim,
      wanted.map((backend) => ({ backend, fqdn, project_id: project, gslb_id: id })),
    ),
  ];
}

type Claim = { readonly backend: string; readonly gslb_id: string };

/** Of these claims of other GSLBs of the project those that only wait for a removal; what is published next replaces what would be removed. */
async function leftBehind(scope: Scope, claims: readonly Claim[]): Promise<(Claim & { readonly names: readonly string[] })[]> {
  if (claims.length === 0) return [];
  const ids = claims.map(({ gslb_id }) => gslb_id);
  const rows = await scope.store.read((db) =>
    db.select({ id: gslb.id, action: gslb.action, flavors: gslb.flavors }).from(gslb).where(isIn(gslb.id, ids)),
  );
  // The place of a built-in flavor has its name.
  const all = await flavorsFor(
    scope,
    claims.map(({ backend }) => backend),
  );
  return claims.flatMap((one) => {
    const names = writingTo(all, new Set([one.backend]));
    const owner = rows.find(({ id }) => id === one.gslb_id);
    const stays = owner !== undefined && owner.action !== "DELETE" && owner.flavors.some((name) => names.includes(name));
    return stays ? [] : [{ ...one, names }];
  });
}

/** What leaves a GSLB that stays: each of its flavors with a tombstone, but for one whose place another of its flavors has now. */
export async function moveClaims(writing: Writing, before: Gslb, flavors: readonly UsedFlavor[]): Promise<SQL[]> {
  const names = flavors.map(({ name }) => name);
  const gone = before.flavors.filter((name) => !names.includes(name));
  const came = names.filter((name) => !before.flavors.includes(name));
  if (gone.length + came.length === 0) return [];
  const all = await flavorsFor(writing, [...names, ...before.flavors]);
  const places = new Set(flavors.map(({ place }) => place));
  const taken = new Set(writingTo(all, places));
  return [
    ...(await claim(writing, before, flavors)),
    // What comes back is not removed; what another flavor writes at the same place is not either.
    sql`DELETE FROM ${tombstone} WHERE gslb_id = ${before.id} AND ${isIn(sql`flavor`, names)}`,
    sql`UPDATE ${tombstone} SET remove = 0 WHERE gslb_id = ${before.id} AND ${isIn(sql`flavor`, [...taken])}`,
    ...buried(
      before,
      gone.filter((name) => !taken.has(name)),
    ),
  ];
}

/** A tombstone for each of these flavors: the Engine removes the name there. */
export function buried({ id: gslb_id, project_id, fqdn, domain_name: zone }: Gslb, names: readonly string[]): SQL[] {
  if (names.length === 0) return [];
  return [
    sql`DELETE FROM ${tombstone} WHERE gslb_id = ${gslb_id} AND ${isIn(sql`flavor`, names)}`,
    ...insertRows(
      tombstone,
      names.map((flavor) => ({ gslb_id, flavor, project_id, fqdn, zone, remove: true })),
    ),
  ];
}

/** Gives up what a GSLB claimed at these flavors' places. */
export const unclaim = (gslbId: string, flavors: UsedFlavors, names: readonly string[]): SQL => {
  const places = names.flatMap((name) => flavors.get(name)?.place ?? []);
  return sql`DELETE FROM ${nameClaim} WHERE gslb_id = ${gslbId} AND ${isIn(sql`flavor`, places)}`;
};

/**
 * After the backends confirmed removals: their claims are free, unless the GSLB has come back to the place meanwhile, and a GSLB that only waited
 * for the last of them is gone.
 */
export async function released(
  scope: Pick<Scope, "store" | "project">,
  unpublished: readonly { readonly gslb_id: string; readonly flavor: string }[],
): Promise<SQL[]> {
  if (unpublished.length === 0) return [];
  const flavors = await flavorsFor(
    scope,
    unpublished.map(({ flavor }) => flavor),
  );
  return unpublished.flatMap(({ gslb_id, flavor }) => {
    const place = flavors.get(flavor)?.place;
    const names = place === undefined ? [] : writingTo(flavors, new Set([place]));
    const isThere = sql`EXISTS (SELECT 1 FROM ${gslb} AS its, json_each(its.flavors) AS named
      WHERE its.id = ${gslb_id} AND its.action <> 'DELETE' AND ${isIn(sql`named.value`, names)})`;
    const isLeaving = sql`EXISTS (SELECT 1 FROM ${tombstone} WHERE gslb_id = ${gslb_id} AND ${isIn(sql`flavor`, names)})`;
    const free =
      place === undefined
        ? []
        : [
            sql`DELETE FROM ${nameClaim} WHERE gslb_id = ${gslb_id} AND project_id = ${scope.project} AND flavor = ${place}
              AND NOT ${isThere} AND NOT ${isLeaving}`,
          ];
    return [
      ...free,
      sql`DELETE FROM ${gslb} WHERE id = ${gslb_id} AND project_id = ${scope.project} AND action = 'DELETE'
        AND NOT EXISTS (SELECT 1 FROM ${tombstone} WHERE tombstone.gslb_id = ${gslb_id})`,
    ];
  });
}
