/**
 * A monitor: what to ask an endpoint, how often, from where. The fields here are those of every type; a type's own come from its check
 * plugin's `spec`, and `plugins/index.ts` closes the two into one schema.
 */
import { z } from "zod";
import { host } from "./host.ts";
import { limits } from "./limits.ts";
import { description, flag, int, name, type Resource, tags } from "./schema.ts";

export const monitorCommon = {
  name: name.nullable().default(null),
  description,
  tags,
  /** Seconds between two checks of one endpoint from one region. */
  delay: int(1, 86_400).default(20),
  /** Seconds; at most `delay`. */
  timeout: int(1, 60).default(5),
  /** Fails in a row before a region votes down. */
  max_retries: int(1, 10).default(3),
  /** Seconds from one confirming look to the next; at most `delay`, and equal to it there is no fast confirmation. */
  confirm_delay: int(1, 86_400).default(1),
  /** Passes in a row before a region that voted down votes up. */
  rise: int(1, 10).default(2),
  /** Empty: the deployment's own. */
  check_regions: z
    .array(z.string({ error: "must be the name of a region" }).regex(/^[a-z][a-z0-9-]{0,31}$/, { error: "must be the name of a region" }), {
      error: "must be a list of regions",
    })
    .max(limits.checkRegions, { error: `must have at most ${limits.checkRegions} regions` })
    .refine((list) => new Set(list).size === list.length, { error: "must not repeat a region" })
    .default([]),
  /** True: it is run and shown, and never votes. */
  observe_only: flag.default(false),
  /** A host or address to check instead of the member's; null: the member's. */
  target: host.nullable().default(null),
  /** False: it is not run, its verdicts are held. */
  admin_state_up: flag.default(true),
};

const common = z.object(monitorCommon);
export type MonitorCommon = z.output<typeof common>;

/** The rules that span fields; a type's schema runs it after its own. */
export function timeoutWithinDelay(input: { readonly delay: number; readonly timeout: number }): string | null {
  return input.timeout > input.delay ? `must be at most delay (${input.delay})` : null;
}

/** As `timeoutWithinDelay`. */
export function confirmWithinDelay(input: { readonly delay: number; readonly confirm_delay: number }): string | null {
  return input.confirm_delay > input.delay ? `must be at most delay (${input.delay})` : null;
}

/**
 * A monitor as clients write it, of whatever type: the type's own fields stand beside the common ones. Past the API its secrets stand in
 * `sealed`, encrypted, by their field: in a write null clears one and one that is not there stays as it is stored.
 */
export type MonitorWrite = MonitorCommon & { readonly type: string; readonly [field: string]: unknown };

/** A write with the secrets that stay. The order of the fields is always the same, so that equal secrets compare equal. */
export function withSecrets({ sealed: given, ...input }: MonitorWrite, before: MonitorWrite | null): MonitorWrite {
  const merged: Record<string, unknown> = { ...sealedOf(before), ...(given as Readonly<Record<string, unknown>> | undefined) };
  const kept = Object.entries(merged)
    .filter(([, secret]) => typeof secret === "string")
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const written = input as MonitorWrite;
  return kept.length === 0 ? written : { ...written, sealed: Object.fromEntries(kept) };
}

/** The secrets of a stored monitor, encrypted, by their field. */
export const sealedOf = (monitor: MonitorWrite | null): Readonly<Record<string, string>> =>
  (monitor?.sealed ?? {}) as Readonly<Record<string, string>>;

/** The one type whose checks are calls of the endpoint's own, and the one that is made of others. */
export const heartbeatType = "HEARTBEAT";
export const calculatedType = "CALCULATED";

/** The monitors that a calculated one is made of; of any other type none. */
export const referencesOf = ({ type, monitor_ids }: MonitorWrite): readonly string[] =>
  type === calculatedType && Array.isArray(monitor_ids) ? monitor_ids.filter((id) => typeof id === "string") : [];

export type Monitor = Resource & MonitorWrite;

export const monitorImmutable = ["type"] as const;

/** Of these a change resets nothing: they say nothing about how an endpoint is judged. */
const labels = new Set(["name", "description", "tags", "version", "updated_at", "created_at", "admin_state_up", "links"]);

/**
 * Whether two monitors judge alike, so that what was observed for the one may count for the other (engine.md, rule 10).
 * `admin_state_up` is not part of it: switching a monitor off holds its verdicts, switching it on again goes on from there.
 */
export function judgesAlike(left: MonitorWrite, right: MonitorWrite): boolean {
  const relevant = (monitor: MonitorWrite) =>
    JSON.stringify(
      Object.entries(monitor)
        .filter(([field]) => !labels.has(field))
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  return relevant(left) === relevant(right);
}

/** The regions where a Durable Object can be placed by a location hint. */
export const hintedRegions = ["wnam", "enam", "weur", "eeur", "apac", "apac-ne", "apac-se", "oc"] as const;
export const defaultRegions: readonly string[] = ["wnam", "enam", "weur", "eeur", "apac"];

/** `KOSMOS_REGIONS` as a list; empty or missing: the default. */
export function parseRegions(setting: string | undefined): readonly string[] {
  const list = (setting ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part.length > 0);
  return list.length === 0 ? defaultRegions : [...new Set(list)];
}

/** Whether this deployment has a vantage point there. */
export const isServedRegion = (region: string): boolean => (hintedRegions as readonly string[]).includes(region);
