/** Host names that must be published as addresses, over the Engine's shell: resolved, followed, and kept while nobody answers. */
import { describe, expect, it } from "vitest";
import type { Change } from "../../domain/backend.ts";
import type { Gslb } from "../../domain/gslb.ts";
import { configuration, gslb, member, pool, uuid } from "./project.fixture.ts";
import { a, ResolverDouble } from "./resolver.fixture.ts";
import { Desk, settled } from "./shell.fixture.ts";
import type { EngineShell } from "./shell.ts";

const names = [member(100, uuid(10), ["origin.example.net."], { type: "HOSTNAME" }), member(101, uuid(10), ["192.0.2.1"])];
const world = (gslbs: readonly Gslb[], members = names) => {
  const desk = new Desk();
  const resolver = new ResolverDouble();
  desk.live = new Map<string, Change>();
  desk.fetch = resolver.fetch;
  desk.resolverUrl = "https://resolver.test/dns-query";
  desk.configuration = configuration({ full: true, seq: 7, pools: [pool(10), pool(11)], members, gslbs });
  return { desk, resolver };
};
const live = (desk: Desk, { fqdn }: Gslb) => {
  const held = desk.live?.get(fqdn);
  return held?.kind === "publish" ? held.plan.answers.map(({ type, values }) => [type, ...values].join(" ")) : null;
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
const one = gslb(1_000, [uuid(10)], { steering_policy: "round_robin" });

describe("a host name among addresses", () => {
  it("is published as the addresses that it has, and follows them within its TTL", async () => {
    const { desk, resolver } = world([one]);
    resolver.records = [a("192.0.2.7", 20)];
    const shell = await desk.start();
    await pass(desk, shell, 6_000);
    expect(live(desk, one)).toEqual(["A 192.0.2.7 192.0.2.1"]);
    resolver.records = [a("192.0.2.8", 20)];
    await pass(desk, shell, 21_000);
    expect(live(desk, one)).toEqual(["A 192.0.2.8 192.0.2.1"]);
  });

  it("keeps its last addresses while the resolver is away, also through an eviction", async () => {
    const { desk, resolver } = world([one]);
    resolver.records = [a("192.0.2.7", 20)];
    await pass(desk, await desk.start(), 6_000);
    resolver.broken = () => Promise.reject(new Error("away"));
    const again = await desk.start();
    await pass(desk, again, 600_000);
    expect(live(desk, one)).toEqual(["A 192.0.2.7 192.0.2.1"]);
    expect(desk.recorded.join()).not.toContain("192.0.2.1 to");
  });

  it("is left out, with the reason, where it has no address, and comes in when it has", async () => {
    const { desk, resolver } = world([one]);
    resolver.rcode = 3;
    const shell = await desk.start();
    await pass(desk, shell, 6_000);
    expect(live(desk, one)).toEqual(["A 192.0.2.1"]);
    expect((await shell.gslbStatus(one.id))?.reason).toContain("origin.example.net. has no address (the name has no address)");
    resolver.rcode = 0;
    resolver.records = [a("192.0.2.7", 20)];
    await pass(desk, shell, 20_000);
    expect(live(desk, one)).toEqual(["A 192.0.2.7 192.0.2.1"]);
  });
});

describe("a host name alone", () => {
  const [name = names[0]] = names;
  it("is a CNAME, and nobody asks for its addresses; at the apex it is addresses", async () => {
    const apex = gslb(1_001, [uuid(10)], { fqdn: "example.com." });
    const { desk, resolver } = world([one, apex], name === undefined ? [] : [name]);
    resolver.records = [a("192.0.2.7", 20)];
    const shell = await desk.start();
    await pass(desk, shell, 6_000);
    expect([live(desk, one), live(desk, apex)]).toEqual([["CNAME origin.example.net."], ["A 192.0.2.7"]]);
    desk.configuration = configuration({ full: true, seq: 8, pools: [pool(10)], members: names.slice(0, 1), gslbs: [one] });
    await shell.configurationChanged({ epoch: 0, seq: 8 });
    const before = resolver.asked.length;
    await pass(desk, shell, 60_000);
    expect(resolver.asked).toHaveLength(before);
  });

  it("that leads back to its own GSLB, also by way of another, is refused", async () => {
    const [first, second] = [gslb(1_000, [uuid(10)]), gslb(1_001, [uuid(11)])];
    const members = [
      member(100, uuid(10), [second.fqdn], { type: "HOSTNAME" }),
      member(102, uuid(10), ["192.0.2.1"]),
      member(101, uuid(11), [first.fqdn], { type: "HOSTNAME" }),
    ];
    const { desk } = world([first, second], members);
    const shell = await desk.start();
    await pass(desk, shell, 6_000);
    expect(live(desk, first)).toEqual(["A 192.0.2.1"]);
    expect((await shell.gslbStatus(first.id))?.reason).toContain(`${second.fqdn} leads back to this GSLB`);
    expect(live(desk, second)).toBeNull();
    expect((await shell.gslbStatus(second.id))?.reason).toContain("leads back");
  });
});

describe("a resolver that does not answer", () => {
  it("is waited for without one alarm after the other", async () => {
    const { desk, resolver } = world([one]);
    resolver.broken = () => new Promise(() => {});
    const shell = await desk.start();
    await settled();
    const from = desk.now;
    let alarms = 0;
    for (; alarms < 100 && desk.now < from + 3_000; alarms += 1) {
      desk.now = Math.max(desk.now + 1, desk.alarms.at(-1) ?? from + 3_000);
      await shell.alarm();
      await settled();
    }
    expect(alarms).toBeLessThan(10);
  });

  it("or knows of no address gives way to the next pool, and comes back", async () => {
    const apex = gslb(1_000, [uuid(10), uuid(11)], { fqdn: "example.com." });
    const { desk, resolver } = world([apex], [...names.slice(0, 1), member(101, uuid(11), ["192.0.2.1"])]);
    resolver.rcode = 3;
    const shell = await desk.start();
    await pass(desk, shell, 6_000);
    expect(live(desk, apex)).toEqual(["A 192.0.2.1"]);
    resolver.rcode = 0;
    resolver.records = [a("192.0.2.7", 20)];
    await pass(desk, shell, 20_000);
    expect(live(desk, apex)).toEqual(["A 192.0.2.7"]);
  });

  it("is asked again by an Engine that starts in the midst of it", async () => {
    const { desk, resolver } = world([one]);
    resolver.broken = () => new Promise(() => {});
    await desk.start();
    await settled();
    resolver.broken = null;
    resolver.records = [a("192.0.2.7", 20)];
    const again = await desk.start();
    for (let run = 0; run < 10; run += 1) {
      desk.now += 1_000;
      await again.alarm();
      await settled();
    }
    expect(live(desk, one)).toEqual(["A 192.0.2.7 192.0.2.1"]);
  });
});
