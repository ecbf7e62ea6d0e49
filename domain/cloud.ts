/** An OpenStack cloud: where its Keystone is, and whom Kosmos is there (api-shapes.md, "clouds"). Members of Neutron's and Octavia's are read from it. */
import { z } from "zod";
import { limits } from "./limits.ts";
import { description, oneOf, text } from "./schema.ts";

export const cloudName = z
  .string({ error: "must be the name of a cloud" })
  .regex(/^[a-z][a-z0-9-]{0,62}$/, { error: "must match [a-z][a-z0-9-]{0,62}" });

export const cloudWrite = z.strictObject({
  name: cloudName,
  description,
  /** Keystone's root, ending in `/v3`. */
  auth_url: z
    .url({ protocol: /^https?$/, error: "must be an http or https URL that ends in /v3" })
    .regex(/\/v3\/?$/, { error: "must end in /v3" }),
  interface: oneOf(["public", "internal", "admin"]).default("public"),
  /** The regions of its catalogue that members may be in. */
  regions: z
    .array(text(63).min(1, { error: "must not be empty" }), { error: "must be a list of regions" })
    .min(1, { error: "must have at least one region" })
    .max(limits.checkRegions, { error: `must have at most ${limits.checkRegions} regions` }),
  ca_cert: text(limits.caCertBytes).nullable().default(null),
  credentials: z.record(z.string(), z.unknown()).nullable().optional(),
});
export type CloudWrite = z.output<typeof cloudWrite>;
export type Cloud = Omit<CloudWrite, "credentials"> & {
  readonly id: string;
  readonly version: number;
  readonly created_at: string;
  readonly updated_at: string;
};
