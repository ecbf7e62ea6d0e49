/** What the rows of all four kinds share: how they become resources, and what a change of configuration does to them beside its own fields. */
import { eq, type SQL, sql } from "drizzle-orm";
import type { Gslb } from "../../domain/gslb.ts";
import type { Resource } from "../../domain/schema.ts";
import type { Action } from "../../domain/status.ts";
import { isIn } from "./bulk.ts";
import type { Writing } from "./change.ts";
import { monitorAttachment, pool, type poolMember } from "./schema.ts";

type Times = { readonly created_at: number; readonly updated_at: number };

/** The times as the API shows them; the domain is Keystone's, which there is none of. */
export const shown = <T extends Times>(row: T): Omit<T, keyof Times> & Pick<Resource, "domain_id" | "created_at" | "updated_at"> => ({
  ...row,
  domain_id: "default",
  created_at: new Date(row.created_at).toISOString(),
  updated_at: new Date(row.updated_at).toISOString(),
});

/** The columns of a resource that is made now. */
export const newRow = ({ project, now, newId }: Writing) => ({
  id: newId(),
  project_id: project,
  version: 1,
  created_at: now,
  updated_at: now,
});

export const newSteered = { status: "PENDING", action: "CREATE", revision: 0 } as const;

/** The work in progress after a change: what was never published stays a creation. */
export const changing = (action: Action): Action => (action === "CREATE" || action === "DELETE" ? action : "UPDATE");

/** `changing` and the next version, for rows that were not read. */
const changed = (now: number): SQL =>
  sql.raw(`version = version + 1, updated_at = ${now}, action = CASE WHEN action IN ('CREATE', 'DELETE') THEN action ELSE 'UPDATE' END`);

/** Something about the configuration of the pools or members changed that stands in another table. */
export const bump = (table: typeof pool | typeof poolMember, ids: readonly string[], now: number): SQL =>
  sql`UPDATE ${table} SET ${changed(now)} WHERE ${isIn(sql`id`, ids)}`;

/** The body of a pool embeds its members: its tag changes with theirs, its version does not. */
export const embedded = (poolIds: readonly string[]): SQL =>
  sql`UPDATE ${pool} SET revision = revision + 1 WHERE ${isIn(sql`id`, poolIds)}`;

/** What stands in a GSLB's or a pool's list of ids, in order. Names are spelled out: drizzle leaves a single table's out. */
const idList = (column: string, table: string, owner: string, ofTable: string): SQL.Aliased<string[]> =>
  sql
    .raw(`(SELECT json_group_array(${column}) FROM (SELECT ${column} FROM ${table} WHERE ${owner} = ${ofTable}.id ORDER BY position))`)
    .mapWith((text: string): string[] => JSON.parse(text))
    .as(`${column}s`) as SQL.Aliased<string[]>;

export const poolIdsOfGslb = idList("pool_id", "gslb_pool", "gslb_id", "gslb");
/** The weights that are not 1, by the pool's id. */
export const poolWeightsOfGslb = sql
  .raw("(SELECT json_group_object(pool_id, weight) FROM gslb_pool WHERE gslb_id = gslb.id AND weight <> 1)")
  .mapWith((text: string): Record<string, number> => JSON.parse(text))
  .as("pool_weights") as SQL.Aliased<Record<string, number>>;
/** The places that are not the default, by the pool's id. */
export const poolPlacesOfGslb = sql
  .raw(
    `(SELECT json_group_object(pool_id, json_object('locations', json(locations), 'geofence', json(iif(geofence, 'true', 'false'))))
      FROM gslb_pool WHERE gslb_id = gslb.id AND (geofence OR locations <> '[]'))`,
  )
  .mapWith((text: string): GslbPlaces => JSON.parse(text))
  .as("pool_places") as SQL.Aliased<GslbPlaces>;
type GslbPlaces = NonNullable<Gslb["pool_places"]>;

export const monitorIdsOf = (table: "pool" | "pool_member") => idList("monitor_id", "monitor_attachment", "target_id", table);

export const attachmentsOf = (targetId: string): SQL => sql`DELETE FROM ${monitorAttachment} WHERE ${eq(sql`target_id`, targetId)}`;
