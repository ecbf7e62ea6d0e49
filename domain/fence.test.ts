import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Change } from "./backend.ts";
import { fence } from "./fence.ts";
import { comparePlans } from "./plan.ts";

const gslbId = "11111111-1111-4111-8111-111111111111";
const poolId = "22222222-2222-4222-8222-222222222222";

function publish(epoch: number, number: number, address = "192.0.2.1", decidedAt = 0): Change {
  return {
    kind: "publish",
    plan: {
      gslb_id: gslbId,
      fqdn: "www.example.com.",
      zone: "example.com.",
      flavor: "edge",
      epoch,
      number,
      decided_at: decidedAt,
      ttl: 30,
      withdrawn: false,
      policy: "failover",
      pools: [],
      answers: [
        {
          type: "A",
          values: [address],
          ttl: 30,
          pool_id: poolId,
          weight: null,
          pool_weight: null,
          locations: [],
          geofence: false,
          region: null,
        },
      ],
    },
  };
}

const unpublish = (epoch: number, number: number): Extract<Change, { kind: "unpublish" }> => ({
  kind: "unpublish",
  fqdn: "www.example.com.",
  zone: "example.com.",
  gslbId,
  epoch,
  number,
});

describe("the fence", () => {
  it("takes whatever comes first", () => {
    expect(fence(null, publish(0, 1))).toEqual({ ok: true, value: "take" });
    expect(fence(null, unpublish(0, 1))).toEqual({ ok: true, value: "take" });
  });

  it("takes a higher number and drops a lower one, and says what is held", () => {
    expect(fence(publish(0, 5), publish(0, 6))).toEqual({ ok: true, value: "take" });
    expect(fence(publish(0, 5), publish(0, 4))).toMatchObject({ ok: false, error: { class: "superseded", epoch: 0, number: 5 } });
  });

  it("counts the epoch before the number", () => {
    expect(fence(publish(1, 500), publish(2, 1))).toEqual({ ok: true, value: "take" });
    expect(fence(publish(2, 1), publish(1, 500))).toMatchObject({ ok: false, error: { epoch: 2, number: 1 } });
  });

  it("knows a repetition by its content, not by the time it was decided", () => {
    expect(fence(publish(0, 5, "192.0.2.1", 1), publish(0, 5, "192.0.2.1", 2))).toEqual({ ok: true, value: "same" });
    expect(fence(unpublish(0, 5), unpublish(0, 5))).toEqual({ ok: true, value: "same" });
  });

  it("counts the weights as content", () => {
    const weighted = (weight: number, poolWeight: number): Change => {
      const change = publish(0, 5);
      if (change.kind !== "publish") return change;
      const answers = change.plan.answers.map((set) => ({ ...set, weight, pool_weight: poolWeight }));
      return { ...change, plan: { ...change.plan, answers } };
    };
    expect(fence(weighted(1, 2), weighted(1, 2))).toEqual({ ok: true, value: "same" });
    for (const other of [publish(0, 5), weighted(2, 2), weighted(1, 1)]) expect(fence(weighted(1, 2), other).ok).toBe(false);
  });

  it("refuses the same number with other content", () => {
    expect(fence(publish(0, 5), publish(0, 5, "192.0.2.2"))).toMatchObject({ ok: false, error: { number: 5 } });
    expect(fence(publish(0, 5), unpublish(0, 5))).toMatchObject({ ok: false, error: { number: 5 } });
  });

  it("keeps the number of a removal, so that an older plan does not bring the name back", () => {
    expect(fence(unpublish(0, 5), publish(0, 4))).toMatchObject({ ok: false, error: { number: 5 } });
    expect(fence(unpublish(0, 5), publish(0, 6))).toEqual({ ok: true, value: "take" });
  });

  it("lets a removal take away what its own GSLB published, or one before it, and nothing else, however high its number", () => {
    const other = "33333333-3333-4333-8333-333333333333";
    const theirs = { ...unpublish(0, 20), gslbId: other };
    expect(fence(publish(0, 6), theirs)).toMatchObject({ ok: false, error: { class: "superseded", number: 6, gslbId } });
    expect(fence(publish(0, 6), { ...theirs, also: [gslbId] })).toEqual({ ok: true, value: "take" });
    expect(fence(unpublish(0, 6), theirs)).toEqual({ ok: true, value: "take" });
  });

  it("ends at the highest number, in whatever order and however often the changes come", () => {
    const changes = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 9 })).map(([epoch, number]) => publish(epoch, number)),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(changes, (list) => {
        let held: Change | null = null;
        for (const change of list) if (fence(held, change).ok) held = change;
        const number = (change: Change) => (change.kind === "publish" ? change.plan : change);
        const highest = list.map(number).toSorted(comparePlans).at(-1);
        expect(held === null ? null : comparePlans(number(held), highest ?? { epoch: 0, number: 0 })).toBe(0);
      }),
    );
  });
});
