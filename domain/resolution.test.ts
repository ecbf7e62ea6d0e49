import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addressesOf, askAt, type Heard, heard, type Resolution, unresolved } from "./resolution.ts";

const now = 1_000_000;
const found = (ttlSeconds: number, ...addresses: string[]): Heard => ({ ok: true, addresses, ttlSeconds });
const none = found(0);
const failed: Heard = { ok: false, error: "SERVFAIL" };
const name = "origin.example.net.";

describe("a host name's addresses", () => {
  it("are asked for again when their TTL ends, from 5 to 300 s", () => {
    const after = (ttl: number) => heard(unresolved(name), found(ttl, "192.0.2.1"), none, now).dueAt - now;
    expect([0, 1, 30, 86_400].map(after)).toEqual([5_000, 5_000, 30_000, 300_000]);
  });

  it("have one order, whatever the resolver's", () => {
    const one = heard(unresolved(name), found(30, "192.0.2.2", "192.0.2.1"), found(60, "2001:db8::1"), now);
    expect(addressesOf(one)).toEqual(["192.0.2.1", "192.0.2.2", "2001:db8::1"]);
    expect(one.dueAt).toBe(now + 30_000);
  });

  it("are kept while nobody can say better, and asked for ever more slowly", () => {
    let one: Resolution = heard(unresolved(name), found(30, "192.0.2.1"), none, now);
    const waits: number[] = [];
    for (let tries = 0; tries < 8; tries += 1) {
      one = heard(one, failed, failed, now);
      waits.push((one.dueAt - now) / 1_000);
    }
    expect(waits).toEqual([5, 10, 20, 40, 80, 160, 300, 300]);
    expect(one).toMatchObject({ v4: ["192.0.2.1"], at: now, error: "SERVFAIL" });
    expect(heard(one, found(30, "192.0.2.9"), none, now)).toMatchObject({ v4: ["192.0.2.9"], failures: 0, error: null });
  });

  it("are kept where the name has none any more, and are none where it never had any", () => {
    const one = heard(unresolved(name), found(30, "192.0.2.1"), none, now);
    expect(heard(one, none, none, now + 1)).toMatchObject({ v4: ["192.0.2.1"], error: "the name has no address" });
    expect(addressesOf(heard(unresolved(name), none, none, now))).toEqual([]);
  });

  it("of a family that was not heard stay beside those of the other", () => {
    const one = heard(unresolved(name), found(300, "192.0.2.1"), found(300, "2001:db8::1"), now);
    const next = heard(one, found(300, "192.0.2.2"), failed, now);
    expect(addressesOf(next)).toEqual(["192.0.2.2", "2001:db8::1"]);
    expect(next).toMatchObject({ error: "SERVFAIL", dueAt: now + 5_000 });
  });

  it("are never lost, and asked for within bounds, whatever is heard", () => {
    const one = fc.oneof(
      fc.constant(failed),
      fc.tuple(fc.nat(100_000), fc.subarray(["192.0.2.1", "192.0.2.2"])).map(([ttl, list]) => found(ttl, ...list)),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(one, one), { maxLength: 20 }), (answers) => {
        let state = unresolved(name);
        for (const [v4, v6] of answers) {
          const before = addressesOf(state).length;
          state = heard(state, v4, v6, now);
          expect(state.dueAt - now).toBeGreaterThanOrEqual(5_000);
          expect(state.dueAt - now).toBeLessThanOrEqual(300_000);
          if (before > 0) expect(addressesOf(state).length).toBeGreaterThan(0);
        }
      }),
    );
  });

  it("are asked for at once after the clock was set back", () => {
    expect(askAt({ ...unresolved(name), dueAt: now + 10 ** 9 }, now)).toBe(now);
    expect(askAt({ ...unresolved(name), dueAt: now + 5_000 }, now)).toBe(now + 5_000);
  });
});
