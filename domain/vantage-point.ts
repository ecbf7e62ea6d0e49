/**
 * Vantage points: from where endpoints are checked, and what each kind of them can do. Cloudflare's limits are those of
 * developers.cloudflare.com/workers/runtime-apis/tcp-sockets/ and of `fetch` there; an agent is a program on a machine of the operator's own.
 */
import { hintedRegions } from "./monitor.ts";

/**
 * `tcp`: a connection to an address or a name, in plain text; `http`: HTTP by name through `fetch`; `https_name`: HTTPS by name through `fetch`,
 * strictly verified; `tls_name`: TLS to a name, strictly verified against that name; `tls`: TLS with all that can be asked of it (a chosen SNI,
 * also to an address, one's own CA, no verification, ALPN, a look at the certificate); `udp`, `ping`; `port_25`: connections to port 25;
 * `private`: addresses that are not public; `kosmos`: no network at all, Kosmos itself judges.
 */
export const capabilities = ["tcp", "http", "https_name", "tls_name", "tls", "udp", "ping", "port_25", "private", "kosmos"] as const;
export type Capability = (typeof capabilities)[number];

/** Regions whose Durable Objects cannot be placed by a hint, and that a checker deployed with `placement.region` serves. */
export const placedRegions = ["sam", "afr", "me"] as const;
export type PlacedRegion = (typeof placedRegions)[number];

/** The one voter of monitors without a vantage point (engine.md, rule 4). */
export const ownRegion = "kosmos";

export type VantageKind = "hinted" | "placed" | "agent" | "kosmos";

export type VantagePoint = {
  readonly region: string;
  readonly kind: VantageKind;
  readonly capabilities: readonly Capability[];
};

/** What a Worker can do. `allowPrivate`: "1", so a Worker reaches private addresses as well, as it does on one's own machine. */
export const workerCapabilities = (allowPrivate: string | undefined): readonly Capability[] => [
  "tcp",
  "http",
  "https_name",
  "tls_name",
  ...(allowPrivate === "1" ? (["port_25", "private"] as const) : []),
];

/** What an agent can do where its machine lets it; what it cannot it says itself, with `no_data`. */
export const agentCapabilities: readonly Capability[] = [
  "tcp",
  "http",
  "https_name",
  "tls_name",
  "tls",
  "udp",
  "ping",
  "port_25",
  "private",
];

/** The kind of a region by its name: whatever is neither hinted, nor placed, nor Kosmos itself, is an agent's. */
export function kindOf(region: string): VantageKind {
  if (region === ownRegion) return "kosmos";
  if ((hintedRegions as readonly string[]).includes(region)) return "hinted";
  return (placedRegions as readonly string[]).includes(region) ? "placed" : "agent";
}

/** What the vantage points of a region can do, by its kind alone. */
export function capabilitiesOf(region: string, allowPrivate: string | undefined): readonly Capability[] {
  const kind = kindOf(region);
  if (kind === "kosmos") return ["kosmos"];
  return kind === "agent" ? agentCapabilities : workerCapabilities(allowPrivate);
}

/** What is needed and not there. */
export const missing = (needed: readonly Capability[], there: Iterable<Capability>): readonly Capability[] => {
  const able = new Set(there);
  return needed.filter((capability) => !able.has(capability));
};
