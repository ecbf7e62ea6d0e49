import { describe, expect, it } from "vitest";
import type { Resolution } from "../../domain/resolution.ts";
import { a, ResolverDouble } from "./resolver.fixture.ts";
import { Resolver } from "./resolver.ts";

const name = "origin.example.net.";

/** A resolver, and a clock. */
class World extends ResolverDouble {
  now = 1_000_000;
  readonly rows = new Map<string, Resolution>();

  resolver(url: string | undefined = "https://resolver.test/dns-query"): Resolver {
    return new Resolver(
      { now: () => this.now, fetch: this.fetch, url },
      {
        resolutions: () => [...this.rows.values()],
        putResolution: (one) => this.rows.set(one.name, one),
        forgetResolution: (gone) => this.rows.delete(gone),
      },
    );
  }
}
describe("the resolver", () => {
  it("asks for both families, follows aliases, and asks again by the shortest TTL on the way", async () => {
    const world = new World();
    world.records = [
      { type: "CNAME", name: "origin.example.net", ttl: 10, data: "edge.cdn.test" },
      a("192.0.2.2", 300, "edge.cdn.test"),
      a("192.0.2.1", 300, "EDGE.cdn.test"),
      a("203.0.113.66", 300, "elsewhere.test"),
      { type: "AAAA", name: "edge.cdn.test", ttl: 300, data: "2001:db8:0::1" },
    ];
    const resolver = world.resolver();
    expect(resolver.need(new Set([name]))).toBe(true);
    expect(await resolver.refresh()).toEqual([name]);
    expect(resolver.look(name)).toMatchObject({ addresses: ["192.0.2.1", "192.0.2.2", "2001:db8::1"] });
    expect(world.asked).toEqual(["origin.example.net A", "origin.example.net AAAA"]);
    expect(resolver.nextAt(world.now)).toBe(world.now + 10_000);
    expect(await resolver.refresh()).toEqual([]);
    expect(world.asked).toHaveLength(2);
  });

  it.each([
    ["is away", () => Promise.reject(new Error("connection refused"))],
    ["answers with an error page", async () => new Response("<html>", { status: 502 })],
    ["answers with nonsense", async () => new Response("nonsense")],
    ["answers with a header that announces the world", async () => new Response(new Uint8Array(12).fill(255))],
  ])("keeps what it knew while the other side %s, also through an eviction", async (_, broken) => {
    const world = new World();
    world.records = [a("192.0.2.1")];
    const before = world.resolver();
    before.need(new Set([name]));
    await before.refresh();
    world.broken = broken;
    world.now += 30_000;
    const after = world.resolver();
    after.need(new Set([name]));
    expect(await after.refresh()).toEqual([]);
    expect(after.look(name).addresses).toEqual(["192.0.2.1"]);
    expect(after.nextAt(world.now)).toBe(world.now + 5_000);
  });

  it("says why there is no address", async () => {
    const world = new World();
    const resolver = world.resolver();
    expect(resolver.look(name)).toEqual({ addresses: [], why: "not resolved yet", isAwaited: true });
    resolver.need(new Set([name]));
    world.rcode = 2;
    await resolver.refresh();
    expect(resolver.look(name)).toEqual({ addresses: [], why: "the resolver said SERVFAIL" });
    world.rcode = 3;
    world.now += 10_000;
    await resolver.refresh();
    expect(resolver.look(name)).toEqual({ addresses: [], why: "the name has no address" });
    expect(
      new Resolver(
        { now: () => 0, fetch, url: undefined },
        { resolutions: () => [], putResolution: () => {}, forgetResolution: () => {} },
      ).look(name).why,
    ).toMatch(/KOSMOS_RESOLVER_URL/);
  });

  it("says so where its address is none, and throws nothing", async () => {
    const resolver = new World().resolver("dns.example.com/dns-query");
    resolver.need(new Set([name]));
    expect(await resolver.refresh()).toEqual([name]);
    expect(resolver.look(name)).toEqual({ addresses: [], why: "KOSMOS_RESOLVER_URL is no URL" });
  });

  it("forgets names that nobody needs, in storage too, and tells whose addresses are others", async () => {
    const world = new World();
    world.records = [a("192.0.2.1")];
    const resolver = world.resolver();
    resolver.need(new Set([name]));
    await resolver.refresh();
    world.records = [a("192.0.2.9")];
    world.now += 30_000;
    expect(await resolver.refresh()).toEqual([name]);
    expect(resolver.need(new Set())).toBe(false);
    expect(world.rows.size).toBe(0);
    expect(resolver.nextAt(world.now)).toBeNull();
  });
});
