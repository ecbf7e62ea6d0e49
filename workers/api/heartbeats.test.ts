import { afterEach, describe, expect, test, vi } from "vitest";
import type { HeartbeatsRpc, VantageRpc } from "../../durable-objects/rpc-vantage.ts";
import { startApi, unknownId } from "./api.fixture.ts";

const memberId = "33333333-3333-4333-8333-333333333333";

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

async function start({ waits = true, away = false } = {}) {
  const beats: [string, string, string | null][] = [];
  const state = { waits, away, resets: 0, unknown: false };
  let looked = 0;
  const vantage = (project: string) =>
    ({
      beat: async (monitorId: string, member: string | null) => {
        if (state.away) throw new Error("away");
        if (state.resets > 0) {
          state.resets -= 1;
          throw new Error("the object was reset");
        }
        beats.push([project, monitorId, member]);
        return state.waits;
      },
    }) as unknown as VantageRpc;
  const api = startApi({}, {}, { vantage });
  const heartbeats: HeartbeatsRpc = {
    heartbeatOf: async (id) => {
      looked += 1;
      if (state.unknown) throw new Error("away");
      return api.conductor.heartbeatOf(id);
    },
  };
  api.bindings.heartbeats = () => heartbeats;
  const { body } = await api.call("POST", "/v0.1/monitors", { type: "HEARTBEAT", period: 60, grace: 10 });
  const beat = (path: string, method = "POST") => api.call(method, path, undefined, { "X-Auth-Token": null });
  return { ...api, beats, state, looked: () => looked, monitor: body, path: body.heartbeat_path as string, beat };
}

describe("a heartbeat", () => {
  test("is taken without a token, for all members or for one", async () => {
    const { beat, beats, path, monitor } = await start();
    expect(path).toMatch(new RegExp(`^/v0.1/heartbeats/${monitor.id}/[A-Za-z0-9_-]{32,}$`));
    expect((await beat(path)).status).toBe(204);
    expect((await beat(`${path}?pool_member_id=${memberId}`)).status).toBe(204);
    expect(beats).toEqual([
      ["default", monitor.id, null],
      ["default", monitor.id, memberId],
    ]);
  });

  test("that follows another within a second is answered alike, and costs nothing", async () => {
    const { beat, beats, path, looked } = await start();
    for (let times = 0; times < 5; times += 1) expect((await beat(path)).status).toBe(204);
    expect([beats.length, looked()]).toEqual([1, 1]);
  });

  test("with another secret, of another monitor, or that nobody waits for is 404, all alike", async () => {
    const { beat, beats, path, monitor, state } = await start();
    const wrong = [`/v0.1/heartbeats/${monitor.id}/${"x".repeat(43)}`, path.replace(monitor.id, unknownId), "/v0.1/heartbeats/1/2"];
    for (const one of wrong) expect((await beat(one)).status).toBe(404);
    expect(beats).toEqual([]);
    state.waits = false;
    expect((await beat(path)).status).toBe(404);
  });

  test("is a POST, and of its query only the member is known", async () => {
    const { beat, path } = await start();
    const got = await beat(path, "GET");
    expect([got.status, got.headers.get("Allow")]).toEqual([405, "POST"]);
    expect((await beat(`${path}?member=1`)).status).toBe(400);
    expect((await beat(`${path}?pool_member_id=1`)).status).toBe(400);
  });

  test("that the Engine cannot take is to be sent again", async () => {
    const { beat, path, state, beats } = await start({ away: true });
    const answer = await beat(path);
    expect([answer.status, answer.headers.get("Retry-After")]).toEqual([503, "5"]);
    state.away = false;
    expect((await beat(path)).status).toBe(204);
    expect(beats).toHaveLength(1);
  });

  test("is taken all the same by an Engine that was just replaced", async () => {
    const { beat, path, state, beats } = await start();
    state.resets = 1;
    expect((await beat(path)).status).toBe(204);
    expect(beats).toHaveLength(1);
  });

  test("goes on being heard for as long as nobody can say whose it is", async () => {
    const { beat, path, state, beats } = await start();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    await beat(path);
    state.unknown = true;
    for (let times = 0; times < 3; times += 1) {
      vi.setSystemTime(Date.now() + 3_600_000);
      expect((await beat(path)).status).toBe(204);
    }
    expect(beats).toHaveLength(4);
  });

  test("is not taken for a repeated one by a clock that was set back", async () => {
    const { beat, path, beats } = await start();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    await beat(path);
    vi.setSystemTime(Date.now() - 20_000);
    await beat(path);
    expect(beats).toHaveLength(2);
  });

  test("leaves no secret in the log", async () => {
    const said = vi.spyOn(console, "error").mockReturnValue();
    const { beat, path, monitor } = await start({ away: true });
    expect((await beat(path)).status).toBe(503);
    const words = JSON.stringify(said.mock.calls);
    expect(words).toContain(monitor.id);
    expect(words).not.toContain(path.slice(path.lastIndexOf("/") + 1));
  });

  test("has a secret that no client chooses, and that a write does not change", async () => {
    const { call, monitor, path } = await start();
    const refused = await call("POST", "/v0.1/monitors", { type: "HEARTBEAT", heartbeat_secret: "mine" });
    expect(refused.status).toBe(400);
    const put = await call("PUT", `/v0.1/monitors/${monitor.id}`, { ...monitor, grace: 20, heartbeat_path: "/mine" });
    expect([put.status, put.body.heartbeat_path, put.body.grace]).toEqual([200, path, 20]);
    expect(JSON.stringify(put.body)).not.toContain("heartbeat_secret");
  });
});

test("too many from one address are refused before anybody is asked, and this machine itself is not counted", async () => {
  const { bindings, call, path, beats, looked } = await start();
  const asked: string[] = [];
  bindings.mayBeat = async (client?: string) => asked.push(client ?? "") <= 1;
  const from = (address: string) => call("POST", path, undefined, { "X-Auth-Token": null, "cf-connecting-ip": address });
  expect((await from("198.51.100.7")).status).toBe(204);
  const known = looked();
  const refused = await from("198.51.100.7");
  expect([refused.status, refused.headers.get("Retry-After"), refused.body.type]).toEqual([429, "10", "/problems/rate-limited"]);
  expect((await from("127.0.0.1")).status).toBe(204);
  expect([beats.length, looked(), asked]).toEqual([1, known, ["198.51.100.7", "198.51.100.7"]]);
});
