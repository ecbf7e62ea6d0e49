import { beforeEach, describe, expect, it } from "vitest";
import type { BackendIo, Change, WriteOutcome } from "../../domain/backend.ts";
import { differs } from "../../domain/drift.ts";
import { nameOf } from "../../domain/fence.ts";
import type { AnswerSet, Plan } from "../../domain/plan.ts";
import { CloudflareDouble, type Fault, type Zone } from "../../test/doubles/cloudflare.ts";
import { addRecord } from "../../test/doubles/cloudflare-dns.ts";
import { cloudflareDns } from "./cloudflare-dns.ts";

const gslbId = "11111111-1111-4111-8111-111111111111";
const www = "www.example.com.";

const set = (type: AnswerSet["type"], values: string[], ttl = 60): AnswerSet => ({
  type,
  values,
  ttl,
  pool_id: "22222222-2222-4222-8222-222222222222",
  weight: null,
  pool_weight: null,
  locations: [],
  geofence: false,
  region: null,
});
function publish(fqdn: string, number: number, ...answers: AnswerSet[]): Change & { kind: "publish" } {
  const place = { gslb_id: gslbId, fqdn, zone: "example.com.", flavor: "any", epoch: 0, number, decided_at: 0, ttl: 60 };
  return { kind: "publish", plan: { ...place, policy: "failover", pools: [], withdrawn: answers.length === 0, answers } satisfies Plan };
}
const unpublish = (fqdn: string, number: number): Change => ({ kind: "unpublish", fqdn, zone: "example.com.", gslbId, epoch: 0, number });

let double: CloudflareDouble;
let zone: Zone;
let kept: Map<string, unknown>;
beforeEach(() => {
  double = new CloudflareDouble();
  double.token("secret-token", "zone:read", "dns:write");
  zone = double.zone("example.com");
  kept = new Map();
  addRecord(double, zone, { name: "example.com", type: "MX", content: "mail.example.com", ttl: 300 });
  addRecord(double, zone, { name: "www.example.com", type: "TXT", content: "v=spf1 -all", ttl: 300 });
  addRecord(double, zone, { name: "xwww.example.com", type: "A", content: "198.51.100.9", ttl: 300 });
});

const backend = (token = "secret-token", settings: object = {}, signal = new AbortController().signal) => ({
  settings: cloudflareDns.settings.parse(settings),
  credentials: { api_token: token },
  io: { now: () => 0, sleep: async () => undefined, fetch: double.fetch, signal, kept, connect: () => raise("no sockets") } as BackendIo,
});
const read = async (...fqdns: string[]) => (await cloudflareDns.read?.("example.com.", fqdns, backend())) ?? [];
const live = async (fqdn: string) => (await read(fqdn))[0] ?? raise("nothing read");
/** Read before it is written, as the Engine does. */
async function write(...changes: Change[]): Promise<WriteOutcome> {
  const found = await read(...changes.map(nameOf));
  return cloudflareDns.write(
    "example.com.",
    changes.map((change, index) => ({ ...change, found: found[index] ?? raise("nothing read") })),
    backend(),
  );
}
const words = (outcome: WriteOutcome) => ("class" in outcome ? [outcome.class] : outcome.map((one) => (one.ok ? "ok" : one.error.class)));
const writes = () => double.calls.filter(({ method }) => method === "POST");
const dump = () => [...zone.records.values()].map(({ name, type, content, ttl }) => `${name} ${ttl} ${type} ${content}`).toSorted();
const failing = (times: number, fault: Fault) => {
  let left = times;
  double.fault = ({ method }) => (method === "POST" && left-- > 0 ? fault : null);
};

describe("cloudflare_dns", () => {
  it("writes, changes and removes a name with its mark, and touches nothing else", async () => {
    const before = dump();
    expect(words(await write(publish(www, 1, set("A", ["192.0.2.1", "192.0.2.2"]), set("AAAA", ["2001:db8::1"]))))).toEqual(["ok"]);
    expect(await live(www)).toMatchObject({
      gslbId,
      epoch: 0,
      number: 1,
      answers: [
        { type: "A", values: ["192.0.2.1", "192.0.2.2"], ttl: 60 },
        { type: "AAAA", values: ["2001:db8::1"], ttl: 60 },
      ],
    });
    expect([...zone.records.values()].filter(({ comment }) => comment === `heritage=kosmos gslb=${gslbId} plan=0.1`)).toHaveLength(3);
    expect(words(await write(publish(www, 2, set("CNAME", ["origin.example.net."]))))).toEqual(["ok"]);
    expect((await live(www)).answers).toEqual([{ type: "CNAME", values: ["origin.example.net."], ttl: 60 }]);
    expect(words(await write(unpublish(www, 3)))).toEqual(["ok"]);
    expect(dump()).toEqual(before);
    expect(double.invalid).toEqual([]);
  });

  it("keeps the mark of a withdrawn plan beside the name, as long as it is withdrawn", async () => {
    await write(publish(www, 1, set("A", ["192.0.2.1"])));
    expect(words(await write(publish(www, 2)))).toEqual(["ok"]);
    expect(await live(www)).toMatchObject({ gslbId, number: 2, answers: [] });
    expect(dump().filter((line) => line.startsWith("_kosmos"))).toEqual([
      `_kosmos.www.example.com 60 TXT "heritage=kosmos gslb=${gslbId} plan=0.2"`,
    ]);
    await write(publish(www, 3, set("A", ["192.0.2.1"])));
    expect(dump().filter((line) => line.startsWith("_kosmos"))).toEqual([]);
  });

  it("changes a name in one call, and by the ids that were read: nothing is sent where all is as it should be", async () => {
    const change = publish(www, 1, set("A", ["192.0.2.1", "192.0.2.2"]));
    await write(change);
    const ids = [...zone.records.keys()];
    await write(publish(www, 2, set("A", ["192.0.2.2", "192.0.2.3"])));
    expect(writes()).toHaveLength(2);
    expect([...zone.records.keys()].toSorted()).toEqual(ids.toSorted());
    await write(publish(www, 2, set("A", ["192.0.2.3", "192.0.2.2"])));
    expect(writes()).toHaveLength(2);
  });

  it("does what was not read first, and says so of a higher plan", async () => {
    expect(words(await cloudflareDns.write("example.com.", [publish(www, 2, set("A", ["192.0.2.1"]))], backend()))).toEqual(["ok"]);
    expect(words(await cloudflareDns.write("example.com.", [publish(www, 1, set("A", ["192.0.2.9"]))], backend()))).toEqual(["superseded"]);
    const others = { ...unpublish(www, 9), gslbId: "33333333-3333-4333-8333-333333333333" } as Change;
    expect(words(await cloudflareDns.write("example.com.", [others], backend()))).toEqual(["superseded"]);
    expect((await live(www)).answers).toHaveLength(1);
  });

  it("publishes five hundred names of two addresses in six batches, and reads them in one call", async () => {
    const changes = Array.from({ length: 500 }, (_, index) =>
      publish(`host-${index}.example.com.`, 1, set("A", [`192.0.2.${index & 255}`, `198.51.100.${index & 255}`])),
    );
    expect(new Set(words(await write(...changes)))).toEqual(new Set(["ok"]));
    // The zone's id, the list, and a thousand records at 200 a batch.
    expect(double.calls.map(({ method }) => method).join()).toBe(["GET", "GET", ...Array(5).fill("POST")].join());
    double.calls.length = 0;
    const found = await read(...changes.map(nameOf));
    expect(double.calls).toHaveLength(1);
    expect(changes.every(({ plan }, index) => !differs(plan, found[index]?.answers ?? []))).toBe(true);
    expect(double.invalid).toEqual([]);
  });

  it("reads a zone of several pages whole", async () => {
    for (let index = 0; index < 5_100; index += 1) {
      zone.records.set(`r${index}`, { ...base, id: `r${index}`, name: `n-${index}.example.com`, content: "192.0.2.1" });
    }
    const found = await read("n-1.example.com.", "n-5000.example.com.", "n-5099.example.com.", www);
    expect(found.map(({ answers }) => answers.length)).toEqual([1, 1, 1, 0]);
    expect(double.calls).toHaveLength(3);
  });

  it("holds one name that is refused apart from all others", async () => {
    addRecord(double, zone, { name: "host-77.example.com", type: "NS", content: "ns.example.net", ttl: 300 });
    const changes = Array.from({ length: 500 }, (_, index) => publish(`host-${index}.example.com.`, 1, set("A", ["192.0.2.1"])));
    const results = words(await write(...changes));
    expect(results.flatMap((word, index) => (word === "ok" ? [] : [`${index} ${word}`]))).toEqual(["77 refused"]);
    expect(writes().length).toBeLessThan(25);
  });

  it("does not use up its calls where all is wrong", async () => {
    const changes = Array.from({ length: 500 }, (_, index) => publish(`host-${index}.example.com.`, 1, set("A", ["192.0.2.1"], 30)));
    const results = await write(...changes);
    expect(new Set(words(results))).toEqual(new Set(["refused", "retry"]));
    expect(JSON.stringify(results)).toContain("Invalid TTL");
    expect(writes().length).toBeLessThan(80);
  });

  it("does all of a name or nothing, and makes it good when the answer was lost", async () => {
    failing(1, "lost");
    expect(words(await write(publish(www, 1, set("A", ["192.0.2.1"]))))).toEqual(["retry"]);
    expect((await live(www)).number).toBe(1);
    expect(words(await write(publish(www, 1, set("A", ["192.0.2.1"]))))).toEqual(["ok"]);
    expect(writes()).toHaveLength(1);
  });

  it("is told to try again where somebody changed the records since they were read", async () => {
    await write(publish(www, 1, set("A", ["192.0.2.1"])));
    const found = await live(www);
    zone.records.delete([...zone.records.values()].find(({ content }) => content === "192.0.2.1")?.id ?? "");
    const stale = { ...publish(www, 2, set("A", ["192.0.2.2"])), found };
    const fine = publish("other.example.com.", 1, set("A", ["192.0.2.1"]));
    expect(words(await cloudflareDns.write("example.com.", [stale, fine], backend()))).toEqual(["retry", "ok"]);
    expect(words(await write(publish(www, 2, set("A", ["192.0.2.2"]))))).toEqual(["ok"]);
  });

  it("shows what others put there: another address, a proxied record, another TTL", async () => {
    const change = publish(www, 1, set("A", ["192.0.2.1"]));
    await write(change);
    addRecord(double, zone, { name: "www.example.com", type: "A", content: "203.0.113.9", ttl: 1 });
    expect((await live(www)).answers).toEqual([
      { type: "A", values: ["192.0.2.1"], ttl: 60 },
      { type: "A", values: ["203.0.113.9"], ttl: 300 },
    ]);
    await write(change);
    expect(differs(change.plan, (await live(www)).answers)).toBe(false);
    const [record] = [...zone.records.values()].filter(({ content }) => content === "192.0.2.1");
    zone.records.set(record?.id ?? "", { ...(record ?? raise("gone")), proxied: true, ttl: 1 });
    expect((await live(www)).answers).toEqual([{ type: "A", values: ["192.0.2.1"], ttl: 300, as: "proxied" }]);
    await write(change);
    expect((await live(www)).answers).toEqual([{ type: "A", values: ["192.0.2.1"], ttl: 60 }]);
  });

  it("has no mark where nobody's is, and a comment of people's is none", async () => {
    expect(await live("nothing.example.com.")).toMatchObject({ epoch: null, number: null, answers: [] });
    addRecord(double, zone, { name: "old.example.com", type: "A", content: "192.0.2.7", ttl: 300, comment: "Kosmos would be nice" });
    expect(await live("old.example.com.")).toMatchObject({ epoch: null, number: null, answers: [{ values: ["192.0.2.7"] }] });
    expect(await live("old.example.com.")).not.toHaveProperty("gslbId");
  });

  it.each<[string, Fault, object]>([
    ["429 with Retry-After", { status: 429, headers: { "Retry-After": "7" } }, { class: "retry", afterMs: 7_000 }],
    ["500", { status: 500 }, { class: "retry" }],
    ["an error page of a proxy", { status: 502, headers: { "Content-Type": "text/html" }, body: "<html>" }, { class: "retry" }],
    ["no answer", "reset", { class: "retry" }],
  ])("%s is tried again, and nothing of it was done", async (_, fault, expected) => {
    const before = dump();
    failing(9, fault);
    const outcome = await write(publish(www, 1, set("A", ["192.0.2.1"])), publish("b.example.com.", 1, set("A", ["192.0.2.1"])));
    expect(outcome).toMatchObject([{ error: expected }, { error: expected }]);
    expect(dump()).toEqual(before);
  });

  it.each([
    ["unknown", "unknown-token", "credentials"],
    ["without the right to write", "reader", "credentials"],
    ["of a zone that it does not see", "secret-token", "not-found"],
  ])("a token that is %s is said to be %s → %s, in words without it", async (_, token, expected) => {
    double.token("reader", "zone:read", "dns:read");
    const name = expected === "not-found" ? "example.org." : "example.com.";
    const call = cloudflareDns.write(name, [{ ...publish(www, 1, set("A", ["192.0.2.1"])) }], backend(token));
    const outcome = await call.catch((error) => error.failure);
    const [failure] = Array.isArray(outcome) ? [outcome[0].error] : [outcome];
    expect(failure.class).toBe(expected);
    expect(JSON.stringify(failure)).not.toContain(token);
  });

  it("finds a zone's id once, and anew when the zone was made anew", async () => {
    await read(www);
    await read(www);
    expect(double.calls.filter(({ path }) => path === "/zones")).toHaveLength(1);
    double.zones.clear();
    zone = double.zone("example.com");
    await expect(read(www)).rejects.toMatchObject({ failure: { class: "not-found" } });
    expect(await live(www)).toMatchObject({ answers: [] });
  });

  it("leaves the last calls of the limit to people, and says when there are more", async () => {
    double.limit = 30;
    const calls = async () => {
      for (let index = 0; index < 40; index += 1) await read(www);
    };
    await expect(calls()).rejects.toMatchObject({ failure: { class: "retry", afterMs: 300_000 } });
    expect(double.calls.length).toBeLessThan(10);
    expect(double.calls.every(({ status }) => status === 200)).toBe(true);
  });

  it("tests what it can see, and says what it cannot", async () => {
    expect(await cloudflareDns.test?.(["example.com."], backend())).toEqual({
      details: [`example.com. is zone ${zone.id}, with 3 records`, "whether the token may write is known at the first write"],
    });
    expect(await cloudflareDns.test?.([], backend())).toEqual({ details: ["the token sees 1 zones"] });
    await expect(cloudflareDns.test?.(["example.org."], backend())).rejects.toMatchObject({ failure: { class: "not-found" } });
  });

  it("works over HTTP too", async () => {
    const served = await double.serve();
    const over = backend("secret-token", { api_url: served.url });
    const io = { ...over.io, fetch: globalThis.fetch };
    expect(words(await cloudflareDns.write("example.com.", [publish(www, 1, set("A", ["192.0.2.1"]))], { ...over, io }))).toEqual(["ok"]);
    expect((await live(www)).number).toBe(1);
    await served.stop();
  });
});

const base = { type: "A", ttl: 60, proxied: false, comment: null, tags: [] };

function raise(message: string): never {
  throw new Error(message);
}
