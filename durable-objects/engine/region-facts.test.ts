import { describe, expect, it } from "vitest";
import type { Observation, OutcomeKind } from "../../domain/observation.ts";
import { uuid } from "./project.fixture.ts";
import { RegionFacts } from "./region-facts.ts";

const start = 1_700_000_000_000;
const seen = (outcome: OutcomeKind, tick: number): Observation => ({
  member_id: uuid(1),
  endpoint: "192.0.2.1",
  monitor_id: uuid(2),
  monitor_version: 1,
  tick,
  outcome,
  latency_ms: null,
  detail: "",
});
const report = (outcomes: OutcomeKind[], at: number, colo = "CDG", region = "weur") => ({
  region,
  colo,
  observations: outcomes.map((outcome, index) => seen(outcome, at - index * 100)),
});
const all = () => true;

describe("the facts of a region", () => {
  it("are none before it was heard", () => {
    expect(new RegionFacts(start).of("weur", start)).toEqual({
      colos: [],
      lastReportAt: null,
      lagMs: null,
      errorPercent: null,
      checksPerSecond: 0,
    });
  });

  it("are the newest place first, the lag of the newest report, and the last minute's share of no_data", () => {
    const facts = new RegionFacts(start);
    for (let second = 1; second <= 120; second += 1) {
      const now = start + second * 1_000;
      facts.note(report(["pass", "fail", "pass", second > 60 ? "no_data" : "pass"], now - 300, second === 5 ? "AMS" : "CDG"), now, all);
    }
    expect(facts.of("weur", start + 120_000)).toEqual({
      colos: ["CDG", "AMS"],
      lastReportAt: start + 120_000,
      lagMs: 300,
      errorPercent: 25,
      checksPerSecond: expect.closeTo(4, 0),
    });
    expect(facts.of("eeur", start + 120_000).checksPerSecond).toBe(0);
  });

  it("of a region that fell silent are that nothing comes, and since when", () => {
    const facts = new RegionFacts(start);
    facts.note(report(["pass"], start), start, all);
    expect(facts.of("weur", start + 60_000)).toMatchObject({ lagMs: 0 });
    expect(facts.of("weur", start + 60_001)).toMatchObject({
      lastReportAt: start,
      lagMs: null,
      errorPercent: null,
      checksPerSecond: 0,
      colos: ["CDG"],
    });
    expect(facts.of("weur", start + 600_001).colos).toEqual([]);
  });

  it("count no place where nothing was measured, nor what is not to be counted", () => {
    const facts = new RegionFacts(start);
    facts.note(report(["no_data"], start, "local"), start, all);
    facts.note(report(["pass"], start, "CDG"), start, () => false);
    expect(facts.of("weur", start + 1_000)).toMatchObject({ colos: ["CDG"], errorPercent: 100 });
  });

  it("tell the rate of a minute that has only just begun", () => {
    const facts = new RegionFacts(start);
    for (let second = 1; second <= 5; second += 1) facts.note(report(["pass", "pass"], start), start + second * 1_000, all);
    expect(facts.of("weur", start + 5_000).checksPerSecond).toBe(2);
  });
});
