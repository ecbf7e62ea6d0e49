import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { placedBindings } from "../durable-objects/env.ts";
import { nextSteps, parseOrder, placedConfig, serviceName, summary } from "./placed.ts";

describe("npm run deploy:placed", () => {
  it("takes a region, and a place where the usual one is not wanted", () => {
    expect(parseOrder(["sam"])).toEqual({ ok: true, value: { region: "sam", place: "aws:sa-east-1", dryRun: false } });
    expect(parseOrder(["--dry-run", "me", "gcp:me-west1"])).toEqual({
      ok: true,
      value: { region: "me", place: "gcp:me-west1", dryRun: true },
    });
  });

  it.each([
    [[], "a region is missing"],
    [["weur"], "weur is none of sam, afr, me"],
    [["sam", "sa-east-1"], "sa-east-1 is no region of a cloud, such as aws:sa-east-1"],
    [["sam", "aws:sa-east-1", "more"], "only a region and its place are expected, not more"],
    [["sam", "--now"], "there is no option --now"],
  ])("says what is wrong with %j", (args, error) => {
    expect(parseOrder(args)).toEqual({ ok: false, error });
  });

  it("makes a configuration with a name, a place and no public address", () => {
    const base = readFileSync(join(import.meta.dirname, "../workers/checker/placed.toml"), "utf8");
    const config = placedConfig(base, "/kosmos/workers/checker", { region: "afr", place: "aws:af-south-1", dryRun: false });
    const lines = config.split("\n");
    expect(lines).toContain('name = "kosmos-checker-afr"');
    expect(lines).toContain('main = "/kosmos/workers/checker/placed.ts"');
    expect(lines).toContain("workers_dev = false");
    expect(config).toMatch(/\n\[placement\]\nregion = "aws:af-south-1"\n$/);
    expect(lines.filter((line) => /^(route|\[\[)/.test(line))).toEqual([]);
  });

  it("says in one line what is deployed, and where", () => {
    const order = { region: "sam", place: "aws:sa-east-1" } as const;
    expect(summary({ ...order, dryRun: false })).toBe("kosmos: kosmos-checker-sam, placed near aws:sa-east-1");
    expect(summary({ ...order, dryRun: true })).toBe(
      "kosmos: kosmos-checker-sam, placed near aws:sa-east-1 (a dry run: nothing is uploaded)",
    );
  });

  it.each(["sam", "afr", "me"] as const)("says how %s is bound, as the Prober looks for it", (region) => {
    const steps = nextSteps({ region, place: "aws:x", dryRun: false });
    expect(steps).toContain(`binding = "${placedBindings[region]}"\nservice = "${serviceName(region)}"`);
  });
});
