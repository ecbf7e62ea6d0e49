/** What the Conductor keeps: versions, references, claims, the change log, in the real runtime and against a real D1. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  address,
  by,
  type Conductors,
  gslbOf,
  listOf,
  memberOf,
  monitorOf,
  poolFieldsOf,
  poolOf,
  problem,
  startConductors,
  value,
} from "./conductor/conductor-harness.ts";
import { until } from "./until.ts";

let conductors: Conductors;
beforeAll(async () => {
  conductors = await startConductors();
});
afterAll(async () => {
  await conductors.harness.close();
});

const absent = "00000000-0000-4000-8000-000000000000";
const always = { expected: null, records: "delete" } as const;
const logOf = (project: string) =>
  conductors.rows<{ seq: number; kind: string; resource_id: string; op: string }>(
    "SELECT seq, kind, resource_id, op FROM change_log WHERE project_id = ? ORDER BY seq",
    project,
  );

describe("a resource", () => {
  it("is made, read as it was made, replaced and removed; each write raises the number by one and is logged once", async () => {
    const project = conductors.of("life");
    const made = value(await project.create("pool", poolOf("web", { members: [memberOf(address(1))] }), by));
    expect(made).toMatchObject({
      project_id: "life",
      domain_id: "default",
      name: "web",
      version: 1,
      status: "PENDING",
      action: "CREATE",
      revision: 0,
    });
    expect(made.members).toMatchObject([{ name: address(1), pool_id: made.id, in_rotation: false, monitor_ids: [], version: 1 }]);
    expect(value(await project.read("pool", made.id))).toEqual(made);

    const replaced = value(await project.replace("pool", made.id, poolFieldsOf("www"), 1, by));
    expect(replaced).toMatchObject({ name: "www", version: 2, action: "CREATE" });
    expect(value(await project.read("pool", made.id))).toEqual(replaced);

    expect(value(await project.remove("pool", made.id, always, by))).toBeNull();
    expect(problem(await project.read("pool", made.id))).toMatchObject({ type: "not-found" });
    expect(problem(await project.remove("pool", made.id, always, by))).toMatchObject({ type: "not-found" });
    expect((await logOf("life")).map(({ seq, kind, op }) => `${seq} ${kind} ${op}`)).toEqual([
      "1 pool put",
      "1 pool_member put",
      "2 pool put",
      "3 pool delete",
      "3 pool_member delete",
    ]);
  });

  it("keeps its version, its time and the log when a write changes nothing", async () => {
    const project = conductors.of("noop");
    const monitor = value(await project.create("monitor", monitorOf({ port: 8080, headers: { a: "1", b: "2" } }), by));
    const again = value(await project.replace("monitor", monitor.id, monitorOf({ headers: { b: "2", a: "1" }, port: 8080 }), 1, by));
    expect(again).toEqual(monitor);
    const pool = value(await project.create("pool", poolOf("web"), by));
    const gslb = value(await project.create("gslb", gslbOf("noop", { pool_ids: [pool.id] }), by));
    expect(gslb).toMatchObject({ ttl: 30, name: "noop.example.com.", version: 1 });
    expect(value(await project.replace("gslb", gslb.id, gslbOf("noop", { pool_ids: [pool.id] }), 1, by))).toEqual(gslb);
    expect(await logOf("noop")).toHaveLength(3);
  });

  it("keeps text as it is, whatever its characters", async () => {
    const project = conductors.of("text");
    for (const description of ["", "a\u0000b", "\\ \" ' $.x \n\t", "日本語 🙂 é", "\u2028"]) {
      const made = value(await project.create("monitor", monitorOf({ description, receive_string: description }), by));
      expect(made).toMatchObject({ description, receive_string: description });
      expect(value(await project.read("monitor", made.id))).toEqual(made);
    }
  });

  it("of another project is as if it were not there", async () => {
    const made = value(await conductors.of("mine").create("monitor", monitorOf(), by));
    const other = conductors.of("yours");
    expect(problem(await other.read("monitor", made.id)).type).toBe("not-found");
    expect(problem(await other.replace("monitor", made.id, monitorOf(), null, by)).type).toBe("not-found");
    expect(problem(await other.remove("monitor", made.id, always, by)).type).toBe("not-found");
    expect(problem(await other.create("pool", poolOf("web", { monitor_ids: [made.id] }), by))).toMatchObject({
      type: "unprocessable",
      errors: [{ pointer: "/monitor_ids/0" }],
    });
    expect(value(await other.list("monitor", listOf())).items).toEqual([]);
  });

  it("of a type keeps its type, and a GSLB its name", async () => {
    const project = conductors.of("immutable");
    const monitor = value(await project.create("monitor", monitorOf(), by));
    expect(problem(await project.replace("monitor", monitor.id, monitorOf({ type: "HTTP" }), null, by))).toMatchObject({
      type: "unprocessable",
      errors: [{ pointer: "/type" }],
    });
    const gslb = value(await project.create("gslb", gslbOf("immutable"), by));
    expect(problem(await project.replace("gslb", gslb.id, gslbOf("other"), null, by))).toMatchObject({ errors: [{ pointer: "/fqdn" }] });
  });
});

describe("writes that race", () => {
  it("with the same expected version: exactly one wins, and the log has exactly one row for it", async () => {
    const project = conductors.of("race");
    const made = value(await project.create("monitor", monitorOf(), by));
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, index) => project.replace("monitor", made.id, monitorOf({ name: `n${index}` }), 1, by)),
    );
    expect(results.filter((result) => result.ok)).toHaveLength(1);
    for (const result of results.filter((one) => !one.ok)) expect(problem(result).type).toBe("version-mismatch");
    expect(await logOf("race")).toHaveLength(2);
    expect(value(await project.read("monitor", made.id)).version).toBe(2);
  });

  it("for one name, out of many projects: one has it, the others are told of the field, and nothing of theirs is written", async () => {
    const projects = Array.from({ length: 6 }, (_, index) => `claim-${index}`);
    const results = await Promise.all(projects.map((name) => conductors.of(name).create("gslb", gslbOf("claimed"), by)));
    expect(results.filter((result) => result.ok)).toHaveLength(1);
    for (const result of results.filter((one) => !one.ok)) {
      expect(problem(result)).toMatchObject({ type: "conflict", errors: [{ pointer: "/fqdn" }] });
      expect(JSON.stringify(result)).not.toContain("claim-");
    }
    for (const table of ["gslb", "name_claim", "change_log", "event", "project"]) {
      expect(await conductors.rows(`SELECT 1 FROM ${table} WHERE project_id LIKE 'claim-%'`)).toHaveLength(1);
    }
  });

  it("behind the Conductor's back are noticed, and the write is decided anew", async () => {
    const project = conductors.of("behind");
    const made = value(await project.create("monitor", monitorOf(), by));
    await conductors.rows("UPDATE project SET seq = seq + 1 WHERE project_id = 'behind'");
    await conductors.rows("UPDATE monitor SET version = 7 WHERE id = ?", made.id);
    expect(problem(await project.replace("monitor", made.id, monitorOf({ name: "a" }), 1, by)).type).toBe("version-mismatch");
    expect(value(await project.replace("monitor", made.id, monitorOf({ name: "a" }), 7, by)).version).toBe(8);
    expect((await logOf("behind")).map(({ seq }) => seq)).toEqual([1, 3]);
  });
});

describe("a GSLB", () => {
  it("refuses pools that are not there, by their place, and a flavor that is not there", async () => {
    const project = conductors.of("references");
    const pool = value(await project.create("pool", poolOf("web"), by));
    expect(problem(await project.create("gslb", gslbOf("r", { pool_ids: [pool.id, absent] }), by))).toMatchObject({
      type: "unprocessable",
      errors: [{ pointer: "/pool_ids/1" }],
    });
    expect(problem(await project.create("gslb", gslbOf("r", { flavor: "gold" }), by))).toMatchObject({ errors: [{ pointer: "/flavor" }] });
    expect(problem(await project.create("pool", poolOf("web", { flavor: "gold" }), by))).toMatchObject({
      errors: [{ pointer: "/flavor" }],
    });
  });

  it("keeps the order of its pools; a pool that it uses cannot be removed", async () => {
    const project = conductors.of("order");
    const [a, b, c] = [
      value(await project.create("pool", poolOf("a", { members: [memberOf(address(1))] }), by)),
      value(await project.create("pool", poolOf("b", { flavor: "edge" }), by)),
      value(await project.create("pool", poolOf("c"), by)),
    ];
    const gslb = value(await project.create("gslb", gslbOf("order", { pool_ids: [b.id, a.id] }), by));
    expect(value(await project.gslbPools(gslb.id))).toEqual([
      { ...b, weight: 1, locations: [], geofence: false },
      { ...a, weight: 1, locations: [], geofence: false },
    ]);
    expect(value(await project.addGslbPool(gslb.id, { pool_id: c.id }, 1, by))).toEqual({ pool: c, position: 1 });
    expect(value(await project.read("gslb", gslb.id))).toMatchObject({ pool_ids: [b.id, c.id, a.id], version: 2 });
    expect(problem(await project.addGslbPool(gslb.id, { pool_id: c.id }, null, by)).type).toBe("conflict");
    expect(problem(await project.addGslbPool(gslb.id, { pool_id: absent }, null, by))).toMatchObject({ errors: [{ pointer: "/pool_id" }] });
    const whole = value(await project.addGslbPool(gslb.id, { pool: poolOf("d", { members: [memberOf(address(2))] }) }, null, by));
    expect(whole).toMatchObject({ position: 3, pool: { name: "d", members: [{ name: address(2) }] } });

    expect(problem(await project.remove("pool", a.id, always, by))).toMatchObject({
      type: "in-use",
      users: [{ type: "gslb", id: gslb.id, name: "order.example.com." }],
    });
    value(await project.replace("gslb", gslb.id, gslbOf("order", { pool_ids: [c.id, b.id] }), null, by));
    expect(value(await project.gslbPools(gslb.id)).map(({ id }) => id)).toEqual([c.id, b.id]);
    value(await project.remove("pool", a.id, always, by));
  });

  it("leaves a tombstone when it is deleted, and its name can be taken again before that is gone", async () => {
    const project = conductors.of("again");
    const first = value(await project.create("gslb", gslbOf("again"), by));
    value(await project.remove("gslb", first.id, always, by));
    const second = value(await project.create("gslb", gslbOf("again"), by));
    const { tombstones } = await project.configuration(null);
    expect(tombstones).toEqual([{ gslb_id: first.id, fqdn: "again.example.com.", zone: "example.com.", flavor: "edge", remove: true }]);
    await project.record({ statuses: [], settled: [], events: [], unpublished: [{ gslb_id: first.id, flavor: "edge" }], ended: [] });
    expect((await project.configuration(null)).tombstones).toEqual([]);
    value(await project.remove("gslb", second.id, { expected: 1, records: "keep" }, by));
    expect((await project.configuration(null)).tombstones).toEqual([]);
  });
});

describe("monitors", () => {
  it("are attached to pools and members; a member with its own does not have its pool's", async () => {
    const project = conductors.of("attach");
    const [one, two] = [value(await project.create("monitor", monitorOf(), by)), value(await project.create("monitor", monitorOf(), by))];
    const pool = value(await project.create("pool", poolOf("web", { monitor_ids: [one.id], members: [memberOf(address(1))] }), by));
    const member = pool.members[0];
    if (member === undefined) throw new Error("the pool has a member");
    const target = { kind: "pool_member", id: member.id } as const;
    expect(value(await project.attached(target))).toEqual([{ monitor: one, attached_to: "pool", inherited: true }]);
    expect(value(await project.attach(target, { monitor_id: two.id }, by))).toEqual(two);
    expect(value(await project.attached(target))).toEqual([{ monitor: two, attached_to: "pool_member", inherited: false }]);
    expect(value(await project.read("pool_member", member.id))).toMatchObject({ monitor_ids: [two.id], version: 2 });
    expect(value(await project.read("pool", pool.id))).toMatchObject({ version: 1, revision: 1 });

    expect(problem(await project.attach(target, { monitor_id: two.id }, by)).type).toBe("conflict");
    expect(problem(await project.attach(target, { monitor_id: absent }, by))).toMatchObject({ errors: [{ pointer: "/monitor_id" }] });
    expect(problem(await project.attach({ kind: "pool", id: absent }, { monitor_id: two.id }, by)).type).toBe("not-found");
    expect(problem(await project.detach({ kind: "pool", id: pool.id }, two.id, by)).type).toBe("not-found");
    for (let count = 1; count < 8; count += 1) value(await project.attach(target, { monitor: monitorOf({ name: `m${count}` }) }, by));
    expect(problem(await project.attach(target, { monitor: monitorOf() }, by)).type).toBe("conflict");

    const before = await project.configuration(null);
    value(await project.remove("monitor", two.id, always, by));
    value(await project.detach({ kind: "pool", id: pool.id }, one.id, by));
    const after = await project.configuration(before);
    expect(after).toMatchObject({ full: false, deleted: [{ kind: "monitor", id: two.id }], pools: [{ id: pool.id, monitor_ids: [] }] });
    expect(after.members).toMatchObject([{ id: member.id, version: 10 }]);
    expect(value(await project.attached({ kind: "pool", id: pool.id }))).toEqual([]);
  });
});

describe("a thousand members", () => {
  it("are made with their pool in one write, keep their order, and are replaced as a set, only those that differ", async () => {
    const project = conductors.of("thousand");
    const inputs = Array.from({ length: 1_000 }, (_, index) => memberOf(address(index), { name: `m${index}`, tags: ["a"] }));
    const pool = value(await project.create("pool", poolOf("big", { members: inputs }), by));
    expect(pool.members.map(({ name }) => name)).toEqual(inputs.map(({ name }) => name));
    expect(value(await project.read("pool", pool.id))).toEqual(pool);
    expect(problem(await project.create("pool_member", { ...memberOf("192.0.2.1"), pool_id: pool.id }, by)).type).toBe("conflict");

    const before = await project.configuration(null);
    expect(before).toMatchObject({ full: true, seq: 1 });
    expect(before.members).toHaveLength(1_000);
    const set = inputs.map((input) => ({ ...input, id: null }));
    expect(value(await project.replaceMembers(pool.id, set, false, by))).toEqual(pool.members);
    expect((await project.configuration(before)).seq).toBe(1);

    const [first, second] = pool.members;
    const next = [
      { ...memberOf(address(0), { name: "m0", weight: 7 }), id: first?.id ?? "" },
      ...set.slice(2),
      { ...memberOf("192.0.2.1"), id: null },
    ];
    const replaced = value(await project.replaceMembers(pool.id, next, false, by));
    const after = await project.configuration(before);
    expect(after).toMatchObject({ full: false, seq: 2, deleted: [{ kind: "pool_member", id: second?.id }], pools: [] });
    expect(after.members.map(({ name, weight, version }) => [name, weight, version]).toSorted()).toEqual([
      ["192.0.2.1", 1, 1],
      ["m0", 7, 2],
    ]);
    expect(value(await project.read("pool", pool.id)).members).toEqual(replaced);

    const heavier = set.slice(2).map((input) => ({ ...input, weight: 9 }));
    expect(value(await project.replaceMembers(pool.id, heavier, true, by))).toHaveLength(1_000);
    const all = value(await project.read("pool", pool.id)).members;
    expect(all.filter(({ weight, version }) => weight === 9 && version === 2)).toHaveLength(998);
    expect(problem(await project.replaceMembers(pool.id, [{ ...memberOf("192.0.2.2"), id: null }], true, by)).type).toBe("conflict");

    value(await project.remove("pool", pool.id, always, by));
    expect((await project.configuration(after)).deleted).toHaveLength(1_001);
  });

  it("say which element of the set is wrong, and then nothing is written", async () => {
    const project = conductors.of("wrong-set");
    const pool = value(
      await project.create("pool", poolOf("p", { members: [memberOf(address(1)), memberOf(address(2), { name: "twin" })] }), by),
    );
    const twin = { ...memberOf(address(3), { name: "twin" }), id: null };
    value(await project.create("pool_member", { ...memberOf(address(4), { name: "twin" }), pool_id: pool.id }, by));
    const ok = { ...memberOf(address(1)), id: null };
    expect(problem(await project.replaceMembers(pool.id, [ok, { ...ok, id: absent }], false, by))).toMatchObject({
      type: "unprocessable",
      errors: [{ pointer: "/pool_members/1/id" }],
    });
    expect(problem(await project.replaceMembers(pool.id, [ok, twin], false, by))).toMatchObject({
      type: "conflict",
      errors: [{ pointer: "/pool_members/1/name" }],
    });
    const host = { ...memberOf("a.example.com", { type: "HOSTNAME", name: address(1) }), id: null };
    expect(problem(await project.replaceMembers(pool.id, [host], false, by))).toMatchObject({
      errors: [{ pointer: "/pool_members/0/type" }],
    });
    expect(await logOf("wrong-set")).toHaveLength(4);
  });
});

describe("the Engine", () => {
  it("is told at once of each write", async () => {
    const project = conductors.of("told");
    value(await project.create("monitor", monitorOf(), by));
    await until(() => conductors.told("told"), { what: "the call to the Engine", is: ({ told }) => told?.seq === 1 });
    expect((await project.configuration(null)).monitors).toHaveLength(1);
  });
});
