import { beforeEach, describe, expect, it } from "vitest";
import { configuration, gslb, member, monitor, newProject, pool, regions, report, uuid, World } from "./project.fixture.ts";

let world: World;
beforeEach(() => {
  world = new World();
});

describe("first publication", () => {
  it("waits until every member is judged", () => {
    world.hear(world.one, "pass");
    world.publish();
    expect(world.answers()).toBeNull();
    world.hear(world.two, "pass");
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
  });

  it("waits no longer than the rule says, and leaves out who was not judged", () => {
    world.hear(world.one, "pass");
    world.now += 2 * 3_000 + 5_000 - 1;
    world.project.tick(world.now);
    world.publish();
    expect(world.answers()).toBeNull();
    world.now += 1;
    world.project.tick(world.now);
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.1"]);
  });

  it("serves everyone when nothing was judged in time", () => {
    world.now += 11_000;
    world.project.tick(world.now);
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
  });

  it("publishes nothing for a GSLB without pools, which is PENDING", () => {
    world.configure({ gslbs: [gslb(1001, [])] });
    world.now += 60_000;
    world.project.tick(world.now);
    expect(world.answers(uuid(1001))).toBeNull();
    expect(world.project.gslbs.get(uuid(1001))?.status).toBe("PENDING");
  });
});

describe("a member that dies", () => {
  it("leaves the answer after max_retries fails from a quorum, and comes back after rise passes", () => {
    world.bothUp();
    world.oneDies();
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
    world.oneDies();
    expect(world.answers()).toEqual(["192.0.2.2"]);
    expect(world.project.gslbs.get(world.gslb.id)?.status).toBe("DEGRADED");
    world.bothUp();
    expect(world.answers()).toEqual(["192.0.2.2"]);
    world.bothUp();
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
    expect(world.project.gslbs.get(world.gslb.id)?.status).toBe("ACTIVE");
  });

  it("stays while only a minority of the regions sees it dead", () => {
    world.bothUp();
    for (let round = 0; round < 5; round += 1) {
      world.now += 10_000;
      world.hear(world.one, "fail", ["weur"]);
      world.hear(world.one, "pass", ["eeur", "enam"]);
      world.hear(world.two, "pass");
    }
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
  });

  it("leaves its votes, the rule and the numbers in the history", () => {
    world.bothUp();
    world.project.drain();
    world.oneDies();
    world.oneDies();
    const { events } = world.project.drain().writeBack;
    const fell = events.find((event) => event.kind === "member_status");
    expect(fell).toMatchObject({ from: "ACTIVE", to: "DOWN", rule: "quorum", member_id: world.one.id, severity: "warning" });
    expect(fell?.reason).toBe("2 of 3 regions report it down (quorum 51 %): weur, eeur: fail");
    expect(fell?.evidence.votes).toHaveLength(3);
    expect(events.map((event) => event.kind)).toEqual(["member_status", "pool_status", "gslb_status", "published"]);
    expect(events.at(-1)).toMatchObject({ plan: 2, to: "192.0.2.2" });
  });

  it("does not empty the answer when it was the last one: serve_all", () => {
    world.bothUp();
    for (let round = 0; round < 3; round += 1)
      world.period([
        [world.one, "fail"],
        [world.two, "fail"],
      ]);
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
    expect(world.project.gslbs.get(world.gslb.id)?.status).toBe("DOWN");
    expect(world.project.drain().writeBack.events.filter((event) => event.kind === "all_down")).toHaveLength(1);
  });
});

describe("silence", () => {
  it("of one region after the other changes nothing, while a member is down and while it is up", () => {
    world.bothUp();
    world.oneDies();
    world.oneDies();
    for (const left of [["weur", "eeur"], ["weur"], []])
      for (let round = 0; round < 6; round += 1)
        world.period(
          [
            [world.one, "fail"],
            [world.two, "pass"],
          ],
          left,
        );
    expect(world.answers()).toEqual(["192.0.2.2"]);
    expect(world.project.members.get(world.one.id)?.status).toBe("DOWN");
    expect(world.project.members.get(world.two.id)?.status).toBe("ACTIVE");
  });

  it("of most of a project is said, once, and so is its end", () => {
    world.bothUp();
    world.project.drain();
    for (let round = 0; round < 6; round += 1)
      world.period([
        [world.one, "no_data"],
        [world.two, "no_data"],
      ]);
    world.bothUp();
    const blind = world.project.drain().writeBack.events.filter((event) => event.kind === "blind");
    expect(blind.map((event) => event.to)).toEqual(["true", "false"]);
  });

  it("no_data for however long changes nothing", () => {
    world.bothUp();
    for (let round = 0; round < 30; round += 1)
      world.period([
        [world.one, "no_data"],
        [world.two, "no_data"],
      ]);
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
  });
});

describe("a change of configuration is never evidence", () => {
  beforeEach(() => world.bothUp());

  it("a monitor's name resets nothing: its observations go on under the same version", () => {
    world.configure({ monitors: [monitor(1, { name: "other", version: 2 })] });
    world.oneDies();
    world.oneDies();
    expect(world.answers()).toEqual(["192.0.2.2"]);
  });

  it("a monitor's timeout starts the counters anew and keeps the verdict; results of the old version are ignored", () => {
    world.oneDies();
    world.configure({ monitors: [monitor(1, { timeout: 1, version: 2 })] });
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
    for (let round = 0; round < 3; round += 1) world.oneDies();
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
    for (let round = 0; round < 2; round += 1) {
      world.now += 10_000;
      world.hear(world.one, "fail", regions, { version: 2 });
    }
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.2"]);
  });

  it("a member that is down stays down while it is judged anew, until every region has a verdict", () => {
    world.oneDies();
    world.oneDies();
    world.configure({ monitors: [monitor(1, { timeout: 1, version: 2 })] });
    world.now += 10_000;
    world.hear(world.one, "pass", ["weur", "eeur"], { version: 2 });
    world.hear(world.one, "fail", ["enam"], { version: 2 });
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.2"]);
    world.now += 10_000;
    world.hear(world.one, "fail", ["enam"], { version: 2 });
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
  });

  it("a second monitor changes nothing until it has judged", () => {
    world.configure({ monitors: [monitor(2)], pools: [pool(10, { monitor_ids: [uuid(1), uuid(2)], version: 2 })] });
    world.bothUp();
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
    for (let round = 0; round < 2; round += 1) {
      world.period([
        [world.one, "pass"],
        [world.two, "pass"],
      ]);
      world.hear(world.one, "fail", regions, { monitor: uuid(2) });
      world.hear(world.two, "pass", regions, { monitor: uuid(2) });
    }
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.2"]);
  });

  it("a new address is judged before it is served, and the old one stands in meanwhile, for a minute at most", () => {
    const moved = member(100, uuid(10), ["192.0.2.9"], { version: 2 });
    world.configure({ members: [moved] });
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
    expect(world.project.members.get(moved.id)?.status).toBe("ACTIVE");
    world.hear(moved, "pass");
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.9", "192.0.2.2"]);

    world.configure({ members: [member(101, uuid(10), ["192.0.2.8"], { version: 2 })] });
    world.now += 60_000;
    world.hear(moved, "pass");
    world.project.tick(world.now);
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.9"]);
  });

  it("detaching the last monitor makes a member ACTIVE", () => {
    world.oneDies();
    world.oneDies();
    world.configure({ pools: [pool(10, { version: 2 })] });
    world.publish();
    expect(world.project.members.get(world.one.id)?.status).toBe("ACTIVE");
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
  });

  it("a monitor that is switched off holds its verdicts", () => {
    world.oneDies();
    world.oneDies();
    world.configure({ monitors: [monitor(1, { admin_state_up: false, version: 2 })] });
    for (let round = 0; round < 5; round += 1) world.bothUp();
    expect(world.answers()).toEqual(["192.0.2.2"]);
  });

  it("other regions start the counters anew and keep the verdict", () => {
    world.project.setRegions(["apac", "oc", "wnam"], undefined, world.now);
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
    for (let round = 0; round < 3; round += 1)
      world.period(
        [
          [world.one, "fail"],
          [world.two, "pass"],
        ],
        ["apac", "oc", "wnam"],
      );
    expect(world.answers()).toEqual(["192.0.2.2"]);
  });
});

describe("what operators switch", () => {
  beforeEach(() => world.bothUp());

  it("a disabled member leaves, and no pool without anything servable empties what is published", () => {
    world.configure({ members: [member(100, uuid(10), ["192.0.2.1"], { admin_state_up: false, version: 2 })] });
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.2"]);
    world.configure({ members: [member(101, uuid(10), ["192.0.2.2"], { admin_state_up: false, version: 2 })] });
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.2"]);
    expect(world.project.gslbs.get(world.gslb.id)?.status).toBe("ERROR");
  });

  it("a GSLB that is switched off is left as it is", () => {
    world.configure({ gslbs: [{ ...world.gslb, admin_state_up: false, version: 2 }] });
    world.oneDies();
    world.oneDies();
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
  });

  it("a deleted GSLB's name is removed until the backend confirms; made again it goes on with a higher plan", () => {
    const before = [...world.project.publications.values()][0]?.number ?? 0;
    const tombstone = { gslb_id: world.gslb.id, fqdn: world.gslb.fqdn, zone: "example.com.", flavor: "edge", remove: true };
    world.configure({ deleted: [{ kind: "gslb", id: world.gslb.id }], tombstones: [tombstone] });
    world.publish();
    expect(world.project.drain().writeBack.unpublished).toEqual([{ gslb_id: world.gslb.id, flavor: "edge" }]);
    world.configure({ gslbs: [gslb(1002, [uuid(10)], { fqdn: world.gslb.fqdn })] });
    world.publish();
    expect(world.answers(uuid(1002))).toEqual(["192.0.2.1", "192.0.2.2"]);
    expect([...world.project.publications.values()][0]?.number).toBeGreaterThan(before + 1);
  });
});

describe("a backend that is away", () => {
  it("is an ERROR with the reason, and only the newest plan is written when it is back", () => {
    world.bothUp();
    const key = [...world.project.publications.keys()][0] ?? "";
    for (let round = 0; round < 2; round += 1) {
      world.now += 10_000;
      world.hear(world.one, "fail");
      world.hear(world.two, "pass");
    }
    world.project.written(key, 2, { class: "retry", detail: "connection refused" }, world.now, 0.5);
    expect(world.project.gslbs.get(world.gslb.id)).toMatchObject({
      status: "ERROR",
      reason: "edge did not take plan 2: connection refused",
    });
    for (let round = 0; round < 2; round += 1) {
      world.now += 10_000;
      world.hear(world.one, "pass");
    }
    const pending = world.project.publications.get(key);
    expect(pending).toMatchObject({ number: 3, confirmed: 1 });
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
    expect(world.project.gslbs.get(world.gslb.id)?.status).toBe("ACTIVE");
  });
});

describe("stable targets", () => {
  it("cause no plan, no event and nothing to store", () => {
    for (let round = 0; round < 3; round += 1) world.bothUp();
    world.project.drain();
    for (let round = 0; round < 20; round += 1) world.bothUp();
    const { members, publications, writeBack } = world.project.drain();
    expect([members.size, publications.size, writeBack.events.length, writeBack.statuses.length]).toEqual([0, 0, 0, 0]);
  });

  it("end in the same state whether reports come once, twice or in disorder", () => {
    world.bothUp();
    const reports = [10_000, 20_000, 30_000].flatMap((later) =>
      regions.map((region) => report(region, world.now + later, world.one, "fail")),
    );
    const then = world.now + 30_000;
    world.project.observe([...reports].reverse(), then);
    world.project.observe(reports, then);
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.2"]);
  });
});

describe("an Engine that starts without state", () => {
  it("takes plans and statuses as they stand, and writes nothing until a quorum has voted anew", () => {
    const project = newProject();
    const standing = [
      {
        gslb_id: uuid(1000),
        flavor: "edge",
        plan: 41,
        epoch: 2,
        answers: [
          {
            type: "A" as const,
            values: ["192.0.2.2"],
            ttl: 30,
            pool_id: uuid(10),
            weight: null,
            pool_weight: null,
            locations: [],
            geofence: false,
            region: null,
          },
        ],
      },
    ];
    const dead = member(100, uuid(10), ["192.0.2.1"], { status: "DOWN", action: "NONE" });
    const alive = member(101, uuid(10), ["192.0.2.2"], { status: "ACTIVE", action: "NONE" });
    const all = {
      gslbs: [gslb(1000, [uuid(10)], { status: "DEGRADED" })],
      pools: [pool(10, { monitor_ids: [uuid(1)], status: "DEGRADED" })],
    };
    project.configure(
      configuration({ full: true, epoch: 2, ...all, members: [dead, alive], monitors: [monitor(1)], standing }),
      true,
      1_000_000,
    );
    const publication = () => [...project.publications.values()][0];
    expect(project.members.get(dead.id)?.status).toBe("DOWN");
    expect(publication()).toMatchObject({ number: 41, confirmed: 41 });
    project.tick(2_000_000);
    expect(publication()).toMatchObject({ number: 41, confirmed: 41 });
    for (const region of regions)
      project.observe([report(region, 2_001_000, alive, "pass"), report(region, 2_001_000, dead, "pass")], 2_001_000);
    project.tick(2_002_000);
    expect(publication()).toMatchObject({ number: 42, epoch: 2, wanted: { answers: [{ values: ["192.0.2.1", "192.0.2.2"] }] } });
  });
});
