/** What would leave a live GSLB without an enabled member is refused, unless it is forced; nothing else is. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Member } from "../../domain/member.ts";
import { overrideWrite } from "../../domain/override.ts";
import type { Problem } from "../../domain/problem.ts";
import type { Result } from "../../domain/result.ts";
import type { Status } from "../../domain/status.ts";
import type { ConductorRpc } from "../../durable-objects/rpc.ts";
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

const plain = { expected: null, records: "delete" } as const;
const forced = { ...plain, force: true };
const inBody = '"force": true';
const overrideOf = (input: object) => overrideWrite.parse({ state: "drain", ...input });
const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

type Steered = { kind: "gslb" | "pool_member"; id: string };
const judge = (project: ConductorRpc, status: Status, ...resources: Steered[]) =>
  project.record({ statuses: resources.map((one) => ({ ...one, status })), settled: [], events: [], unpublished: [], ended: [] });

/** A live GSLB `name` over a pool for each of `sizes`; all members are ACTIVE. */
async function live(name: string, ...sizes: number[]) {
  const project = conductors.of(name);
  const pools: { id: string; members: readonly Member[] }[] = [];
  for (const [index, size] of sizes.entries()) {
    const members = Array.from({ length: size }, (_, at) => memberOf(address(at), { name: `m${at}` }));
    pools.push(value(await project.create("pool", poolOf(`p${index}`, { members }), by)));
  }
  const poolIds = pools.map(({ id }) => id);
  const gslb = value(await project.create("gslb", gslbOf(name, { pool_ids: poolIds }), by));
  const members = pools.flatMap((pool) => pool.members);
  await judge(project, "ACTIVE", { kind: "gslb", id: gslb.id }, ...members.map(({ id }) => ({ kind: "pool_member" as const, id })));
  const [a, b] = members;
  if (a === undefined) throw new Error("there is a member");
  const put = (member: Member, rest: object, force?: boolean) =>
    project.replace("pool_member", member.id, memberOf(member.endpoints[0] ?? "", { name: member.name, ...rest }), null, by, force);
  return { project, gslb, poolIds, poolId: poolIds[0] ?? "", a, b: b ?? a, put };
}

function expectRefused(result: Result<unknown, Problem>, gslb: { readonly id: string; readonly name: string }, how = "?force=true") {
  expect(problem(result)).toMatchObject({ type: "would-empty", users: [{ type: "gslb", id: gslb.id, name: gslb.name }] });
  expect(problem(result).detail).toContain(how);
}

describe("the last enabled member", () => {
  it("cannot be disabled, weighed 0 or removed without force; one of two can", async () => {
    const { project, gslb, a, b, put } = await live("members", 2);
    value(await put(a, { weight: 0 }));
    for (const rest of [{ admin_state_up: false }, { weight: 0 }]) expectRefused(await put(b, rest), gslb);
    expectRefused(await project.remove("pool_member", b.id, plain, by), gslb);
    expect(value(await project.read("pool_member", b.id)).version).toBe(1);
    value(await put(b, { description: "the last one", weight: 9 }));
    value(await put(b, { admin_state_up: false }, true));
    value(await put(b, {}));
    value(await project.remove("pool_member", b.id, forced, by));
    // There is none any more: nothing is taken away.
    value(await project.remove("pool_member", a.id, plain, by));
  });

  it("counts only with the others that are enabled: not those off, never judged, of weight 0 or drained, and none in a pool that is off", async () => {
    const { project, gslb, poolId, poolIds, a, b, put } = await live("others", 2, 1);
    const [, second = ""] = poolIds;
    const disable = () => put(a, { admin_state_up: false });
    const third = value(await project.create("pool_member", { ...memberOf(address(9)), pool_id: poolId }, by));
    value(await put(b, { admin_state_up: false }));
    value(await project.replace("pool", second, poolFieldsOf("p1", { admin_state_up: false }), null, by));
    expectRefused(await disable(), gslb);
    await judge(project, "DOWN", { kind: "pool_member", id: third.id });
    value(await disable());
    value(await put(a, {}));
    const drained = value(await project.createOverride(overrideOf({ selector: { member_id: third.id } }), false, by));
    expectRefused(await disable(), gslb);
    value(await project.removeOverride(drained.id, by));
    value(await project.createOverride(overrideOf({ selector: { member_id: third.id }, state: "down" }), false, by));
    value(await disable());
  });

  it("of a set is missed in the set as a whole: it may hand over to another", async () => {
    const { project, gslb, poolId, a, b, put } = await live("sets", 2);
    value(await put(b, { admin_state_up: false }));
    const element = (member: Member, rest: object = {}) => ({
      ...memberOf(member.endpoints[0] ?? "", { name: member.name, ...rest }),
      id: member.id,
    });
    const off = { admin_state_up: false };
    const made = { ...memberOf(address(20)), id: null };
    for (const set of [[], [element(a, off), element(b, off)], [element(b, off)], [element(a, { weight: 0 }), made]]) {
      expectRefused(await project.replaceMembers(poolId, set, false, by), gslb);
    }
    value(await project.replaceMembers(poolId, [element(b, off)], true, by));
    value(await project.replaceMembers(poolId, [element(a, off), element(b), made], false, by));
    value(await project.replaceMembers(poolId, [], false, by, true));
  });
});

describe("a live GSLB", () => {
  it("keeps its last pool with an enabled member, by whatever way it would lose it", async () => {
    const { project, gslb, poolIds, poolId } = await live("places", 1, 0);
    const [, empty = ""] = poolIds;
    const put = (pool_ids: string[], rest: object = {}, force?: boolean) =>
      project.replace("gslb", gslb.id, gslbOf("places", { pool_ids, ...rest }), null, by, force);
    expectRefused(await put([empty]), gslb);
    expectRefused(await put([]), gslb);
    expectRefused(await project.placePools(gslb.id, [{ pool_id: empty, weight: null }], by), gslb);
    expectRefused(await project.replace("pool", poolId, poolFieldsOf("p0", { admin_state_up: false }), null, by), gslb);
    value(await put([empty, poolId]));
    value(await put([poolId]));
    // Hands off: nothing more is published, so nothing can be emptied.
    value(await put([], { admin_state_up: false }));
    value(await put([poolId], {}));
    value(await project.replace("pool", poolId, poolFieldsOf("p0", { admin_state_up: false }), null, by, true));
    value(await put([empty]));
  });

  it("is one that was published and is not off; all that would be emptied are named", async () => {
    const { project, gslb, poolId, a, put } = await live("several", 1);
    const more = [];
    for (const label of ["pending", "off", "second", "elsewhere"]) {
      more.push(
        value(await project.create("gslb", gslbOf(`${label}.several`, { pool_ids: [poolId], admin_state_up: label !== "off" }), by)),
      );
    }
    const [, off, second, elsewhere] = more.map(({ id }) => ({ kind: "gslb" as const, id }));
    if (off === undefined || second === undefined || elsewhere === undefined) throw new Error("all were made");
    await judge(project, "ACTIVE", off, second, elsewhere);
    const other = value(await project.addGslbPool(elsewhere.id, { pool: poolOf("other", { members: [memberOf(address(30))] }) }, null, by));
    await judge(project, "ACTIVE", { kind: "pool_member", id: other.pool.members[0]?.id ?? "" });
    expect(problem(await put(a, { weight: 0 }))).toMatchObject({ users: [{ id: gslb.id }, { id: second.id }] });
    const { project: fresh, a: only, put: change } = await live("unpublished", 1);
    const { gslbs } = await fresh.configuration(null);
    await conductors.rows("UPDATE gslb SET status = 'PENDING' WHERE id = ?", gslbs[0]?.id);
    value(await change(only, { weight: 0 }));
  });
});

describe("a drain", () => {
  it("of all that are left is refused, of the member or of the pool, unless its body forces it, or it begins later", async () => {
    const { project, gslb, poolId, a, b } = await live("drain", 2);
    const drain = (selector: object, rest: object = {}) => project.createOverride(overrideOf({ selector, ...rest }), false, by);
    expectRefused(await drain({ pool_id: poolId }), gslb, inBody);
    value(await drain({ member_id: a.id }));
    for (const selector of [{ member_id: b.id }, { pool_id: poolId }, { member_id: b.id, pool_id: poolId }]) {
      expectRefused(await drain(selector), gslb, inBody);
    }
    value(await drain({ member_id: b.id }, { starts_at: inAnHour() }));
    value(await drain({ member_id: b.id }, { state: "down" }));
    value(await drain({ member_id: b.id }, { force: true }));
    expect(value(await project.memberOverride(b.id))).toMatchObject({ state: "drain", force: true });
  });

  it("of a pool leaves those whom a more specific override decides", async () => {
    const { project, gslb, poolId, a, b } = await live("specific", 2);
    const drain = (selector: object, rest: object = {}) => project.createOverride(overrideOf({ selector, ...rest }), false, by);
    const kept = value(await drain({ member_id: b.id }, { state: "down" }));
    value(await drain({ pool_id: poolId }));
    expectRefused(await drain({ member_id: b.id }), gslb, inBody);
    value(await drain({ member_id: b.id, pool_id: poolId }, { state: "up" }));
    // Less specific than what decides for it: it changes nothing.
    value(await drain({ member_id: b.id }));
    value(await project.removeOverride(kept.id, by));
    expect(value(await project.read("pool", poolId)).members.map(({ id, override }) => [id, override?.state])).toEqual([
      [a.id, "drain"],
      [b.id, "up"],
    ]);
  });
});

it("asks nothing where nothing is taken away", async () => {
  const { project, a, put } = await live("cheap", 2);
  // What goes on beside a write may ask D1 too: the least of a few tries is the write's own.
  const cost = async (changes: readonly Parameters<typeof put>[1][], reset: Parameters<typeof put>[1]) => {
    let least = Number.POSITIVE_INFINITY;
    for (const change of changes) {
      value(await put(a, reset));
      const before = await conductors.d1Calls();
      value(await put(a, change));
      least = Math.min(least, (await conductors.d1Calls()) - before);
    }
    return least;
  };
  const plain = await cost(
    ["one", "two", "three", "four"].map((description) => ({ description })),
    { description: null },
  );
  expect(
    await cost(
      [5, 6, 7, 8].map((weight) => ({ weight })),
      { weight: 1 },
    ),
  ).toBe(plain);
  expect(
    await cost(
      [0, 0, 0, 0].map((weight) => ({ weight })),
      { weight: 1 },
    ),
  ).toBe(plain + 1);
  expect((await project.configuration(null)).members).toHaveLength(2);
});
