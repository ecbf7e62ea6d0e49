import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { VantageRefusal } from "../domain/check.ts";
import { AllowList } from "./allow.ts";
import { type Lookup, Resolver } from "./resolver.ts";

const allow = AllowList.of(["192.0.2.0/24"]);
if (!allow.ok) throw new Error(allow.error);

describe("an agent's resolver that is slow", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("has one time for all of it, the wait for a free thread too, so that nobody's check ends before its blame is taken", async () => {
    const asked: string[] = [];
    const lookup: Lookup = (name, done) => {
      asked.push(name);
      setTimeout(() => done(null, [{ address: "192.0.2.1", family: 4 }]), 400);
    };
    const resolver = new Resolver(allow.value, lookup);
    const ends: unknown[] = [];
    for (let number = 0; number < 12; number += 1) {
      const answer = resolver.addressOf(`www${number}.example.com`);
      void answer.then(
        (address) => ends.push(address),
        (error: unknown) => ends.push(error),
      );
    }
    await vi.advanceTimersByTimeAsync(950);
    expect(ends).toHaveLength(12);
    expect(ends.filter((end) => end === "192.0.2.1")).toHaveLength(6);
    expect(ends.filter((end) => end instanceof VantageRefusal)).toHaveLength(6);
    // For whom nobody waits any more, nothing is asked.
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked).toHaveLength(9);
  });
});
