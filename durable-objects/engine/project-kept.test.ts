/** What a project keeps: through a start, through a backup of the Conductor that was put back, while it is blind, and when all is down. */
import { beforeEach, describe, expect, it } from "vitest";
import type { OutcomeKind } from "../../domain/observation.ts";
import { configuration, gslb, member, newProject, pool, regions, report, uuid, World } from "./project.fixture.ts";
import type { Project } from "./project.ts";

let world: World;
beforeEach(() => {
  world = new World();
});

/** Another Engine of the same project, which has what the first one stored. */
function restarted(project: Project, now: number): Project {
  const next = newProject();
  const { catalog } = project;
  const [gslbs, pools, members, monitors, overrides] = [
    [...catalog.gslbs.values()],
    [...catalog.pools.values()],
    [...catalog.members.values()],
    [...catalog.monitors.values()],
    [...catalog.overrides.values()],
  ];
  next.catalog.restore({ gslbs, pools, members, monitors, overrides });
  for (const kind of ["members", "pools", "gslbs", "publications", "overrides"] as const)
    for (const [id, state] of project[kind]) (next[kind] as Map<string, unknown>).set(id, structuredClone(state));
  next.startedAt = now;
  next.resume(now);
  return next;
}

describe("a start", () => {
  it("brings who is held back in again at its time, although nobody says anything of it", () => {
    world.configure({ pools: [{ ...world.pool, version: 2, failback_delay: 60 }] });
    world.bothUp();
    for (const outcome of ["fail", "fail", "pass", "pass"] as OutcomeKind[])
      world.period([
        [world.one, outcome],
        [world.two, "pass"],
      ]);
    expect(world.answers()).toEqual(["192.0.2.2"]);
    const next = restarted(world.project, world.now);
    const at = next.nextTick();
    expect(at).toBe(world.now + 60_000);
    next.tick(at ?? 0);
    const [publication] = next.publications.values();
    expect(publication?.wanted).toMatchObject({ answers: [{ values: ["192.0.2.1", "192.0.2.2"] }] });
  });
});

describe("a Conductor that was put back to a backup", () => {
  it("raises the epoch: the next plan is above those that the backup does not know", () => {
    world.bothUp();
    world.project.configure(configuration({ epoch: 1, seq: 2, full: false, gslbs: [world.gslb] }), false, world.now);
    expect(world.project.epoch).toBe(1);
    expect([...world.project.publications.values()]).toMatchObject([{ epoch: 1, wanted: { epoch: 1 } }]);
    // One that knows of fewer changes nothing.
    world.project.configure(configuration({ epoch: 0, seq: 3 }), false, world.now);
    expect(world.project.epoch).toBe(1);
  });
});

describe("what people leave of a member", () => {
  it("is no fall of it: they took away the endpoint that was up", () => {
    const two = { ...world.one, endpoints: ["192.0.2.1", "192.0.2.9"] };
    world.configure({ members: [{ ...two, version: 2 }] });
    const hear = (endpoint: string, outcome: OutcomeKind) => world.hear(two, outcome, undefined, { endpoint });
    for (const outcome of ["pass", "fail", "fail", "fail", "fail", "fail"] as OutcomeKind[]) {
      world.now += 10_000;
      hear("192.0.2.1", "pass");
      hear("192.0.2.9", outcome);
    }
    expect(world.project.members.get(two.id)?.status).toBe("DEGRADED");
    world.configure({ members: [{ ...two, endpoints: ["192.0.2.9"], version: 3 }] });
    expect(world.project.members.get(two.id)).toMatchObject({ status: "DOWN", damping: { fellAt: null, penaltyMs: 0 } });
  });
});

describe("last_known", () => {
  it("is the answer of the last usable pool, however often what is served changed since", () => {
    world.configure({ gslbs: [{ ...world.gslb, version: 2, on_all_down: "last_known" }] });
    world.bothUp();
    for (let round = 0; round < 2; round += 1) {
      world.now += 10_000;
      // In one turn: no plan has only the one that died second.
      const reports = regions.flatMap((region) => world.members.map((one) => report(region, world.now, one, "fail")));
      world.project.observe(reports, world.now);
    }
    expect(world.project.pools.get(world.pool.id)?.usable).toBe(false);
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
    world.configure({ members: [{ ...world.two, version: 2, admin_state_up: false }] });
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.1"]);
    world.configure({ members: [{ ...world.two, version: 3 }] });
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
  });
});

describe("a project of which more than half of the regions disagree with the others", () => {
  const many = [1, 2, 3, 4, 5, 6, 7].map((n) => member(200 + n, uuid(n % 2 === 0 ? 20 : 21), [`198.51.100.${n}`]));
  const period = (outcomes: (region: string, n: number) => OutcomeKind) => {
    world.now += 10_000;
    for (const [n, one] of many.entries())
      for (const region of ["weur", "eeur", "enam"]) world.hear(one, outcomes(region, n + 1), [region]);
    world.project.tick(world.now);
  };

  it("holds what was decided, also of an endpoint that every region fails", () => {
    const pools = [pool(20, { monitor_ids: [uuid(1)] }), pool(21, { monitor_ids: [uuid(1)] })];
    world.configure({ pools, members: many, gslbs: [gslb(1001, [uuid(20), uuid(21)])] });
    period(() => "pass");
    const torn = (region: string, n: number): OutcomeKind =>
      (region === "weur" && n <= 3) || (region === "eeur" && n > 3 && n <= 6) ? "fail" : "pass";
    for (let round = 0; round < 3; round += 1) period(torn);
    expect(world.project.vantage.blind).toBe(true);
    for (let round = 0; round < 3; round += 1) period((region, n) => (n === 7 ? "fail" : torn(region, n)));
    expect(world.project.vantage.blind).toBe(true);
    expect(many.map(({ id }) => world.project.members.get(id)?.status)).toEqual(many.map(() => "ACTIVE"));
    // The regions agree again: what they say counts.
    for (let round = 0; round < 4; round += 1) period((_, n) => (n === 7 ? "fail" : "pass"));
    expect(world.project.vantage.blind).toBe(false);
    expect(world.project.members.get(many[6]?.id ?? "")?.status).toBe("DOWN");
  });
});
