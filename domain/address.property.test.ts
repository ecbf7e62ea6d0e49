import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addressFamily, canonicalAddress, clientNetwork, localNameReason, privateReason } from "./address.ts";
import { canonicalName } from "./name.ts";

const bytes4 = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
/** The eight groups of an IPv6 address, with runs of zeros as real ones have them. */
const groups6 = fc.array(fc.oneof(fc.constantFrom(0, 0, 0, 1, 0xffff), fc.nat(0xffff)), { minLength: 8, maxLength: 8 });
const text4 = bytes4.map((bytes) => bytes.join("."));
/** One of the many ways to write the address: any letter case, leading zeros, and any run of zeros as "::". */
const writtenAs = (groups: readonly number[], pad: boolean, upper: boolean, from: number, length: number): string => {
  const parts = groups.map((group) => (pad ? group.toString(16).padStart(4, "0") : group.toString(16)));
  const isRun = length > 0 && from + length <= 8 && groups.slice(from, from + length).every((group) => group === 0);
  const text = isRun ? `${parts.slice(0, from).join(":")}::${parts.slice(from + length).join(":")}` : parts.join(":");
  return upper ? text.toUpperCase() : text;
};
const writing = fc.tuple(fc.boolean(), fc.boolean(), fc.nat(7), fc.nat(8));
const strange = fc.oneof(fc.string({ maxLength: 60 }), fc.string({ unit: fc.constantFrom(..."0123456789abcdefx:.%/[] -"), maxLength: 50 }));

describe("properties of an address", () => {
  /** One address, one text: that is how endpoints are told apart. */
  it("has one canonical text, however it is written, and keeps it", () => {
    fc.assert(
      fc.property(groups6, writing, writing, (groups, one, other) => {
        const canonical = canonicalAddress(writtenAs(groups, ...one));
        expect(canonical).not.toBeNull();
        expect(canonicalAddress(writtenAs(groups, ...other))).toBe(canonical);
        expect(canonicalAddress(canonical ?? "")).toBe(canonical);
        expect(addressFamily(canonical ?? "")).toBe(6);
      }),
    );
  });

  /** RFC 5952: lower case, no leading zeros, and the longest run of at least two zero groups, the first of equals, as "::". */
  it("is written as RFC 5952 has it", () => {
    fc.assert(
      fc.property(groups6, (groups) => {
        let [from, length] = [0, 0];
        for (let start = 0; start < 8; start += 1) {
          let run = 0;
          while (groups[start + run] === 0) run += 1;
          if (run > length) [from, length] = [start, run];
        }
        expect(canonicalAddress(writtenAs(groups, true, true, 0, 0))).toBe(writtenAs(groups, false, false, from, length < 2 ? 0 : length));
      }),
    );
  });

  it("has another canonical text than any other address", () => {
    fc.assert(
      fc.property(groups6, groups6, writing, (one, other, how) => {
        const same = one.every((group, index) => group === other[index]);
        expect(canonicalAddress(writtenAs(one, ...how)) === canonicalAddress(writtenAs(other, ...how))).toBe(same);
      }),
    );
  });

  /** IPv4 has one text only: four decimal numbers without leading zeros, which some read as octal. */
  it("of IPv4 is its dotted quad and nothing else", () => {
    fc.assert(
      fc.property(bytes4, fc.nat(3), (bytes, at) => {
        const text = bytes.join(".");
        expect([canonicalAddress(text), addressFamily(text)]).toEqual([text, 4]);
        const odd = bytes.map((byte, index) => (index === at ? `0${byte}` : `${byte}`)).join(".");
        expect([null, text]).toContain(canonicalAddress(odd));
        expect(canonicalAddress(bytes.slice(0, 3).join("."))).toBeNull();
        expect(canonicalAddress(`${text}.1`)).toBeNull();
        expect(canonicalAddress(bytes.with(at, 256).join("."))).toBeNull();
      }),
    );
  });

  /** No text is both, so that a member's type decides nothing that its endpoint does not. */
  it("is never a host name, and a host name is of no family", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          text4,
          groups6.map((groups) => writtenAs(groups, false, false, 0, 0)),
          fc.domain(),
          strange,
        ),
        (text) => {
          const [address, name] = [canonicalAddress(text), canonicalName(text)];
          expect(address === null || name === null).toBe(true);
          if (name !== null) expect(addressFamily(name)).toBeNull();
        },
      ),
    );
  });

  it("is asked of any text without a throw", () => {
    fc.assert(
      fc.property(strange, (text) => {
        for (const ask of [canonicalAddress, clientNetwork, privateReason, localNameReason, addressFamily]) ask(text);
        const canonical = canonicalAddress(text);
        if (canonical !== null) expect(canonicalAddress(canonical)).toBe(canonical);
      }),
      { numRuns: 300 },
    );
  });
});

describe("properties of a client's network", () => {
  /** A /64 is one client's own: it must not get a new allowance by another address of it. */
  it("is the same for all of a /64, and another for any other", () => {
    fc.assert(
      fc.property(groups6, groups6, fc.nat(3), fc.integer({ min: 1, max: 0xffff }), (one, other, at, change) => {
        const neighbour = [...one.slice(0, 4), ...other.slice(4)];
        const stranger = one.map((group, index) => (index === at ? group ^ change : group));
        const network = (groups: readonly number[]) => clientNetwork(writtenAs(groups, true, false, 0, 0));
        expect(network(neighbour)).toBe(network(one));
        expect(network(stranger)).not.toBe(network(one));
      }),
    );
  });

  it("is an IPv4 address itself", () => {
    fc.assert(
      fc.property(text4, (text) => {
        expect(clientNetwork(text)).toBe(text);
      }),
    );
  });
});

describe("properties of a private address", () => {
  const within = (first: number, second: readonly [number, number]) =>
    bytes4.map(([, b, c, d]) => `${first}.${second[0] + (b % (second[1] - second[0] + 1))}.${c}.${d}`);

  /** RFC 1918, RFC 6598, RFC 1122, RFC 3927, RFC 5771: whatever the rest of the address is; and no less when it is written as IPv6. */
  it("is every one of the ranges that never lead to the public internet, also mapped into IPv6", () => {
    const ranges = [within(10, [0, 255]), within(172, [16, 31]), within(192, [168, 168]), within(100, [64, 127])];
    const others = [within(127, [0, 255]), within(169, [254, 254]), within(0, [0, 255]), within(224, [0, 255]), within(240, [0, 255])];
    fc.assert(
      fc.property(fc.oneof(...ranges, ...others), (text) => {
        expect(privateReason(text)).not.toBeNull();
        expect(privateReason(`::ffff:${text}`)).not.toBeNull();
      }),
      { numRuns: 300 },
    );
  });

  it("is every unique local, link-local and multicast IPv6 address, and the loopback", () => {
    const first = fc.oneof(
      fc.integer({ min: 0xfc00, max: 0xfdff }),
      fc.integer({ min: 0xfe80, max: 0xfebf }),
      fc.integer({ min: 0xff00, max: 0xffff }),
    );
    fc.assert(
      fc.property(first, groups6, (group, rest) => {
        expect(privateReason(writtenAs([group, ...rest.slice(1)], false, false, 0, 0))).not.toBeNull();
      }),
    );
    expect([privateReason("::1"), privateReason("::")]).not.toContain(null);
  });

  it("is one mapped into IPv6 if and only if it is one", () => {
    fc.assert(
      fc.property(fc.oneof(text4, fc.constantFrom("169.254.169.254", "192.0.2.1", "8.8.8.8")), (text) => {
        expect(privateReason(`::ffff:${text}`)).toBe(privateReason(text));
      }),
    );
  });

  /** A private address is one whatever way it is written: the guard must not depend on the spelling. */
  it("is one in whatever spelling", () => {
    fc.assert(
      fc.property(groups6, writing, writing, (groups, one, other) => {
        expect(privateReason(writtenAs(groups, ...one))).toBe(privateReason(writtenAs(groups, ...other)));
      }),
    );
  });
});

describe("properties of a local name", () => {
  it("is one at any depth, in any letter case, with or without the last dot", () => {
    const suffix = fc.constantFrom("localhost", "local", "internal", "home.arpa", "localdomain");
    fc.assert(
      fc.property(fc.option(fc.domain()), suffix, fc.boolean(), fc.boolean(), (below, name, upper, dot) => {
        const full = `${below === null ? "" : `${below}.`}${name}${dot ? "." : ""}`;
        expect(localNameReason(upper ? full.toUpperCase() : full)).not.toBeNull();
        expect(localNameReason(`${name}.example.com`)).toBeNull();
        expect(localNameReason(`x${name}.`)).toBeNull();
      }),
    );
  });
});
