import { describe, expect, test } from "vitest";
import { gslbBody, memberBody, parameters, startApi } from "./api.fixture.ts";

/** One live GSLB with one pool with one member; whatever takes that away is refused. */
async function make() {
  const api = startApi();
  const pool = (await api.call("POST", "/v0.1/pools", { name: "eu", members: [memberBody] })).body;
  const gslb = (await api.call("POST", "/v0.1/gslbs", { ...gslbBody, pool_ids: [pool.id] })).body;
  const monitor = (await api.call("POST", "/v0.1/monitors", { type: "HTTP" })).body;
  api.conductor.emptied = [gslb.id];
  const [member] = pool.members;
  return { ...api, ids: { pool: pool.id, gslb: gslb.id, member: member.id, monitor: monitor.id } };
}
type Ids = Awaited<ReturnType<typeof make>>["ids"];
type Request = readonly [method: string, path: (ids: Ids) => string, body: ((ids: Ids) => object) | null];

const member = ({ pool, member: id }: Ids) => `/v0.1/pools/${pool}/pool_members/${id}`;
const emptying: readonly Request[] = [
  ["PUT", member, () => ({ ...memberBody, weight: 0 })],
  ["PATCH", member, () => ({ admin_state_up: false })],
  ["DELETE", member, null],
  ["PUT", ({ pool }) => `/v0.1/pools/${pool}/pool_members`, () => ({ pool_members: [] })],
  ["PUT", ({ pool }) => `/v0.1/pools/${pool}`, () => ({ name: "eu", admin_state_up: false })],
  ["PATCH", ({ pool }) => `/v0.1/pools/${pool}`, () => ({ admin_state_up: false })],
  ["PUT", ({ gslb }) => `/v0.1/gslbs/${gslb}`, () => gslbBody],
  ["PATCH", ({ gslb }) => `/v0.1/gslbs/${gslb}`, () => ({ pool_ids: [] })],
  ["PUT", ({ gslb }) => `/v0.1/gslbs/${gslb}/pools`, () => ({ pool_ids: [] })],
  ["DELETE", ({ gslb, pool }) => `/v0.1/gslbs/${gslb}/pools/${pool}`, null],
];

describe("a change that would leave a live GSLB without a member", () => {
  test.each(emptying)("%s %s is 409 with the GSLBs, and carried out where it is forced", async (method, path, body) => {
    const { call, ids } = await make();
    const at = path(ids);
    const before = (await call("GET", `/v0.1/gslbs/${ids.gslb}/pools`)).body.pools;
    for (const query of ["", "?force=false"]) {
      const answer = await call(method, at + query, body?.(ids));
      expect([answer.status, answer.body.type]).toEqual([409, "/problems/would-empty"]);
      expect(answer.body.users).toEqual([{ type: "gslb", id: ids.gslb, name: "www.gslb.example.com." }]);
    }
    expect((await call("GET", `/v0.1/gslbs/${ids.gslb}/pools`)).body.pools).toEqual(before);
    const forced = await call(method, `${at}?force=true`, body?.(ids));
    expect(forced.status).toBe(method === "DELETE" ? 204 : 200);
    expect((await call("GET", `/v0.1/gslbs/${ids.gslb}/pools`)).body.pools).not.toEqual(before);
  });

  test("has two words for force, and no third", async () => {
    const { call, ids } = await make();
    for (const [method, path, body] of emptying) {
      const answer = await call(method, `${path(ids)}?force=1`, body?.(ids));
      expect([answer.status, parameters(answer)]).toEqual([400, ["force"]]);
    }
  });
});

const others: readonly Request[] = [
  ["POST", () => "/v0.1/gslbs", () => gslbBody],
  ["POST", ({ gslb }) => `/v0.1/gslbs/${gslb}/pools`, () => ({ name: "new" })],
  ["PATCH", ({ gslb, pool }) => `/v0.1/gslbs/${gslb}/pools/${pool}`, () => ({ weight: 0 })],
  ["DELETE", ({ pool }) => `/v0.1/pools/${pool}`, null],
  ["POST", ({ pool }) => `/v0.1/pools/${pool}/pool_members`, () => memberBody],
  ["PATCH", ({ monitor }) => `/v0.1/monitors/${monitor}`, () => ({})],
  ["DELETE", ({ monitor }) => `/v0.1/monitors/${monitor}`, null],
  ["DELETE", (ids) => `${member(ids)}/override`, null],
  ["POST", ({ pool }) => `/v0.1/pools/${pool}/release`, null],
];

test.each(others)("%s %s has nothing that could be forced", async (method, path, body) => {
  const { call, ids } = await make();
  const answer = await call(method, `${path(ids)}?force=true`, body?.(ids));
  expect([answer.status, parameters(answer)]).toEqual([400, ["force"]]);
});
