/** Calculated monitors: what comes of others, and when nothing does. */
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import type { OutcomeKind } from "../../domain/observation.ts";
import type { Verdict } from "../../domain/verdict.ts";
import { assignShards } from "./assignments.ts";
import { calculate } from "./calculated.ts";
import { monitor, regions, uuid, World } from "./project.fixture.ts";
import { memberView } from "./views.ts";

const [first, second, sum] = [uuid(2), uuid(3), uuid(1)];
let world: World;
const calculated = (over: object = {}) =>
  monitor(1, { type: "CALCULATED", monitor_ids: [first, second], at_least: 1, invert: false, version: 2, ...over });
const start = (over: object = {}) => {
  world = new World();
  world.configure({ monitors: [calculated(over), monitor(2), monitor(3)] });
};
beforeEach(() => start());
const view = () => memberView(world.project, world.one.id, world.now);
/** A period in which the first member's monitors say this. */
function say(one: OutcomeKind | null, other: OutcomeKind | null, from: readonly string[] = regions): void {
  world.now += 10_000;
  for (const subject of world.members) {
    if (one !== null) world.hear(subject, one, from, { monitor: first });
    if (other !== null) world.hear(subject, other, from, { monitor: second });
  }
  world.project.tick(world.now);
  world.publish();
}

describe("a calculated monitor", () => {
  it("has the monitors that it names run, which have no vote, and votes itself", () => {
    const checks = [...assignShards(world.project.catalog, new Map()).values()].flatMap((shard) => shard.checks);
    expect(checks).toHaveLength(2 * 2 * regions.length);
    say("pass", "pass");
    expect(view()).toMatchObject({ status: "ACTIVE", reason: "1 of 1 regions report it up (down takes 51 %)" });
    const byMonitor = (id: string) => view()?.regions.filter(({ monitor_id }) => monitor_id === id);
    expect(byMonitor(sum)).toMatchObject([{ region: "kosmos", has_vote: true, detail: "2 of 2 monitors are up, at least 1 must be" }]);
    expect(byMonitor(first)).toHaveLength(3);
    for (const one of byMonitor(first) ?? []) expect(one).toMatchObject({ has_vote: false, no_vote_reason: "not attached", verdict: "up" });
  });

  it("is up while enough of them are, and down at once when too few are", () => {
    say("pass", "pass");
    say("fail", "pass");
    say("fail", "pass");
    expect(view()?.status).toBe("ACTIVE");
    say("fail", "fail");
    expect(view()?.status).toBe("ACTIVE");
    say("fail", "fail");
    expect(view()).toMatchObject({ status: "DOWN" });
    expect(view()?.reason).toContain("kosmos: 0 of 2 monitors are up, at least 1 must be");
    say("fail", "pass");
    say("fail", "pass");
    expect(view()?.status).toBe("ACTIVE");
  });

  it("waits for those that were never judged, unless it is certain without them", () => {
    say("fail", null);
    say("fail", null);
    expect(view()?.status).toBe("PENDING");
    say(null, "pass");
    expect(view()?.status).toBe("ACTIVE");
    start({ at_least: 2 });
    say("pass", null);
    expect(view()?.status).toBe("PENDING");
    say("fail", null);
    say("fail", null);
    expect(view()?.status).toBe("DOWN");
  });

  it("turned round is up while they are down", () => {
    start({ monitor_ids: [first], invert: true });
    say("pass", null);
    expect(view()).toMatchObject({ status: "DOWN" });
    say("fail", null);
    say("fail", null);
    expect(view()?.status).toBe("ACTIVE");
  });

  it("changes with a monitor that votes itself without coming and going", () => {
    start({ monitor_ids: [first], invert: true });
    world.configure({ pools: [{ ...world.pool, version: 2, monitor_ids: [sum, first] }] });
    say("pass", null);
    world.project.drain();
    for (let n = 0; n < 2; n += 1) say("fail", null);
    for (let n = 0; n < 3; n += 1) say("pass", null);
    expect(world.said("member_status")).toEqual([]);
    expect(view()?.status).toBe("DOWN");
  });

  it("is held while those it comes from are: silence decides nothing", () => {
    say("pass", "pass");
    for (let n = 0; n < 60; n += 1) say(null, null);
    expect(view()).toMatchObject({ status: "ACTIVE", stale: true });
    // One of three regions is no quorum.
    for (let n = 0; n < 10; n += 1) say("fail", "fail", ["weur"]);
    expect(view()?.status).toBe("ACTIVE");
    for (let n = 0; n < 3; n += 1) say("fail", "fail");
    expect(view()?.status).toBe("DOWN");
  });

  it("stays fresh while they say the same", () => {
    for (let n = 0; n < 60; n += 1) say("pass", "pass");
    expect(view()).toMatchObject({ status: "ACTIVE", stale: false });
    expect(world.project.blind).toBe(false);
  });

  it("is changed by a change of what it names: counted anew, and the verdict kept until then", () => {
    say("pass", "fail");
    say("pass", "fail");
    world.configure({ monitors: [monitor(2, { version: 3, port: 81 })] });
    expect(view()).toMatchObject({ status: "ACTIVE", rejudging: true });
    world.now += 10_000;
    world.hear(world.one, "fail", regions, { monitor: first, version: 3 });
    world.hear(world.one, "fail", regions, { monitor: second });
    expect(view()?.status).toBe("ACTIVE");
    world.now += 10_000;
    world.hear(world.one, "fail", regions, { monitor: first, version: 3 });
    world.hear(world.one, "fail", regions, { monitor: second });
    expect(view()).toMatchObject({ status: "DOWN", rejudging: false });
  });

  it("has heartbeats and monitors that only observe among those it comes from", () => {
    start({ at_least: 2 });
    world.configure({
      monitors: [monitor(2, { type: "HEARTBEAT", period: 60, grace: 30, version: 3 }), monitor(3, { observe_only: true, version: 3 })],
    });
    world.hear(world.one, "pass", regions, { monitor: second, version: 3 });
    expect(view()?.status).toBe("PENDING");
    expect(world.project.beat(first, null, world.now)).toBe(true);
    expect(view()?.status).toBe("ACTIVE");
    for (let n = 0; n < 9; n += 1) {
      world.now += 10_000;
      world.hear(world.one, "pass", regions, { monitor: second, version: 3 });
      expect(view()?.status).toBe("ACTIVE");
      world.project.tick(world.now);
    }
    expect(view()?.status).toBe("DOWN");
  });

  it("says what of it nobody can check", () => {
    start({ monitor_ids: [first, second] });
    world.configure({ monitors: [monitor(3, { type: "HTTPS", version: 3 })] });
    say("pass", null);
    expect(view()).toMatchObject({ status: "DEGRADED", reason: "no vantage point can check 192.0.2.1: tls is needed" });
  });

  it("that only observes takes nobody out", () => {
    start({ observe_only: true });
    for (let n = 0; n < 3; n += 1) say("fail", "fail");
    expect(view()?.status).toBe("ACTIVE");
    expect(view()?.regions.find(({ region }) => region === "kosmos")).toMatchObject({ verdict: "down", has_vote: false });
  });

  it("waits after a restart for those that it comes from", () => {
    say("pass", "pass");
    const stored = structuredClone([...world.project.members]);
    start();
    world.project.startedAt = world.now;
    for (const [id, state] of stored) world.project.members.set(id, state);
    world.now += 300_000;
    world.project.resume(world.now);
    world.project.tick(world.now);
    expect(view()?.status).toBe("ACTIVE");
    say("fail", "fail", ["weur"]);
    expect(view()?.status).toBe("ACTIVE");
  });
});

const verdicts = fc.array(fc.constantFrom<Verdict>("up", "down", "unknown"), { minLength: 1, maxLength: 8 });
describe("properties of a calculation", () => {
  it("says something exactly where whatever the unknown ones turn out to be makes no difference", () => {
    fc.assert(
      fc.property(verdicts, fc.integer({ min: 1, max: 8 }), fc.boolean(), (said, at_least, invert) => {
        const settings = { monitor_ids: [], at_least, invert };
        const fill = (verdict: Verdict) => said.map((one) => (one === "unknown" ? verdict : one));
        const [best, worst] = [calculate(settings, fill("up")), calculate(settings, fill("down"))];
        const word = calculate(settings, said);
        if (best?.outcome === worst?.outcome) expect(word?.outcome).toBe(best?.outcome);
        else expect(word).toBeNull();
      }),
    );
  });

  it("turned round says the contrary, and nothing where nothing is said", () => {
    fc.assert(
      fc.property(verdicts, fc.integer({ min: 1, max: 8 }), (said, at_least) => {
        const [straight, turned] = [false, true].map((invert) => calculate({ monitor_ids: [], at_least, invert }, said)?.outcome);
        expect(turned).toBe(straight === undefined ? undefined : straight === "pass" ? "fail" : "pass");
      }),
    );
  });
});
