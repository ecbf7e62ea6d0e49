/**
 * A flavor made through the API, and GSLBs on it: published to PowerDNS beside Kosmos's own answers, each by itself; moved from one to the other; and
 * what its credentials and the server's absence do to them.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dig } from "../servers/dig.ts";
import { whereInstalled } from "../servers/installed.ts";
import { type Pdns, startPdns } from "../servers/pdns.ts";
import { type System, startSystem } from "./system.ts";
import { until } from "./until.ts";
import { answers, create, write } from "./world.ts";

let system: System;
const servers = whereInstalled(["pdns", "dig"], startPdns);
beforeAll(async () => {
  [system] = await Promise.all([startSystem(), servers.start()]);
});
afterAll(() => Promise.all([system?.close(), servers.stop()]));

let made: Pdns | null = null;
/** The name server, and the flavor `ns` that writes to it. */
async function nameServer(context: Parameters<typeof servers.get>[0]): Promise<Pdns> {
  const pdns = servers.get(context);
  if (made !== null) return made;
  await pdns.makeZone("example.com.");
  await pdns.put("example.com.", { name: "mail.example.com.", type: "A", ttl: 300, values: ["203.0.113.25"] });
  await create(system, "/v0.1/flavors", {
    name: "ns",
    provider: "powerdns",
    settings: { api_url: pdns.apiUrl },
    credentials: { api_key: pdns.apiKey },
    domain_names: ["example.com."],
  });
  made = pdns;
  return pdns;
}

const get = async (path: string) => (await system.api("GET", path)).body;
type Published = { readonly flavor: string; readonly provider: string; readonly in_sync: boolean; readonly last_error: string | null };
type Seen = { readonly status: string; readonly reason: string; readonly published: readonly Published[] };
const statusOf = (id: string): Promise<Seen> => get(`/v0.1/gslbs/${id}/status`);
const seen = (id: string, what: string, is: (status: Seen) => boolean) =>
  until(() => statusOf(id), { what, is: (status) => Array.isArray(status.published) && is(status) });
const isAllInSync = ({ published }: Seen, ...flavors: string[]) =>
  published.length === flavors.length && published.every(({ flavor, in_sync }) => in_sync && flavors.includes(flavor));
/** What the name server answers. */
const served = async (name: string) => (await dig({ port: made?.port ?? 0 }, name)).records.map(({ data }) => data).toSorted();
const serves = (name: string, ...values: string[]) =>
  until(() => served(name), {
    what: `the name server to have ${values.join() || "nothing"}`,
    is: (found) => found.join() === values.join(),
  });

/** A GSLB over two members without a monitor, which are ACTIVE as soon as they are known. */
async function published(host: string, flavors: readonly string[]) {
  const fqdn = `${host}.example.com.`;
  const members = ["192.0.2.1", "192.0.2.2"].map((address) => ({ endpoints: [address] }));
  const { id: pool } = await create(system, "/v0.1/pools", { name: host, members });
  const { id } = await create(system, "/v0.1/gslbs", { fqdn, domain_name: "example.com.", flavors, pool_ids: [pool], ttl: 30 });
  await seen(id, "it to be published", (status) => isAllInSync(status, ...flavors));
  const [member] = (await get(`/v0.1/pools/${pool}`)).members;
  const path = `/v0.1/pools/${pool}/pool_members/${member.id}/override`;
  return { fqdn, id, down: () => write(system, "PUT", path, { state: "down", reason: "a test" }), up: () => write(system, "DELETE", path) };
}

describe("a flavor", () => {
  it("has the same as edge, and follows with it, through an eviction of the Engine", async (context) => {
    await nameServer(context);
    const { fqdn, id, down, up } = await published("both", ["edge", "ns"]);
    expect((await statusOf(id)).published).toMatchObject([
      { flavor: "edge", provider: "edge" },
      { flavor: "ns", provider: "powerdns" },
    ]);
    await serves(fqdn, "192.0.2.1", "192.0.2.2");
    await system.evict("Engine");
    await down();
    await Promise.all([serves(fqdn, "192.0.2.2"), answers(system, fqdn, ["192.0.2.2"])]);
    await up();
    await Promise.all([serves(fqdn, "192.0.2.1", "192.0.2.2"), answers(system, fqdn, ["192.0.2.1", "192.0.2.2"])]);
    expect(await served("mail.example.com.")).toEqual(["203.0.113.25"]);
  });

  it("that is away holds up nobody else, and has the newest when it is back", async (context) => {
    const pdns = await nameServer(context);
    const { fqdn, id, down } = await published("away", ["edge", "ns"]);
    await pdns.away();
    try {
      await down();
      await answers(system, fqdn, ["192.0.2.2"]);
      const { reason } = await seen(id, "it to be an error", ({ status }) => status === "ERROR");
      expect(reason).toMatch(/^ns did not take plan \d+: /);
      expect((await statusOf(id)).published).toMatchObject([{ in_sync: true }, { in_sync: false, last_error: expect.any(String) }]);
    } finally {
      await pdns.back();
    }
    await serves(fqdn, "192.0.2.2");
    await seen(id, "it to be in sync again", (status) => isAllInSync(status, "edge", "ns"));
  });

  it("that a GSLB is moved to has the name before the other lets it go", async (context) => {
    await nameServer(context);
    const { fqdn, id } = await published("moved", ["edge"]);
    expect(await served(fqdn)).toEqual([]);
    await write(system, "PATCH", `/v0.1/gslbs/${id}`, { flavors: ["ns"] });
    await serves(fqdn, "192.0.2.1", "192.0.2.2");
    await answers(system, fqdn, []);
    await seen(id, "it to be at the new one alone", (status) => isAllInSync(status, "ns"));
    expect(await get(`/v0.1/gslbs/${id}`)).toMatchObject({ flavor: "ns", flavors: ["ns"] });
    await write(system, "PATCH", `/v0.1/gslbs/${id}`, { flavors: ["edge"] });
    await answers(system, fqdn, ["192.0.2.1", "192.0.2.2"]);
    await serves(fqdn);
  });

  it("with credentials that do not open any door says so, and is well again with others", async (context) => {
    const pdns = await nameServer(context);
    const { fqdn, id, down } = await published("keys", ["ns"]);
    const wrong = "this-key-is-not-the-one";
    await write(system, "PATCH", "/v0.1/flavors/ns?force=true", { credentials: { api_key: wrong } });
    await down();
    const { reason } = await seen(id, "it to be an error", ({ status }) => status === "ERROR");
    expect(reason).toMatch(/^ns did not take plan/);
    expect(reason).not.toContain(wrong);
    await write(system, "PATCH", "/v0.1/flavors/ns", { credentials: { api_key: pdns.apiKey } });
    await serves(fqdn, "192.0.2.2");
    await seen(id, "it to be in sync again", (status) => isAllInSync(status, "ns"));
  });

  it("has nothing left of a GSLB that is deleted", async (context) => {
    const pdns = await nameServer(context);
    const { fqdn, id } = await published("gone", ["edge", "ns"]);
    await write(system, "DELETE", `/v0.1/gslbs/${id}`);
    await Promise.all([serves(fqdn), answers(system, fqdn, [])]);
    const left = (await pdns.rrsets("example.com.")).filter(({ name }) => name.endsWith(fqdn));
    expect(left).toEqual([]);
    await until(() => system.api("GET", `/v0.1/gslbs/${id}`), { what: "it to be gone", is: ({ status }) => status === 404 });
  });
});
