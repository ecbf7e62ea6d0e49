/**
 * Members in OpenStack from the outside: a cloud made over HTTP with an application credential of a real Keystone, load balancers of a real Octavia.
 * The VIP is an address of this machine where a listener counts who comes: nobody does.
 */
import { createServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { whereInstalled } from "../servers/installed.ts";
import { type Keystone, startKeystone } from "../servers/keystone.ts";
import { startOctavia } from "../servers/octavia.ts";
import { type System, startSystem, until } from "./system.ts";
import { answers, create } from "./world.ts";

const vip = "127.0.0.81";
const ports = [80, 8080].map((port) => port + 20_000);

const servers = whereInstalled(["octavia", "mariadb", "keystone"], async () => {
  // Tokens of a short life, so that they run out on the way.
  const keystone = await startKeystone({ tokenSeconds: 30 });
  const octavia = await startOctavia({ keystone }).catch(async (error) => {
    await keystone.stop();
    throw error;
  });
  const stop = async () => {
    await octavia.stop();
    await keystone.stop();
  };
  return { keystone, octavia, stop };
});

describe("members in OpenStack", () => {
  let system: System;
  let packets = 0;
  const listeners: Server[] = [];
  beforeAll(async () => {
    [system] = await Promise.all([startSystem(), servers.start()]);
    for (const port of ports) {
      const server = createServer((socket) => {
        packets += 1;
        socket.destroy();
      });
      await new Promise<void>((resolve) => server.listen(port, vip, resolve));
      listeners.push(server);
    }
  }, 240_000);
  afterAll(async () => {
    await system.close();
    for (const server of listeners) server.close();
    await servers.stop();
  });

  const cloudBody = (keystone: Keystone) => ({
    name: "one",
    auth_url: keystone.url,
    regions: ["RegionOne"],
    credentials: {
      application_credential_id: keystone.applicationCredential.id,
      application_credential_secret: keystone.applicationCredential.secret,
    },
  });

  async function start(context: TestContext) {
    const running = servers.get(context);
    const { keystone, octavia } = running;
    if ((await system.api("GET", "/v0.1/clouds/one")).status === 404) await create(system, "/v0.1/clouds", cloudBody(keystone));
    const headers = { "X-Auth-Token": await keystone.token(keystone.user) };
    return { keystone, octavia, headers };
  }

  const statusOf = async (pool: string, member: string) =>
    (await system.api("GET", `/v0.1/pools/${pool}/pool_members/${member}/status`)).body;
  const is = (pool: string, member: string, status: string, timeoutMs = 20_000) =>
    until(() => statusOf(pool, member), { what: `the member to be ${status}`, timeoutMs, is: (found) => found.status === status });

  it("are as Octavia says, in the answer and out of it, without a packet to the VIP", async (context) => {
    const { octavia, headers, keystone } = await start(context);
    const tried = await system.api("POST", "/v0.1/clouds/one/test");
    expect(tried.body).toMatchObject({ ok: true, class: null });
    expect(tried.body.details.join()).toContain("RegionOne: Octavia answers");
    const balancer = await octavia.balancer({ vip, headers });
    const monitors = await Promise.all(
      ports.map((port) => create(system, "/v0.1/monitors", { type: "TCP", port, delay: 1, timeout: 1, max_retries: 1, rise: 1 })),
    );
    const pool = await create(system, "/v0.1/pools", { name: "lb", monitor_ids: monitors.map(({ id }) => id) });
    const member = await create(system, `/v0.1/pools/${pool.id}/pool_members`, {
      type: "NEUTRON_LBAAS_V2",
      region: "RegionOne",
      neutron_id: balancer.id,
    });
    expect(member).toMatchObject({ type: "neutron_lbaas_v2", endpoints: [], parameters: { cloud: "one" } });
    const fqdn = "lb.example.com.";
    const gslb = { fqdn, domain_name: "example.com.", pool_ids: [pool.id], on_all_down: "withdraw" };
    await create(system, "/v0.1/gslbs", gslb);
    await is(pool.id, member.id, "ACTIVE");
    await answers(system, fqdn, [vip]);
    await until(() => system.api("GET", `/v0.1/pools/${pool.id}/pool_members/${member.id}`), {
      what: "the member to show where it answers",
      is: ({ body }) => body.endpoints.join() === vip,
    });
    expect((await system.api("GET", `/v0.1/pools/${pool.id}/pool_members/${member.id}/monitors`)).body.monitors).toEqual([]);

    const [first = "", second = ""] = balancer.members;
    await octavia.report({ members: [{ id: first, operating_status: "ERROR" }] });
    const degraded = await is(pool.id, member.id, "DEGRADED");
    expect(degraded.reason).toContain("1 of 2 members report ERROR: web-1 (192.0.2.101:8080)");
    await octavia.report({ members: [{ id: second, operating_status: "ERROR" }] });
    const down = await is(pool.id, member.id, "DOWN");
    expect(down.reason).toContain("all its members report ERROR");
    await answers(system, fqdn, []);
    await octavia.report({ members: [first, second].map((id) => ({ id, operating_status: "ONLINE" })) });
    await is(pool.id, member.id, "ACTIVE");
    await answers(system, fqdn, [vip]);
    expect(packets).toBe(0);

    expect((await system.api("DELETE", "/v0.1/clouds/one")).body.users).toEqual([
      { type: "pool_member", id: member.id, name: balancer.id },
    ]);
    const shown = JSON.stringify([await system.api("GET", "/v0.1/clouds"), degraded, down, tried]);
    expect(shown).not.toContain(keystone.applicationCredential.secret);

    // Octavia away: what was decided stands, and is not fresh; nobody is taken out.
    await octavia.down();
    const stale = await until(() => statusOf(pool.id, member.id), {
      what: "the member to be stale",
      timeoutMs: 40_000,
      is: (found) => found.stale === true,
    });
    expect(stale.status).toBe("ACTIVE");
    expect(await system.dns(fqdn)).toEqual([vip]);
    await octavia.up();
    await until(() => statusOf(pool.id, member.id), { what: "it to be fresh", timeoutMs: 60_000, is: (found) => found.stale === false });
    expect(packets).toBe(0);
    // Whom the same monitors are for is asked there.
    await create(system, `/v0.1/pools/${pool.id}/pool_members`, { endpoints: [vip] });
    await until(() => packets, { what: "the pool's monitors to reach the listener", is: (count) => count > 0 });
  }, 180_000);

  it("whose cloud does not know us are in ERROR, and say why; new credentials are tried before they take the place of old ones", async (context) => {
    const { octavia, headers, keystone } = await start(context);
    const wrong = { ...cloudBody(keystone).credentials, application_credential_secret: "wrong-secret" };
    const refused = await system.api("PATCH", "/v0.1/clouds/one", { credentials: wrong });
    expect([refused.status, refused.body.errors[0].pointer]).toEqual([422, "/credentials"]);
    expect((await system.api("PATCH", "/v0.1/clouds/one?force=true", { credentials: wrong })).status).toBe(200);
    const balancer = await octavia.balancer({ vip: "127.0.0.82", headers });
    const pool = await create(system, "/v0.1/pools", {
      name: "unknown",
      members: [{ type: "neutron_lbaas_v2", region: "RegionOne", neutron_id: balancer.id }],
    });
    const [{ id }] = (await system.api("GET", `/v0.1/pools/${pool.id}/pool_members`)).body.pool_members;
    const lost = await is(pool.id, id, "ERROR");
    expect(lost.reason).toContain("cannot be resolved: Keystone: 401");
    expect((await system.api("PATCH", "/v0.1/clouds/one", { credentials: cloudBody(keystone).credentials })).status).toBe(200);
    await is(pool.id, id, "ACTIVE");
    const nowhere = { type: "neutron_port", region: "Elsewhere", neutron_id: "port-1" };
    const misplaced = await system.api("POST", `/v0.1/pools/${pool.id}/pool_members`, nowhere);
    expect([misplaced.status, misplaced.body.errors[0].pointer]).toEqual([422, "/region"]);
    const ca = await system.api("PATCH", "/v0.1/clouds/one", { ca_cert: "-----BEGIN CERTIFICATE-----" });
    expect([ca.status, ca.body.errors[0].pointer]).toEqual([422, "/ca_cert"]);
  }, 90_000);
});
