import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LiveRecords, LiveSet } from "./backend.ts";
import {
  type Activity,
  active,
  asItIs,
  defaultDrift,
  differs,
  describe as inWords,
  isQuiet,
  isWatched,
  type Look,
  look,
  lookBefore,
  readBack,
} from "./drift.ts";
import { limits } from "./limits.ts";
import type { AnswerSet, Plan } from "./plan.ts";
import { confirm, isDue, isInSync, isPending, newPublication, type Publication, reassert, want, wantRemoved } from "./publish.ts";

const gslb = "11111111-1111-4111-8111-111111111111";
const pool = "22222222-2222-4222-8222-222222222222";
const fqdn = "www.example.com.";
const start = 10_000_000;
const unplaced = { locations: [], geofence: false, region: null };
const set = (...values: string[]): AnswerSet => ({
  type: "A",
  values,
  ttl: 30,
  pool_id: pool,
  weight: null,
  pool_weight: null,
  ...unplaced,
});
const answers = (...values: string[]) => ({ ttl: 30, withdrawn: false, policy: "failover" as const, answers: [set(...values)], pools: [] });
const wantIt = (publication: Publication, value: string, now: number, cause: "operator" | "automatic" = "automatic") =>
  want(publication, gslb, "example.com.", 0, answers(value), now, cause);
const published = (value = "192.0.2.1", now = start) =>
  confirm(wantIt(newPublication("dns", fqdn, "example.com.", gslb), value, now), 1, now);
const planOf = ({ wanted }: Publication): Plan => {
  if (wanted === null || wanted === "removed") throw new Error("there is a plan");
  return wanted;
};
/** A provider that keeps records and nothing else. */
const found = (...values: string[]): LiveRecords => ({
  fqdn,
  epoch: null,
  number: null,
  answers: values.length === 0 ? [] : [{ type: "A", values, ttl: 30 }],
});
const busy = (now: number): Activity => ({ at: now, quietUntil: 0 });
const at = (now: number, over: Partial<Look> = {}): Look => ({
  now,
  expect: asItIs,
  settings: defaultDrift,
  activity: busy(now),
  seenAt: start,
  ...over,
});

describe("what is live", () => {
  it("is compared by its records, whatever their order, grouping and repetition", () => {
    const plan = planOf(wantIt(published(), "192.0.2.1", start));
    const two = { ...plan, answers: [set("192.0.2.1", "192.0.2.2")] };
    const apart: LiveSet[] = ["192.0.2.2", "192.0.2.1", "192.0.2.2"].map((value) => ({ type: "A", values: [value], ttl: 30 }));
    expect(differs(two, apart)).toBe(false);
    expect(differs(two, [{ type: "A", values: ["192.0.2.1"], ttl: 30 }])).toBe(true);
    expect(differs(two, [{ type: "A", values: ["192.0.2.1", "192.0.2.2"], ttl: 31 }])).toBe(true);
    expect(differs({ ...plan, withdrawn: true, answers: [] }, [])).toBe(false);
    expect(differs("removed", [])).toBe(false);
    expect(differs("removed", apart)).toBe(true);
  });

  it("is compared with its weights, unless the provider is known to have none", () => {
    const plan = { ...planOf(published()), answers: [{ ...set("192.0.2.1"), weight: 3, pool_weight: 1 }] };
    const live: LiveSet = { type: "A", values: ["192.0.2.1"], ttl: 30 };
    expect(differs(plan, [live])).toBe(true);
    expect(differs(plan, [live], ({ answers: sets }) => sets.map(({ type, values, ttl }) => ({ type, values, ttl })))).toBe(false);
    expect(differs(plan, [{ ...live, weight: 3, pool_weight: 1 }])).toBe(false);
    expect(differs(plan, [{ ...live, weight: 4, pool_weight: 1 }])).toBe(true);
  });

  it("is the same as a plan in any order of its records, and not once one is left out", () => {
    const record = fc.record({
      type: fc.constantFrom("A" as const, "AAAA" as const),
      value: fc.nat(30),
      ttl: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(record, { minLength: 1, maxLength: 10, selector: (r) => JSON.stringify(r) }),
        fc.infiniteStream(fc.nat()),
        (records, order) => {
          const sets = records.map(({ type, value, ttl }) => ({ ...set(String(value)), type, ttl }));
          const plan = { ...planOf(published()), answers: sets };
          const shuffled = sets
            .map(({ type, values, ttl }) => [order.next().value, { type, values, ttl }] as const)
            .toSorted(([a], [b]) => a - b)
            .map(([, one]) => one);
          expect(differs(plan, shuffled)).toBe(false);
          expect(differs(plan, shuffled.slice(1))).toBe(true);
        },
      ),
    );
  });

  it("is told in words", () => {
    expect(inWords(found("192.0.2.1", "192.0.2.2").answers)).toBe("A 192.0.2.1, 192.0.2.2 (30 s)");
    expect(inWords([])).toBe("nothing");
  });
});

describe("a look at what is live", () => {
  it("changes nothing where it is as written", () => {
    const publication = published();
    expect(look(publication, found("192.0.2.1"), at(start + 300_000))).toEqual({ publication, finding: "same" });
    expect(look(publication, found("192.0.2.1"), at(start)).publication).toBe(publication);
  });

  it("writes drift anew, above its own number and as a repair", () => {
    const { publication, finding } = look(published(), found("192.0.2.66"), at(start + 300_000));
    expect(finding).toBe("drift");
    expect(publication).toMatchObject({
      number: 2,
      urgency: "repair",
      hold: null,
      wanted: { number: 2, answers: answers("192.0.2.1").answers },
    });
    expect(isDue(publication, start + 300_000)).toBe(true);
  });

  it("reports drift and holds where the flavor says so", () => {
    const settings = { ...defaultDrift, onDrift: "hold" } as const;
    const held = look(published(), found("192.0.2.66"), at(start + 300_000, { settings }));
    expect(held).toMatchObject({ finding: "drift", publication: { number: 1, hold: { kind: "drift", found: "A 192.0.2.66 (30 s)" } } });
    expect(isInSync(held.publication)).toBe(false);
    expect(isDue(held.publication, start + 300_000)).toBe(false);
    expect(look(held.publication, found("192.0.2.66"), at(start + 600_000, { settings })).finding).toBe("held");
  });

  it("holds a name that drifts for the third time in ten minutes, and not one that does so more slowly", () => {
    const drifts = (everyMs: number) => {
      let publication = published();
      const findings: string[] = [];
      for (let n = 1; n <= 4; n += 1) {
        const now = start + n * everyMs;
        const looked = look(publication, found("192.0.2.66"), at(now));
        findings.push(looked.finding);
        publication = looked.publication.hold === null ? confirm(looked.publication, looked.publication.number, now) : looked.publication;
      }
      return findings;
    };
    expect(drifts(limits.conflictMs / 2)).toEqual(["drift", "drift", "conflict", "held"]);
    expect(drifts(limits.conflictMs / 2 + 1)).toEqual(["drift", "drift", "drift", "drift"]);
  });

  it("holds what was changed while Kosmos neither judged nor published", () => {
    const away = start + 3_600_000;
    const resumed = active(busy(start), away);
    expect(resumed).toEqual({ at: away, quietUntil: away });
    for (const activity of [busy(start), resumed])
      expect(look(published(), found("192.0.2.66"), at(away + 5_000, { activity }))).toMatchObject({
        finding: "hand_edit",
        publication: { number: 1, hold: { kind: "hand_edit" } },
      });
    // It was as written when it was read after that time.
    expect(look(published(), found("192.0.2.66"), at(away + 5_000, { activity: resumed, seenAt: away + 1 })).finding).toBe("drift");
    // It was written after that time.
    expect(look(published("192.0.2.1", away + 1), found("192.0.2.66"), at(away + 5_000, { activity: resumed })).finding).toBe("drift");
  });

  it("ends a hold when what was written, or is wanted, is live again", () => {
    const held = look(published(), found("192.0.2.66"), at(start + 3_600_000, { activity: busy(start) })).publication;
    const back = look(held, found("192.0.2.1"), at(start + 3_700_000));
    expect(back.finding).toBe("same");
    expect(isInSync(back.publication)).toBe(true);
  });

  it("ends a hold with the next change of what is wanted, and with what people do", () => {
    const held = look(published(), found("192.0.2.66"), at(start + 3_600_000, { activity: busy(start) })).publication;
    const now = start + 3_700_000;
    expect(wantIt(held, "192.0.2.1", now)).toBe(held);
    expect(isDue(wantIt(held, "192.0.2.2", now), now)).toBe(true);
    expect(isDue(wantIt(held, "192.0.2.1", now, "operator"), now)).toBe(true);
    expect(isDue(wantRemoved(held), now)).toBe(true);
  });

  it("does not take a later plan of its own GSLB for drift: it goes above it", () => {
    const ahead = { ...found("192.0.2.66"), epoch: 0, number: 7 };
    const looked = look(published(), { ...ahead, gslbId: gslb }, at(start + 300_000));
    expect(looked).toMatchObject({ finding: "ahead", publication: { number: 8, drifts: [], hold: null } });
    // Of a later epoch: the plan itself carries it, and our own number does not fall.
    const later = look({ ...published(), number: 9, confirmed: 9 }, { ...ahead, epoch: 2, gslbId: gslb }, at(start + 300_000));
    expect(later.publication).toMatchObject({ epoch: 2, number: 10, wanted: { epoch: 2, number: 10 } });
    expect(look(published(), { ...ahead, gslbId: pool }, at(start + 300_000)).finding).toBe("drift");
    expect(look(published(), { ...ahead, number: 1, gslbId: gslb }, at(start + 300_000)).finding).toBe("drift");
  });

  it("counts as seen what could not be read back before", () => {
    const unseen = { ...published(), unseen: true };
    expect(isInSync(unseen)).toBe(false);
    expect(isInSync(look(unseen, found("192.0.2.1"), at(start)).publication)).toBe(true);
  });

  it("is for names whose plan was taken and is not about to be replaced", () => {
    expect(isWatched(published())).toBe(true);
    expect(isWatched(newPublication("dns", fqdn, "example.com.", gslb))).toBe(false);
    expect(isWatched(wantIt(published(), "192.0.2.2", start))).toBe(false);
    expect(isWatched(wantRemoved(published()))).toBe(false);
    expect(isWatched({ ...published(), unsure: true })).toBe(false);
  });
});

describe("a look before a write", () => {
  const next = wantIt(published(), "192.0.2.2", start + 60_000);

  it("finds nothing in what was written before, in what is about to be, and where nobody knows", () => {
    for (const value of ["192.0.2.1", "192.0.2.2"])
      expect(lookBefore(next, found(value), at(start + 60_000))).toEqual({ publication: next, finding: "same" });
    const unsure = wantIt(next, "192.0.2.3", start + 61_000);
    expect(unsure.unsure).toBe(true);
    expect(lookBefore(unsure, found("192.0.2.66"), at(start + 61_000)).finding).toBe("same");
    const first = wantIt(newPublication("dns", fqdn, "example.com.", gslb), "192.0.2.1", start);
    expect(lookBefore(first, found("192.0.2.66"), at(start)).finding).toBe("same");
  });

  it("tells of drift once, and lets the change go over it", () => {
    const looked = lookBefore(next, found("192.0.2.66"), at(start + 60_000));
    expect(looked.finding).toBe("drift");
    expect(isDue(looked.publication, start + 60_000)).toBe(true);
    expect(lookBefore(looked.publication, found("192.0.2.66"), at(start + 61_000)).finding).toBe("same");
  });

  it("holds automation back from what was done by hand while it was away, not people", () => {
    const activity = busy(start - 3_600_000);
    expect(lookBefore(next, found("192.0.2.66"), at(start + 60_000, { activity }))).toMatchObject({
      finding: "hand_edit",
      publication: { hold: { kind: "hand_edit" } },
    });
    const theirs = wantIt(published(), "192.0.2.2", start + 60_000, "operator");
    expect(isDue(lookBefore(theirs, found("192.0.2.66"), at(start + 60_000, { activity })).publication, start + 60_000)).toBe(true);
  });

  it("lets no fight over a name keep a dead endpoint in it", () => {
    const fought = { ...next, drifts: [start + 10_000, start + 20_000] };
    const looked = lookBefore(fought, found("192.0.2.66"), at(start + 60_000));
    expect(isDue(looked.publication, start + 60_000)).toBe(true);
    // A repair of its own finds what it was made for.
    const repair = reassert(published(), start);
    expect(lookBefore(repair, found("192.0.2.66"), at(start)).finding).toBe("same");
  });
});

describe("reading back", () => {
  it("believes what is there, or a later plan of the same GSLB", () => {
    const pending = wantIt(published(), "192.0.2.2", start);
    expect(readBack(pending, found("192.0.2.2"))).toBeNull();
    expect(readBack(pending, found("192.0.2.1"))).toEqual({
      class: "retry",
      detail: "the backend took plan 2 and has A 192.0.2.1 (30 s)",
    });
    expect(readBack(pending, { ...found("192.0.2.9"), epoch: 0, number: 3, gslbId: gslb })).toBeNull();
  });

  it("believes that a name is gone when nothing is there, or somebody else's", () => {
    const removed = wantRemoved(published());
    expect(readBack(removed, found())).toBeNull();
    expect(readBack(removed, { ...found("192.0.2.9"), gslbId: pool })).toBeNull();
    expect(readBack(removed, { ...found("192.0.2.9"), gslbId: gslb })).toMatchObject({ class: "retry" });
  });
});

describe("properties of looking", () => {
  it("numbers rise, a hold is never due, what is as written is in sync, and clocks that jump throw nothing", () => {
    const step = fc.record({
      kind: fc.constantFrom("look" as const, "before" as const, "want" as const, "people" as const, "confirm" as const),
      value: fc.integer({ min: 1, max: 3 }),
      jump: fc.integer({ min: -2_000_000, max: 2_000_000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let publication = published();
        let now = start;
        let activity = busy(start);
        for (const { kind, value, jump } of steps) {
          const before = publication;
          now += jump;
          const address = `192.0.2.${value}`;
          if (kind === "look" && isWatched(publication)) publication = look(publication, found(address), at(now, { activity })).publication;
          else if (kind === "before" && isPending(publication))
            publication = lookBefore(publication, found(address), at(now, { activity })).publication;
          else if (kind === "want") publication = wantIt(publication, address, now);
          else if (kind === "people") publication = wantIt(publication, address, now, "operator");
          else if (kind === "confirm" && isDue(publication, now)) publication = confirm(publication, publication.number, now);
          if (kind === "want") activity = active(activity, now);
          expect(publication.number).toBeGreaterThanOrEqual(before.number);
          if (JSON.stringify(publication.wanted) !== JSON.stringify(before.wanted))
            expect(publication.number).toBeGreaterThan(before.number);
          if (publication.hold !== null) expect([isDue(publication, now), isInSync(publication)]).toEqual([false, false]);
          expect(publication.drifts.length).toBeLessThanOrEqual(limits.conflictDrifts);
          if (isInSync(publication))
            expect(
              look(
                publication,
                { ...found(), answers: planOf(publication).answers.map(({ type, values, ttl }) => ({ type, values, ttl })) },
                at(now),
              ),
            ).toEqual({
              publication,
              finding: "same",
            });
        }
      }),
    );
  });

  it("quiet is ten minutes without work, or never any", () => {
    expect(isQuiet({ at: null, quietUntil: 0 }, start)).toBe(true);
    expect(isQuiet(busy(start), start + limits.quietMs - 1)).toBe(false);
    expect(isQuiet(busy(start), start + limits.quietMs)).toBe(true);
    expect(active(busy(start), start + limits.quietMs - 1).quietUntil).toBe(0);
  });
});
