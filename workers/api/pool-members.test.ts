import { describe, expect, test } from "vitest";
import { memberBody, pointers, startApi, unknownId } from "./api.fixture.ts";
import type { ApiSettings } from "./bindings.ts";

const make = async (settings: ApiSettings = {}) => {
  const api = startApi(settings);
  const { body } = await api.call("POST", "/v0.1/pools", { name: "eu" });
  const pool = `/v0.1/pools/${body.id}`;
  const path = `${pool}/pool_members`;
  const names = async () => (await api.call("GET", path)).body.pool_members.map((member: { name: string }) => member.name);
  return { ...api, pool, poolId: body.id as string, path, names };
};

describe("/v0.1/pools/{id}/pool_members", () => {
  test("a member is made and shown as api.md has it", async () => {
    const { call, path, poolId } = await make();
    const answer = await call("POST", path, memberBody);
    expect(answer.status).toBe(201);
    const { id, created_at, updated_at, ...rest } = answer.body;
    const self = `http://kosmos.test${path}/${id}`;
    expect(answer.headers.get("Location")).toBe(self);
    expect(rest).toEqual({
      project_id: "default",
      domain_id: "default",
      pool_id: poolId,
      name: "192.0.2.10",
      description: null,
      tags: [],
      type: "IP",
      region: null,
      neutron_id: null,
      endpoints: ["192.0.2.10"],
      weight: 1,
      admin_state_up: true,
      host_header: null,
      monitor_address: null,
      monitor_port: null,
      parameters: {},
      monitor_ids: [],
      override: null,
      in_rotation: false,
      status: "PENDING",
      action: "CREATE",
      version: 1,
      links: { self, monitors: `${self}/monitors`, status: `${self}/status`, history: `${self}/history` },
    });
  });

  test.each([
    [{}, "/endpoints", 400],
    [{ endpoints: [] }, "/endpoints", 400],
    [{ endpoints: "192.0.2.1" }, "/endpoints", 400],
    [{ endpoints: ["192.0.2.256"] }, "/endpoints/0", 400],
    [{ endpoints: ["192.0.2.1", "192.0.2.1"] }, "/endpoints/1", 400],
    [{ type: "FTP", endpoints: ["192.0.2.1"] }, "/type", 400],
    [{ ...memberBody, monitor_port: 0 }, "/monitor_port", 400],
    [{ ...memberBody, monitor_port: 65_536 }, "/monitor_port", 400],
    [{ ...memberBody, monitor_port: "80" }, "/monitor_port", 400],
    [{ ...memberBody, weight: 1.5 }, "/weight", 400],
    [{ ...memberBody, neutron_id: "lb-1" }, "/neutron_id", 400],
    [{ ...memberBody, parameters: { cloud: "one" } }, "/parameters", 400],
    [{ ...memberBody, parameters: { state: "drain" } }, "/parameters/state", 400],
    [{ type: "neutron_port", region: "One" }, "/neutron_id", 400],
    [{ type: "neutron_lbaas_v2", neutron_id: "lb-1" }, "/region", 400],
    [{ type: "neutron_port", region: "One", neutron_id: "../../etc" }, "/neutron_id", 400],
    [{ type: "IP" }, "/endpoints", 400],
    [{ endpoints: [] }, "/endpoints", 400],
    [{ ...memberBody, override: null }, "/override", 400],
    [{ ...memberBody, monitor_address: "10.1.2.3" }, "/monitor_address", 422],
    [{ ...memberBody, monitor_address: "localhost" }, "/monitor_address", 422],
    [{ endpoints: ["192.0.2.1", "127.0.0.1"] }, "/endpoints/1", 422],
    [{ endpoints: ["169.254.169.254"] }, "/endpoints/0", 422],
    [{ endpoints: ["::ffff:10.0.0.1"] }, "/endpoints/0", 422],
    [{ endpoints: ["fe80::1"] }, "/endpoints/0", 422],
    [{ type: "HOSTNAME", endpoints: ["db.internal"] }, "/endpoints/0", 422],
    // What a URL and a resolver take for 127.0.0.1 and 169.254.169.254.
    [{ type: "HOSTNAME", endpoints: ["0x7f000001"] }, "/endpoints/0", 400],
    [{ type: "HOSTNAME", endpoints: ["0XA9FEA9FE."] }, "/endpoints/0", 400],
    [{ type: "HOSTNAME", endpoints: ["127.0.0x1"] }, "/endpoints/0", 400],
    [{ ...memberBody, monitor_address: "0x7f.0x1" }, "/monitor_address", 400],
    // A name without a dot is found by a search list or a hosts file alone.
    [{ type: "HOSTNAME", endpoints: ["metadata"] }, "/endpoints/0", 422],
    [{ ...memberBody, monitor_address: "ip6-localhost" }, "/monitor_address", 422],
  ])("%j is refused at %s with %i", async (body, pointer, status) => {
    const { call, path, names } = await make();
    const answer = await call("POST", path, body);
    expect([answer.status, pointers(answer)]).toEqual([status, [pointer]]);
    expect(await names()).toEqual([]);
  });

  test("private addresses are taken where the deployment says so", async () => {
    const { call, path } = await make({ KOSMOS_ALLOW_PRIVATE: "1" });
    expect((await call("POST", path, { endpoints: ["127.0.0.1"], monitor_address: "localhost" })).status).toBe(201);
    const other = await make({ KOSMOS_ALLOW_PRIVATE: "0" });
    expect((await other.call("POST", other.path, { endpoints: ["127.0.0.1"] })).status).toBe(422);
  });

  test("GET, edit, PUT works; type stays where it is left out and cannot be changed", async () => {
    const { call, path } = await make();
    const made = await call("POST", path, { type: "hostname", endpoints: ["a.example.com"] });
    expect(made.body).toMatchObject({ type: "HOSTNAME", endpoints: ["a.example.com."] });
    const member = `${path}/${made.body.id}`;
    expect((await call("PUT", member, { ...made.body, weight: 5 })).body.weight).toBe(5);
    expect((await call("PUT", member, { endpoints: ["b.example.com"] })).body).toMatchObject({
      type: "HOSTNAME",
      weight: 1,
      name: "b.example.com.",
    });
    for (const method of ["PUT", "PATCH"]) {
      const answer = await call(method, member, { type: "IP", endpoints: ["192.0.2.1"] });
      expect([answer.status, pointers(answer)]).toEqual([422, ["/type"]]);
      expect(pointers(await call(method, member, { type: "FTP", endpoints: ["b.example.com"] }))).toEqual(["/type"]);
    }
    expect((await call("PATCH", member, { weight: 0 })).body).toMatchObject({ weight: 0, endpoints: ["b.example.com."] });
    expect((await call("PATCH", member, { endpoints: ["127.0.0.1.local"] })).status).toBe(422);
  });

  test("OpenStack's fields are sent back as they are shown, where there are none as well", async () => {
    const { call, path } = await make();
    const { body } = await call("POST", path, memberBody);
    expect(body).toMatchObject({ neutron_id: null, parameters: {} });
    const member = `${path}/${body.id}`;
    for (const method of ["PUT", "PATCH"]) {
      expect((await call(method, member, { ...memberBody, neutron_id: null, parameters: {} })).status).toBe(200);
      const answer = await call(method, member, { ...memberBody, neutron_id: "lb-1" });
      expect([answer.status, pointers(answer)]).toEqual([400, ["/neutron_id"]]);
    }
  });

  test("an override that is sent back as it was shown is ignored; one that is meant to be written is refused", async () => {
    const { call, path } = await make();
    const { body } = await call("POST", path, memberBody);
    const member = `${path}/${body.id}`;
    await call("PUT", `${member}/override`, { state: "drain" });
    const shown = await call("GET", member);
    expect(shown.body.override).toMatchObject({ state: "drain" });
    for (const override of [null, shown.body.override]) {
      expect((await call("PUT", member, { ...shown.body, override })).body.override).toEqual(shown.body.override);
      expect((await call("PATCH", member, { override })).status).toBe(200);
    }
    for (const override of [{ state: "up" }, "drain", false]) {
      const put = await call("PUT", member, { ...shown.body, override });
      expect([put.status, pointers(put)]).toEqual([400, ["/override"]]);
      const patched = await call("PATCH", member, { override });
      expect([patched.status, pointers(patched)]).toEqual([400, ["/override"]]);
    }
    const set = await call("PUT", path, { pool_members: [shown.body] });
    expect(set.body.pool_members[0].override).toEqual(shown.body.override);
  });

  test("a member is found in its own pool only", async () => {
    const { call, path } = await make();
    const made = await call("POST", path, memberBody);
    const other = await call("POST", "/v0.1/pools", { name: "us" });
    const wrong = `/v0.1/pools/${other.body.id}/pool_members/${made.body.id}`;
    expect((await call("GET", wrong)).status).toBe(404);
    expect((await call("PUT", wrong, memberBody)).status).toBe(404);
    expect((await call("PATCH", wrong, {})).status).toBe(404);
    expect((await call("DELETE", wrong)).status).toBe(404);
    expect((await call("GET", `${wrong}/status`)).status).toBe(404);
    expect((await call("GET", `${wrong}/history`)).status).toBe(404);
    expect((await call("GET", `${wrong}/monitors`)).status).toBe(404);
    expect((await call("DELETE", `${path}/${made.body.id}`)).status).toBe(204);
  });

  test("of a pool that is not there is 404", async () => {
    const { call } = await make();
    const nowhere = `/v0.1/pools/${unknownId}/pool_members`;
    expect((await call("GET", nowhere)).status).toBe(404);
    expect((await call("POST", nowhere, memberBody)).status).toBe(404);
    expect((await call("PUT", nowhere, { pool_members: [] })).status).toBe(404);
  });
});

describe("PUT of a pool's whole set", () => {
  const web = (name: string, address: string) => ({ name, endpoints: [address] });

  test("updates by id, else by name, makes what is new and deletes what is absent", async () => {
    const { call, path, names } = await make();
    const a = (await call("POST", path, web("a", "192.0.2.1"))).body;
    const b = (await call("POST", path, web("b", "192.0.2.2"))).body;
    await call("POST", path, web("gone", "192.0.2.3"));
    const answer = await call("PUT", path, { pool_members: [{ ...a, name: "a2" }, web("b", "192.0.2.20"), web("new", "192.0.2.4")] });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("Cache-Control")).toBe("no-store");
    const members = answer.body.pool_members as { id: string; name: string; endpoints: string[] }[];
    expect(members.map((member) => [member.name, member.endpoints[0]])).toEqual([
      ["a2", "192.0.2.1"],
      ["b", "192.0.2.20"],
      ["new", "192.0.2.4"],
    ]);
    expect(members.slice(0, 2).map((member) => member.id)).toEqual([a.id, b.id]);
    expect(await names()).toEqual(["a2", "b", "new"]);
    expect(answer.body.metadata.total_count).toBe(3);
  });

  test("additive_only deletes none", async () => {
    const { call, path, names } = await make();
    await call("POST", path, web("a", "192.0.2.1"));
    await call("PUT", `${path}?additive_only=true`, { pool_members: [web("b", "192.0.2.2")] });
    expect(await names()).toEqual(["a", "b"]);
    await call("PUT", `${path}?additive_only=false`, { pool_members: [web("b", "192.0.2.2")] });
    expect(await names()).toEqual(["b"]);
    expect((await call("PUT", `${path}?additive_only=yes`, { pool_members: [] })).status).toBe(400);
  });

  test.each([
    [{}, ["/pool_members"], 400],
    [{ pool_members: {} }, ["/pool_members"], 400],
    [{ pool_members: [1] }, ["/pool_members/0"], 400],
    [{ pool_members: [], force: true }, ["/force"], 400],
    [
      { pool_members: [memberBody, { endpoints: ["x y"], port: 1 }, {}] },
      ["/pool_members/1/port", "/pool_members/1/endpoints/0", "/pool_members/2/endpoints"],
      400,
    ],
    [{ pool_members: [{ ...memberBody, id: "x" }] }, ["/pool_members/0/id"], 400],
    [
      {
        pool_members: [
          { ...memberBody, id: unknownId },
          { ...memberBody, id: unknownId },
        ],
      },
      ["/pool_members/1/id"],
      400,
    ],
    [{ pool_members: [memberBody, { endpoints: ["10.0.0.1"] }] }, ["/pool_members/1/endpoints/0"], 422],
  ])("%j is refused at %j with %i, and nothing is written", async (body, at, status) => {
    const { call, path, names } = await make();
    await call("POST", path, web("a", "192.0.2.1"));
    const answer = await call("PUT", path, body);
    expect([answer.status, pointers(answer)]).toEqual([status, at]);
    expect(await names()).toEqual(["a"]);
  });

  test("1,000 members pass, 1,001 do not, and the body may have 1 MiB", async () => {
    const { call, path } = await make();
    const set = (count: number) =>
      Array.from({ length: count }, (_, index) => ({
        name: `m${index}`,
        description: "x".repeat(100),
        endpoints: [`192.0.${index >> 8}.${index & 255}`],
      }));
    // 192.0.0.0/24 is reserved, so a deployment that allows it is needed.
    const open = await make({ KOSMOS_ALLOW_PRIVATE: "1" });
    expect(JSON.stringify({ pool_members: set(1000) }).length).toBeGreaterThan(65_536);
    expect((await open.call("PUT", open.path, { pool_members: set(1000) })).body.pool_members).toHaveLength(1000);
    expect(pointers(await open.call("PUT", open.path, { pool_members: set(1001) }))).toEqual(["/pool_members"]);
    const text = JSON.stringify({ pool_members: [] });
    expect((await call("PUT", path, text + " ".repeat(1_048_576 - text.length))).status).toBe(200);
    expect((await call("PUT", path, text + " ".repeat(1_048_577 - text.length))).status).toBe(413);
  });
});

describe("/v0.1/pool_members", () => {
  test("reads across pools and writes nowhere", async () => {
    const { call, path } = await make();
    const made = await call("POST", path, { ...memberBody, region: "north" });
    expect((await call("GET", "/v0.1/pool_members?region=north&type=ip")).body.pool_members).toHaveLength(1);
    expect((await call("GET", "/v0.1/pool_members?region=south")).body.pool_members).toHaveLength(0);
    const item = await call("GET", `/v0.1/pool_members/${made.body.id}`);
    expect(item.body).toEqual(made.body);
    expect((await call("POST", "/v0.1/pool_members", memberBody)).status).toBe(405);
    for (const method of ["PUT", "PATCH", "DELETE"]) {
      const answer = await call(method, `/v0.1/pool_members/${made.body.id}`, method === "DELETE" ? undefined : {});
      expect([answer.status, answer.headers.get("Allow")]).toEqual([405, "GET, HEAD"]);
    }
  });
});
