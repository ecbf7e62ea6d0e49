/** The rules that protect a pool and what people say of its members, over the API that users have. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Origin, startOrigin } from "./origins.ts";
import { type System, startSystem } from "./system.ts";
import { until } from "./until.ts";
import { answers, create, deploy, memberAt, write } from "./world.ts";

let system: System;
const origins: Origin[] = [];
const origin = async () => {
  const started = await startOrigin({});
  origins.push(started);
  return started;
};

beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.close());
afterEach(async () => {
  for (const started of origins.splice(0)) await started.close();
});

const get = async (path: string) => (await system.api("GET", path)).body;
const memberIds = async (pool: string): Promise<string[]> =>
  (await get(`/v0.1/pools/${pool}`)).members.map((member: { id: string }) => member.id);
const overrideOf = (pool: string, member: string) => `/v0.1/pools/${pool}/pool_members/${member}/override`;
const events = async (path: string, kind: string) => (await get(`${path}/history?kind=${kind}`)).history;

/** A pool of members without a monitor, which are ACTIVE as soon as the Engine knows them. */
async function unmonitored(size: number, over: object = {}): Promise<{ pool: string; members: string[] }> {
  const members = Array.from({ length: size }, (_, index) => ({ endpoints: [`192.0.2.${index + 1}`] }));
  const pool = await create(system, "/v0.1/pools", { name: `of ${size}`, members, ...over });
  await until(() => get(`/v0.1/pools/${pool.id}/status`), { what: "the pool to be ACTIVE", is: (body) => body.status === "ACTIVE" });
  return { pool: pool.id, members: await memberIds(pool.id) };
}

describe("min_healthy_percent, with overrides down alone", () => {
  const usable = (pool: string, enabled: number, healthy: number, percent: number) =>
    until(() => get(`/v0.1/pools/${pool}/status`), {
      what: `${healthy} of ${enabled} healthy at ${percent} %`,
      is: (body) =>
        body.healthy === healthy && body.enabled === enabled && body.needed === Math.max(1, Math.ceil((percent * enabled) / 100)),
    }).then((body) => body.usable);

  it("decides for a pool of 9 at every share and every number of members", async () => {
    const { pool, members } = await unmonitored(9);
    for (let up = 9; up >= 0; up -= 1) {
      if (up < 9) await write(system, "PUT", overrideOf(pool, members[up] ?? ""), { state: "down", reason: "a test" });
      for (const percent of [10, 20, 30, 40, 50, 60, 70, 80, 90]) {
        await write(system, "PATCH", `/v0.1/pools/${pool}`, { min_healthy_percent: percent });
        expect([percent, up, await usable(pool, 9, up, percent)]).toEqual([percent, up, up >= Math.max(1, Math.ceil((percent * 9) / 100))]);
      }
    }
  });

  it.each([
    [14, 50, 7],
    [28, 25, 7],
    [56, 25, 14],
  ])("counts %i percent of %i as %i", async (percent, size, needed) => {
    const { pool, members } = await unmonitored(size, { min_healthy_percent: percent });
    for (const member of members.slice(needed)) await write(system, "PUT", overrideOf(pool, member), { state: "down" });
    expect(await usable(pool, size, needed, percent)).toBe(true);
    await write(system, "PUT", overrideOf(pool, members[0] ?? ""), { state: "down" });
    expect(await usable(pool, size, needed - 1, percent)).toBe(false);
  });
});

describe("overrides", () => {
  it("a drain moves the answer, says when it is safe to stop, and its end brings the member back", async () => {
    const [one, two] = [await origin(), await origin()];
    const { fqdn, pools, gslb } = await deploy(system, [[memberAt(one, "192.0.2.1"), memberAt(two, "192.0.2.2")]], { gslb: { ttl: 1 } });
    await answers(system, fqdn, ["192.0.2.1", "192.0.2.2"]);
    const [pool = ""] = pools;
    const [member = ""] = await memberIds(pool);
    const expires_at = new Date(Date.now() + 5_000).toISOString();
    const made = await system.api("POST", "/v0.1/overrides", {
      selector: { member_id: member },
      state: "drain",
      reason: "CHG-1",
      expires_at,
    });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      active: true,
      matched: [{ member_id: member }],
      impact: [{ gslb_id: gslb, verdict: "degraded", healthy_left: 1 }],
    });
    await answers(system, fqdn, ["192.0.2.2"]);
    expect(await get(`/v0.1/pools/${pool}/pool_members/${member}`)).toMatchObject({
      override: { state: "drain", reason: "CHG-1" },
      status: "ACTIVE",
    });
    await until(() => get(`/v0.1/pools/${pool}/pool_members/${member}/status`), {
      what: "the member to be safe to stop",
      is: (body) => body.safe_to_stop_at !== null && body.in_rotation === false,
    });
    await answers(system, fqdn, ["192.0.2.1", "192.0.2.2"]);
    await until(() => events(`/v0.1/pools/${pool}`, "override_expired"), {
      what: "the end to be in the history",
      is: (list) => list.length === 1,
    });
  });

  it("that would leave a name without an enabled member are refused, unless forced; then what is published stays", async () => {
    const one = await origin();
    const { fqdn, pools, gslb } = await deploy(system, [[memberAt(one, "192.0.2.1")]]);
    await answers(system, fqdn, ["192.0.2.1"]);
    await until(() => get(`/v0.1/gslbs/${gslb}`), { what: "the GSLB to be ACTIVE", is: (body) => body.status === "ACTIVE" });
    const [pool = ""] = pools;
    const [member = ""] = await memberIds(pool);
    const path = `/v0.1/pools/${pool}/pool_members/${member}`;
    const drain = { selector: { pool_id: pool }, state: "drain" };
    for (const [method, at, body] of [
      ["POST", "/v0.1/overrides", drain],
      ["PUT", `${path}/override`, { state: "drain" }],
      ["PATCH", path, { admin_state_up: false }],
      ["PATCH", path, { weight: 0 }],
      ["PATCH", `/v0.1/pools/${pool}`, { admin_state_up: false }],
      ["PATCH", `/v0.1/gslbs/${gslb}`, { pool_ids: [] }],
      ["DELETE", path, undefined],
    ] as const) {
      const answer = await system.api(method, at, body);
      expect([method, at, answer.status, answer.body?.type]).toEqual([method, at, 409, expect.stringMatching(/would-empty$/)]);
      expect(answer.body.users).toEqual([{ type: "gslb", id: gslb, name: fqdn }]);
    }
    expect((await system.api("POST", "/v0.1/overrides", { ...drain, force: true })).status).toBe(201);
    await until(() => get(`/v0.1/gslbs/${gslb}`), { what: "the GSLB to say so", is: (body) => body.status === "ERROR" });
    await answers(system, fqdn, ["192.0.2.1"]);
  });
});

describe("a primary pool that dies", () => {
  it("whole gives way to the second, whatever its budget and panic say", async () => {
    const [one, two, three] = [await origin(), await origin(), await origin()];
    const { fqdn } = await deploy(
      system,
      [
        [memberAt(one, "192.0.2.1"), memberAt(one, "192.0.2.2"), memberAt(two, "192.0.2.3"), memberAt(two, "192.0.2.4")],
        [memberAt(three, "198.51.100.1")],
      ],
      { pool: { max_removal_percent: 50, panic_percent: 50 } },
    );
    await answers(system, fqdn, ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]);
    await one.kill();
    await two.kill();
    await answers(system, fqdn, ["198.51.100.1"]);
  });

  it("in part is held by the removal budget until somebody lets it go", async () => {
    const [one, two] = [await origin(), await origin()];
    const { fqdn, pools } = await deploy(
      system,
      [[memberAt(one, "192.0.2.1"), memberAt(one, "192.0.2.2"), memberAt(one, "192.0.2.3"), memberAt(two, "192.0.2.4")]],
      { pool: { max_removal_percent: 50 } },
    );
    await answers(system, fqdn, ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]);
    await one.kill();
    const held = await until(() => get(`/v0.1/pools/${pools[0]}/status`), {
      what: "one member to be held",
      is: (body) => body.healthy === 1 && body.members.filter((member: { held: string | null }) => member.held === "budget").length === 1,
    });
    expect(held).toMatchObject({ status: "DEGRADED", usable: true });
    await until(() => system.dns(fqdn), {
      what: "two members to be out",
      is: (values) => values.length === 2 && values.includes("192.0.2.4"),
    });
    expect((await get("/v0.1/status")).held).toBe(1);
    expect((await system.api("POST", `/v0.1/pools/${pools[0]}/release`)).status).toBe(200);
    await answers(system, fqdn, ["192.0.2.4"]);
    await until(() => events(`/v0.1/pools/${pools[0]}`, "released"), {
      what: "the release to be in the history",
      is: (list) => list.length === 1,
    });
  });

  it("with manual failback keeps the traffic away until it is sent back", async () => {
    const [one, two] = [await origin(), await origin()];
    const { fqdn, gslb } = await deploy(system, [[memberAt(one, "192.0.2.1")], [memberAt(two, "192.0.2.2")]], {
      gslb: { failback: "manual" },
    });
    await answers(system, fqdn, ["192.0.2.1"]);
    await one.kill();
    await answers(system, fqdn, ["192.0.2.2"]);
    expect((await system.api("POST", `/v0.1/gslbs/${gslb}/failback`)).status).toBe(409);
    await one.revive();
    await until(() => get(`/v0.1/gslbs/${gslb}/status`), {
      what: "the failback to be pending",
      is: (body) => body.failback_pending === true,
    });
    await answers(system, fqdn, ["192.0.2.2"]);
    expect((await system.api("POST", `/v0.1/gslbs/${gslb}/failback`)).status).toBe(200);
    await answers(system, fqdn, ["192.0.2.1"]);
  });
});

describe("weighted", () => {
  it("answers one member at a time, in the shares of pools and members", async () => {
    const many = await unmonitored(2);
    const few = await create(system, "/v0.1/pools", { name: "few", members: [{ endpoints: ["198.51.100.1"] }] });
    const gslb = await create(system, "/v0.1/gslbs", {
      fqdn: "weighted.example.com.",
      domain_name: "example.com.",
      steering_policy: "weighted",
      pool_ids: [many.pool, few.id],
    });
    await write(system, "PATCH", `/v0.1/gslbs/${gslb.id}/pools/${few.id}`, { weight: 3 });
    await write(system, "PATCH", `/v0.1/pools/${many.pool}/pool_members/${many.members[0]}`, { weight: 4 });
    await until(() => get(`/v0.1/gslbs/${gslb.id}/status`), {
      what: "the weights to be published",
      is: (body) =>
        body.published[0].answers.map((set: { weight: number; pool_weight: number }) => [set.pool_weight, set.weight]).join(" ") ===
        "1,4 1,1 3,1",
    });
    // An isolate remembers a name for a second at most.
    await until(() => system.dns("weighted.example.com."), { what: "one member", is: (values) => values.length === 1 });
    const counts = new Map<string, number>();
    for (let n = 0; n < 400; n += 1) {
      const [value = ""] = await system.dns("weighted.example.com.");
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    const share = (value: string) => (counts.get(value) ?? 0) / 400;
    // Five standard deviations.
    expect(Math.abs(share("198.51.100.1") - 3 / 4)).toBeLessThan(0.11);
    expect(Math.abs(share("192.0.2.1") - 1 / 5)).toBeLessThan(0.1);
    expect(share("192.0.2.2")).toBeLessThan(0.16);
  });
});

describe("two hundred names on one flavor", () => {
  it("that lose the same members at once go out in one batch, and the history tells it", async () => {
    const [east, west] = [await origin(), await origin()];
    const { pools } = await deploy(system, [[memberAt(east, "192.0.2.1")], [memberAt(west, "192.0.2.2")]], { monitor: { delay: 5 } });
    const ids: string[] = [];
    for (let n = 0; n < 200; n += 1) {
      const body = { fqdn: `name${n}.many.example.com.`, domain_name: "many.example.com.", pool_ids: pools, ttl: 1 };
      ids.push((await create(system, "/v0.1/gslbs", body)).id);
    }
    await answers(system, "name199.many.example.com.", ["192.0.2.1"], 60_000);
    await answers(system, "name0.many.example.com.", ["192.0.2.1"], 60_000);
    await east.kill();
    await answers(system, "name0.many.example.com.", ["192.0.2.2"]);
    await answers(system, "name199.many.example.com.", ["192.0.2.2"]);
    for (const id of [ids[0], ids[100], ids[199]]) {
      const published = await until(() => events(`/v0.1/gslbs/${id}`, "published"), {
        what: "the move to be in the history",
        is: (list) => list[0]?.to === "192.0.2.2",
      });
      expect(published[0].evidence.batch).toMatchObject({ names: 200, zone: "many.example.com." });
    }
  }, 120_000);
});
