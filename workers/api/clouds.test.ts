import { describe, expect, test } from "vitest";
import type { Cloud } from "../../domain/cloud.ts";
import { ok } from "../../domain/result.ts";
import type { BackendsRpc, CloudsRpc, Sealed } from "../../durable-objects/rpc-backends.ts";
import { pointers, startApi } from "./api.fixture.ts";

const keys = { KOSMOS_ENCRYPTION_KEY: btoa("k".repeat(32)) };
const credentials = { application_credential_id: "id-1", application_credential_secret: "correct-horse" };
const cloudBody = { name: "one", auth_url: "https://keystone.example.com/v3", regions: ["One"], credentials };

/** Clouds that are as they were made. */
async function start(names: readonly (readonly [string, readonly string[]])[] = []) {
  const rows: Sealed<Cloud>[] = [];
  const at = "2026-11-22T10:00:00.000Z";
  const conductor = {
    createCloud: async ({ sealed, ...input }) => {
      const made = { ...input, id: input.name, version: 1, created_at: at, updated_at: at };
      rows.push({ ...made, sealed: sealed ?? null });
      return ok(made);
    },
    clouds: async () => ok(rows),
  } as Partial<CloudsRpc> as CloudsRpc;
  const engine = { testCloud: async () => ok([]) } as unknown as BackendsRpc;
  const api = startApi(keys, {}, { clouds: () => conductor, backends: () => engine });
  for (const [name, regions] of names) await api.call("POST", "/v0.1/clouds", { ...cloudBody, name, regions });
  const pool = (await api.call("POST", "/v0.1/pools", { name: "web" })).body.id as string;
  return { ...api, rows, path: `/v0.1/pools/${pool}/pool_members` };
}

describe("clouds", () => {
  test("are made with their credentials sealed, and shown without", async () => {
    const { call, rows } = await start();
    const made = await call("POST", "/v0.1/clouds", cloudBody);
    expect([made.status, made.body.interface, made.headers.get("Location")]).toEqual([201, "public", "http://kosmos.test/v0.1/clouds/one"]);
    expect(JSON.stringify([made.body, rows])).not.toContain("correct-horse");
    expect(rows[0]?.sealed).toMatch(/^v1\./);
    expect(JSON.stringify((await call("GET", "/v0.1/clouds")).body)).not.toMatch(/sealed|credential/);
  });

  test.each([
    [{ auth_url: "https://keystone.example.com" }, "/auth_url", 400],
    [{ auth_url: "https://10.0.0.1/v3" }, "/auth_url", 422],
    [{ auth_url: "https://keystone.internal/v3" }, "/auth_url", 422],
    [{ regions: [] }, "/regions", 400],
    [{ credentials: undefined }, "/credentials", 400],
    [{ credentials: { username: "a" } }, "/credentials/application_credential_id", 400],
    [{ ca_cert: "-----BEGIN CERTIFICATE-----" }, "/ca_cert", 422],
  ])("%j is refused at %s with %i", async (over, pointer, status) => {
    const { call, rows } = await start();
    const answer = await call("POST", "/v0.1/clouds", { ...cloudBody, ...over });
    expect(answer.status).toBe(status);
    expect(pointers(answer)).toContain(pointer);
    expect(rows).toEqual([]);
  });
});

describe("a member of OpenStack's", () => {
  const member = { type: "Neutron_Port", region: "One", neutron_id: "port-1" };

  test("is in the only cloud that has its region, or in the one that it names", async () => {
    const { call, path } = await start([
      ["one", ["One", "Both"]],
      ["two", ["Two", "Both"]],
    ] as const);
    const made = await call("POST", path, member);
    expect([made.status, made.body.type, made.body.parameters, made.body.endpoints, made.body.name]).toEqual([
      201,
      "neutron_port",
      { cloud: "one" },
      [],
      "port-1",
    ]);
    const both = { ...member, region: "Both" };
    const unclear = await call("POST", path, both);
    expect([unclear.status, pointers(unclear)]).toEqual([422, ["/parameters"]]);
    expect((await call("POST", path, { ...both, parameters: { cloud: "two" } })).body.parameters).toEqual({ cloud: "two" });
    for (const [over, pointer] of [
      [{ region: "Elsewhere" }, "/region"],
      [{ parameters: { cloud: "two" } }, "/region"],
      [{ parameters: { cloud: "three" } }, "/parameters"],
    ] as const) {
      const refused = await call("POST", path, { ...member, ...over });
      expect([refused.status, pointers(refused)]).toEqual([422, [pointer]]);
    }
    const inPool = await call("POST", "/v0.1/pools", { name: "other", members: [member, { ...member, region: "Elsewhere" }] });
    expect([inPool.status, pointers(inPool)]).toEqual([422, ["/members/1/region"]]);
    const set = await call("PUT", path, { pool_members: [both] });
    expect([set.status, pointers(set)]).toEqual([422, ["/pool_members/0/parameters"]]);
  });
});
