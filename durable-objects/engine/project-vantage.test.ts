import { beforeEach, describe, expect, it } from "vitest";
import type { Member } from "../../domain/member.ts";
import { gslb, member, monitor, pool, regions, uuid, World } from "./project.fixture.ts";

/** Three unrelated pools of one member each, and their GSLBs. */
let world: World;
let members: Member[];
const period = (failing: Readonly<Record<string, readonly string[]>>) => {
  world.now += 10_000;
  for (const subject of members) {
    for (const region of regions) world.hear(subject, failing[region]?.includes(subject.id) ? "fail" : "pass", [region]);
  }
  world.project.tick(world.now);
  world.publish();
};
const all = () => members.map((subject) => subject.id);
const events = () => world.project.drain().writeBack.events.filter((event) => event.kind.startsWith("region_"));

beforeEach(() => {
  world = new World();
  members = [1, 2, 3].map((n) => member(200 + n, uuid(20 + n), [`198.51.100.${n}`]));
  world.configure({
    deleted: [
      { kind: "gslb", id: world.gslb.id },
      { kind: "pool_member", id: uuid(100) },
      { kind: "pool_member", id: uuid(101) },
      { kind: "pool", id: uuid(10) },
    ],
    monitors: [monitor(1)],
    pools: [1, 2, 3].map((n) => pool(20 + n, { monitor_ids: [uuid(1)], quorum_percent: 30, min_regions: 1 })),
    members,
    gslbs: [1, 2, 3].map((n) => gslb(2_000 + n, [uuid(20 + n)])),
  });
  period({});
  events();
});

describe("a region that fails alone what the others pass", () => {
  it("loses its vote before it can decide anything, and is shown without one", () => {
    for (let round = 0; round < 4; round += 1) period({ weur: all() });
    expect(members.map((subject) => world.project.members.get(subject.id)?.status)).toEqual(["ACTIVE", "ACTIVE", "ACTIVE"]);
    expect(world.project.vantage.regions()).toEqual(["weur"]);
    expect(events()).toMatchObject([{ kind: "region_lost_vote", rule: "vantage", evidence: { region: "weur", family: "4" } }]);
  });

  it("gets it back after two cycles of agreement", () => {
    for (let round = 0; round < 3; round += 1) period({ weur: all() });
    for (let round = 0; round < 3; round += 1) period({});
    expect(world.project.vantage.regions()).toEqual(["weur"]);
    period({});
    expect(world.project.vantage.regions()).toEqual([]);
    expect(events().map((event) => event.kind)).toEqual(["region_lost_vote", "region_regained_vote"]);
  });

  it("is believed when the others fail it too", () => {
    for (let round = 0; round < 3; round += 1) period({ weur: all(), eeur: all(), enam: all() });
    expect(members.map((subject) => world.project.members.get(subject.id)?.status)).toEqual(["DOWN", "DOWN", "DOWN"]);
    expect(world.project.vantage.regions()).toEqual([]);
  });

  it("stays sick over a restart of the Engine", () => {
    for (let round = 0; round < 3; round += 1) period({ weur: all() });
    const other = new World();
    other.project.vantage.restore(world.project.vantage.state());
    expect(other.project.vantage.regions()).toEqual(["weur"]);
  });
});

describe("an outage", () => {
  it("is not taken for sickness of the region that sees it first: the members leave", () => {
    world.now += 2_000;
    for (const subject of members) world.hear(subject, "fail", ["weur"]);
    world.now += 2_000;
    for (const subject of members) world.hear(subject, "fail", ["eeur"]);
    world.now += 2_000;
    for (const subject of members) world.hear(subject, "fail", ["weur", "eeur", "enam"]);
    expect(world.project.vantage.regions()).toEqual([]);
    world.now += 2_000;
    for (const subject of members) world.hear(subject, "fail");
    expect(members.map((subject) => world.project.members.get(subject.id)?.status)).toEqual(["DOWN", "DOWN", "DOWN"]);
    expect(world.project.blind).toBe(false);
  });
});

describe("a region that comes back after silence", () => {
  it("does not vote as it did before until what it sees says the same: the others' first passes are not undone", () => {
    const world = new World();
    world.bothUp();
    world.oneDies();
    world.oneDies();
    expect(world.answers()).toEqual(["192.0.2.2"]);
    world.now += 600_000;
    world.project.drain();
    // One after the other they are heard again, with nothing but passes.
    const heard: string[] = [];
    for (const region of regions) {
      heard.unshift(region);
      world.period(
        [
          [world.one, "pass"],
          [world.two, "pass"],
        ],
        heard,
      );
    }
    world.bothUp();
    const moves = world.project.drain().writeBack.events.filter((event) => event.kind === "member_status");
    expect(moves.map((event) => event.to)).toEqual(["ACTIVE"]);
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
  });
});
