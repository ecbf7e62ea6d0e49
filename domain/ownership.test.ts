/** Whose the records at a name are: marks as text, and what may be replaced or removed. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LiveRecords } from "./backend.ts";
import { isOthers, type Mark, markIn, markText, mustBeRead, objection } from "./ownership.ts";
import { confirm, newPublication, type Publication, want, wantRemoved } from "./publish.ts";

const [ours, theirs] = ["11111111-1111-4111-8111-111111111111", "33333333-3333-4333-8333-333333333333"];
const fqdn = "www.example.com.";
const answer = (value: string) => ({
  type: "A" as const,
  values: [value],
  ttl: 30,
  pool_id: "22222222-2222-4222-8222-222222222222",
  weight: null,
  pool_weight: null,
  locations: [],
  geofence: false,
  region: null,
});
const wantIt = (publication: Publication, value: string, gslbId = ours) =>
  want(
    publication,
    gslbId,
    "example.com.",
    0,
    { ttl: 30, withdrawn: false, policy: "failover", pools: [], answers: [answer(value)] },
    1_000,
  );
const first = wantIt(newPublication("dns", fqdn, "example.com.", ours), "192.0.2.1");
const published = confirm(first, 1, 2_000);
const found = (value: string | null, mark: Mark | null = null): LiveRecords => ({
  fqdn,
  epoch: null,
  number: null,
  ...mark,
  answers: value === null ? [] : [{ type: "A", values: [value], ttl: 30 }],
});
const markOf = (gslbId: string, number: number, epoch = 0): Mark => ({ gslbId, epoch, number });

describe("a mark", () => {
  it("is found again in whatever is written around it", () => {
    const numbers = fc.integer({ min: 0, max: 10 ** 9 });
    fc.assert(
      fc.property(fc.uuid(), numbers, numbers, fc.constantFrom("", " ", "web servers "), (gslbId, epoch, number, before) => {
        const text = markText({ gslbId, epoch, number });
        expect(text.length).toBeLessThanOrEqual(100);
        expect(markIn(`${before}${text}`)).toEqual({ gslbId, epoch, number });
        expect(markIn(`"${text}"`)).toEqual({ gslbId, epoch, number });
      }),
    );
  });

  it("is not seen in what only looks like one", () => {
    const text = markText(markOf(ours, 3));
    for (const other of ["", "heritage=external-dns", `x${text}`, `${text}x`, text.replace("plan=0.3", "plan=3"), text.slice(0, -1)])
      expect(markIn(other)).toBeNull();
  });
});

describe("what is there before the first write", () => {
  it("must be known, and must not be somebody else's unless the name was given to Kosmos", () => {
    expect(mustBeRead(first)).toBe(true);
    expect(objection(first, found(null), false)).toBeNull();
    expect(objection(first, found("203.0.113.9"), false)).toEqual({
      class: "foreign",
      detail: "www.example.com. has A 203.0.113.9 (30 s) that Kosmos did not make: set adopt to replace it",
    });
    expect(objection(first, found("203.0.113.9"), true)).toBeNull();
  });

  it("is somebody else's where another GSLB's mark stands, also without records", () => {
    for (const value of ["192.0.2.1", null]) {
      const live = found(value, markOf(theirs, 1));
      expect([isOthers(first, live), objection(first, live, false)?.class, objection(first, live, true)]).toEqual([true, "foreign", null]);
    }
  });

  it("is ours where our mark stands, whatever stands beside it; a higher plan than ours is gone above", () => {
    expect(objection(first, found("203.0.113.9", markOf(ours, 1)), false)).toBeNull();
    expect(isOthers(first, found("203.0.113.9", markOf(ours, 1)))).toBe(false);
    const above = { class: "superseded", number: 7, epoch: 0, gslbId: ours };
    expect(objection(first, found("203.0.113.9", markOf(ours, 7)), false)).toMatchObject(above);
    expect(objection(first, found("203.0.113.9", markOf(ours, 0, 2)), false)).toMatchObject({ class: "superseded", epoch: 2 });
  });

  it("was to be known of each plan until one is confirmed: that one may have been written tells nothing", () => {
    const second = wantIt(first, "192.0.2.2");
    expect([second.unsure, mustBeRead(second)]).toEqual([true, true]);
    expect(objection(second, found("203.0.113.9"), false)?.class).toBe("foreign");
  });
});

describe("what we published", () => {
  it("is written over whatever became of it, without a look where there can be none", () => {
    const second = wantIt(published, "192.0.2.2");
    expect(mustBeRead(second)).toBe(false);
    for (const mark of [null, markOf(theirs, 9), markOf(ours, 1)]) expect(objection(second, found("203.0.113.9", mark), false)).toBeNull();
    expect(objection(second, found("203.0.113.9", markOf(ours, 9)), false)?.class).toBe("superseded");
  });

  it("is removed where our mark stands or it is as we wrote it, and not where others took the name", () => {
    const removed = wantRemoved(published);
    expect(mustBeRead(removed)).toBe(true);
    expect(objection(removed, found("203.0.113.9", markOf(ours, 1)), false)).toBeNull();
    expect(objection(removed, found("192.0.2.1"), false)).toBeNull();
    expect(objection(removed, found(null), false)).toBeNull();
    expect(objection(removed, found("203.0.113.9"), false)).toEqual({
      class: "foreign",
      detail: "www.example.com. has A 203.0.113.9 (30 s) that Kosmos did not make",
    });
    expect(objection(removed, found("192.0.2.1", markOf(theirs, 1)), false)?.class).toBe("foreign");
    expect(objection(removed, found("203.0.113.9"), true)?.class).toBe("foreign");
  });

  it("is removed with what a GSLB before left at the name", () => {
    const handedOn = wantRemoved(wantIt(published, "192.0.2.2", theirs));
    // A plan of the first that was never confirmed may stand there as well.
    const unsure = wantIt(first, "192.0.2.2", theirs);
    expect(objection(unsure, found("192.0.2.1", markOf(ours, 1)), false)).toBeNull();
    expect(objection(confirm(unsure, 2, 3_000), found("192.0.2.1", markOf(ours, 1)), false)).toBeNull();
    expect(objection({ ...confirm(unsure, 2, 3_000), live: null }, found("192.0.2.1", markOf(ours, 1)), false)?.class).toBe("foreign");
    for (const gslbId of [ours, theirs]) expect(objection(handedOn, found("203.0.113.9", markOf(gslbId, 1)), false)).toBeNull();
  });
});
