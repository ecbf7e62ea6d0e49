/**
 * PowerDNS in front of Kosmos: the real server, configured as docs/powerdns.md says, asked with dig over UDP and TCP. What it answers follows
 * the origins, the client's subnet, and what is published, withdrawn and deleted.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DigAnswer, type DigOptions, dig } from "../servers/dig.ts";
import { whereInstalled } from "../servers/installed.ts";
import { startPdnsRemote } from "../servers/pdns-remote.ts";
import { type Origin, startOrigin } from "./origins.ts";
import { type System, startSystem } from "./system.ts";
import { until } from "./until.ts";
import { create, deploy, memberAt, write } from "./world.ts";

const secret = "system-test-secret-of-powerdns_0123456789";
let system: System;
const origins: Origin[] = [];
const origin = async () => {
  const started = await startOrigin();
  origins.push(started);
  return started;
};
const server = whereInstalled(["pdns-remote", "dig"], async () => {
  const url = `${system.url}/pdns/${secret}`;
  const [plain, posting] = await Promise.all([startPdnsRemote(url), startPdnsRemote(url, { form: "post=1,post_json=1" })]);
  return { plain, posting, stop: async () => void (await Promise.all([plain.stop(), posting.stop()])) };
});

beforeAll(async () => {
  system = await startSystem({ vars: { KOSMOS_PDNS_SECRET: secret, KOSMOS_PDNS_NS: "ns1.example.net.,ns2.example.net." } });
  await server.start();
}, 60_000);
afterAll(async () => {
  await server.stop();
  for (const started of origins) await started.close();
  await system?.close();
});

const data = ({ records }: DigAnswer) => records.map(({ data }) => data).toSorted();
/** Asks until it answers so; over UDP, or as the options say. */
const answered = (port: number, name: string, type: string, expected: readonly string[], options: DigOptions = {}) =>
  until(() => dig({ port }, name, type, options), {
    what: `${name} ${type} to be ${expected}`,
    is: (answer) => JSON.stringify(data(answer)) === JSON.stringify([...expected].sort()),
    timeoutMs: 20_000,
  });

describe("PowerDNS over the remote backend", () => {
  it("follows an origin that is killed and comes back, over UDP and TCP, in both forms of asking", async (context) => {
    const { plain, posting } = server.get(context);
    const [one, two] = [await origin(), await origin()];
    const { fqdn } = await deploy(system, [[memberAt(one, "192.0.2.1"), memberAt(two, "192.0.2.2")]]);
    const everywhere = async (expected: readonly string[]) => {
      for (const { port } of [plain, posting]) {
        await answered(port, fqdn, "A", expected);
        expect(data(await dig({ port }, fqdn, "A", { tcp: true }))).toEqual(expected);
      }
    };
    await everywhere(["192.0.2.1", "192.0.2.2"]);
    expect((await dig({ port: plain.port }, fqdn)).records[0]).toMatchObject({ name: fqdn, ttl: 30, type: "A" });
    await one.kill();
    await everywhere(["192.0.2.2"]);
    await one.revive();
    await everywhere(["192.0.2.1", "192.0.2.2"]);
  });

  it("tells a name without data from no name, and has SOA and NS where the zone begins", async (context) => {
    const { port } = server.get(context).plain;
    const alive = await origin();
    await deploy(system, [[memberAt(alive, "192.0.2.1"), memberAt(alive, "2001:db8::1")]], { gslb: { fqdn: "both.deep.example.com." } });
    const name = "both.deep.example.com.";
    await answered(port, name, "A", ["192.0.2.1"]);
    await answered(port, name, "AAAA", ["2001:db8::1"]);
    const rcodes = async (...asked: [string, string?][]) => {
      const seen = await Promise.all(asked.map(([one, type]) => dig({ port }, one, type)));
      return seen.map(({ rcode, records }) => `${rcode} ${records.length}`);
    };
    expect(
      await rcodes([name, "TXT"], ["deep.example.com."], ["nope.example.com."], ["nope.deep.example.com.", "AAAA"], ["example.org."]),
    ).toEqual(["NOERROR 0", "NOERROR 0", "NXDOMAIN 0", "NXDOMAIN 0", "REFUSED 0"]);
    expect(data(await dig({ port }, "example.com.", "SOA"))).toEqual(["ns1.example.net. hostmaster.example.com. 1 3600 600 86400 5"]);
    expect(data(await dig({ port }, "example.com.", "NS"))).toEqual(["ns1.example.net.", "ns2.example.net."]);
    expect((await dig({ port }, "example.com.", "AXFR", { tcp: true }).catch(() => null))?.records ?? []).toEqual([]);
  });

  it("answers a host name with a CNAME, a withdrawn name with no data, and a deleted one with NXDOMAIN", async (context) => {
    const { port } = server.get(context).plain;
    const alive = await origin();
    await create(system, "/v0.1/pools", { name: "alias", members: [{ type: "HOSTNAME", endpoints: ["origin.example.net"] }] }).then(
      ({ id }) => create(system, "/v0.1/gslbs", { fqdn: "alias.example.com.", domain_name: "example.com.", pool_ids: [id] }),
    );
    await answered(port, "alias.example.com.", "A", ["origin.example.net."]);
    const { fqdn, gslb } = await deploy(system, [[memberAt(alive, "192.0.2.1")]], { gslb: { on_all_down: "withdraw" } });
    await answered(port, fqdn, "A", ["192.0.2.1"]);
    await alive.kill();
    expect((await answered(port, fqdn, "A", [])).rcode).toBe("NOERROR");
    await alive.revive();
    await answered(port, fqdn, "A", ["192.0.2.1"]);
    await write(system, "DELETE", `/v0.1/gslbs/${gslb}`);
    await until(() => dig({ port }, fqdn), { what: `${fqdn} to be gone`, is: ({ rcode }) => rcode === "NXDOMAIN" });
  });

  it("answers a client subnet by cidr, says by how many bits, and falls to the default when the pool is gone", async (context) => {
    const { port } = server.get(context).plain;
    const [near, far] = [await origin(), await origin()];
    const made = await deploy(system, [[memberAt(near, "192.0.2.1")], [memberAt(far, "198.51.100.1")]], {
      gslb: { steering_policy: "geo" },
    });
    const { fqdn, gslb, pools } = made;
    const locations = [{ cidr: "203.0.113.0/24" }, { cidr: "2001:db8::/32" }];
    await write(system, "PATCH", `/v0.1/gslbs/${gslb}/pools/${pools[0]}`, { locations });
    const from = (subnet?: string) => dig({ port }, fqdn, "A", subnet === undefined ? {} : { subnet });
    await answered(port, fqdn, "A", ["198.51.100.1"]);
    await answered(port, fqdn, "A", ["192.0.2.1"], { subnet: "203.0.113.0/24" });
    expect((await from("203.0.113.0/24")).subnet).toBe("203.0.113.0/24/24");
    expect(data(await from("2001:db8:5::/48"))).toEqual(["192.0.2.1"]);
    const other = await from("198.18.0.0/16");
    expect([data(other), other.subnet]).toEqual([["198.51.100.1"], "198.18.0.0/16/5"]);
    expect(data(await dig({ port }, fqdn, "A", { subnet: "203.0.113.7/32", tcp: true }))).toEqual(["192.0.2.1"]);
    await near.kill();
    await answered(port, fqdn, "A", ["198.51.100.1"], { subnet: "203.0.113.0/24" });
    // Behind a fence its clients get what is there of their own pool.
    await write(system, "PATCH", `/v0.1/gslbs/${gslb}/pools/${pools[0]}`, { geofence: true });
    await answered(port, fqdn, "A", ["192.0.2.1"], { subnet: "203.0.113.0/24" });
    await write(system, "PATCH", `/v0.1/gslbs/${gslb}`, { on_all_down: "withdraw" });
    expect((await answered(port, fqdn, "A", [], { subnet: "203.0.113.0/24" })).rcode).toBe("NOERROR");
    expect(data(await from())).toEqual(["198.51.100.1"]);
    await near.revive();
    await answered(port, fqdn, "A", ["192.0.2.1"], { subnet: "203.0.113.0/24" });
  });

  it("answers a weighted name with one member at a time, and every one in the end", async (context) => {
    const { port } = server.get(context).plain;
    const alive = await origin();
    const members = [memberAt(alive, "192.0.2.1"), memberAt(alive, "192.0.2.2")];
    const { fqdn } = await deploy(system, [members], { gslb: { steering_policy: "weighted" } });
    await until(() => system.dns(fqdn), { what: "a first answer", is: (values) => values.length === 1 });
    const seen = new Set<string>();
    await until(
      async () => {
        const values = data(await dig({ port }, fqdn));
        expect(values).toHaveLength(1);
        seen.add(values[0] ?? "");
        return seen.size;
      },
      { what: "both members", is: (size) => size === 2, intervalMs: 1 },
    );
  });

  it("serves from a zone cache too, which asks for all zones", async (context) => {
    server.get(context);
    const gslb = { fqdn: "www.cached.example.", domain_name: "cached.example." };
    const caching = await startPdnsRemote(`${system.url}/pdns/${secret}`, { settings: { "zone-cache-refresh-interval": "1" } });
    try {
      expect((await dig(caching, gslb.fqdn)).rcode).toBe("REFUSED");
      const origin1 = await origin();
      await deploy(system, [[memberAt(origin1, "192.0.2.1"), memberAt(await origin(), "192.0.2.2")]], { gslb });
      await answered(caching.port, gslb.fqdn, "A", ["192.0.2.1", "192.0.2.2"]);
      await origin1.kill();
      await answered(caching.port, gslb.fqdn, "A", ["192.0.2.2"]);
    } finally {
      await caching.stop();
    }
  });
});
