/**
 * What Octavia says of a load balancer (docs.openstack.org/api-ref/load-balancer/v2): where it answers, and whether it works, out of its status
 * tree. A parent's status does not follow from its children's by itself, so all of the tree is looked at.
 */
import { z } from "zod";
import type { HttpAnswer } from "../backends/http.ts";
import { jsonOf } from "../backends/http.ts";

/** `no_data`: what was decided before stands. */
export type LoadBalancerWord = {
  readonly outcome: "pass" | "fail" | "no_data";
  readonly detail: string;
  readonly warning: string | null;
};

const status = z.object({ operating_status: z.string(), provisioning_status: z.string().default("ACTIVE") });
const member = status.extend({
  id: z.string(),
  name: z.string().nullish(),
  address: z.string().nullish(),
  protocol_port: z.number().nullish(),
});
const pool = status.extend({ id: z.string(), name: z.string().nullish(), members: z.array(member).default([]) });
const listener = status.extend({ id: z.string(), name: z.string().nullish(), pools: z.array(pool).default([]) });
const tree = z.object({
  statuses: z.object({ loadbalancer: status.extend({ listeners: z.array(listener).default([]) }) }),
});
type Member = z.output<typeof member>;
type Pool = z.output<typeof pool>;
type Listener = z.output<typeof listener>;

/** So many members are named. */
const named = 3;

const nothing = (detail: string): LoadBalancerWord => ({ outcome: "no_data", detail, warning: null });
const down = (detail: string): LoadBalancerWord => ({ outcome: "fail", detail, warning: null });

/** From the body of `GET …/loadbalancers/{id}/status`. */
export function loadBalancerHealth(body: unknown): LoadBalancerWord {
  const read = tree.safeParse(body);
  if (!read.success) return nothing("Octavia's answer is no status tree");
  const { operating_status: operating, provisioning_status: provisioning, listeners } = read.data.statuses.loadbalancer;
  if (provisioning === "ERROR" || provisioning === "DELETED") return down(`Octavia: provisioning_status is ${provisioning}`);
  if (provisioning.startsWith("PENDING_")) return nothing(`Octavia: provisioning_status is ${provisioning}`);
  if (operating === "ERROR" || operating === "OFFLINE") return down(`Octavia: operating_status is ${operating}${because(listeners)}`);
  if (operating !== "ONLINE" && operating !== "DEGRADED" && operating !== "NO_MONITOR")
    return nothing(`Octavia: operating_status is ${operating}`);
  for (const one of listeners.filter(isOn)) {
    const dead = deadIn(one);
    if (dead !== null) return down(`Octavia: listener ${labelOf(one)}: ${dead}`);
  }
  const members = [...new Map(membersOf(listeners).map((one) => [one.id, one])).values()];
  const lost = members.filter(isLost);
  const detail = operating === "NO_MONITOR" ? "Octavia: NO_MONITOR, so nobody there looks whether it works" : `Octavia: ${operating}`;
  if (lost.length > 0)
    return { outcome: "pass", detail, warning: `Octavia: ${lost.length} of ${members.length} members report ERROR: ${names(lost)}` };
  return { outcome: "pass", detail, warning: operating === "DEGRADED" ? "Octavia: operating_status is DEGRADED" : null };
}

/** Switched off by people, it serves nobody and none of it is missed. */
const isOn = ({ operating_status }: { operating_status: string }): boolean => operating_status !== "OFFLINE";
const isLost = ({ operating_status, provisioning_status }: Member): boolean =>
  operating_status === "ERROR" || provisioning_status === "ERROR";
/** Members that take new connections, if they work. */
const isIn = (one: Member): boolean => isLost(one) || (one.operating_status !== "OFFLINE" && one.operating_status !== "DRAINING");

const poolsOf = (listeners: readonly Listener[]): readonly Pool[] => listeners.filter(isOn).flatMap(({ pools }) => pools.filter(isOn));
const membersOf = (listeners: readonly Listener[]): readonly Member[] => poolsOf(listeners).flatMap(({ members }) => members.filter(isIn));

/** Why a listener has nobody left behind it; null: it has. */
function deadIn(one: Listener): string | null {
  if (one.operating_status === "ERROR" || one.provisioning_status === "ERROR") return `it is in ERROR${because([one])}`;
  const pools = poolsOf([one]);
  if (pools.length === 0 || !pools.every(isDead)) return null;
  const members = membersOf([one]);
  return members.length === 0 ? "its pools report ERROR" : `all its members report ERROR: ${names(members)}`;
}

/** By its members; one that lists none of them by itself. */
const isDead = ({ operating_status, members }: Pool): boolean => {
  const counted = members.filter(isIn);
  return counted.length === 0 ? operating_status === "ERROR" : counted.every(isLost);
};

function because(listeners: readonly Listener[]): string {
  const lost = membersOf(listeners).filter(isLost);
  return lost.length === 0 ? "" : `; in ERROR: ${names(lost)}`;
}

const labelOf = ({ name, id }: { name?: string | null | undefined; id: string }): string => (name ? name : id);

function names(members: readonly Member[]): string {
  const shown = members
    .slice(0, named)
    .map((one) => (one.address ? `${labelOf(one)} (${one.address}:${one.protocol_port ?? "?"})` : labelOf(one)));
  return [...shown, ...(members.length > named ? [`and ${members.length - named} more`] : [])].join(", ");
}

const balancer = z.object({
  loadbalancer: z.object({
    vip_address: z.string().nullish(),
    additional_vips: z.array(z.object({ ip_address: z.string() })).nullish(),
  }),
});

/** Where a load balancer answers, out of `GET …/loadbalancers/{id}`; null: that is no load balancer. */
export function vipsOf(answer: HttpAnswer): readonly string[] | null {
  const read = balancer.safeParse(jsonOf(answer));
  if (!read.success) return null;
  const { vip_address, additional_vips } = read.data.loadbalancer;
  return [...(vip_address ? [vip_address] : []), ...(additional_vips ?? []).map(({ ip_address }) => ip_address)];
}

const port = z.object({ port: z.object({ fixed_ips: z.array(z.object({ ip_address: z.string() })) }) });

/** The fixed addresses of a port, out of Neutron's `GET …/ports/{id}` (docs.openstack.org/api-ref/network/v2); null: that is no port. */
export function fixedIpsOf(answer: HttpAnswer): readonly string[] | null {
  const read = port.safeParse(jsonOf(answer));
  return read.success ? read.data.port.fixed_ips.map(({ ip_address }) => ip_address) : null;
}
