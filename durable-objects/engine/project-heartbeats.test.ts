/** Heartbeats: what comes in time, what is late, and when lateness is no evidence. */
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { assignShards } from "./assignments.ts";
import { member, monitor, newProject, pool, regions, uuid, World } from "./project.fixture.ts";
import { memberView, projectView } from "./views.ts";

const id = uuid(1);
const heartbeat = (over: object = {}) => monitor(1, { type: "HEARTBEAT", period: 60, grace: 30, ...over });

let world: World;
beforeEach(() => {
  world = new World();
  world.configure({ monitors: [heartbeat({ version: 2 })] });
});
const clock = (at: number) => `${new Date(at).toISOString().slice(0, 19)}Z`;
const view = (of = world.one.id) => memberView(world.project, of, world.now);
const beat = (memberId: string | null = null) => world.project.beat(id, memberId, world.now);
/** Seconds pass, and the alarm comes whenever it is asked for, as the Engine's does. */
function wait(seconds: number, inspect: () => void = () => undefined): void {
  const end = world.now + seconds * 1_000;
  for (;;) {
    const next = world.project.nextTick();
    world.now = next === null ? end : Math.min(end, Math.max(next, world.now + 1));
    world.project.tick(world.now);
    world.publish();
    inspect();
    if (world.now >= end) return;
  }
}
const statuses = () =>
  world.project
    .drain()
    .writeBack.events.flatMap(({ kind, member_id, to }) => (kind === "member_status" && member_id === world.one.id ? [to] : []));

describe("a heartbeat", () => {
  it("judges its endpoint by itself, and nobody is sent to look", () => {
    expect([...assignShards(world.project.catalog, new Map()).values()].flatMap(({ checks }) => checks)).toEqual([]);
    expect(view()).toMatchObject({ status: "PENDING", reason: "not judged yet: 0 of the 1 votes needed" });
    expect(beat(world.one.id)).toBe(true);
    expect(view()).toMatchObject({ status: "ACTIVE", reason: "1 of 1 regions report it up (down takes 51 %)", stale: false });
    expect(view()?.regions).toMatchObject([
      { region: "kosmos", colo: "local", verdict: "up", has_vote: true, detail: "heartbeat received" },
    ]);
    expect(view(world.two.id)?.status).toBe("PENDING");
    expect(projectView(world.project, world.now).regions_without_vote).toEqual([]);
  });

  it("is of every member without the name of one, and of nobody where nobody waits", () => {
    expect(beat()).toBe(true);
    expect([view()?.status, view(world.two.id)?.status]).toEqual(["ACTIVE", "ACTIVE"]);
    expect(world.project.beat(uuid(2), null, world.now)).toBe(false);
    expect(beat(uuid(999))).toBe(false);
    world.configure({ monitors: [monitor(3)] });
    expect(world.project.beat(uuid(3), null, world.now)).toBe(false);
  });

  it("is late at the very moment when period and grace have passed, and not before", () => {
    beat();
    const last = world.now;
    world.project.drain();
    const moments: number[] = [];
    wait(200, () => {
      if (statuses().includes("DOWN")) moments.push(world.now - last);
    });
    expect(moments).toEqual([90_000]);
    expect(view()).toMatchObject({ status: "DOWN", stale: false });
    expect(view()?.reason).toBe(`1 of 1 regions report it down (quorum 51 %): kosmos: no heartbeat since ${clock(last)}`);
  });

  it("brings its member back at once: one is enough in either direction", () => {
    beat();
    wait(100);
    expect(view()?.status).toBe("DOWN");
    beat(world.one.id);
    expect(view()?.status).toBe("ACTIVE");
    expect(view(world.two.id)?.status).toBe("DOWN");
    wait(0);
    expect(world.answers()).toEqual(["192.0.2.1"]);
  });

  it("that comes within the grace, however late, takes nobody out", () => {
    beat();
    world.project.drain();
    for (let n = 0; n < 20; n += 1) {
      wait(89.999);
      beat();
    }
    expect(statuses()).toEqual([]);
  });

  it("of many members wakes the Engine once a second at most while all report in time", () => {
    const members = Array.from({ length: 300 }, (_, n) => member(1_000 + n, world.pool.id, [`198.51.100.${n % 250}`]));
    world.configure({ members });
    const started = world.now;
    const report = (from: number, to: number) => {
      for (let ms = from; ms < to; ms += 10) {
        world.now = started + ms;
        while ((world.project.nextTick() ?? Number.POSITIVE_INFINITY) <= world.now) {
          alarms += 1;
          world.project.tick(world.now);
        }
        const due = members[Math.round((ms % 60_000) / 200)];
        if (ms % 200 === 0 && due !== undefined) world.project.beat(id, due.id, world.now);
      }
    };
    let alarms = 0;
    report(0, 60_000);
    alarms = 0;
    // Each just when it is due; two others have never reported.
    report(60_000, 120_000);
    expect(alarms).toBeLessThanOrEqual(64);
  });

  it("that never came is missed after period and grace: what was never there is down", () => {
    wait(89);
    expect(view()?.status).toBe("PENDING");
    wait(1);
    expect(view()).toMatchObject({ status: "DOWN" });
    expect(view()?.regions[0]?.detail).toBe(`no heartbeat since it began to be expected at ${clock(1_000_000)}`);
  });

  it("stays known as missing for as long as it is, without being blind, and is told once", () => {
    beat();
    const last = world.now;
    wait(100);
    world.project.drain();
    wait(86_400);
    expect(view()).toMatchObject({ status: "DOWN", stale: false });
    expect(view()?.regions[0]?.detail).toBe(`no heartbeat since ${clock(last)}`);
    expect(world.project.drain().writeBack.events).toEqual([]);
  });

  it("is one of several monitors: the endpoint is down by either", () => {
    world.configure({ pools: [{ ...world.pool, version: 2, monitor_ids: [id, uuid(2)] }], monitors: [monitor(2)] });
    beat();
    for (const region of regions) world.hear(world.one, "pass", [region], { monitor: uuid(2) });
    expect(view()?.status).toBe("ACTIVE");
    for (let n = 0; n < 12; n += 1) {
      wait(10);
      world.hear(world.one, "pass", regions, { monitor: uuid(2) });
    }
    expect(view()?.status).toBe("DOWN");
    expect(world.project.vantage.regions()).toEqual([]);
  });
});

describe("a time in which nobody could hear a heartbeat", () => {
  it("is no evidence: after the Engine was away one whole period and grace is waited for", () => {
    beat();
    world.now += 3_600_000;
    world.project.passive.wasAway(world.now);
    world.project.tick(world.now);
    expect(view()?.status).toBe("ACTIVE");
    wait(89.999);
    expect(view()?.status).toBe("ACTIVE");
    wait(0.001);
    expect(view()?.status).toBe("DOWN");
  });

  it("keeps whom it finds down there", () => {
    beat();
    wait(100);
    world.now += 3_600_000;
    world.project.passive.wasAway(world.now);
    wait(300);
    expect(view()?.status).toBe("DOWN");
  });

  it("is that in which its monitor is off: held, and waited for anew from when it is on", () => {
    beat();
    world.configure({ monitors: [heartbeat({ version: 3, admin_state_up: false })] });
    wait(3_600);
    expect(view()?.status).toBe("ACTIVE");
    expect(beat()).toBe(true);
    world.configure({ monitors: [heartbeat({ version: 4 })] });
    wait(89.999);
    expect(view()?.status).toBe("ACTIVE");
    wait(0.001);
    expect(view()?.status).toBe("DOWN");
  });

  it("does not begin by a change of configuration, which is no evidence: the verdict is kept until there is a new one", () => {
    beat();
    wait(80);
    world.configure({ monitors: [heartbeat({ version: 3, period: 30 })] });
    wait(59.999);
    expect(view()).toMatchObject({ status: "ACTIVE", rejudging: true });
    wait(0.001);
    expect(view()).toMatchObject({ status: "DOWN", rejudging: false });
    world.configure({ monitors: [heartbeat({ version: 4, period: 300 })] });
    expect(view()?.status).toBe("DOWN");
    beat();
    expect(view()?.status).toBe("ACTIVE");
  });
});

describe("clocks", () => {
  it("that are set back make nobody late, nor anybody wait for ever", () => {
    beat();
    world.now -= 3_600_000;
    world.project.tick(world.now);
    expect(view()?.status).toBe("ACTIVE");
    wait(60);
    beat();
    wait(89.999);
    expect(view()?.status).toBe("ACTIVE");
    wait(0.001);
    expect(view()?.status).toBe("DOWN");
    world.now -= 3_600_000;
    world.project.tick(world.now);
    beat();
    expect(view()?.status).toBe("ACTIVE");
  });

  it("that stand still, or stumble, lose no heartbeat", () => {
    beat();
    wait(90);
    expect(view()?.status).toBe("DOWN");
    beat();
    expect(view()?.status).toBe("ACTIVE");
    world.now -= 800;
    beat();
    wait(90);
    expect(view()?.status).toBe("DOWN");
    world.now -= 900;
    beat();
    expect(view()?.status).toBe("ACTIVE");
  });
});

describe("members that come and go", () => {
  it("are waited for from when they are there", () => {
    beat();
    wait(60);
    beat();
    const late = member(102, world.pool.id, ["192.0.2.3"]);
    world.configure({ members: [late] });
    wait(60);
    beat(world.one.id);
    beat(world.two.id);
    wait(29);
    expect(view(late.id)?.status).toBe("PENDING");
    wait(1);
    expect(view(late.id)?.status).toBe("DOWN");
    expect(view()?.status).toBe("ACTIVE");
    world.configure({ deleted: [{ kind: "pool_member", id: late.id }] });
    expect(beat(late.id)).toBe(false);
    wait(300);
  });
});

/** The rule by itself: down from the moment when the last heartbeat, or the wait's begin, is period and grace ago. */
describe("properties of heartbeats", () => {
  it("whenever they come, the member is down exactly while the last is longer ago than period and grace", () => {
    const step = fc.record({ wait: fc.integer({ min: 0, max: 200_000 }), beats: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 30 }),
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 60 }),
        (steps, period, grace) => {
          world = new World();
          const project = newProject();
          Object.assign(world, { project });
          const owner = pool(10, { monitor_ids: [id] });
          world.configure({ pools: [owner], members: [world.one], monitors: [heartbeat({ period, grace })] });
          let since = world.now;
          let heard = false;
          for (const one of steps) {
            wait(one.wait / 1_000);
            // Those that come close together are one.
            if (one.beats) {
              if (!heard || world.now - since >= 1_000 || view()?.status === "DOWN") since = world.now;
              heard = true;
              beat();
            }
            const isLate = world.now - since >= (period + grace) * 1_000;
            expect(view()?.status).toBe(
              isLate ? "DOWN" : heard || project.members.get(world.one.id)?.status !== "PENDING" ? "ACTIVE" : "PENDING",
            );
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
