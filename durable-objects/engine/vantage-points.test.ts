import { beforeEach, describe, expect, it } from "vitest";
import { type Anchor, parseAnchors } from "../../domain/anchors.ts";
import type { Monitor } from "../../domain/monitor.ts";
import type { CheckReport, OutcomeKind } from "../../domain/observation.ts";
import { isoTime } from "./evidence.ts";
import { member, monitor, pool, regions, report, uuid, World } from "./project.fixture.ts";
import { VantagePoints } from "./vantage-points.ts";

const anchors = ((): readonly Anchor[] => {
  const parsed = parseAnchors("https://good.example/up,tcp://192.0.2.200:443");
  return parsed.ok ? parsed.value : [];
})();

let world: World;
let points: VantagePoints;
const checking = new Set(regions);
beforeEach(() => {
  world = new World();
  points = new VantagePoints({ anchors, now: () => world.now }, world.project);
  world.bothUp();
  world.project.drain();
});

const anchorReport = (region: string, outcome: OutcomeKind): CheckReport => ({
  project_id: "default",
  region,
  shard: 0,
  generation: 1,
  colo: "local",
  observations: anchors.map((anchor) => ({
    member_id: anchor.id,
    endpoint: anchor.target.endpoint,
    monitor_id: anchor.id,
    monitor_version: 1,
    tick: world.now,
    outcome,
    latency_ms: 1,
    detail: "",
  })),
});
/** A period in which the members pass and the anchors say this, from each region. */
function period(outcomes: Readonly<Record<string, OutcomeKind>> = {}, colos: Readonly<Record<string, string>> = {}): void {
  world.bothUp();
  for (const region of regions) {
    const report = { ...anchorReport(region, outcomes[region] ?? "pass"), colo: colos[region] ?? "local" };
    points.hear([report], world.now);
    world.project.observe([report], world.now);
  }
}
/** A member that only an agent checks, by these monitors. */
function runOnAgent(...monitors: readonly Monitor[]) {
  const subject = member(200, uuid(20), ["192.0.2.200"]);
  const own = monitors.map((one) => ({ ...one, check_regions: ["lyon"] }));
  world.configure({ pools: [pool(20, { monitor_ids: own.map(({ id }) => id) })], members: [subject], monitors: own });
  const heard = ({ id }: Monitor, outcome: OutcomeKind) => {
    const reports = [report("lyon", world.now, subject, outcome, { monitor: id })];
    points.hear(reports, world.now);
    world.project.observe(reports, world.now);
  };
  return {
    passes: (outcome: OutcomeKind = "pass") => {
      for (const one of own) heard(one, outcome);
    },
    view: () => points.views(new Set(["lyon"]), world.now).find(({ region }) => region === "lyon"),
  };
}

const views = () => points.views(checking, world.now);
const reasons = () => Object.fromEntries(views().map(({ region, reason }) => [region, reason]));
const events = () => world.project.drain().writeBack.events.filter(({ kind }) => kind.startsWith("region_"));

describe("a region that cannot reach the anchors", () => {
  it("has no vote from the second time on, says why, and has it again when it reaches them twice", () => {
    period();
    period({ weur: "fail" });
    expect(events()).toEqual([]);
    period({ weur: "fail" });
    expect(world.project.vantage.regions()).toEqual(["weur"]);
    expect(world.project.vantage.sickFor("192.0.2.1")).toEqual(new Set(["weur"]));
    expect(world.project.vantage.sickFor("2001:db8::1")).toEqual(new Set(["weur"]));
    expect(reasons()).toEqual({ weur: "anchors: it cannot reach https://good.example/up, tcp://192.0.2.200:443", eeur: null, enam: null });
    period();
    expect(world.project.vantage.regions()).toEqual(["weur"]);
    period();
    expect(world.project.vantage.regions()).toEqual([]);
    expect(views().every(({ has_vote }) => has_vote)).toBe(true);
    expect(events()).toMatchObject([
      { kind: "region_lost_vote", rule: "anchors", evidence: { region: "weur", anchors: anchors.map(({ url }) => url) } },
      { kind: "region_regained_vote", rule: "anchors", evidence: { region: "weur" } },
    ]);
  });

  it("decides nothing: its fails are not votes, and nobody's status moves by the loss or the return", () => {
    for (let round = 0; round < 3; round += 1) period({ weur: "fail" });
    const before = [...world.project.members.values()].map(({ status }) => status);
    world.now += 10_000;
    for (let round = 0; round < 4; round += 1) world.hear(world.one, "fail", ["weur"]);
    expect([...world.project.members.values()].map(({ status }) => status)).toEqual(before);
  });

  it("is not found where it may not go there, nor when the anchors are away", () => {
    for (let round = 0; round < 4; round += 1) period({ weur: "no_data" });
    for (let round = 0; round < 4; round += 1) period({ weur: "fail", eeur: "fail", enam: "fail" });
    expect(world.project.vantage.regions()).toEqual([]);
    expect(events()).toEqual([]);
  });

  it("is remembered over a restart, and forgotten without anchors", () => {
    for (let round = 0; round < 3; round += 1) period({ weur: "fail" });
    const stored = points.anchors.state();
    const other = new World();
    new VantagePoints({ anchors, now: () => other.now }, other.project).restore(JSON.parse(JSON.stringify(stored)));
    expect(other.project.vantage.regions()).toEqual(["weur"]);
    new VantagePoints({ anchors: [], now: () => other.now }, other.project).restore(stored);
    expect(other.project.vantage.regions()).toEqual([]);
  });

  it("is in the sum with those that disagree about members", () => {
    world.project.vantage.restore({ "eeur 6": { wellSince: null } });
    for (let round = 0; round < 3; round += 1) period({ weur: "fail" });
    expect(world.project.vantage.sickFor("192.0.2.1")).toEqual(new Set(["weur"]));
    expect(world.project.vantage.sickFor("2001:db8::1")).toEqual(new Set(["weur", "eeur"]));
    expect(reasons()).toMatchObject({ eeur: "sick: it fails what most other regions pass (IPv6)" });
  });
});

describe("what is shown of regions", () => {
  it("does not count the anchors as checks, and shows where it was measured", () => {
    period({}, { weur: "CDG" });
    expect(views()[0]).toMatchObject({
      region: "weur",
      colos: ["CDG"],
      has_vote: true,
      last_report_at: new Date(world.now).toISOString(),
      lag_seconds: 0,
      error_percent: null,
      checks_per_second: 0,
    });
  });

  it("says which other region is in the same place", () => {
    period({}, { weur: "CDG", eeur: "CDG", enam: "IAD" });
    expect(reasons()).toEqual({ weur: null, eeur: "same colo as weur (CDG)", enam: null });
    period({}, { weur: "CDG", eeur: "FRA", enam: "IAD" });
    expect(reasons()).toEqual({ weur: null, eeur: null, enam: null });
    for (let round = 0; round < 3; round += 1) period({ weur: "fail" }, { weur: "FRA", eeur: "FRA", enam: "IAD" });
    expect(reasons()).toMatchObject({ eeur: null });
  });

  it("is that an agent is silent as soon as its newest report is older than its slowest monitor allows", () => {
    const agent = runOnAgent(monitor(2, { delay: 2, timeout: 1 }), monitor(3, { delay: 5, timeout: 2 }));
    agent.passes();
    world.now += 12_000;
    expect(agent.view()).toMatchObject({ has_vote: true, reason: null, lag_seconds: 0 });
    world.now += 1;
    expect(agent.view()).toMatchObject({ has_vote: false, reason: "silent: nothing fresh was heard of it" });
    world.now += 60_000;
    expect(agent.view()).toMatchObject({ has_vote: false, lag_seconds: null, last_report_at: isoTime(world.now - 72_001) });
  });

  it("is not that somebody is silent whose checks all come to nothing", () => {
    const agent = runOnAgent(monitor(2, { delay: 2, timeout: 1 }));
    agent.passes("no_data");
    expect(agent.view()).toMatchObject({ has_vote: false, reason: "none of its checks comes to a result" });
    world.now += 5_001;
    expect(agent.view()).toMatchObject({ has_vote: false, reason: "silent: nothing fresh was heard of it" });
  });

  it("is known after a start as far as the results tell it", () => {
    const heardAt = world.now;
    world.now += 10_000;
    const started = new VantagePoints({ anchors, now: () => world.now }, world.project);
    expect(started.views(checking, world.now)[0]).toMatchObject({
      has_vote: true,
      last_report_at: isoTime(heardAt),
      lag_seconds: null,
    });
  });

  it("tells who is silent from who has nothing to do", () => {
    world.now += 600_000;
    expect(Object.values(reasons())).toEqual(Array.from({ length: 3 }, () => "silent: nothing fresh was heard of it"));
    expect(points.views(new Set(["weur", "eeur"]), world.now)[2]).toMatchObject({
      region: "enam",
      has_vote: false,
      reason: "nothing is checked from here",
    });
  });
});
