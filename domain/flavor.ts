/** A flavor: a named backend with its settings. `edge`, Kosmos's own answers, always exists and needs none. */
import { z } from "zod";
import { limits } from "./limits.ts";
import { fqdn } from "./name.ts";
import type { Problem } from "./problem.ts";
import { description, int, oneOf, text } from "./schema.ts";

export const flavorName = z
  .string({ error: "must be the name of a flavor" })
  .regex(/^[a-z][a-z0-9-]{0,62}$/, { error: "must match [a-z][a-z0-9-]{0,62}" });

/** What every provider's settings also have: how often what is live is compared with what was written (0: never), and what follows of a difference. */
export const driftSettings = {
  drift_interval: int(0, 86_400).default(limits.driftIntervalMs / 1_000),
  on_drift: oneOf(["reassert", "hold"]).default("reassert"),
};

/** A flavor as clients write it. `settings` and `credentials` are the provider's: `plugins/flavor.ts` closes them over the registry. */
export const flavorCommon = {
  name: flavorName,
  provider: z.string({ error: "must be the name of a provider" }),
  description,
  /** Who may use it and which zones it may write; empty: all. */
  project_ids: z
    .array(text(64).min(1, { error: "must not be empty" }), { error: "must be a list of project ids" })
    .max(1_000, { error: "must have at most 1000 projects" })
    .default([]),
  domain_names: z.array(fqdn, { error: "must be a list of zones" }).max(1_000, { error: "must have at most 1000 zones" }).default([]),
};
const common = z.strictObject(flavorCommon);

export type FlavorWrite = z.output<typeof common> & {
  readonly settings: Readonly<Record<string, unknown>>;
  /** Left out: what is stored stays; null: it goes. */
  readonly credentials?: Readonly<Record<string, unknown>> | null;
};

export type Flavor = Omit<FlavorWrite, "credentials"> & {
  readonly id: string;
  readonly version: number;
  readonly created_at: string;
  readonly updated_at: string;
};

const epoch = "1970-01-01T00:00:00.000Z";

export const edgeFlavor: Flavor = {
  id: "00000000-0000-4000-8000-000000000000",
  name: "edge",
  provider: "edge",
  settings: { drift_interval: limits.driftIntervalMs / 1_000, on_drift: "reassert" },
  description: "Kosmos's own answers over DNS over HTTPS",
  project_ids: [],
  domain_names: [],
  version: 1,
  created_at: epoch,
  updated_at: epoch,
};

export const builtInFlavors: readonly Flavor[] = [edgeFlavor];

/** Whether it may write this zone; without any named, every zone. */
export const mayWriteZone = ({ domain_names }: Pick<Flavor, "domain_names">, zone: string): boolean =>
  domain_names.length === 0 || domain_names.includes(zone);

/** Why a project's GSLB in this zone may not have the flavor; null: it may. */
export function flavorRefusal(
  flavor: Pick<Flavor, "name" | "project_ids" | "domain_names">,
  project: string,
  zone: string,
): Problem | null {
  const { name, project_ids } = flavor;
  if (project_ids.length > 0 && !project_ids.includes(project)) {
    return { type: "flavor-not-allowed", detail: `the flavor ${name} is not for this project` };
  }
  if (!mayWriteZone(flavor, zone)) return { type: "flavor-not-allowed", detail: `the flavor ${name} is not for the zone ${zone}` };
  return null;
}

/** Where in the body of a GSLB the flavor at this place of its list is. */
export const flavorPointer = (index: number, { length }: readonly string[]): string => (length === 1 ? "/flavor" : `/flavors/${index}`);
