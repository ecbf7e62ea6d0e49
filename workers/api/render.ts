/** Resources as they go out (api.md, "Resources"). What is internal stays in; fields that always have one value yet are written as that. */
import type { Cloud } from "../../domain/cloud.ts";
import type { Flavor } from "../../domain/flavor.ts";
import type { Gslb } from "../../domain/gslb.ts";
import type { Member } from "../../domain/member.ts";
import type { Override } from "../../domain/override.ts";
import type { Resource } from "../../domain/schema.ts";
import type { PoolWithMembers } from "../../durable-objects/rpc.ts";
import type { JsonObject } from "./json.ts";
import type { OverrideFacts } from "./override-facts.ts";

export const paths = {
  gslb: (gslb: { readonly id: string }) => `/v0.1/gslbs/${gslb.id}`,
  pool: (pool: { readonly id: string }) => `/v0.1/pools/${pool.id}`,
  member: (member: { readonly id: string; readonly pool_id: string }) => `/v0.1/pools/${member.pool_id}/pool_members/${member.id}`,
  monitor: (monitor: { readonly id: string }) => `/v0.1/monitors/${monitor.id}`,
  flavor: (flavor: { readonly name: string }) => `/v0.1/flavors/${flavor.name}`,
  cloud: (cloud: { readonly name: string }) => `/v0.1/clouds/${cloud.name}`,
  override: (override: { readonly id: string }) => `/v0.1/overrides/${override.id}`,
} as const;

/** `origin` is the scheme and host that the client used, for absolute links. */
export function renderGslb(gslb: Gslb, origin: string): JsonObject {
  return {
    ...identity(gslb),
    fqdn: gslb.fqdn,
    domain_name: gslb.domain_name,
    flavor: gslb.flavor,
    flavors: gslb.flavors,
    appliance_id: null,
    ttl: gslb.ttl,
    steering_policy: gslb.steering_policy,
    max_answers: gslb.max_answers,
    failback: gslb.failback,
    adopt: gslb.adopt,
    admin_state_up: gslb.admin_state_up,
    pool_ids: gslb.pool_ids,
    on_all_down: gslb.on_all_down,
    fallback_pool_id: gslb.fallback_pool_id,
    status: gslb.status,
    action: gslb.action,
    ...times(gslb),
    links: links(origin + paths.gslb(gslb), "pools", "status", "history"),
  };
}

export function renderPool(pool: PoolWithMembers, origin: string): JsonObject {
  return {
    ...identity(pool),
    flavor: pool.flavor,
    admin_state_up: pool.admin_state_up,
    min_healthy_percent: pool.min_healthy_percent,
    panic_percent: pool.panic_percent,
    quorum_percent: pool.quorum_percent,
    min_regions: pool.min_regions,
    failback_delay: pool.failback_delay,
    max_removal_percent: pool.max_removal_percent,
    members: pool.members.map((member) => renderMember(member, origin)),
    monitor_ids: pool.monitor_ids,
    status: pool.status,
    action: pool.action,
    ...times(pool),
    links: links(origin + paths.pool(pool), "pool_members", "monitors", "status", "history"),
  };
}

export function renderMember(member: Member, origin: string): JsonObject {
  return {
    ...identity(member),
    pool_id: member.pool_id,
    type: member.type,
    region: member.region,
    neutron_id: member.neutron_id,
    endpoints: member.endpoints,
    weight: member.weight,
    admin_state_up: member.admin_state_up,
    host_header: member.host_header,
    monitor_address: member.monitor_address,
    monitor_port: member.monitor_port,
    parameters: member.parameters,
    monitor_ids: member.monitor_ids,
    override: member.override,
    in_rotation: member.in_rotation,
    status: member.status,
    action: member.action,
    ...times(member),
    links: links(origin + paths.member(member), "monitors", "status", "history"),
  };
}

export function renderFlavor(flavor: Flavor, origin: string): JsonObject {
  const { id, name, provider, settings, description, project_ids, domain_names, version, created_at, updated_at } = flavor;
  const own = { id, name, provider, settings, description, project_ids, domain_names };
  return { ...own, version, created_at, updated_at, links: links(origin + paths.flavor(flavor)) };
}

export function renderCloud(cloud: Cloud, origin: string): JsonObject {
  const { id, name, description, auth_url, interface: kind, regions, ca_cert, version, created_at, updated_at } = cloud;
  const own = { id, name, description, auth_url, interface: kind, regions, ca_cert };
  return { ...own, version, created_at, updated_at, links: links(origin + paths.cloud(cloud)) };
}

export function renderOverride(override: Override, facts: OverrideFacts): JsonObject {
  const { id, selector, state, reason, starts_at, expires_at, force, by, created_at, ended } = override;
  const { active, matched, impact, safe_to_stop_at } = facts;
  return { id, selector, state, reason, starts_at, expires_at, force, by, created_at, active, ended, matched, impact, safe_to_stop_at };
}

type Named = Resource & { readonly name: string | null; readonly description: string | null; readonly tags: readonly string[] };

export const identity = ({ id, project_id, domain_id, name, description, tags }: Named) => ({
  id,
  project_id,
  domain_id,
  name,
  description,
  tags,
});

export const times = ({ version, created_at, updated_at }: Resource) => ({ version, created_at, updated_at });

export const links = (self: string, ...parts: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries([["self", self], ...parts.map((part) => [part, `${self}/${part}`])]);
