import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonChunks } from "./bulk.ts";

describe("rows on their way into one parameter", () => {
  it("are all there, in order, in chunks that D1 takes", () => {
    const big = Array.from({ length: 1_000 }, (_, index) => ({ index, text: "x".repeat(2_000) }));
    const chunks = jsonChunks(big);
    expect(chunks.length).toBeGreaterThan(1);
    for (const chunk of chunks) expect(chunk.length).toBeLessThan(600_000);
    expect(chunks.flatMap((chunk) => JSON.parse(chunk))).toEqual(big);
  });

  it("come out as they went in, whatever they are; none make no statement", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ noUnicodeString: false })), (list) => {
        const back = jsonChunks(list).flatMap((chunk) => JSON.parse(chunk));
        expect(JSON.stringify(back)).toBe(JSON.stringify(list));
      }),
    );
    expect(jsonChunks([])).toEqual([]);
  });
});
