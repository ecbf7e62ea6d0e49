/** Flavors from the outside: made over HTTP, tried, published to a real PowerDNS, taken away from, and deleted while their server is away. */
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { whereInstalled } from "../servers/installed.ts";
import { startPdns } from "../servers/pdns.ts";
import { type System, startSystem, until } from "./system.ts";
import { create } from "./world.ts";

const zone = "example.com.";

const server = whereInstalled(["pdns"], startPdns);

describe("flavors", () => {
  let system: System;
  let pool: string;
  beforeAll(async () => {
    [system] = await Promise.all([startSystem(), server.start()]);
    pool = (await create(system, "/v0.1/pools", { name: "web", members: [{ endpoints: ["192.0.2.10"] }] })).id;
  });
  afterAll(async () => {
    await system.close();
    await server.stop();
  });

  /** The server, with its zone, and the flavor of the same name. */
  async function start(context: TestContext) {
    const pdns = server.get(context);
    if ((await system.api("GET", "/v0.1/flavors/pdns")).status === 200) return pdns;
    await pdns.makeZone(zone);
    const made = await system.api("POST", "/v0.1/flavors", {
      name: "pdns",
      provider: "powerdns",
      settings: { api_url: pdns.apiUrl },
      credentials: { api_key: "wrong" },
      domain_names: [zone],
    });
    expect(made.status).toBe(201);
    return pdns;
  }

  type Pdns = Awaited<ReturnType<typeof startPdns>>;
  const live = async (pdns: Pdns, name: string) =>
    (await pdns.rrsets(zone)).flatMap((rrset) =>
      rrset.name === name && rrset.type === "A" ? rrset.records.map(({ content }) => content) : [],
    );
  const lives = (pdns: Pdns, name: string, values: readonly string[]) =>
    until(() => live(pdns, name), {
      what: `${name} to be ${values.join()}`,
      timeoutMs: 20_000,
      is: (found) => found.join() === values.join(),
    });
  const patch = (body: object, query = "") => system.api("PATCH", `/v0.1/flavors/pdns${query}`, body);
  const gslb = async (name: string, flavors: readonly string[]) =>
    (await create(system, "/v0.1/gslbs", { fqdn: name, domain_name: zone, flavors, pool_ids: [pool] })).id;
  const actionOf = async (id: string) => {
    const { status, body } = await system.api("GET", `/v0.1/gslbs/${id}`);
    return status === 404 ? "gone" : body.action;
  };

  it("are tried by whoever asks, and before new credentials take the place of old ones", async (context) => {
    const pdns = await start(context);
    const failed = await system.api("POST", "/v0.1/flavors/pdns/test");
    expect([failed.status, failed.body.ok, failed.body.class]).toEqual([200, false, "credentials"]);
    const refused = await patch({ credentials: { api_key: "wrong-again" } });
    expect([refused.status, refused.body.errors[0].pointer]).toEqual([422, "/credentials"]);
    expect((await patch({ credentials: { api_key: pdns.apiKey } })).status).toBe(200);
    const works = await system.api("POST", "/v0.1/flavors/pdns/test");
    expect(works.body).toMatchObject({ ok: true, class: null });
    expect(works.body.details.join()).toContain(zone);
    expect((await system.api("POST", "/v0.1/flavors/edge/test")).body.ok).toBe(true);
    for (const path of ["/v0.1/flavors", "/v0.1/flavors/pdns"]) {
      expect(JSON.stringify((await system.api("GET", path)).body)).not.toMatch(new RegExp(`${pdns.apiKey}|sealed|credentials`));
    }
  });

  it("publish a GSLB each by itself; one that is taken away lets the name go, and is free then", async (context) => {
    const pdns = await start(context);
    const name = "www.example.com.";
    const id = await gslb(name, ["edge", "pdns"]);
    await lives(pdns, name, ["192.0.2.10"]);
    await until(() => system.dns(name), { what: "edge to answer", is: (values) => values.join() === "192.0.2.10" });
    const inUse = await system.api("DELETE", "/v0.1/flavors/pdns");
    expect([inUse.status, inUse.body.users]).toEqual([409, [{ type: "gslb", id, name }]]);
    expect((await patch({ settings: { server_id: "other" } })).status).toBe(409);

    expect((await system.api("PATCH", `/v0.1/gslbs/${id}`, { flavors: ["edge"] })).status).toBe(200);
    await lives(pdns, name, []);
    const other = { fqdn: name, domain_name: zone, flavor: "pdns" };
    const thief = await until(() => system.api("POST", "/v0.1/gslbs", other, { "x-project-id": "other" }), {
      what: "the name to be free at PowerDNS",
      is: ({ status }) => status === 201,
    });
    expect((await system.api("DELETE", `/v0.1/gslbs/${thief.body.id}`, undefined, { "x-project-id": "other" })).status).toBe(202);
    expect((await system.api("DELETE", `/v0.1/gslbs/${id}`)).status).toBe(204);
  });

  it("with new credentials publish at once what waited for them", async (context) => {
    const pdns = await start(context);
    expect((await patch({ credentials: { api_key: "revoked" } }, "?force=true")).status).toBe(200);
    const name = "late.example.com.";
    const id = await gslb(name, ["pdns"]);
    const errorOf = async () => (await system.api("GET", `/v0.1/gslbs/${id}/status`)).body.published[0]?.last_error;
    await until(errorOf, { what: "PowerDNS to refuse the key", is: (error) => error !== null && error !== undefined });
    expect(await live(pdns, name)).toEqual([]);
    expect((await patch({ credentials: { api_key: pdns.apiKey } })).status).toBe(200);
    await lives(pdns, name, ["192.0.2.10"]);
    expect((await system.api("DELETE", `/v0.1/gslbs/${id}?records=keep`)).status).toBe(204);
    expect(await live(pdns, name)).toEqual(["192.0.2.10"]);
  });

  it("that cannot be reached keep a deleted GSLB on its way out until they can; force forgets it", async (context) => {
    const pdns = await start(context);
    const name = "slow.example.com.";
    const id = await gslb(name, ["pdns"]);
    const forced = await gslb("forced.example.com.", ["pdns"]);
    await lives(pdns, name, ["192.0.2.10"]);
    await lives(pdns, "forced.example.com.", ["192.0.2.10"]);
    await pdns.away();
    for (const one of [id, forced]) {
      const deleted = await system.api("DELETE", `/v0.1/gslbs/${one}`);
      expect([deleted.status, deleted.body.action]).toEqual([202, "DELETE"]);
    }
    expect((await system.api("PATCH", `/v0.1/gslbs/${id}`, { ttl: 60 })).status).toBe(409);
    expect((await system.api("DELETE", `/v0.1/gslbs/${forced}?force=true`)).status).toBe(204);
    expect(await actionOf(forced)).toBe("gone");
    expect(await actionOf(id)).toBe("DELETE");
    await pdns.back();
    await until(() => actionOf(id), { what: "the GSLB to be gone", timeoutMs: 40_000, is: (action) => action === "gone" });
    expect(await live(pdns, name)).toEqual([]);
    expect(await live(pdns, "forced.example.com.")).toEqual(["192.0.2.10"]);
    const removed = await until(() => system.api("DELETE", "/v0.1/flavors/pdns"), {
      what: "nobody to use the flavor",
      is: ({ status }) => status === 204,
    });
    expect(removed.status).toBe(204);
  });
});
