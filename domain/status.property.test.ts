import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { actionMayFollow, actions, mayFollow, nextStatus, status, statuses } from "./status.ts";

const anyStatus = fc.constantFrom(...statuses);
const anyAction = fc.constantFrom(...actions);

describe("properties of a status", () => {
  /** What is shown is what is, or what was: never a third; and never a step that may not be. */
  it("becomes what the world says or stays, and only by steps that may be", () => {
    fc.assert(
      fc.property(anyStatus, anyStatus, (from, to) => {
        const next = nextStatus(from, to);
        expect([from, to]).toContain(next);
        expect(mayFollow(from, next)).toBe(true);
        if (mayFollow(from, to)) expect(next).toBe(to);
      }),
    );
  });

  /** Idempotence, and no memory of the way: once judged, it is what the world said last that was possible. */
  it("depends on the last word of the world that was not PENDING, however often it is said", () => {
    fc.assert(
      fc.property(anyStatus, fc.array(anyStatus, { maxLength: 20 }), (first, words) => {
        const shown = words.reduce(nextStatus, first);
        expect(shown).toBe(words.findLast((word) => word !== "PENDING") ?? first);
        expect(words.flatMap((word) => [word, word]).reduce(nextStatus, first)).toBe(shown);
      }),
    );
  });

  it("is read as itself, and nothing else is one", () => {
    fc.assert(
      fc.property(fc.oneof(anyStatus, fc.anything()), (value) => {
        const known = (statuses as readonly unknown[]).includes(value);
        expect(status.safeParse(value).success).toBe(known);
      }),
    );
  });
});

describe("properties of an action", () => {
  /** A deletion is the end, from wherever it comes; and everything that was begun can be ended. */
  it("ends in DELETE for good, and every other may come to rest", () => {
    fc.assert(
      fc.property(anyAction, anyAction, (from, to) => {
        expect(actionMayFollow(from, "DELETE")).toBe(true);
        if (from === "DELETE") expect(actionMayFollow(from, to)).toBe(to === "DELETE");
        else expect(actionMayFollow(from, "NONE")).toBe(true);
        expect(actionMayFollow(from, from)).toBe(true);
      }),
    );
  });
});
