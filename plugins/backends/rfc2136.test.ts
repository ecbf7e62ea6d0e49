import { encode } from "dns-packet";
import { describe, expect, it, vi } from "vitest";
import { BackendFailure, type Change, type LiveRecords } from "../../domain/backend.ts";
import type { AnswerSet } from "../../domain/plan.ts";
import { backendAt, fakeServer, framed, isUpdate, type Say, type Script, secret } from "./rfc2136.fixture.ts";
import { rfc2136 } from "./rfc2136.ts";

const zone = "gslb.test.";
const gslbId = "11111111-1111-4111-8111-111111111111";
const rcodes = {
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  YXRRSET: 7,
  NXRRSET: 8,
  NOTAUTH: 9,
  NOTZONE: 10,
};

const a = (...values: string[]): AnswerSet => ({
  type: "A",
  values,
  ttl: 30,
  pool_id: "22222222-2222-4222-8222-222222222222",
  weight: null,
  pool_weight: null,
  locations: [],
  geofence: false,
  region: null,
});
const publish = (fqdn: string, answers: readonly AnswerSet[] = [a("192.0.2.1")], found?: LiveRecords): Change => ({
  kind: "publish",
  plan: {
    gslb_id: gslbId,
    fqdn,
    zone,
    flavor: "any",
    epoch: 0,
    number: 3,
    decided_at: 0,
    ttl: 30,
    withdrawn: answers.length === 0,
    policy: "failover",
    answers: [...answers],
    pools: [],
  },
  ...(found === undefined ? {} : { found }),
});
const names = (count: number) => Array.from({ length: count }, (_, index) => `host-${index}.${zone}`);
const write = (script: Script, changes: readonly Change[]) => rfc2136.write(zone, changes, backendAt(fakeServer(script).io));
const always =
  (say: Say): Script =>
  () =>
    say;
/** Whether a message speaks of a name: by its first label. */
const hasName = (message: Uint8Array, label: string) => Buffer.from(message).includes(Buffer.from([label.length, ...Buffer.from(label)]));

describe("what a server answers to an update of one name", () => {
  const table: readonly [title: string, say: Say, word: string, words: RegExp][] = [
    ["NOERROR", { rcode: 0 }, "ok", /^$/],
    ["NOERROR, not signed", { rcode: 0, sign: "none" }, "retry", /not signed/],
    ["NOERROR, signed wrongly", { rcode: 0, sign: "wrong" }, "retry", /signature is wrong/],
    ["NXRRSET", { rcode: rcodes.NXRRSET }, "retry", /zone changed meanwhile.*NXRRSET/],
    ["YXRRSET", { rcode: rcodes.YXRRSET }, "retry", /zone changed meanwhile.*YXRRSET/],
    ["NXDOMAIN", { rcode: rcodes.NXDOMAIN }, "retry", /zone changed meanwhile.*NXDOMAIN/],
    ["YXDOMAIN", { rcode: rcodes.YXDOMAIN }, "retry", /zone changed meanwhile.*YXDOMAIN/],
    ["NXRRSET, not signed", { rcode: rcodes.NXRRSET, sign: "none" }, "retry", /not signed/],
    ["FORMERR", { rcode: rcodes.FORMERR, sign: "none" }, "refused", /FORMERR/],
    ["SERVFAIL", { rcode: rcodes.SERVFAIL }, "retry", /SERVFAIL/],
    ["NOTIMP", { rcode: rcodes.NOTIMP, sign: "none" }, "not-found", /takes no updates/],
    ["REFUSED", { rcode: rcodes.REFUSED }, "credentials", /does not let the key k\. .*REFUSED/],
    ["NOTAUTH", { rcode: rcodes.NOTAUTH, sign: "none" }, "not-found", /not a primary of gslb\.test\./],
    ["NOTZONE", { rcode: rcodes.NOTZONE }, "refused", /not in gslb\.test\./],
    ["BADSIG", { rcode: rcodes.NOTAUTH, error: 16 }, "credentials", /another secret.*BADSIG/],
    ["BADKEY", { rcode: rcodes.NOTAUTH, error: 17 }, "credentials", /does not know the key k\..*BADKEY/],
    ["BADTRUNC", { rcode: rcodes.NOTAUTH, error: 22 }, "credentials", /BADTRUNC/],
    ["BADTIME", { rcode: rcodes.NOTAUTH, error: 18, serverTime: 1_795_390_160 }, "retry", /600 s behind.*BADTIME/],
    ["a code of no meaning", { rcode: 13 }, "retry", /RCODE 13/],
  ];
  it.each(table)("%s", async (_, say, word, words) => {
    const outcome = await write(always(say), [publish(`www.${zone}`)]);
    const [result] = "class" in outcome ? [{ ok: false as const, error: outcome }] : outcome;
    const came = result?.ok === true ? { class: "ok", detail: "" } : result?.error;
    expect(came?.class).toBe(word);
    expect(came?.detail).toMatch(words);
    expect(came?.detail).not.toContain(secret);
  });
});

describe("a write of many names", () => {
  const changes = names(500).map((fqdn) => publish(fqdn));

  it("takes as few messages as hold them, and says ok of each", async () => {
    const server = fakeServer(always({ rcode: 0 }));
    const outcome = await rfc2136.write(zone, changes, backendAt(server.io));
    expect(outcome).toEqual(changes.map(() => ({ ok: true, value: null })));
    expect(server.messages).toHaveLength(2);
    expect(Math.max(...server.messages.map(({ length }) => length))).toBeLessThan(65_536 - 200);
    expect(server.closed).toBe(1);
  });

  it.each([
    ["refuses for good", rcodes.NOTZONE, "refused"],
    ["does not let the key change", rcodes.REFUSED, "refused"],
    ["finds changed meanwhile", rcodes.NXRRSET, "retry"],
    ["fails over", rcodes.SERVFAIL, "retry"],
  ])("finds the one that the server %s, and the others are through", async (_, rcode, word) => {
    const server = fakeServer((message) => ({ rcode: hasName(message, "host-321") ? rcode : 0 }));
    const outcome = await rfc2136.write(zone, changes, backendAt(server.io));
    const results = "class" in outcome ? [] : outcome.map((result) => (result.ok ? "ok" : result.error.class));
    expect(results).toEqual(changes.map((_, index) => (index === 321 ? word : "ok")));
    expect(server.messages.length).toBeLessThan(25);
  });

  it("is one failure of credentials where the key may change nothing, found out without asking for each", async () => {
    const server = fakeServer(always({ rcode: rcodes.REFUSED }));
    expect(await rfc2136.write(zone, changes, backendAt(server.io))).toMatchObject({ class: "credentials" });
    expect(server.messages.length).toBeLessThan(20);
  });

  it("leaves the rest for later where one culprit follows the other, and refuses nobody unheard", async () => {
    const outcome = await write((message) => ({ rcode: hasName(message, "host-499") ? 0 : rcodes.NOTZONE }), changes.slice(0, 100));
    const words = "class" in outcome ? [] : outcome.map((result) => (result.ok ? "ok" : result.error.class));
    expect(words.filter((word) => word === "refused")).toHaveLength(3);
    expect(words.filter((word) => word === "retry")).toHaveLength(97);
  });

  it("stops where the connection breaks: what was taken is said, of the rest nothing is known", async () => {
    const outcome = await write((_, index) => (index === 0 ? { rcode: 0 } : "closes"), changes);
    const words = "class" in outcome ? [] : outcome.map((result) => (result.ok ? "ok" : result.error.class));
    expect(new Set(words)).toEqual(new Set(["ok", "retry"]));
    expect(await write(() => "closes", changes)).toMatchObject({ class: "retry", detail: expect.stringContaining("192.0.2.53:53") });
  });
});

describe("what an update demands", () => {
  const prerequisites = async (found?: LiveRecords) => {
    const server = fakeServer(always({ rcode: 0 }));
    await rfc2136.write(zone, [publish(`www.${zone}`, undefined, found)], backendAt(server.io));
    const [message] = server.messages;
    return new DataView(message?.buffer ?? new ArrayBuffer(12)).getUint16(6);
  };
  const fqdn = `www.${zone}`;

  it("is nothing where nothing was read", async () => {
    expect(await prerequisites()).toBe(0);
  });

  it("is the mark where there is one, and every record as it was where there is none", async () => {
    expect(await prerequisites({ fqdn, gslbId, epoch: 0, number: 2, answers: [{ type: "A", values: ["192.0.2.9"], ttl: 5 }] })).toBe(1);
    expect(await prerequisites({ fqdn, epoch: null, number: null, answers: [] })).toBe(4);
    expect(
      await prerequisites({ fqdn, epoch: null, number: null, answers: [{ type: "A", values: ["192.0.2.9", "192.0.2.8"], ttl: 5 }] }),
    ).toBe(5);
  });
});

describe("a read", () => {
  type Wire = { readonly name: string; readonly type: "A" | "SOA" | "TXT" | "DNAME"; readonly data: unknown; readonly ttl?: number };
  const body = (answers: readonly Wire[]): NonNullable<Say["body"]> => {
    const bytes = new Uint8Array(encode({ type: "response", questions: [{ name: "gslb.test", type: "A" }], answers: answers as never }));
    return { bytes: bytes.subarray(12), answers: answers.length };
  };
  const reply = (...answers: Wire[]): Say => ({ rcode: 0, body: body(answers) });
  const soa: Wire = { name: "gslb.test", type: "SOA", data: { mname: "ns1.gslb.test", rname: "a.gslb.test", serial: 1 } };
  const nameAt = (message: Uint8Array) => names(10).find((name) => hasName(message, name.split(".")[0] ?? "")) ?? "";
  /** The zone's SOA, and of each name the mark with its own number. */
  const marked: Script = (message, index) => {
    if (index === 0) return reply(soa);
    if (!hasName(message, "_kosmos")) return reply();
    const name = nameAt(message);
    const text = `heritage=kosmos gslb=${gslbId} plan=0.${names(10).indexOf(name) + 1}`;
    return reply({ name: `_kosmos.${name.slice(0, -1)}`, type: "TXT", data: text });
  };
  const read = async (script: Script, fqdns: readonly string[], options = {}) => {
    const server = fakeServer(script, options);
    return (await rfc2136.read?.(zone, fqdns, backendAt(server.io))) ?? [];
  };
  const failure = (call: Promise<unknown>) =>
    call.then(
      () => null,
      (error: unknown) => (error instanceof BackendFailure ? error.failure : error),
    );

  it("takes answers in whatever order, each by its id", async () => {
    const live = await read(marked, names(10), { hold: 31 });
    expect(live.map(({ fqdn, number }) => [fqdn, number])).toEqual(names(10).map((name, index) => [name, index + 1]));
  });

  it("says of a name below a delegation, or a DNAME, that nothing can stand there", async () => {
    const below: Script = (_, index) => (index === 0 ? reply(soa) : { ...reply(), authoritative: false });
    expect(await read(below, names(1))).toMatchObject([{ answers: [], state: { error: expect.stringContaining("delegation") } }]);
    const dname: Script = (_, index) => (index === 0 ? reply(soa) : reply({ name: "gslb.test", type: "DNAME", data: "other.test" }));
    expect(await read(dname, names(1))).toMatchObject([{ state: { error: expect.stringContaining("DNAME") } }]);
  });

  it("counts nothing that a wildcard answers: nobody's name is free, whatever is read there", async () => {
    const wild: Script = (message, index) => {
      if (isUpdate(message)) return { rcode: rcodes.NXDOMAIN };
      return index === 0 ? reply(soa) : reply({ name: nameAt(message).slice(0, -1), type: "A", data: "192.0.2.9" });
    };
    expect(await read(wild, names(1))).toEqual([{ fqdn: names(1)[0], epoch: null, number: null, answers: [] }]);
    const there: Script = (message, index) => (isUpdate(message) ? { rcode: 0 } : wild(message, index));
    expect(await read(there, names(1))).toMatchObject([{ answers: [{ type: "A", values: ["192.0.2.9"] }] }]);
  });

  it.each<[string, Script, string, RegExp]>([
    ["a server of other zones", always({ rcode: rcodes.REFUSED }), "not-found", /does not serve/],
    ["a zone's cache", () => ({ ...reply(soa), authoritative: false }), "not-found", /no zone of the server/],
    ["a name in a zone above", always(reply()), "not-found", /no zone of the server/],
    ["a server that does not know the key", always({ rcode: rcodes.NOTAUTH, error: 17 }), "credentials", /BADKEY/],
    ["an answer that is not signed", () => ({ ...reply(soa), sign: "none" }), "retry", /not signed/],
    ["an answer that is signed wrongly", () => ({ ...reply(soa), sign: "wrong" }), "retry", /signature is wrong/],
    ["an answer to nothing that was asked", () => ({ raw: framed(new Uint8Array(20).fill(9)) }), "retry", /what was not asked/],
    ["an empty message", () => ({ raw: framed(new Uint8Array()) }), "retry", /what was not asked/],
    ["an end in the midst of a message", (_, index) => (index === 0 ? { raw: Uint8Array.of(0xff, 0xff, 1) } : "closes"), "retry", /closed/],
    ["more records than there are", () => ({ rcode: 0, body: { bytes: body([soa]).bytes, answers: 60_000 } }), "retry", /valid/],
    [
      "a name that points at itself",
      () => ({ rcode: 0, body: { bytes: Uint8Array.from([0, 0, 1, 0, 1, 0xc0, 17, 0, 6, 0, 1, 0, 0, 0, 0, 0, 0]), answers: 1 } }),
      "retry",
      /valid/,
    ],
    [
      "thousands of records",
      () => ({
        rcode: 0,
        body: { bytes: Uint8Array.from([0, 0, 1, 0, 1, ...Array(2_000).fill([0, 0, 16, 0, 1, 0, 0, 0, 0, 0, 0]).flat()]), answers: 2_000 },
      }),
      "retry",
      /too long/,
    ],
  ])("from %s is a failure in words", async (_, script, word, words) => {
    const failed = await failure(read(script, names(2)));
    expect(failed).toMatchObject({ class: word, detail: expect.stringMatching(words) });
  });

  it("ends with the call's signal where nothing comes, and the connection is let go of", async () => {
    const server = fakeServer(() => "hangs");
    const ended = new AbortController();
    const call = failure(Promise.resolve(rfc2136.read?.(zone, names(1), backendAt({ ...server.io, signal: ended.signal }))));
    await vi.waitFor(() => expect(server.messages).toHaveLength(4));
    ended.abort();
    expect(await call).toMatchObject({ class: "retry" });
    expect(server.closed).toBe(1);
  });

  it("where nobody answers says so", async () => {
    const io = fakeServer(() => "hangs").io;
    const dead = {
      ...io,
      connect: () => ({ ...io.connect({ hostname: "", port: 0 }), opened: Promise.reject(new Error("proxy request failed")) }),
    };
    expect(await failure(Promise.resolve(rfc2136.read?.(zone, names(1), backendAt(dead))))).toEqual({
      class: "retry",
      detail: "192.0.2.53:53: connection refused or unreachable",
    });
  });
});

it("is not said to work where there was no zone to try it at", async () => {
  const server = fakeServer(() => "closes");
  const { details = [] } = (await rfc2136.test?.([], backendAt(server.io))) ?? {};
  expect(details).toEqual([expect.stringContaining("nothing was tried")]);
  expect(server.messages).toEqual([]);
});

describe("what operators write", () => {
  it("has defaults, and is made canonical", () => {
    expect(rfc2136.settings.parse({ server: "NS1.Example.com", key_name: "Kosmos" })).toMatchObject({
      server: "ns1.example.com.",
      port: 53,
      key_name: "kosmos.",
      algorithm: "hmac-sha256",
    });
    expect(rfc2136.settings.safeParse({ server: "ns1.example.com", key_name: "k", algorithm: "hmac-md5" }).success).toBe(false);
  });

  it.each(["", "not base64!", "YQ", "YWJj\n"])("takes no secret %j", (key_secret) => {
    expect(rfc2136.credentials.safeParse({ key_secret }).success).toBe(false);
  });
});
