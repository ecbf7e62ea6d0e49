import { describe, expect, it } from "vitest";
import type { Override } from "../../domain/override.ts";
import { configuration, member, pool, uuid, World } from "./project.fixture.ts";

describe("a clock that jumped forward and is set back", () => {
  it("leaves nobody held back for longer than the hold is", () => {
    const world = new World();
    const three = member(102, uuid(10), ["192.0.2.3"]);
    world.configure({ pools: [pool(10, { monitor_ids: [uuid(1)], failback_delay: 120 })], members: [three] });
    const period = (one: "pass" | "fail", two: "pass" | "fail") =>
      world.period([
        [world.one, one],
        [world.two, two],
        [three, "pass"],
      ]);
    period("pass", "pass");
    period("fail", "pass");
    period("fail", "pass");
    expect(world.answers()).toEqual(["192.0.2.2", "192.0.2.3"]);
    period("pass", "pass");
    period("pass", "pass");
    const backAt = world.now;
    expect(world.answers()).toEqual(["192.0.2.2", "192.0.2.3"]);

    world.project.tick(backAt + 1_700_000);
    world.project.tick(world.now);
    period("pass", "fail");
    period("pass", "fail");
    expect(world.answers()).toEqual(["192.0.2.3"]);
    while (world.now < backAt + 130_000) period("pass", "fail");
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.3"]);
  });

  it("ends no override before its time, though nobody looked at the clock while it was ahead", () => {
    const world = new World();
    world.bothUp();
    const said: Override = {
      id: uuid(9),
      project_id: "default",
      selector: { member_id: world.one.id },
      state: "down",
      reason: null,
      starts_at: null,
      expires_at: new Date(world.now + 1_800_000).toISOString(),
      force: true,
      by: "somebody",
      created_at: new Date(world.now).toISOString(),
      ended: null,
    };
    world.project.configure(configuration({ overrides: [said] }), false, world.now + 3_600_000);
    world.project.tick(world.now, true);
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.2"]);
  });
});
