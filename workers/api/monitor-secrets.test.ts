import { describe, expect, test } from "vitest";
import { openSpec } from "../../durable-objects/seal.ts";
import { memberBody, monitorBody, startApi } from "./api.fixture.ts";

const keys = { KOSMOS_ENCRYPTION_KEY: btoa("k".repeat(32)) };
const credentials = { username: "probe", password: "correct horse" };
const secret = { ...monitorBody, credentials, secret_headers: { "X-Key": "battery staple" } };

function start(settings: object = keys) {
  const { call, conductor, bindings } = startApi(settings);
  const stored = (id: string) => conductor.rows.monitor.get(id) as { sealed?: Record<string, string>; version: number };
  const opened = async (id: string) => openSpec({ sealed: stored(id).sealed }, "default", keys);
  return { call, conductor, bindings, stored, opened };
}

describe("the secrets of a monitor", () => {
  test("are stored sealed, and shown nowhere", async () => {
    const { call, conductor, stored, opened } = start();
    const made = await call("POST", "/v0.1/monitors", secret);
    expect(made.status).toBe(201);
    const { id } = made.body;
    expect(await opened(id)).toEqual({ ok: true, value: { credentials, secret_headers: secret.secret_headers } });
    const answers = [made, await call("GET", `/v0.1/monitors/${id}`), await call("GET", "/v0.1/monitors")];
    for (const text of [...answers.map(({ body }) => JSON.stringify(body)), JSON.stringify(stored(id))]) {
      expect(text).not.toMatch(/correct horse|battery staple/);
    }
    for (const { body } of answers) expect(JSON.stringify(body)).not.toMatch(/sealed|credentials|secret_headers/);
    expect(conductor.events).toEqual([]);
  });

  test("stay where a PUT or a PATCH does not give them, and are no part of what goes round", async () => {
    const { call, opened } = start();
    const { body } = await call("POST", "/v0.1/monitors", secret);
    const path = `/v0.1/monitors/${body.id}`;
    expect((await call("PUT", path, { ...body, delay: 30 })).status).toBe(200);
    expect((await call("PATCH", path, { delay: 40 })).status).toBe(200);
    expect(await opened(body.id)).toEqual({ ok: true, value: { credentials, secret_headers: secret.secret_headers } });
  });

  test.each(["PUT", "PATCH"])("are replaced one by one by a %s, and cleared by null", async (method) => {
    const { call, opened, stored } = start();
    const { body } = await call("POST", "/v0.1/monitors", secret);
    const path = `/v0.1/monitors/${body.id}`;
    const rest = method === "PUT" ? body : {};
    const token = { bearer_token: "abc", ...(method === "PATCH" ? { username: null, password: null } : {}) };
    expect((await call(method, path, { ...rest, credentials: token })).status).toBe(200);
    expect(await opened(body.id)).toEqual({
      ok: true,
      value: { credentials: { bearer_token: "abc" }, secret_headers: secret.secret_headers },
    });
    expect((await call(method, path, { ...rest, credentials: null })).status).toBe(200);
    expect(await opened(body.id)).toEqual({ ok: true, value: { secret_headers: secret.secret_headers } });
    expect((await call(method, path, { ...rest, secret_headers: null })).status).toBe(200);
    expect(stored(body.id)).not.toHaveProperty("sealed");
  });

  test("are merged by a PATCH, member by member, and never shown", async () => {
    const { call, opened } = start();
    const first = { "X-K1": "one", "X-K2": "two" };
    const { body } = await call("POST", "/v0.1/monitors", { ...secret, secret_headers: first });
    const patch = (change: object) => call("PATCH", `/v0.1/monitors/${body.id}`, change);
    const kept = async () => ((await opened(body.id)) as { value: Record<string, unknown> }).value;
    const answers = [await patch({ secret_headers: { "X-K3": "three" } })];
    expect((await kept()).secret_headers).toEqual({ ...first, "X-K3": "three" });
    answers.push(await patch({ secret_headers: { "X-K1": null, "X-K2": "other" }, credentials: { password: "new" } }));
    expect(await kept()).toEqual({
      secret_headers: { "X-K2": "other", "X-K3": "three" },
      credentials: { username: "probe", password: "new" },
    });
    for (const answer of answers) {
      expect(answer.status).toBe(200);
      expect(JSON.stringify(answer.body)).not.toMatch(/X-K|sealed|three|probe/);
    }
    expect((await call("PUT", `/v0.1/monitors/${body.id}`, { ...body, secret_headers: { "X-K4": "four" } })).status).toBe(200);
    expect((await kept()).secret_headers).toEqual({ "X-K4": "four" });
  });

  test("are refused by a PATCH where the whole would be no valid one, and stay as they were", async () => {
    const { call, opened, stored } = start();
    const { body } = await call("POST", "/v0.1/monitors", secret);
    const { version } = stored(body.id);
    const patch = async (change: object) => (await call("PATCH", `/v0.1/monitors/${body.id}`, change)).status;
    expect(await patch({ credentials: { bearer_token: "abc" } })).toBe(400);
    expect(await patch({ credentials: { password: null } })).toBe(400);
    expect(await patch({ secret_headers: { "X-New": 5 } })).toBe(400);
    expect(await patch({ secret_headers: { Host: "a" } })).toBe(400);
    expect(await patch({ secret_headers: "all" })).toBe(400);
    expect(stored(body.id).version).toBe(version);
    expect(await opened(body.id)).toEqual({ ok: true, value: { credentials, secret_headers: secret.secret_headers } });
  });

  test("that do not open are said so by a PATCH, and can be given whole by PUT", async () => {
    const { call, opened, conductor, stored } = start();
    const { body } = await call("POST", "/v0.1/monitors", secret);
    const path = `/v0.1/monitors/${body.id}`;
    const damaged = { ...stored(body.id), sealed: { ...stored(body.id).sealed, secret_headers: "v1.00000000.AAAA" } };
    conductor.rows.monitor.set(body.id, damaged as never);
    const answer = await call("PATCH", path, { secret_headers: { "X-K3": "three" } });
    expect(answer.status).toBe(422);
    expect(answer.body.errors).toEqual([
      {
        pointer: "/secret_headers",
        detail:
          "cannot be merged into what is stored (secret_headers: a stored secret was sealed with a key that is not there any more); give it whole with PUT",
      },
    ]);
    expect((await call("PATCH", path, { credentials: { password: "new" } })).status).toBe(200);
    expect((await call("PUT", path, { ...body, secret_headers: { "X-K3": "three" } })).status).toBe(200);
    expect(await opened(body.id)).toMatchObject({ ok: true, value: { secret_headers: { "X-K3": "three" } } });
  });

  test("cannot be merged without a key", async () => {
    const { call, conductor } = start({});
    const { body } = await call("POST", "/v0.1/monitors", monitorBody);
    conductor.rows.monitor.set(body.id, { ...conductor.rows.monitor.get(body.id), sealed: { credentials: "v1.00000000.AAAA" } } as never);
    const answer = await call("PATCH", `/v0.1/monitors/${body.id}`, { credentials: { password: "new" } });
    expect([answer.status, answer.body.detail]).toEqual([
      503,
      "secrets cannot be kept: KOSMOS_ENCRYPTION_KEY is not set in this deployment",
    ]);
  });

  test("are sealed where a monitor is made while it is attached", async () => {
    const { call, opened, conductor } = start();
    const pool = await call("POST", "/v0.1/pools", { name: "web", members: [memberBody] });
    const attached = await call("POST", `/v0.1/pools/${pool.body.id}/monitors`, secret);
    expect([attached.status, attached.body.credentials]).toEqual([201, undefined]);
    expect(await opened(attached.body.id)).toMatchObject({ ok: true, value: { credentials } });
    expect(JSON.stringify([...conductor.rows.monitor.values()])).not.toContain("correct horse");
  });

  test("cannot be written without a key, and everything else can", async () => {
    const { call, conductor } = start({});
    const answer = await call("POST", "/v0.1/monitors", secret);
    expect(answer.status).toBe(503);
    expect(answer.body.detail).toBe("secrets cannot be kept: KOSMOS_ENCRYPTION_KEY is not set in this deployment");
    expect(answer.headers.get("Retry-After")).toBe("60");
    expect(conductor.count()).toBe(0);
    const plain = await call("POST", "/v0.1/monitors", monitorBody);
    expect(plain.status).toBe(201);
    expect((await call("PATCH", `/v0.1/monitors/${plain.body.id}`, { credentials })).status).toBe(503);
    expect((await call("PATCH", `/v0.1/monitors/${plain.body.id}`, { credentials: null })).status).toBe(200);
  });

  test("are checked like any field, and `sealed` is none", async () => {
    const { call } = start();
    const answer = await call("POST", "/v0.1/monitors", { ...monitorBody, credentials: { username: 1 }, sealed: {} });
    expect(answer.status).toBe(400);
    expect(answer.body.errors.map(({ pointer }: { pointer: string }) => pointer.split("/")[1])).toEqual(
      expect.arrayContaining(["credentials", "sealed"]),
    );
  });
});
