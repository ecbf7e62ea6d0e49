/** A flavor: a named backend with its settings. `edge`, Kosmos's own answers, always exists and needs none. */
import { z } from "zod";

export const flavorName = z
  .string({ error: "must be the name of a flavor" })
  .regex(/^[a-z][a-z0-9-]{0,62}$/, { error: "must match [a-z][a-z0-9-]{0,62}" });

export type Flavor = {
  readonly name: string;
  readonly provider: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly description: string | null;
  /** Who may use it and which zones it may write; empty: all. */
  readonly project_ids: readonly string[];
  readonly domain_names: readonly string[];
};

export const edgeFlavor: Flavor = {
  name: "edge",
  provider: "edge",
  settings: {},
  description: "Kosmos's own answers over DNS over HTTPS",
  project_ids: [],
  domain_names: [],
};

export const builtInFlavors: readonly Flavor[] = [edgeFlavor];
