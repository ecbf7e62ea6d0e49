import { beforeEach, describe, expect, it } from "vitest";
import { monitor, report, uuid, World } from "./project.fixture.ts";

let world: World;
beforeEach(() => {
  world = new World();
});

describe("fast confirmation", () => {
  const asked = (subject: (typeof world.members)[number], outcome: "pass" | "fail", region: string) =>
    world.project.observe([report(region, world.now, subject, outcome)], world.now).confirmations;

  it("is asked for by the first fail of what is up, once for each endpoint and delay", () => {
    world.bothUp();
    world.now += 10_000;
    expect(asked(world.one, "fail", "weur")).toEqual([
      { member_id: world.one.id, endpoint: "192.0.2.1", monitor_id: uuid(1), monitor_version: 1, doubt: "down" },
    ]);
    expect(asked(world.one, "fail", "eeur")).toEqual([]);
    world.now += 10_000;
    expect(asked(world.one, "fail", "weur")).toEqual([]);
    expect(asked(world.one, "fail", "enam")).toHaveLength(1);
  });

  it("is asked for by the first pass of what is down", () => {
    world.bothUp();
    world.oneDies();
    world.oneDies();
    world.now += 10_000;
    expect(asked(world.one, "pass", "weur")).toMatchObject([{ doubt: "up" }]);
  });

  it("is not asked for where confirm_delay is the delay", () => {
    world.configure({ monitors: [monitor(1, { confirm_delay: 10, version: 2 })] });
    world.now += 10_000;
    expect(world.project.observe([report("weur", world.now, world.one, "fail", { version: 2 })], world.now).confirmations).toEqual([]);
  });
});
