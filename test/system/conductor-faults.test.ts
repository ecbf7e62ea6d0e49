/** What the Conductor does when something around it fails: D1 before and after the work, the Engine, a restored backup, a half-made database. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  address,
  by,
  type Conductors,
  gslbOf,
  listOf,
  memberOf,
  monitorOf,
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
afterEach(async () => {
  await conductors.faults({ d1: "none", matching: "", engine: "none" });
});
afterAll(async () => {
  await conductors.harness.close();
});

const always = { expected: null, records: "delete" } as const;

describe("while D1 is away", () => {
  it("reads and writes say when to come back, and nothing is half-written", async () => {
    const project = conductors.of("away");
    const made = value(await project.create("monitor", monitorOf(), by));
    await conductors.faults({ d1: "before" });
    const refused = [
      await project.read("monitor", made.id),
      await project.list("monitor", listOf()),
      await project.create("pool", poolOf("p", { members: [memberOf(address(1))] }), by),
      await project.replace("monitor", made.id, monitorOf({ name: "x" }), null, by),
      await project.remove("monitor", made.id, always, by),
      await project.history({ limit: 10, marker: null, count: false, filters: {} }),
    ];
    for (const result of refused) expect(problem(result)).toMatchObject({ type: "unavailable", retryAfterSeconds: expect.any(Number) });
    expect(await project.health()).toMatchObject({ ok: false });
    await expect(project.configuration(null)).rejects.toThrow();
    await conductors.faults({ d1: "none" });
    expect(await project.health()).toMatchObject({ ok: true });
    expect(await project.configuration(null)).toMatchObject({ seq: 1, monitors: [made], pools: [], members: [] });
  });

  it("in the middle of a write, all of the write is lost or none", async () => {
    const project = conductors.of("middle");
    const pool = value(await project.create("pool", poolOf("p", { members: [memberOf(address(1))] }), by));
    // What this write decides on is read; its batch fails.
    await conductors.faults({ d1: "before", matching: "change_log" });
    expect(problem(await project.remove("pool", pool.id, always, by)).type).toBe("unavailable");
    await conductors.faults({ d1: "none" });
    expect(value(await project.read("pool", pool.id))).toEqual(pool);
    value(await project.remove("pool", pool.id, always, by));
    expect(await conductors.rows("SELECT seq FROM project WHERE project_id = 'middle'")).toEqual([{ seq: 2 }]);
  });

  it("an answer that is lost after the work was done does not confuse the next write, and the Engine hears of it", async () => {
    const project = conductors.of("lost");
    await conductors.faults({ d1: "after", matching: "change_log" });
    expect(problem(await project.create("gslb", gslbOf("lost"), by)).type).toBe("unavailable");
    await conductors.faults({ d1: "none" });
    await until(() => conductors.told("lost"), { what: "the alarm to tell the Engine", is: ({ told }) => told?.seq === 1 });
    expect(problem(await project.create("gslb", gslbOf("lost"), by)).type).toBe("conflict");
    value(await project.create("monitor", monitorOf(), by));
    expect(await project.configuration({ epoch: 1, seq: 1 })).toMatchObject({ full: false, epoch: 1, seq: 2, gslbs: [] });
  });

  it("the list of projects is the last one that was known", async () => {
    value(await conductors.of("listed").create("monitor", monitorOf(), by));
    const known = await conductors.deployment.projects();
    expect(known).toContain("listed");
    await conductors.faults({ d1: "before" });
    await conductors.evict("deployment");
    expect(await conductors.deployment.projects()).toEqual(known);
  });
});

describe("an Engine that does not take over what it is told", () => {
  it("is told again by the alarm until it does, also by a Conductor that was evicted; nobody waits for it", async () => {
    const project = conductors.of("refused");
    await conductors.faults({ engine: "refuses" });
    value(await project.create("monitor", monitorOf(), by));
    value(await project.create("monitor", monitorOf(), by));
    await until(() => conductors.told("refused"), { what: "a second try", is: ({ tries }) => tries >= 2 });
    expect((await conductors.told("refused")).told).toBeNull();
    await conductors.evict("project:refused");
    await conductors.faults({ engine: "lags" });
    const { tries } = await conductors.told("refused");
    await until(() => conductors.told("refused"), { what: "another try", is: (now) => now.tries > tries });
    await conductors.faults({ engine: "none" });
    await until(() => conductors.told("refused"), { what: "the Engine to be told", is: ({ told }) => told?.seq === 2 });
  });

  it("is told again by the watchdog", async () => {
    const project = conductors.of("watched");
    await conductors.faults({ engine: "refuses" });
    value(await project.create("monitor", monitorOf(), by));
    await until(() => conductors.told("watched"), { what: "a first try", is: ({ tries }) => tries >= 1 });
    await conductors.faults({ engine: "none" });
    await project.watch();
    await until(() => conductors.told("watched"), { what: "the Engine to be told", is: ({ told }) => told?.seq === 1 });
  });
});

describe("a D1 that was restored from a backup", () => {
  const setBack = async (project: string) => {
    await conductors.rows("DELETE FROM monitor WHERE project_id = ? AND name = 'second'", project);
    await conductors.rows("DELETE FROM change_log WHERE project_id = ? AND seq = 2", project);
    await conductors.rows("UPDATE project SET seq = 1 WHERE project_id = ?", project);
  };
  const twoWrites = async (name: string) => {
    const project = conductors.of(name);
    value(await project.create("monitor", monitorOf({ name: "first" }), by));
    value(await project.create("monitor", monitorOf({ name: "second" }), by));
    await until(() => conductors.told(name), { what: "the Engine to be told", is: ({ told }) => told?.seq === 2 });
    return project;
  };

  it("is noticed by the Engine's question: the epoch rises, and it gets everything", async () => {
    const project = await twoWrites("restored");
    await setBack("restored");
    const configuration = await project.configuration({ epoch: 1, seq: 2 });
    expect(configuration).toMatchObject({ full: true, epoch: 2, seq: 3, monitors: [{ name: "first" }] });
    expect(await conductors.rows("SELECT epoch, seq FROM project WHERE project_id = 'restored'")).toEqual([{ epoch: 2, seq: 3 }]);
    expect(await project.configuration({ epoch: 2, seq: 3 })).toMatchObject({ full: false, epoch: 2, seq: 3, monitors: [] });
  });

  it("is noticed by a write, which is not lost, and by the watchdog, which tells the Engine", async () => {
    const project = await twoWrites("restored-write");
    await setBack("restored-write");
    value(await project.create("monitor", monitorOf({ name: "third" }), by));
    expect(await project.configuration({ epoch: 1, seq: 2 })).toMatchObject({ full: true, epoch: 2, seq: 4 });

    const other = await twoWrites("restored-watch");
    await setBack("restored-watch");
    await conductors.evict("project:restored-watch");
    await other.watch();
    await until(() => conductors.told("restored-watch"), { what: "the new epoch", is: ({ told }) => told?.epoch === 2 });
  });

  it("without the project at all is noticed, too", async () => {
    const project = await twoWrites("restored-empty");
    await setBack("restored-empty");
    await conductors.rows("DELETE FROM project WHERE project_id = 'restored-empty'");
    value(await project.create("monitor", monitorOf({ name: "third" }), by));
    expect(await project.configuration(null)).toMatchObject({ epoch: 2, seq: 4 });
  });

  it("is noticed by an Engine that knows more than the Conductor, which lost its own memory", async () => {
    const project = conductors.of("forgetful");
    value(await project.create("monitor", monitorOf(), by));
    expect(await project.configuration({ epoch: 3, seq: 9 })).toMatchObject({ full: true, epoch: 4, seq: 10 });
  });
});

describe("the migrations", () => {
  const tablesOf = async (fresh: Conductors) =>
    (await fresh.rows<{ sql: string }>("SELECT sql FROM sqlite_master WHERE name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY name")).map(
      ({ sql }) => sql,
    );

  it("are applied to an empty database once, whoever asks first and however many at a time, as wrangler would", async () => {
    const fresh = await startConductors();
    try {
      await Promise.all([
        ...Array.from({ length: 5 }, (_, index) => fresh.of(`p${index}`).create("monitor", monitorOf(), by).then(value)),
        fresh.deployment.prepare(),
        fresh.deployment.prepare(),
      ]);
      const applied = await fresh.rows("SELECT * FROM d1_migrations");
      expect(applied.length).toBeGreaterThan(0);
      await fresh.worker.applyD1Migrations("DB");
      expect(await fresh.rows("SELECT * FROM d1_migrations")).toEqual(applied);
      expect(await fresh.deployment.projects()).toEqual(["p0", "p1", "p2", "p3", "p4"]);
    } finally {
      await fresh.harness.close();
    }
  });

  it("go on where an attempt failed, and are left alone where wrangler applied them", async () => {
    const fresh = await startConductors();
    const other = await startConductors();
    try {
      await fresh.faults({ d1: "before", matching: 'INSERT INTO "d1_migrations"' });
      expect(problem(await fresh.of("p").read("monitor", "none")).type).toBe("unavailable");
      expect(await fresh.rows("SELECT name FROM d1_migrations")).toEqual([]);
      // Applied, but the answer is lost: it looks again and goes on.
      await fresh.faults({ d1: "after" });
      value(await fresh.of("p").create("monitor", monitorOf(), by));

      await other.worker.applyD1Migrations("DB");
      value(await other.of("p").create("monitor", monitorOf(), by));
      expect(await tablesOf(other)).toEqual(await tablesOf(fresh));
    } finally {
      await fresh.harness.close();
      await other.harness.close();
    }
  });

  it("are applied anew when the database under a running system is another, empty one", async () => {
    const fresh = await startConductors();
    try {
      const project = fresh.of("p");
      value(await project.create("monitor", monitorOf(), by));
      const names = await fresh.rows<{ name: string }>(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'",
      );
      for (const { name } of names) await fresh.rows(`DROP TABLE "${name}"`);
      expect(problem(await project.create("monitor", monitorOf(), by)).type).toBe("unavailable");
      value(await project.create("monitor", monitorOf(), by));
      expect(await project.configuration(null)).toMatchObject({ epoch: 2, monitors: [{ version: 1 }] });
    } finally {
      await fresh.harness.close();
    }
  });
});
