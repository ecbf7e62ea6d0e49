/** Lists, the history, and what the Engine writes back. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HistoryEvent } from "../../domain/history.ts";
import type { Monitor } from "../../domain/monitor.ts";
import type { ConductorRpc, Kind, ListQuery, WriteBack } from "../../durable-objects/rpc.ts";
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

let conductors: Conductors;
beforeAll(async () => {
  conductors = await startConductors();
});
afterAll(async () => {
  await conductors.harness.close();
});

const always = { expected: null, records: "delete" } as const;
const writeBack = (part: Partial<WriteBack>): WriteBack => ({ statuses: [], settled: [], events: [], unpublished: [], ended: [], ...part });

async function walk<K extends Kind>(project: ConductorRpc, kind: K, query: Partial<ListQuery>, between = async (_page: number) => {}) {
  const names: (string | null)[] = [];
  let marker: string | null = null;
  for (let page = 1; ; page += 1) {
    const answer: { items: readonly { name: string | null }[]; next: string | null } = value(
      await project.list(kind, listOf({ ...query, marker })),
    );
    names.push(...answer.items.map(({ name }) => name));
    marker = answer.next;
    if (marker === null) return names;
    await between(page);
  }
}

describe("a list", () => {
  it("shows each row once, in every order and direction, whatever the size of the pages", async () => {
    const project = conductors.of("paging");
    const names = ["b", "a", "ü", "a", "日本語", "c", '"quoted\\'];
    for (const name of names) value(await project.create("pool", poolOf(name), by));
    expect(await walk(project, "pool", { limit: 2 })).toEqual(names);
    expect(await walk(project, "pool", { limit: 3, sort_dir: "desc" })).toEqual(names.toReversed());
    for (const sort_key of ["name", "status", "updated_at"] as const) {
      for (const sort_dir of ["asc", "desc"] as const) {
        const walked = await walk(project, "pool", { limit: 2, sort_key, sort_dir });
        expect(walked.toSorted()).toEqual(names.toSorted());
        expect(walked).toEqual(await walk(project, "pool", { sort_key, sort_dir }));
      }
    }
    expect((await walk(project, "pool", { limit: 1, sort_key: "name" })).slice(0, 4)).toEqual(['"quoted\\', "a", "a", "b"]);
  });

  it("goes on where it was when the marked row is deleted and others are made", async () => {
    const project = conductors.of("moving");
    const made: Monitor[] = [];
    for (let index = 0; index < 9; index += 1) made.push(value(await project.create("monitor", monitorOf({ name: `m${index}` }), by)));
    const walked = await walk(project, "monitor", { limit: 3 }, async (page) => {
      const marked = made[page * 3 - 1];
      value(await project.remove("monitor", marked?.id ?? "", always, by));
      value(await project.create("monitor", monitorOf({ name: `late${page}` }), by));
    });
    expect(walked).toEqual(["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "late1", "late2", "late3"].slice(0, walked.length));
    expect(walked).toContain("m8");
    expect(new Set(walked).size).toBe(walked.length);
  });

  it("is filtered by equality, and by tags that all must be there; a total is given when it is asked for, or without filters", async () => {
    const project = conductors.of("filters");
    const pool = value(await project.create("pool", poolOf("p", { tags: ["a", "b"] }), by));
    value(
      await project.create(
        "pool",
        poolOf("q", { tags: ["a"], members: [memberOf(address(1), { region: "paris" }), memberOf(address(2))] }),
        by,
      ),
    );
    value(await project.create("gslb", gslbOf("one.filters", { pool_ids: [pool.id] }), by));
    const list = async (kind: Kind, query: Partial<ListQuery>) => value(await project.list(kind, listOf(query)));
    expect(await list("pool", {})).toMatchObject({ items: [{ name: "p" }, { name: "q" }], total: 2, next: null });
    expect(await list("pool", { filters: { tags: ["a", "b"] } })).toMatchObject({ items: [{ name: "p" }], total: null });
    expect(await list("pool", { filters: { tags: ["a"] }, limit: 1, count: true })).toMatchObject({ total: 2 });
    expect(await list("pool", { filters: { name: "q" } })).toMatchObject({
      items: [{ members: [{ name: address(1) }, { name: address(2) }] }],
    });
    expect((await list("pool_member", { filters: { region: "paris" } })).items).toMatchObject([{ name: address(1) }]);
    expect((await list("pool_member", { filters: { pool_id: pool.id } })).items).toEqual([]);
    expect((await list("pool_member", { filters: { type: "IP" } })).items).toHaveLength(2);
    expect((await list("gslb", { filters: { fqdn: "one.filters.example.com." } })).items).toMatchObject([{ pool_ids: [pool.id] }]);
    expect((await list("gslb", { filters: { status: "ACTIVE" } })).items).toEqual([]);
    expect(problem(await conductors.of("elsewhere").list("pool_member", listOf({ filters: { pool_id: pool.id } }))).type).toBe("not-found");
  });

  it("of pools ends a page early rather than answer with more members than one answer can carry", async () => {
    const project = conductors.of("heavy");
    const members = Array.from({ length: 1_000 }, (_, index) => memberOf(address(index)));
    for (let index = 0; index < 11; index += 1) value(await project.create("pool", poolOf(`p${index}`, { members }), by));
    const first = value(await project.list("pool", listOf()));
    expect(first.items.map(({ name }) => name)).toEqual(Array.from({ length: 10 }, (_, index) => `p${index}`));
    expect(first.total).toBe(11);
    const second = value(await project.list("pool", listOf({ marker: first.next })));
    expect(second.items.map(({ name, members: shown }) => [name, shown.length])).toEqual([["p10", 1_000]]);
    expect(second.next).toBeNull();
  });

  it("refuses a marker that is none, or another list's", async () => {
    const project = conductors.of("markers");
    for (const name of ["a", "b"]) value(await project.create("pool", poolOf(name), by));
    const { next } = value(await project.list("pool", listOf({ limit: 1 })));
    const wrong = ["", "!!", "e30", "bnVsbA", `${next}x`, "W10"].map((marker) => listOf({ marker }));
    wrong.push(listOf({ marker: next, sort_key: "name" }), listOf({ marker: next, sort_dir: "desc" }));
    for (const query of wrong) {
      expect(problem(await project.list("pool", query))).toMatchObject({ type: "invalid-query", errors: [{ parameter: "marker" }] });
    }
    expect(problem(await project.list("monitor", listOf({ sort_key: "status" })))).toMatchObject({ errors: [{ parameter: "sort_key" }] });
  });
});

const eventOf = (n: number, rest: Partial<HistoryEvent>): HistoryEvent => ({
  id: `00000000-0000-4000-8000-${n.toString().padStart(12, "0")}`,
  at: new Date(Date.UTC(2100, 0, 1) + n * 1_000).toISOString(),
  kind: "member_status",
  severity: "warning",
  gslb_id: null,
  pool_id: null,
  member_id: null,
  flavor: null,
  from: null,
  to: null,
  reason: `event ${n}`,
  rule: null,
  by: null,
  plan: null,
  incident_id: null,
  request_id: null,
  evidence: {},
  ...rest,
});

describe("what the Engine writes back", () => {
  it("changes status, rotation and action, and the tags of the bodies that show them; never a version, never the log", async () => {
    const project = conductors.of("record");
    const pool = value(await project.create("pool", poolOf("p", { members: [memberOf(address(1)), memberOf(address(2))] }), by));
    const [one, two] = pool.members;
    const statuses: WriteBack["statuses"] = [
      { kind: "pool_member", id: one?.id ?? "", status: "ACTIVE", in_rotation: true },
      { kind: "pool_member", id: two?.id ?? "", status: "DOWN", in_rotation: false },
      { kind: "pool", id: pool.id, status: "DEGRADED" },
      { kind: "gslb", id: pool.id, status: "ACTIVE" },
    ];
    const settled: WriteBack["settled"] = [
      { kind: "pool_member", id: one?.id ?? "", version: 1 },
      { kind: "pool_member", id: two?.id ?? "", version: 2 },
      { kind: "pool", id: pool.id, version: 1 },
    ];
    await project.record(writeBack({ statuses, settled }));
    const after = value(await project.read("pool", pool.id));
    expect(after).toMatchObject({ status: "DEGRADED", action: "NONE", version: 1, updated_at: pool.updated_at });
    expect(after.revision).toBeGreaterThan(pool.revision);
    expect(after.members).toMatchObject([
      { status: "ACTIVE", in_rotation: true, action: "NONE", version: 1, revision: 2 },
      { status: "DOWN", in_rotation: false, action: "CREATE", version: 1, revision: 1 },
    ]);
    await project.record(writeBack({ statuses, settled }));
    expect(value(await project.read("pool", pool.id))).toEqual(after);
    expect((await project.configuration(null)).seq).toBe(1);
    expect(value(await project.replace("pool", pool.id, poolFieldsOf("q"), 1, by))).toMatchObject({ action: "UPDATE", status: "DEGRADED" });
  });

  it("of another project, or of what is gone, changes nothing", async () => {
    const project = conductors.of("record-mine");
    const pool = value(await project.create("pool", poolOf("p"), by));
    await conductors
      .of("record-other")
      .record(
        writeBack({ statuses: [{ kind: "pool", id: pool.id, status: "DOWN" }], settled: [{ kind: "pool", id: pool.id, version: 1 }] }),
      );
    expect(value(await project.read("pool", pool.id))).toEqual(pool);
  });

  it("may be thousands of rows at a time, and twice", async () => {
    const project = conductors.of("record-many");
    const inputs = Array.from({ length: 1_000 }, (_, index) => memberOf(address(index)));
    const pool = value(await project.create("pool", poolOf("p", { members: inputs }), by));
    const statuses = pool.members.map(({ id }) => ({ kind: "pool_member", id, status: "DOWN", in_rotation: false }) as const);
    const events = pool.members.map(({ id }, index) => eventOf(index, { id: crypto.randomUUID(), pool_id: pool.id, member_id: id }));
    for (let time = 0; time < 2; time += 1) await project.record(writeBack({ statuses, events, settled: [] }));
    const counts = "SELECT status, count(*) AS n, max(revision) AS r FROM pool_member WHERE pool_id = ? GROUP BY status";
    expect(await conductors.rows(counts, pool.id)).toEqual([{ status: "DOWN", n: 1_000, r: 1 }]);
    expect(await conductors.rows("SELECT count(*) AS n FROM event WHERE pool_id = ? AND kind = 'member_status'", pool.id)).toEqual([
      { n: 1_000 },
    ]);
  });
});

describe("the history", () => {
  it("is newest first; a GSLB's has what happened to its pools and their members, a pool's its members'", async () => {
    const project = conductors.of("history");
    const pool = value(await project.create("pool", poolOf("p", { members: [memberOf(address(1))] }), by));
    const gslb = value(await project.create("gslb", gslbOf("history", { pool_ids: [pool.id] }), by));
    const [member] = pool.members;
    const events = [
      eventOf(1, { gslb_id: gslb.id, kind: "gslb_status" }),
      eventOf(2, { pool_id: pool.id, kind: "pool_status", severity: "critical" }),
      eventOf(3, { member_id: member?.id ?? null, evidence: { votes: [{ region: "weur" }] } }),
      eventOf(4, { pool_id: crypto.randomUUID() }),
    ];
    await project.record(writeBack({ events }));
    const read = async (filters: object, rest: object = {}) =>
      value(await project.history({ limit: 100, marker: null, count: false, filters, ...rest }));
    const reasons = async (filters: object) => (await read(filters)).items.map(({ reason }) => reason);
    const made = ["the GSLB history.example.com. was made", "the pool p was made with 1 members"];
    expect(await reasons({})).toEqual(["event 4", "event 3", "event 2", "event 1", ...made]);
    expect(await reasons({ gslb_id: gslb.id })).toEqual(["event 3", "event 2", "event 1", ...made]);
    expect(await reasons({ pool_id: pool.id })).toEqual(["event 3", "event 2", made[1]]);
    expect(await reasons({ member_id: member?.id })).toEqual(["event 3"]);
    expect(await reasons({ severity: "critical" })).toEqual(["event 2"]);
    expect(await reasons({ kind: "config" })).toEqual(made);
    expect(await reasons({ since: events[1]?.at, until: events[2]?.at })).toEqual(["event 3", "event 2"]);
    expect((await read({ kind: "member_status" })).items).toEqual([events[3], events[2]]);
    expect((await read({ kind: "config", gslb_id: gslb.id })).items[0]).toMatchObject({
      by: "admin",
      request_id: "request-1",
      gslb_id: gslb.id,
    });
    expect(await read({})).toMatchObject({ total: 6 });

    const first = await read({}, { limit: 4 });
    const second = await read({}, { limit: 4, marker: first.next });
    expect([...first.items, ...second.items].map(({ reason }) => reason)).toEqual(await reasons({}));
    expect(second.next).toBeNull();
  });

  it("forgets what is older than thirty days, but never the newest plan of a name that exists", async () => {
    const project = conductors.of("prune");
    const gslb = value(await project.create("gslb", gslbOf("prune"), by));
    const answers = [
      {
        type: "A",
        values: ["192.0.2.1"],
        ttl: 30,
        pool_id: crypto.randomUUID(),
        weight: null,
        pool_weight: null,
        locations: [],
        geofence: false,
        region: null,
      },
    ];
    const at = (day: number) => new Date(Date.now() - day * 86_400_000).toISOString();
    const published = (plan: number, day: number, gslb_id = gslb.id) =>
      eventOf(100 + plan, {
        id: crypto.randomUUID(),
        at: at(day),
        kind: "published",
        gslb_id,
        flavor: "edge",
        plan,
        evidence: { epoch: 1, answers },
      });
    await project.record(
      writeBack({
        events: [
          published(1, 90),
          published(2, 60),
          published(3, 50, crypto.randomUUID()),
          eventOf(200, { at: at(31), gslb_id: gslb.id }),
          eventOf(201, { at: at(29), gslb_id: gslb.id }),
        ],
      }),
    );
    const standing = [{ gslb_id: gslb.id, flavor: "edge", plan: 2, epoch: 1, answers }];
    expect((await project.configuration(null)).standing).toContainEqual(standing[0]);
    await project.watch();
    expect((await project.configuration(null)).standing).toEqual(standing);
    const left = value(await project.history({ limit: 100, marker: null, count: false, filters: {} })).items;
    expect(left.map(({ kind, plan }) => [kind, plan])).toEqual([
      ["config", null],
      ["member_status", null],
      ["published", 2],
    ]);
  });

  it("keeps the newest ten thousand events of a GSLB", async () => {
    const project = conductors.of("prune-many");
    const gslb = value(await project.create("gslb", gslbOf("prune-many"), by));
    await conductors.rows(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10500)
       INSERT INTO event (id, project_id, at, kind, severity, gslb_id, reason, evidence)
       SELECT 'many-' || i, 'prune-many', ? + i, 'gslb_status', 'info', ?, 'n', '{}' FROM n`,
      Date.now(),
      gslb.id,
    );
    await project.watch();
    expect(
      await conductors.rows("SELECT count(*) AS n, min(id = 'many-501' OR at > 0) AS ok FROM event WHERE gslb_id = ?", gslb.id),
    ).toMatchObject([{ n: 10_000 }]);
    expect(await conductors.rows("SELECT 1 FROM event WHERE id IN ('many-500', 'many-501')")).toHaveLength(1);
  });
});

describe("the change log", () => {
  it("is trimmed; an Engine further behind than it reaches gets everything", async () => {
    const project = conductors.of("trim");
    value(await project.create("monitor", monitorOf(), by));
    await conductors.rows("UPDATE project SET seq = 10050 WHERE project_id = 'trim'");
    await conductors.rows(
      `WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 10050)
       INSERT INTO change_log (project_id, seq, kind, resource_id, op) SELECT 'trim', i, 'monitor', 'gone', 'delete' FROM n`,
    );
    await project.watch();
    expect(await conductors.rows("SELECT floor FROM project WHERE project_id = 'trim'")).toEqual([{ floor: 50 }]);
    expect(await conductors.rows("SELECT min(seq) AS first FROM change_log WHERE project_id = 'trim'")).toEqual([{ first: 51 }]);
    expect(await project.configuration({ epoch: 1, seq: 49 })).toMatchObject({ full: true, seq: 10_050, monitors: [{ version: 1 }] });
    expect(await project.configuration({ epoch: 1, seq: 50 })).toMatchObject({ full: false, deleted: [{ kind: "monitor", id: "gone" }] });
  });
});
