/** Overrides, weights and what people tell the automation to do, over the real Worker: what the bodies and their tags show. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type System, startSystem, until } from "./system.ts";

let system: System;

beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system?.close());

const get = async (path: string) => (await system.api("GET", path)).body;

async function made(path: string, body: object) {
  const answer = await system.api("POST", path, body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return answer.body;
}

let names = 0;
/** A live GSLB whose pools' members have no monitor: they are ACTIVE at once. */
async function live(sizes: readonly number[], change: object = {}) {
  names += 1;
  const fqdn = `api-${names}.example.com.`;
  const pools: { id: string; members: { id: string }[] }[] = [];
  for (const [index, size] of sizes.entries()) {
    const members = Array.from({ length: size }, (_, host) => ({ endpoints: [`198.51.${100 + index}.${host + 1}`] }));
    pools.push(await made("/v0.1/pools", { name: `${fqdn} ${index}`, members }));
  }
  const gslb = await made("/v0.1/gslbs", { fqdn, domain_name: "example.com.", pool_ids: pools.map((pool) => pool.id), ...change });
  const path = `/v0.1/gslbs/${gslb.id}`;
  await until(() => get(path), { what: `${fqdn} to be ACTIVE`, is: (body) => body.status === "ACTIVE" });
  const memberOf = (pool: number, member: number) => `/v0.1/pools/${pools[pool]?.id}/pool_members/${pools[pool]?.members[member]?.id}`;
  return { path, fqdn, pools, poolOf: (index: number) => pools[index]?.id ?? "", memberOf };
}

describe("an override", () => {
  it("changes the tags of the bodies that show it, when it is made and when it ends by the clock, and never a version", async () => {
    const { memberOf, poolOf } = await live([2]);
    const paths = [memberOf(0, 0), `/v0.1/pools/${poolOf(0)}`];
    const tags = () => Promise.all(paths.map(async (path) => (await system.api("GET", path)).headers.get("etag")));
    // What the Engine says of the members is in the tags too: they have to rest first.
    let before = await tags();
    await until(
      async () => {
        const last = before;
        before = await tags();
        return last.join() === before.join() && (await get(memberOf(0, 0))).in_rotation;
      },
      { what: "the tags to rest", is: (resting) => resting },
    );
    const put = await system.api("PUT", `${memberOf(0, 1)}/override`, { state: "up" });
    expect(put.body).toMatchObject({ state: "up", by: "bootstrap", expires_at: null });
    const during = await tags();
    // Another member's override is in the pool's body alone.
    expect([during[0], during[1] === before[1]]).toEqual([before[0], false]);
    const expires_at = new Date(Date.now() + 2_000).toISOString();
    await system.api("PUT", `${memberOf(0, 0)}/override`, { state: "up", expires_at });
    const shown = await system.api("GET", memberOf(0, 0));
    expect(shown.body).toMatchObject({ override: { state: "up", expires_at }, version: 1 });
    const ended = await until(() => system.api("GET", memberOf(0, 0), undefined, { "if-none-match": shown.headers.get("etag") }), {
      what: "the end of the override to be another body",
      is: (answer) => answer.status === 200,
    });
    expect(ended.body).toMatchObject({ override: null, version: 1 });
    expect((await system.api("GET", `${memberOf(0, 0)}/override`)).status).toBe(404);
    expect((await system.api("PATCH", memberOf(0, 0), { weight: 2 }, { "if-match": shown.headers.get("etag") })).status).toBe(200);
  });

  it("is tried without being stored, and says what it would do as it does when it is", async () => {
    const { fqdn, poolOf } = await live([2, 1]);
    const body = { selector: { pool_id: poolOf(0) }, state: "drain", reason: "CHG-7" };
    const total = async () => (await get("/v0.1/overrides")).metadata.total_count;
    const before = await total();
    const tried = await system.api("POST", "/v0.1/overrides?dry_run=true", body);
    expect([tried.status, tried.headers.get("kosmos-dry-run"), await total()]).toEqual([200, "true", before]);
    expect(tried.body).toMatchObject({ id: null, active: true, matched: [{}, {}] });
    expect(tried.body.impact).toMatchObject([
      { fqdn, before: ["198.51.100.1", "198.51.100.2"], after: ["198.51.101.1"], healthy_left: 1, verdict: "degraded" },
    ]);
    const stored = await made("/v0.1/overrides", body);
    expect(stored).toMatchObject({ impact: tried.body.impact, matched: tried.body.matched });
    await until(() => get(`/v0.1/overrides/${stored.id}`), {
      what: "its members to be safe to stop",
      is: ({ safe_to_stop_at }) => safe_to_stop_at !== null,
    });
    expect((await get("/v0.1/overrides")).overrides.at(-1)).toMatchObject({ id: stored.id, impact: [], matched: [{}, {}] });
    expect((await system.api("DELETE", `/v0.1/overrides/${stored.id}`)).status).toBe(204);
    await until(() => system.dns(fqdn), { what: "the pool to answer again", is: (values) => values.length === 2 });
  });

  it("that begins later is shown what it would do now, and refused by nobody yet", async () => {
    const { poolOf, memberOf } = await live([1]);
    const drain = { selector: { pool_id: poolOf(0) }, state: "drain" };
    const later = await made("/v0.1/overrides", { ...drain, starts_at: "2100-01-01T00:00:00+01:00" });
    expect(later).toMatchObject({ active: false, starts_at: "2099-12-31T23:00:00.000Z", impact: [{ verdict: "would_empty" }] });
    expect((await get(memberOf(0, 0))).override).toBeNull();
    const now = await system.api("POST", "/v0.1/overrides", drain);
    expect([now.status, now.body.type]).toEqual([409, "/problems/would-empty"]);
  });
});

describe("a GSLB's pools", () => {
  it("keep their weights through another order, and take new ones in one change", async () => {
    const { path, poolOf } = await live([1, 1, 1], { steering_policy: "weighted" });
    const weights = async () => (await get(`${path}/pools`)).pools.map(({ id, weight }: { id: string; weight: number }) => [id, weight]);
    const [a, b, c] = [poolOf(0), poolOf(1), poolOf(2)];
    expect((await system.api("PATCH", `${path}/pools/${b}`, { weight: 5 })).body).toMatchObject({ id: b, weight: 5, position: 1 });
    expect((await system.api("PUT", `${path}/pools`, { pool_ids: [c, b] })).status).toBe(200);
    expect(await weights()).toEqual([
      [c, 1],
      [b, 5],
    ]);
    const { version } = await get(path);
    const put = await system.api("PUT", `${path}/pools`, { pools: [{ pool_id: b }, { pool_id: a, weight: 0 }, { pool_id: c, weight: 9 }] });
    expect(put.body.pools.map(({ weight }: { weight: number }) => weight)).toEqual([1, 0, 9]);
    expect((await get(path)).version).toBe(version + 1);
    expect((await system.api("POST", `${path}/pools`, { name: "new", weight: 3, position: 0 })).body).toMatchObject({
      weight: 3,
      position: 0,
    });
    expect((await weights()).map(([, weight]: [string, number]) => weight)).toEqual([3, 1, 0, 9]);
  });

  it("are not taken out with the last member that serves, unless it is forced", async () => {
    const { path, poolOf } = await live([1, 0]);
    const refused = await system.api("DELETE", `${path}/pools/${poolOf(0)}`);
    expect([refused.status, refused.body.users]).toEqual([409, [expect.objectContaining({ type: "gslb" })]]);
    expect((await system.api("PUT", `${path}/pools`, { pool_ids: [poolOf(1)] })).status).toBe(409);
    expect((await system.api("DELETE", `${path}/pools/${poolOf(0)}?force=true`)).status).toBe(204);
  });
});

describe("release and failback", () => {
  it("answer with the status, or say why not", async () => {
    const { path, poolOf } = await live([1]);
    const released = await system.api("POST", `/v0.1/pools/${poolOf(0)}/release`);
    expect([released.status, released.body]).toMatchObject([200, { id: poolOf(0), status: "ACTIVE", members: [{ held: null }] }]);
    expect((await system.api("POST", `${path}/failback`)).status).toBe(422);
    await system.api("PATCH", path, { failback: "manual" });
    await until(() => system.api("POST", `${path}/failback`), { what: "the Engine to take it over", is: ({ status }) => status === 200 });
    await system.api("PATCH", `/v0.1/pools/${poolOf(0)}?force=true`, { admin_state_up: false });
    const refused = await until(() => system.api("POST", `${path}/failback`), {
      what: "the preferred pool not to be usable",
      is: ({ status }) => status !== 200,
    });
    expect([refused.status, refused.body.type]).toEqual([409, "/problems/conflict"]);
  });
});
