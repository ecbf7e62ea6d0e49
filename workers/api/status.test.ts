import { describe, expect, test, vi } from "vitest";
import type { MemberView, ProjectView } from "../../domain/status-view.ts";
import { gslbBody, memberBody, startApi, unknownId } from "./api.fixture.ts";

const make = async (engine: Parameters<typeof startApi>[1] = {}) => {
  const api = startApi({}, engine);
  const pool = await api.call("POST", "/v0.1/pools", { name: "eu", members: [memberBody] });
  const gslb = await api.call("POST", "/v0.1/gslbs", { ...gslbBody, pool_ids: [pool.body.id] });
  const member = pool.body.members[0];
  return {
    ...api,
    pool: `/v0.1/pools/${pool.body.id}`,
    gslb: `/v0.1/gslbs/${gslb.body.id}`,
    member: `/v0.1/pools/${pool.body.id}/pool_members/${member.id}`,
    memberId: member.id as string,
  };
};

const seen = (id: string): MemberView => ({
  id,
  name: "web-1",
  status: "DOWN",
  in_rotation: false,
  since: "2026-11-22T10:00:00.000Z",
  checked_at: "2026-11-22T10:00:00.000Z",
  reason: "3 of 5 regions report it down",
  stale: false,
  rejudging: false,
  held: null,
  held_until: null,
  safe_to_stop_at: null,
  override: null,
  endpoints: [],
  regions: [],
});

describe("status", () => {
  test("is what the Engine sees", async () => {
    const { call, member, memberId } = await make({ memberStatus: async (id) => seen(id) });
    const answer = await call("GET", `${member}/status`);
    expect(answer.body).toEqual(seen(memberId));
    expect([answer.headers.get("Cache-Control"), answer.headers.get("ETag")]).toEqual(["no-store", null]);
  });

  test("of what the Engine does not know yet is PENDING, with no invented fact", async () => {
    const { call, member, memberId, pool, gslb } = await make();
    const unseenMember = { id: memberId, status: "PENDING", in_rotation: false, checked_at: null, regions: [], held: null };
    expect((await call("GET", `${member}/status`)).body).toMatchObject({
      ...unseenMember,
      endpoints: [{ endpoint: "192.0.2.10", status: "PENDING", votes: { up: 0, down: 0, silent: 0, excluded: [] } }],
    });
    expect((await call("GET", `${pool}/status`)).body).toMatchObject({
      status: "PENDING",
      usable: false,
      healthy: 0,
      members: [unseenMember],
    });
    expect((await call("GET", `${gslb}/status`)).body).toMatchObject({
      status: "PENDING",
      fqdn: "www.gslb.example.com.",
      pools: [{ name: "eu", members: [unseenMember] }],
      published: [{ flavor: "edge", provider: "edge", plan: null, in_sync: false, answers: [] }],
    });
  });

  test("of what was deleted is 404, even while the Engine still knows it", async () => {
    const { call, pool, member, gslb } = await make({ memberStatus: async (id) => seen(id) });
    await call("DELETE", member);
    expect((await call("GET", `${member}/status`)).status).toBe(404);
    expect((await call("GET", `/v0.1/gslbs/${unknownId}/status`)).status).toBe(404);
    expect((await call("GET", `/v0.1/pools/${unknownId}/status`)).status).toBe(404);
    for (const path of [pool, gslb]) expect((await call("POST", `${path}/status`, {})).status).toBe(405);
  });

  test("is told while D1 is away, and 503 while the Engine is", async () => {
    const log = vi.spyOn(console, "error").mockReturnValue();
    const known = await make({ memberStatus: async (id) => seen(id) });
    known.conductor.read = async () => Promise.reject(new Error("D1 is away"));
    expect((await known.call("GET", `${known.member}/status`)).status).toBe(200);
    const away = await make({ memberStatus: async () => Promise.reject(new Error("the Engine is away")) });
    const answer = await away.call("GET", `${away.member}/status`);
    expect([answer.status, answer.headers.get("Retry-After")]).toEqual([503, "5"]);
    log.mockRestore();
  });

  test("of the project is at /v0.1/status, with links that can be followed", async () => {
    const view: ProjectView = {
      status: "DEGRADED",
      automation: "auto",
      blind: false,
      gslbs: { ACTIVE: 1 },
      pool_members: { ACTIVE: 1, DOWN: 1 },
      problems: [{ severity: "critical", kind: "member_down", id: unknownId, name: "web-1", since: "", reason: "", link: "/v0.1/pools/x" }],
      overrides: 0,
      held: 0,
      out_of_sync: 0,
      regions_without_vote: [],
      oldest_result_seconds: 3,
      version: "0.1.0",
    };
    const { call } = await make({ projectStatus: async () => view });
    const { body } = await call("GET", "/v0.1/status");
    expect(body).toEqual({ ...view, problems: [{ ...view.problems[0], link: "http://kosmos.test/v0.1/pools/x" }] });
  });
});
