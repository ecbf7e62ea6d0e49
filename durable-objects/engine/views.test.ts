/** What a member shows: why it is judged as it is while nobody is heard, and when it may be stopped after it left the answers. */
import { beforeEach, describe, expect, it } from "vitest";
import type { Configuration } from "../rpc.ts";
import { gslb, uuid, World } from "./project.fixture.ts";
import { memberView } from "./views.ts";

let world: World;
beforeEach(() => {
  world = new World();
});

describe("the reason of a member whose monitors changed", () => {
  const view = () => memberView(world.project, world.one.id, world.now);
  const attach = (ids: string[], version: number) => world.configure({ pools: [{ ...world.pool, monitor_ids: ids, version }] });

  it("is that the monitor was not heard yet, and that what was decided stands, until somebody says something", () => {
    attach([], 2);
    expect(view()).toMatchObject({ status: "ACTIVE", rejudging: false, reason: "no monitor is attached" });
    attach([uuid(1)], 3);
    expect(view()).toMatchObject({
      status: "ACTIVE",
      rejudging: true,
      reason: "its monitors were not heard since they changed: ACTIVE stands, as decided before (no monitor is attached)",
    });
    world.now += 10_000;
    world.hear(world.one, "pass", ["weur"]);
    expect(view()).toMatchObject({ rejudging: true, reason: "1 of 1 regions report it up (down takes 51 %)" });
  });

  it("keeps why it was down", () => {
    for (let n = 0; n < 3; n += 1) world.oneDies();
    // As it was when it was decided: by the first two that said so.
    const why = "2 of 2 regions report it down (quorum 51 %): weur, eeur: fail";
    world.configure({ monitors: [{ ...world.monitor, port: 81, version: 2 }] });
    expect(view()).toMatchObject({
      status: "DOWN",
      rejudging: true,
      reason: `its monitors were not heard since they changed: DOWN stands, as decided before (${why})`,
    });
  });
});

describe("safe_to_stop_at", () => {
  const ttl = (seconds: number, version: number): Partial<Configuration> => ({ gslbs: [{ ...world.gslb, ttl: seconds, version }] });
  const drain = (): Partial<Configuration> => ({
    overrides: [
      {
        id: uuid(1),
        project_id: "default",
        selector: { member_id: world.one.id },
        state: "down",
        reason: "CHG-1",
        starts_at: null,
        expires_at: null,
        force: false,
        by: "oncall",
        created_at: new Date(world.now).toISOString(),
        ended: null,
      },
    ],
  });
  const safeAt = () => memberView(world.project, world.one.id, world.now)?.safe_to_stop_at;
  const iso = (at: number) => new Date(at).toISOString();

  it("is a TTL after the member left", () => {
    world.bothUp();
    expect(safeAt()).toBeNull();
    world.configure(drain());
    expect([world.answers(), safeAt()]).toEqual([["192.0.2.1", "192.0.2.2"], null]);
    world.publish();
    expect([world.answers(), safeAt()]).toEqual([["192.0.2.2"], iso(world.now + 30_000)]);
  });

  it("counts the TTL of the answers that had it, not of those that came after", () => {
    world.configure(ttl(3_600, 2));
    world.bothUp();
    world.configure({ ...ttl(30, 3), ...drain() });
    world.publish();
    const left = world.now;
    expect([world.answers(), safeAt()]).toEqual([["192.0.2.2"], iso(left + 3_600_000)]);
    // What comes later does not bring it nearer.
    world.now += 60_000;
    world.configure(ttl(10, 4));
    world.publish();
    expect(safeAt()).toBe(iso(left + 3_600_000));
  });

  it("counts the TTL of a plan that was replaced before anybody knew whether it was taken", () => {
    world.bothUp();
    world.configure(ttl(3_600, 2));
    world.configure({ ...ttl(30, 3), ...drain() });
    world.publish();
    expect(safeAt()).toBe(iso(world.now + 3_600_000));
  });

  it("is not known while a first plan of another name may be live", () => {
    world.bothUp();
    world.configure(drain());
    world.publish();
    expect(safeAt()).not.toBeNull();
    world.configure({ gslbs: [gslb(1_001, [uuid(10)])] });
    expect(world.answers(uuid(1_001))).toBeNull();
    expect(safeAt()).toBeNull();
    world.publish();
    expect(safeAt()).not.toBeNull();
  });
});
