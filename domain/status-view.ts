/** What the status paths of the API show (api-shapes.md, "Status"): facts of the Engine's state, times in RFC 3339. */

import type { Location } from "./location.ts";
import type { OverrideView } from "./override.ts";
import type { Status } from "./status.ts";
import type { Verdict } from "./verdict.ts";

export type RegionView = {
  readonly region: string;
  /** The measured place of the newest result; null before the first. */
  readonly colo: string | null;
  readonly endpoint: string;
  readonly monitor_id: string;
  readonly monitor_version: number;
  readonly verdict: Verdict;
  readonly has_vote: boolean;
  readonly failures: number;
  readonly successes: number;
  readonly at: string | null;
  readonly latency_ms: number | null;
  readonly detail: string | null;
  /** Why it has no vote: "silent", "sick", "observe only", …; left out: it has one. */
  readonly no_vote_reason?: string;
  /** "the certificate expires in 5 days"; left out: nothing of that kind. */
  readonly warning?: string;
};

/** A vantage point as one project sees it (api-shapes.md, "regions"). */
export type VantageView = {
  readonly region: string;
  /** The places measured in the last minutes, newest first. */
  readonly colos: readonly string[];
  readonly has_vote: boolean;
  /** Why it has none; null: it has one. */
  readonly reason: string | null;
  readonly last_report_at: string | null;
  /** From a check's tick to the Engine, of the newest report; null: none came for a minute. */
  readonly lag_seconds: number | null;
  /** The share of checks in the last minute that came to nothing through the vantage point's own fault. */
  readonly error_percent: number | null;
  readonly checks_per_second: number;
};

export type EndpointView = {
  readonly endpoint: string;
  readonly status: Status;
  readonly votes: { readonly up: number; readonly down: number; readonly silent: number; readonly excluded: readonly string[] };
};

export type MemberView = {
  readonly id: string;
  readonly name: string;
  readonly status: Status;
  readonly in_rotation: boolean;
  readonly since: string;
  readonly checked_at: string | null;
  readonly reason: string;
  readonly stale: boolean;
  readonly rejudging: boolean;
  readonly held: "budget" | "failback_delay" | null;
  readonly held_until: string | null;
  readonly safe_to_stop_at: string | null;
  readonly override: OverrideView | null;
  readonly endpoints: readonly EndpointView[];
  readonly regions: readonly RegionView[];
};

export type PoolView = {
  readonly id: string;
  readonly name: string;
  readonly status: Status;
  readonly usable: boolean;
  readonly panic: boolean;
  /** It became usable again, and another is preferred until then; null: it is not held back. */
  readonly held_until: string | null;
  readonly since: string;
  readonly reason: string;
  readonly enabled: number;
  readonly healthy: number;
  readonly needed: number;
  readonly members: readonly MemberView[];
};

export type AnswerView = {
  readonly type: string;
  readonly values: readonly string[];
  readonly ttl: number;
  readonly pool_id: string;
  /** Of a weighted answer: the member's weight, and its pool's. */
  readonly weight: number | null;
  readonly pool_weight: number | null;
  /** Of a `geo` answer: whose clients it is for; none: everybody whom no other is for. */
  readonly locations: readonly Location[];
  /** Of a `latency` answer: where its members are; null: that is not known. */
  readonly region: string | null;
};

export type PublishedView = {
  readonly flavor: string;
  readonly provider: string;
  readonly plan: number | null;
  readonly decided_at: string | null;
  readonly published_at: string | null;
  readonly visible_at: string | null;
  readonly in_sync: boolean;
  readonly last_error: string | null;
  readonly next_retry_at: string | null;
  readonly answers: readonly AnswerView[];
  /** What would be written but that somebody else changed the name, and that is held; null: nothing waits. */
  readonly would_publish: readonly AnswerView[] | null;
};

export type GslbView = {
  readonly id: string;
  readonly fqdn: string;
  readonly status: Status;
  readonly since: string;
  readonly reason: string;
  readonly frozen: boolean;
  readonly failback_pending: boolean;
  readonly pools: readonly PoolView[];
  readonly published: readonly PublishedView[];
};

export type ProjectView = {
  readonly status: Status;
  readonly automation: "auto";
  readonly blind: boolean;
  readonly gslbs: Readonly<Partial<Record<Status, number>>>;
  readonly pool_members: Readonly<Partial<Record<Status, number>>>;
  readonly problems: readonly {
    readonly severity: "warning" | "critical";
    readonly kind: string;
    readonly id: string;
    readonly name: string;
    readonly since: string;
    readonly reason: string;
    readonly link: string;
  }[];
  readonly overrides: number;
  readonly held: number;
  readonly out_of_sync: number;
  readonly regions_without_vote: readonly string[];
  readonly oldest_result_seconds: number | null;
  readonly version: string;
};
