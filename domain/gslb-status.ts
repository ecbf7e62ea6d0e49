/** When a GSLB may publish for the first time (engine.md, rule 9), and what its status is (api.md, "Status"). */
import { firstChoices } from "./geo.ts";
import type { SteeringPolicy } from "./gslb.ts";
import { limits } from "./limits.ts";
import type { Location } from "./location.ts";
import { holdReason, isPending, type Publication } from "./publish.ts";
import { nextStatus, type Status } from "./status.ts";
import type { Steering } from "./steering.ts";

/** How long a GSLB waits for the first verdicts, in milliseconds: `max_retries × (timeout + 1 s) + 5 s` of its slowest monitor, 60 s at most. */
export function firstPublishWaitMs(monitors: readonly { readonly max_retries: number; readonly timeout: number }[]): number {
  const waits = monitors.map((monitor) => monitor.max_retries * (monitor.timeout + 1) * 1_000 + 5_000);
  return Math.min(limits.firstPublishMaxMs, Math.max(5_000, ...waits));
}

export type GslbSituation = {
  readonly steering: Steering;
  /** None of its members was ever judged: nothing speaks against anybody (rule 9). */
  readonly judgedNothing: boolean;
  /** One for each of its flavors. */
  readonly publications: readonly Publication[];
  /** Its pools in order. */
  readonly pools: readonly {
    readonly id: string;
    readonly name: string;
    readonly adminStateUp: boolean;
    readonly weight: number;
    readonly locations?: readonly Location[];
    readonly status: Status;
  }[];
  readonly policy: SteeringPolicy;
};

/** Why one flavor does not have what is wanted; null: nothing is known to be in the way. */
function wrongWith(publication: Publication): string | null {
  const { flavor, number, lastError, hold } = publication;
  if (lastError !== null && isPending(publication)) return `${flavor} did not take plan ${number}: ${lastError.detail}`;
  return hold === null ? null : `${flavor}: ${holdReason(hold)}`;
}

export function gslbStatus(held: Status, situation: GslbSituation): { readonly status: Status; readonly reason: string } {
  const { steering, publications, pools, policy } = situation;
  const to = (status: Status, reason: string) => ({ status: nextStatus(held, status), reason });
  const wrong = publications.flatMap((publication) => wrongWith(publication) ?? []);
  if (wrong.length > 0) return to("ERROR", wrong.join("; "));
  if (steering.outcome === "nothing") {
    if (publications.every(({ wanted }) => wanted === null)) return to("PENDING", steering.reason);
    return to("ERROR", `${steering.reason}; what is published stays`);
  }
  if (publications.every(({ live }) => live === null)) return to("PENDING", "nothing is published yet");
  if (steering.outcome !== "serve") {
    // Without evidence nobody is alarmed; what was judged once is not PENDING again.
    if (situation.judgedNothing && held !== "DOWN") return to(held === "PENDING" ? "PENDING" : "DEGRADED", steering.reason);
    return to("DOWN", steering.reason);
  }
  const choices = pools.filter((pool) => pool.adminStateUp);
  const wanted = wantedOf(choices, policy);
  const missing = wanted.filter((pool) => !steering.poolIds.includes(pool.id));
  if (missing.length > 0) return to("DEGRADED", steering.reason);
  const degraded = wanted.filter((pool) => pool.status !== "ACTIVE");
  if (degraded.length > 0)
    return to("DEGRADED", `${steering.reason}; pool ${degraded.map((pool) => pool.name).join(", ")} is ${degraded[0]?.status}`);
  return to("ACTIVE", steering.reason);
}

/** The pools that the policy serves while all is well. */
function wantedOf<T extends { readonly weight: number; readonly locations?: readonly Location[] }>(
  choices: readonly T[],
  policy: SteeringPolicy,
): readonly T[] {
  if (policy === "failover") return choices.slice(0, 1);
  if (policy === "geo") return firstChoices(choices);
  const weighty = policy === "weighted" ? choices.filter((pool) => pool.weight > 0) : choices;
  return weighty.length > 0 ? weighty : choices;
}
