import { describe, expect, it } from "vitest";
import { monitor, pool, uuid, World } from "./project.fixture.ts";

describe("what is reported to the Conductor", () => {
  it("is reported again where its configuration shows something else: its database was put back to a backup", () => {
    const world = new World();
    world.bothUp();
    world.project.drain();
    world.configure({
      full: true,
      epoch: 1,
      gslbs: [{ ...world.gslb, status: "DOWN" }],
      pools: [{ ...world.pool, status: "DOWN" }],
      members: [
        { ...world.one, status: "DOWN", in_rotation: false },
        { ...world.two, status: "ACTIVE", in_rotation: true },
      ],
      monitors: [world.monitor],
    });
    expect(world.project.drain().writeBack.statuses).toEqual([
      { kind: "gslb", id: world.gslb.id, status: "ACTIVE" },
      { kind: "pool", id: world.pool.id, status: "ACTIVE" },
      { kind: "pool_member", id: world.one.id, status: "ACTIVE", in_rotation: true },
    ]);
  });
});

describe("what is on its way to the Conductor", () => {
  it("is followed by what is so now, also where the Conductor shows just that", () => {
    const world = new World();
    world.bothUp();
    world.oneDies();
    world.oneDies();
    expect(world.project.members.get(world.one.id)?.reported).toBe("DOWN false");
    world.configure({ seq: 2, members: [{ ...world.one, status: "ACTIVE", in_rotation: true }] });
    const reported = world.project.drain().writeBack.statuses.filter(({ id }) => id === world.one.id);
    expect(reported.at(-1)).toMatchObject({ status: "DOWN", in_rotation: false });
    expect(reported.length).toBeGreaterThan(1);
  });
});

describe("a check that came to nothing", () => {
  it("is not the occasion for a decision that waits for more votes", () => {
    const world = new World();
    world.bothUp();
    world.configure({ pools: [pool(10, { monitor_ids: [uuid(1)], min_regions: 1 })], monitors: [monitor(1, { version: 2, timeout: 3 })] });
    for (let period = 0; period < 2; period += 1) {
      world.now += 10_000;
      world.hear(world.one, "fail", ["weur"], { version: 2 });
    }
    expect(world.project.members.get(world.one.id)?.status).toBe("ACTIVE");
    world.now += 4_000;
    world.hear(world.one, "no_data", ["eeur"], { version: 2 });
    expect(world.project.members.get(world.one.id)?.status).toBe("ACTIVE");
    world.now += 1_000;
    world.hear(world.one, "fail", ["weur"], { version: 2 });
    expect(world.project.members.get(world.one.id)?.status).toBe("DOWN");
  });
});
