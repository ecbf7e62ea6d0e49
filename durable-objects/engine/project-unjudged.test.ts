/** A GSLB none of whose members was ever judged: it is served all the same, and is no alarm, since nothing speaks against anybody. */
import { beforeEach, describe, expect, it } from "vitest";
import { World } from "./project.fixture.ts";
import { gslbView, poolView, projectView } from "./views.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
const nobodyKnows = () =>
  world.period([
    [world.one, "no_data"],
    [world.two, "no_data"],
  ]);
const gslbOf = () => gslbView(world.project, world.gslb.id, world.now);
const poolOf = () => poolView(world.project, world.pool.id, world.now);

describe("a GSLB of which nothing is judged", () => {
  it("is published, stays PENDING with its pool, alarms nobody, and says what its checks came to", () => {
    for (let round = 0; round < 10; round += 1) nobodyKnows();
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
    expect(gslbOf()).toMatchObject({
      status: "PENDING",
      reason: "nothing is judged yet: pool pool-10 is served whole, as if it were well; member-100: weur: no_data",
    });
    expect(poolOf()).toMatchObject({
      status: "PENDING",
      reason: "0 of 0 enabled members healthy, 1 needed; member-100: weur: no_data",
    });
    expect(projectView(world.project, world.now).problems).toEqual([]);
    const { events } = world.project.drain().writeBack;
    expect(events.filter(({ severity }) => severity === "critical")).toEqual([]);
  });

  it("says so where nothing was heard at all", () => {
    for (let round = 0; round < 10; round += 1) world.period([]);
    expect(gslbOf()).toMatchObject({
      status: "PENDING",
      reason: "nothing is judged yet: pool pool-10 is served whole, as if it were well",
    });
  });

  it("is DOWN, and told, as soon as its members are judged down", () => {
    for (let round = 0; round < 3; round += 1) nobodyKnows();
    world.project.drain();
    for (let round = 0; round < 2; round += 1)
      world.period([
        [world.one, "fail"],
        [world.two, "fail"],
      ]);
    expect([gslbOf()?.status, poolOf()?.status]).toEqual(["DOWN", "DOWN"]);
    const { events } = world.project.drain().writeBack;
    expect(events.filter(({ severity }) => severity === "critical").map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(["pool_status", "gslb_status", "all_down"]),
    );
  });

  it("is DEGRADED where it was judged before, and all that are left never were", () => {
    world.bothUp();
    world.project.drain();
    const others = world.members.map((member) => ({ ...member, id: `${member.id.slice(0, -3)}9${member.id.slice(-2)}` }));
    world.configure({ members: others, deleted: world.members.map(({ id }) => ({ kind: "pool_member" as const, id })) });
    world.publish();
    expect(gslbOf()).toMatchObject({ status: "DEGRADED" });
    const { events } = world.project.drain().writeBack;
    expect(events.filter(({ severity }) => severity === "critical")).toEqual([]);
  });
});
