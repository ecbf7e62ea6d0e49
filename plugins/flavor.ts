/**
 * Closes the open schema of flavors over the backend plugins: the common fields beside the provider's own settings and credentials, all of them
 * validated, none unknown. From it follow where a flavor writes to, which hosts it calls, and what `/v0.1/providers` says.
 */
import { z } from "zod";
import type { BackendPlugin } from "../domain/backend.ts";
import { driftSettings, type Flavor, type FlavorWrite, flavorCommon } from "../domain/flavor.ts";
import { backendPlugins } from "./backends/index.ts";

const common = z.strictObject(flavorCommon);
const drifts = Object.keys(driftSettings);

/** In the order of the registry. */
export const providers: readonly string[] = Object.keys(backendPlugins);

export const backendPluginOf = (provider: unknown): BackendPlugin | null =>
  typeof provider === "string" && Object.hasOwn(backendPlugins, provider) ? (backendPlugins[provider] ?? null) : null;

/** Whether a flavor of this provider works without credentials. */
export const worksWithout = ({ credentials }: BackendPlugin): boolean => credentials.safeParse({}).success;

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * How a flavor looks for drift stands in its settings, and may be given beside them: there it is put here. Null: both are given, and differ in the
 * field that is named.
 */
export function withDriftInside(body: Fields): { readonly body: Fields } | { readonly differs: string } {
  const given = drifts.filter((field) => body[field] !== undefined);
  if (given.length === 0 || (body.settings !== undefined && !isFields(body.settings))) return { body };
  const inside = isFields(body.settings) ? body.settings : {};
  const differs = given.find((field) => inside[field] !== undefined && inside[field] !== body[field]);
  if (differs !== undefined) return { differs };
  const rest = Object.entries(body).filter(([field]) => !given.includes(field));
  return {
    body: { ...Object.fromEntries(rest), settings: { ...inside, ...Object.fromEntries(given.map((field) => [field, body[field]])) } },
  };
}

/** A flavor as clients write it: settings left out have their defaults, credentials left out are not there. */
export const flavorWrite: z.ZodType<FlavorWrite, unknown> = z
  .custom<Fields>(isFields, { error: "must be an object" })
  .transform((given, context) => {
    const { issues } = context;
    const complain = (path: PropertyKey[], message: string) => issues.push({ code: "custom", path, message, input: given });
    const adapted = withDriftInside(given);
    if ("differs" in adapted) {
      complain([adapted.differs], "must be what settings say, or stand there alone");
      return z.NEVER;
    }
    const { settings = {}, credentials, ...rest } = adapted.body;
    const shared = common.safeParse(rest);
    if (!shared.success) issues.push(...(shared.error.issues.map((issue) => ({ ...issue, input: rest })) as typeof issues));
    const plugin = backendPluginOf(rest.provider);
    if (plugin === null && typeof rest.provider === "string") complain(["provider"], `must be one of ${providers.join(", ")}`);
    if (plugin === null || !shared.success) return z.NEVER;
    const parse = (field: string, schema: z.ZodType, value: unknown) => {
      if (!isFields(value)) {
        complain([field], "must be an object");
        return null;
      }
      const parsed = schema.safeParse(value);
      if (parsed.success) return parsed.data as Fields;
      const found = parsed.error.issues.map((issue) => ({ ...issue, path: [field, ...issue.path], input: given }));
      issues.push(...(found as typeof issues));
      return null;
    };
    const own = parse("settings", plugin.settings, settings);
    const secret = credentials === undefined || credentials === null ? credentials : parse("credentials", plugin.credentials, credentials);
    if (own === null || issues.length > 0) return z.NEVER;
    return { ...shared.data, settings: own, ...(secret === undefined ? {} : { credentials: secret }) };
  });

type Placed = Pick<Flavor, "provider" | "settings">;

/** Where it writes to: the same text for two flavors of one place. Null: no plugin of this version knows its provider, or its settings. */
export function placeOf({ provider, settings }: Placed): string | null {
  const plugin = backendPluginOf(provider);
  if (plugin === null || provider === "edge") return plugin === null ? null : provider;
  const parsed = plugin.settings.safeParse(settings);
  return parsed.success ? `${provider} ${plugin.identity(parsed.data)}` : null;
}

/** The URLs and hosts that it will call, by the field of its settings. */
export function hostsOf({ provider, settings }: Placed): Readonly<Record<string, string>> {
  const plugin = backendPluginOf(provider);
  const parsed = plugin?.settings.safeParse(settings);
  return plugin?.hosts !== undefined && parsed?.success === true ? plugin.hosts(parsed.data) : {};
}

/** What a client may write, as JSON Schema. What a value must be beyond its form is not in it. */
export const schemaOf = (schema: z.ZodType): Readonly<Record<string, unknown>> =>
  z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Record<string, unknown>;
