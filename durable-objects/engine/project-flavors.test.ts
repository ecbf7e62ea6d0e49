/** A GSLB at several backends: the same answers at each, none held up by another, and a move from one to the next without a gap. */
import { beforeEach, describe, expect, it } from "vitest";
import { isWatched } from "../../domain/drift.ts";
import type { Gslb } from "../../domain/gslb.ts";
import type { Publication } from "../../domain/publish.ts";
import type { Configuration } from "../rpc.ts";
import { noBackends } from "./flavors.ts";
import { configuration, gslb, member, newProject, pool, regions, report, uuid, World } from "./project.fixture.ts";
import type { Project } from "./project.ts";
import { gslbView, memberView, projectView } from "./views.ts";

const names = (...flavors: string[]): Partial<Gslb> => ({ flavor: flavors[0] ?? "", flavors });

let world: World;
beforeEach(() => {
  world = new World();
});
const at = (flavor: string, project: Project = world.project): Publication | undefined =>
  project.publications.get(`${flavor} ${world.gslb.fqdn}`);
const values = (flavor: string): readonly string[] | undefined => at(flavor)?.live?.plan.answers.flatMap((set) => set.values);
const refused = (flavor: string, detail = "the server is away") =>
  world.project.written(`${flavor} ${world.gslb.fqdn}`, at(flavor)?.number ?? 0, { class: "retry", detail }, world.now, 0.5);
const place = (version: number, flavors: readonly string[], over: Partial<Configuration> = {}) =>
  world.configure({ gslbs: [{ ...world.gslb, version, action: "UPDATE", ...names(...flavors) }], ...over });
const left = (flavor: string, id = world.gslb.id) => ({ gslb_id: id, fqdn: world.gslb.fqdn, zone: "example.com.", flavor, remove: true });
const status = () => gslbView(world.project, world.gslb.id, world.now);
const settled = () => world.project.drain().writeBack.settled.filter(({ kind }) => kind === "gslb");
/** Results without anybody who takes plans. */
const hear = (one: "pass" | "fail") => {
  world.now += 10_000;
  world.hear(world.one, one);
  world.hear(world.two, "pass");
};

describe("a GSLB at two flavors", () => {
  beforeEach(() => place(2, ["edge", "pdns"]));

  it("wants the same at both, each with a number of its own", () => {
    world.bothUp();
    world.project.written(`pdns ${world.gslb.fqdn}`, at("pdns")?.number ?? 0, null, world.now, 0.5);
    expect([values("edge"), values("pdns")]).toEqual([
      ["192.0.2.1", "192.0.2.2"],
      ["192.0.2.1", "192.0.2.2"],
    ]);
    expect(status()).toMatchObject({
      status: "ACTIVE",
      published: [
        { flavor: "edge", in_sync: true, plan: 1 },
        { flavor: "pdns", in_sync: true, plan: 1 },
      ],
    });
  });

  it("is published where it can be while the other backend is away, and says whose fault it is", () => {
    hear("pass");
    world.publish("edge");
    refused("pdns");
    hear("fail");
    hear("fail");
    world.publish("edge");
    refused("pdns");
    expect([values("edge"), values("pdns")]).toEqual([["192.0.2.2"], undefined]);
    expect(status()).toMatchObject({ status: "ERROR", reason: "pdns did not take plan 2: the server is away" });
    expect(status()?.published).toMatchObject([
      { flavor: "edge", in_sync: true, last_error: null },
      { flavor: "pdns", in_sync: false, last_error: "the server is away", plan: null },
    ]);
    expect(projectView(world.project, world.now).out_of_sync).toBe(1);
    world.publish("pdns");
    expect(values("pdns")).toEqual(["192.0.2.2"]);
    expect(status()?.status).toBe("DEGRADED");
    expect(projectView(world.project, world.now).out_of_sync).toBe(0);
  });

  it("names all that refuse", () => {
    hear("pass");
    refused("edge", "is full");
    refused("pdns");
    expect(status()?.reason).toBe("edge did not take plan 1: is full; pdns did not take plan 1: the server is away");
  });

  it("is settled only when both have it", () => {
    hear("pass");
    world.project.drain();
    world.publish("edge");
    expect(settled()).toEqual([]);
    world.publish("pdns");
    expect(settled()).toEqual([{ kind: "gslb", id: world.gslb.id, version: 2 }]);
  });

  it("tells for each flavor what decided its plan, also where one took it later", () => {
    hear("pass");
    world.publish("edge");
    hear("fail");
    hear("fail");
    world.publish("edge");
    world.project.drain();
    world.publish("pdns");
    const [event] = world.said("published");
    expect(event).toMatchObject({ flavor: "pdns", plan: 2, evidence: { decided: { cause: "automatic" } } });
  });

  it("lets nobody stop a member that one of them may still answer with", () => {
    world.bothUp();
    hear("fail");
    hear("fail");
    world.publish("edge");
    expect(memberView(world.project, world.one.id, world.now)?.safe_to_stop_at).toBeNull();
    world.publish("pdns");
    expect(memberView(world.project, world.one.id, world.now)?.safe_to_stop_at).not.toBeNull();
  });

  it("goes on at each from its own plan where the Engine starts without state", () => {
    world.bothUp();
    const standing = (["edge", "pdns"] as const).map((flavor, index) => ({
      gslb_id: world.gslb.id,
      flavor,
      plan: 7 + index,
      epoch: 0,
      answers: at(flavor)?.live?.plan.answers ?? [],
    }));
    const next = newProject();
    const whole = { gslbs: [{ ...world.gslb, ...names("edge", "pdns") }], pools: [world.pool], monitors: [world.monitor] };
    next.configure(configuration({ full: true, ...whole, members: world.members, standing }), true, world.now);
    expect([at("edge", next), at("pdns", next)]).toMatchObject([
      { number: 7, confirmed: 7 },
      { number: 8, confirmed: 8 },
    ]);
    // Nothing is written until somebody has voted.
    for (let waited = 0; waited < 120; waited += 10) next.tick(world.now + waited * 1_000);
    expect([at("edge", next)?.number, at("pdns", next)?.number]).toEqual([7, 8]);
  });

  it("both go when it is deleted", () => {
    world.bothUp();
    world.configure({ deleted: [{ kind: "gslb", id: world.gslb.id }], tombstones: [left("edge"), left("pdns")] });
    world.project.drain();
    world.publish();
    expect(world.project.drain().writeBack.unpublished).toEqual([
      { gslb_id: world.gslb.id, flavor: "edge" },
      { gslb_id: world.gslb.id, flavor: "pdns" },
    ]);
  });
});

describe("a GSLB that is moved to another flavor", () => {
  beforeEach(() => {
    world.bothUp();
    world.bothUp();
    world.project.drain();
    place(2, ["pdns"], { tombstones: [left("edge")] });
  });

  it("is removed from the old one when the new one holds its newest plan, and not before", () => {
    refused("pdns");
    expect([at("edge")?.wanted, at("pdns")?.wanted]).toMatchObject([{ flavor: "edge" }, { flavor: "pdns" }]);
    expect(status()?.published.map(({ flavor, in_sync }) => [flavor, in_sync])).toEqual([
      ["pdns", false],
      ["edge", false],
    ]);
    world.publish("pdns");
    expect(at("edge")?.wanted).toBe("removed");
    expect(world.project.drain().writeBack.unpublished).toEqual([]);
    world.publish("edge");
    expect(world.project.drain().writeBack.unpublished).toEqual([{ gslb_id: world.gslb.id, flavor: "edge" }]);
    expect(status()?.published.map(({ flavor }) => flavor)).toEqual(["pdns"]);
  });

  it("is not removed on a write that could not be read back", () => {
    world.project.written(`pdns ${world.gslb.fqdn}`, at("pdns")?.number ?? 0, null, world.now, 0.5, { seen: false });
    expect(at("edge")?.wanted).toMatchObject({ flavor: "edge" });
  });

  it("goes on being steered at the old one until then", () => {
    hear("fail");
    hear("fail");
    world.publish("edge");
    expect([values("edge"), values("pdns")]).toEqual([["192.0.2.2"], undefined]);
  });

  it("does not fail by what the old one says", () => {
    hear("fail");
    hear("fail");
    refused("edge", "is closed");
    expect(status()?.reason).not.toContain("is closed");
    world.publish("pdns");
    refused("edge", "is closed");
    expect(status()?.status).toBe("DEGRADED");
    expect(settled()).toEqual([{ kind: "gslb", id: world.gslb.id, version: 2 }]);
  });

  it("keeps what it was moved from through a start, and through a configuration that says it again", () => {
    const next = newProject();
    for (const [key, value] of world.project.publications) next.publications.set(key, structuredClone(value));
    for (const [key, value] of world.project.gslbs) next.gslbs.set(key, structuredClone(value));
    const { catalog } = world.project;
    next.catalog.restore({
      gslbs: [...catalog.gslbs.values()],
      pools: [...catalog.pools.values()],
      members: [...catalog.members.values()],
      monitors: [...catalog.monitors.values()],
      overrides: [],
    });
    next.resume(world.now);
    next.configure(configuration({ tombstones: [left("edge")] }), false, world.now);
    expect(at("edge", next)?.wanted).toMatchObject({ flavor: "edge" });
    next.written(`pdns ${world.gslb.fqdn}`, at("pdns", next)?.number ?? 0, null, world.now, 0.5);
    expect(at("edge", next)?.wanted).toBe("removed");
  });

  it("stays where it was if it is moved back before", () => {
    const number = at("edge")?.number;
    place(3, ["edge"], { tombstones: [left("edge"), left("pdns")] });
    expect(at("edge")).toMatchObject({ number, wanted: { flavor: "edge" } });
    expect(world.project.drain().writeBack.unpublished).toEqual([{ gslb_id: world.gslb.id, flavor: "edge" }]);
    // It may have been written already: it goes, now that the other is as it shall be.
    expect(at("pdns")?.wanted).toBe("removed");
  });

  it("is published anew if it is moved back after its removal began", () => {
    world.publish("pdns");
    const removal = at("edge")?.number ?? 0;
    place(3, ["pdns", "edge"], { tombstones: [left("edge")] });
    expect(at("edge")).toMatchObject({ number: removal + 1, wanted: { flavor: "edge" } });
    world.publish();
    expect(values("edge")).toEqual(["192.0.2.1", "192.0.2.2"]);
    expect(world.project.gslbs.get(world.gslb.id)?.leaving).toEqual([]);
  });

  it("goes from both when it is deleted meanwhile", () => {
    world.configure({ deleted: [{ kind: "gslb", id: world.gslb.id }], tombstones: [left("edge"), left("pdns")] });
    expect([at("edge")?.wanted, at("pdns")?.wanted]).toEqual(["removed", "removed"]);
  });

  it("leaves the old one to another GSLB that has the name there by now", () => {
    const other = gslb(1_001, [uuid(10)], { fqdn: world.gslb.fqdn });
    world.configure({ gslbs: [other], tombstones: [left("edge")] });
    world.publish();
    expect(at("edge")).toMatchObject({ gslbId: other.id, live: { plan: { gslb_id: other.id } } });
    expect(world.project.drain().writeBack.unpublished).toContainEqual({ gslb_id: world.gslb.id, flavor: "edge" });
  });

  it("is forgotten at the old one once the Conductor knows that it is gone", () => {
    world.publish("pdns");
    world.publish("edge");
    world.configure({});
    expect([...world.project.publications.keys()]).toEqual([`pdns ${world.gslb.fqdn}`]);
    expect(world.project.gslbs.get(world.gslb.id)?.leaving).toEqual([]);
  });

  it("an Engine without state serves on at the old one, and then lets it go", () => {
    const standing = [{ gslb_id: world.gslb.id, flavor: "edge", plan: 4, epoch: 0, answers: at("edge")?.live?.plan.answers ?? [] }];
    const next = newProject();
    const whole = { gslbs: [{ ...world.gslb, ...names("pdns") }], pools: [world.pool], monitors: [world.monitor] };
    next.configure(configuration({ full: true, ...whole, members: world.members, standing, tombstones: [left("edge")] }), true, world.now);
    expect(at("edge", next)).toMatchObject({ number: 4, confirmed: 4, wanted: { flavor: "edge" } });
    expect(next.gslbs.get(world.gslb.id)).toMatchObject({ adopted: true, leaving: ["edge"] });
  });
});

describe("a removal that is to be forgotten", () => {
  it("is not tried any more", () => {
    world.bothUp();
    world.configure({ deleted: [{ kind: "gslb", id: world.gslb.id }], tombstones: [left("edge")] });
    refused("edge");
    expect(at("edge")?.wanted).toBe("removed");
    world.project.drain();
    world.configure({ tombstones: [{ ...left("edge"), remove: false }] });
    expect(at("edge")).toMatchObject({ wanted: null, live: null });
    expect(world.project.drain().writeBack.unpublished).toEqual([{ gslb_id: world.gslb.id, flavor: "edge" }]);
    world.configure({});
    expect(at("edge")).toBeUndefined();
  });
});

describe("a flavor that is taken away", () => {
  it("is let go at once where the others hold the plan", () => {
    place(2, ["edge", "pdns"]);
    world.bothUp();
    place(3, ["edge"], { tombstones: [left("pdns")] });
    expect([at("pdns")?.wanted, at("edge")?.wanted]).toMatchObject(["removed", { flavor: "edge" }]);
  });

  it("is removed at once where nothing was ever published, in case something is there", () => {
    place(2, ["edge"], { tombstones: [left("pdns")] });
    expect(at("pdns")?.wanted).toBe("removed");
    world.publish();
    expect(world.project.drain().writeBack.unpublished).toEqual([{ gslb_id: world.gslb.id, flavor: "pdns" }]);
  });
});

describe("a flavor of a provider with pools of its own", () => {
  beforeEach(() => {
    world.project.backends = { ...noBackends, provider: () => "lb", carriesPools: (flavor) => flavor === "lb" };
    const standby = {
      pools: [pool(11, { monitor_ids: [uuid(1)] })],
      members: [member(110, uuid(11), ["198.51.100.1"], { host_header: "b.example.com" })],
    };
    world.configure({ ...standby, gslbs: [{ ...world.gslb, version: 2, pool_ids: [uuid(10), uuid(11)], ...names("edge", "lb") }] });
    world.bothUp();
    world.hear(member(110, uuid(11), ["198.51.100.1"]), "pass");
    world.publish();
  });
  const pools = (flavor: string) =>
    at(flavor)?.live?.plan.pools.map(({ id, picked, members }) => ({ id, picked, on: members.map(({ endpoints }) => endpoints[0]?.on) }));

  it("has them all in its plans, and the others have none", () => {
    expect(pools("lb")).toEqual([
      { id: uuid(10), picked: true, on: [true, true] },
      { id: uuid(11), picked: false, on: [true] },
    ]);
    expect(pools("edge")).toEqual([]);
    expect(at("lb")?.live?.plan.pools[1]).toMatchObject({
      name: "pool-11",
      members: [{ name: "member-110", host_header: "b.example.com" }],
    });
  });

  it("hears of what stands by, which changes nothing for the others", () => {
    const before = at("edge")?.number;
    for (let round = 0; round < 2; round += 1) {
      world.now += 10_000;
      world.hear(member(110, uuid(11), ["198.51.100.1"]), "fail");
      world.hear(world.one, "pass");
      world.hear(world.two, "pass");
    }
    world.publish();
    expect(pools("lb")?.[1]).toEqual({ id: uuid(11), picked: false, on: [false] });
    expect(at("edge")?.number).toBe(before);
  });

  it("is not compared with a history that has no pools, until it was written to", () => {
    const standing = [{ gslb_id: world.gslb.id, flavor: "lb", plan: 4, epoch: 0, answers: at("lb")?.live?.plan.answers ?? [] }];
    const next = newProject();
    next.backends = world.project.backends;
    const { pools: all, members, monitors, gslbs } = world.project.catalog;
    const whole = {
      gslbs: [...gslbs.values()],
      pools: [...all.values()],
      members: [...members.values()],
      monitors: [...monitors.values()],
    };
    next.configure(configuration({ full: true, ...whole, standing }), true, world.now);
    const adopted = at("lb", next);
    expect(adopted !== undefined && [adopted.confirmed, isWatched(adopted)]).toEqual([4, false]);
    for (const one of members.values())
      for (const region of regions) next.observe([report(region, world.now + 10_000, one, "pass")], world.now + 10_000);
    expect(at("lb", next)).toMatchObject({ number: 5, wanted: { pools: [{ id: uuid(10) }, { id: uuid(11) }] } });
    next.written(`lb ${world.gslb.fqdn}`, 5, null, world.now, 0.5);
    const own = at("lb", next);
    expect(own !== undefined && isWatched(own)).toBe(true);
  });

  it("gets them once its provider is known", () => {
    world.project.backends = { ...noBackends, provider: () => "lb", carriesPools: () => true };
    world.project.steerAgain(world.project.catalog.usersOf(["edge"]), world.now);
    world.publish();
    expect(pools("edge")).toEqual(pools("lb"));
  });
});

describe("latency", () => {
  it("answers with each pool by itself, and says where it is", () => {
    const away = { pools: [pool(11)], members: [member(110, uuid(11), ["192.0.2.1"], { region: "us-east-1" })] };
    const here = world.members.map((one) => ({ ...one, region: "eu-west-1" }));
    const gslbs = [{ ...world.gslb, version: 2, pool_ids: [uuid(10), uuid(11)], steering_policy: "latency" as const }];
    world.configure({ ...away, members: [...here, ...away.members], gslbs });
    world.bothUp();
    const sets = () => at("edge")?.live?.plan.answers.map(({ pool_id, values: addresses, region }) => [pool_id, addresses, region]);
    expect(sets()).toEqual([
      [uuid(10), ["192.0.2.1", "192.0.2.2"], "eu-west-1"],
      // The same address in two pools is an answer of each.
      [uuid(11), ["192.0.2.1"], "us-east-1"],
    ]);
    world.configure({ members: [{ ...world.two, region: null, version: 2 }] });
    world.publish();
    expect(sets()?.[0]).toEqual([uuid(10), ["192.0.2.1", "192.0.2.2"], null]);
  });
});

describe("what was stored before a GSLB could have several flavors", () => {
  it("has the one that it names", () => {
    const { flavors: _, ...old } = world.gslb;
    world.configure({ gslbs: [{ ...old, version: 2 } as Gslb] });
    world.bothUp();
    expect(values("edge")).toEqual(["192.0.2.1", "192.0.2.2"]);
  });
});
