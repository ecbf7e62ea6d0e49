/** OpenStack's clouds, which the deployment's Conductor keeps (`shared.ts`): no member may lose its cloud, nor the region that it is in. */
import { sql } from "drizzle-orm";
import type { Cloud, CloudWrite } from "../../domain/cloud.ts";
import { cloud } from "./schema.ts";
import type { SharedKind } from "./shared.ts";

/** Written only after the schema was met. */
export type CloudRow = Omit<typeof cloud.$inferSelect, "interface"> & Pick<Cloud, "interface">;

export const cloudKind: SharedKind<CloudRow, CloudWrite> = {
  noun: "cloud",
  table: cloud,
  storageKey: "clouds",
  fieldsOf: ({ name, description, auth_url, interface: kind, regions, ca_cert }) => ({
    name,
    description,
    auth_url,
    interface: kind,
    regions,
    ca_cert,
  }),
  boundFields: ({ regions }, next) => (regions.every((region) => next.regions.includes(region)) ? [] : ["/regions"]),
  users: (name) =>
    sql`SELECT 'pool_member' AS type, id, name FROM pool_member
      WHERE type LIKE 'neutron%' AND json_extract(parameters, '$.cloud') = ${name}`,
};
