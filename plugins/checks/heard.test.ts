import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { heard } from "./heard.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("what was heard", () => {
  it("has a text just when it is within the bound, in whatever pieces it came and whenever it was asked for", () => {
    // Few letters, so that texts begin like themselves and overlap.
    const text = fc.string({ unit: fc.constantFrom("a", "b", "ü"), maxLength: 12 });
    const wanted = fc.string({ unit: fc.constantFrom("a", "b", "ü"), minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        fc.array(text, { maxLength: 6 }),
        fc.array(wanted, { minLength: 1, maxLength: 3 }),
        fc.nat(40),
        (pieces, texts, bound) => {
          const said = heard(bound);
          const all = Buffer.concat(pieces.map(bytes)).subarray(0, bound);
          for (const piece of pieces) {
            // Cut in the midst of a letter, too.
            for (const byte of bytes(piece)) said.add(Uint8Array.of(byte));
            texts.map((each) => said.has(each));
          }
          expect([said.length, said.room]).toEqual([all.length, bound - all.length]);
          for (const each of texts) expect(said.has(each)).toBe(all.includes(each));
        },
      ),
    );
  });

  it("goes on having what it had", () => {
    const said = heard(10);
    said.add(bytes("hello"));
    expect(said.has("hello")).toBe(true);
    said.add(bytes(" world, and more"));
    expect([said.has("hello"), said.has("hello wor"), said.has("world")]).toEqual([true, true, false]);
  });
});
