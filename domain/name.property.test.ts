import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ancestors, canonicalName, fqdn, hash32, isInZone } from "./name.ts";

const label = fc.stringMatching(/^[A-Za-z0-9_]([A-Za-z0-9_-]{0,8}[A-Za-z0-9_])?$/);
const name = fc
  .array(label, { minLength: 1, maxLength: 6 })
  .map((labels) => labels.join("."))
  .filter((text) => !/(^|\.)([0-9]+|0x[0-9a-f]*)$/i.test(text));
const strange = fc.oneof(
  fc.string({ maxLength: 300 }),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: fc.constantFrom(..."aZ09-_."), maxLength: 300 }),
);

describe("properties of a name", () => {
  /** One name, one text: lower case with the trailing dot. */
  it("has one canonical text, whatever its letter case and with or without the last dot, and keeps it", () => {
    fc.assert(
      fc.property(name, (text) => {
        const canonical = canonicalName(text);
        expect(canonical).toBe(`${text.toLowerCase()}.`);
        for (const other of [`${text}.`, text.toUpperCase(), canonical ?? ""]) expect(canonicalName(other)).toBe(canonical);
      }),
    );
  });

  /** WHATWG URL, 3.5: what ends in a number, also in hexadecimal, is an IPv4 address to `fetch` and to getaddrinfo(3). */
  it("is never an address in disguise", () => {
    for (const text of ["0x7f000001", "127.0.0.0x1", "0X7F.1", "10.0x", "a.0x1."]) expect(canonicalName(text)).toBeNull();
    const alike = fc.string({ unit: fc.constantFrom(..."0xX17f."), maxLength: 12 });
    fc.assert(
      fc.property(fc.oneof(strange, alike), (text) => {
        const canonical = canonicalName(text);
        if (canonical !== null) expect(URL.parse(`http://${canonical}/`)?.hostname ?? "").not.toMatch(/^[0-9.]+$/);
      }),
    );
    expect(canonicalName("0x7f.example")).toBe("0x7f.example.");
  });

  /** RFC 1035: at most 253 characters of labels of 1 to 63, of ASCII alone: what only looks like it, or becomes it in lower case, is none. */
  it("is of ASCII letters, digits, hyphens and underscores, within the lengths of DNS, whatever is asked", () => {
    const alike = fc.tuple(name, fc.constantFrom("\u212a", "\u0130", "\u017f", "é", "。", "\u200b"), fc.nat(40)).map(([text, odd, at]) => {
      const place = at % (text.length + 1);
      return text.slice(0, place) + odd + text.slice(place);
    });
    fc.assert(
      fc.property(fc.oneof(strange, alike), (text) => {
        const canonical = canonicalName(text);
        if (canonical === null) return;
        expect(text).toMatch(/^[A-Za-z0-9_.-]+$/);
        expect(canonical.length).toBeLessThanOrEqual(254);
        for (const part of canonical.slice(0, -1).split(".")) expect(part).toMatch(/^(?!-)[a-z0-9_-]{1,63}$/);
      }),
      { numRuns: 500 },
    );
  });

  it("is none with a Kelvin sign, whose lower case is the letter k", () => {
    expect(canonicalName("\u212aiwi.example")).toBeNull();
  });

  it("is at most 253 characters long, of labels of at most 63", () => {
    const length = fc.oneof(fc.integer({ min: 250, max: 260 }), fc.integer({ min: 60, max: 70 }), fc.integer({ min: 1, max: 300 }));
    fc.assert(
      fc.property(length, fc.integer({ min: 60, max: 66 }), (total, label) => {
        // A dot after each label, but none at the end.
        const text = Array.from({ length: total }, (_, index) => (index % (label + 1) === label && index < total - 1 ? "." : "a")).join("");
        expect(canonicalName(text) !== null).toBe(total <= 253 && text.split(".").every((part) => part.length <= 63));
      }),
    );
  });

  /** The schema and the function agree on everything. */
  it("is taken by the schema if and only if it is one", () => {
    fc.assert(
      fc.property(fc.oneof(name, strange, fc.anything()), (value) => {
        const parsed = fqdn.safeParse(value);
        expect(parsed.success ? parsed.data : null).toBe(typeof value === "string" ? canonicalName(value) : null);
      }),
    );
  });
});

describe("properties of the names above a name", () => {
  it("are as many as its labels, each in the next, the name the first", () => {
    fc.assert(
      fc.property(name, (text) => {
        const canonical = canonicalName(text) ?? "";
        const list = ancestors(canonical);
        expect(list).toHaveLength(text.split(".").length);
        expect(list[0]).toBe(canonical);
        list.forEach((one, index) => {
          expect(isInZone(canonical, one)).toBe(true);
          if (index > 0) expect(isInZone(list[index - 1] ?? "", one)).toBe(true);
        });
      }),
    );
  });

  /** A zone ends at a dot: "notexample.com." is not in "example.com.". */
  it("hold a name if and only if they are among its ancestors", () => {
    fc.assert(
      fc.property(name, name, label, (one, other, more) => {
        const [a, b] = [canonicalName(one) ?? "", canonicalName(other) ?? ""];
        expect(isInZone(a, b)).toBe(ancestors(a).includes(b));
        expect(isInZone(`${more.toLowerCase()}.${a}`, a)).toBe(true);
        expect(isInZone(`x${a}`, a)).toBe(false);
      }),
    );
  });
});

describe("properties of a hash", () => {
  it("is a whole number of 32 bits, the same each time, of any text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: "binary" })), (text) => {
        const hash = hash32(text);
        expect(Number.isInteger(hash) && hash >= 0 && hash < 2 ** 32).toBe(true);
        expect(hash32(text)).toBe(hash);
      }),
    );
  });

  /** Ticks and names are spread by it: what differs by a number must not land in one place. */
  it("spreads names that differ by a number evenly over few places", () => {
    fc.assert(
      fc.property(name, fc.constantFrom(16, 20), (text, places) => {
        const counts = Array<number>(places).fill(0);
        for (let index = 0; index < 1_600; index += 1) {
          const place = hash32(`${text}-${index}`) % places;
          counts[place] = (counts[place] ?? 0) + 1;
        }
        // About six standard deviations around an even share.
        const share = 1_600 / places;
        for (const count of counts) expect(Math.abs(count - share)).toBeLessThan(6 * Math.sqrt(share));
      }),
      { numRuns: 30 },
    );
  });
});
