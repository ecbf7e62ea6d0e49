/** The flavors of a deployment, which the Conductor named `deployment` keeps (`shared.ts`): what of them may change while GSLBs use them. */
import { sql } from "drizzle-orm";
import type { FlavorWrite } from "../../domain/flavor.ts";
import { flavor } from "./schema.ts";
import type { SharedKind } from "./shared.ts";

export type FlavorRow = typeof flavor.$inferSelect;

/** What may change while GSLBs use it; of the settings, how drift is looked for. */
const free: readonly string[] = ["description", "project_ids", "domain_names", "sealed"];
const freeSettings: readonly string[] = ["drift_interval", "on_drift"];

export const flavorKind: SharedKind<FlavorRow, FlavorWrite> = {
  noun: "flavor",
  table: flavor,
  storageKey: "flavors",
  fieldsOf: ({ name, provider, settings, description, project_ids, domain_names }) => ({
    name,
    provider,
    settings,
    description,
    project_ids,
    domain_names,
  }),
  boundFields: (before, next, fields) =>
    fields.flatMap((field) => {
      if (free.includes(field)) return [];
      if (field !== "settings") return [`/${field}`];
      const names = new Set([...Object.keys(before.settings), ...Object.keys(next.settings)]);
      return [...names]
        .filter((name) => !freeSettings.includes(name) && JSON.stringify(before.settings[name]) !== JSON.stringify(next.settings[name]))
        .map((name) => `/settings/${name}`);
    }),
  /** Who publishes by it, or is still to be removed there, or may be published by it alone. */
  users: (name) =>
    sql`SELECT 'gslb' AS type, id, name FROM gslb WHERE EXISTS (SELECT 1 FROM json_each(gslb.flavors) WHERE value = ${name})
      UNION ALL SELECT 'gslb', gslb_id, coalesce((SELECT name FROM gslb WHERE id = gslb_id), fqdn) FROM tombstone WHERE flavor = ${name} AND remove
      UNION ALL SELECT 'pool', id, name FROM pool WHERE flavor = ${name}`,
};
