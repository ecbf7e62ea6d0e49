/** A pool member: one thing that can serve, at one or several endpoints. */
import { z } from "zod";
import { canonicalAddress } from "./address.ts";
import { cloudName } from "./cloud.ts";
import { host } from "./host.ts";
import { limits } from "./limits.ts";
import { canonicalName } from "./name.ts";
import type { OverrideView } from "./override.ts";
import { description, flag, int, name, port, type Resource, tags, whenRight } from "./schema.ts";
import type { Action, Status } from "./status.ts";

export const memberTypes = ["IP", "HOSTNAME", "neutron_lbaas_v2", "neutron_port"] as const;
export type MemberType = (typeof memberTypes)[number];

/** In the specification's spelling; null: there is no such type. */
export const memberTypeOf = (text: string): MemberType | null =>
  memberTypes.find((type) => type.toLowerCase() === text.toLowerCase()) ?? null;

const memberType = z
  .string({ error: `must be one of ${memberTypes.join(", ")}` })
  .transform((text) => memberTypeOf(text) ?? text)
  .pipe(z.enum(memberTypes, { error: `must be one of ${memberTypes.join(", ")}` }));

/** Whether its endpoints come from OpenStack: those of a load balancer (Octavia's), or of a port. */
export const isNeutron = ({ type }: { readonly type: MemberType }): boolean => type === "neutron_lbaas_v2" || type === "neutron_port";

/** What goes into the Host header of a check: a name or an address, and a port if it must be. */
const hostHeader = z
  .string({ error: "must be a string" })
  .regex(/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]{1,253})(:[0-9]{1,5})?$/, { error: "must be a host name or address, with a port at most" });

const fields = z.strictObject({
  name: name.nullable().default(null),
  description,
  tags,
  type: memberType.default("IP"),
  /** Free text: it groups members. */
  region: z
    .string({ error: "must be a string" })
    .min(1, { error: "must not be empty" })
    .max(63, { error: "must be at most 63 characters" })
    .nullable()
    .default(null),
  endpoints: z
    .array(z.string({ error: "must be a string" }), { error: "must be a list of endpoints" })
    .max(limits.endpointsPerMember, { error: `must have at most ${limits.endpointsPerMember} endpoints` })
    .optional(),
  /** The load balancer, or the port. */
  neutron_id: z
    .string({ error: "must be the id of a load balancer or a port" })
    .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, { error: "must be the id of a load balancer or a port" })
    .nullable()
    .default(null),
  /** `cloud`: whose the `region` is. */
  parameters: z.strictObject({ cloud: cloudName.optional() }, { error: "must be an object" }).default({}),
  weight: int(0, 65_535).default(1),
  admin_state_up: flag.default(true),
  host_header: hostHeader.nullable().default(null),
  monitor_address: host.nullable().default(null),
  monitor_port: port.nullable().default(null),
});

const canonicalEndpoint = (type: MemberType) => (type === "HOSTNAME" ? canonicalName : canonicalAddress);
const endpointError = (type: MemberType) =>
  type === "HOSTNAME" ? "must be a host name such as origin.example.com." : "must be an IPv4 or IPv6 address";

type Fields = z.output<typeof fields>;
/** OpenStack's may be found later: then there is one, as far as anybody knows. */
const isSingle = (input: Fields): boolean => (input.endpoints?.length ?? (isNeutron(input) ? 1 : 0)) === 1;

/** What belongs to OpenStack's members alone, and what they need. */
function neutronErrors(input: Fields): readonly (readonly [string, string])[] {
  const { type, region, neutron_id, parameters, endpoints } = input;
  if (isNeutron(input)) {
    return [
      ...(region === null ? [["region", `is required for ${type}`] as const] : []),
      ...(neutron_id === null ? [["neutron_id", `is required for ${type}`] as const] : []),
    ];
  }
  return [
    ...(endpoints === undefined ? [["endpoints", "is required"] as const] : []),
    ...(endpoints?.length === 0 ? [["endpoints", "must have at least one endpoint"] as const] : []),
    ...(neutron_id === null ? [] : [["neutron_id", `is not for ${type}`] as const]),
    ...(parameters.cloud === undefined ? [] : [["parameters", `are not for ${type}`] as const]),
  ];
}

const single = <const F extends "monitor_address" | "monitor_port">(field: F) => ({
  path: [field],
  error: "needs a member with a single endpoint",
  ...whenRight("endpoints", field),
});

export const memberWrite = fields
  .refine((input) => input.monitor_address === null || isSingle(input), single("monitor_address"))
  .refine((input) => input.monitor_port === null || isSingle(input), single("monitor_port"))
  .superRefine(
    (input, context) => {
      for (const [field, message] of neutronErrors(input)) context.addIssue({ code: "custom", path: [field], message });
    },
    whenRight("type", "endpoints", "region", "neutron_id", "parameters"),
  )
  .superRefine(
    ({ type, endpoints = [] }, context) => {
      const canonical = endpoints.map((endpoint) => canonicalEndpoint(type)(endpoint));
      canonical.forEach((endpoint, index) => {
        const message =
          endpoint === null ? endpointError(type) : canonical.indexOf(endpoint) < index ? "must not repeat an endpoint" : null;
        if (message !== null) context.addIssue({ code: "custom", path: ["endpoints", index], message });
      });
    },
    whenRight("type", "endpoints"),
  )
  .transform((input) => {
    const endpoints = (input.endpoints ?? []).map((endpoint) => canonicalEndpoint(input.type)(endpoint) ?? endpoint);
    return { ...input, endpoints, name: input.name ?? endpoints[0] ?? input.neutron_id ?? "" };
  });
export type MemberWrite = z.output<typeof memberWrite>;

/** PUT of a pool's whole set: a member with `id`, else with the `name` of one that is there, updates that one. */
export const memberSetWrite = z.strictObject({
  pool_members: z
    .array(z.record(z.string(), z.unknown(), { error: "must be a pool member" }), { error: "must be a list of pool members" })
    .max(limits.membersPerPool, { error: `must have at most ${limits.membersPerPool} members` }),
});

export type Member = Resource &
  MemberWrite & {
    readonly pool_id: string;
    /** Monitors of its own; they replace its pool's. */
    readonly monitor_ids: readonly string[];
    readonly status: Status;
    readonly action: Action;
    /** Whether it is in a published answer's candidates: about traffic, where `status` is about health. */
    readonly in_rotation: boolean;
    /** The override in force that decides for it, when it was read. The Engine's copy has none here: it has the overrides themselves. */
    readonly override: OverrideView | null;
    readonly revision: number;
  };

export const memberImmutable = ["type"] as const;
/** Read-only now: they belong to features of their own. */
export const memberReadOnly = ["pool_id", "override", "in_rotation", "monitor_ids"] as const;
