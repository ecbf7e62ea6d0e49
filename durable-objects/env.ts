/** What the deployment binds, as `wrangler.toml` says it. Only the composition root and the Durable Objects' constructors see it whole. */
import type { CheckReport } from "../domain/observation.ts";
import { type PlacedRegion, placedRegions } from "../domain/vantage-point.ts";

export type Env = {
  readonly DB: D1Database;
  readonly STATUS_RESULTS: Queue<CheckReport>;
  readonly CONDUCTOR: DurableObjectNamespace;
  readonly ENGINE: DurableObjectNamespace;
  readonly PROBER: DurableObjectNamespace;
  readonly ANSWERS: DurableObjectNamespace;
  /** How often one address may ask `/dns-query`; a deployment without it does not limit. */
  readonly DNS_LIMIT?: RateLimit;
  /** As `DNS_LIMIT`, for heartbeats. */
  readonly HEARTBEAT_LIMIT?: RateLimit;

  /** Checkers in deployments of their own, for the regions where no Durable Object can be placed. */
  readonly CHECKER_SAM?: Fetcher;
  readonly CHECKER_AFR?: Fetcher;
  readonly CHECKER_ME?: Fetcher;

  /** Secrets and settings (api.md, "Environment and secrets of a deployment"). */
  readonly KOSMOS_ADMIN_TOKEN?: string;
  readonly KOSMOS_REGIONS?: string;
  /** "1": private addresses are allowed, and Workers check them; "agents": they are allowed, and only agents check them. */
  readonly KOSMOS_ALLOW_PRIVATE?: string;
  /** Base64, 32 bytes: what secrets are encrypted with at rest, and what older ones were. */
  readonly KOSMOS_ENCRYPTION_KEY?: string;
  readonly KOSMOS_ENCRYPTION_KEY_PREVIOUS?: string;
  /** Known-good targets that every vantage point checks as well: URLs, separated by commas. */
  readonly KOSMOS_ANCHORS?: string;
  readonly KOSMOS_DNS_QUERY?: string;
  /** Who is asked for the addresses of host names, over HTTPS (RFC 8484): "https://cloudflare-dns.com/dns-query". */
  readonly KOSMOS_RESOLVER_URL?: string;
  /** The secret of PowerDNS's path, and the names of the servers that it answers with (docs/powerdns.md). */
  readonly KOSMOS_PDNS_SECRET?: string;
  readonly KOSMOS_PDNS_NS?: string;
  /** Where a checker reads its own place; "off": it says `local`. */
  readonly KOSMOS_TRACE_URL?: string;
};

/** Where each placed checker is bound. */
export const placedBindings = {
  sam: "CHECKER_SAM",
  afr: "CHECKER_AFR",
  me: "CHECKER_ME",
} as const satisfies Record<PlacedRegion, keyof Env>;
export type PlacedBindings = Pick<Env, (typeof placedBindings)[PlacedRegion]>;

/** The placed regions that this deployment serves. */
export const placedRegionsOf = (env: PlacedBindings): readonly PlacedRegion[] =>
  placedRegions.filter((region) => env[placedBindings[region]] !== undefined);
