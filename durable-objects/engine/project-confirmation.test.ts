import { beforeEach, describe, expect, it } from "vitest";
import { monitor, report, uuid, World } from "./project.fixture.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
const one = () => world.members[0] as (typeof world.members)[number];
const two = () => world.members[1] as (typeof world.members)[number];
const bothUp = () =>
  world.period([
    [one(), "pass"],
    [two(), "pass"],
  ]);
const oneDies = () =>
  world.period([
    [one(), "fail"],
    [two(), "pass"],
  ]);

describe("fast confirmation", () => {
  const asked = (subject: (typeof world.members)[number], outcome: "pass" | "fail", region: string) =>
    world.project.observe([report(region, world.now, subject, outcome)], world.now).confirmations;

  it("is asked for by the first fail of what is up, once for each endpoint and delay", () => {
    bothUp();
    world.now += 10_000;
    expect(asked(one(), "fail", "weur")).toEqual([
      { member_id: one().id, endpoint: "192.0.2.1", monitor_id: uuid(1), monitor_version: 1, doubt: "down" },
    ]);
    expect(asked(one(), "fail", "eeur")).toEqual([]);
    world.now += 10_000;
    expect(asked(one(), "fail", "weur")).toEqual([]);
    expect(asked(one(), "fail", "enam")).toHaveLength(1);
  });

  it("is asked for by the first pass of what is down", () => {
    bothUp();
    oneDies();
    oneDies();
    world.now += 10_000;
    expect(asked(one(), "pass", "weur")).toMatchObject([{ doubt: "up" }]);
  });

  it("is not asked for where confirm_delay is the delay", () => {
    world.configure({ monitors: [monitor(1, { confirm_delay: 10, version: 2 })] });
    world.now += 10_000;
    expect(world.project.observe([report("weur", world.now, one(), "fail", { version: 2 })], world.now).confirmations).toEqual([]);
  });
});
