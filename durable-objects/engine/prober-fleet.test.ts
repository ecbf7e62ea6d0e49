import { describe, expect, it } from "vitest";
import { parseAnchors } from "../../domain/anchors.ts";
import { limits } from "../../domain/limits.ts";
import type { Assignment, Confirmation } from "../rpc.ts";
import type { ProberKey } from "./ports.ts";
import { ProberFleet } from "./prober-fleet.ts";
import { member, monitor, uuid, World } from "./project.fixture.ts";
import type { Store } from "./store.ts";

/** A fleet whose Probers only note that they were knocked at. */
function fleetOf(
  world: World,
  awake: string[],
  assigned: Assignment[] = [],
  setting?: string,
  isAway: (key: ProberKey) => boolean = () => false,
) {
  const anchors = parseAnchors(setting);
  const ports = {
    projectId: "default",
    anchors: anchors.ok ? anchors.value : [],
    prober: ({ region, shard, generation }: ProberKey) => ({
      assign: async (assignment: Assignment) => {
        if (isAway({ region, shard, generation })) throw new Error("away");
        assigned.push(assignment);
        return { version: assignment.version };
      },
      confirm: async () => undefined,
      wake: async () => {
        awake.push(`${region}:${shard}:${generation}`);
        return { version: 1, checks: 2, next_due_at: null };
      },
    }),
    log: { warn: () => undefined, error: () => undefined },
    now: () => world.now,
    sleep: () => new Promise<void>(() => undefined),
    newId: () => "test",
  };
  const store = { saveShards: () => undefined, meta: () => ({}) } as unknown as Store;
  return new ProberFleet(ports, 1, world.project.catalog, store, new Map());
}

describe("Probers that fell silent", () => {
  it("are woken by an Engine that has only just started: it may be evicted between any two rounds of the watchdog", async () => {
    const awake: string[] = [];
    const world = new World();
    const fleet = fleetOf(world, awake);
    fleet.assign();
    await fleet.wakeSilent(Date.now());
    expect(awake.toSorted()).toEqual(["eeur:0:1", "enam:0:1", "weur:0:1"]);
  });

  it("are those from which nothing came for two periods", async () => {
    const awake: string[] = [];
    const fleet = fleetOf(new World(), awake);
    fleet.assign();
    const now = Date.now();
    for (const region of ["weur", "eeur", "enam"])
      fleet.heard({ project_id: "default", region, shard: 0, generation: 1, colo: "local", observations: [] }, now);
    await fleet.wakeSilent(now + 30_000);
    expect(awake).toEqual([]);
    await fleet.wakeSilent(now + 30_001);
    expect(awake).toHaveLength(3);
  });
});

describe("an agent's region", () => {
  const world = () => {
    const made = new World();
    made.configure({ monitors: [monitor(1, { version: 2, check_regions: ["weur", "dc-1"] })] });
    return made;
  };
  const poll = (fleet: ProberFleet, tag: string | null) => fleet.desk.poll({ region: "dc-1", tag, waitMs: 0 });

  it("is told at the desk, and nowhere else; nobody knocks at it", async () => {
    const [awake, assigned]: [string[], Assignment[]] = [[], []];
    const fleet = fleetOf(world(), awake, assigned);
    fleet.assign();
    await fleet.push();
    await fleet.wakeSilent(Date.now());
    expect(assigned.map(({ region }) => region)).toEqual(["weur"]);
    expect(awake).toEqual(["weur:0:1"]);
    const orders = await poll(fleet, null);
    expect(orders.assignment).toMatchObject({ region: "dc-1", shard: 0, generation: 1, checks: [{}, {}] });
    expect((await poll(fleet, orders.tag)).assignment).toBeNull();
  });

  it("has its confirmations at the desk, until the next tick would repeat them", async () => {
    const there = world();
    const fleet = fleetOf(there, []);
    fleet.assign();
    const { tag } = await poll(fleet, null);
    const confirmation: Confirmation = {
      member_id: uuid(100),
      endpoint: "192.0.2.1",
      monitor_id: uuid(1),
      monitor_version: 2,
      doubt: "down",
    };
    await fleet.confirmFast([confirmation]);
    expect((await poll(fleet, tag)).confirmations).toEqual([confirmation]);
    await fleet.confirmFast([confirmation]);
    there.now += 10_000;
    expect((await poll(fleet, tag)).confirmations).toEqual([]);
  });

  it("is given other checks when the configuration changes, and an empty list when it has none any more", async () => {
    const there = world();
    const fleet = fleetOf(there, []);
    fleet.assign();
    const { tag } = await poll(fleet, null);
    there.configure({ monitors: [monitor(1, { version: 3, check_regions: ["weur"] })] });
    fleet.assign();
    expect((await poll(fleet, tag)).assignment).toMatchObject({ checks: [], monitors: [] });
  });

  it("of another generation is not told to stop: it learns with its next question", () => {
    const fleet = fleetOf(world(), []);
    const stranger = { project_id: "default", region: "dc-1", shard: 0, generation: 9, colo: "local", observations: [] };
    expect(fleet.heard(stranger, 0)).toBe(false);
  });

  it("has one shard, whatever its load, and says how much is too much", async () => {
    const there = world();
    const endpoints = (count: number, from: number) =>
      Array.from({ length: count }, (_, n) => `198.51.${(from + n) >> 8}.${(from + n) & 255}`);
    const members = (count: number) => Array.from({ length: count }, (_, n) => member(1_000 + n, uuid(10), endpoints(16, n * 16)));
    there.configure({ members: members(300) });
    const fleet = fleetOf(there, []);
    expect(fleet.assign()).toEqual(new Map());
    const before = (await poll(fleet, null)).assignment;
    expect(before?.checks).toHaveLength(4_802);
    there.configure({ members: members(400) });
    expect(fleet.assign()).toEqual(new Map([["dc-1", 6_402 - limits.agentChecks]]));
    const after = (await poll(fleet, null)).assignment;
    expect(after?.checks).toHaveLength(limits.agentChecks);
    const kept = new Set(after?.checks.map((check) => `${check.member_id} ${check.endpoint}`));
    expect(before?.checks.filter((check) => !kept.has(`${check.member_id} ${check.endpoint}`))).toEqual([]);
  });
});

describe("anchors", () => {
  it("are checked by the first shard of each region, beside the members, and spread over their period", async () => {
    const assigned: Assignment[] = [];
    const fleet = fleetOf(new World(), [], assigned, "tcp://192.0.2.200:443,https://good.example/up");
    fleet.assign();
    await fleet.push();
    expect(assigned.map(({ region }) => region).toSorted()).toEqual(["eeur", "enam", "weur"]);
    for (const { monitors, checks } of assigned) {
      expect(monitors.map(({ type, delay_ms, timeout_ms }) => [type, delay_ms, timeout_ms])).toContainEqual(["HTTPS", 10_000, 2_000]);
      expect(checks.filter(({ endpoint }) => endpoint === "192.0.2.200")).toHaveLength(1);
    }
    const phases = assigned.map(({ checks }) => checks.find(({ endpoint }) => endpoint === "192.0.2.200")?.phase_ms);
    expect(new Set(phases).size).toBe(3);
  });

  it("are not checked where nothing else is", async () => {
    const assigned: Assignment[] = [];
    const there = new World();
    there.configure({ monitors: [monitor(1, { version: 2, check_regions: ["weur"] })] });
    const fleet = fleetOf(there, [], assigned, "tcp://192.0.2.200:443");
    fleet.assign();
    await fleet.push();
    expect(assigned.map(({ region }) => region)).toEqual(["weur"]);
    there.configure({ monitors: [monitor(1, { version: 3, check_regions: ["eeur"] })] });
    fleet.assign();
    await fleet.push();
    const told = assigned.slice(1).map(({ region, checks, monitors }) => [region, checks.length, monitors.length]);
    expect(told.toSorted()).toEqual([
      ["eeur", 3, 2],
      ["weur", 0, 0],
    ]);
  });
});

describe("a check that moves to another Prober", () => {
  it("is given away only when the other has confirmed that it has it", async () => {
    const there = new World();
    const slow = (timeout: number, version: number) => monitor(1, { delay: 10, timeout, version, check_regions: ["weur"] });
    const members = Array.from({ length: 8 }, (_, n) => member(1_000 + n, uuid(10), [`198.51.100.${n}`]));
    there.configure({
      monitors: [slow(2, 2)],
      members,
      deleted: [100, 101].map((n) => ({ kind: "pool_member" as const, id: uuid(n) })),
    });
    const told: Assignment[] = [];
    let away = true;
    const fleet = fleetOf(there, [], told, undefined, ({ shard }) => shard === 1 && away);
    fleet.assign();
    await fleet.push();
    expect(told.map(({ shard, checks }) => [shard, checks.length])).toEqual([[0, 8]]);
    there.configure({ monitors: [slow(8, 3)] });
    fleet.assign();
    await expect(fleet.push()).rejects.toThrow("2 Probers could not be told");
    expect(told).toHaveLength(1);
    away = false;
    await fleet.push();
    const moved = [
      [1, 3],
      [0, 5],
    ];
    expect(told.slice(1).map(({ shard, checks }) => [shard, checks.length])).toEqual(moved);
  });

  it("is given away all the same when the other does not answer for half a minute", async () => {
    const there = new World();
    const slow = (timeout: number, version: number) => monitor(1, { delay: 10, timeout, version, check_regions: ["weur"] });
    there.configure({
      monitors: [slow(2, 2)],
      members: Array.from({ length: 8 }, (_, n) => member(1_000 + n, uuid(10), [`198.51.100.${n}`])),
    });
    const told: Assignment[] = [];
    const fleet = fleetOf(there, [], told, undefined, ({ shard }) => shard === 1);
    fleet.assign();
    await fleet.push();
    there.configure({ monitors: [slow(8, 3)] });
    fleet.assign();
    await expect(fleet.push()).rejects.toThrow("2 Probers could not be told");
    there.now += limits.handoverMs;
    await expect(fleet.push()).rejects.toThrow("1 Probers could not be told");
    expect(told.map(({ shard, checks }) => [shard, checks.length])).toEqual([
      [0, 10],
      [0, 5],
    ]);
  });
});
