/** What the Conductor keeps of monitors and refuses for their checks: secrets, references, what no vantage point can do, and too much for one target. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MonitorWrite } from "../../domain/monitor.ts";
import type { Vantage } from "../../domain/runnable.ts";
import { agentCapabilities, type VantagePoint, workerCapabilities } from "../../domain/vantage-point.ts";
import type { ConductorRpc } from "../../durable-objects/rpc.ts";
import type { HeartbeatsRpc } from "../../durable-objects/rpc-vantage.ts";
import { monitorWrite } from "../../plugins/index.ts";
import { by, type Conductors, memberOf, poolOf, problem, startConductors, value } from "./conductor/conductor-harness.ts";

let conductors: Conductors;
beforeAll(async () => {
  conductors = await startConductors();
});
afterAll(async () => {
  await conductors.harness.close();
});

const worker = (region: string): VantagePoint => ({ region, kind: "hinted", capabilities: workerCapabilities(undefined) });
const workers: Vantage = { points: [worker("weur"), worker("enam")], defaults: ["weur", "enam"] };
const withAgent: Vantage = { ...workers, points: [...workers.points, { region: "dc1", kind: "agent", capabilities: agentCapabilities }] };
const always = { expected: null, records: "delete" } as const;
const absent = "00000000-0000-4000-8000-000000000000";

const monitorOf = (rest: object): MonitorWrite => monitorWrite.parse({ type: "TCP", port: 80, ...rest });
const ping = (rest: object = {}): MonitorWrite => monitorWrite.parse({ type: "PING", ...rest });
const trusting = (rest: object = {}): MonitorWrite => monitorWrite.parse({ type: "HTTPS", insecure: true, ...rest });

async function poolIn(project: ConductorRpc, members: readonly string[], monitors: readonly MonitorWrite[] = []) {
  const monitor_ids: string[] = [];
  for (const monitor of monitors) monitor_ids.push(value(await project.create("monitor", monitor, by)).id);
  const pool = value(
    await project.create("pool", poolOf("web", { members: members.map((address) => ({ endpoints: [address] })), monitor_ids }), by),
  );
  return { pool, monitor_ids };
}

describe("the secrets of a monitor", () => {
  it("stay, are replaced and are cleared field by field; the history has their names alone", async () => {
    const project = conductors.of("secrets");
    const made = value(await project.create("monitor", monitorOf({ type: "HTTP" }), by));
    const write = (sealed?: object): MonitorWrite => ({ ...monitorOf({ type: "HTTP" }), ...(sealed === undefined ? {} : { sealed }) });
    const replace = async (sealed?: object) => value(await project.replace("monitor", made.id, write(sealed), null, by));
    expect((await replace({ credentials: "v1.k.one", secret_headers: "v1.k.two" })).sealed).toEqual({
      credentials: "v1.k.one",
      secret_headers: "v1.k.two",
    });
    const same = await replace();
    expect([same.version, same.sealed]).toEqual([2, { credentials: "v1.k.one", secret_headers: "v1.k.two" }]);
    expect((await replace({ credentials: "v1.k.three" })).sealed).toEqual({ credentials: "v1.k.three", secret_headers: "v1.k.two" });
    expect((await replace({ credentials: null })).sealed).toEqual({ secret_headers: "v1.k.two" });
    const last = await replace({ secret_headers: null });
    expect(last).not.toHaveProperty("sealed");
    expect(value(await project.read("monitor", made.id))).toEqual(last);
    expect((await project.configuration(null)).monitors).toEqual([last]);
    const { items } = value(await project.history({ limit: 100, marker: null, count: false, filters: {} }));
    expect(JSON.stringify(items)).not.toContain("v1.k");
    expect(items.map(({ evidence }) => evidence.changed).filter((changed) => changed !== undefined)).toContainEqual(["/credentials"]);
  });
});

describe("a check that no vantage point can run", () => {
  it("is refused where it would be attached, with the member and what is needed", async () => {
    const project = conductors.of("dark");
    const { pool } = await poolIn(project, ["192.0.2.1"]);
    const at = { kind: "pool", id: pool.id } as const;
    const made = value(await project.create("monitor", ping(), by));
    const refused = problem(await project.attach(at, { monitor_id: made.id }, by, workers));
    expect(refused).toEqual({
      type: "capability",
      detail: "PING of 192.0.2.1 needs an agent; no region has one",
      errors: [{ pointer: "/monitor_id", detail: "PING of 192.0.2.1 needs an agent; no region has one" }],
    });
    expect(problem(await project.attach(at, { monitor: trusting() }, by, workers))).toMatchObject({
      type: "capability",
      errors: [{ pointer: "/type" }],
    });
    expect(
      problem(await project.create("pool", poolOf("b", { members: [{ endpoints: ["192.0.2.2"] }], monitor_ids: [made.id] }), by, workers)),
    ).toMatchObject({ type: "capability", errors: [{ pointer: "/members/0/endpoints/0" }] });
    expect(value(await project.attached(at, workers))).toEqual([]);

    value(await project.replace("monitor", made.id, ping({ check_regions: ["dc1"] }), null, by, false, withAgent));
    value(await project.attach(at, { monitor_id: made.id }, by, withAgent));
    expect(value(await project.attached(at, withAgent))).toMatchObject([{ vantage_points: 1 }]);
  });

  it("is refused also where there is nobody yet to be checked", async () => {
    const project = conductors.of("empty");
    const { pool } = await poolIn(project, []);
    const at = { kind: "pool", id: pool.id } as const;
    const made = value(await project.create("monitor", ping(), by));
    expect(problem(await project.attach(at, { monitor_id: made.id }, by, workers))).toEqual({
      type: "capability",
      detail: "PING needs an agent; no region has one",
      errors: [{ pointer: "/monitor_id", detail: "PING needs an agent; no region has one" }],
    });
    expect(problem(await project.create("pool", poolOf("b", { monitor_ids: [made.id] }), by, workers))).toMatchObject({
      errors: [{ pointer: "/monitor_ids/0" }],
    });
    const plain = value(await project.attach(at, { monitor: trusting({ check_regions: ["dc1"] }) }, by, withAgent));
    const nowhere = trusting({ check_regions: ["weur"] });
    expect(problem(await project.replace("monitor", plain.id, nowhere, null, by, false, withAgent))).toMatchObject({
      type: "capability",
      errors: [{ pointer: "/check_regions" }],
    });
    value(await project.detach(at, plain.id, by));
    value(await project.replace("monitor", plain.id, nowhere, null, by, false, withAgent));
  });

  it("is refused where a monitor or a member changes to it, and not where it was so before", async () => {
    const project = conductors.of("darker");
    const https = monitorWrite.parse({ type: "HTTPS" });
    const { pool, monitor_ids } = await poolIn(project, [], [https]);
    const [monitorId = absent] = monitor_ids;
    const named = memberOf("www.example.com", { type: "HOSTNAME" });
    const member = value(await project.create("pool_member", { ...named, pool_id: pool.id }, by, workers));
    const insecure = problem(await project.replace("monitor", monitorId, trusting(), null, by, false, workers));
    expect(insecure).toMatchObject({ type: "capability", errors: [{ pointer: "/check_regions" }] });
    expect(insecure.detail).toContain("HTTPS of www.example.com.");

    const elsewhere = { ...named, host_header: "other.example.com" };
    expect(problem(await project.replace("pool_member", member.id, elsewhere, null, by, false, workers))).toMatchObject({
      type: "capability",
      errors: [{ pointer: "/endpoints/0" }],
    });
    const address = memberOf("192.0.2.7");
    expect(problem(await project.create("pool_member", { ...address, pool_id: pool.id }, by, workers))).toMatchObject({
      type: "capability",
    });
    const set = [
      { ...named, id: member.id },
      { ...address, id: null },
    ];
    expect(problem(await project.replaceMembers(pool.id, set, false, by, false, workers))).toMatchObject({
      errors: [{ pointer: "/pool_members/1/endpoints/0" }],
    });

    // Written while there was an agent, which is gone now: other changes go on.
    value(await project.replace("monitor", monitorId, trusting({ check_regions: ["dc1"] }), null, by, false, withAgent));
    value(await project.replace("monitor", monitorId, trusting({ check_regions: ["dc1"], delay: 60 }), null, by, false, workers));
    value(await project.replace("pool_member", member.id, { ...named, weight: 2 }, null, by, false, workers));
  });

  it("a member's own monitors take the place of its pool's", async () => {
    const project = conductors.of("own");
    const { pool, monitor_ids } = await poolIn(project, ["192.0.2.1"], [ping()]);
    const member = { kind: "pool_member", id: pool.members[0]?.id ?? absent } as const;
    value(await project.attach(member, { monitor: monitorOf({}) }, by, workers));
    value(await project.replace("monitor", monitor_ids[0] ?? absent, ping({ delay: 60 }), null, by, false, workers));
    expect(value(await project.attached(member, workers))).toMatchObject([{ inherited: false, vantage_points: 2 }]);
  });
});

describe("what a target is asked", () => {
  const busy = (rest: object = {}) => monitorOf({ delay: 1, timeout: 1, ...rest });

  it("is bounded over all members, pools and monitors of the project, by the host that is really asked", async () => {
    const project = conductors.of("busy");
    // Two regions each second, from each of five pools: ten a second.
    const pools: { readonly id: string }[] = [];
    for (let index = 0; index < 5; index += 1) pools.push((await poolIn(project, [], [busy()])).pool);
    const add = (index: number, body: object = {}) =>
      project.create("pool_member", { ...memberOf(`192.0.2.${index}`), ...body, pool_id: pools[index]?.id ?? absent }, by, workers);
    for (let index = 0; index < 5; index += 1)
      value(await add(index, index === 4 ? { monitor_address: "192.0.2.0" } : { endpoints: ["192.0.2.0"] }));

    const sixth = await poolIn(project, ["198.51.100.1"]);
    const at = { kind: "pool", id: sixth.pool.id } as const;
    const refused = problem(await project.attach(at, { monitor: busy({ target: "192.0.2.0" }) }, by, workers));
    expect(refused).toMatchObject({
      type: "unprocessable",
      detail: "192.0.2.0 would be asked 12 checks per second (now 10), and at most 10 are allowed for one target",
      errors: [{ pointer: "/type" }],
    });
    value(await project.attach(at, { monitor: busy() }, by, workers));
    const slow = value(await project.attach(at, { monitor: monitorOf({ target: "192.0.2.9" }) }, by, workers));
    expect(
      problem(await project.replace("monitor", slow.id, monitorOf({ target: "192.0.2.0" }), null, by, false, workers)).detail,
    ).toContain("10.1 checks per second (now 10)");
    // Less is always allowed, and then there is room.
    const [attached] = value(await project.attached({ kind: "pool", id: pools[0]?.id ?? absent }));
    value(await project.replace("monitor", attached?.monitor.id ?? absent, busy({ delay: 2 }), null, by, false, workers));
    value(await project.replace("monitor", slow.id, monitorOf({ target: "192.0.2.0" }), null, by, false, workers));
  });

  it("counts a set of a pool's members as a whole", async () => {
    const project = conductors.of("crowd");
    const { pool } = await poolIn(project, [], [busy()]);
    const set = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ ...memberOf("192.0.2.1", { name: `m${index}` }), id: null }));
    expect(problem(await project.replaceMembers(pool.id, set(6), false, by, false, workers)).detail).toContain(
      "12 checks per second (now 0)",
    );
    const five = value(await project.replaceMembers(pool.id, set(5), false, by, false, workers));
    expect(five).toHaveLength(5);
    value(await project.replaceMembers(pool.id, set(5), false, by, false, workers));
  });

  it("holds of a thousand members at once", async () => {
    const project = conductors.of("many");
    const { pool } = await poolIn(project, [], [busy()]);
    const set = Array.from({ length: 1_000 }, (_, index) => ({ ...memberOf(`11.0.${index >> 8}.${index & 255}`), id: null }));
    expect(value(await project.replaceMembers(pool.id, set, false, by, false, withAgent))).toHaveLength(1_000);
    const one = { kind: "pool", id: pool.id } as const;
    expect(problem(await project.attach(one, { monitor: busy({ target: "192.0.2.1" }) }, by, workers)).detail).toContain(
      "2000 checks per second",
    );
  });
});

describe("a CALCULATED monitor", () => {
  const calculated = (monitor_ids: readonly string[]): MonitorWrite => monitorWrite.parse({ type: "CALCULATED", monitor_ids, delay: 30 });

  it("is made of others that are there and look for themselves", async () => {
    const project = conductors.of("calculated");
    const one = value(await project.create("monitor", monitorOf({}), by));
    const made = value(await project.create("monitor", calculated([one.id]), by));
    expect(problem(await project.create("monitor", calculated([one.id, absent, made.id]), by))).toMatchObject({
      type: "unprocessable",
      errors: [{ pointer: "/monitor_ids/1" }, { pointer: "/monitor_ids/2", detail: "is a CALCULATED monitor itself" }],
    });
    expect(problem(await project.replace("monitor", made.id, calculated([made.id]), null, by))).toMatchObject({ type: "unprocessable" });
    const elsewhere = value(await conductors.of("other").create("monitor", monitorOf({}), by));
    expect(problem(await project.create("monitor", calculated([elsewhere.id]), by))).toMatchObject({
      errors: [{ pointer: "/monitor_ids/0" }],
    });
  });

  it("keeps them from being deleted, and is deleted first", async () => {
    const project = conductors.of("referred");
    const one = value(await project.create("monitor", monitorOf({}), by));
    const made = value(await project.create("monitor", { ...calculated([one.id]), name: "both" }, by));
    expect(problem(await project.remove("monitor", one.id, always, by))).toEqual({
      type: "in-use",
      detail: "the monitor is part of 1 CALCULATED monitor",
      users: [{ type: "monitor", id: made.id, name: "both" }],
    });
    value(await project.remove("monitor", made.id, always, by));
    value(await project.remove("monitor", one.id, always, by));
  });

  it("brings what it is made of to the members that it is attached to", async () => {
    const project = conductors.of("brings");
    const dark = value(await project.create("monitor", ping(), by));
    const { pool } = await poolIn(project, ["192.0.2.1"]);
    const at = { kind: "pool", id: pool.id } as const;
    expect(problem(await project.attach(at, { monitor: calculated([dark.id]) }, by, workers)).detail).toContain("PING of 192.0.2.1");
    const light = value(await project.create("monitor", monitorOf({ delay: 1, timeout: 1 }), by));
    value(await project.attach(at, { monitor: calculated([light.id]) }, by, workers));
    expect(problem(await project.replace("monitor", light.id, monitorOf({ check_regions: ["gone"] }), null, by, false, workers)).type).toBe(
      "capability",
    );
  });
});

describe("a HEARTBEAT monitor", () => {
  it("has a secret of its own, which the deployment finds in any project", async () => {
    const project = conductors.of("beats");
    const made = value(await project.create("monitor", monitorWrite.parse({ type: "HEARTBEAT" }), by));
    expect(made.heartbeat_secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const deployment = conductors.deployment as unknown as HeartbeatsRpc;
    const owner = { project_id: "beats", secret: made.heartbeat_secret };
    expect(await deployment.heartbeatOf(made.id)).toEqual({ ok: true, value: owner });
    const changed = value(await project.replace("monitor", made.id, monitorWrite.parse({ type: "HEARTBEAT", period: 30 }), null, by));
    expect([changed.period, changed.heartbeat_secret]).toEqual([30, made.heartbeat_secret]);
    expect(await deployment.heartbeatOf(made.id)).toEqual({ ok: true, value: owner });
    const other = value(await project.create("monitor", monitorOf({}), by));
    for (const id of [other.id, absent]) expect(await deployment.heartbeatOf(id)).toEqual({ ok: true, value: null });
  });
});
