/** Scenarios at the edges: gates that lose their members, monitors without a voice, names that come and go while something is under way. */
import { beforeEach, describe, expect, it } from "vitest";
import { newPublication, ownersOf } from "../../domain/publish.ts";
import { gslb, member, monitor, pool, report, uuid, World } from "./project.fixture.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
const key = () => [...world.project.publications.keys()][0] ?? "";
const publication = () => world.project.publications.get(key());
const tombstone = (id = world.gslb.id) => ({ gslb_id: id, fqdn: world.gslb.fqdn, zone: "example.com.", flavor: "edge", remove: true });

describe("a GSLB that loses its members before its first plan", () => {
  it("waits for nothing: no alarm comes for a gate that cannot open", () => {
    world.configure({ deleted: [world.one, world.two].map(({ id }) => ({ kind: "pool_member", id })) });
    world.now += 120_000;
    world.project.tick(world.now);
    expect(world.project.nextTick()).toBeNull();
  });

  it("waits anew when it has some again", () => {
    world.configure({ deleted: [world.one, world.two].map(({ id }) => ({ kind: "pool_member", id })) });
    world.now += 120_000;
    world.project.tick(world.now);
    world.configure({ members: [world.one] });
    world.publish();
    expect(world.answers()).toBeNull();
    world.hear(world.one, "pass");
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.1"]);
  });
});

describe("a second monitor without a voice", () => {
  const second = (over: object = {}) => ({
    monitors: [monitor(2, over)],
    pools: [pool(10, { monitor_ids: [uuid(1), uuid(2)], version: 2 })],
  });

  it("that is switched off does not keep a dead endpoint in the answer", () => {
    world.bothUp();
    world.configure(second({ admin_state_up: false }));
    for (let round = 0; round < 3; round += 1) world.oneDies();
    expect(world.answers()).toEqual(["192.0.2.2"]);
  });

  it("that is switched off does not keep a new member out", () => {
    world = new World();
    world.configure(second({ admin_state_up: false }));
    world.bothUp();
    expect(world.project.members.get(world.one.id)?.status).toBe("ACTIVE");
  });

  it("that never has a result does not keep a dead endpoint in the answer for ever", () => {
    world.bothUp();
    world.configure(second());
    for (let round = 0; round < 6; round += 1) {
      world.oneDies();
      world.hear(world.one, "no_data", undefined, { monitor: uuid(2) });
    }
    expect(world.answers()).toEqual(["192.0.2.2"]);
  });

  it("is waited for, for as long as silence takes, before an endpoint is up", () => {
    world = new World();
    world.configure(second());
    world.bothUp();
    expect(world.project.members.get(world.one.id)?.status).toBe("PENDING");
    for (let round = 0; round < 3; round += 1) world.bothUp();
    expect(world.project.members.get(world.one.id)?.status).toBe("ACTIVE");
  });

  it("that took an endpoint down and is switched off holds it down, until the monitors are judged anew", () => {
    world.configure(second());
    const round = (outcome: "pass" | "fail") => {
      world.bothUp();
      world.hear(world.one, outcome, undefined, { monitor: uuid(2) });
      world.hear(world.two, "pass", undefined, { monitor: uuid(2) });
      world.publish();
    };
    round("pass");
    round("fail");
    round("fail");
    expect(world.answers()).toEqual(["192.0.2.2"]);
    world.configure({ monitors: [monitor(2, { admin_state_up: false, version: 2 })] });
    for (let count = 0; count < 4; count += 1) world.bothUp();
    expect(world.answers()).toEqual(["192.0.2.2"]);
  });
});

describe("a name that goes while a plan is under way", () => {
  it("is not gone when that plan is confirmed, only when its removal is", () => {
    world.bothUp();
    world.oneDies();
    world.now += 10_000;
    world.hear(world.one, "fail");
    const underWay = publication()?.number ?? 0;
    world.configure({ deleted: [{ kind: "gslb", id: world.gslb.id }], tombstones: [tombstone()] });
    world.project.drain();
    world.project.written(key(), underWay, null, world.now, 0.5);
    expect(world.project.drain().writeBack).toMatchObject({ unpublished: [], events: [] });
    world.project.written(key(), publication()?.number ?? 0, null, world.now, 0.5);
    expect(world.project.drain().writeBack.unpublished).toEqual([{ gslb_id: world.gslb.id, flavor: "edge" }]);
  });

  it("made again, is PENDING until a plan of its own is live, whatever its predecessor left there", () => {
    world.bothUp();
    const again = gslb(1002, [uuid(11)], { fqdn: world.gslb.fqdn });
    const fresh = member(110, uuid(11), ["192.0.2.7"]);
    world.configure({
      deleted: [{ kind: "gslb", id: world.gslb.id }],
      gslbs: [again],
      pools: [pool(11, { monitor_ids: [uuid(1)] })],
      members: [fresh],
    });
    expect(world.project.gslbs.get(again.id)?.status).toBe("PENDING");
    world.hear(fresh, "pass");
    expect(world.project.gslbs.get(again.id)?.status).toBe("PENDING");
    world.publish();
    expect(world.project.gslbs.get(again.id)?.status).toBe("ACTIVE");
    expect(world.answers(again.id)).toEqual(["192.0.2.7"]);
  });
});

describe("a check that was under way when its target changed", () => {
  it("is no evidence for the new target", () => {
    world.bothUp();
    const due = world.now + 500;
    world.now += 2_000;
    const moved = { ...world.one, monitor_port: 8_080, version: 2 };
    world.configure({ members: [moved] });
    world.now += 1_000;
    for (const region of ["weur", "eeur", "enam"]) world.project.observe([report(region, due, moved, "fail")], world.now);
    expect(Object.keys(world.project.members.get(moved.id)?.endpoints["192.0.2.1"]?.monitors[uuid(1)]?.series ?? {})).toEqual([]);
  });
});

describe("what the Conductor still calls work in progress", () => {
  it("is settled again when it comes back with a version that was settled before", () => {
    world.bothUp();
    world.project.drain();
    world.configure({ gslbs: [{ ...world.gslb, action: "UPDATE" }] });
    expect(world.project.drain().writeBack.settled).toContainEqual({ kind: "gslb", id: world.gslb.id, version: 1 });
  });
});

describe("in_rotation", () => {
  it("ends for members that were only served because all were down, when their GSLB goes", () => {
    world.bothUp();
    for (let round = 0; round < 3; round += 1)
      world.period([
        [world.one, "fail"],
        [world.two, "fail"],
      ]);
    world.project.drain();
    world.configure({ deleted: [{ kind: "gslb", id: world.gslb.id }] });
    const rotation = world.project.drain().writeBack.statuses.map(({ id, in_rotation }) => [id, in_rotation]);
    expect(rotation).toEqual([
      [world.one.id, false],
      [world.two.id, false],
    ]);
  });
});

describe("a name that is nobody's any more", () => {
  const gone = { deleted: [{ kind: "gslb" as const, id: uuid(1000) }] };

  it("is forgotten once its removal is confirmed and the Conductor knows it", () => {
    world.bothUp();
    world.configure({ ...gone, tombstones: [tombstone()] });
    world.publish();
    world.configure({ tombstones: [tombstone()] });
    expect(world.project.publications.size).toBe(1);
    world.project.drain();
    world.configure({});
    expect(world.project.publications.size).toBe(0);
    expect([...world.project.drain().publications]).toEqual(["edge www1000.example.com."]);
  });

  it("is not forgotten while its removal does not get through", () => {
    world.bothUp();
    world.configure({ ...gone, tombstones: [tombstone()] });
    world.project.written(key(), publication()?.number ?? 0, { class: "retry", detail: "away" }, world.now, 0.5);
    world.configure({});
    expect(publication()).toMatchObject({ wanted: "removed" });
  });

  it("goes with its predecessor's plan when it was made again, published nothing, and is deleted", () => {
    world.bothUp();
    const again = gslb(1002, [], { fqdn: world.gslb.fqdn });
    world.configure({ ...gone, gslbs: [again], tombstones: [tombstone()] });
    world.publish();
    world.configure({ deleted: [{ kind: "gslb", id: again.id }], tombstones: [tombstone(again.id)] });
    expect(ownersOf(publication() ?? newPublication("", "", "", ""))).toEqual([again.id, world.gslb.id]);
  });

  it("leaves records alone that were to stay", () => {
    world.bothUp();
    const again = gslb(1002, [], { fqdn: world.gslb.fqdn });
    world.configure({ ...gone, gslbs: [again] });
    world.configure({ deleted: [{ kind: "gslb", id: again.id }], tombstones: [tombstone(again.id)] });
    expect(ownersOf(publication() ?? newPublication("", "", "", ""))).toEqual([again.id]);
  });
});

describe("an Engine that starts again", () => {
  const five = ["weur", "eeur", "enam", "wnam", "apac"];
  const hear = (outcome: "pass" | "fail", from: readonly string[]) => {
    world.hear(world.one, outcome, from);
    world.hear(world.two, "pass", from);
    world.publish();
  };
  /** Two of five regions see the member dead, one at a time; the others pass, but how fresh they are was lost with the start. */
  const minorityAfterStart = () => {
    world.project.setRegions(five, undefined, world.now);
    world.now += 10_000;
    hear("pass", five);
    world.now += 10_000;
    hear("fail", ["weur", "eeur"]);
    hear("pass", ["enam", "wnam", "apac"]);
    world.now += 5_000;
    for (const { endpoints } of world.project.members.values())
      for (const { monitors } of Object.values(endpoints))
        for (const { series } of Object.values(monitors))
          for (const [region, kept] of Object.entries(series)) series[region] = { ...kept, freshAt: kept.freshAt - 30_000 };
    world.project.startedAt = world.now;
    world.now += 5_000;
  };

  it("does not take those that it has not heard yet for silent: a minority stays one", () => {
    minorityAfterStart();
    hear("fail", ["weur", "eeur"]);
    hear("pass", ["enam"]);
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
    hear("pass", ["wnam", "apac"]);
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
  });

  it("waits for them only as long as silence takes", () => {
    minorityAfterStart();
    for (let round = 0; round < 3; round += 1) {
      hear("fail", ["weur", "eeur", "enam"]);
      world.now += 10_000;
    }
    expect(world.answers()).toEqual(["192.0.2.2"]);
  });
});

describe("counters that started anew", () => {
  it("are no silence: a project is not blind because its quorum was changed", () => {
    world.bothUp();
    world.configure({ pools: [{ ...world.pool, quorum_percent: 60, version: 2 }] });
    world.project.drain();
    world.project.tick(world.now + 1_000);
    expect(world.project.drain().writeBack.events).toEqual([]);
    world.project.tick(world.now + 23_000);
    expect(world.project.drain().writeBack.events.map(({ kind }) => kind)).toEqual(["blind"]);
  });
});

describe("a report that speaks of endpoints nobody has", () => {
  it.each(["constructor", "__proto__", "toString", "203.0.113.99"])("%s changes nothing", (endpoint) => {
    world.bothUp();
    const before = structuredClone([...world.project.members]);
    const { counted } = world.project.observe([report("weur", world.now, world.one, "fail", { endpoint })], world.now);
    expect(counted).toBe(0);
    expect([...world.project.members]).toEqual(before);
  });
});
