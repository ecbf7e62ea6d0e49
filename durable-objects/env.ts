/** What the deployment binds, as `wrangler.toml` says it. Only the composition root and the Durable Objects' constructors see it whole. */
import type { CheckReport } from "../domain/observation.ts";

export type Env = {
  readonly DB: D1Database;
  readonly STATUS_RESULTS: Queue<CheckReport>;
  readonly CONDUCTOR: DurableObjectNamespace;
  readonly ENGINE: DurableObjectNamespace;
  readonly PROBER: DurableObjectNamespace;
  readonly ANSWERS: DurableObjectNamespace;
  /** How often one address may ask `/dns-query`; a deployment without it does not limit. */
  readonly DNS_LIMIT?: RateLimit;

  /** Secrets and settings (api.md, "Environment and secrets of a deployment"). */
  readonly KOSMOS_ADMIN_TOKEN?: string;
  readonly KOSMOS_REGIONS?: string;
  readonly KOSMOS_ALLOW_PRIVATE?: string;
  readonly KOSMOS_DNS_QUERY?: string;
  /** Where a checker reads its own place; "off": it says `local`. */
  readonly KOSMOS_TRACE_URL?: string;
};
