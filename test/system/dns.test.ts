import { Buffer } from "node:buffer";
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { decode, encode } from "dns-packet";
import { afterAll, beforeAll, describe, expect, it, onTestFailed, onTestFinished, vi } from "vitest";
import { createTestHarness } from "wrangler";
import type { Change, LiveRecords, WriteFailure } from "../../domain/backend.ts";
import { limits } from "../../domain/limits.ts";
import type { AnswerSet, Plan } from "../../domain/plan.ts";
import type { Result } from "../../domain/result.ts";
import { answersIndex } from "../../durable-objects/stubs.ts";

const server = createTestHarness({ workers: [{ configPath: "test/system/dns/wrangler.toml" }] });

beforeAll(() => server.listen());
afterAll(() => server.close());

const gslbId = "11111111-1111-4111-8111-111111111111";
const poolId = "22222222-2222-4222-8222-222222222222";
const set = (type: AnswerSet["type"], ...values: string[]): AnswerSet => ({
  type,
  values,
  ttl: 30,
  pool_id: poolId,
  weight: null,
  pool_weight: null,
  locations: [],
  geofence: false,
  region: null,
});

function publish(fqdn: string, number: number, answers: readonly AnswerSet[], more: Partial<Plan> = {}): Change {
  const zone = fqdn.split(".").slice(-3).join(".");
  const plan = {
    gslb_id: gslbId,
    fqdn,
    zone,
    flavor: "edge",
    epoch: 0,
    number,
    decided_at: 0,
    ttl: 30,
    policy: "failover" as const,
    pools: [],
  };
  return { kind: "publish", plan: { ...plan, withdrawn: answers.length === 0, answers: [...answers], ...more } };
}

const unpublish = (fqdn: string, number: number): Change => ({
  kind: "unpublish",
  fqdn,
  zone: fqdn.split(".").slice(-3).join("."),
  gslbId,
  epoch: 0,
  number,
});

async function write(...changes: unknown[]): Promise<readonly Result<null, WriteFailure>[]> {
  const response = await server.fetch("/changes", { method: "POST", body: JSON.stringify(changes) });
  expect(response.status).toBe(200);
  return (await response.json()) as Result<null, WriteFailure>[];
}

async function read(...fqdns: string[]): Promise<readonly LiveRecords[]> {
  return (await (await server.fetch("/records", { method: "POST", body: JSON.stringify(fqdns) })).json()) as LiveRecords[];
}

type JsonAnswer = { Status: number; Answer: { type: number; TTL: number; data: string }[]; Authority?: { name: string; type: number }[] };

async function ask(name: string, type = "A"): Promise<JsonAnswer> {
  const response = await server.fetch(`/dns-query?name=${name}&type=${type}`, { headers: { accept: "application/dns-json" } });
  expect(response.status).toBe(200);
  return (await response.json()) as JsonAnswer;
}

const values = (answer: JsonAnswer) => answer.Answer.map((record) => record.data).toSorted();

/** What a name answers once the isolate has forgotten what it knew. */
const settled = (name: string, check: (answer: JsonAnswer) => void) =>
  vi.waitFor(async () => check(await ask(name)), { timeout: limits.answersCacheMs * 10, interval: 50 });

describe("a name published through the edge backend", () => {
  it("is answered over GET, POST and JSON with the same records", async () => {
    onTestFailed(() => server.debug());
    const fqdn = "www.forms.test.";
    expect(await write(publish(fqdn, 1, [set("A", "192.0.2.1", "192.0.2.2"), set("AAAA", "2001:db8::1")]))).toEqual([
      { ok: true, value: null },
    ]);
    expect(values(await ask("www.forms.test"))).toEqual(["192.0.2.1", "192.0.2.2"]);
    expect(values(await ask("www.forms.test", "AAAA"))).toEqual(["2001:db8::1"]);

    const message = encode({ id: 0, type: "query", flags: 0x100, questions: [{ type: "A", name: "Www.forms.test" }] });
    const get = await server.fetch(`/dns-query?dns=${message.toString("base64url")}`, { headers: { accept: "application/dns-message" } });
    const headers = { "content-type": "application/dns-message" };
    const post = await server.fetch("/dns-query", { method: "POST", headers, body: Uint8Array.from(message) });
    for (const response of [get, post]) {
      expect([response.status, response.headers.get("cache-control")]).toEqual([200, "max-age=30"]);
      const packet = decode(Buffer.from(await response.arrayBuffer()));
      expect(packet.questions).toEqual([{ name: "Www.forms.test", type: "A", class: "IN" }]);
      expect(packet.answers?.map((record) => "data" in record && record.data).toSorted()).toEqual(["192.0.2.1", "192.0.2.2"]);
    }
  });

  it("moves within about a second of its new plan", async () => {
    await write(publish("www.moves.test.", 1, [set("A", "192.0.2.1")]));
    expect(values(await ask("www.moves.test"))).toEqual(["192.0.2.1"]);
    await write(publish("www.moves.test.", 2, [set("CNAME", "origin.example.net.")]));
    await settled("www.moves.test", (answer) => expect(values(answer)).toEqual(["origin.example.net."]));
  });

  it("is told from its neighbours: REFUSED, NXDOMAIN, NODATA, SOA", async () => {
    await write(publish("www.kinds.test.", 1, [set("A", "192.0.2.1")], { zone: "kinds.test." }));
    await write(publish("withdrawn.kinds.test.", 1, [], { zone: "kinds.test." }));
    await write(publish("x.between.kinds.test.", 1, [set("A", "192.0.2.1")], { zone: "kinds.test." }));
    const soa = [{ name: "kinds.test.", type: 6 }];
    expect(await ask("www.elsewhere.test")).toMatchObject({ Status: 5, Answer: [] });
    expect(await ask("nothing.kinds.test")).toMatchObject({ Status: 3, Answer: [], Authority: soa });
    expect(await ask("between.kinds.test")).toMatchObject({ Status: 0, Answer: [], Authority: soa });
    expect(await ask("withdrawn.kinds.test")).toMatchObject({ Status: 0, Answer: [], Authority: soa });
    expect(await ask("www.kinds.test", "AAAA")).toMatchObject({ Status: 0, Answer: [], Authority: soa });
    expect(await ask("kinds.test", "SOA")).toMatchObject({ Status: 0, Answer: [{ type: 6, TTL: limits.negativeTtlSeconds }] });
  });

  it("is gone after it was unpublished, and its zone with the last name", async () => {
    await write(publish("a.leaves.test.", 1, [set("A", "192.0.2.1")]), publish("b.leaves.test.", 1, [set("A", "192.0.2.1")]));
    await write(unpublish("a.leaves.test.", 2));
    expect((await ask("a.leaves.test")).Status).toBe(3);
    await write(unpublish("b.leaves.test.", 2));
    await settled("a.leaves.test", (answer) => expect(answer.Status).toBe(5));
  });
});

describe("a resolver that is not ours", () => {
  /** Node's resolver (c-ares) speaks UDP: what it asks goes to /dns-query, what comes back is its to decode. */
  async function bridge() {
    const socket = createSocket("udp4");
    socket.on("message", async (message, peer) => {
      const headers = { "content-type": "application/dns-message" };
      const response = await server.fetch("/dns-query", { method: "POST", headers, body: Uint8Array.from(message) });
      socket.send(Buffer.from(await response.arrayBuffer()), peer.port, peer.address);
    });
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    const resolver = new Resolver();
    resolver.setServers([`127.0.0.1:${socket.address().port}`]);
    return {
      resolver,
      close: () => {
        socket.close();
      },
    };
  }

  it("reads our answers, and tells no data from no name and from a refusal", async () => {
    const more = { zone: "foreign.test." };
    const a = set("A", ...Array.from({ length: 20 }, (_, index) => `192.0.2.${index + 1}`));
    await write(publish("www.foreign.test.", 1, [a, set("AAAA", "2001:db8::1", "::ffff:c000:201")], more));
    await write(publish("alias.foreign.test.", 1, [set("CNAME", "www.foreign.test.")], more));
    const { resolver, close } = await bridge();
    onTestFinished(close);
    const addresses = await resolver.resolve4("www.foreign.test", { ttl: true });
    expect(addresses.map(({ address }) => address).toSorted()).toEqual(a.values.toSorted());
    expect(new Set(addresses.map(({ ttl }) => ttl))).toEqual(new Set([30]));
    expect((await resolver.resolve6("www.foreign.test")).toSorted()).toEqual(["2001:db8::1", "::ffff:192.0.2.1"]);
    expect(await resolver.resolveCname("alias.foreign.test")).toEqual(["www.foreign.test"]);
    expect(await resolver.resolveSoa("foreign.test")).toMatchObject({
      hostmaster: "hostmaster.foreign.test",
      minttl: limits.negativeTtlSeconds,
    });
    await expect(resolver.resolve4("nothing.foreign.test")).rejects.toMatchObject({ code: "ENOTFOUND" });
    await expect(resolver.resolveTxt("www.foreign.test")).rejects.toMatchObject({ code: "ENODATA" });
    await expect(resolver.resolve4("www.elsewhere.test")).rejects.toMatchObject({ code: "EREFUSED" });
  });
});

describe("one address that asks too often", () => {
  it("is told to wait, and others are not", async () => {
    const from = async (address: string) => {
      const response = await server.fetch("/dns-query?name=www.limit.test", { headers: { "cf-connecting-ip": address } });
      return response.status;
    };
    await expect.poll(() => from("198.51.100.1")).toBe(429);
    expect(await from("198.51.100.2")).toBe(200);
  });
});

describe("the Answers objects", () => {
  it("keep what they hold over an eviction, the fence too", async () => {
    const fqdn = "www.evicted.test.";
    await write(publish(fqdn, 5, [set("A", "192.0.2.5")]), publish("removed.evicted.test.", 5, [set("A", "192.0.2.5")]));
    await write(unpublish("removed.evicted.test.", 6));
    const worker = server.getWorker();
    for (const index of new Set([fqdn, "removed.evicted.test.", "evicted.test."].map(answersIndex))) {
      await worker.evictDurableObject("Answers", { name: `answers:${index}` });
    }
    expect(await read(fqdn)).toMatchObject([{ number: 5, answers: [{ values: ["192.0.2.5"] }] }]);
    expect(values(await ask("www.evicted.test"))).toEqual(["192.0.2.5"]);
    const older = [publish(fqdn, 4, [set("A", "192.0.2.4")]), publish("removed.evicted.test.", 5, [set("A", "192.0.2.5")])];
    expect(await write(...older)).toMatchObject([
      { ok: false, error: { class: "superseded", number: 5 } },
      { ok: false, error: { class: "superseded", number: 6 } },
    ]);
    expect((await ask("nothing.evicted.test")).Status).toBe(3);
  });

  it("refuse what is no change alone, and take its neighbours", async () => {
    const fqdn = "www.neighbours.test.";
    const broken = { kind: "publish", plan: { fqdn, zone: "neighbours.test.", epoch: 0, number: 1, answers: [] } };
    const beside = Array.from({ length: 200 }, (_, index) => `host-${index}.neighbours.test.`).find(
      (name) => answersIndex(name) === answersIndex(fqdn),
    );
    if (beside === undefined) throw new Error("no name shares the object");
    expect(await write(broken, publish(beside, 1, [set("A", "192.0.2.1")]))).toMatchObject([
      { ok: false, error: { class: "refused" } },
      { ok: true },
    ]);
    expect(values(await ask(beside))).toEqual(["192.0.2.1"]);
  });

  it("take a hundred names in one write and read them back", async () => {
    const names = Array.from({ length: 100 }, (_, index) => `host-${index}.hundred.test.`);
    const results = await write(...names.map((fqdn) => publish(fqdn, 1, [set("A", "192.0.2.1")])));
    expect(results.filter((result) => result.ok)).toHaveLength(100);
    expect((await read(...names)).map((records) => [records.fqdn, records.number])).toEqual(names.map((fqdn) => [fqdn, 1]));
  });
});
