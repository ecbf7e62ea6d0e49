/** Bad input on every route of the real Worker: the right 4xx with a pointer to the field, never a 5xx, and nothing half-written. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Body, nowhere, type World, writes } from "./bad-input.ts";
import { type ApiAnswer, type System, startSystem } from "./system.ts";

let system: System;
let world: World;
let before: Readonly<Record<string, number>>;

beforeAll(async () => {
  system = await startSystem({ vars: { KOSMOS_ALLOW_PRIVATE: "0" } });
  const monitor = await made("/v0.1/monitors", { type: "HTTP", name: "m" });
  const pool = await made("/v0.1/pools", { name: "p", members: [{ endpoints: ["192.0.2.1"] }] });
  const gslb = await made("/v0.1/gslbs", { fqdn: "www.example.com.", domain_name: "example.com.", pool_ids: [pool.id] });
  await made("/v0.1/gslbs", { fqdn: "taken.example.com.", domain_name: "example.com." });
  // Far ahead, so that nobody is overridden yet.
  const override = await made("/v0.1/overrides", { selector: { pool_id: pool.id }, state: "drain", starts_at: "2100-01-01T00:00:00Z" });
  world = { gslb: gslb.id, pool: pool.id, member: pool.members[0].id, monitor: monitor.id, override: override.id };
  before = await counts();
});

afterAll(() => system?.close());

async function made(path: string, body: Body) {
  const answer = await system.api("POST", path, body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return answer.body;
}

/** How many there are of everything, and how often the resources of this test's world were changed. */
async function counts(): Promise<Record<string, number>> {
  const entries = await Promise.all(
    ["gslbs", "pools", "pool_members", "monitors", "overrides"].map(async (collection) => {
      const { body } = await system.api("GET", `/v0.1/${collection}?limit=1000`);
      return [
        [collection, body.metadata.total_count],
        ...body[collection].map((item: { id: string; version?: number }) => [item.id, item.version ?? 0]),
      ];
    }),
  );
  return Object.fromEntries(entries.flat());
}

const numbers = (answer: Record<string, number>) => Object.fromEntries(Object.entries(answer).filter(([key]) => !key.includes("-")));
const pointersOf = (answer: ApiAnswer): string[] => (answer.body?.errors ?? []).map((error: { pointer: string }) => error.pointer);

/** What a route needs to be well-formed for any body of its kind. */
const table = Object.entries(writes);

describe.each(table)("%s", (_name, write) => {
  const send = (body: unknown, headers: Record<string, string | null> = {}) => system.api(write.method, write.path(world), body, headers);

  async function refused(body: unknown, status: number, pointer: string | null): Promise<void> {
    const answer = await send(body);
    const said = `${JSON.stringify(body).slice(0, 200)} → ${JSON.stringify(answer.body)}`;
    expect(answer.status, said).toBe(status);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.body.request_id).toBe(answer.headers.get("x-request-id"));
    if (pointer !== null) expect(pointersOf(answer), said).toContain(pointer);
  }

  test("refuses what is no JSON object", async () => {
    for (const body of ["", "{", "nope", "null", "[]", "1", '"x"', '{"a":1,"a":2}', '{"__proto__":{}}', "\u0000", "[".repeat(60_000)]) {
      const pointer = body.startsWith('{"a"') ? "/a" : body.startsWith('{"__') ? "/__proto__" : "";
      await refused(body, 400, pointer);
    }
    expect(await counts()).toEqual(before);
  });

  test("refuses a huge body and another media type", async () => {
    const text = JSON.stringify(write.body(world));
    await refused(text + " ".repeat(1_048_577), 413, null);
    const answer = await send(text, { "content-type": "text/plain" });
    expect([answer.status, answer.headers.get("accept-patch")]).toEqual([
      415,
      write.method === "PATCH" ? "application/merge-patch+json, application/json" : null,
    ]);
    expect(await counts()).toEqual(before);
  });

  test("refuses unknown fields and wrong types, each with its pointer", async () => {
    for (const field of ["colour", "dry_run", "constructor", "a/b~c"]) {
      await refused({ ...write.body(world), [field]: 1 }, 400, `/${field.replace("~", "~0").replace("/", "~1")}`);
    }
    for (const field of Object.keys(write.body(world))) {
      for (const value of [{ x: 1 }, true, -1.5]) {
        const answer = await send({ ...write.body(world), [field]: value });
        expect([answer.status, pointersOf(answer)]).toEqual([400, expect.arrayContaining([`/${field}`])]);
      }
    }
    expect(await counts()).toEqual(before);
  });

  test("refuses each wrong value with the right status and pointer", async () => {
    for (const [change, pointer, status] of write.wrong) await refused({ ...write.body(world), ...change }, status, pointer);
    expect(await counts()).toEqual(before);
  });

  test("refuses ids in the path that are malformed or another project's", async () => {
    const path = write.path(world);
    const ids = path.match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g) ?? [];
    for (const id of ids) {
      for (const other of [nowhere, "nope", "%00"]) {
        expect((await system.api(write.method, path.replace(id, other), write.body(world))).status).toBe(404);
      }
      const foreign = await system.api(write.method, path, write.body(world), { "x-project-id": "other" });
      expect(foreign.status).toBe(404);
    }
    expect(await counts()).toEqual(before);
  });

  test("refuses parameters, headers and tokens that it does not know", async () => {
    const path = write.path(world);
    const body = write.body(world);
    const query = path.includes("?") ? "&" : "?";
    const flags = write.flags ?? [];
    const unknown = ["dry_run=true", "force=true", "x=1"].filter((parameter) => !flags.some((flag) => parameter.startsWith(flag)));
    for (const parameter of [...unknown, ...flags.map((flag) => `${flag}=perhaps`)]) {
      const answer = await system.api(write.method, `${path}${query}${parameter}`, body);
      expect([answer.status, answer.body.errors[0].parameter]).toEqual([400, parameter.split("=")[0]]);
    }
    expect((await send(body, { "idempotency-key": "k" })).status).toBe(400);
    expect((await send(body, { "x-project-id": "a b" })).status).toBe(400);
    expect((await send(body, { "x-auth-token": "wrong" })).status).toBe(401);
    expect((await send(body, { "x-auth-token": null })).status).toBe(401);
    expect(await counts()).toEqual(before);
  });

  test("never fails, whatever the body, and leaves nothing behind", async () => {
    const fields = [
      ...new Set([...Object.keys(write.body(world)), ...write.wrong.flatMap(([change]) => Object.keys(change)), "name", "tags"]),
    ];
    const bodies = fc.dictionary(
      fc.oneof({ arbitrary: fc.constantFrom(...fields), weight: 9 }, { arbitrary: fc.string(), weight: 1 }),
      odd,
      {
        maxKeys: 4,
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(bodies, fc.jsonValue()), async (body) => {
        const whole = typeof body === "object" && body !== null && !Array.isArray(body) ? { ...write.body(world), ...body } : body;
        const answer = await send(JSON.stringify(whole));
        expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(500);
        if (answer.status < 300) for (const path of write.undo?.(answer, world) ?? []) await system.api("DELETE", path);
      }),
      { numRuns: 40 },
    );
    expect(numbers(await counts())).toEqual(numbers(before));
    await restore();
  });
});

/** Values that are wrong almost everywhere, and some that are right somewhere. */
const odd: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1,
    1e308,
    65_536,
    2 ** 53,
    "",
    "x".repeat(2000),
    "\u0000",
    "\ud800",
    "🙂",
    [],
    {},
    [[]],
    [null],
  ),
  fc.constantFrom<unknown>(
    "192.0.2.7",
    ["192.0.2.7"],
    ["a.example.com"],
    "example.com.",
    nowhere,
    [nowhere],
    ["x"],
    { Host: "a" },
    "edge",
    ["edge"],
  ),
  fc.jsonValue(),
);

/** The world as it was, after fuzzing wrote what happened to be right. */
async function restore(): Promise<void> {
  for (const name of ["PUT gslb", "PUT pool", "PUT member", "PUT monitor"]) {
    const write = writes[name];
    if (write === undefined) throw new Error(`no write is called ${name}`);
    const answer = await system.api("PUT", write.path(world), write.body(world));
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  }
  before = await counts();
}

describe("reads", () => {
  const reads = (w: World): string[] => [
    "/v0.1/gslbs",
    `/v0.1/gslbs/${w.gslb}`,
    `/v0.1/gslbs/${w.gslb}/pools`,
    `/v0.1/gslbs/${w.gslb}/status`,
    `/v0.1/gslbs/${w.gslb}/history`,
    "/v0.1/pools",
    `/v0.1/pools/${w.pool}`,
    `/v0.1/pools/${w.pool}/monitors`,
    `/v0.1/pools/${w.pool}/status`,
    `/v0.1/pools/${w.pool}/history`,
    `/v0.1/pools/${w.pool}/pool_members`,
    `/v0.1/pools/${w.pool}/pool_members/${w.member}`,
    `/v0.1/pools/${w.pool}/pool_members/${w.member}/monitors`,
    `/v0.1/pools/${w.pool}/pool_members/${w.member}/status`,
    `/v0.1/pools/${w.pool}/pool_members/${w.member}/history`,
    "/v0.1/pool_members",
    `/v0.1/pool_members/${w.member}`,
    "/v0.1/monitors",
    `/v0.1/monitors/${w.monitor}`,
    "/v0.1/overrides",
    `/v0.1/overrides/${w.override}`,
    "/v0.1/status",
    "/v0.1/history",
    "/v0.1/flavors",
    "/v0.1/flavors/edge",
    "/v0.1",
    "/",
    "/healthz",
    "/readyz",
  ];

  test("every path answers 200, with and without a slash, and HEAD without a body", async () => {
    for (const path of reads(world)) {
      expect((await system.api("GET", path)).status, path).toBe(200);
      if (path !== "/") expect((await system.api("GET", `${path}/`)).status, path).toBe(200);
      expect(await system.api("HEAD", path), path).toMatchObject({ status: 200, body: null });
    }
  });

  test("every path refuses another method, an unknown parameter, and ids of another project", async () => {
    for (const path of reads(world).filter((read) => read.startsWith("/v0.1"))) {
      const trace = await system.api("OPTIONS", path);
      expect([trace.status, trace.headers.get("allow")?.includes("GET")], path).toEqual([405, true]);
      expect((await system.api("GET", `${path}?colour=red`)).status, path).toBe(400);
      if (!/[0-9a-f]{12}/.test(path)) continue;
      expect((await system.api("GET", path, undefined, { "x-project-id": "other" })).status, path).toBe(404);
      const malformed = path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, "nope");
      expect((await system.api("GET", malformed)).status, malformed).toBe(404);
    }
  });

  test("no query and no header makes a path fail", async () => {
    const parameters = [
      "limit",
      "marker",
      "sort_key",
      "sort_dir",
      "count",
      "name",
      "status",
      "type",
      "fqdn",
      "tags",
      "since",
      "kind",
      "gslb_id",
    ];
    const values = fc.oneof(fc.constantFrom("1", "0", "true", "name", "desc", "bm9wZQ", "e30", "MTIz", nowhere, "ACTIVE"), fc.string());
    const lists = ["gslbs", "pools", "pool_members", "monitors", "overrides", "history", "flavors"].map((list) => `/v0.1/${list}`);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...lists),
        fc.dictionary(fc.constantFrom(...parameters), values, { maxKeys: 3 }),
        fc.option(fc.string({ unit: "grapheme-ascii" }), { nil: null }),
        async (path, query, tag) => {
          const answer = await system.api("GET", `${path}?${new URLSearchParams(query)}`, undefined, {
            "if-match": tag?.trim() || null,
            "if-none-match": tag?.trim() || null,
          });
          expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(500);
        },
      ),
      { numRuns: 200 },
    );
  });
});
