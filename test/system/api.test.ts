/** The API's conventions over the real Worker and the real D1: what only shows when requests meet each other and the Engine. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { adminToken, type System, startSystem, until } from "./system.ts";

let system: System;

beforeAll(async () => {
  system = await startSystem();
});

afterAll(() => system?.close());

async function made(path: string, body: object) {
  const answer = await system.api("POST", path, body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return answer.body;
}

const pathOf = (resource: { links: { self: string } }): string => new URL(resource.links.self).pathname;

describe("a resource", () => {
  test("can be sent back as it came, whatever its kind, and nothing changes", async () => {
    const monitor = await made("/v0.1/monitors", { type: "HTTP", name: "m", headers: { Host: "a.example.com" }, tags: ["x"] });
    const pool = await made("/v0.1/pools", {
      name: "eu",
      members: [{ endpoints: ["192.0.2.1"], region: "north" }],
      monitor_ids: [monitor.id],
    });
    const gslb = await made("/v0.1/gslbs", { fqdn: "round.trip.example.", domain_name: "trip.example.", pool_ids: [pool.id] });
    for (const resource of [monitor, pool, gslb, pool.members[0]]) {
      const path = pathOf(resource);
      const { body } = await system.api("GET", path);
      const put = await system.api("PUT", path, body);
      expect(put.status, JSON.stringify(put.body)).toBe(200);
      const { status, action, in_rotation, members, ...configuration } = body;
      expect(put.body).toMatchObject(configuration);
    }
  });

  test("that did not change is 304, and a change of health never makes a write fail", async () => {
    const pool = await made("/v0.1/pools", { name: "health" });
    const first = await system.api("POST", `${pathOf(pool)}/pool_members`, { endpoints: ["192.0.2.2"] });
    expect(first.body.status).toBe("PENDING");
    const member = pathOf(first.body);
    const tag = first.headers.get("etag");
    // Nothing is attached, so the Engine calls it ACTIVE: a change of the body that is none of the configuration.
    const changed = await until(() => system.api("GET", member, undefined, { "if-none-match": tag }), {
      what: "the member to be ACTIVE",
      is: (answer) => answer.status === 200 && answer.body.status === "ACTIVE",
    });
    expect(changed.body.version).toBe(1);
    expect(changed.headers.get("etag")).not.toBe(tag);
    let latest = changed.headers.get("etag");
    await until(
      async () => {
        const answer = await system.api("GET", member, undefined, { "if-none-match": latest });
        latest = answer.headers.get("etag");
        return answer.status;
      },
      { what: "the member to stay as it is", is: (status) => status === 304 },
    );
    expect((await system.api("PATCH", member, { weight: 2 }, { "if-match": tag })).body).toMatchObject({ weight: 2, version: 2 });
    expect((await system.api("PATCH", member, { weight: 3 }, { "if-match": tag })).status).toBe(412);
    expect((await system.api("DELETE", member, undefined, { "if-match": tag })).status).toBe(412);
  });

  test("that many patch at once keeps what each of them wrote", async () => {
    const pool = await made("/v0.1/pools", { name: "shared" });
    const patches = [{ description: "d" }, { quorum_percent: 60 }, { min_healthy_percent: 40 }, { tags: ["t"] }];
    const answers = await Promise.all(patches.map((patch) => system.api("PATCH", pathOf(pool), patch)));
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200]);
    expect((await system.api("GET", pathOf(pool))).body).toMatchObject({ ...Object.assign({}, ...patches), version: 5 });
  });

  test("of another project is not there", async () => {
    const other = { "x-project-id": "other" };
    const pool = await made("/v0.1/pools", { name: "mine" });
    expect((await system.api("GET", pathOf(pool), undefined, other)).status).toBe(404);
    expect((await system.api("GET", "/v0.1/pools", undefined, other)).body.pools).toEqual([]);
    const refused = await system.api(
      "POST",
      "/v0.1/gslbs",
      { fqdn: "x.other.example", domain_name: "other.example", pool_ids: [pool.id] },
      other,
    );
    expect([refused.status, refused.body.errors]).toEqual([422, [expect.objectContaining({ pointer: "/pool_ids/0" })]]);
  });
});

describe("a list", () => {
  test("is followed to its end while others write, past a marker that was deleted", async () => {
    for (let index = 0; index < 7; index += 1)
      await made("/v0.1/monitors", { type: "TCP", port: 80, name: `paged-${index}`, tags: ["paged"] });
    const seen: string[] = [];
    let next: string | undefined = "/v0.1/monitors?tags=paged&limit=2&sort_key=name";
    while (next !== undefined) {
      const {
        body,
        status,
      }: { body: { monitors: { name: string; links: { self: string } }[]; links: { next?: string } }; status: number } = await system.api(
        "GET",
        next,
      );
      expect(status).toBe(200);
      seen.push(...body.monitors.map((monitor) => monitor.name));
      const last = body.monitors.at(-1);
      if (last !== undefined) await system.api("DELETE", pathOf(last));
      next = body.links.next?.replace(system.url, "");
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6].map((index) => `paged-${index}`));
  });

  test("sorted by the longest names there can be has a next page", async () => {
    for (const end of ["a", "b"]) await made("/v0.1/monitors", { type: "TCP", port: 80, name: "\u0001".repeat(254) + end, tags: ["long"] });
    const first = await system.api("GET", "/v0.1/monitors?tags=long&limit=1&sort_key=name");
    const second = await system.api("GET", first.body.links.next.replace(system.url, ""));
    expect(second.body.monitors).toHaveLength(1);
  });
});

describe("a body", () => {
  test("that comes in pieces, without a length, is read up to the bound", async () => {
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        sent += 16_384;
        if (sent > 512 * 1024) controller.close();
        else controller.enqueue(new Uint8Array(16_384).fill(32));
      },
    });
    const headers = { "x-auth-token": adminToken, "content-type": "application/json" };
    const init: RequestInit & { duplex: "half" } = { method: "POST", headers, body, duplex: "half" };
    expect((await fetch(`${system.url}/v0.1/pools`, init)).status).toBe(413);
  });

  test("of a whole set may have 1 MiB and 1,000 members", async () => {
    const pool = await made("/v0.1/pools", { name: "large" });
    const members = Array.from({ length: 1000 }, (_, index) => ({
      name: `m${index}`,
      description: "x".repeat(600),
      endpoints: [`198.51.${100 + (index >> 8)}.${index & 255}`],
    }));
    const put = await system.api("PUT", `${pathOf(pool)}/pool_members`, { pool_members: members });
    expect([put.status, put.body.pool_members?.length]).toEqual([200, 1000]);
    const listed = await system.api("GET", `${pathOf(pool)}/pool_members?limit=1000`);
    expect(listed.body.pool_members).toHaveLength(1000);
    expect((await system.api("PUT", `${pathOf(pool)}/pool_members`, { pool_members: [] })).body.pool_members).toEqual([]);
  });
});
