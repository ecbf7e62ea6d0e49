import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../domain/limits.ts";
import { readMarker, writeMarker } from "./marker.ts";

const id = "018f0000-0000-7000-8000-000000000000";

describe("a marker", () => {
  it("says again what was put into it, and fits into a query", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), (value) => {
        const text = writeMarker("pool.name.asc", { value, id });
        expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(readMarker("pool.name.asc", "string", text)).toEqual({ ok: true, value: { value, id } });
      }),
    );
    expect(writeMarker("pool_member.name.desc", { value: "語".repeat(limits.nameLength), id }).length).toBeLessThanOrEqual(
      limits.markerLength,
    );
  });

  it("of another order, of another type, or that is none, is refused as the parameter that it is", () => {
    const text = writeMarker("pool.created_at.asc", { value: 1, id });
    for (const [order, type, given] of [
      ["pool.created_at.desc", "number", text],
      ["pool.created_at.asc", "string", text],
      ["pool.created_at.asc", "number", text.slice(1)],
      ["pool.created_at.asc", "number", "%%%"],
    ] as const) {
      expect(readMarker(order, type, given)).toMatchObject({
        ok: false,
        error: { type: "invalid-query", errors: [{ parameter: "marker" }] },
      });
    }
  });

  it("is never taken for one, and never throws, whatever text it is", () => {
    fc.assert(fc.property(fc.string(), (text) => !readMarker("history", "number", text).ok));
  });
});
