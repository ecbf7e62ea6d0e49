/** Overrides in the Conductor: who is meant, what the bodies and their tags show, what the Engine is told, when they are forgotten. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deciding, isInForce, isMeant, type Override, type OverrideWrite, overrideView, overrideWrite } from "../../domain/override.ts";
import type { ConductorRpc, WriteBack } from "../../durable-objects/rpc.ts";
import { address, by, type Conductors, listOf, memberOf, poolOf, problem, startConductors, value } from "./conductor/conductor-harness.ts";

let conductors: Conductors;
beforeAll(async () => {
  conductors = await startConductors();
});
afterAll(async () => {
  await conductors.harness.close();
});

const absent = "00000000-0000-4000-8000-000000000000";
const always = { expected: null, records: "delete" } as const;
const hourMs = 3_600_000;
const inHours = (hours: number) => new Date(Date.now() + hours * hourMs).toISOString();
const overrideOf = (input: object): OverrideWrite => overrideWrite.parse({ state: "drain", ...input });
const writeBack = (part: Partial<WriteBack>): WriteBack => ({ statuses: [], settled: [], events: [], unpublished: [], ended: [], ...part });
const history = async (project: ConductorRpc, filters: object = {}) =>
  value(await project.history({ limit: 100, marker: null, count: false, filters: { kind: "override", ...filters } })).items;

/** A pool with so many members. */
async function poolWith(project: ConductorRpc, size: number) {
  const members = Array.from({ length: size }, (_, index) => memberOf(address(index), { name: `m${index}` }));
  const pool = value(await project.create("pool", poolOf("web", { members }), by));
  const memberId = (index: number): string => pool.members[index]?.id ?? absent;
  const overridesShown = async () =>
    value(await project.read("pool", pool.id)).members.map(({ override }) => override?.override_id ?? null);
  return { pool, memberId, overridesShown };
}

describe("an override", () => {
  it("is made, read, listed and removed; the history says by whom, of whom and why", async () => {
    const project = conductors.of("life");
    const { pool, memberId } = await poolWith(project, 1);
    const expires_at = inHours(2);
    const input = overrideOf({ selector: { member_id: memberId(0) }, state: "down", reason: 'CHG-1 \u0000 "日本" 🙂', expires_at });
    const made = value(await project.createOverride(input, false, { ...by, name: "oncall" }));
    expect(made).toMatchObject({ ...input, project_id: "life", by: "oncall", ended: null });
    expect(Object.keys(made).toSorted()).toEqual(
      ["by", "created_at", "ended", "expires_at", "force", "id", "project_id", "reason", "selector", "starts_at", "state"].toSorted(),
    );
    expect(value(await project.readOverride(made.id))).toEqual(made);
    expect(value(await project.memberOverride(memberId(0)))).toEqual(made);
    expect(value(await project.read("pool_member", memberId(0))).override).toEqual(overrideView(made));
    expect(value(await project.overrides({ limit: 10, marker: null, count: true }))).toEqual({ items: [made], next: null, total: 1 });

    expect(value(await project.removeOverride(made.id, by))).toBeNull();
    expect(problem(await project.removeOverride(made.id, by)).type).toBe("not-found");
    expect(problem(await project.readOverride(made.id)).type).toBe("not-found");
    expect(value(await project.memberOverride(memberId(0)))).toBeNull();
    expect(value(await project.read("pool_member", memberId(0))).override).toBeNull();

    const events = await history(project, { member_id: memberId(0) });
    expect(events.map(({ from, to, by: who }) => [from, to, who])).toEqual([
      ["down", null, "admin"],
      [null, "down", "oncall"],
    ]);
    expect(events[1]).toMatchObject({
      pool_id: pool.id,
      reason: `the override down of the pool member m0 was made until ${expires_at}: ${input.reason}`,
      evidence: { override_id: made.id, selector: input.selector, state: "down", starts_at: null, expires_at, force: false },
    });
    expect(await history(project, { pool_id: pool.id })).toEqual(events);
  });

  it("is refused where nobody is meant, and where it is over already", async () => {
    const project = conductors.of("refused");
    const { pool, memberId } = await poolWith(project, 1);
    const other = await poolWith(conductors.of("refused-other"), 1);
    const empty = value(await project.create("pool", poolOf("empty"), by));
    const refused = async (selector: object, rest: object = {}) =>
      problem(await project.createOverride(overrideOf({ selector, ...rest }), false, by));
    for (const member_id of [absent, other.memberId(0)]) {
      expect(await refused({ member_id })).toMatchObject({ type: "unprocessable", errors: [{ pointer: "/selector/member_id" }] });
    }
    for (const pool_id of [absent, other.pool.id]) {
      expect(await refused({ pool_id })).toMatchObject({ type: "unprocessable", errors: [{ pointer: "/selector/pool_id" }] });
    }
    expect(await refused({ member_id: memberId(0), pool_id: empty.id })).toMatchObject({ errors: [{ pointer: "/selector/member_id" }] });
    expect(await refused({ pool_id: pool.id }, { expires_at: inHours(-1) })).toMatchObject({ errors: [{ pointer: "/expires_at" }] });
    expect(problem(await project.createOverride(overrideOf({ selector: { member_id: absent } }), true, by)).type).toBe("not-found");
    expect(problem(await project.memberOverride(absent)).type).toBe("not-found");
    expect(value(await project.overrides({ limit: 10, marker: null, count: false })).items).toEqual([]);
    expect(problem(await conductors.of("refused-other").readOverride(absent)).type).toBe("not-found");
  });

  it("of a shorthand takes the place of the one before, and of none that names more or begins later; the same again is nothing", async () => {
    const project = conductors.of("shorthand");
    const { pool, memberId } = await poolWith(project, 1);
    const selector = { member_id: memberId(0) };
    const wide = value(await project.createOverride(overrideOf({ selector: { pool_id: pool.id } }), false, by));
    const later = value(await project.createOverride(overrideOf({ selector, starts_at: inHours(1) }), false, by));
    const first = value(await project.createOverride(overrideOf({ selector, state: "up" }), true, by));
    const before = await project.configuration(null);
    expect(value(await project.createOverride(overrideOf({ selector, state: "up" }), true, by))).toEqual(first);
    expect((await project.configuration(before)).seq).toBe(before.seq);
    const second = value(await project.createOverride(overrideOf({ selector, state: "down" }), true, by));
    expect(value(await project.overrides({ limit: 10, marker: null, count: false })).items).toEqual([wide, later, second]);
    expect(await project.configuration(before)).toMatchObject({
      full: false,
      overrides: [second],
      deleted: [{ kind: "override", id: first.id }],
    });
    expect((await history(project))[0]).toMatchObject({ from: "up", to: "down", evidence: { replaced: first.id } });
  });

  it("is listed in the order of the making, in pages", async () => {
    const project = conductors.of("pages");
    const { memberId } = await poolWith(project, 5);
    const made: Override[] = [];
    for (let index = 0; index < 5; index += 1) {
      made.push(value(await project.createOverride(overrideOf({ selector: { member_id: memberId(index) } }), false, by)));
    }
    const walked: Override[] = [];
    let marker: string | null = null;
    do {
      const page: { items: readonly Override[]; next: string | null } = value(await project.overrides({ limit: 2, marker, count: false }));
      walked.push(...page.items);
      marker = page.next;
    } while (marker !== null);
    expect(walked).toEqual(made);
    expect(problem(await project.overrides({ limit: 2, marker: "e30", count: false })).type).toBe("invalid-query");
  });
});

describe("the body of a member", () => {
  it("shows the override that decides by the domain's rules, whoever is meant and whenever it holds", async () => {
    const project = conductors.of("deciding");
    const { pool, memberId } = await poolWith(project, 4);
    await poolWith(project, 2);
    const times = [null, inHours(-2), inHours(-1), inHours(1)];
    const made: Override[] = [];
    // A generator of its own, so that a failure comes back.
    let seed = 7;
    const pick = <T>(list: readonly T[]): T => {
      seed = (seed * 48_271) % 2_147_483_647;
      return list[seed % list.length] as T;
    };
    for (let round = 0; round < 60; round += 1) {
      const member_id = memberId(pick([0, 1, 2]));
      const selector = pick([{ member_id }, { pool_id: pool.id }, { member_id, pool_id: pool.id }]);
      const one = value(await project.createOverride(overrideOf({ selector, state: pick(["up", "down", "drain"]) }), false, by));
      made.push({ ...one, starts_at: pick(times), expires_at: pick(times), ended: pick([null, null, "because"]) });
    }
    // Most of these cannot be made as they are: time has passed since.
    const { DB } = (await conductors.worker.getEnv()) as { DB: D1Database };
    const set = DB.prepare(
      "UPDATE override SET starts_at = ?, expires_at = ?, ended = ?, created_at = created_at / 100 * 100 WHERE id = ?",
    );
    const ms = (text: string | null) => (text === null ? null : Date.parse(text));
    await DB.batch(made.map((one) => set.bind(ms(one.starts_at), ms(one.expires_at), one.ended, one.id)));
    const stored = value(await project.overrides({ limit: 100, marker: null, count: false })).items;
    expect(stored).toHaveLength(60);
    expect(new Set(stored.map(({ created_at }) => created_at)).size).toBeLessThan(60);

    const now = Date.now();
    const expected = (member: { id: string; pool_id: string }) => {
      const one = deciding(stored.filter((candidate) => isInForce(candidate, now) && isMeant(candidate, member)));
      return one === null ? null : overrideView(one);
    };
    const shown = value(await project.list("pool_member", listOf())).items;
    expect(shown).toHaveLength(6);
    expect(shown.filter(({ override }) => override !== null).length).toBeGreaterThan(2);
    for (const member of shown) {
      expect(member.override).toEqual(expected(member));
      expect(value(await project.read("pool_member", member.id))).toEqual(member);
    }
    const pools = value(await project.list("pool", listOf())).items;
    expect(pools.flatMap(({ members }) => members)).toEqual(shown);
    expect(value(await project.list("pool_member", listOf({ filters: { pool_id: pool.id } }))).items).toEqual(shown.slice(0, 4));
  });

  it("shows the pool's override also when it is made after that", async () => {
    const project = conductors.of("made-after");
    const { pool, memberId } = await poolWith(project, 2);
    const wide = value(await project.createOverride(overrideOf({ selector: { pool_id: pool.id } }), false, by));
    const member = value(await project.create("pool_member", { ...memberOf(address(7)), pool_id: pool.id }, by));
    expect(member.override).toEqual(overrideView(wide));
    const elements = [
      { ...memberOf(address(0), { name: "m0", weight: 3 }), id: memberId(0) },
      { ...memberOf(address(8)), id: null },
    ];
    const set = value(await project.replaceMembers(pool.id, elements, false, by));
    expect(set.map(({ override }) => override)).toEqual([overrideView(wide), overrideView(wide)]);
    expect(value(await project.read("pool", pool.id)).members).toEqual(set);
  });

  it("has another tag after each change of what it shows, also one that only the clock makes; so has its pool's", async () => {
    const project = conductors.of("tags");
    const { pool, memberId } = await poolWith(project, 2);
    const tags = async () => {
      const shown = value(await project.read("pool", pool.id));
      const [meant, other] = shown.members;
      expect(value(await project.read("pool_member", memberId(0)))).toEqual(meant);
      return { pool: shown.revision, meant: meant?.revision ?? 0, other: other?.revision ?? 0 };
    };
    let last = await tags();
    const risen = async (...which: (keyof typeof last)[]) => {
      const next = await tags();
      for (const one of ["pool", "meant", "other"] as const) {
        if (which.includes(one)) expect(next[one]).toBeGreaterThan(last[one]);
        else expect(next[one]).toBe(last[one]);
      }
      last = next;
    };
    const clock = async (column: string, id: string) => {
      await conductors.rows(`UPDATE override SET ${column} = ? WHERE id = ?`, Date.now() - 1, id);
    };
    const selector = { member_id: memberId(0) };
    const one = value(await project.createOverride(overrideOf({ selector, starts_at: inHours(1), expires_at: inHours(2) }), false, by));
    await risen("pool", "meant");
    await clock("starts_at", one.id);
    await risen("pool", "meant");
    await clock("expires_at", one.id);
    await risen("pool", "meant");
    value(await project.removeOverride(one.id, by));
    await risen("pool", "meant");
    const wide = value(await project.createOverride(overrideOf({ selector: { pool_id: pool.id }, expires_at: inHours(2) }), false, by));
    await risen("pool", "meant", "other");
    const alone = value(await project.createOverride(overrideOf({ selector }), true, by));
    await risen("pool", "meant");
    await project.record(writeBack({ ended: [{ override_id: alone.id, reason: "the pre-flight failed" }] }));
    await risen("pool", "meant");
    await clock("expires_at", wide.id);
    await risen("pool", "meant", "other");
    value(await project.remove("pool_member", memberId(0), always, by));
    expect(value(await project.read("pool", pool.id)).revision).toBeGreaterThan(last.pool);
  });
});

describe("the Engine", () => {
  it("gets all that stand, also those that begin later, and afterwards what changed", async () => {
    const project = conductors.of("copy");
    const { pool, memberId } = await poolWith(project, 2);
    const make = async (rest: object) =>
      value(await project.createOverride(overrideOf({ selector: { pool_id: pool.id }, ...rest }), false, by));
    const [now, later, over, ended] = [await make({}), await make({ starts_at: inHours(1) }), await make({}), await make({})];
    await conductors.rows("UPDATE override SET expires_at = ? WHERE id = ?", Date.now() - 1, over.id);
    await project.record(writeBack({ ended: [{ override_id: ended.id, reason: "no" }] }));
    const all = await project.configuration(null);
    expect(all.overrides).toEqual([now, later]);
    expect(all.members.map(({ override }) => override)).toEqual([null, null]);
    expect((await conductors.of("copy-other").configuration(null)).overrides).toEqual([]);

    const next = value(await project.createOverride(overrideOf({ selector: { member_id: memberId(1) } }), false, by));
    value(await project.removeOverride(now.id, by));
    const changes = await project.configuration(all);
    expect(changes).toMatchObject({ full: false, overrides: [next], members: [], pools: [] });
    expect(changes.deleted).toEqual([{ kind: "override", id: now.id }]);
  });

  it("ends what it did not begin, once; the first reason stays, another project's never goes", async () => {
    const project = conductors.of("ended");
    const { pool, overridesShown } = await poolWith(project, 1);
    const one = value(await project.createOverride(overrideOf({ selector: { pool_id: pool.id } }), false, by));
    expect(await overridesShown()).toEqual([one.id]);
    await conductors.of("ended-other").record(writeBack({ ended: [{ override_id: one.id, reason: "theirs" }] }));
    expect(value(await project.readOverride(one.id)).ended).toBeNull();
    for (const reason of ["the pre-flight failed", "again"]) {
      await project.record(
        writeBack({
          ended: [
            { override_id: one.id, reason },
            { override_id: absent, reason },
          ],
        }),
      );
    }
    expect(value(await project.readOverride(one.id))).toEqual({ ...one, ended: "the pre-flight failed" });
    expect(await overridesShown()).toEqual([null]);
    value(await project.removeOverride(one.id, by));
    expect(await history(project)).toHaveLength(1);
  });
});

describe("an override goes", () => {
  it("with the member or the pool that it names", async () => {
    const project = conductors.of("orphans");
    const { pool, memberId } = await poolWith(project, 3);
    const made: string[] = [];
    for (const selector of [
      { member_id: memberId(0) },
      { member_id: memberId(1), pool_id: pool.id },
      { member_id: memberId(2) },
      { pool_id: pool.id },
    ]) {
      made.push(value(await project.createOverride(overrideOf({ selector }), false, by)).id);
    }
    const left = async () => value(await project.overrides({ limit: 10, marker: null, count: false })).items.map(({ id }) => id);
    const start = await project.configuration(null);
    value(await project.remove("pool_member", memberId(0), always, by));
    expect(await left()).toEqual(made.slice(1));
    value(await project.replaceMembers(pool.id, [{ ...memberOf(address(2)), id: memberId(2) }], false, by));
    expect(await left()).toEqual(made.slice(2));
    value(await project.remove("pool", pool.id, always, by));
    expect(await left()).toEqual([]);
    const { deleted } = await project.configuration(start);
    expect(
      deleted
        .filter(({ kind }) => kind === "override")
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(made.toSorted());
    const events = value(
      await project.history({ limit: 100, marker: null, count: false, filters: { pool_id: pool.id, kind: "config" } }),
    ).items;
    expect(events.find(({ reason }) => reason.startsWith("the pool web was deleted"))).toMatchObject({
      evidence: { overrides: made.slice(2) },
    });
  });

  it("when it has been over for thirty days; no tag falls back", async () => {
    const project = conductors.of("forgotten");
    const { pool } = await poolWith(project, 2);
    const make = async () => value(await project.createOverride(overrideOf({ selector: { pool_id: pool.id } }), false, by)).id;
    const [expired, ended, recent, stands] = [await make(), await make(), await make(), await make()];
    const daysAgo = (days: number) => Date.now() - days * 24 * hourMs;
    await conductors.rows("UPDATE override SET created_at = ?, starts_at = ? WHERE of_pool_id = ?", daysAgo(60), daysAgo(50), pool.id);
    await conductors.rows("UPDATE override SET expires_at = ? WHERE id = ?", daysAgo(31), expired);
    await conductors.rows("UPDATE override SET ended = 'no', ended_at = ? WHERE id = ?", daysAgo(31), ended);
    await conductors.rows("UPDATE override SET expires_at = ? WHERE id = ?", daysAgo(29), recent);
    const before = value(await project.read("pool", pool.id));
    await project.watch();
    expect(value(await project.overrides({ limit: 10, marker: null, count: false })).items.map(({ id }) => id)).toEqual([recent, stands]);
    const after = value(await project.read("pool", pool.id));
    expect(after.revision).toBeGreaterThan(before.revision);
    for (const [index, { revision }] of after.members.entries()) expect(revision).toBeGreaterThan(before.members[index]?.revision ?? 0);
  });
});
