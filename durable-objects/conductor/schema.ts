/**
 * The tables of D1, the only truth of the configuration. Columns are named as the API's fields; times are Unix milliseconds; lists and a
 * monitor's own fields are JSON. There are no foreign keys: the Conductor is the only writer, and keeps the references itself.
 */
import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { AgentFacts } from "../../domain/agent.ts";
import type { failbacks, OnAllDown, SteeringPolicy } from "../../domain/gslb.ts";
import type { EventKind, Severity } from "../../domain/history.ts";
import type { Location } from "../../domain/location.ts";
import type { MemberType } from "../../domain/member.ts";
import type { OverrideState } from "../../domain/override.ts";
import type { Action, Status } from "../../domain/status.ts";
import type { Kind } from "../rpc.ts";

/** What every resource has. `name` is "" where the resource has none, so that lists can be sorted by it. */
const resource = () => ({
  id: text().primaryKey(),
  project_id: text().notNull(),
  name: text().notNull(),
  description: text(),
  tags: text({ mode: "json" }).$type<string[]>().notNull(),
  admin_state_up: integer({ mode: "boolean" }).notNull(),
  version: integer().notNull(),
  created_at: integer().notNull(),
  updated_at: integer().notNull(),
});

/** What is steered has health, work in progress, and a count of what changed beside the configuration. */
const steered = () => ({
  status: text().$type<Status>().notNull(),
  action: text().$type<Action>().notNull(),
  revision: integer().notNull(),
});

export const gslb = sqliteTable(
  "gslb",
  {
    ...resource(),
    ...steered(),
    fqdn: text().notNull(),
    domain_name: text().notNull(),
    /** The first of `flavors`. */
    flavor: text().notNull(),
    flavors: text({ mode: "json" }).$type<string[]>().notNull().default(["edge"]),
    ttl: integer().notNull(),
    steering_policy: text().$type<SteeringPolicy>().notNull(),
    max_answers: integer(),
    on_all_down: text().$type<OnAllDown>().notNull(),
    fallback_pool_id: text(),
    failback: text().$type<(typeof failbacks)[number]>().notNull().default("auto"),
    adopt: integer({ mode: "boolean" }).notNull().default(false),
  },
  (table) => [
    index("gslb_by_created").on(table.project_id, table.created_at, table.id),
    index("gslb_by_updated").on(table.project_id, table.updated_at, table.id),
    index("gslb_by_name").on(table.project_id, table.name, table.id),
    index("gslb_by_status").on(table.project_id, table.status, table.id),
    index("gslb_by_fqdn").on(table.project_id, table.fqdn),
    index("gslb_by_fallback_pool").on(table.fallback_pool_id).where(sql`fallback_pool_id IS NOT NULL`),
  ],
);

export const pool = sqliteTable(
  "pool",
  {
    ...resource(),
    ...steered(),
    flavor: text(),
    min_healthy_percent: integer().notNull(),
    quorum_percent: integer().notNull(),
    min_regions: integer(),
    panic_percent: integer().notNull().default(0),
    failback_delay: integer().notNull().default(0),
    max_removal_percent: integer().notNull().default(100),
  },
  (table) => [
    index("pool_by_created").on(table.project_id, table.created_at, table.id),
    index("pool_by_updated").on(table.project_id, table.updated_at, table.id),
    index("pool_by_name").on(table.project_id, table.name, table.id),
    index("pool_by_status").on(table.project_id, table.status, table.id),
  ],
);

export const poolMember = sqliteTable(
  "pool_member",
  {
    ...resource(),
    ...steered(),
    pool_id: text().notNull(),
    type: text().$type<MemberType>().notNull(),
    region: text(),
    endpoints: text({ mode: "json" }).$type<string[]>().notNull(),
    weight: integer().notNull(),
    host_header: text(),
    monitor_address: text(),
    monitor_port: integer(),
    in_rotation: integer({ mode: "boolean" }).notNull(),
    /** Of the types that OpenStack knows: the load balancer's or the port's id, and which cloud it is in. */
    neutron_id: text(),
    parameters: text({ mode: "json" }).$type<Readonly<Record<string, unknown>>>().notNull().default({}),
  },
  (table) => [
    index("pool_member_by_pool").on(table.pool_id, table.created_at, table.id),
    index("pool_member_by_created").on(table.project_id, table.created_at, table.id),
    index("pool_member_by_updated").on(table.project_id, table.updated_at, table.id),
    index("pool_member_by_name").on(table.project_id, table.name, table.id),
    index("pool_member_by_status").on(table.project_id, table.status, table.id),
    index("pool_member_by_region").on(table.project_id, table.region),
  ],
);

export const monitor = sqliteTable(
  "monitor",
  {
    ...resource(),
    type: text().notNull(),
    /** The rest: how often, from where, and the type's own fields. */
    settings: text({ mode: "json" }).$type<Readonly<Record<string, unknown>>>().notNull(),
  },
  (table) => [
    index("monitor_by_created").on(table.project_id, table.created_at, table.id),
    index("monitor_by_updated").on(table.project_id, table.updated_at, table.id),
    index("monitor_by_name").on(table.project_id, table.name, table.id),
    index("monitor_by_type").on(table.project_id, table.type),
  ],
);

/** The pools of a GSLB, in the order of `position`. */
export const gslbPool = sqliteTable(
  "gslb_pool",
  {
    gslb_id: text().notNull(),
    pool_id: text().notNull(),
    position: integer().notNull(),
    weight: integer().notNull().default(1),
    locations: text({ mode: "json" }).$type<Location[]>().notNull().default([]),
    geofence: integer({ mode: "boolean" }).notNull().default(false),
  },
  (table) => [primaryKey({ columns: [table.gslb_id, table.pool_id] }), index("gslb_pool_by_pool").on(table.pool_id)],
);

/** Which monitors check a pool or a member, in the order of `position`. */
export const monitorAttachment = sqliteTable(
  "monitor_attachment",
  {
    target_id: text().notNull(),
    target_kind: text().$type<"pool" | "pool_member">().notNull(),
    monitor_id: text().notNull(),
    position: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.target_id, table.monitor_id] }), index("monitor_attachment_by_monitor").on(table.monitor_id)],
);

/**
 * Who may publish a name: the key is what makes a name unique over all projects of the deployment. A backend is a provider and where it writes
 * (`identity`): two flavors of one are one. `edge` is "edge".
 */
export const nameClaim = sqliteTable(
  "name_claim",
  { backend: text("flavor").notNull(), fqdn: text().notNull(), project_id: text().notNull(), gslb_id: text().notNull() },
  (table) => [primaryKey({ columns: [table.backend, table.fqdn] }), index("name_claim_by_gslb").on(table.gslb_id)],
);

/** What people say of members, for a while. `member_id` and `pool_id` are the selector's. */
export const override = sqliteTable(
  "override",
  {
    id: text().primaryKey(),
    project_id: text().notNull(),
    member_id: text(),
    pool_id: text(),
    /** The pool that all the members are in whom it means, named by the selector or not. */
    of_pool_id: text().notNull(),
    state: text().$type<OverrideState>().notNull(),
    reason: text(),
    starts_at: integer(),
    expires_at: integer(),
    force: integer({ mode: "boolean" }).notNull(),
    by: text().notNull(),
    created_at: integer().notNull(),
    ended: text(),
    ended_at: integer(),
  },
  (table) => [
    index("override_by_created").on(table.project_id, table.created_at, table.id),
    index("override_by_pool").on(table.of_pool_id, table.member_id),
    index("override_by_member").on(table.member_id).where(sql`member_id IS NOT NULL`),
  ],
);

/** Agents belong to the deployment, not to a project. Of a token there is its SHA-256 alone. */
export const agent = sqliteTable("agent", {
  id: text().primaryKey(),
  name: text().notNull().unique(),
  description: text(),
  /** Null: it serves every project. */
  project_id: text(),
  token_hash: text().notNull().unique(),
  created_at: integer().notNull(),
  last_seen_at: integer(),
  facts: text({ mode: "json" }).$type<AgentFacts>(),
});

/** Flavors, and OpenStack's clouds, belong to the deployment. `sealed`: their credentials, as `seal.ts` makes them; null: they have none. */
const shared = () => ({
  id: text().primaryKey(),
  name: text().notNull().unique(),
  description: text(),
  sealed: text(),
  version: integer().notNull(),
  created_at: integer().notNull(),
  updated_at: integer().notNull(),
});

export const flavor = sqliteTable("flavor", {
  ...shared(),
  provider: text().notNull(),
  settings: text({ mode: "json" }).$type<Readonly<Record<string, unknown>>>().notNull(),
  project_ids: text({ mode: "json" }).$type<string[]>().notNull(),
  domain_names: text({ mode: "json" }).$type<string[]>().notNull(),
});

export const cloud = sqliteTable("cloud", {
  ...shared(),
  auth_url: text().notNull(),
  interface: text().notNull(),
  regions: text({ mode: "json" }).$type<string[]>().notNull(),
  ca_cert: text(),
});

/** How far a project's configuration has come. The change log holds what came after `floor`. */
export const project = sqliteTable("project", {
  project_id: text().primaryKey(),
  epoch: integer().notNull(),
  seq: integer().notNull(),
  floor: integer().notNull(),
});

/** The outbox: what each write of configuration changed, for the Engine to catch up from. */
export const changeLog = sqliteTable(
  "change_log",
  {
    project_id: text().notNull(),
    seq: integer().notNull(),
    kind: text().$type<Kind | "override">().notNull(),
    resource_id: text().notNull(),
    op: text().$type<"put" | "delete">().notNull(),
  },
  (table) => [primaryKey({ columns: [table.project_id, table.seq, table.kind, table.resource_id] })],
);

/** A deleted GSLB whose name the backend may still hold; gone when the Engine says that it does not. */
export const tombstone = sqliteTable(
  "tombstone",
  {
    gslb_id: text().notNull(),
    flavor: text().notNull(),
    project_id: text().notNull(),
    fqdn: text().notNull(),
    zone: text().notNull(),
    remove: integer({ mode: "boolean" }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.gslb_id, table.flavor] }), index("tombstone_by_project").on(table.project_id)],
);

/** The history. */
export const event = sqliteTable(
  "event",
  {
    id: text().primaryKey(),
    project_id: text().notNull(),
    at: integer().notNull(),
    kind: text().$type<EventKind>().notNull(),
    severity: text().$type<Severity>().notNull(),
    gslb_id: text(),
    pool_id: text(),
    member_id: text(),
    flavor: text(),
    from: text(),
    to: text(),
    reason: text().notNull(),
    rule: text(),
    by: text(),
    plan: integer(),
    incident_id: text(),
    request_id: text(),
    evidence: text({ mode: "json" }).$type<Record<string, unknown>>().notNull(),
  },
  (table) => [
    index("event_by_time").on(table.project_id, table.at, table.id),
    index("event_by_gslb").on(table.gslb_id, table.at, table.id).where(sql`gslb_id IS NOT NULL`),
    index("event_by_pool").on(table.pool_id, table.at, table.id).where(sql`pool_id IS NOT NULL`),
    index("event_by_member").on(table.member_id, table.at, table.id).where(sql`member_id IS NOT NULL`),
    /** The newest plan of each name, for an Engine without state. */
    index("event_published").on(table.project_id, table.gslb_id, table.flavor, table.at).where(sql`kind = 'published'`),
  ],
);

/** Where a resource of each kind is kept. */
export const tables = { gslb, pool, pool_member: poolMember, monitor } as const;
