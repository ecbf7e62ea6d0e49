import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { recordsOf, type Served } from "./records.ts";

const known: Readonly<Record<string, readonly string[]>> = {
  "origin.example.net.": ["192.0.2.7", "2001:db8::7"],
  "other.example.net.": ["192.0.2.8"],
};
const settings = {
  ttl: 30,
  maxAnswers: null,
  weighted: false,
  alias: true,
  resolve: (name: string) => ({ addresses: known[name] ?? [], why: "not resolved yet" }),
};
const pool = (poolId: string, ...members: readonly (readonly string[])[]): Served => ({
  poolId,
  weight: 1,
  members: members.map((endpoints, index) => ({ id: `${poolId}-${index}`, weight: index + 1, endpoints })),
});
const words = (served: readonly Served[], over: Partial<typeof settings> = {}) => {
  const { sets, leftOut } = recordsOf(served, { ...settings, ...over });
  return { sets: sets.map(({ type, values }) => [type, ...values].join(" ")), leftOut };
};

describe("host names", () => {
  it("are a CNAME where one is all there is, in however many places", () => {
    expect(words([pool("a", ["origin.example.net."]), pool("b", ["origin.example.net."])]).sets[0]).toBe("CNAME origin.example.net.");
  });

  it("are their addresses at the apex, beside addresses, and beside each other", () => {
    expect(words([pool("a", ["origin.example.net."])], { alias: false }).sets).toEqual(["A 192.0.2.7", "AAAA 2001:db8::7"]);
    expect(words([pool("a", ["192.0.2.1"], ["origin.example.net."])]).sets).toEqual(["A 192.0.2.1 192.0.2.7", "AAAA 2001:db8::7"]);
    expect(words([pool("a", ["origin.example.net."], ["other.example.net."])]).sets).toEqual(["A 192.0.2.7 192.0.2.8", "AAAA 2001:db8::7"]);
  });

  it("are told where they have no address; what else there is is served", () => {
    expect(words([pool("a", ["192.0.2.1"], ["away.example.net."])])).toEqual({
      sets: ["A 192.0.2.1"],
      leftOut: ["away.example.net. has no address (not resolved yet)"],
    });
    expect(words([pool("a", ["away.example.net."])], { alias: false })).toEqual({
      sets: [],
      leftOut: ["away.example.net. has no address (not resolved yet)"],
    });
    // One of several can stand there by its name.
    expect(words([pool("a", ["away.example.net."], ["gone.example.net."])])).toEqual({
      sets: ["CNAME away.example.net."],
      leftOut: ["gone.example.net. has no address (not resolved yet)"],
    });
  });

  it("with weights are a CNAME each where nothing else is, and addresses with the member's weight where something is", () => {
    const weighted = { weighted: true };
    expect(words([pool("a", ["origin.example.net."], ["other.example.net."])], weighted).sets).toEqual([
      "CNAME origin.example.net.",
      "CNAME other.example.net.",
    ]);
    expect(words([pool("a", ["192.0.2.1"], ["origin.example.net."])], weighted).sets).toEqual([
      "A 192.0.2.1",
      "A 192.0.2.7",
      "AAAA 2001:db8::7",
    ]);
  });

  it("never stand as a CNAME beside addresses, nor where none may", () => {
    const endpoint = fc.constantFrom(
      "192.0.2.1",
      "192.0.2.2",
      "2001:db8::1",
      "origin.example.net.",
      "other.example.net.",
      "away.example.net.",
    );
    const members = fc.array(fc.uniqueArray(endpoint, { minLength: 1, maxLength: 3 }), { maxLength: 4 });
    fc.assert(
      fc.property(fc.array(members, { maxLength: 3 }), fc.boolean(), fc.boolean(), (pools, alias, weighted) => {
        const served = pools.map((list, index) => pool(String(index), ...list));
        const { sets } = recordsOf(served, { ...settings, alias, weighted });
        const types = new Set(sets.map(({ type }) => type));
        if (types.has("CNAME")) {
          expect([...types]).toEqual(["CNAME"]);
          expect(alias).toBe(true);
        }
        const hasSomething = served.some((one) =>
          one.members.some(({ endpoints }) => endpoints.some((name) => alias || name !== "away.example.net.")),
        );
        expect(sets.length > 0).toBe(hasSomething);
      }),
    );
  });
});
