/** What a project keeps: through a start, through a backup of the Conductor that was put back, while it is blind, and when all is down. */
import { beforeEach, describe, expect, it } from "vitest";
import type { OutcomeKind } from "../../domain/observation.ts";
import type { Override } from "../../domain/override.ts";
import { configuration, gslb, member, newProject, pool, regions, report, uuid, World } from "./project.fixture.ts";
import type { Project } from "./project.ts";

let world: World;
beforeEach(() => {
  world = new World();
});

const wantedBy = (project: Project): readonly string[] => {
  const [publication] = project.publications.values();
  const plan = publication?.wanted ?? null;
  return plan === null || plan === "removed" ? [] : plan.answers.flatMap((answer) => answer.values);
};

function overrideOf(of: World, over: Partial<Override>): Override {
  return {
    id: uuid(9_000),
    project_id: "default",
    selector: { member_id: of.one.id },
    state: "down",
    reason: null,
    starts_at: null,
    expires_at: null,
    force: false,
    by: "oncall",
    created_at: new Date(of.now).toISOString(),
    ended: null,
    ...over,
  };
}

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
    next.tick(world.now);
    const at = next.nextTick();
    expect(at).toBe(world.now + 60_000);
    next.tick(at ?? 0);
    expect(wantedBy(next)).toEqual(["192.0.2.1", "192.0.2.2"]);
    // Also where that time has come while nobody was there.
    const late = restarted(world.project, world.now + 600_000);
    late.tick(late.nextTick() ?? 0);
    expect(wantedBy(late)).toEqual(["192.0.2.1", "192.0.2.2"]);
  });

  it("is no word of the people whose overrides stand: a name that is held stays held", () => {
    world.bothUp();
    const one = overrideOf(world, { state: "drain" });
    world.configure({ overrides: [one] });
    world.publish();
    const held = [...world.project.publications.values()][0];
    if (held === undefined) throw new Error("nothing is published");
    world.project.publish({ ...held, hold: { kind: "hand_edit", found: "A 203.0.113.66", at: world.now } });
    const next = restarted(world.project, world.now);
    next.tick(next.nextTick() ?? 0);
    expect([...next.publications.values()][0]).toMatchObject({ number: held.number, hold: { kind: "hand_edit" } });
  });

  it("believes the regions no more than before: what most of them contradict is looked at before anything is judged", () => {
    world.bothUp();
    const next = restarted(world.project, world.now);
    let looks = 0;
    const look = next.vantage.look.bind(next.vantage);
    next.vantage.look = (...args) => {
      looks += 1;
      expect(looks > 1 || next.members.get(world.one.id)?.status === "ACTIVE").toBe(true);
      look(...args);
    };
    next.observe([report("weur", world.now, world.one, "fail")], world.now);
    expect(looks).toBe(2);
  });

  it("takes nobody out for a row that could not be read", () => {
    world.bothUp();
    world.project.members.delete(world.one.id);
    const next = restarted(world.project, world.now);
    next.tick(next.nextTick() ?? 0);
    expect(wantedBy(next)).toEqual(["192.0.2.1", "192.0.2.2"]);
    expect(next.members.get(world.one.id)).toMatchObject({ status: "ACTIVE" });
    // It is judged anew like any other.
    for (let n = 0; n < 4; n += 1) {
      world.now += 10_000;
      for (const region of regions) next.observe([report(region, world.now, world.one, "fail")], world.now);
    }
    expect(wantedBy(next)).toEqual(["192.0.2.2"]);
  });
});

describe("an Engine without state", () => {
  const adopted = (over: Parameters<typeof configuration>[0]) => {
    const next = newProject();
    const { pool: ours, monitor } = world;
    const standing = [
      {
        gslb_id: world.gslb.id,
        flavor: "edge",
        plan: 7,
        epoch: 0,
        answers: [
          {
            type: "A" as const,
            values: ["192.0.2.2"],
            ttl: 30,
            pool_id: ours.id,
            weight: null,
            pool_weight: null,
            locations: [],
            geofence: false,
            region: null,
          },
        ],
      },
    ];
    const base = { full: true, pools: [ours], monitors: [monitor], gslbs: [world.gslb], members: world.members, standing };
    next.configure(configuration({ ...base, ...over }), true, world.now);
    return next;
  };
  const [down, up] = [{ status: "DOWN" as const }, { status: "ACTIVE" as const, in_rotation: true }];

  it("writes nothing before a quorum has voted anew, also where statuses and plan do not agree, however long that takes", () => {
    const next = adopted({
      members: [
        { ...world.one, ...up },
        { ...world.two, ...up },
      ],
    });
    const standing = () => [...next.publications.values()][0];
    expect([wantedBy(next), standing()?.number]).toEqual([["192.0.2.2"], 7]);
    world.now += 3_600_000;
    next.tick(world.now);
    expect([wantedBy(next), standing()?.number]).toEqual([["192.0.2.2"], 7]);
    for (const one of world.members) for (const region of regions) next.observe([report(region, world.now, one, "pass")], world.now);
    next.tick(world.now);
    expect([wantedBy(next), standing()?.number]).toEqual([["192.0.2.1", "192.0.2.2"], 8]);
  });

  it("does not ask anew whether an override that began long ago should begin", () => {
    const began = new Date(world.now - 3_600_000).toISOString();
    const drain = overrideOf(world, { state: "drain", starts_at: began, created_at: new Date(world.now - 7_200_000).toISOString() });
    const members = [
      { ...world.one, ...up },
      { ...world.two, ...down },
    ];
    const next = adopted({ members, overrides: [drain], pools: [{ ...world.pool, min_healthy_percent: 50 }] });
    expect(next.overrides.get(drain.id)).toMatchObject({ begun: true, refused: false });
    expect(next.drain().writeBack.ended).toEqual([]);
  });

  it("holds back who was out for as long as the pool says", () => {
    const members = [
      { ...world.one, ...down },
      { ...world.two, ...up },
    ];
    const next = adopted({ members, pools: [{ ...world.pool, failback_delay: 600 }] });
    for (let n = 0; n < 6; n += 1) {
      world.now += 10_000;
      for (const one of world.members) for (const region of regions) next.observe([report(region, world.now, one, "pass")], world.now);
      next.tick(world.now);
    }
    expect(next.members.get(world.one.id)?.status).toBe("ACTIVE");
    expect(wantedBy(next)).toEqual(["192.0.2.2"]);
  });

  it("knows where traffic stays and who was served last from what is published", () => {
    const next = adopted({ gslbs: [{ ...world.gslb, failback: "manual", on_all_down: "last_known" }] });
    expect(next.gslbs.get(world.gslb.id)).toMatchObject({
      stayAt: world.pool.id,
      lastKnown: [{ memberId: world.two.id, endpoints: ["192.0.2.2"] }],
    });
  });
});

describe("a clock that was set back", () => {
  it("makes a first plan wait no longer than it may", () => {
    const late = pool(30, { monitor_ids: [uuid(1)] });
    world.configure({ pools: [late], members: [member(300, late.id, ["198.51.100.1"])], gslbs: [gslb(1_001, [late.id])] });
    world.now -= 3_600_000;
    world.project.tick(world.now);
    for (let n = 0; n < 12; n += 1) {
      world.now += 5_000;
      world.project.tick(world.now);
      world.publish();
    }
    expect(world.answers(uuid(1_001))).toEqual(["198.51.100.1"]);
  });

  it("leaves a replaced address no longer than it may stay", () => {
    world.bothUp();
    world.configure({ members: [{ ...world.one, version: 2, endpoints: ["203.0.113.1"] }] });
    world.publish();
    expect(world.answers()).toEqual(["192.0.2.1", "192.0.2.2"]);
    world.now -= 3_600_000;
    world.project.tick(world.now);
    for (let n = 0; n < 13; n += 1) {
      world.now += 5_000;
      world.project.tick(world.now);
      world.publish();
    }
    expect(world.answers()).toEqual(["192.0.2.2"]);
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
