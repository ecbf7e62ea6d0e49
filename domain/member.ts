/** A pool member: one thing that can serve, at one or several endpoints. */
import { z } from "zod";
import { canonicalAddress } from "./address.ts";
import { host } from "./host.ts";
import { limits } from "./limits.ts";
import { canonicalName } from "./name.ts";
import type { OverrideView } from "./override.ts";
import { description, flag, int, name, port, type Resource, tags, whenRight } from "./schema.ts";
import type { Action, Status } from "./status.ts";

export const memberTypes = ["IP", "HOSTNAME"] as const;
export type MemberType = (typeof memberTypes)[number];

const memberType = z
  .string({ error: `must be one of ${memberTypes.join(", ")}` })
  .toUpperCase()
  .pipe(z.enum(memberTypes, { error: `must be one of ${memberTypes.join(", ")}` }));

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
    .min(1, { error: "must have at least one endpoint" })
    .max(limits.endpointsPerMember, { error: `must have at most ${limits.endpointsPerMember} endpoints` }),
  weight: int(0, 65_535).default(1),
  admin_state_up: flag.default(true),
  host_header: hostHeader.nullable().default(null),
  monitor_address: host.nullable().default(null),
  monitor_port: port.nullable().default(null),
});

const canonicalEndpoint = { IP: canonicalAddress, HOSTNAME: canonicalName } as const;
const endpointError = { IP: "must be an IPv4 or IPv6 address", HOSTNAME: "must be a host name such as origin.example.com." } as const;

const single = <const F extends "monitor_address" | "monitor_port">(field: F) => ({
  path: [field],
  error: "needs a member with a single endpoint",
  ...whenRight("endpoints", field),
});

export const memberWrite = fields
  .refine(({ endpoints, monitor_address }) => monitor_address === null || endpoints.length === 1, single("monitor_address"))
  .refine(({ endpoints, monitor_port }) => monitor_port === null || endpoints.length === 1, single("monitor_port"))
  .superRefine(
    ({ type, endpoints }, context) => {
      const canonical = endpoints.map((endpoint) => canonicalEndpoint[type](endpoint));
      canonical.forEach((endpoint, index) => {
        const message =
          endpoint === null ? endpointError[type] : canonical.indexOf(endpoint) < index ? "must not repeat an endpoint" : null;
        if (message !== null) context.addIssue({ code: "custom", path: ["endpoints", index], message });
      });
    },
    whenRight("type", "endpoints"),
  )
  .transform((input) => {
    const endpoints = input.endpoints.map((endpoint) => canonicalEndpoint[input.type](endpoint) ?? endpoint);
    return { ...input, endpoints, name: input.name ?? endpoints[0] ?? "" };
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
/** Read-only now; the first two are OpenStack's, the others belong to features of their own. */
export const memberReadOnly = ["pool_id", "neutron_id", "override", "in_rotation", "monitor_ids"] as const;
