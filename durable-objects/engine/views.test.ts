/** When a member that left the answers may be stopped: not before the last resolver has forgotten it. */
import { beforeEach, describe, expect, it } from "vitest";
import type { Configuration } from "../rpc.ts";
import { gslb, uuid, World } from "./project.fixture.ts";
import { memberView } from "./views.ts";

let world: World;
beforeEach(() => {
  world = new World();
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
