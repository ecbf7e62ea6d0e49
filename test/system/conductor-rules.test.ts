/** The fields of the rules in the Conductor: how they are stored, the weights of a GSLB's pools, and the pool that it falls back on. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  address,
  by,
  type Conductors,
  gslbOf,
  memberOf,
  poolFieldsOf,
  poolOf,
  problem,
  startConductors,
  value,
} from "./conductor/conductor-harness.ts";

let conductors: Conductors;
beforeAll(async () => {
  conductors = await startConductors();
});
afterAll(async () => {
  await conductors.harness.close();
});

const absent = "00000000-0000-4000-8000-000000000000";
const always = { expected: null, records: "delete" } as const;

async function pools(name: string, ...labels: string[]) {
  const project = conductors.of(name);
  const ids: string[] = [];
  for (const label of labels) ids.push(value(await project.create("pool", poolOf(label), by)).id);
  const [a = absent, b = absent, c = absent] = ids;
  return { project, a, b, c };
}

describe("the fields of the rules", () => {
  it("are stored as they are given, have their defaults, and are changed like others", async () => {
    const { project, a, b } = await pools("fields", "a", "b");
    expect(value(await project.read("pool", a))).toMatchObject({ panic_percent: 0, failback_delay: 0, max_removal_percent: 100 });
    const rules = { panic_percent: 50, failback_delay: 60, max_removal_percent: 25 };
    const changed = value(await project.replace("pool", a, poolFieldsOf("a", rules), null, by));
    expect(changed).toMatchObject({ ...rules, version: 2 });
    expect(value(await project.read("pool", a))).toEqual(changed);

    const plain = value(await project.create("gslb", gslbOf("plain.fields"), by));
    expect(plain).toMatchObject({ fallback_pool_id: null, failback: "auto", pool_weights: {} });
    const rest = { pool_ids: [a], steering_policy: "weighted", on_all_down: "fallback_pool", fallback_pool_id: b, failback: "manual" };
    const gslb = value(await project.create("gslb", gslbOf("fields", rest), by));
    expect(gslb).toMatchObject(rest);
    expect(value(await project.read("gslb", gslb.id))).toEqual(gslb);
    const copy = await project.configuration(null);
    expect(new Set(copy.gslbs)).toEqual(new Set([plain, gslb]));
    expect(copy.pools.find(({ id }) => id === a)).toMatchObject(rules);
  });
});

describe("the weight of a pool", () => {
  it("is given when the pool is added, set for those that the GSLB has, and kept by those that stay", async () => {
    const { project, a, b, c } = await pools("weights", "a", "b", "c");
    const made = value(await project.create("gslb", gslbOf("weights", { pool_ids: [a], failback: "manual", max_answers: 3 }), by));
    value(await project.addGslbPool(made.id, { pool_id: b }, 0, by, 0));
    value(await project.addGslbPool(made.id, { pool_id: c }, null, by));
    const { pool_ids, pool_weights, version, ...rest } = value(await project.read("gslb", made.id));
    expect({ pool_ids, pool_weights, version }).toEqual({ pool_ids: [b, a, c], pool_weights: { [b]: 0 }, version: 3 });
    const { pool_ids: _, pool_weights: __, version: ___, updated_at, ...before } = made;
    expect(rest).toEqual({ ...before, updated_at: rest.updated_at });
    expect(rest.updated_at >= updated_at).toBe(true);

    expect(value(await project.weighPool(made.id, a, 65_535, by))).toBeNull();
    expect(value(await project.gslbPools(made.id)).map(({ id, weight }) => [id, weight])).toEqual([
      [b, 0],
      [a, 65_535],
      [c, 1],
    ]);
    const put = gslbOf("weights", { pool_ids: [c, a], failback: "manual", max_answers: 3 });
    const replaced = value(await project.replace("gslb", made.id, put, null, by));
    expect(replaced).toMatchObject({ pool_ids: [c, a], pool_weights: { [a]: 65_535 }, version: 5 });
    expect(value(await project.read("gslb", made.id))).toEqual(replaced);
    expect(value(await project.addGslbPool(made.id, { pool_id: b }, null, by)).position).toBe(2);
    expect(value(await project.gslbPools(made.id)).map(({ weight }) => weight)).toEqual([1, 65_535, 1]);
  });

  it("is configuration: its change is logged and told, and one that changes nothing is none", async () => {
    const { project, a, b } = await pools("told", "a", "b");
    const gslb = value(await project.create("gslb", gslbOf("told", { pool_ids: [a] }), by));
    const before = await project.configuration(null);
    value(await project.weighPool(gslb.id, a, 7, { ...by, name: "someone" }));
    const after = await project.configuration(before);
    expect(after.gslbs).toMatchObject([{ id: gslb.id, version: 2, pool_weights: { [a]: 7 } }]);
    const [event] = value(await project.history({ limit: 1, marker: null, count: false, filters: { gslb_id: gslb.id } })).items;
    expect(event).toMatchObject({ kind: "config", by: "someone", evidence: { changed: ["/pool_weights"] } });

    value(await project.weighPool(gslb.id, a, 7, by));
    value(await project.placePools(gslb.id, [{ pool_id: a, weight: 7 }], by));
    value(await project.placePools(gslb.id, [{ pool_id: a, weight: null }], by));
    expect((await project.configuration(after)).seq).toBe(after.seq);
    expect(problem(await project.weighPool(gslb.id, b, 1, by)).type).toBe("not-found");
    expect(problem(await project.weighPool(absent, a, 1, by)).type).toBe("not-found");
  });

  it("is placed together with the others in one change", async () => {
    const { project, a, b, c } = await pools("placed", "a", "b", "c");
    const gslb = value(await project.create("gslb", gslbOf("placed", { pool_ids: [a, b] }), by));
    value(await project.weighPool(gslb.id, a, 3, by));
    const place = (pool_id: string, weight: number | null) => ({ pool_id, weight });
    expect(value(await project.placePools(gslb.id, [place(c, 2), place(a, null), place(b, null)], by))).toBeNull();
    const read = async () => value(await project.read("gslb", gslb.id));
    expect(await read()).toMatchObject({ version: 3, pool_ids: [c, a, b], pool_weights: { [c]: 2, [a]: 3 } });
    value(await project.placePools(gslb.id, [place(a, 1)], by));
    expect(await read()).toMatchObject({ version: 4, pool_ids: [a], pool_weights: {} });
    expect(problem(await project.placePools(gslb.id, [place(a, 1), place(absent, 1)], by))).toMatchObject({
      errors: [{ pointer: "/pool_ids/1" }],
    });
    expect(problem(await project.placePools(absent, [], by)).type).toBe("not-found");
  });
});

describe("a pool's place for clients", () => {
  it("is stored with the pool, kept by those that stay, and a change of it is told", async () => {
    const { project, a, b, c } = await pools("places", "a", "b", "c");
    const gslb = value(await project.create("gslb", gslbOf("places", { pool_ids: [a], steering_policy: "geo" }), by));
    expect(gslb).toMatchObject({ pool_places: {} });
    const france = { locations: [{ country: "FR" }, { cidr: "203.0.113.0/24" }], geofence: true };
    value(await project.addGslbPool(gslb.id, { pool_id: b }, 0, by, 2, undefined, france));
    const before = await project.configuration(null);
    expect(before.gslbs.find(({ id }) => id === gslb.id)).toMatchObject({ pool_places: { [b]: france }, pool_weights: { [b]: 2 } });
    value(await project.changeGslbPool(gslb.id, a, { locations: [{ continent: "EU" }] }, { ...by, name: "someone" }));
    const after = await project.configuration(before);
    const moved = { [a]: { locations: [{ continent: "EU" }], geofence: false }, [b]: france };
    expect(after.gslbs).toMatchObject([{ id: gslb.id, pool_places: moved }]);
    const [event] = value(await project.history({ limit: 1, marker: null, count: false, filters: { gslb_id: gslb.id } })).items;
    expect(event).toMatchObject({ kind: "config", by: "someone", evidence: { changed: ["/pool_places"] } });
    expect(value(await project.gslbPools(gslb.id))).toMatchObject([
      { id: b, weight: 2, ...france },
      { id: a, weight: 1, ...moved[a] },
    ]);

    value(await project.changeGslbPool(gslb.id, a, { locations: [{ continent: "EU" }], geofence: false }, by));
    value(await project.changeGslbPool(gslb.id, a, {}, by));
    expect((await project.configuration(after)).seq).toBe(after.seq);
    const { ttl, on_all_down, fallback_pool_id } = gslb;
    const put = gslbOf("places", { pool_ids: [c, b], steering_policy: "geo", ttl, on_all_down, fallback_pool_id });
    expect(value(await project.replace("gslb", gslb.id, put, null, by))).toMatchObject({ pool_ids: [c, b], pool_places: { [b]: france } });
    value(
      await project.placePools(
        gslb.id,
        [
          { pool_id: b, weight: null },
          { pool_id: a, weight: 1, geofence: true },
        ],
        by,
      ),
    );
    const last = value(await project.read("gslb", gslb.id));
    expect(last.pool_places).toEqual({ [b]: france, [a]: { locations: [], geofence: true } });
    expect(last.pool_weights).toEqual({ [b]: 2 });
  });
});

describe("the pool to fall back on", () => {
  const falling = (label: string, id: string, rest: object = {}) =>
    gslbOf(label, { on_all_down: "fallback_pool", fallback_pool_id: id, ...rest });

  it("is one of the project's", async () => {
    const { project, a } = await pools("fallback", "a");
    const { a: theirs } = await pools("fallback-other", "a");
    for (const id of [absent, theirs]) {
      expect(problem(await project.create("gslb", falling("fallback", id, { pool_ids: [absent] }), by))).toMatchObject({
        type: "unprocessable",
        errors: [{ pointer: "/pool_ids/0" }, { pointer: "/fallback_pool_id" }],
      });
    }
    const gslb = value(await project.create("gslb", falling("fallback", a), by));
    expect(problem(await project.replace("gslb", gslb.id, falling("fallback", absent), null, by))).toMatchObject({
      errors: [{ pointer: "/fallback_pool_id" }],
    });
  });

  it("is in use, named once however often it is used, until nobody falls back on it", async () => {
    const { project, a } = await pools("used", "a");
    const both = value(await project.create("gslb", falling("one.used", a, { pool_ids: [a] }), by));
    const gslb = value(await project.create("gslb", falling("used", a), by));
    const users = [both, gslb].map(({ id, name }) => ({ type: "gslb", id, name }));
    expect(problem(await project.remove("pool", a, always, by))).toMatchObject({ type: "in-use", users });
    value(await project.remove("gslb", both.id, always, by));
    value(await project.replace("gslb", gslb.id, gslbOf("used"), null, by));
    value(await project.remove("pool", a, always, by));
  });
});

it("rows from before the rules have their defaults", async () => {
  const fresh = await startConductors();
  try {
    const { DB } = (await fresh.worker.getEnv()) as { DB: D1Database };
    const project = fresh.of("old");
    const pool = value(await project.create("pool", poolOf("web", { members: [memberOf(address(1))] }), by));
    const gslb = value(await project.create("gslb", gslbOf("old", { pool_ids: [pool.id] }), by));
    // What later migrations brought is taken away again, with the rows in place.
    const later = [
      "pool.panic_percent",
      "pool.failback_delay",
      "pool.max_removal_percent",
      "gslb.fallback_pool_id",
      "gslb.failback",
      "gslb_pool.weight",
      "gslb.flavors",
      "gslb.adopt",
      "gslb_pool.locations",
      "gslb_pool.geofence",
      "pool_member.neutron_id",
      "pool_member.parameters",
    ];
    await DB.batch([
      DB.prepare("DROP INDEX gslb_by_fallback_pool"),
      DB.prepare("DROP TABLE override"),
      DB.prepare("DROP TABLE agent"),
      DB.prepare("DROP TABLE cloud"),
      DB.prepare("DROP TABLE flavor"),
      ...later.map((column) => column.split(".")).map(([table, column]) => DB.prepare(`ALTER TABLE ${table} DROP COLUMN ${column}`)),
      DB.prepare("DELETE FROM d1_migrations WHERE name <> '0000_initial.sql'"),
    ]);
    await fresh.evict("deployment");
    await fresh.deployment.prepare();
    expect(value(await project.read("pool", pool.id))).toEqual(pool);
    expect(value(await project.read("gslb", gslb.id))).toEqual(gslb);
    expect(value(await project.gslbPools(gslb.id))).toEqual([{ ...pool, weight: 1, locations: [], geofence: false }]);
  } finally {
    await fresh.harness.close();
  }
});
