import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import type { AddressInfo } from "node:net";
import { type Answer, decode, encode, type Packet, streamEncode } from "dns-packet";
import { afterEach, describe, expect, it } from "vitest";
import { agentIo } from "../../agent/node-io.fixture.ts";
import type { CheckIo, CheckTarget } from "../../domain/check.ts";
import { type RawServer, startRawServer } from "../../test/raw-server.ts";
import { type CheckerIo, runCheck } from "../../workers/checker/run-checks.ts";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

type Asked = { readonly id: number; readonly questions: NonNullable<Packet["questions"]> };
/** The answer to a query: its id, its question, and what else it is given. */
const answerTo = ({ id, questions }: Asked, more: Packet & { rcode?: number } = {}): Packet => ({
  type: "response",
  id,
  questions,
  ...more,
  flags: 0x8180 | (more.flags ?? 0) | (more.rcode ?? 0),
});
const a = (name: string, ...addresses: string[]): Answer[] => addresses.map((data) => ({ type: "A", name, ttl: 60, data }));

async function overTcp(answer: (query: Asked) => Buffer): Promise<RawServer> {
  const server: RawServer = await startRawServer((socket) => {
    const query = decode(Buffer.from(server.received.at(-1) ?? "", "latin1").subarray(2)) as Asked;
    socket.write(answer(query));
  });
  open.push(server);
  return server;
}
const tcp = (more: (query: Asked) => Packet & { rcode?: number }) => overTcp((query) => streamEncode(answerTo(query, more(query))));

/** On `port` if there is one, so that TCP and UDP can be the same server. */
async function udp(answer: (query: Asked, socket: Socket, from: RemoteInfo) => void, port = 0): Promise<number> {
  const socket = createSocket("udp4");
  socket.on("message", (bytes, from) => answer(decode(bytes) as Asked, socket, from));
  await new Promise<void>((resolve) => socket.bind(port, "127.0.0.1", resolve));
  open.push({ close: () => socket.close() });
  return (socket.address() as AddressInfo).port;
}

async function check(port: number, more: object, { io = agentIo, timeout_ms = 1_000, target = {} as Partial<CheckTarget> } = {}) {
  const where = { host: "127.0.0.1", port: null, hostHeader: null, endpoint: "127.0.0.1", ...target };
  const spec = { port, dns_name: "www.example.com", ...more };
  const outcome = await runCheck({ type: "DNS", spec, target: where, timeout_ms }, io as CheckerIo);
  expect(outcome.detail).toMatch(/^[ -~]{2,200}$/);
  return [outcome.outcome, outcome.detail];
}

describe("a DNS check over TCP", () => {
  it("passes where the answer holds what it must, in any order and beside others", async () => {
    const { port } = await tcp(({ questions }) => ({ answers: a(questions[0]?.name ?? "", "192.0.2.3", "192.0.2.1", "192.0.2.2") }));
    expect(await check(port, {})).toEqual(["pass", "NOERROR, 3 answers"]);
    expect(await check(port, { dns_answers: ["192.0.2.1", "192.0.2.3"] })).toEqual(["pass", "NOERROR, 3 answers"]);
    expect(await check(port, { dns_answers: ["192.0.2.1", "192.0.2.9"] })).toEqual([
      "fail",
      "192.0.2.9 is not in the answer: 192.0.2.3, 192.0.2.1, 192.0.2.2",
    ]);
  });

  it("asks what it was told, once, with its length before it", async () => {
    const server = await tcp(() => ({}));
    expect(await check(server.port, { dns_type: "txt" })).toEqual(["pass", "NOERROR, no answers"]);
    const [sent = ""] = server.received;
    const bytes = Buffer.from(sent, "latin1");
    expect(bytes.readUInt16BE(0)).toBe(bytes.length - 2);
    expect(decode(bytes.subarray(2))).toMatchObject({
      type: "query",
      flag_rd: true,
      questions: [{ name: "www.example.com", type: "TXT" }],
    });
  });

  it("takes what the server sends in pieces", async () => {
    const server: RawServer = await startRawServer((socket) => {
      const query = decode(Buffer.from(server.received[0] ?? "", "latin1").subarray(2)) as Asked;
      const bytes = streamEncode(answerTo(query, { answers: a("www.example.com", "192.0.2.1") }));
      const send = (at: number) => at < bytes.length && socket.write(bytes.subarray(at, at + 1), () => setImmediate(send, at + 1));
      socket.setNoDelay(true);
      send(0);
    });
    open.push(server);
    expect(await check(server.port, {})).toEqual(["pass", "NOERROR, 1 answer"]);
  });

  it.each([
    [3, "NOERROR", "fail", "expected NOERROR, got NXDOMAIN"],
    [2, "NOERROR", "fail", "expected NOERROR, got SERVFAIL"],
    [3, "nxdomain", "pass", "NXDOMAIN, no answers"],
    [5, "REFUSED", "pass", "REFUSED, no answers"],
    [0, "NXDOMAIN", "fail", "expected NXDOMAIN, got NOERROR"],
  ])("of response code %i, where %s is expected, is a %s", async (rcode, dns_rcode, outcome, detail) => {
    const { port } = await tcp(() => ({ rcode }));
    expect(await check(port, { dns_rcode })).toEqual([outcome, detail]);
  });

  const example = "www.example.com";
  it.each<[string, Answer, string]>([
    ["AAAA", { type: "AAAA", name: example, data: "2001:db8:0:0::1" }, "2001:DB8::1"],
    ["CNAME", { type: "CNAME", name: example, data: "Other.Example.COM" }, "other.example.com"],
    ["NS", { type: "NS", name: example, data: "NS1.example.com" }, "ns1.example.com."],
    ["PTR", { type: "PTR", name: example, data: "host.example.com" }, "HOST.example.com"],
    ["MX", { type: "MX", name: example, data: { preference: 10, exchange: "Mail.example.com" } }, "10 mail.example.com"],
    ["MX", { type: "MX", name: example, data: { preference: 0, exchange: "." } }, "0 ."],
    ["SRV", { type: "SRV", name: example, data: { priority: 1, weight: 2, port: 3, target: "s.example.com" } }, "1 2 3 S.example.com"],
    ["TXT", { type: "TXT", name: example, data: ["in two ", "pieces"] }, "in two pieces"],
    ["CAA", { type: "CAA", name: example, data: { flags: 128, tag: "issue", value: "ca.example.net" } }, '128 ISSUE "ca.example.net"'],
    [
      "SOA",
      {
        type: "SOA",
        name: example,
        data: { mname: "NS.example.com", rname: "root.example.com", serial: 4_000_000_000, refresh: 1, retry: 2, expire: 3, minimum: 4 },
      },
      "ns.example.com root.example.com 4000000000 1 2 3 4",
    ],
  ])("knows %s records", async (dns_type, answer, expected) => {
    const { port } = await tcp(() => ({ answers: [answer] }));
    expect(await check(port, { dns_type, dns_answers: [expected] })).toEqual(["pass", "NOERROR, 1 answer"]);
  });

  it("follows aliases, also in a circle, and takes no record of another name", async () => {
    const alias = (name: string, data: string): Answer => ({ type: "CNAME", name, data });
    const { port } = await tcp(() => ({
      answers: [
        ...a("C.example.com", "192.0.2.1"),
        alias("b.example.com", "c.example.com"),
        alias("WWW.example.com", "b.Example.com"),
        alias("c.example.com", "www.example.com"),
        ...a("d.example.com", "192.0.2.2"),
      ],
    }));
    expect(await check(port, { dns_answers: ["192.0.2.1"] })).toEqual(["pass", "NOERROR, 1 answer"]);
    expect(await check(port, { dns_answers: ["192.0.2.2"] })).toEqual(["fail", "192.0.2.2 is not in the answer: 192.0.2.1"]);
    expect(await check(port, { dns_type: "AAAA", dns_answers: ["::1"] })).toEqual([
      "fail",
      "::1 is not in the answer: which has no AAAA record",
    ]);
  });

  it.each<[string, (query: Asked) => Buffer, string]>([
    ["has another id", (query) => streamEncode(answerTo({ ...query, id: query.id ^ 1 })), "the answer has another id than the query"],
    [
      "is to another question",
      (query) => streamEncode(answerTo({ ...query, questions: [{ type: "A", name: "x.example" }] })),
      "the answer is to another question",
    ],
    [
      "is to another type",
      (query) => streamEncode(answerTo({ ...query, questions: [{ type: "MX", name: "www.example.com" }] })),
      "the answer is to another question",
    ],
    ["has no question", (query) => streamEncode(answerTo({ ...query, questions: [] })), "the answer is to another question"],
    ["is a query", (query) => streamEncode({ ...query, type: "query" }), "what came back is a query, not an answer"],
    ["is empty", () => Buffer.of(0, 0), "the answer is not a valid DNS message"],
    [
      "is cut off",
      (query) => cut(streamEncode(answerTo(query, { answers: a("www.example.com", "192.0.2.1") })), 12),
      "the answer is not a valid DNS message",
    ],
    [
      "has an address of three bytes",
      (query) => cut(streamEncode(answerTo(query, { answers: a("www.example.com", "192.0.2.1") })), 1),
      "a record of type A in the answer is malformed",
    ],
  ])("fails in words where the answer %s", async (_what, answer, detail) => {
    const { port } = await overTcp(answer);
    expect(await check(port, {})).toEqual(["fail", detail]);
  });

  it("takes an error without its question", async () => {
    const { port } = await overTcp((query) => streamEncode(answerTo({ ...query, questions: [] }, { rcode: 1 })));
    expect(await check(port, { dns_rcode: "FORMERR" })).toEqual(["pass", "FORMERR, no answers"]);
  });

  it.each<[string, string, string]>([
    ["closes at once", "", "connection closed before an answer"],
    ["closes in the middle", "\x00\x40abc", "connection closed before the end of the answer"],
    ["speaks HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", "connection closed before the end of the answer"],
  ])("fails in words where the server %s", async (_what, text, detail) => {
    const server = await startRawServer((socket) => socket.end(text, "latin1"));
    open.push(server);
    expect(await check(server.port, {})).toEqual(["fail", detail]);
  });
});

/** The framed message without its last bytes, with a length that says so. */
function cut(framed: Buffer, by: number): Buffer {
  const bytes = Buffer.from(framed.subarray(0, framed.length - by));
  bytes.writeUInt16BE(bytes.length - 2);
  return bytes;
}

describe("a DNS check over UDP", () => {
  const over = { transport: "udp" };
  const reply = (query: Asked, more: Packet = {}) => encode(answerTo(query, more));

  it("passes, and passes over what is not meant for it", async () => {
    const port = await udp((query, socket, { port: to, address }) => {
      socket.send(reply({ ...query, id: query.id ^ 0x8000 }, { answers: a("www.example.com", "192.0.2.66") }), to, address);
      socket.send(reply({ ...query, questions: [{ type: "A", name: "other.example" }] }), to, address);
      socket.send(reply(query, { answers: a("www.example.com", "192.0.2.1") }), to, address);
    });
    expect(await check(port, { ...over, dns_answers: ["192.0.2.1"] })).toEqual(["pass", "NOERROR, 1 answer"]);
  });

  it("fails at its deadline where nothing comes, or only what is not meant for it", async () => {
    const silent = await udp(() => undefined);
    expect(await check(silent, over, { timeout_ms: 100 })).toEqual(["fail", "no answer within 100 ms"]);
    const wrong = await udp((query, socket, { port: to, address }) => socket.send(reply({ ...query, id: query.id ^ 1 }), to, address));
    expect(await check(wrong, over, { timeout_ms: 100 })).toEqual(["fail", "no answer, only 1 to others' questions, within 100 ms"]);
  });

  it("fails in words where the answer is malformed, and where nobody listens", async () => {
    const malformed = await udp((query, socket, { port: to, address }) => socket.send(reply(query).subarray(0, 14), to, address));
    expect(await check(malformed, over)).toEqual(["fail", "the answer is not a valid DNS message"]);
    const dead = await udp(() => undefined);
    await open.pop()?.close();
    expect(await check(dead, over)).toEqual(["fail", "port unreachable: nobody listens"]);
  });

  it("asks again over TCP where the answer is truncated", async () => {
    const server = await tcp(() => ({ answers: a("www.example.com", "192.0.2.1", "192.0.2.2") }));
    const truncated = (query: Asked, socket: Socket, { port: to, address }: RemoteInfo) =>
      socket.send(reply(query, { flags: 0x0200 }), to, address);
    await udp(truncated, server.port);
    expect(await check(server.port, { ...over, dns_answers: ["192.0.2.2"] })).toEqual([
      "pass",
      "NOERROR, 2 answers (over TCP: truncated over UDP)",
    ]);
    const alone = await udp(truncated);
    expect(await check(alone, over)).toEqual(["fail", "truncated over UDP, and over TCP: connection refused"]);
  });

  it("asks again also where the truncated answer breaks off within a record", async () => {
    const server = await tcp(() => ({ answers: a("www.example.com", "192.0.2.1", "192.0.2.2") }));
    const broken = (query: Asked, socket: Socket, { port: to, address }: RemoteInfo) => {
      const whole = encode(answerTo(query, { flags: 0x0200, answers: a("www.example.com", "192.0.2.1", "192.0.2.2") }));
      socket.send(whole.subarray(0, -7), to, address);
    };
    await udp(broken, server.port);
    expect(await check(server.port, { ...over, dns_answers: ["192.0.2.2"] })).toEqual([
      "pass",
      "NOERROR, 2 answers (over TCP: truncated over UDP)",
    ]);
  });

  it("is not this vantage point's where it has no UDP", async () => {
    const io = { ...agentIo, capabilities: new Set(["tcp", "private"]) } as unknown as CheckerIo;
    expect(await check(53, over, { io })).toEqual(["no_data", "this vantage point cannot do what the check needs: udp"]);
  });
});

describe("a DNS check over HTTPS, by a Worker", () => {
  type Fetch = CheckIo["fetch"];
  const worker = (fetch: Fetch) => ({ ...agentIo, capabilities: new Set(["https_name", "private"]), fetch }) as CheckerIo;
  const at = { host: "dns.example.", endpoint: "dns.example." };
  const asked: { url: string; init: Parameters<Fetch>[1] }[] = [];
  const answering =
    (response: (query: Asked) => Response): Fetch =>
    async (url, init) => {
      asked.push({ url, init });
      return response(decode(Buffer.from(new URL(url).searchParams.get("dns") ?? "", "base64url")) as Asked);
    };
  const message = (query: Asked, headers: Record<string, string> = { "content-type": "application/dns-message" }) =>
    new Response(new Uint8Array(encode(answerTo(query, { answers: a("www.example.com", "192.0.2.1") }))), { headers });

  it("asks with GET at /dns-query, and 0 as its id", async () => {
    const io = worker(answering((query) => message(query)));
    expect(await check(443, { transport: "doh" }, { io, target: at })).toEqual(["pass", "NOERROR, 1 answer"]);
    expect(await check(8443, { transport: "doh" }, { io, target: { ...at, hostHeader: "DNS.example" } })).toEqual([
      "pass",
      "NOERROR, 1 answer",
    ]);
    expect(asked[0]?.url).toMatch(/^https:\/\/dns\.example\/dns-query\?dns=AAAB[A-Za-z0-9_-]+$/);
    expect(asked[1]?.url).toMatch(/^https:\/\/dns\.example:8443\/dns-query/);
    expect(asked[0]?.init).toMatchObject({ method: "GET", redirect: "manual" });
    expect(asked[0]?.init.headers).toContainEqual(["Accept", "application/dns-message"]);
  });

  it.each<[string, (query: Asked) => Response, string]>([
    ["another status", () => new Response("", { status: 404 }), "expected HTTP status 200, got 404"],
    [
      "a page",
      () => new Response("<html>", { headers: { "content-type": "text/html; charset=utf-8" } }),
      "expected application/dns-message, got text/html",
    ],
    ["no type", (query) => message(query, {}), "expected application/dns-message, got no content type"],
    [
      "too much",
      () => new Response(new Uint8Array(70_000), { headers: { "content-type": "application/dns-message" } }),
      "the body is longer than 65535 bytes",
    ],
    ["another id", (query) => message({ ...query, id: 7 }), "the answer has another id than the query"],
    ["nothing", () => Response.error(), "expected HTTP status 200, got 0"],
    ["Cloudflare's own answer", () => new Response("", { status: 521 }), "the origin refused the connection (521)"],
  ])("fails in words at %s", async (_what, response, detail) => {
    expect(await check(443, { transport: "doh" }, { io: worker(answering(response)), target: at })).toEqual(["fail", detail]);
  });

  it("fails where nobody answers", async () => {
    const never = worker(() => new Promise(() => undefined));
    expect(await check(443, { transport: "doh" }, { io: never, target: at, timeout_ms: 50 })).toEqual(["fail", "no answer within 50 ms"]);
    const broken = worker(() => Promise.reject(new Error("refused")));
    expect(await check(443, { transport: "doh" }, { io: broken, target: at })).toEqual(["fail", "no valid answer from the origin"]);
  });

  it("is not this vantage point's where Cloudflare refuses to let it ask", async () => {
    const refused = worker(answering(() => new Response("error code: 1003", { status: 403, headers: { server: "cloudflare" } })));
    const [outcome] = await check(443, { transport: "doh" }, { io: refused, target: at });
    expect(outcome).toBe("no_data");
  });

  it("to an address is not a Worker's", async () => {
    const io = worker(() => Promise.reject(new Error("not asked")));
    expect(await check(443, { transport: "doh" }, { io })).toEqual(["no_data", "this vantage point cannot do what the check needs: tls"]);
  });
});
