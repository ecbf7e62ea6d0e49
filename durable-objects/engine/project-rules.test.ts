import { beforeEach, describe, expect, it } from "vitest";
import { member, pool, uuid, World } from "./project.fixture.ts";
import { memberView, poolView } from "./views.ts";

let world: World;
beforeEach(() => {
  world = new World();
});

const by = { id: "t", name: "oncall", requestId: "r" };

/** Lets time pass without a word from anybody but the regular results. */
function pass(seconds: number, outcomes: Parameters<World["period"]>[0]): void {
  for (let left = seconds; left > 0; left -= 10) world.period(outcomes);
}

describe("failback delay and damping", () => {
  const bothPass = (): Parameters<World["period"]>[0] => [
    [world.one, "pass"],
    [world.two, "pass"],
  ];
  const fallOnce = () => {
    world.oneDies();
    world.oneDies();
  };

  it("a member that came back stays out for the pool's failback delay, and shows until when", () => {
    world.configure({ pools: [{ ...world.pool, version: 2, failback_delay: 60 }] });
    pass(30, bothPass());
    fallOnce();
    expect(world.answers()).toEqual(["192.0.2.2"]);
    pass(20, bothPass());
    const view = memberView(world.project, world.one.id, world.now);
    expect(view).toMatchObject({ status: "ACTIVE", held: "failback_delay", in_rotation: false });
    expect(Date.parse(view?.held_until ?? "")).toBe(world.now + 60_000);
    pass(50, bothPass());
    expect(world.answers()).toEqual(["192.0.2.2"]);
    pass(10, bothPass());
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
  });

  it("one that falls again within ten minutes is held back longer each time", () => {
    world.bothUp();
    const outFor = () => {
      fallOnce();
      let periods = 0;
      do {
        pass(10, bothPass());
        periods += 1;
      } while (world.answers()?.length === 1 && periods < 100);
      return periods;
    };
    const times = [outFor(), outFor(), outFor(), outFor()];
    // Two passes bring it back; then 0, 10, 20, 40 s of penalty.
    expect(times).toEqual([2, 3, 4, 6]);
  });

  it("yields: who is only held back is served when the others die", () => {
    world.configure({ pools: [{ ...world.pool, version: 2, failback_delay: 3_600 }] });
    pass(30, bothPass());
    fallOnce();
    pass(20, bothPass());
    expect(world.answers()).toEqual(["192.0.2.2"]);
    pass(20, [
      [world.one, "pass"],
      [world.two, "fail"],
    ]);
    expect(world.answers()).toEqual(["192.0.2.1"]);
    expect(world.project.gslbs.get(world.gslb.id)?.outcome).toBe("serve");
  });

  it("who was let in for want of others stays in when they are back", () => {
    world.configure({ pools: [{ ...world.pool, version: 2, failback_delay: 300 }] });
    pass(30, bothPass());
    fallOnce();
    pass(30, bothPass());
    pass(20, [
      [world.one, "pass"],
      [world.two, "fail"],
    ]);
    expect(world.answers()).toEqual(["192.0.2.1"]);
    pass(30, bothPass());
    // Both are held back now, and both are needed, since nobody else is there.
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
    const seen = new Set<string>();
    for (let n = 0; n < 60; n += 1) {
      pass(10, bothPass());
      seen.add(world.answers()?.join() ?? "");
    }
    expect([...seen]).toEqual(["192.0.2.1,192.0.2.2"]);
  });

  it("a pool that became usable again is not preferred before its time, unless there is no other", () => {
    const spare = pool(20);
    const sentinel = member(200, spare.id, ["198.51.100.1"]);
    world.configure({
      pools: [{ ...world.pool, version: 2, failback_delay: 60 }, spare],
      members: [sentinel],
      gslbs: [{ ...world.gslb, version: 2, pool_ids: [world.pool.id, spare.id] }],
    });
    pass(30, bothPass());
    pass(20, [
      [world.one, "fail"],
      [world.two, "fail"],
    ]);
    expect(world.answers()).toEqual(["198.51.100.1"]);
    pass(20, bothPass());
    expect(world.answers()).toEqual(["198.51.100.1"]);
    world.configure({ members: [{ ...sentinel, version: 2, admin_state_up: false }] });
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
    world.configure({ members: [{ ...sentinel, version: 3 }] });
    pass(60, bothPass());
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
  });

  it("what people change is no flap", () => {
    world.bothUp();
    for (const n of [1, 2, 3]) {
      world.configure({ overrides: [world.override(n, { pool_id: world.pool.id }, { state: "down" })] });
      world.configure({ deleted: [{ kind: "override", id: uuid(n) }] });
    }
    expect(world.project.pools.get(world.pool.id)?.damping.penaltyMs).toBe(0);
  });

  it("a clock that was an hour ahead holds nobody for that hour", () => {
    world.configure({ pools: [{ ...world.pool, version: 2, failback_delay: 30 }] });
    pass(30, bothPass());
    fallOnce();
    world.now += 3_600_000;
    pass(20, bothPass());
    expect(world.answers()).toEqual(["192.0.2.2"]);
    world.now -= 3_600_000;
    pass(50, bothPass());
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
  });
});

describe("the removal budget", () => {
  const members = [1, 2, 3, 4].map((last) => member(300 + last, uuid(10), [`192.0.2.1${last}`]));
  const rest = (outcome: "pass" | "fail", from: number) => members.slice(from).map((one) => [one, outcome] as const);

  beforeEach(() => {
    world.configure({
      pools: [{ ...world.pool, version: 2, max_removal_percent: 50 }],
      members,
      deleted: [
        { kind: "pool_member", id: world.one.id },
        { kind: "pool_member", id: world.two.id },
      ],
    });
    pass(
      10,
      rest("pass", 0).map(([one, outcome]) => [one, outcome]),
    );
    world.said("held");
  });

  const die = (count: number) => {
    for (let dead = 1; dead <= count; dead += 1)
      pass(
        20,
        members.map((one, index) => [one, index < dead ? "fail" : "pass"]),
      );
  };

  it("holds in service whoever fell last, shows it DOWN and held, and says so once", () => {
    die(3);
    expect(world.answers()).toEqual(["192.0.2.13", "192.0.2.14"]);
    expect(memberView(world.project, uuid(303), world.now)).toMatchObject({ status: "DOWN", held: "budget", in_rotation: true });
    const said = world.said("held");
    expect(said).toHaveLength(1);
    expect(said[0]?.evidence).toMatchObject({
      max_removal_percent: 50,
      members: 4,
      budget: 2,
      held: [uuid(303)],
      out: [uuid(301), uuid(302)],
    });
  });

  it("lets go what is released, until it was up again", () => {
    die(3);
    world.project.release(world.pool.id, world.now, by);
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.14"]);
    expect(world.said("released")).toMatchObject([{ by: "oncall", evidence: { released: [uuid(303)] } }]);
    pass(
      20,
      members.map((one) => [one, "pass"]),
    );
    expect(world.project.members.get(uuid(303))?.released).toBe(false);
  });

  it("and panic never keep traffic from a healthy second pool when the first dies whole", () => {
    const spare = pool(20);
    world.configure({
      pools: [{ ...world.pool, version: 3, max_removal_percent: 50, panic_percent: 50 }, spare],
      members: [member(200, spare.id, ["198.51.100.1"])],
      gslbs: [{ ...world.gslb, version: 2, pool_ids: [world.pool.id, spare.id] }],
    });
    pass(
      30,
      members.map((one) => [one, "fail"]),
    );
    expect(world.answers()).toEqual(["198.51.100.1"]);
  });

  it("gives way to panic, which serves everybody and says so", () => {
    world.configure({ pools: [{ ...world.pool, version: 3, max_removal_percent: 50, panic_percent: 50 }] });
    die(3);
    expect(world.answers()).toHaveLength(4);
    expect(poolView(world.project, world.pool.id, world.now)).toMatchObject({ panic: true, status: "DEGRADED" });
    expect(world.said("panic")).toMatchObject([
      { to: "true", severity: "critical", evidence: { panic_percent: 50, healthy: 1, enabled: 4 } },
    ]);
  });
});

describe("failback: manual", () => {
  const spare = pool(20);
  const sentinel = member(200, spare.id, ["198.51.100.1"]);

  beforeEach(() => {
    world.configure({
      pools: [spare],
      members: [sentinel],
      gslbs: [{ ...world.gslb, version: 2, pool_ids: [world.pool.id, spare.id], failback: "manual" }],
    });
    world.bothUp();
    pass(20, [
      [world.one, "fail"],
      [world.two, "fail"],
    ]);
  });

  it("waits for somebody's word, and is refused while the preferred pool is not usable", () => {
    expect(world.answers()).toEqual(["198.51.100.1"]);
    expect(world.project.failback(world.gslb.id, world.now, by)).toMatchObject({ ok: false, error: { type: "conflict" } });
    world.bothUp();
    world.bothUp();
    expect(world.answers()).toEqual(["198.51.100.1"]);
    expect(world.project.gslbs.get(world.gslb.id)).toMatchObject({ failbackPending: true, status: "DEGRADED" });
    expect(world.said("failback").map((event) => event.to)).toEqual(["pending"]);
    expect(world.project.failback(world.gslb.id, world.now, by)).toEqual({ ok: true, value: null });
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
    expect(world.said("failback")).toMatchObject([{ by: "oncall", to: world.pool.id }]);
    expect(world.project.gslbs.get(world.gslb.id)).toMatchObject({ failbackPending: false, status: "ACTIVE" });
  });

  it("is refused, and not forgotten, while the preferred pool is held back: it would not go there", () => {
    world.configure({ pools: [{ ...world.pool, version: 2, failback_delay: 600 }] });
    pass(30, [
      [world.one, "pass"],
      [world.two, "pass"],
    ]);
    const refused = world.project.failback(world.gslb.id, world.now, by);
    expect(refused).toMatchObject({ ok: false, error: { type: "conflict", detail: expect.stringContaining("held back for a while") } });
    expect(world.project.gslbs.get(world.gslb.id)?.stayAt).toBe(spare.id);
  });

  it("auto has nothing to send back", () => {
    world.configure({ gslbs: [{ ...world.gslb, version: 3, pool_ids: [world.pool.id, spare.id] }] });
    expect(world.project.failback(world.gslb.id, world.now, by)).toMatchObject({ ok: false, error: { type: "unprocessable" } });
  });
});

describe("the event of a plan", () => {
  it("carries what decided it: the filters with whom they kept and dropped, and who was behind it", () => {
    world.bothUp();
    world.oneDies();
    world.oneDies();
    const said = world.said("published").at(-1);
    expect(said).toMatchObject({ to: "192.0.2.2", rule: "newest_plan" });
    expect(said?.evidence.decided).toMatchObject({
      cause: "automatic",
      steps: [{ filter: "usable", kept: [world.pool.id] }, { filter: "rank" }, { filter: "failover" }],
    });
  });
});

describe("when everything is down", () => {
  const allFail = () =>
    pass(20, [
      [world.one, "fail"],
      [world.two, "fail"],
    ]);

  it("last_known keeps who was served last, less who was deleted since", () => {
    world.configure({ gslbs: [{ ...world.gslb, version: 2, on_all_down: "last_known" }] });
    world.bothUp();
    world.oneDies();
    world.oneDies();
    allFail();
    expect(world.answers()).toEqual(["192.0.2.2"]);
    world.configure({ deleted: [{ kind: "pool_member", id: world.two.id }] });
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.1"]);
  });

  it("fallback_pool is served, though it is in no list of pools, and moves with its members", () => {
    const spare = pool(20);
    const fall = [member(200, spare.id, ["198.51.100.1"]), member(201, spare.id, ["198.51.100.2"])];
    world.configure({
      pools: [spare],
      members: fall,
      gslbs: [{ ...world.gslb, version: 2, on_all_down: "fallback_pool", fallback_pool_id: spare.id }],
    });
    world.bothUp();
    allFail();
    expect(world.answers()).toEqual(["198.51.100.1", "198.51.100.2"]);
    expect(world.project.gslbs.get(world.gslb.id)?.status).toBe("DOWN");
    world.configure({ members: [{ ...(fall[0] as (typeof fall)[0]), version: 2, admin_state_up: false }] });
    world.publish();
    expect(world.answers()).toEqual(["198.51.100.2"]);
    expect(world.said("all_down")).toHaveLength(1);
  });

  it("the fallback pool's members leave the rotation when traffic goes back, although they fail as before", () => {
    const spare = pool(20, { monitor_ids: [uuid(1)] });
    const sorry = member(200, spare.id, ["198.51.100.1"]);
    world.configure({
      pools: [spare],
      members: [sorry],
      gslbs: [{ ...world.gslb, version: 2, on_all_down: "fallback_pool", fallback_pool_id: spare.id }],
    });
    const all = (outcome: "pass" | "fail") =>
      pass(30, [
        [world.one, outcome],
        [world.two, outcome],
        [sorry, "fail"],
      ]);
    all("pass");
    all("fail");
    expect([world.answers(), memberView(world.project, sorry.id, world.now)?.in_rotation]).toEqual([["198.51.100.1"], true]);
    all("pass");
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
    expect(memberView(world.project, sorry.id, world.now)?.in_rotation).toBe(false);
  });
});
