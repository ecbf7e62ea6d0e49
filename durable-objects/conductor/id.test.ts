import { describe, expect, it } from "vitest";
import { id } from "../../domain/schema.ts";
import { idsAt } from "./id.ts";

describe("the ids of one write", () => {
  it("are UUIDs of version 7, all different, in the order of their making, also beyond the counter's range", () => {
    const next = idsAt(Date.UTC(2026, 10, 22));
    const made = Array.from({ length: 5_000 }, next);
    for (const one of made) expect(id.safeParse(one).success).toBe(true);
    for (const one of made) expect(one[14]).toBe("7");
    expect(new Set(made).size).toBe(made.length);
    expect(made.toSorted()).toEqual(made);
  });

  it("sort after those of an earlier write", () => {
    expect(idsAt(1_000)() < idsAt(1_001)()).toBe(true);
  });
});
