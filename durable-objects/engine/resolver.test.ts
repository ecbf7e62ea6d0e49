import { Buffer } from "node:buffer";
import { type Answer, decode, encode, type Packet } from "dns-packet";
import { describe, expect, it } from "vitest";
import type { Resolution } from "../../domain/resolution.ts";
import { Resolver } from "./resolver.ts";

const name = "origin.example.net.";

/** A resolver over HTTPS with these records, and a clock. */
class World {
  now = 1_000_000;
  records: Answer[] = [];
  rcode = 0;
  asked: string[] = [];
  broken: (() => Promise<Response>) | null = null;
  readonly rows = new Map<string, Resolution>();

  readonly fetch = (async (input: string, init: RequestInit) => {
    if (this.broken !== null) return this.broken();
    const url = new URL(input);
    const query = decode(Buffer.from(url.searchParams.get("dns") ?? "", "base64url"));
    const [question] = query.questions ?? [];
    if (question === undefined) return new Response(null, { status: 400 });
    this.asked.push(`${question.name} ${question.type}`);
    expect((init.headers as Record<string, string>).Accept).toBe("application/dns-message");
    const answers = this.records.filter((record) => record.type === question.type || record.type === "CNAME");
    const packet: Packet = { type: "response", id: 0, flags: this.rcode, questions: [question], answers };
    return new Response(new Uint8Array(encode(packet)), { headers: { "Content-Type": "application/dns-message" } });
  }) as unknown as typeof fetch;

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
const a = (data: string, ttl = 30, at = "origin.example.net"): Answer => ({ type: "A", name: at, ttl, data });

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
    expect(resolver.look(name)).toEqual({ addresses: ["192.0.2.1", "192.0.2.2", "2001:db8::1"], error: null });
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
    expect(after.look(name)).toEqual({ addresses: ["192.0.2.1"], error: null });
    expect(after.nextAt(world.now)).toBe(world.now + 5_000);
  });

  it("says why there is no address", async () => {
    const world = new World();
    const resolver = world.resolver();
    expect(resolver.look(name).error).toBe("not resolved yet");
    resolver.need(new Set([name]));
    world.rcode = 2;
    await resolver.refresh();
    expect(resolver.look(name)).toEqual({ addresses: [], error: "the resolver said SERVFAIL" });
    world.rcode = 3;
    world.now += 10_000;
    await resolver.refresh();
    expect(resolver.look(name)).toEqual({ addresses: [], error: "the name has no address" });
    expect(world.resolver("").look(name).error).not.toBeNull();
    expect(
      new Resolver(
        { now: () => 0, fetch, url: undefined },
        { resolutions: () => [], putResolution: () => {}, forgetResolution: () => {} },
      ).look(name).error,
    ).toMatch(/KOSMOS_RESOLVER_URL/);
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
