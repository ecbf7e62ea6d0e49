import { Buffer } from "node:buffer";
import { decode, encode, type OptAnswer, type RecordType } from "dns-packet";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import type { Change } from "../../domain/backend.ts";
import { limits } from "../../domain/limits.ts";
import type { AnswerSet, Plan } from "../../domain/plan.ts";
import { answersIo } from "../../durable-objects/answers/answers-io.ts";
import type { AnswersRpc } from "../../durable-objects/rpc.ts";
import { answersDouble } from "../../test/answers-double.ts";
import type { ApiBindings } from "./bindings.ts";
import { FindingCache } from "./dns-lookup.ts";
import { dnsQuery } from "./dns-query.ts";

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

function publish(fqdn: string, answers: readonly AnswerSet[], more: Partial<Plan> = {}): Change {
  const gslb_id = "11111111-1111-4111-8111-111111111111";
  const plan = {
    gslb_id,
    fqdn,
    zone: "example.com.",
    flavor: "edge",
    epoch: 0,
    number: 1,
    decided_at: 0,
    ttl: 30,
    policy: "failover" as const,
    pools: [],
  };
  return { kind: "publish", plan: { ...plan, withdrawn: answers.length === 0, answers: [...answers], ...more } };
}

const optRecord: OptAnswer = {
  type: "OPT",
  name: ".",
  udpPayloadSize: 4096,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  // The longest client subnet: an IPv6 address in full.
  options: [{ code: 8, ip: undefined, data: Buffer.from([0, 2, 128, 0, ...Array(16).fill(1)]) }],
};

/** The handler over answers in memory, with a clock and a switch that takes the answers away. */
async function setUp(more: readonly Change[] = []) {
  const double = answersDouble();
  const state = { now: 1_000_000, random: 0, away: false, hanging: false, lookups: 0, closed: false, asked: [] as string[] };
  const answers = (name: string): AnswersRpc => ({
    ...double(name),
    lookup: (fqdn) => {
      state.lookups += 1;
      if (state.hanging) return new Promise(() => undefined);
      return state.away ? Promise.reject(new Error("overloaded")) : double(name).lookup(fqdn);
    },
  });
  await answersIo(double).write([
    publish("www.example.com.", [set("A", "192.0.2.1", "192.0.2.2", "192.0.2.3")]),
    publish("both.example.com.", [set("A", "192.0.2.1"), set("AAAA", "2001:db8::1")], { ttl: 60 }),
    publish("alias.example.com.", [set("CNAME", "origin.example.net.")]),
    publish("gone.example.com.", []),
    publish("deep.a.b.example.com.", [set("A", "192.0.2.9")]),
    publish("www.sub.example.com.", [set("A", "192.0.2.10")], { zone: "sub.example.com." }),
    ...more,
  ]);
  const app = dnsQuery({ cache: new FindingCache(), now: () => state.now, random: () => state.random, deadlineMs: 20 });
  const request = (path: string, init: RequestInit = {}) => {
    const settings = state.closed ? { KOSMOS_DNS_QUERY: "off" } : {};
    const mayAskDns = async (client: string) => state.asked.push(client) <= 2;
    return app.request(path, init, { settings, answers, mayAskDns } as Partial<ApiBindings>);
  };
  const wire = async (message: Uint8Array, method: "GET" | "POST" = "GET") => {
    const response =
      method === "GET"
        ? await request(`/?dns=${Buffer.from(message).toString("base64url")}`)
        : await request("/", { method, headers: { "content-type": "application/dns-message" }, body: Uint8Array.from(message) });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/dns-message");
    return decode(Buffer.from(await response.arrayBuffer()));
  };
  const json = async (name: string, type = "A") => {
    const response = await request(`/?name=${encodeURIComponent(name)}&type=${type}`);
    expect(response.status).toBe(200);
    // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came
    return { response, body: (await response.json()) as any };
  };
  return { state, request, wire, json };
}

let at: Awaited<ReturnType<typeof setUp>>;
beforeEach(async () => {
  at = await setUp();
});

const ask = (name: string, type: RecordType = "A", id = 0) => encode({ id, type: "query", flags: 0x100, questions: [{ type, name }] });

describe("the JSON form", () => {
  it("answers with every published address, its TTL and its max-age", async () => {
    const { response, body } = await at.json("www.example.com");
    expect(body).toEqual({
      Status: 0,
      TC: false,
      RD: true,
      RA: false,
      AD: false,
      CD: false,
      Question: [{ name: "www.example.com.", type: 1 }],
      Answer: ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map((data) => ({ name: "www.example.com.", type: 1, TTL: 30, data })),
    });
    expect(response.headers.get("content-type")).toBe("application/dns-json");
    expect(response.headers.get("cache-control")).toBe("max-age=30");
    expect(response.headers.get("vary")).toBe("Accept");
  });

  it("takes the type by mnemonic in any case, by number and as TYPE28, and A where none is given", async () => {
    for (const type of ["AAAA", "aaaa", "28", "TYPE28"]) {
      expect((await at.json("both.example.com.", type)).body.Answer).toMatchObject([{ type: 28, data: "2001:db8::1", TTL: 60 }]);
    }
    const untyped = (await (await at.request("/?name=both.example.com")).json()) as { Answer: unknown };
    expect(untyped.Answer).toMatchObject([{ data: "192.0.2.1" }]);
  });

  it("answers as many addresses as a DNS message holds, another part of them each time", async () => {
    const name = `${"a".repeat(60)}.example.com.`;
    const many = (type: "A" | "AAAA", value: (index: number) => string) => set(type, ...Array.from({ length: 4000 }, (_, at) => value(at)));
    const crowd = await setUp([
      publish(name, [
        many("A", (index) => `198.51.${index >> 8}.${index & 255}`),
        many("AAAA", (index) => `2001:db8::${index.toString(16)}`),
      ]),
    ]);
    for (const type of ["A", "AAAA"] as const) {
      const question = encode({ type: "query", questions: [{ type, name }], additionals: [optRecord] });
      const response = await crowd.request(`/?dns=${Buffer.from(question).toString("base64url")}`);
      const size = (await response.arrayBuffer()).byteLength;
      expect(size).toBeLessThanOrEqual(limits.dnsMessageBytes);
      expect(size).toBeGreaterThan(limits.dnsMessageBytes - 200);
      crowd.state.random = 0;
      const first = (await crowd.json(name, type)).body.Answer;
      crowd.state.random = 0.5;
      expect((await crowd.json(name, type)).body.Answer[0]).not.toEqual(first[0]);
    }
  });

  it("starts the order of the answers where chance says", async () => {
    const orders = [];
    for (const random of [0, 0.34, 0.67, 0.999]) {
      at.state.random = random;
      orders.push((await at.json("www.example.com")).body.Answer.map((record: { data: string }) => record.data.at(-1)).join(""));
    }
    expect(orders).toEqual(["123", "231", "312", "312"]);
  });

  it("turns to the wire format for who takes nothing else", async () => {
    const response = await at.request("/?name=www.example.com", { headers: { accept: "application/dns-message" } });
    expect(decode(Buffer.from(await response.arrayBuffer())).answers).toHaveLength(3);
  });

  it.each([
    "/",
    "/?name=",
    "/?name=a..b",
    "/?name=a%20b",
    "/?name=www.example.com&type=",
    "/?name=www.example.com&type=FOO",
    "/?name=www.example.com&type=0",
    "/?name=www.example.com&type=65536",
    "/?name=www.example.com&type=-1",
    "/?name=www.example.com&surprise=1",
    "/?name=a.example.com&name=b.example.com",
    "/?dns=",
    "/?dns=AAAA",
    "/?dns=****",
    "/?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB=",
    "/?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB&name=www.example.com",
  ])("refuses %s with 400 and the parameter", async (path) => {
    const response = await at.request(path);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ type: "/problems/invalid-query", errors: [{ parameter: expect.any(String) }] });
  });
});

describe("a name", () => {
  it("with a label or a length that DNS does not have is 400", async () => {
    for (const name of [`${"a".repeat(64)}.example.com`, `${"a.".repeat(128)}com`]) {
      expect((await at.request(`/?name=${name}`)).status).toBe(400);
    }
  });

  it("in no zone of any GSLB is REFUSED, and nobody may keep that", async () => {
    for (const name of ["www.example.org", "com", ".", "example.com.evil.test", "1.2.3.4", "notexample.com"]) {
      const { response, body } = await at.json(name);
      expect([name, body.Status, body.Answer]).toEqual([name, 5, []]);
      expect(response.headers.get("cache-control")).toBe("no-store");
    }
  });

  it("below a zone that does not exist is NXDOMAIN with the SOA", async () => {
    for (const name of ["nothing.example.com", "x.www.example.com", "*.example.com"]) {
      const { response, body } = await at.json(name);
      expect([name, body.Status]).toEqual([name, 3]);
      expect(body.Authority).toEqual([
        { name: "example.com.", type: 6, TTL: 5, data: "example.com. hostmaster.example.com. 1 3600 600 86400 5" },
      ]);
      expect(response.headers.get("cache-control")).toBe("max-age=5");
    }
  });

  it("belongs to the longest zone", async () => {
    expect((await at.json("nothing.sub.example.com")).body.Authority[0].name).toBe("sub.example.com.");
  });

  it("without data is NODATA: between published names, at the apex, withdrawn, and of another type", async () => {
    const cases = [
      ["a.b.example.com", "A"],
      ["b.example.com", "A"],
      ["example.com", "A"],
      ["gone.example.com", "A"],
      ["gone.example.com", "ANY"],
      ["www.example.com", "AAAA"],
      ["www.example.com", "TXT"],
      ["www.example.com", "TYPE64999"],
    ] as const;
    for (const [name, type] of cases) {
      const { response, body } = await at.json(name, type);
      expect([name, type, body.Status, body.Answer, body.Authority?.[0]?.type]).toEqual([name, type, 0, [], 6]);
      expect(response.headers.get("cache-control")).toBe("max-age=5");
    }
  });

  it("that is a zone's apex answers its SOA, in the letter case of the question", async () => {
    expect((await at.json("Example.COM", "SOA")).body.Answer).toMatchObject([{ name: "Example.COM.", type: 6, TTL: 5 }]);
    expect((await at.json("www.example.com", "SOA")).body).toMatchObject({ Status: 0, Answer: [], Authority: [{ type: 6 }] });
  });

  it("with a CNAME answers every type with it, and it is not followed", async () => {
    for (const type of ["A", "AAAA", "CNAME", "TXT", "ANY"]) {
      const expected = [{ name: "alias.example.com.", type: 5, TTL: 30, data: "origin.example.net." }];
      expect((await at.json("alias.example.com", type)).body.Answer).toEqual(expected);
    }
  });

  it("asked for ANY answers the one record of RFC 8482; a transfer is REFUSED", async () => {
    expect((await at.json("both.example.com", "ANY")).body.Answer).toMatchObject([{ type: 13, data: '"RFC8482" ""', TTL: 60 }]);
    expect((await at.json("example.com", "AXFR")).body.Status).toBe(5);
  });
});

describe("the wire format", () => {
  it("answers GET and POST alike, with id, question and letter case", async () => {
    for (const method of ["GET", "POST"] as const) {
      const packet = await at.wire(ask("WWW.exAMple.com", "A", 4711), method);
      expect(packet).toMatchObject({ id: 4711, flag_qr: true, flag_aa: true, flag_rd: true, flag_ra: false });
      expect(packet.questions).toEqual([{ name: "WWW.exAMple.com", type: "A", class: "IN" }]);
      expect(packet.answers).toMatchObject(
        ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map((data) => ({ name: "WWW.exAMple.com", type: "A", ttl: 30, data })),
      );
    }
  });

  it("takes a dot inside a label for what it is: no name of ours", async () => {
    const bytes = Buffer.from(
      [0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 11, ..."www.example", 3, ..."com", 0, 0, 1, 0, 1].map((part) =>
        typeof part === "string" ? part.charCodeAt(0) : part,
      ),
    );
    const response = await at.request("/", { method: "POST", headers: { "content-type": "application/dns-message" }, body: bytes });
    const answer = Buffer.from(await response.arrayBuffer());
    expect([answer.readUInt16BE(2) & 0xf, answer.readUInt16BE(6)]).toEqual([5, 0]);
  });

  it("says FORMERR with status 200 where an id could be read", async () => {
    const packet = await at.wire(Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 63, 1]), "POST");
    expect([packet.id, (packet.flags ?? 0) & 0xf]).toEqual([0x1234, 1]);
  });

  it("never throws and is never a 5xx, whatever is sent", async () => {
    const { request } = at;
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (bytes, get) => {
        const encoded = `/?dns=${Buffer.from(bytes).toString("base64url")}`;
        const posted = { method: "POST", headers: { "content-type": "application/dns-message" }, body: Uint8Array.from(bytes) };
        const response = get ? await request(encoded) : await request("/", posted);
        expect(response.status).toBe(bytes.length < 12 ? 400 : 200);
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.webQueryParameters(), async (query) => {
        expect([200, 400]).toContain((await request(`/?${query}`)).status);
      }),
    );
  });
});

describe("HTTP", () => {
  it("refuses another content type with 415, a message too long with 413, another method with 405", async () => {
    const post = (type: string, body: Uint8Array<ArrayBuffer>) =>
      at.request("/", { method: "POST", headers: { "content-type": type }, body });
    expect((await post("application/json", new Uint8Array(20))).status).toBe(415);
    expect((await post("application/dns-message", new Uint8Array(limits.dnsMessageBytes + 1))).status).toBe(413);
    expect((await post("application/dns-message", new Uint8Array(limits.dnsMessageBytes))).status).toBe(200);
    const deleted = await at.request("/", { method: "DELETE" });
    expect([deleted.status, deleted.headers.get("allow")]).toEqual([405, "GET, HEAD, POST"]);
  });

  it("answers HEAD without a body", async () => {
    const response = await at.request("/?name=www.example.com", { method: "HEAD" });
    expect([response.status, response.headers.get("cache-control"), await response.text()]).toEqual([200, "max-age=30", ""]);
  });

  it("is 404 where it is closed", async () => {
    at.state.closed = true;
    expect((await at.request("/?name=www.example.com")).status).toBe(404);
  });
});

describe("the limit of one address", () => {
  const from = async (address: string) => {
    const response = await at.request("/?name=www.example.com", { headers: { "cf-connecting-ip": address } });
    return [response.status, response.headers.get("retry-after")];
  };

  it("is 429 with Retry-After", async () => {
    expect(await from("198.51.100.1")).toEqual([200, null]);
    expect(await from("198.51.100.1")).toEqual([200, null]);
    expect(await from("198.51.100.1")).toEqual([429, "10"]);
  });

  it("counts an IPv6 client by its /64, and nobody from this machine", async () => {
    await from("2001:db8:1:2:3::4");
    await from("127.0.0.1");
    await from("::1");
    expect(at.state.asked).toEqual(["2001:db8:1:2::/64"]);
  });
});

describe("what the isolate remembers", () => {
  it("is asked for instead of the object for a second, in any letter case", async () => {
    await at.json("www.example.com");
    at.state.now += limits.answersCacheMs - 1;
    await at.json("WWW.example.com");
    expect(at.state.lookups).toBe(1);
    at.state.now += 1;
    await at.json("www.example.com");
    expect(at.state.lookups).toBe(2);
  });

  it.each(["away", "hanging"] as const)("is served with a short TTL while the object is %s, for some minutes", async (fault) => {
    await at.json("both.example.com");
    at.state[fault] = true;
    at.state.now += limits.answersStaleMs - 1;
    const { response, body } = await at.json("both.example.com");
    expect(body.Answer).toMatchObject([{ data: "192.0.2.1", TTL: limits.staleTtlSeconds }]);
    expect(response.headers.get("cache-control")).toBe("max-age=30");
    at.state.now += 1;
    expect((await at.json("both.example.com")).body).toMatchObject({ Status: 2, Answer: [] });
  });

  it("is SERVFAIL, not to be kept, for a name that was not asked before", async () => {
    at.state.away = true;
    const { response, body } = await at.json("www.example.com");
    expect([body.Status, response.headers.get("cache-control")]).toEqual([2, "no-store"]);
    expect((await at.wire(ask("www.example.com"))).flags).toBe(0x0102);
  });

  it("is bounded, and the oldest goes first", () => {
    const cache = new FindingCache();
    for (let index = 0; index <= limits.answersCacheNames; index += 1) cache.put(`${index}.test.`, { kind: "foreign" }, 0);
    expect(cache.get("0.test.", 0, 1)).toBeNull();
    expect(cache.get("1.test.", 0, 1)).not.toBeNull();
    expect(cache.get(`${limits.answersCacheNames}.test.`, 0, 1)).not.toBeNull();
  });
});
