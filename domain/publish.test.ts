import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "./limits.ts";
import { backoffMs, confirm, isDue, isInSync, isPending, newPublication, type Publication, refuse, want, wantRemoved } from "./publish.ts";

const gslb = "11111111-1111-4111-8111-111111111111";
const pool = "22222222-2222-4222-8222-222222222222";
const base = newPublication("edge", "www.example.com.", "example.com.", gslb);
const answers = (...values: string[]) => ({
  ttl: 30,
  withdrawn: false,
  answers: [{ type: "A" as const, values, ttl: 30, pool_id: pool, weight: null, pool_weight: null }],
});
const wantIt = (publication: Publication, ...values: string[]) => want(publication, gslb, "example.com.", 0, answers(...values), 1_000);
const retry = { class: "retry", detail: "away" } as const;

describe("a publication", () => {
  it("gives each new plan a higher number, and none to what is wanted already", () => {
    const first = wantIt(base, "192.0.2.1");
    expect(first.number).toBe(1);
    expect(wantIt(first, "192.0.2.1")).toBe(first);
    expect(wantIt(first, "192.0.2.2").number).toBe(2);
  });

  it("is in sync once the backend took its newest plan, not one before", () => {
    const second = wantIt(wantIt(base, "192.0.2.1"), "192.0.2.2");
    const halfway = confirm(second, 1, 2_000);
    expect(isInSync(halfway)).toBe(false);
    expect(halfway.live).toBeNull();
    const done = confirm(halfway, 2, 3_000);
    expect(isInSync(done)).toBe(true);
    expect(done.live?.plan.answers[0]?.values).toEqual(["192.0.2.2"]);
  });

  it("ignores a late failure of a plan that is no longer the newest", () => {
    const second = wantIt(wantIt(base, "192.0.2.1"), "192.0.2.2");
    expect(refuse(second, 1, retry, 2_000, 0.5)).toBe(second);
  });

  it("is tried again later, without end, and at once when a newer plan comes", () => {
    let publication = wantIt(base, "192.0.2.1");
    for (let attempt = 0; attempt < 50; attempt += 1) publication = refuse(publication, 1, retry, 2_000, 0.999);
    expect(publication.nextTryAt).toBeLessThanOrEqual(2_000 + limits.retryMaxMs);
    expect(isPending(publication)).toBe(true);
    expect(isDue(publication, 2_000)).toBe(false);
    expect(isDue(wantIt(publication, "192.0.2.2"), 2_000)).toBe(true);
  });

  it("waits as long as the backend asked", () => {
    expect(refuse(wantIt(base, "192.0.2.1"), 1, { ...retry, afterMs: 90_000 }, 2_000, 0).nextTryAt).toBe(92_000);
  });

  it("goes above a higher plan that somebody left at the name", () => {
    const publication = refuse(
      wantIt(base, "192.0.2.1"),
      1,
      { class: "superseded", detail: "", epoch: 3, number: 17, gslbId: "other" },
      2_000,
      0,
    );
    expect(publication.wanted).toMatchObject({ epoch: 3, number: 18 });
    expect(isDue(publication, 2_000)).toBe(true);
  });

  it("gives way to a higher plan when it wants the name gone: the name is not ours any more", () => {
    const removed = wantRemoved(confirm(wantIt(base, "192.0.2.1"), 1, 1_500));
    expect(
      isPending(refuse(removed, removed.number, { class: "superseded", detail: "", epoch: 3, number: 17, gslbId: "other" }, 2_000, 0)),
    ).toBe(false);
  });

  it("removes what is its own also when it lost count of its numbers", () => {
    const removed = refuse(wantRemoved(base), 1, { class: "superseded", detail: "", epoch: 3, number: 17, gslbId: gslb }, 2_000, 0);
    expect(removed).toMatchObject({ wanted: "removed", epoch: 3, number: 18 });
    expect(isDue(removed, 2_000)).toBe(true);
  });

  it("goes on with its numbers when the name is made again", () => {
    const removed = wantRemoved(confirm(wantIt(base, "192.0.2.1"), 1, 1_500));
    expect(removed.number).toBe(2);
    expect(wantIt(removed, "192.0.2.1")).toMatchObject({ number: 3, wanted: { number: 3 } });
  });
});

describe("properties of a publication", () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant("want" as const), value: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ kind: fc.constant("remove" as const), value: fc.constant(0) }),
    fc.record({ kind: fc.constant("confirm" as const), value: fc.nat(6) }),
    fc.record({ kind: fc.constant("fail" as const), value: fc.nat(6) }),
    fc.record({ kind: fc.constant("superseded" as const), value: fc.nat(9) }),
  );

  it("numbers never fall, no plan is empty, and what is confirmed is never above the newest", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        let publication: Publication = base;
        for (const { kind, value } of actions) {
          const before = publication;
          if (kind === "want") publication = wantIt(publication, `192.0.2.${value}`);
          else if (kind === "remove") publication = wantRemoved(publication);
          else if (kind === "confirm") publication = confirm(publication, Math.min(value, publication.number), 5);
          else if (kind === "fail") publication = refuse(publication, value, retry, 5, 0.5);
          else
            publication = refuse(
              publication,
              publication.number,
              { class: "superseded", detail: "", epoch: 0, number: value, gslbId: "other" },
              5,
              0.5,
            );
          expect(publication.number).toBeGreaterThanOrEqual(before.number);
          expect(publication.confirmed).toBeLessThanOrEqual(publication.number);
          if (publication.wanted !== null && publication.wanted !== "removed") {
            expect(publication.wanted.answers.length).toBeGreaterThan(0);
            expect(publication.wanted.number).toBe(publication.number);
          }
        }
      }),
    );
  });

  it("backs off between a quarter of a second and five minutes", () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempts, random) => {
        const wait = backoffMs(attempts, random);
        expect(wait).toBeGreaterThanOrEqual(limits.retryBaseMs / 2);
        expect(wait).toBeLessThanOrEqual(limits.retryMaxMs);
      }),
    );
  });
});
