import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  deciding,
  isInForce,
  isMeant,
  memberOverrideWrite,
  type Override,
  override,
  overrideStates,
  overrideView,
  overrideWrite,
} from "./override.ts";

const members = ["11111111-1111-4111-8111-111111111111", "11111111-1111-4111-8111-222222222222"] as const;
const pools = ["22222222-2222-4222-8222-111111111111", "22222222-2222-4222-8222-222222222222"] as const;
const second = 1_000;
/** From 2001 to 2255; and near each other, so that they meet. */
const clock = fc.oneof(
  fc.integer({ min: 10 ** 12, max: 9 * 10 ** 12 }),
  fc.nat(5).map((n) => 10 ** 12 + n * second),
);
const rfc3339 = (at: number): string => new Date(at).toISOString();
const selector = fc.constantFrom(...members.map((member_id) => ({ member_id })), ...pools.map((pool_id) => ({ pool_id })), {
  member_id: members[0],
  pool_id: pools[0],
});
const anOverride: fc.Arbitrary<Override> = fc.record({
  id: fc.uuid(),
  project_id: fc.constant("p"),
  selector,
  state: fc.constantFrom(...overrideStates),
  reason: fc.option(fc.string({ maxLength: 20 })),
  starts_at: fc.option(clock.map(rfc3339)),
  expires_at: fc.option(clock.map(rfc3339)),
  force: fc.boolean(),
  by: fc.string({ maxLength: 10 }),
  created_at: clock.map(rfc3339),
  ended: fc.option(fc.constant("replaced"), { freq: 2 }),
});
const several = fc.uniqueArray(anOverride, { selector: ({ id }) => id, maxLength: 12 });

describe("properties of an override in force", () => {
  /** One stretch of time: from its beginning to its end, which are told apart to the millisecond; and never once it was ended. */
  it("is so from its beginning to before its end, and not a moment else", () => {
    fc.assert(
      fc.property(anOverride, clock, (one, now) => {
        const starts = one.starts_at === null ? Number.NEGATIVE_INFINITY : Date.parse(one.starts_at);
        const ends = one.expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(one.expires_at);
        for (const at of [now, starts, starts - 1, ends, ends - 1].filter(Number.isFinite)) {
          expect(isInForce(one, at)).toBe(one.ended === null && starts <= at && at < ends);
        }
      }),
    );
  });

  /** Expiry is for good while time goes on: afterwards the checks decide. */
  it("does not come back by itself", () => {
    fc.assert(
      fc.property(anOverride, clock, fc.nat(), fc.nat(), (one, now, soon, later) => {
        const [a, b, c] = [now, now + soon, now + soon + later].map((at) => isInForce(one, at));
        if (a && !b) expect(c).toBe(false);
      }),
    );
  });
});

describe("properties of whom an override means", () => {
  it("is who meets every condition that it names", () => {
    fc.assert(
      fc.property(anOverride, fc.constantFrom(...members), fc.constantFrom(...pools), (one, id, pool_id) => {
        const asked: Readonly<Record<string, string>> = { member_id: id, pool_id };
        expect(isMeant(one, { id, pool_id })).toBe(Object.entries(one.selector).every(([field, value]) => asked[field] === value));
      }),
    );
  });
});

describe("properties of the one that decides", () => {
  const conditions = (one: Override) => Object.keys(one.selector).length;

  /** Order is of no importance, nor is who was asked before; there is one if there is any. */
  it("is the same in whatever order they are given, and however often", () => {
    fc.assert(
      fc.property(several, fc.nat(), (list, turn) => {
        const turned = list.map((_, index) => list[(index + turn) % list.length] as Override);
        expect(deciding(turned)).toBe(deciding(list));
        expect(deciding([...list, ...turned])).toBe(deciding(list));
        expect(deciding(list) === null).toBe(list.length === 0);
      }),
    );
  });

  /** Rule 8: the most specific wins, of equals the newest. */
  it("is beaten by none that is more specific, and of those as specific by none that is newer", () => {
    fc.assert(
      fc.property(several, (list) => {
        const best = deciding(list);
        if (best === null) return;
        for (const one of list) {
          expect(conditions(one)).toBeLessThanOrEqual(conditions(best));
          if (JSON.stringify(one.selector) === JSON.stringify(best.selector)) expect(one.created_at <= best.created_at).toBe(true);
          if ("member_id" in one.selector) expect("member_id" in best.selector).toBe(true);
        }
      }),
    );
  });

  it("stays while one that is weaker comes or goes", () => {
    fc.assert(
      fc.property(several, fc.nat(), (list, pick) => {
        const best = deciding(list);
        const weaker = list.filter((one) => one !== best);
        fc.pre(weaker.length > 0);
        const gone = weaker[pick % weaker.length];
        expect(deciding(list.filter((one) => one !== gone))).toBe(best);
      }),
    );
  });
});

describe("properties of what people write", () => {
  const offset = fc.constantFrom("Z", "+00:00", "+14:00", "-11:30");
  /** A time as people write it: with any offset, with or without fractions. */
  const written = fc.tuple(clock, offset, fc.boolean()).map(([at, zone, fraction]) => {
    const local = rfc3339(at).slice(0, fraction ? 23 : 19);
    return { text: `${local}${zone}`, at: Date.parse(`${local}${zone}`) };
  });

  /** RFC 3339: the time counts, not how it is written; an end that is not after the beginning is refused. */
  it("is taken if and only if it ends after it begins, and its times are kept in UTC", () => {
    fc.assert(
      fc.property(written, written, fc.constantFrom(...overrideStates), (starts, ends, state) => {
        const parsed = overrideWrite.safeParse({ selector: { pool_id: pools[0] }, state, starts_at: starts.text, expires_at: ends.text });
        expect(parsed.success).toBe(starts.at < ends.at);
        if (parsed.success) expect([parsed.data.starts_at, parsed.data.expires_at]).toEqual([rfc3339(starts.at), rfc3339(ends.at)]);
      }),
    );
  });

  /** What was taken once is taken again as it is: a client may send back what it read. */
  it("is the same when it is read a second time", () => {
    fc.assert(
      fc.property(selector, fc.constantFrom(...overrideStates), fc.option(written), (to, state, ends) => {
        const body = { state, expires_at: ends?.text ?? null };
        const once = memberOverrideWrite.parse(body);
        expect(memberOverrideWrite.parse(once)).toEqual(once);
        const whole = overrideWrite.parse({ ...body, selector: to });
        expect(overrideWrite.parse(whole)).toEqual(whole);
      }),
    );
  });

  it("is taken if and only if it names somebody", () => {
    const id = fc.constantFrom(...members, "", "nobody", null, 1);
    fc.assert(
      fc.property(fc.record({ member_id: id, pool_id: id }, { requiredKeys: [] }), (to) => {
        const named = Object.values(to);
        const right = named.length > 0 && named.every((one) => (members as readonly unknown[]).includes(one));
        expect(overrideWrite.safeParse({ selector: to, state: "up" }).success).toBe(right);
      }),
    );
  });

  it("never throws, and means somebody where it is taken", () => {
    const near = fc.record(
      {
        selector: fc.anything(),
        state: fc.anything(),
        reason: fc.anything(),
        starts_at: fc.oneof(fc.string(), fc.anything()),
        expires_at: fc.oneof(fc.string(), fc.anything()),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(near, fc.anything()), (body) => {
        const parsed = overrideWrite.safeParse(body);
        if (parsed.success) expect(Object.keys(parsed.data.selector).length).toBeGreaterThan(0);
        memberOverrideWrite.safeParse(body);
      }),
    );
  });

  it("survives being stored, and shows what it is without whom it is for", () => {
    fc.assert(
      fc.property(anOverride, (one) => {
        expect(override.parse(JSON.parse(JSON.stringify(one)))).toEqual(one);
        const { override_id, ...rest } = overrideView(one);
        expect(override_id).toBe(one.id);
        expect(one).toMatchObject(rest);
      }),
    );
  });
});
