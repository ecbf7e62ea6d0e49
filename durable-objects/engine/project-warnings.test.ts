/** What should be known and takes nobody out. */
import { beforeEach, describe, expect, it } from "vitest";
import { regions, report, World } from "./project.fixture.ts";
import { gslbView, memberView, poolView } from "./views.ts";

const days = "the certificate expires in 5 days";
let world: World;
beforeEach(() => {
  world = new World();
  world.bothUp();
  world.project.drain();
});

/** A period in which the first member passes with these warnings, by region. */
function period(warnings: Readonly<Record<string, string>>, from: readonly string[] = regions): void {
  world.now += 10_000;
  for (const region of from) {
    const told = report(region, world.now, world.one, "pass");
    const [observation] = told.observations;
    if (observation === undefined) continue;
    const warning = warnings[region];
    world.project.observe([{ ...told, observations: [{ ...observation, ...(warning === undefined ? {} : { warning }) }] }], world.now);
  }
  world.hear(world.two, "pass", from);
  world.project.tick(world.now);
  world.publish();
}
const view = () => memberView(world.project, world.one.id, world.now);
const warned = () => world.project.drain().writeBack.events.filter(({ kind }) => kind === "warning" || kind === "member_status");

describe("a warning", () => {
  it("of one region makes the member DEGRADED, in rotation, and says why; of none, ACTIVE again", () => {
    period({ weur: days });
    expect(view()).toMatchObject({ status: "DEGRADED", in_rotation: true, reason: days, endpoints: [{ status: "ACTIVE" }] });
    expect(view()?.regions.map(({ warning }) => warning)).toEqual([days, undefined, undefined]);
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
    expect(poolView(world.project, world.pool.id, world.now)).toMatchObject({ status: "DEGRADED", healthy: 2, usable: true });
    expect(gslbView(world.project, world.gslb.id, world.now)?.status).toBe("DEGRADED");
    const [first, second, ...rest] = warned();
    expect(first).toMatchObject({ kind: "warning", severity: "warning", from: "false", to: "true", reason: days, rule: "warning" });
    expect(first?.evidence).toMatchObject({ warnings: [{ region: "weur", endpoint: "192.0.2.1", warning: days }] });
    expect(second).toMatchObject({ kind: "member_status", from: "ACTIVE", to: "DEGRADED", reason: days, rule: "warning" });
    expect(rest).toEqual([]);
    period({});
    expect(view()?.status).toBe("ACTIVE");
    expect(warned()).toMatchObject([
      { kind: "warning", severity: "info", from: "true", to: "false", reason: `no longer: ${days}` },
      { kind: "member_status", to: "ACTIVE" },
    ]);
  });

  it("is told once, though its words change from day to day", () => {
    period({ weur: days });
    warned();
    period({ weur: "the certificate expires in 4 days" });
    expect(warned()).toEqual([]);
    expect(view()?.reason).toBe("the certificate expires in 4 days");
    expect(world.project.members.get(world.one.id)?.reason).toBe("the certificate expires in 4 days");
  });

  it("does not keep anybody in who fails, and takes nobody out of the sum", () => {
    period({ weur: days });
    world.oneDies();
    world.oneDies();
    expect(view()).toMatchObject({ status: "DOWN", in_rotation: false });
    world.bothUp();
    world.bothUp();
    expect(view()).toMatchObject({ status: "ACTIVE" });
  });

  it("goes when the region that warned is not heard any more while others are, and stays when nobody is", () => {
    period({ weur: days });
    for (let n = 0; n < 4; n += 1) period({}, ["eeur", "enam"]);
    expect(view()?.status).toBe("ACTIVE");
    period({ eeur: days });
    for (let n = 0; n < 10; n += 1) period({}, []);
    expect(view()).toMatchObject({ status: "DEGRADED", stale: true });
  });

  it("of a region without a vote counts for nothing", () => {
    world.configure({ pools: [{ ...world.pool, version: 2 }] });
    world.now += 60_000;
    // Silent for a minute, and down before: its first pass is no vote yet.
    world.project.observe([report("weur", world.now - 50_000, world.one, "fail")], world.now);
    expect(view()?.status).toBe("ACTIVE");
  });

  it("survives a change of configuration until somebody is heard anew: it is no evidence", () => {
    period({ weur: days });
    world.configure({ monitors: [{ ...world.monitor, version: 2, timeout: 3 }] });
    expect(view()?.status).toBe("DEGRADED");
    world.now += 10_000;
    world.hear(world.one, "pass", regions, { version: 2 });
    world.project.tick(world.now);
    expect(view()?.status).toBe("ACTIVE");
  });

  it("is kept over a restart", () => {
    period({ weur: days });
    const stored = structuredClone(world.project.members.get(world.one.id));
    const heir = new World();
    heir.now = world.now;
    if (stored !== undefined) heir.project.members.set(world.one.id, stored);
    heir.project.resume(heir.now);
    heir.project.tick(heir.now);
    expect(memberView(heir.project, world.one.id, heir.now)).toMatchObject({ status: "DEGRADED", reason: days });
    for (let n = 0; n < 2; n += 1) heir.bothUp();
    expect(memberView(heir.project, world.one.id, heir.now)?.status).toBe("ACTIVE");
  });
});
