/** Closes the open schema of monitors over the check plugins: the common fields beside the type's own, all of them validated, none unknown. */
import { z } from "zod";
import type { CheckPlugin, CheckTarget } from "../domain/check.ts";
import { confirmWithinDelay, type MonitorWrite, monitorCommon, timeoutWithinDelay } from "../domain/monitor.ts";
import { fail, ok, type Result } from "../domain/result.ts";
import type { Capability } from "../domain/vantage-point.ts";
import { checkPlugins } from "./checks/index.ts";

const common = z.strictObject(monitorCommon);
const timings = common.pick({ delay: true, timeout: true, confirm_delay: true });
const types = Object.keys(checkPlugins);
const typeError = `must be one of ${types.join(", ")}`;

/** Other names of a type. */
const aliases: Readonly<Record<string, string>> = { ICMP: "PING" };

/** The types that there are, in the order of the registry. */
export const monitorTypes: readonly string[] = types;

/** What a client may write of a monitor of this type, as JSON Schema. What spans fields, and what a value must be beyond its form, is not in it. */
export function monitorSchemaOf(plugin: CheckPlugin): Readonly<Record<string, unknown>> {
  const [shared, own] = [common, plugin.spec].map((schema) => {
    const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
    return { properties, required };
  });
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    properties: { type: { const: plugin.type }, ...shared?.properties, ...own?.properties },
    required: ["type", ...(shared?.required ?? []), ...(own?.required ?? [])],
    additionalProperties: false,
  };
}

/** The plugin of a type, in any letter case. */
export function checkPluginOf(type: unknown): CheckPlugin | null {
  const given = typeof type === "string" ? type.toUpperCase() : "";
  const name = Object.hasOwn(aliases, given) ? (aliases[given] ?? given) : given;
  return Object.hasOwn(checkPlugins, name) ? (checkPlugins[name] ?? null) : null;
}

/** The write-only fields of a type, which are kept encrypted. */
export const secretsOf = (type: unknown): readonly string[] => checkPluginOf(type)?.secrets ?? [];

/**
 * A monitor as clients write it: fields left out have their defaults, `type` its canonical spelling. A secret that was left out is not there
 * (what is stored stays), one that was null is null (it is cleared).
 */
export const monitorWrite: z.ZodType<MonitorWrite, unknown> = z
  .custom<Readonly<Record<string, unknown>>>((body) => typeof body === "object" && body !== null && !Array.isArray(body), {
    error: "must be an object",
  })
  .transform((body, context) => {
    const { issues } = context;
    const plugin = checkPluginOf(body.type);
    if (plugin === null) issues.push({ code: "invalid_value", values: types, path: ["type"], message: typeError, input: body.type });
    const shared = common.safeParse(pick(body, isCommon));
    if (!shared.success) issues.push(...(shared.error.issues.map((issue) => ({ ...issue, input: body })) as typeof issues));
    // What spans these three does not wait for the other fields to be right.
    const timing = timings.safeParse(pick(body, (field) => Object.hasOwn(timings.shape, field)));
    const timeout = timing.success ? timeoutWithinDelay(timing.data) : null;
    const message =
      timeout !== null && !Object.hasOwn(body, "timeout") ? `is ${timing.data?.timeout} by default and ${timeout}: give both` : timeout;
    if (message !== null) issues.push({ code: "custom", path: ["timeout"], message, input: body });
    const confirm = timing.success ? confirmWithinDelay(timing.data) : null;
    if (confirm !== null) issues.push({ code: "custom", path: ["confirm_delay"], message: confirm, input: body });
    // Without a type nobody can say which of the other fields are unknown.
    const given = pick(body, (field) => field !== "type" && !isCommon(field));
    const secrets = secretsOf(body.type);
    const own = plugin?.spec.safeParse(pick(given, (field) => !secrets.includes(field) || given[field] !== null));
    if (own?.success === false) issues.push(...(own.error.issues.map((issue) => ({ ...issue, input: body })) as typeof issues));
    if (plugin === null || !shared.success || own?.success !== true) return z.NEVER;
    const read = own.data as Record<string, unknown>;
    const shown = pick(read, (field) => !secrets.includes(field));
    const secret = secrets
      .filter((field) => Object.hasOwn(given, field))
      .map((field) => [field, given[field] === null ? null : read[field]]);
    return { ...shown, ...Object.fromEntries(secret), ...shared.data, type: plugin.type };
  });

const isCommon = (field: string): boolean => Object.hasOwn(monitorCommon, field);

const resourceFields: ReadonlySet<string> = new Set([
  "type",
  "id",
  "project_id",
  "domain_id",
  "version",
  "created_at",
  "updated_at",
  "heartbeat_secret",
]);

/** The type's own fields of a monitor, its secrets in `sealed`: what its check plugin's `spec` reads once they are opened. */
export const specOf = (monitor: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  pick(monitor, (field) => !isCommon(field) && !resourceFields.has(field));

/** A stored monitor's fields as its plugin reads them, without its secrets; those that are younger than the monitor have their defaults. */
export function readSpec(monitor: MonitorWrite): Result<{ readonly plugin: CheckPlugin; readonly spec: Record<string, unknown> }, string> {
  const plugin = checkPluginOf(monitor.type);
  if (plugin === null) return fail(`no check of type ${monitor.type} is part of this version`);
  const spec = plugin.spec.safeParse(pick(specOf(monitor), (field) => field !== "sealed"));
  if (!spec.success) return fail(`the monitor's fields cannot be read: ${spec.error.issues[0]?.message}`);
  const secrets = secretsOf(plugin.type);
  return ok({ plugin, spec: pick(spec.data as Record<string, unknown>, (field) => !secrets.includes(field)) });
}

/** What a vantage point needs for a monitor's checks, by their target; null: the easiest. The monitor is read once for all of them. */
export function readNeeds(monitor: MonitorWrite): Result<(target: CheckTarget | null) => readonly Capability[], string> {
  const read = readSpec(monitor);
  if (!read.ok) return read;
  const { plugin, spec } = read.value;
  return ok((target) => plugin.needs(spec, target));
}

const pick = (body: Readonly<Record<string, unknown>>, wanted: (field: string) => boolean): Record<string, unknown> =>
  Object.fromEntries(Object.entries(body).filter(([field]) => wanted(field)));
