/** From where an endpoint is checked, and by whose word it is judged: regions that cannot, monitors that only observe, members that nobody can check. */
import { beforeEach, describe, expect, it } from "vitest";
import type { Member } from "../../domain/member.ts";
import { assignShards } from "./assignments.ts";
import { member, monitor, pool, regions, uuid, World } from "./project.fixture.ts";
import { memberView, poolView, projectView } from "./views.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
const view = (id = world.one.id) => memberView(world.project, id, world.now);
const checkedFrom = () => {
  const shards = [...assignShards(world.project.catalog, new Map()).values()];
  return shards.filter(({ checks }) => checks.length > 0).map(({ region }) => region);
};

describe("the regions that run a check", () => {
  it("are those that have what it needs: of an address by HTTPS the agents", () => {
    world.configure({ monitors: [{ ...world.monitor, type: "HTTPS", version: 2, check_regions: ["weur", "paris", "lyon"] }] });
    expect(new Set(view()?.regions.map(({ region }) => region))).toEqual(new Set(["paris", "lyon"]));
    expect(checkedFrom().toSorted()).toEqual(["lyon", "paris"]);
    world.hear(world.one, "pass", ["weur"], { version: 2 });
    expect(view()?.status).toBe("PENDING");
    // A majority of two.
    world.hear(world.one, "pass", ["paris"], { version: 2 });
    expect(view()).toMatchObject({ status: "PENDING", reason: "not judged yet: 1 of the 2 votes needed" });
    world.hear(world.one, "pass", ["lyon"], { version: 2 });
    expect(view()?.status).toBe("ACTIVE");
  });

  it("differ from endpoint to endpoint of one member", () => {
    const both = { ...world.one, version: 2, endpoints: ["192.0.2.1", "10.0.0.1"] };
    world.configure({ members: [both], monitors: [{ ...world.monitor, version: 2, check_regions: ["weur", "enam", "paris"] }] });
    const from = (endpoint: string) =>
      view()
        ?.regions.filter((one) => one.endpoint === endpoint)
        .map(({ region }) => region);
    expect(from("192.0.2.1")).toEqual(["weur", "enam", "paris"]);
    expect(from("10.0.0.1")).toEqual(["paris"]);
    for (const endpoint of both.endpoints) world.hear(both, "pass", ["weur", "enam", "paris"], { version: 2, endpoint });
    expect(view()?.endpoints.map(({ votes }) => votes.up)).toEqual([3, 1]);
    expect(view()?.status).toBe("ACTIVE");
  });

  it("are Workers for private addresses where the deployment lets them, and a change of that starts the counters anew", () => {
    world.configure({ members: [{ ...world.one, version: 2, endpoints: ["10.0.0.1"] }] });
    expect(view()?.status).toBe("ERROR");
    world.project.setRegions(regions, "1", world.now);
    expect(view()?.regions.map(({ region }) => region)).toEqual(regions);
    expect(view()).toMatchObject({ status: "ERROR", reason: "not judged yet: 0 of the 2 votes needed" });
    for (const region of regions) world.hear(world.one, "pass", [region], { endpoint: "10.0.0.1" });
    expect(view()?.status).toBe("ACTIVE");
  });

  it("are as they were where nothing of this is asked: nobody is judged anew by the upgrade", () => {
    const { catalog } = world.project;
    expect(catalog.fingerprintOf(world.one)).toBe(JSON.stringify([[[uuid(1), 1, regions]], 51, null, null, null, null]));
    const from = (one: Member) =>
      catalog.rosterOf(one).regionsFor(catalog.rosterOf(one).voters[0] ?? world.monitor, one.endpoints[0] ?? "");
    expect(from(world.one)).toBe(from(world.two));
  });
});

describe("a member that nobody can check", () => {
  const https = () => world.configure({ monitors: [{ ...world.monitor, type: "HTTPS", version: 2 }] });

  it("is ERROR, says what is missing, and stays as it was judged: published, or not", () => {
    world.bothUp();
    world.oneDies();
    world.oneDies();
    expect(world.answers()).toEqual(["192.0.2.2"]);
    world.said("");
    https();
    world.publish();
    expect(view(world.two.id)).toMatchObject({
      status: "ERROR",
      in_rotation: true,
      stale: false,
      reason: "no vantage point can check 192.0.2.2: tls is needed",
      endpoints: [{ status: "ACTIVE" }],
    });
    expect(view()).toMatchObject({ status: "ERROR", in_rotation: false, endpoints: [{ status: "DOWN" }] });
    for (let n = 0; n < 30; n += 1) world.period([]);
    expect(world.answers()).toEqual(["192.0.2.2"]);
    expect(world.project.blind).toBe(false);
    expect(poolView(world.project, world.pool.id, world.now)).toMatchObject({ status: "DEGRADED", healthy: 1, enabled: 2 });
    const told = world.project.drain().writeBack.events.filter(({ kind }) => kind === "member_status");
    expect(told.map(({ from, to, rule }) => [from, to, rule])).toEqual([
      ["DOWN", "ERROR", "capability"],
      ["ACTIVE", "ERROR", "capability"],
    ]);
    expect(projectView(world.project, world.now).problems.map(({ kind }) => kind)).toContain("member_error");
  });

  it("is as it was judged when it can be checked again, and falls by votes alone", () => {
    world.bothUp();
    https();
    world.configure({ monitors: [{ ...world.monitor, version: 3 }] });
    expect(view()).toMatchObject({ status: "ACTIVE", rejudging: true });
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
    for (let n = 0; n < 2; n += 1) {
      world.now += 10_000;
      world.hear(world.one, "fail", regions, { version: 3 });
    }
    world.publish();
    expect(view()?.status).toBe("DOWN");
    expect(world.answers()).toEqual(["192.0.2.2"]);
  });

  it("counts for nothing where it was never judged, is served by nobody else's side, and is not PENDING again", () => {
    const lost = member(102, world.pool.id, ["10.0.0.3"]);
    world.configure({ members: [lost] });
    world.bothUp();
    expect(view(lost.id)).toMatchObject({
      status: "ERROR",
      in_rotation: false,
      reason: "no vantage point can check 10.0.0.3: private is needed",
    });
    expect(poolView(world.project, world.pool.id, world.now)).toMatchObject({ enabled: 2, healthy: 2, status: "ACTIVE" });
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
  });

  it("is DEGRADED where another monitor can be run: what that one says decides", () => {
    world.bothUp();
    world.configure({
      pools: [{ ...world.pool, version: 2, monitor_ids: [uuid(1), uuid(2)] }],
      monitors: [monitor(2, { type: "HTTPS" })],
    });
    world.bothUp();
    expect(view()).toMatchObject({ status: "DEGRADED", in_rotation: true, reason: "no vantage point can check 192.0.2.1: tls is needed" });
    world.oneDies();
    world.oneDies();
    expect(view()).toMatchObject({ status: "DOWN", in_rotation: false });
  });

  it("is DEGRADED from when such a monitor is switched on, and no longer than it is", () => {
    const https = (over: object) => monitor(2, { type: "HTTPS", ...over });
    world.configure({
      pools: [{ ...world.pool, version: 2, monitor_ids: [uuid(1), uuid(2)] }],
      monitors: [https({ admin_state_up: false })],
    });
    world.bothUp();
    expect(view()?.status).toBe("ACTIVE");
    world.configure({ monitors: [https({ version: 2 })] });
    expect(view()?.status).toBe("DEGRADED");
    world.configure({ monitors: [https({ version: 3, admin_state_up: false })] });
    expect(view()?.status).toBe("ACTIVE");
  });

  it("is not ERROR by a monitor that is switched off", () => {
    world.bothUp();
    world.configure({ monitors: [{ ...world.monitor, type: "HTTPS", version: 2, admin_state_up: false }] });
    expect(view()?.status).toBe("ACTIVE");
    world.configure({ monitors: [{ ...world.monitor, type: "HTTPS", version: 3 }] });
    expect(view()?.status).toBe("ERROR");
    world.configure({ monitors: [{ ...world.monitor, type: "HTTPS", version: 4, admin_state_up: false }] });
    expect(view()?.status).toBe("ACTIVE");
  });

  it("goes on as it stood where the Engine lost its state", () => {
    world.bothUp();
    https();
    world.publish();
    const heir = new World();
    const standing = [
      {
        gslb_id: world.gslb.id,
        flavor: "edge",
        plan: 3,
        epoch: 0,
        answers: [...heir.project.publications.values()][0]?.live?.plan.answers ?? [],
      },
    ];
    heir.project.members.clear();
    heir.project.configure(
      {
        ...{ full: true, epoch: 0, seq: 2, deleted: [], tombstones: [], overrides: [], standing },
        gslbs: [{ ...world.gslb, status: "ACTIVE" }],
        pools: [world.pool],
        monitors: [{ ...world.monitor, type: "HTTPS", version: 2 }],
        members: world.members.map((one) => ({ ...one, status: "ERROR" as const, in_rotation: one === world.one })),
      },
      true,
      world.now,
    );
    const health = (id: string) => Object.values(heir.project.members.get(id)?.endpoints ?? {}).map(({ state }) => state);
    expect(health(world.one.id)).toEqual(["up"]);
    expect(health(world.two.id)).toEqual(["unknown"]);
    expect(heir.project.members.get(world.one.id)?.status).toBe("ERROR");
  });
});

describe("a monitor that only observes", () => {
  const observe = () =>
    world.configure({
      pools: [{ ...world.pool, version: 2, monitor_ids: [uuid(1), uuid(2)] }],
      monitors: [monitor(2, { observe_only: true })],
    });

  it("is run and shown, and takes nobody out", () => {
    observe();
    expect(checkedFrom().toSorted()).toEqual(regions.toSorted());
    for (let n = 0; n < 4; n += 1) {
      for (const one of world.members) world.hear(one, "fail", regions, { monitor: uuid(2) });
      world.bothUp();
    }
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
    const seen = view();
    expect(seen).toMatchObject({ status: "ACTIVE", reason: "3 of 3 regions report it up (down takes 51 %)" });
    expect(seen?.endpoints[0]?.votes).toEqual({ up: 3, down: 0, silent: 0, excluded: [] });
    const shown = seen?.regions.filter((one) => one.monitor_id === uuid(2));
    expect(shown).toHaveLength(3);
    for (const one of shown ?? []) expect(one).toMatchObject({ verdict: "down", has_vote: false, no_vote_reason: "observe only" });
    expect(projectView(world.project, world.now).regions_without_vote).toEqual([]);
  });

  it("brings nobody back either, nor are regions compared by it", () => {
    observe();
    world.bothUp();
    world.oneDies();
    world.oneDies();
    for (let n = 0; n < 4; n += 1) {
      for (const one of world.members) world.hear(one, "pass", regions, { monitor: uuid(2) });
      world.oneDies();
    }
    expect(view()?.status).toBe("DOWN");
    const pools = [21, 22, 23].map((n) => pool(n, { monitor_ids: [uuid(2)] }));
    const others = pools.map((one, n) => member(210 + n, one.id, [`198.51.100.${n}`]));
    world.configure({ pools, members: others });
    for (let n = 0; n < 4; n += 1) {
      world.now += 10_000;
      for (const one of others)
        for (const region of regions) world.hear(one, region === "weur" ? "fail" : "pass", [region], { monitor: uuid(2) });
      world.project.tick(world.now);
    }
    expect(world.project.vantage.regions()).toEqual([]);
  });

  it("leaves a member that has no other ACTIVE, whatever it says", () => {
    const alone = member(110, world.pool.id, ["192.0.2.9"], { monitor_ids: [uuid(2)] });
    observe();
    world.configure({ members: [alone] });
    expect(view(alone.id)).toMatchObject({ status: "ACTIVE", reason: "the monitors that are attached only observe", stale: false });
    for (let n = 0; n < 4; n += 1) {
      world.now += 10_000;
      world.hear(alone, "fail", regions, { monitor: uuid(2) });
    }
    expect(view(alone.id)).toMatchObject({ status: "ACTIVE", in_rotation: true });
    expect(view(alone.id)?.regions.map(({ verdict }) => verdict)).toEqual(["down", "down", "down"]);
    world.configure({ monitors: [monitor(2, { version: 2 })] });
    // It votes from now on: anew, and not by what it only observed.
    expect(view(alone.id)).toMatchObject({ status: "ACTIVE", rejudging: true });
    for (let n = 0; n < 2; n += 1) {
      world.now += 10_000;
      world.hear(alone, "fail", regions, { monitor: uuid(2), version: 2 });
    }
    expect(view(alone.id)?.status).toBe("DOWN");
  });
});

describe("a monitor's target", () => {
  it("is where everyone is checked, and another one starts the counters anew and keeps the verdict", () => {
    world.bothUp();
    world.configure({ monitors: [{ ...world.monitor, version: 2, target: "192.0.2.200" }] });
    expect(view()).toMatchObject({ status: "ACTIVE", rejudging: true });
    const checks = [...assignShards(world.project.catalog, new Map()).values()].flatMap((shard) => shard.checks);
    expect(new Set(checks.map(({ target }) => target.host))).toEqual(new Set(["192.0.2.200"]));
    // Those of before count no more, though they are still on their way.
    world.now += 10_000;
    for (let n = 0; n < 3; n += 1) world.hear(world.one, "fail");
    expect(view()?.regions.every(({ failures }) => failures === 0)).toBe(true);
    world.hear(world.one, "pass", regions, { version: 2 });
    expect(view()).toMatchObject({ status: "ACTIVE", rejudging: false });
  });
});
