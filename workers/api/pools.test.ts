import { describe, expect, test } from "vitest";
import { gslbBody, memberBody, monitorBody, pointers, startApi, unknownId } from "./api.fixture.ts";

describe("/v0.1/pools", () => {
  test("a pool is made with its members and monitors, or not at all", async () => {
    const { call, conductor } = startApi();
    const monitor = await call("POST", "/v0.1/monitors", monitorBody);
    const made = await call("POST", "/v0.1/pools", {
      name: "eu",
      members: [memberBody, { endpoints: ["2001:DB8::1"] }],
      monitor_ids: [monitor.body.id],
    });
    expect(made.status).toBe(201);
    expect(made.headers.get("Location")).toBe(`http://kosmos.test/v0.1/pools/${made.body.id}`);
    expect(made.body).toMatchObject({
      name: "eu",
      quorum_percent: 51,
      min_healthy_percent: 0,
      min_regions: null,
      panic_percent: 0,
      failback_delay: 0,
      max_removal_percent: 100,
      monitor_ids: [monitor.body.id],
    });
    expect(made.body.members.map((member: { name: string }) => member.name).toSorted()).toEqual(["192.0.2.10", "2001:db8::1"]);
    expect(made.body).not.toHaveProperty("revision");

    const before = conductor.count();
    const refused = await call("POST", "/v0.1/pools", { name: "us", members: [memberBody, { endpoints: ["nowhere"], port: 1 }, 7, {}] });
    expect(refused.status).toBe(400);
    expect(pointers(refused).toSorted()).toEqual(["/members/1/endpoints/0", "/members/1/port", "/members/2", "/members/3/endpoints"]);
    expect(pointers(await call("POST", "/v0.1/pools", { name: "us", monitor_ids: [unknownId] }))).toEqual(["/monitor_ids/0"]);
    expect(conductor.count()).toBe(before);
  });

  test.each([
    [{}, "/name", 400],
    [{ name: "" }, "/name", 400],
    [{ name: "p", quorum_percent: 0 }, "/quorum_percent", 400],
    [{ name: "p", panic_percent: 101 }, "/panic_percent", 400],
    [{ name: "p", failback_delay: 86_401 }, "/failback_delay", 400],
    [{ name: "p", failback_delay: null }, "/failback_delay", 400],
    [{ name: "p", max_removal_percent: 0 }, "/max_removal_percent", 400],
    [{ name: "p", flavor: "nowhere" }, "/flavor", 422],
    [{ name: "p", members: {} }, "/members", 400],
    [{ name: "p", members: [{ endpoints: ["10.0.0.1"] }] }, "/members/0/endpoints/0", 422],
  ])("%j is refused at %s with %i", async (body, pointer, status) => {
    const { call, conductor } = startApi();
    const answer = await call("POST", "/v0.1/pools", body);
    expect([answer.status, pointers(answer)]).toEqual([status, [pointer]]);
    expect(conductor.count()).toBe(0);
  });

  test("PUT and PATCH ignore the embedded members, and refuse a change that is none of the pool's", async () => {
    const { call } = startApi();
    const { body } = await call("POST", "/v0.1/pools", { name: "eu", members: [memberBody] });
    const path = `/v0.1/pools/${body.id}`;
    const put = await call("PUT", path, { ...body, name: "europe", members: [], monitor_ids: [] });
    expect([put.status, put.body.name, put.body.members.length]).toEqual([200, "europe", 1]);
    const patched = await call("PATCH", path, { min_healthy_percent: 50, panic_percent: 30, failback_delay: 60, max_removal_percent: 1 });
    expect(patched.body).toMatchObject({
      name: "europe",
      min_healthy_percent: 50,
      panic_percent: 30,
      failback_delay: 60,
      max_removal_percent: 1,
    });
    expect((await call("PATCH", path, { failback_delay: null })).body).toMatchObject({ panic_percent: 30, failback_delay: 0 });
    expect(pointers(await call("PATCH", path, { name: null }))).toEqual(["/name"]);
    expect((await call("DELETE", path)).status).toBe(204);
  });

  test("the entity tag changes with a member's health, the version does not", async () => {
    const { call, conductor } = startApi();
    const { body } = await call("POST", "/v0.1/pools", { name: "eu", members: [memberBody] });
    const path = `/v0.1/pools/${body.id}`;
    const before = (await call("GET", path)).headers.get("ETag");
    for (const row of conductor.rows.pool_member.values()) Object.assign(row, { status: "DOWN", revision: row.revision + 1 });
    const after = (await call("GET", path)).headers.get("ETag");
    expect(after).not.toBe(before);
    expect([before, after]).toEqual([expect.stringMatching(/^"1\.[0-9]+"$/), expect.stringMatching(/^"1\.[0-9]+"$/)]);
    expect((await call("PATCH", path, { name: "x" }, { "If-Match": before })).status).toBe(200);
  });
});

describe("/v0.1/gslbs/{id}/pools", () => {
  const make = async () => {
    const api = startApi();
    const pools: string[] = [];
    for (const name of ["a", "b", "c"]) pools.push((await api.call("POST", "/v0.1/pools", { name })).body.id);
    const { body } = await api.call("POST", "/v0.1/gslbs", { ...gslbBody, pool_ids: pools });
    const path = `/v0.1/gslbs/${body.id}/pools`;
    const order = async () => (await api.call("GET", path)).body.pools.map((pool: { name: string }) => pool.name).join("");
    const weights = async () => (await api.call("GET", path)).body.pools.map((pool: { weight: number }) => pool.weight);
    return { ...api, pools, path, order, weights, gslb: `/v0.1/gslbs/${body.id}` };
  };

  test("lists the pools in their order, with their places", async () => {
    const { call, path } = await make();
    const { body } = await call("GET", path);
    expect(body.pools.map(({ name, position }: { name: string; position: number }) => [name, position])).toEqual([
      ["a", 0],
      ["b", 1],
      ["c", 2],
    ]);
    expect(body.metadata).toEqual({ total_count: 3 });
    const first = await call("GET", `${path}?limit=2`);
    expect(first.body.pools).toHaveLength(2);
    const second = await call("GET", first.body.links.next.replace("http://kosmos.test", ""));
    expect(second.body.pools.map((pool: { name: string }) => pool.name)).toEqual(["c"]);
    expect(second.body.links.next).toBeUndefined();
  });

  test("takes a pool that there is, at a place or at the end, with a weight", async () => {
    const { call, path, order, weights } = await make();
    const extra = (await call("POST", "/v0.1/pools", { name: "x" })).body.id;
    const added = await call("POST", path, { pool_id: extra, position: 1 });
    expect(added.status).toBe(201);
    expect(added.body).toMatchObject({ id: extra, position: 1, weight: 1 });
    expect(await order()).toBe("axbc");
    const other = (await call("POST", "/v0.1/pools", { name: "y" })).body.id;
    expect((await call("POST", path, { pool_id: other, weight: 0 })).body).toMatchObject({ id: other, position: 4, weight: 0 });
    expect(await weights()).toEqual([1, 1, 1, 1, 0]);
  });

  test("takes a new pool whole", async () => {
    const { call, path, order } = await make();
    expect((await call("POST", path, { name: "n", members: [memberBody], position: 0 })).body).toMatchObject({ name: "n", position: 0 });
    expect((await call("POST", path, { name: "m", weight: 7 })).body).toMatchObject({ position: 4, weight: 7 });
    expect(await order()).toBe("nabcm");
  });

  test.each([
    [{ pool_id: unknownId }, "/pool_id", 422],
    [{ pool_id: "x" }, "/pool_id", 400],
    [{ pool_id: unknownId, weight: 65_536 }, "/weight", 400],
    [{ pool_id: unknownId, weight: null }, "/weight", 400],
    [{ pool_id: unknownId, geofence: "yes" }, "/geofence", 400],
    [{ pool_id: unknownId, locations: [{ country: "fr" }] }, "/locations/0/country", 400],
    [{ pool_id: unknownId, locations: [{ country: "UK" }] }, "/locations/0/country", 400],
    [{ name: "n", weight: -1 }, "/weight", 400],
    [{ pool_id: unknownId, position: -1 }, "/position", 400],
    [{ name: "n", position: "first" }, "/position", 400],
    [{ name: "n", locations: {} }, "/locations", 400],
    [{ name: "n", locations: [{ country: "FR", continent: "EU" }] }, "/locations/0", 400],
    [{ name: "n", locations: [{ cidr: "203.0.113.1/24" }] }, "/locations/0/cidr", 400],
    [{ name: "n", locations: [{ subdivision: "CA" }] }, "/locations/0/subdivision", 400],
    [{ name: "n", locations: [{ continent: "EU" }, { continent: "EU" }] }, "/locations", 400],
    [{ name: "n", members: [{ endpoints: ["127.0.0.1"] }] }, "/members/0/endpoints/0", 422],
    [{}, "/name", 400],
  ])("POST %j is refused at %s with %i", async (body, pointer, status) => {
    const { call, path, order, conductor } = await make();
    const before = conductor.count();
    const answer = await call("POST", path, body);
    expect([answer.status, pointers(answer)]).toEqual([status, [pointer]]);
    expect([await order(), conductor.count()]).toEqual(["abc", before]);
  });

  test("PATCH moves a pool", async () => {
    const { call, path, pools, order } = await make();
    const moved = await call("PATCH", `${path}/${pools[2]}`, { position: 0 });
    expect(moved.body).toMatchObject({ name: "c", position: 0 });
    expect(await order()).toBe("cab");
    const refused = await call("PATCH", `${path}/${pools[2]}`, { position: 3 });
    expect([refused.status, pointers(refused)]).toEqual([422, ["/position"]]);
    expect(pointers(await call("PATCH", `${path}/${pools[2]}`, { position: 20 }))).toEqual(["/position"]);
    expect(await order()).toBe("cab");
  });

  test("PATCH weighs a pool, and moves it too if it is told to", async () => {
    const { call, path, pools, order, weights } = await make();
    expect((await call("PATCH", `${path}/${pools[1]}`, { weight: 3 })).body).toMatchObject({ name: "b", position: 1, weight: 3 });
    expect((await call("PATCH", `${path}/${pools[1]}`, { weight: 4, position: 2 })).body).toMatchObject({ position: 2, weight: 4 });
    expect([await order(), await weights()]).toEqual(["acb", [1, 1, 4]]);
    expect((await call("PATCH", `${path}/${pools[1]}`, { position: 3, weight: 9 })).status).toBe(422);
    expect(await weights()).toEqual([1, 1, 4]);
  });

  test.each([
    [{}, [""]],
    [{ weight: -1 }, ["/weight"]],
    [{ weight: 65_536, position: "first" }, ["/position", "/weight"]],
    [{ locations: null }, ["/locations"]],
    [{ locations: Array(51).fill({ country: "FR" }) }, ["/locations"]],
    [{ weight: 1, geofence: 1 }, ["/geofence"]],
    [{ place: {} }, ["/place", ""]],
  ])("PATCH %j is refused at %j", async (body, at) => {
    const { call, path, pools, weights } = await make();
    const answer = await call("PATCH", `${path}/${pools[0]}`, body);
    expect([answer.status, pointers(answer)]).toEqual([400, at]);
    expect(await weights()).toEqual([1, 1, 1]);
  });

  test("locations and the geofence are given, changed, kept and forgotten as the weight is", async () => {
    const { call, path, pools, gslb } = await make();
    const [a, b, c] = pools;
    const places = async () =>
      (await call("GET", path)).body.pools.map((pool: { locations: unknown[]; geofence: boolean }) => [pool.locations, pool.geofence]);
    const none = [[], false];
    expect(await places()).toEqual([none, none, none]);
    const ranges = [{ cidr: "203.0.113.0/24" }, { cidr: "2001:DB8::/32" }];
    expect((await call("PATCH", `${path}/${b}`, { locations: ranges })).body).toMatchObject({
      locations: [{ cidr: "203.0.113.0/24" }, { cidr: "2001:db8::/32" }],
      geofence: false,
      weight: 1,
      position: 1,
    });
    expect((await call("PATCH", `${path}/${b}`, { geofence: true, weight: 2, position: 0 })).body).toMatchObject({
      locations: [{}, {}],
      geofence: true,
      weight: 2,
      position: 0,
    });
    const added = await call("POST", path, { name: "x", locations: [{ subdivision: "US-CA" }, { country: "US" }], geofence: true });
    expect(added.body).toMatchObject({ locations: [{ subdivision: "US-CA" }, { country: "US" }], geofence: true, position: 3 });
    await call("PATCH", gslb, { pool_ids: [added.body.id, b] });
    await call("PUT", path, { pool_ids: [c, b, added.body.id] });
    expect(await places()).toEqual([none, [[{ cidr: "203.0.113.0/24" }, { cidr: "2001:db8::/32" }], true], [expect.anything(), true]]);
    await call("PUT", path, { pools: [{ pool_id: a, locations: [{ continent: "EU" }] }, { pool_id: b }] });
    expect(await places()).toEqual([[[{ continent: "EU" }], false], none]);
  });

  test("DELETE takes a pool out and keeps it", async () => {
    const { call, path, pools, order } = await make();
    expect((await call("DELETE", `${path}/${pools[1]}`)).status).toBe(204);
    expect(await order()).toBe("ac");
    expect((await call("DELETE", `${path}/${pools[1]}`)).status).toBe(404);
    expect((await call("GET", `/v0.1/pools/${pools[1]}`)).status).toBe(200);
  });

  test("PUT replaces the order, in both forms", async () => {
    const { call, path, pools, order, gslb } = await make();
    const [a, b, c] = pools;
    const put = await call("PUT", path, { pool_ids: [c, a] });
    expect(put.body.pools.map((pool: { name: string }) => pool.name)).toEqual(["c", "a"]);
    expect((await call("PUT", path, { pools: [{ pool_id: b }] })).status).toBe(200);
    expect(await order()).toBe("b");
    expect((await call("GET", gslb)).body).toMatchObject({ pool_ids: [b], version: 3 });
  });

  test("PUT of ids keeps the weights of those that stay, PUT of pools sets them", async () => {
    const { call, path, pools, weights } = await make();
    const [a, b, c] = pools;
    const put = await call("PUT", path, {
      pools: [
        { pool_id: a, weight: 5 },
        { pool_id: b, weight: 0 },
      ],
    });
    expect(put.body.pools.map(({ weight }: { weight: number }) => weight)).toEqual([5, 0]);
    await call("PUT", path, { pool_ids: [c, b, a] });
    expect(await weights()).toEqual([1, 0, 5]);
    await call("PUT", path, { pools: [{ pool_id: a }, { pool_id: b }] });
    expect(await weights()).toEqual([1, 1]);
  });

  test.each([
    [{}, [""]],
    [{ pool_ids: ["x"] }, ["/pool_ids/0"]],
    [{ pool_ids: [unknownId, unknownId] }, ["/pool_ids"]],
    [{ pools: [{ pool_id: unknownId, weight: 1.5 }] }, ["/pools/0/weight"]],
    [{ pools: [{ pool_id: unknownId, locations: [{ continent: "XX" }] }] }, ["/pools/0/locations/0/continent"]],
    [{ pools: [], pool_ids: [] }, [""]],
    [{ pools: 3 }, ["/pools"]],
    [{ pools: Array(21).fill({ pool_id: unknownId }) }, ["/pools"]],
    [{ pools: [{ pool_id: unknownId }, { pool_id: unknownId }] }, ["/pools"]],
  ])("PUT %j is refused at %j", async (body, at) => {
    const { call, path, order } = await make();
    const answer = await call("PUT", path, body);
    expect([answer.status, pointers(answer)]).toEqual([400, at]);
    expect(await order()).toBe("abc");
  });

  test.each([
    [{ pool_ids: [unknownId] }, "/pool_ids/0"],
    [{ pools: [{ pool_id: unknownId }] }, "/pools/0/pool_id"],
  ])("PUT %j points at the pool that is not there", async (body, at) => {
    const { call, path } = await make();
    const answer = await call("PUT", path, body);
    expect([answer.status, pointers(answer)]).toEqual([422, [at]]);
    expect(answer.body.detail).toContain(at);
  });

  test("a page goes on where the one before ended, whatever was taken out in between", async () => {
    for (const gone of [0, 1]) {
      const { call, path, pools } = await make();
      const { body } = await call("GET", `${path}?limit=2`);
      await call("DELETE", `${path}/${pools[gone]}`);
      const next = await call("GET", body.links.next.replace("http://kosmos.test", ""));
      expect(next.body.pools.map((pool: { name: string }) => pool.name)).toEqual(["c"]);
    }
  });

  test("of a GSLB that is not there, or a pool that is not in it, is 404", async () => {
    const { call, path } = await make();
    const nowhere = `/v0.1/gslbs/${unknownId}/pools`;
    expect((await call("GET", nowhere)).status).toBe(404);
    expect((await call("PUT", nowhere, { pool_ids: [] })).status).toBe(404);
    expect((await call("POST", nowhere, { name: "n" })).status).toBe(404);
    expect((await call("PATCH", `${path}/${unknownId}`, { position: 0 })).status).toBe(404);
  });
});
