import { describe, expect, test, vi } from "vitest";
import { fail, ok } from "../../domain/result.ts";
import { gslbBody, pointers, startApi, unknownId } from "./api.fixture.ts";

const make = async (engine: Parameters<typeof startApi>[1] = {}) => {
  const api = startApi({}, engine);
  const pool = (await api.call("POST", "/v0.1/pools", { name: "eu" })).body.id as string;
  const gslb = (await api.call("POST", "/v0.1/gslbs", { ...gslbBody, pool_ids: [pool] })).body.id as string;
  return { ...api, pool, gslb, release: `/v0.1/pools/${pool}/release`, failback: `/v0.1/gslbs/${gslb}/failback` };
};

describe("release and failback", () => {
  test("answer with the status afterwards, and say who asked", async () => {
    const asked: unknown[] = [];
    const view = (id: string, by: { name: string; requestId: string }) => {
      asked.push([id, by.name, by.requestId.length]);
      return { id, status: "DEGRADED" } as never;
    };
    const { call, pool, gslb, release, failback } = await make({
      release: async (id, by) => view(id, by),
      failback: async (id, by) => ok(view(id, by)),
    });
    const released = await call("POST", release);
    expect([released.status, released.body, released.headers.get("Cache-Control")]).toEqual([
      200,
      { id: pool, status: "DEGRADED" },
      "no-store",
    ]);
    expect((await call("POST", failback, {})).body).toEqual({ id: gslb, status: "DEGRADED" });
    expect(asked).toEqual([
      [pool, "bootstrap", 36],
      [gslb, "bootstrap", 36],
    ]);
  });

  test("of what is not there are 404, and the Engine is not asked", async () => {
    const asked = vi.fn();
    const { call, release } = await make({ release: asked, failback: asked });
    expect((await call("POST", `/v0.1/pools/${unknownId}/release`)).status).toBe(404);
    expect((await call("POST", `/v0.1/gslbs/${unknownId}/failback`)).status).toBe(404);
    expect((await call("POST", release, undefined, { "X-Project-Id": "other" })).status).toBe(404);
    expect(asked).not.toHaveBeenCalled();
  });

  test("of what the Engine does not know yet are 503, as while it is away", async () => {
    vi.spyOn(console, "error").mockReturnValue();
    const unknown = await make();
    const away = await make({
      release: async () => Promise.reject(new Error("gone")),
      failback: async () => Promise.reject(new Error("gone")),
    });
    for (const api of [unknown, away]) {
      for (const path of [api.release, api.failback]) {
        const answer = await api.call("POST", path);
        expect([answer.status, answer.headers.get("Retry-After")]).toEqual([503, expect.stringMatching(/^[15]$/)]);
      }
    }
    vi.restoreAllMocks();
  });

  test("go on while D1 is away", async () => {
    vi.spyOn(console, "error").mockReturnValue();
    const { call, conductor, release } = await make({ release: async (id) => ({ id }) as never });
    conductor.read = async () => Promise.reject(new Error("D1 is away"));
    expect((await call("POST", release)).status).toBe(200);
    vi.restoreAllMocks();
  });

  test.each([
    [{ type: "conflict", detail: "the preferred pool is not usable" } as const, 409],
    [{ type: "unprocessable", detail: "failback is auto", errors: [{ pointer: "", detail: "failback is auto" }] } as const, 422],
  ])("a refusal of the Engine is passed on: %j", async (problem, status) => {
    const { call, failback } = await make({ failback: async () => fail(problem) });
    const answer = await call("POST", failback);
    expect([answer.status, answer.body.detail]).toEqual([status, problem.detail]);
  });

  test("take no field", async () => {
    const { call, release } = await make({ release: async (id) => ({ id }) as never });
    const answer = await call("POST", release, { member_id: unknownId, "a/b": 1 });
    expect([answer.status, pointers(answer)]).toEqual([400, ["/member_id", "/a~1b"]]);
    expect((await call("POST", release, "[]", { "Content-Type": "application/json" })).status).toBe(400);
    expect((await call("POST", release, "x", { "Content-Type": "text/plain" })).status).toBe(415);
    expect((await call("POST", release, "x".repeat(65_537))).status).toBe(413);
    // What `curl -d ''` sends.
    expect((await call("POST", release, "", { "Content-Type": "application/x-www-form-urlencoded" })).status).toBe(200);
  });
});
