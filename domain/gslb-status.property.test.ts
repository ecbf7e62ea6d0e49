import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { steeringPolicies } from "./gslb.ts";
import { firstPublishWaitMs, type GslbSituation, gslbStatus } from "./gslb-status.ts";
import { limits } from "./limits.ts";
import type { Plan } from "./plan.ts";
import { isPending, newPublication, type Publication } from "./publish.ts";
import { statuses } from "./status.ts";
import type { Steering } from "./steering.ts";

const gslbId = "11111111-1111-4111-8111-111111111111";
const poolIds = [1, 2, 3].map((n) => `22222222-2222-4222-8222-22222222222${n}`);
const plan: Plan = {
  gslb_id: gslbId,
  fqdn: "www.example.com.",
  zone: "example.com.",
  flavor: "edge",
  epoch: 0,
  number: 2,
  decided_at: 0,
  ttl: 30,
  withdrawn: false,
  policy: "failover",
  pools: [],
  answers: [
    {
      type: "A",
      values: ["192.0.2.1"],
      ttl: 30,
      pool_id: poolIds[0] ?? "",
      weight: null,
      pool_weight: null,
      locations: [],
      geofence: false,
      region: null,
    },
  ],
};

const anyStatus = fc.constantFrom(...statuses, "ACTIVE", "ACTIVE");
const steering: fc.Arbitrary<Steering> = fc
  .record({
    outcome: fc.constantFrom<Steering["outcome"]>("serve", "serve", "serve", "all_down", "withdraw", "nothing"),
    poolIds: fc.oneof(fc.constant(poolIds), fc.subarray(poolIds)),
  })
  .map((picked) => ({ ...picked, answers: [], memberIds: [], served: [], failbackPending: false, reason: "as it is", steps: [] }));
const publication: fc.Arbitrary<Publication> = fc
  .record({ wanted: fc.boolean(), live: fc.boolean(), confirmed: fc.constantFrom(0, 1, 2), failed: fc.boolean() })
  .map(({ wanted, live, confirmed, failed }) => ({
    ...newPublication("edge", plan.fqdn, plan.zone, gslbId),
    number: 2,
    confirmed,
    wanted: wanted ? plan : null,
    live: live ? { plan, at: 0 } : null,
    lastError: failed ? { class: "refused", detail: "no such zone", at: 0 } : null,
  }));
const situation: fc.Arbitrary<GslbSituation> = fc.record({
  steering,
  judgedNothing: fc.boolean(),
  publications: fc.array(publication, { minLength: 1, maxLength: limits.flavorsPerGslb }),
  policy: fc.constantFrom(...steeringPolicies),
  pools: fc
    .tuple(...poolIds.map(() => fc.record({ adminStateUp: fc.boolean(), weight: fc.constantFrom(0, 1, 65_535), status: anyStatus })))
    .map((pools) => pools.map((pool, index) => ({ ...pool, id: poolIds[index] ?? "", name: `pool ${index}` }))),
});

describe("properties of a GSLB's status", () => {
  /** No way back to PENDING; a reason in any case; and the same situation again changes nothing. */
  it("never goes back to PENDING, says why, and is the same again", () => {
    fc.assert(
      fc.property(anyStatus, situation, (held, now) => {
        const first = gslbStatus(held, now);
        if (held !== "PENDING") expect(first.status).not.toBe("PENDING");
        expect(first.reason).not.toBe("");
        expect(gslbStatus(first.status, now)).toEqual(first);
        // Without evidence nothing is DOWN.
        if (now.judgedNothing && held !== "DOWN") expect(first.status).not.toBe("DOWN");
      }),
    );
  });

  /** ACTIVE is a promise: something is live, the pools that should serve do, and each of those is whole. */
  it("becomes ACTIVE only where something is live and all pools that should serve do, in full health", () => {
    fc.assert(
      fc.property(situation, (now) => {
        if (gslbStatus("DOWN", now).status !== "ACTIVE") return;
        expect([now.steering.outcome, now.publications.some(({ live }) => live !== null)]).toEqual(["serve", true]);
        const switchedOn = now.pools.filter((pool) => pool.adminStateUp);
        for (const pool of switchedOn) {
          const isFirst = pool === switchedOn[0];
          const isIdle = now.policy === "weighted" && pool.weight === 0 && switchedOn.some((other) => other.weight > 0);
          // Under `geo` pools without locations are all for the same clients: the first of them is.
          if (((now.policy === "failover" || now.policy === "geo") && !isFirst) || isIdle) continue;
          expect([pool.status, now.steering.poolIds.includes(pool.id)]).toEqual(["ACTIVE", true]);
        }
      }),
      { numRuns: 1_500 },
    );
  });

  /** What is refused by the backend, or cannot be answered while something is published, is an ERROR and nothing milder. */
  it("is ERROR where a plan is refused, or nothing could be answered in place of what is published", () => {
    fc.assert(
      fc.property(anyStatus, situation, (held, now) => {
        const refused = now.publications.some((one) => one.lastError !== null && isPending(one));
        const stays = now.steering.outcome === "nothing" && now.publications.some(({ wanted }) => wanted !== null);
        expect(gslbStatus(held, now).status === "ERROR").toBe(
          refused || stays || (held === "ERROR" && gslbStatus("PENDING", { ...now, judgedNothing: false }).status === "PENDING"),
        );
      }),
    );
  });
});

describe("properties of the wait for the first verdicts", () => {
  const monitor = fc.record({ max_retries: fc.integer({ min: 1, max: 10 }), timeout: fc.integer({ min: 1, max: 60 }) });
  const monitors = fc.array(monitor, { maxLength: limits.monitorsPerAttachment });

  /** Rule 9: between five seconds and a minute, in any order; one monitor more never makes it shorter, and the slowest alone decides. */
  it("is bounded, in any order, and as long as the slowest monitor takes", () => {
    fc.assert(
      fc.property(monitors, monitor, (list, more) => {
        const wait = firstPublishWaitMs(list);
        expect(wait).toBeGreaterThanOrEqual(5_000);
        expect(wait).toBeLessThanOrEqual(limits.firstPublishMaxMs);
        expect(firstPublishWaitMs(list.toReversed())).toBe(wait);
        expect(firstPublishWaitMs([...list, more])).toBe(Math.max(wait, firstPublishWaitMs([more])));
      }),
    );
  });
});
