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
    expect((await call(method, path, { ...rest, credentials: { bearer_token: "abc" } })).status).toBe(200);
    expect(await opened(body.id)).toEqual({
      ok: true,
      value: { credentials: { bearer_token: "abc" }, secret_headers: secret.secret_headers },
    });
    expect((await call(method, path, { ...rest, credentials: null })).status).toBe(200);
    expect(await opened(body.id)).toEqual({ ok: true, value: { secret_headers: secret.secret_headers } });
    expect((await call(method, path, { ...rest, secret_headers: null })).status).toBe(200);
    expect(stored(body.id)).not.toHaveProperty("sealed");
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
