import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { byTicks, confirmed, type DetectionSettings } from "./detection.ts";

const page = readFileSync(join(import.meta.dirname, "../docs/decisions.md"), "utf8");
const usual: DetectionSettings = { delay: 20, timeout: 5, maxRetries: 3, confirmDelay: 1, regions: 5 };

/** A bound is rounded up. */
const tenths = (seconds: number): string => (Math.ceil(Math.round(seconds * 1e6) / 1e5) / 10).toString();

const ttl = 30;
const pairs = [
  [2, 1],
  [5, 2],
  [10, 2],
  [10, 5],
  [20, 2],
  [20, 5],
  [30, 5],
  [60, 5],
  [60, 10],
] as const;

const rows = pairs.flatMap(([delay, timeout]) =>
  [1, 2, 3].map((maxRetries) => {
    const settings = { ...usual, delay, timeout, maxRetries };
    const [three, five] = [3, 5].map((regions) => confirmed({ ...settings, regions }));
    const cells = [delay, timeout, maxRetries, three ?? 0, five ?? 0, byTicks(settings), (five ?? 0) + ttl, byTicks(settings) + ttl];
    return `| ${cells.map(tenths).join(" | ")} |`;
  }),
);

describe("the bound of detection", () => {
  it("is what the table of docs/decisions.md says, for each of its settings", () => {
    const table = page.split("<!-- detection -->")[1] ?? "";
    expect(table.split("\n").filter((line) => /^\| \d/.test(line))).toEqual(rows);
  });

  it("is the bound of the ticks alone where there is no fast confirmation", () => {
    expect(confirmed({ ...usual, confirmDelay: usual.delay })).toBe(byTicks(usual));
    expect(byTicks(usual)).toBe(4 * 20 + 5 + 2);
  });

  it("counts on the first region that notices, and then on looks one after the other", () => {
    expect(confirmed(usual)).toBe(20 / 5 + 4 * (5 + 1) + 2);
    expect(confirmed({ ...usual, regions: 1 })).toBe(20 + 4 * (5 + 1) + 2);
  });

  it("is never above that of the ticks, which go on while a doubt is confirmed", () => {
    const hasty = { ...usual, delay: 2, timeout: 2 };
    expect(confirmed(hasty)).toBe(byTicks(hasty));
  });
});
