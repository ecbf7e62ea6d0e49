import { beforeEach, describe, expect, it } from "vitest";
import { gslb, member, pool, uuid, World } from "./project.fixture.ts";
import { memberView, poolView } from "./views.ts";

let world: World;
beforeEach(() => {
  world = new World();
});

const iso = (at: number) => new Date(at).toISOString();

describe("overrides", () => {
  beforeEach(() => world.bothUp());

  it("down takes a member out at once, and removing it brings it back; its health is shown as it is", () => {
    world.configure({ overrides: [world.override(1, { member_id: world.one.id })] });
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.2"]);
    expect(memberView(world.project, world.one.id, world.now)).toMatchObject({
      status: "ACTIVE",
      override: { state: "down", by: "oncall" },
    });
    world.configure({ deleted: [{ kind: "override", id: uuid(1) }] });
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
  });

  it("up keeps one in that every region reports down", () => {
    world.configure({ overrides: [world.override(1, { member_id: world.one.id }, { state: "up" })] });
    for (let n = 0; n < 3; n += 1) world.oneDies();
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
    expect(memberView(world.project, world.one.id, world.now)?.status).toBe("DOWN");
  });

  it("the most specific wins; of equals the newest", () => {
    world.configure({
      overrides: [
        world.override(1, { member_id: world.one.id }, { state: "up" }),
        world.override(2, { pool_id: world.pool.id }, { state: "drain" }),
        world.override(3, { member_id: world.one.id }, { state: "drain" }),
        world.override(4, { member_id: world.one.id }, { state: "up" }),
      ],
    });
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.1"]);
  });

  it("begins at its time, is announced a quarter of an hour before it ends, and ends by itself", () => {
    const starts = world.now + 60_000;
    const ends = starts + 3_600_000;
    world.configure({ overrides: [world.override(1, { member_id: world.one.id }, { starts_at: iso(starts), expires_at: iso(ends) })] });
    world.publish();
    expect(world.answers()).toHaveLength(2);
    expect(world.project.nextTick()).toBe(starts);
    const step = (at: number) => {
      world.now = at;
      world.project.tick(at);
      world.publish();
    };
    step(starts);
    expect(world.answers()).toEqual(["192.0.2.2"]);
    expect(world.said("override").map((event) => event.reason)).toEqual(["the override down of member-100 begins (CHG-1)"]);
    expect(world.project.nextTick()).toBe(ends - 900_000);
    step(ends - 900_000);
    expect(world.said("override")[0]?.reason).toContain("ends at");
    step(ends);
    expect(world.said("override_expired")).toHaveLength(1);
    expect(world.answers()).toHaveLength(2);
    step(ends + 1);
    expect(world.said("override_expired")).toHaveLength(0);
    step(ends + 86_400_000);
    expect(world.project.catalog.overrides.size + world.project.overrides.size).toBe(0);
  });

  it("that was to begin later is not begun when too little would be left, unless it is forced", () => {
    const starts = world.now + 60_000;
    const late = (n: number, force: boolean) =>
      world.override(n, { pool_id: world.pool.id }, { state: "drain", starts_at: iso(starts), force });
    world.configure({ overrides: [late(1, false)] });
    world.now = starts;
    world.project.tick(starts);
    const { ended, events: said } = world.project.drain().writeBack;
    expect(ended).toEqual([{ override_id: uuid(1), reason: expect.stringContaining("would_empty") }]);
    expect(said.find((event) => event.kind === "override")).toMatchObject({ severity: "critical" });
    world.publish();
    expect(world.answers()).toHaveLength(2);
    world.configure({ overrides: [late(2, true)] });
    world.publish();
    // Nobody may be served: what is published stays.
    expect(world.answers()).toHaveLength(2);
    expect(world.project.gslbs.get(world.gslb.id)?.status).toBe("ERROR");
  });

  it("the pre-flight says what would be left of every GSLB, and changes nothing", () => {
    const { impact, matched } = world.project.preflight(world.override(1, { member_id: world.one.id }, { state: "drain" }), world.now);
    expect(matched).toEqual([{ pool_id: world.pool.id, member_id: world.one.id, name: "member-100" }]);
    expect(impact).toEqual([
      {
        gslb_id: world.gslb.id,
        fqdn: world.gslb.fqdn,
        before: ["192.0.2.1", "192.0.2.2"],
        after: ["192.0.2.2"],
        healthy_left: 1,
        capacity_left_percent: 50,
        verdict: "degraded",
      },
    ]);
    expect(world.project.preflight(world.override(1, { pool_id: world.pool.id }, { state: "drain" }), world.now).impact[0]?.verdict).toBe(
      "would_empty",
    );
    // One that stands already is compared with how it would be without it.
    const standing = world.override(9, { member_id: world.one.id }, { state: "drain" });
    world.configure({ overrides: [standing] });
    expect(world.project.preflight(standing, world.now).impact).toEqual(impact);
    world.configure({ deleted: [{ kind: "override", id: standing.id }] });
    world.configure({ pools: [{ ...world.pool, version: 2, min_healthy_percent: 100 }] });
    expect(world.project.preflight(world.override(1, { member_id: world.one.id }), world.now).impact[0]?.verdict).toBe("below_min_healthy");
    world.publish();
    expect(world.answers()).toHaveLength(2);
  });

  const shares = [10, 20, 30, 40, 50, 60, 70, 80, 90].map((percent) => [percent, 9] as const);
  it.each([...shares, [14, 50] as const, [28, 25] as const, [56, 25] as const])(
    "alone decide whether a pool with min_healthy_percent %i of %i members is usable",
    (percent, size) => {
      const members = Array.from({ length: size }, (_, index) => member(2_000 + index, uuid(20), [`198.51.100.${index}`]));
      const nine = pool(20, { min_healthy_percent: percent });
      world.configure({ pools: [nine], members, gslbs: [gslb(1_001, [nine.id, world.pool.id])] });
      world.publish();
      for (let down = 0; down <= size; down += 1) {
        if (down > 0) world.configure({ overrides: [world.override(down, { member_id: uuid(1_999 + down) })] });
        world.publish();
        const up = size - down;
        const usable = up >= Math.max(1, Math.ceil((percent * size) / 100));
        expect(poolView(world.project, nine.id, world.now)?.usable).toBe(usable);
        const first = world.answers(uuid(1_001))?.[0];
        expect(first?.startsWith("198.51.100.")).toBe(usable);
      }
    },
  );
});
