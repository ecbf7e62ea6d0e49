/**
 * From where a check can be run, and why from nowhere where it cannot. It compares what is needed with what vantage points can do and knows
 * neither plugins nor the deployment: both are handed in.
 */
import { agentCapabilities, type Capability, missing, ownRegion, type VantagePoint } from "./vantage-point.ts";

/** What a project can be checked from. */
export type Vantage = {
  /** Every region that its monitors may name. */
  readonly points: readonly VantagePoint[];
  /** The regions of a monitor that names none (`KOSMOS_REGIONS`). */
  readonly defaults: readonly string[];
};

export type Runnable = { readonly ok: boolean; readonly reason: string | null; readonly regions: readonly string[] };

const ownPoint: VantagePoint = { region: ownRegion, kind: "kosmos", capabilities: ["kosmos"] };

const words: Readonly<Record<Capability, string>> = {
  tcp: "TCP",
  http: "HTTP by name",
  https_name: "HTTPS by name",
  tls_name: "TLS by name",
  tls: "TLS with a name, an authority or a look at the certificate of one's own choice",
  udp: "UDP",
  ping: "ICMP",
  port_25: "connections to port 25",
  private: "addresses that are not public",
  kosmos: "Kosmos itself",
};

const list = (needed: readonly Capability[]): string => needed.map((capability) => words[capability]).join(", ");

/** The vantage points that run a monitor, as far as they are able to; what needs no network is Kosmos's own, whatever the regions are. */
export function pointsOf(needed: readonly Capability[], checkRegions: readonly string[], vantage: Vantage): readonly VantagePoint[] {
  if (needed.includes("kosmos")) return [ownPoint];
  const named = checkRegions.length > 0 ? checkRegions : vantage.defaults;
  return named.flatMap((region) => vantage.points.find((point) => point.region === region) ?? []);
}

/** How many regions really run a check. */
export const ablePoints = (needed: readonly Capability[], points: readonly VantagePoint[]): readonly VantagePoint[] =>
  points.filter((point) => missing(needed, point.capabilities).length === 0);

/** `what` begins the reason: "PING". */
export function runnable(what: string, needed: readonly Capability[], checkRegions: readonly string[], vantage: Vantage): Runnable {
  const points = pointsOf(needed, checkRegions, vantage);
  const able = ablePoints(needed, points);
  if (able.length > 0) return { ok: true, reason: null, regions: able.map(({ region }) => region) };
  return { ok: false, reason: reasonOf(what, needed, points, vantage), regions: [] };
}

/** From how many regions something goes out: Kosmos itself asks nobody. */
export const asking = ({ regions }: Runnable): number => regions.filter((region) => region !== ownRegion).length;

function reasonOf(what: string, needed: readonly Capability[], points: readonly VantagePoint[], vantage: Vantage): string {
  const lacking = points
    .map(({ capabilities }) => missing(needed, capabilities))
    .reduce<readonly Capability[]>((least, one) => (one.length < least.length ? one : least), needed);
  const elsewhere = ablePoints(needed, vantage.points).map(({ region }) => region);
  if (elsewhere.length > 0) return `${what} needs ${list(lacking)}, which none of its regions has; ${elsewhere.join(", ")} would do`;
  const byAgent = missing(needed, agentCapabilities).length === 0;
  const agents = vantage.points.filter(({ kind }) => kind === "agent");
  if (!byAgent || agents.length > 0) return `${what} needs ${list(lacking)}, which no region has`;
  // Of these two the type's own name says what for.
  const plain = lacking.every((capability) => capability === "ping" || capability === "udp");
  return `${what} needs an agent${plain ? "" : ` for ${list(lacking)}`}; no region has one`;
}
