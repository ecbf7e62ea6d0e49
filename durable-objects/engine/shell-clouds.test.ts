/** Members in OpenStack over the Engine's shell: where ports and load balancers answer, and what stands while nobody says. */
import { describe, expect, it } from "vitest";
import type { Change } from "../../domain/backend.ts";
import type { Cloud } from "../../domain/cloud.ts";
import type { Member } from "../../domain/member.ts";
import { OpenStackDouble } from "../../test/doubles/openstack.ts";
import { doubleCredentials } from "../../test/keystone-double.ts";
import type { Sealed } from "../rpc-backends.ts";
import { cloudPlace, seal } from "../seal.ts";
import { configuration, gslb, member, pool, uuid } from "./project.fixture.ts";
import { Desk, settled } from "./shell.fixture.ts";
import type { EngineShell } from "./shell.ts";

const key = Buffer.alloc(32, 7).toString("base64");
const portId = uuid(700);
const balancerId = uuid(701);
const inCloud = (over: Partial<Member>): Partial<Member> => ({ region: "RegionTwo", parameters: { cloud: "two" }, ...over });
const port = member(100, uuid(10), [], inCloud({ type: "neutron_port", neutron_id: portId }));
const balancer = member(101, uuid(10), [], inCloud({ type: "neutron_lbaas_v2", neutron_id: balancerId }));
const address = member(102, uuid(10), ["192.0.2.1"]);
const name = gslb(1_000, [uuid(10)], { steering_policy: "round_robin" });

async function world(members: readonly Member[], allowPrivate?: string, credentials: object = doubleCredentials.applicationCredential) {
  const desk = new Desk();
  const openstack = new OpenStackDouble(() => desk.now, 600);
  desk.allowPrivate = allowPrivate;
  desk.live = new Map<string, Change>();
  desk.fetch = openstack.fetch;
  desk.keys.KOSMOS_ENCRYPTION_KEY = key;
  const sealed = await seal(JSON.stringify(credentials), cloudPlace("two"), { KOSMOS_ENCRYPTION_KEY: key });
  const cloud: Sealed<Cloud> = {
    id: uuid(900),
    name: "two",
    description: null,
    auth_url: openstack.keystone.url,
    interface: "public",
    regions: ["RegionTwo"],
    ca_cert: null,
    version: 1,
    created_at: "2026-01-01T00:00:00.000Z",
    updated_at: "2026-01-01T00:00:00.000Z",
    sealed: sealed.ok ? sealed.value : null,
  };
  desk.clouds = [cloud];
  desk.configuration = configuration({ full: true, seq: 7, pools: [pool(10)], members, gslbs: [name] });
  openstack.ports.set(portId, {
    fixed_ips: [
      { subnet_id: uuid(800), ip_address: "192.0.2.40" },
      { subnet_id: uuid(801), ip_address: "2001:db8:0::40" },
    ],
  });
  openstack.balancers.set(balancerId, { vip_address: "192.0.2.50", operating_status: "ONLINE", provisioning_status: "ACTIVE" });
  return { desk, openstack };
}
const live = (desk: Desk) => {
  const held = desk.live?.get(name.fqdn);
  return held?.kind === "publish" ? held.plan.answers.flatMap(({ values }) => values).toSorted() : null;
};
/** Time passes, and the alarm comes as it was set. */
async function pass(desk: Desk, shell: EngineShell, ms: number): Promise<void> {
  for (const end = desk.now + ms; desk.now < end; ) {
    desk.now = Math.min(end, Math.max(desk.now + 1, desk.alarms.at(-1) ?? end));
    await shell.alarm();
    await settled();
    await desk.rest();
  }
}

describe("a port", () => {
  it("answers where Neutron says, and follows it; the Conductor is told, so that it is shown", async () => {
    const { desk, openstack } = await world([port, address]);
    const shell = await desk.start();
    await pass(desk, shell, 10_000);
    expect(live(desk)).toEqual(["192.0.2.1", "192.0.2.40", "2001:db8::40"]);
    openstack.ports.set(portId, { fixed_ips: [{ subnet_id: uuid(800), ip_address: "192.0.2.41" }] });
    await pass(desk, shell, 40_000);
    expect(live(desk)).toEqual(["192.0.2.1", "192.0.2.41"]);
    const asked = openstack.asked.length;
    await pass(desk, shell, 300_000);
    expect(openstack.asked.length - asked, "once in half a minute").toBeLessThanOrEqual(11);
  });

  it.each([
    ["is away", () => Promise.reject(new Error("connection refused"))],
    ["is broken", async () => new Response("<html>", { status: 502 })],
    ["knows it no more", async () => new Response('{"NeutronError": {"type": "PortNotFound"}}', { status: 404 })],
    ["talks nonsense", async () => new Response("nonsense")],
    ["is busy", async () => new Response("{}", { status: 429, headers: { "Retry-After": "7" } })],
  ])("keeps its addresses while Neutron %s, also through an eviction", async (_, outage) => {
    const { desk, openstack } = await world([port, address]);
    await pass(desk, await desk.start(), 10_000);
    openstack.outage = outage;
    const again = await desk.start();
    await pass(desk, again, 120_000);
    expect(live(desk)).toEqual(["192.0.2.1", "192.0.2.40", "2001:db8::40"]);
    expect(await again.memberStatus(port.id)).toMatchObject({ status: "ACTIVE", in_rotation: true });
    openstack.outage = null;
    openstack.ports.set(portId, { fixed_ips: [{ subnet_id: uuid(800), ip_address: "192.0.2.42" }] });
    await pass(desk, again, 60_000);
    expect(live(desk)).toEqual(["192.0.2.1", "192.0.2.42"]);
  });

  it("that was never found is ERROR, with the reason, and in no answer", async () => {
    const { desk, openstack } = await world([port, address]);
    openstack.ports.clear();
    const shell = await desk.start();
    await pass(desk, shell, 70_000);
    expect(await shell.memberStatus(port.id)).toMatchObject({
      status: "ERROR",
      reason: expect.stringMatching(/cannot be resolved: Neutron: 404/),
    });
    expect(live(desk)).toEqual(["192.0.2.1"]);
  });

  it("with private addresses alone is ERROR, unless private addresses are allowed", async () => {
    const fixed_ips = [{ subnet_id: uuid(800), ip_address: "10.0.0.4" }];
    const refused = await world([port, address]);
    refused.openstack.ports.set(portId, { fixed_ips });
    const shell = await refused.desk.start();
    await pass(refused.desk, shell, 10_000);
    expect(await shell.memberStatus(port.id)).toMatchObject({ status: "ERROR", reason: expect.stringContaining("10.0.0.4: not public") });
    const allowed = await world([port, address], "1");
    allowed.openstack.ports.set(portId, { fixed_ips });
    await pass(allowed.desk, await allowed.desk.start(), 10_000);
    expect(live(allowed.desk)).toEqual(["10.0.0.4", "192.0.2.1"]);
  });
});

describe("a load balancer", () => {
  it("is DOWN when Octavia says so, at the next question, and ACTIVE again", async () => {
    const { desk, openstack } = await world([balancer, address]);
    const shell = await desk.start();
    await pass(desk, shell, 10_000);
    expect(live(desk)).toEqual(["192.0.2.1", "192.0.2.50"]);
    openstack.balancers.set(balancerId, { vip_address: "192.0.2.50", operating_status: "ERROR", provisioning_status: "ACTIVE" });
    await pass(desk, shell, 6_000);
    expect(await shell.memberStatus(balancer.id)).toMatchObject({ status: "DOWN" });
    expect(live(desk)).toEqual(["192.0.2.1"]);
    openstack.balancers.set(balancerId, { vip_address: "192.0.2.50", operating_status: "ONLINE", provisioning_status: "ACTIVE" });
    await pass(desk, shell, 6_000);
    expect(live(desk)).toEqual(["192.0.2.1", "192.0.2.50"]);
  });

  it("stands while Octavia or Keystone is away, is stale, and never DOWN", async () => {
    const { desk, openstack } = await world([balancer, address]);
    const shell = await desk.start();
    await pass(desk, shell, 10_000);
    openstack.outage = () => Promise.reject(new Error("connection refused"));
    await pass(desk, shell, 120_000);
    openstack.outage = null;
    openstack.keystone.revokeAll();
    openstack.keystone.outage = { status: 503 };
    await pass(desk, shell, 120_000);
    expect(await shell.memberStatus(balancer.id)).toMatchObject({ status: "ACTIVE", stale: true });
    expect(live(desk)).toEqual(["192.0.2.1", "192.0.2.50"]);
    openstack.keystone.outage = null;
    await pass(desk, shell, 40_000);
    expect(await shell.memberStatus(balancer.id)).toMatchObject({ status: "ACTIVE", stale: false });
  });
});

describe("a cloud", () => {
  it("is asked with one token for all, which is renewed before it ends and when it is revoked", async () => {
    const { desk, openstack } = await world([port, balancer, address]);
    const shell = await desk.start();
    await pass(desk, shell, 300_000);
    expect(openstack.keystone.logins()).toBe(1);
    openstack.keystone.revokeAll();
    await pass(desk, shell, 10_000);
    expect(openstack.keystone.logins()).toBe(2);
    await pass(desk, shell, 660_000);
    expect(openstack.keystone.logins()).toBe(3);
    expect(live(desk)).toEqual(["192.0.2.1", "192.0.2.40", "192.0.2.50", "2001:db8::40"]);
  });

  it("that does not know us makes its new members ERROR, in words without the secret", async () => {
    const wrong = { ...doubleCredentials.applicationCredential, application_credential_secret: "not-the-secret-of-it" };
    const { desk } = await world([port, address], undefined, wrong);
    const shell = await desk.start();
    await pass(desk, shell, 10_000);
    const status = await shell.memberStatus(port.id);
    expect(status).toMatchObject({ status: "ERROR", reason: expect.stringContaining("Keystone: 401") });
    expect(JSON.stringify([status, desk.recorded, desk.logged])).not.toContain("not-the-secret");
  });
});
