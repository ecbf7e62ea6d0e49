import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { MemberView } from "../../domain/status-view.ts";
import type { Impact, Preflight } from "../../durable-objects/rpc.ts";
import { gslbBody, memberBody, parameters, pointers, startApi, unknownId } from "./api.fixture.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2026-11-22T10:00:00Z") });
  vi.spyOn(console, "error").mockReturnValue();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const impactOf = (verdict: Impact["verdict"], gslb_id = unknownId): Impact => ({
  gslb_id,
  fqdn: "www.gslb.example.com.",
  before: ["192.0.2.10"],
  after: ["192.0.2.11"],
  healthy_left: 1,
  capacity_left_percent: 50,
  verdict,
});
const sees = (...verdicts: Impact["verdict"][]) => ({
  preflight: async (): Promise<Preflight> => ({ matched: [], impact: verdicts.map((verdict) => impactOf(verdict)) }),
});
const away = { preflight: async () => Promise.reject(new Error("gone")) };

const make = async (engine: Parameters<typeof startApi>[1] = sees("ok")) => {
  const api = startApi({}, engine);
  const { body } = await api.call("POST", "/v0.1/pools", { name: "eu", members: [memberBody, { endpoints: ["192.0.2.11"] }] });
  await api.call("POST", "/v0.1/gslbs", { ...gslbBody, pool_ids: [body.id] });
  const [one, two] = body.members;
  const post = (change: object = {}, query = "") =>
    api.call("POST", `/v0.1/overrides${query}`, { selector: { member_id: one.id }, state: "drain", ...change });
  const member = `/v0.1/pools/${body.id}/pool_members/${one.id}`;
  return { ...api, pool: body.id as string, one: one.id as string, two: two.id as string, member, post };
};

describe("POST /v0.1/overrides", () => {
  test("answers 201 with whom it means and what it does", async () => {
    const { call, post, pool, one } = await make();
    const answer = await post({ reason: "CHG-1", expires_at: "2026-11-22T13:00:00+01:00" });
    expect(answer.status).toBe(201);
    const { id, created_at, ...rest } = answer.body;
    expect(answer.headers.get("Location")).toBe(`http://kosmos.test/v0.1/overrides/${id}`);
    expect(rest).toEqual({
      selector: { member_id: one },
      state: "drain",
      reason: "CHG-1",
      starts_at: null,
      expires_at: "2026-11-22T12:00:00.000Z",
      force: false,
      by: "bootstrap",
      active: true,
      ended: null,
      matched: [{ pool_id: pool, member_id: one, name: "192.0.2.10" }],
      impact: [impactOf("ok")],
      safe_to_stop_at: null,
    });
    const read = await call("GET", `/v0.1/overrides/${id}`);
    expect(read.body).toEqual(answer.body);
    expect([read.headers.get("Cache-Control"), read.headers.get("ETag")]).toEqual(["no-store", null]);
  });

  test("of a pool means all of its members", async () => {
    const { post, pool, one, two } = await make();
    const { body } = await post({ selector: { pool_id: pool }, state: "down" });
    expect(body.matched.map(({ member_id }: { member_id: string }) => member_id).toSorted()).toEqual([one, two].toSorted());
    expect((await post({ selector: { pool_id: pool, member_id: two } })).body.matched).toMatchObject([{ member_id: two }]);
  });

  test.each([
    [{ selector: undefined }, ["/selector"]],
    [{ selector: {} }, ["/selector"]],
    [{ selector: { region: "north" } }, ["/selector/region", "/selector"]],
    [{ selector: { gslb_id: unknownId, member_id: unknownId } }, ["/selector/gslb_id"]],
    [{ selector: { member_id: null } }, ["/selector/member_id"]],
    [{ selector: { pool_id: "x" } }, ["/selector/pool_id"]],
    [{ selector: [] }, ["/selector"]],
    [{ state: "on" }, ["/state"]],
    [{ state: null }, ["/state"]],
    [{ reason: "x".repeat(1_025) }, ["/reason"]],
    [{ expires_at: "tomorrow" }, ["/expires_at"]],
    [{ expires_at: "2026-02-30T00:00:00Z" }, ["/expires_at"]],
    [{ expires_at: 1 }, ["/expires_at"]],
    [{ expires_at: "2026-11-22T09:59:59Z" }, ["/expires_at"]],
    [{ starts_at: "2026-11-23T00:00:00Z", expires_at: "2026-11-22T23:00:00Z" }, ["/expires_at"]],
    [{ force: "yes" }, ["/force"]],
    [{ by: "me", active: true }, ["/by", "/active"]],
  ])("%j is refused at %j, and nothing is stored", async (change, at) => {
    const { post, conductor } = await make();
    const answer = await post(change);
    expect([answer.status, pointers(answer)]).toEqual([400, at]);
    expect(conductor.standing.size).toBe(0);
  });

  test("what it names must be there, and belong together", async () => {
    const { call, post, one, conductor } = await make();
    const other = (await call("POST", "/v0.1/pools", { name: "us" })).body.id;
    for (const [selector, at] of [
      [{ member_id: unknownId }, "/selector/member_id"],
      [{ pool_id: unknownId }, "/selector/pool_id"],
      [{ pool_id: unknownId, member_id: one }, "/selector/pool_id"],
      [{ pool_id: other, member_id: one }, "/selector/member_id"],
    ] as const) {
      const answer = await post({ selector });
      expect([answer.status, pointers(answer)]).toEqual([422, [at]]);
    }
    expect((await post({}, "")).status).toBe(201);
    expect((await call("POST", "/v0.1/overrides", { selector: { member_id: one }, state: "up" }, { "X-Project-Id": "other" })).status).toBe(
      422,
    );
    expect(conductor.standing.size).toBe(1);
  });

  test.each(["below_min_healthy", "would_empty"] as const)("one that leaves a GSLB %s is 409 unless it is forced", async (verdict) => {
    const { post, conductor } = await make(sees("degraded", verdict));
    const refused = await post();
    expect([refused.status, refused.body.type]).toEqual([409, "/problems/would-empty"]);
    expect(refused.body.users).toEqual([{ type: "gslb", id: unknownId, name: "www.gslb.example.com." }]);
    expect(refused.body.detail).toContain(
      `www.gslb.example.com. would be left with 1 healthy member and 50 % of the capacity (${verdict})`,
    );
    expect(conductor.standing.size).toBe(0);
    for (const forced of [await post({ force: true }), await post({}, "?force=true")]) {
      expect(forced.status).toBe(201);
      expect(forced.body).toMatchObject({ force: true, impact: [{ verdict: "degraded" }, { verdict }] });
    }
  });

  test("many GSLBs are all users, and a sentence names a few", async () => {
    const { post } = await make(sees(...Array.from({ length: 5 }, () => "would_empty" as const)));
    const { body } = await post();
    expect([body.users.length, body.detail.match(/www/g).length]).toEqual([5, 3]);
    expect(body.detail).toContain("and 2 more GSLBs");
  });

  test("one that begins later is only shown what it would do", async () => {
    const { post } = await make(sees("would_empty"));
    const { status, body } = await post({ starts_at: "2026-11-23T00:00:00Z" });
    expect([status, body.active, body.impact[0].verdict]).toEqual([201, false, "would_empty"]);
    expect((await post({ starts_at: "2026-11-22T09:00:00Z" })).status).toBe(409);
  });

  test("the Engine sees it before it is stored", async () => {
    const preflight = vi.fn(async () => ({ matched: [], impact: [] }));
    const { post, pool } = await make({ preflight });
    await post({ selector: { pool_id: pool }, state: "down", reason: "r" });
    expect(preflight.mock.calls).toEqual([
      [
        expect.objectContaining({
          id: "00000000-0000-4000-8000-000000000000",
          project_id: "default",
          selector: { pool_id: pool },
          state: "down",
          by: "bootstrap",
          created_at: "2026-11-22T10:00:00.000Z",
          ended: null,
        }),
      ],
    ]);
  });

  test("while the Engine is away it is 503 unless it is forced", async () => {
    const { post, conductor } = await make(away);
    const answer = await post();
    expect([answer.status, answer.headers.get("Retry-After")]).toEqual([503, "5"]);
    expect(conductor.standing.size).toBe(0);
    expect((await post({ force: true })).body).toMatchObject({ impact: [], matched: [{}] });
  });

  test("a dry run checks everything and stores nothing", async () => {
    const { post, one, conductor } = await make(sees("degraded"));
    const answer = await post({ expires_at: "2026-11-22T11:00:00Z" }, "?dry_run=true");
    expect([answer.status, answer.headers.get("Kosmos-Dry-Run"), answer.headers.get("Location")]).toEqual([200, "true", null]);
    expect(answer.body).toMatchObject({ id: null, active: true, matched: [{ member_id: one }], impact: [{ verdict: "degraded" }] });
    expect((await post({ selector: { member_id: unknownId } }, "?dry_run=true")).status).toBe(422);
    expect(parameters(await post({}, "?dry_run=1"))).toEqual(["dry_run"]);
    const refusing = await make(sees("would_empty"));
    expect((await refusing.post({}, "?dry_run=true")).status).toBe(409);
    expect((await refusing.post({}, "?dry_run=true&force=true")).body.impact).toMatchObject([{ verdict: "would_empty" }]);
    expect([conductor.standing.size, refusing.conductor.standing.size]).toEqual([0, 0]);
    expect((await post({}, "?dry_run=false")).status).toBe(201);
  });
});

describe("overrides", () => {
  const view = (id: string, safe_to_stop_at: string | null) => ({ id, safe_to_stop_at }) as MemberView;

  test("say from when on whom they mean may be stopped", async () => {
    const times: Record<string, string | null> = {};
    const { call, post, pool, one, two } = await make({
      ...sees("ok"),
      poolStatus: async () => ({ members: Object.entries(times).map(([id, time]) => view(id, time)) }) as never,
      memberStatus: async (id) => view(id, times[id] ?? null),
    });
    const whole = (await post({ selector: { pool_id: pool } })).body.id;
    const single = (await post()).body.id;
    const up = (await post({ state: "up" })).body.id;
    const safe = async (id: string) => (await call("GET", `/v0.1/overrides/${id}`)).body.safe_to_stop_at;
    expect([await safe(whole), await safe(single), await safe(up)]).toEqual([null, null, null]);
    times[one] = "2026-11-22T10:01:00.000Z";
    expect([await safe(whole), await safe(single)]).toEqual([null, times[one]]);
    times[two] = "2026-11-22T10:02:00.000Z";
    expect([await safe(whole), await safe(single), await safe(up)]).toEqual([times[two], times[one], null]);
    const later = (await post({ starts_at: "2026-11-23T00:00:00Z" })).body;
    expect(later.safe_to_stop_at).toBeNull();
  });

  test("are listed, page by page, each pool and member asked for once", async () => {
    const { call, post, pool, one, conductor } = await make({
      ...sees("ok"),
      poolStatus: vi.fn(async () => null),
    });
    const ids: string[] = [];
    for (const change of [{}, { selector: { pool_id: pool } }, { selector: { pool_id: pool }, state: "down" }])
      ids.push((await post(change)).body.id);
    const read = vi.spyOn(conductor, "read");
    const { body } = await call("GET", "/v0.1/overrides");
    expect(body.overrides.map(({ id }: { id: string }) => id)).toEqual(ids);
    expect(body.overrides[0]).toMatchObject({ active: true, matched: [{ member_id: one }], impact: [], safe_to_stop_at: null });
    expect(body.overrides[1].matched).toHaveLength(2);
    expect(body.metadata).toEqual({ total_count: 3 });
    expect(read.mock.calls.length).toBe(2);
    const first = await call("GET", "/v0.1/overrides?limit=2");
    const second = await call("GET", first.body.links.next.replace("http://kosmos.test", ""));
    expect(second.body.overrides.map(({ id }: { id: string }) => id)).toEqual(ids.slice(2));
    expect(parameters(await call("GET", "/v0.1/overrides?status=DOWN"))).toEqual(["status"]);
  });

  test("that are over, or whose member is gone, say so", async () => {
    const preflight = vi.fn(async () => ({ matched: [], impact: [impactOf("ok")] }));
    const { call, post, member, conductor } = await make({ preflight });
    const { id } = (await post({ expires_at: "2026-11-22T11:00:00Z" })).body;
    vi.setSystemTime(Date.parse("2026-11-22T11:00:00Z"));
    expect((await call("GET", `/v0.1/overrides/${id}`)).body).toMatchObject({ active: false, impact: [], ended: null });
    expect((await call("GET", member)).body.override).toBeNull();
    const refused = (await post({ starts_at: "2026-11-22T12:00:00Z" })).body;
    const stored = conductor.standing.get(refused.id);
    if (stored !== undefined) conductor.standing.set(refused.id, { ...stored, ended: "not begun" });
    expect((await call("GET", `/v0.1/overrides/${refused.id}`)).body).toMatchObject({ active: false, ended: "not begun", impact: [] });
    await call("DELETE", member);
    expect((await call("GET", `/v0.1/overrides/${id}`)).body.matched).toEqual([]);
    expect((await call("GET", "/v0.1/overrides")).body.overrides).toHaveLength(2);
  });

  test("are told while the Engine is away", async () => {
    const gone = async () => Promise.reject(new Error("gone"));
    const { call, post, one } = await make({ preflight: gone, memberStatus: gone, poolStatus: gone });
    const { id } = (await post({ force: true })).body;
    expect((await call("GET", `/v0.1/overrides/${id}`)).body).toMatchObject({ matched: [{ member_id: one }], impact: [], active: true });
    expect((await call("GET", "/v0.1/overrides")).body.overrides).toHaveLength(1);
  });

  test("are ended by DELETE, once", async () => {
    const { call, post } = await make();
    const path = `/v0.1/overrides/${(await post()).body.id}`;
    expect(await call("DELETE", path)).toMatchObject({ status: 204, body: null });
    for (const method of ["DELETE", "GET"]) expect((await call(method, path)).status).toBe(404);
    expect((await call("GET", path, undefined, { "X-Project-Id": "other" })).status).toBe(404);
  });
});

describe("the shorthand of a member", () => {
  test("is put, shown in the member, replaced and taken away", async () => {
    const { call, member, conductor } = await make();
    const path = `${member}/override`;
    expect((await call("GET", path)).status).toBe(404);
    expect((await call("DELETE", path)).status).toBe(404);
    const put = await call("PUT", path, { state: "drain", reason: "r", expires_at: "2026-11-22T13:00:00+01:00" });
    const shown = {
      override_id: expect.any(String),
      state: "drain",
      reason: "r",
      expires_at: "2026-11-22T12:00:00.000Z",
      by: "bootstrap",
      created_at: expect.any(String),
    };
    expect([put.status, put.body]).toEqual([200, shown]);
    expect((await call("GET", path)).body).toEqual(put.body);
    expect((await call("GET", member)).body.override).toEqual(put.body);
    expect((await call("GET", `${member}/status`)).body.override).toEqual(put.body);
    expect((await call("GET", `/v0.1/overrides/${put.body.override_id}`)).body).toMatchObject({ state: "drain", active: true });
    await call("PUT", path, { state: "down" });
    expect((await call("GET", path)).body).toMatchObject({ state: "down", reason: null, expires_at: null });
    expect(conductor.standing.size).toBe(1);
    expect((await call("DELETE", path)).status).toBe(204);
    expect((await call("DELETE", path)).status).toBe(404);
    expect((await call("GET", member)).body.override).toBeNull();
  });

  test.each([
    [{}, ["/state"]],
    [{ state: "off" }, ["/state"]],
    [{ state: "up", starts_at: null }, ["/starts_at"]],
    [{ state: "up", selector: {} }, ["/selector"]],
    [{ state: "up", expires_at: "2026-11-22T10:00:00Z" }, ["/expires_at"]],
    [{ state: "up", reason: 1, force: 1 }, ["/reason", "/force"]],
  ])("%j is refused at %j", async (body, at) => {
    const { call, member, conductor } = await make();
    const answer = await call("PUT", `${member}/override`, body);
    expect([answer.status, pointers(answer)]).toEqual([400, at]);
    expect(conductor.standing.size).toBe(0);
  });

  test("refuses only what leaves nobody", async () => {
    const few = await make(sees("below_min_healthy"));
    expect((await few.call("PUT", `${few.member}/override`, { state: "down" })).status).toBe(200);
    const none = await make(sees("would_empty"));
    const path = `${none.member}/override`;
    const refused = await none.call("PUT", path, { state: "down" });
    expect([refused.status, refused.body.type, refused.body.users.length]).toEqual([409, "/problems/would-empty", 1]);
    expect((await none.call("PUT", path, { state: "down", force: true })).status).toBe(200);
    expect((await none.call("PUT", `${path}?force=true`, { state: "drain" })).status).toBe(200);
    const engineAway = await make(away);
    expect((await engineAway.call("PUT", `${engineAway.member}/override`, { state: "down" })).status).toBe(503);
  });

  test("is found in the member's own pool only", async () => {
    const { call, one } = await make();
    const other = (await call("POST", "/v0.1/pools", { name: "us" })).body.id;
    for (const [method, body] of [["GET"], ["PUT", { state: "up" }], ["DELETE"]] as const) {
      expect((await call(method, `/v0.1/pools/${other}/pool_members/${one}/override`, body)).status).toBe(404);
    }
  });
});
