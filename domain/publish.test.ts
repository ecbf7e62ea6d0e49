import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "./limits.ts";
import {
  backoffMs,
  confirm,
  dueAt,
  grow,
  halve,
  isDue,
  isInSync,
  isPending,
  newPublication,
  type Publication,
  publication as publicationSchema,
  reassert,
  refuse,
  suspect,
  want,
  wantRemoved,
} from "./publish.ts";

const gslb = "11111111-1111-4111-8111-111111111111";
const pool = "22222222-2222-4222-8222-222222222222";
const base = newPublication("edge", "www.example.com.", "example.com.", gslb);
const answers = (...values: string[]) => ({
  ttl: 30,
  withdrawn: false,
  policy: "failover" as const,
  pools: [],
  answers: [
    { type: "A" as const, values, ttl: 30, pool_id: pool, weight: null, pool_weight: null, locations: [], geofence: false, region: null },
  ],
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

  it("goes above another again and again, but ever more slowly", () => {
    let publication = wantIt(base, "192.0.2.1");
    const superseded = { class: "superseded", detail: "", epoch: 0, number: 0, gslbId: "other" } as const;
    const waits: (number | null)[] = [];
    for (let round = 0; round < 12; round += 1) {
      publication = refuse(publication, publication.number, superseded, 2_000, 0.999);
      waits.push(dueAt(publication, 2_000));
    }
    expect(waits.slice(0, 2)).toEqual([0, 2_000 + backoffMs(2, 0.999)]);
    expect(waits.at(-1)).toBe(2_000 + backoffMs(12, 0.999));
    expect(publication.number).toBe(13);
  });

  it("never waits for a time that was set before the clock was, nor longer than an hour because it was asked to", () => {
    const asked = refuse(wantIt(base, "192.0.2.1"), 1, { ...retry, afterMs: 10 ** 12 }, 2_000, 0);
    expect(asked.nextTryAt).toBe(2_000 + limits.retryAfterMaxMs);
    expect(isDue(asked, 1_000)).toBe(true);
    // Less than the back-off is not believed: a backend that says 0 would be asked without end.
    expect(refuse(wantIt(base, "192.0.2.1"), 1, { ...retry, afterMs: 0 }, 2_000, 0).nextTryAt).toBe(2_000 + backoffMs(1, 0));
  });

  it("has the urgency of who wants it and of what goes; one that was not written hands its urgency on", () => {
    const live = confirm(wantIt(base, "192.0.2.1", "192.0.2.2"), 1, 1_500);
    expect(wantIt(base, "192.0.2.1").urgency).toBe("addition");
    expect(wantIt(live, "192.0.2.1", "192.0.2.2", "192.0.2.3").urgency).toBe("addition");
    expect(wantIt(live, "192.0.2.1").urgency).toBe("removal");
    expect(want(live, gslb, "example.com.", 0, answers("192.0.2.1"), 2_000, "operator").urgency).toBe("operator");
    expect(wantRemoved(live).urgency).toBe("operator");
    expect(reassert(live, 2_000).urgency).toBe("repair");
    const removal = wantIt(live, "192.0.2.1");
    expect(wantIt(removal, "192.0.2.1", "192.0.2.2", "192.0.2.3").urgency).toBe("removal");
    expect(wantIt(confirm(removal, 2, 2_000), "192.0.2.1", "192.0.2.3").urgency).toBe("addition");
    expect(wantIt(reassert(live, 2_000), "192.0.2.1").urgency).toBe("removal");
    const withdrawn = want(live, gslb, "example.com.", 0, { ttl: 30, withdrawn: true, policy: "failover", answers: [], pools: [] }, 2_000);
    expect(withdrawn.urgency).toBe("removal");
  });

  it("is alone once it was refused for good, until it is taken or another plan is wanted", () => {
    const refused = refuse(wantIt(base, "192.0.2.1"), 1, { class: "refused", detail: "bad" }, 2_000, 0);
    expect(refused.atMost).toBe(1);
    expect(refuse(refused, 1, retry, 3_000, 0).atMost).toBe(1);
    expect(wantIt(refused, "192.0.2.1")).toBe(refused);
    expect(confirm(refused, 1, 4_000).atMost).toBeNull();
    expect(wantIt(refused, "192.0.2.2").atMost).toBeNull();
    const superseded = { class: "superseded", detail: "", epoch: 0, number: 9, gslbId: "other" } as const;
    expect(refuse(refused, 1, superseded, 4_000, 0).atMost).toBe(1);
  });

  it("goes with half of the others after a write that was refused whole, at once; a newer plan is not touched by it", () => {
    const first = wantIt(base, "192.0.2.1");
    expect(halve(first, 1, 200)).toMatchObject({ atMost: 100, attempts: 0, lastError: null });
    expect(isDue(halve(first, 1, 200), 2_000)).toBe(true);
    expect(halve(first, 1, 3).atMost).toBe(2);
    expect(halve(first, 1, 2).atMost).toBe(1);
    const second = wantIt(first, "192.0.2.2");
    expect(halve(second, 1, 200)).toBe(second);
  });

  it("goes with fewer once it failed often, and with twice as many when others were taken that went with as few", () => {
    const failed = (times: number) => {
      let one = wantIt(base, "192.0.2.1");
      for (let n = 0; n < times; n += 1) one = refuse(one, 1, retry, 2_000, 0);
      return one;
    };
    expect(suspect(failed(limits.suspectAttempts - 1), 1, 200).atMost).toBeNull();
    const halved = suspect(failed(limits.suspectAttempts), 1, 200);
    expect([halved.atMost, suspect(halved, 2, 100)]).toEqual([100, halved]);
    expect(grow(halved, 50, 500)).toBe(halved);
    expect([grow(halved, 100, 500).atMost, grow(halved, 100, 200).atMost]).toEqual([200, null]);
    const refused = refuse(base, 0, { class: "refused", detail: "bad" }, 2_000, 0);
    expect(grow(refused, 1, 500)).toBe(refused);
  });

  it("remembers until when resolvers may have what it replaced", () => {
    const withTtl = (publication: Publication, ttl: number) =>
      want(publication, gslb, "example.com.", 0, { ...answers("192.0.2.1"), ttl }, 1_000);
    const first = confirm(withTtl(base, 600), 1, 2_000);
    expect(first.cachedUntil).toBe(2_000);
    const second = confirm(withTtl(first, 30), 2, 3_000);
    expect([second.cachedUntil, confirm(second, 2, 9_000).cachedUntil]).toEqual([603_000, 603_000]);
    expect(confirm(withTtl(second, 10), 3, 4_000).cachedUntil).toBe(603_000);
    // Of the hour's plan nobody knows whether it was live; it counts once.
    const third = confirm(withTtl(withTtl(second, 3_600), 30), 4, 5_000);
    expect([third.cachedUntil, third.replacedTtl]).toEqual([3_605_000, 0]);
    expect(confirm(wantRemoved(third), 5, 4_000_000).cachedUntil).toBe(4_030_000);
  });

  it("is in sync only once it was read back, where it can be", () => {
    const unseen = confirm(wantIt(base, "192.0.2.1"), 1, 2_000, false);
    expect([isPending(unseen), isInSync(unseen), unseen.live?.at]).toEqual([false, false, 2_000]);
  });

  it("is read from a row that was stored before there was any of this", () => {
    const wanted = wantIt(base, "192.0.2.1");
    const later = ["urgency", "atMost", "unseen", "unsure", "drifts", "hold", "cachedUntil", "replacedTtl", "former"];
    const old = Object.fromEntries(Object.entries(wanted).filter(([key]) => !later.includes(key)));
    expect(publicationSchema.parse(JSON.parse(JSON.stringify(old)))).toEqual(wanted);
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
    fc.record({ kind: fc.constant("reassert" as const), value: fc.constant(0) }),
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
          else if (kind === "reassert") publication = reassert(publication, 5);
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
          // Another plan has another number: strictly above all before.
          if (JSON.stringify(publication.wanted) !== JSON.stringify(before.wanted))
            expect(publication.number).toBeGreaterThan(before.number);
          if (publication.wanted !== null && publication.wanted !== "removed") {
            expect(publication.wanted.answers.length).toBeGreaterThan(0);
            expect(publication.wanted.number).toBe(publication.number);
          }
        }
      }),
    );
  });

  it("ends with the newest plan at the backend, under any interleaving of changes, writes, and answers late, lost or disordered", () => {
    type Sent = { readonly number: number; readonly value: string | null };
    const step = fc.oneof(
      fc.record({ kind: fc.constant("want" as const), value: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ kind: fc.constant("remove" as const), value: fc.constant(0) }),
      fc.record({ kind: fc.constantFrom("send" as const, "lose" as const), value: fc.constant(0) }),
      fc.record({ kind: fc.constantFrom("arrive" as const, "answer" as const, "fail" as const, "whole" as const), value: fc.nat(5) }),
    );
    const contentOf = ({ wanted }: Publication) =>
      wanted === null || wanted === "removed" ? null : (wanted.answers[0]?.values[0] ?? null);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let publication: Publication = base;
        let held: Sent = { number: 0, value: null };
        const underWay: Sent[] = [];
        const arrived: Sent[] = [];
        const now = 5_000;
        // The fence of the backend: a plan that is not newer is dropped.
        const arrive = (sent: Sent) => {
          if (sent.number > held.number) held = sent;
          arrived.push(sent);
        };
        const take = (list: Sent[], index: number) => list.splice(index % Math.max(1, list.length), 1)[0];
        for (const { kind, value } of steps) {
          if (kind === "want") publication = wantIt(publication, `192.0.2.${value}`);
          else if (kind === "remove") publication = wantRemoved(publication);
          else if (kind === "send" && isPending(publication)) underWay.push({ number: publication.number, value: contentOf(publication) });
          else if (kind === "lose") take(underWay, 0);
          else if (kind === "arrive") {
            const sent = take(underWay, value);
            if (sent !== undefined) arrive(sent);
          } else {
            const sent = take(arrived, value);
            if (sent === undefined) continue;
            if (kind === "answer") publication = confirm(publication, sent.number, now);
            else if (kind === "fail") publication = refuse(publication, sent.number, retry, now, 0.5);
            else publication = halve(publication, sent.number, 8);
          }
          // What is said to be published has reached the backend.
          if (!isPending(publication) && publication.wanted !== null)
            expect(held).toEqual({ number: publication.number, value: contentOf(publication) });
        }
        if (isPending(publication)) {
          arrive({ number: publication.number, value: contentOf(publication) });
          publication = confirm(publication, publication.number, now);
        }
        // Whatever was under way comes in the end, and changes nothing; nor is anything left to write.
        for (const late of underWay) arrive(late);
        expect(held.value).toBe(contentOf(publication));
        expect(isPending(publication)).toBe(false);
        if (contentOf(publication) !== null) expect(wantIt(publication, contentOf(publication) ?? "")).toBe(publication);
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
