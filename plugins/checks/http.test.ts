import type { Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { CheckTarget, Outcome } from "../../domain/check.ts";
import { limits } from "../../domain/limits.ts";
import { version } from "../../domain/version.ts";
import { type RawServer, startRawServer } from "../../test/raw-server.ts";
import { type World, worker, worlds } from "../../test/worlds.ts";
import { runCheck } from "../../workers/checker/run-checks.ts";

const servers: RawServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

type Talk = (socket: Socket) => void;
type Asked = { spec?: object; target?: Partial<CheckTarget>; timeout_ms?: number; atOnce?: boolean; address?: string };

/** The outcome of an HTTP check of a server that talks like this, and what the server was sent. */
const askFrom =
  (world: World) =>
  async (talk: Talk | string, { spec = {}, target = {}, timeout_ms = 2_000, ...how }: Asked = {}) => {
    const server = await startRawServer(typeof talk === "string" ? (socket) => socket.end(talk, "latin1") : talk, how);
    servers.push(server);
    const host = how.address ?? "127.0.0.1";
    const outcome = await runCheck(
      {
        type: "HTTP",
        timeout_ms,
        spec: { port: server.port, ...spec },
        target: { host, port: null, hostHeader: null, endpoint: host, ...target },
      },
      world.invoke().io,
    );
    return { outcome, sent: server.received[0] ?? "", port: server.port };
  };
const said = ({ outcome }: { outcome: Outcome }) => `${outcome.outcome}: ${outcome.detail}`;
const ok = (body: string, ...headers: string[]) => ["HTTP/1.1 200 OK", ...headers, "", body].join("\r\n");

describe.each(worlds)("what an HTTP check sends over a connection of its own from %s", (_name, world) => {
  const ask = askFrom(world);
  it("is one HTTP/1.1 request for an answer that is not compressed", async () => {
    const { sent, port } = await ask(ok(""), { spec: { url_path: "/health?full=1" } });
    expect(sent).toBe(
      [
        "GET /health?full=1 HTTP/1.1",
        `Host: 127.0.0.1:${port}`,
        `User-Agent: Kosmos/${version}`,
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
        "",
        "",
      ].join("\r\n"),
    );
  });

  it("has the member's Host, else the monitor's, else the endpoint with its port", async () => {
    const headers = { hOsT: "of.monitor" };
    const hostOf = async (asked: Asked) => /^Host: (.*)\r$/m.exec((await ask(ok(""), asked)).sent)?.[1];
    expect(await hostOf({ spec: { headers }, target: { hostHeader: "of.member:81" } })).toBe("of.member:81");
    expect(await hostOf({ spec: { headers } })).toBe("of.monitor");
    expect(await hostOf({ target: { endpoint: "2001:db8::1" } })).toMatch(/^\[2001:db8::1\]:\d+$/);
    // Checked at another address and port than it serves at: the Host is where it serves.
    const server = await startRawServer((socket) => socket.end(ok("")));
    servers.push(server);
    const target = { host: "127.0.0.1", port: server.port, hostHeader: null, endpoint: "192.0.2.1" };
    await runCheck({ type: "HTTP", timeout_ms: 2_000, spec: {}, target }, world.invoke().io);
    expect(server.received[0]).toContain("\r\nHost: 192.0.2.1\r\n");
  });

  it("has the monitor's headers, its method and its payload with its length in bytes", async () => {
    const payload = { content_type: "application/json; charset=utf-8", content: '{"a":"ü"}' };
    const { sent } = await ask(ok(""), { spec: { http_method: "post", payload, headers: { "X-A": "1, 2", "User-Agent": "mine" } } });
    expect(sent).toMatch(/^POST \/ HTTP\/1.1\r\n/);
    expect(sent).toContain("\r\nX-A: 1, 2\r\n");
    expect(sent.match(/^User-Agent: .*$/gm)).toEqual(["User-Agent: mine"]);
    expect(sent).toContain("\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 10\r\n\r\n");
    expect((await ask(ok(""), { spec: { http_method: "PUT" } })).sent).toContain("\r\nContent-Length: 0\r\n\r\n");
  });
});

describe.each(worlds)("what an HTTP check makes of a head from %s", (_name, world) => {
  const ask = askFrom(world);
  it.each([
    ["HTTP/1.1 200 OK\r\nServer: x\r\n\r\n", "pass: 200"],
    ["HTTP/1.0 200 OK\r\n\r\n", "pass: 200"],
    ["HTTP/1.1 200\r\n\r\n", "pass: 200"],
    ["HTTP/1.1 200 OK\n\n", "pass: 200"],
    ["HTTP/1.1 200 OK\r\nEmpty:\r\nOdd: \xff\r\n\r\n", "pass: 200"],
    ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "pass: 200"],
    ["HTTP/1.1 503 Busy\r\n\r\n", "fail: expected 200, got 503"],
    ["HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", "fail: expected 200, got 301"],
    ["HTTP/1.1 101 Switching\r\n\r\n", "fail: expected 200, got 101"],
    ["", "fail: connection closed before a status line"],
    ["HTTP/1.1 20", "fail: connection closed before a status line"],
    ["HTTP/1.1 200 OK\r\nServer: x\r\n", "fail: connection closed before the end of the headers"],
    ["SSH-2.0-OpenSSH_9.6\r\n", 'fail: the answer is not HTTP: "SSH-2.0-OpenSSH_9.6"'],
    ["HTTP/2 200\r\n\r\n", 'fail: the answer is not HTTP: "HTTP/2 200"'],
    ["HTTP/1.1 2000 OK\r\n\r\n", 'fail: the answer is not HTTP: "HTTP/1.1 2000 OK"'],
    ["\x16\x03\x01\x00\n\r\n", 'fail: the answer is not HTTP: "????"'],
    ["HTTP/1.1 200 OK\r\nno colon here\r\n\r\n", 'fail: malformed header line: "no colon here"'],
    ["HTTP/1.1 200 OK\r\nA : b\r\n\r\n", 'fail: malformed header line: "A : b"'],
    ["HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\tonce more\r\n\r\n", "pass: 200"],
    ["HTTP/1.1 200 OK\r\n folded\r\n\r\n", 'fail: malformed header line: " folded"'],
    ["HTTP/1.1 200 OK\r\n: nameless\r\n\r\n", 'fail: malformed header line: ": nameless"'],
  ])("%j is %s", async (answer, expected) => {
    expect(said(await ask(answer))).toBe(expected);
  });

  it("is a fail when the headers, or a line without an end, are longer than it reads", async () => {
    const long = "a".repeat(limits.checkHeadBytes);
    expect(said(await ask(`HTTP/1.1 200 OK\r\nA: ${long}\r\n\r\n`))).toBe(
      `fail: the headers are longer than ${limits.checkHeadBytes} bytes`,
    );
    const folded = `A: b\r\n${" ".repeat(1_000)}c\r\n`.repeat(limits.checkHeaders / 2);
    expect(said(await ask(`HTTP/1.1 200 OK\r\n${folded}\r\n`))).toBe(`fail: the headers are longer than ${limits.checkHeadBytes} bytes`);
    const hints = `HTTP/1.1 103 Early Hints\r\nLink: ${"a".repeat(limits.checkHeadBytes / 4)}\r\n\r\n`;
    expect(said(await ask(hints.repeat(5)))).toBe(`fail: the headers are longer than ${limits.checkHeadBytes} bytes`);
    expect(said(await ask("x".repeat(2 * limits.checkHeadBytes)))).toBe("fail: the answer is not HTTP");
  });

  it("is a fail when there are more headers, or more interim answers, than it reads", async () => {
    const headers = (count: number) => `HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(count)}\r\n`;
    expect(said(await ask(headers(limits.checkHeaders)))).toBe("pass: 200");
    expect(said(await ask(headers(limits.checkHeaders + 1)))).toBe(`fail: more than ${limits.checkHeaders} headers`);
    const interim = (count: number) => `${"HTTP/1.1 100 Continue\r\n\r\n".repeat(count)}HTTP/1.1 200 OK\r\n\r\n`;
    expect(said(await ask(interim(limits.checkInterimAnswers)))).toBe("pass: 200");
    expect(said(await ask(interim(limits.checkInterimAnswers + 1)))).toBe(`fail: more than ${limits.checkInterimAnswers} interim answers`);
  });

  it("does not take long for a line that is all blanks", async () => {
    const blanks = " ".repeat(limits.checkHeadBytes - 100);
    expect(said(await ask(`HTTP/1.1 200 OK\r\nA:${blanks}x${blanks.slice(0, 10)}\r\n\r\n`))).toBe("pass: 200");
  });

  it("is found in ranges of expected codes too", async () => {
    const spec = { expected_codes: [404, "200-299"] };
    expect(said(await ask("HTTP/1.1 204 No Content\r\n\r\n", { spec }))).toBe("pass: 204");
    expect(said(await ask("HTTP/1.1 300 X\r\n\r\n", { spec }))).toBe("fail: expected 404, 200-299, got 300");
  });

  it("decides as soon as it is there: the body is not waited for", async () => {
    expect(said(await ask((socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")))).toBe("pass: 200");
  });
});

describe.each(worlds)("what an HTTP check makes of time and of broken connections from %s", (_name, world) => {
  const ask = askFrom(world);
  const timeout_ms = 150;

  it("is a fail when nothing is answered, and when the head or the body do not end", async () => {
    expect(said(await ask(() => undefined, { timeout_ms }))).toBe("fail: no answer within 150 ms");
    const slow = await ask((socket) => void socket.write("HTTP/1.1 200 OK\r\nServer"), { timeout_ms });
    expect(said(slow)).toBe("fail: the headers did not end within 150 ms");
    const body = await ask((socket) => void socket.write(ok("hal")), { timeout_ms, spec: { receive_string: "hallo" } });
    expect(said(body)).toBe("fail: the body did not end within 150 ms");
  });

  it("is a fail when a byte drips in now and then, for as long as the check may take", async () => {
    const drip = (socket: Socket) => {
      const timer = setInterval(() => socket.write("X-A: b\r\n"), 20);
      socket.on("close", () => clearInterval(timer));
      socket.write("HTTP/1.1 200 OK\r\n");
    };
    expect(said(await ask(drip, { timeout_ms }))).toBe("fail: the headers did not end within 150 ms");
  });

  it("is a pass when a good answer drips in in time", async () => {
    const bytes = [...ok("hallo", "Content-Length: 5")];
    const drip = (socket: Socket) => {
      const timer = setInterval(() => {
        const byte = bytes.shift();
        if (byte === undefined) clearInterval(timer);
        else socket.write(byte);
      }, 1);
      socket.on("close", () => clearInterval(timer));
    };
    expect(said(await ask(drip, { spec: { receive_string: "hallo" } }))).toBe("pass: 200");
  });

  it("is a fail when the connection is reset, or closed at once", async () => {
    expect(said(await ask((socket) => socket.resetAndDestroy()))).toBe("fail: connection reset before a status line");
    expect(said(await ask((socket) => socket.end(), { atOnce: true }))).toMatch(/^fail: connection (closed|reset) before a status line$/);
  });

  it("is a fail when nobody listens", async () => {
    const server = await startRawServer(() => undefined);
    await server.close();
    const target = { host: "127.0.0.1", port: server.port, hostHeader: null, endpoint: "127.0.0.1" };
    const outcome = await runCheck({ type: "HTTP", timeout_ms: 2_000, spec: {}, target }, world.invoke().io);
    expect(said({ outcome })).toBe(world === worker ? "fail: connection refused or unreachable" : "fail: connection refused");
  });

  it("reaches IPv6", async () => {
    expect(said(await ask(ok(""), { address: "::1" }))).toBe("pass: 200");
  });
});

describe.each(worlds)("what an HTTP check makes of a body from %s", (_name, world) => {
  const ask = askFrom(world);
  const spec = { receive_string: "hallo" };
  const chunked = "Transfer-Encoding: chunked";
  const bytes = limits.checkBodyBytes;

  it.each([
    ["with its length", ok("well hallo there", "Content-Length: 16"), "pass: 200"],
    ["until the connection closes", ok("well hallo"), "pass: 200"],
    ["in chunks, also across them", ok("3;a=b\r\n.ha\r\n2\r\nll\r\n1\r\no\r\n0\r\n\r\n", chunked), "pass: 200"],
    ["without the text", ok("goodbye", "Content-Length: 7"), "fail: the body of 7 bytes does not contain the expected text"],
    [
      "whose text comes after its length",
      ok("hehallo", "Content-Length: 2"),
      "fail: the body of 2 bytes does not contain the expected text",
    ],
    ["that is empty", ok(""), "fail: the body of 0 bytes does not contain the expected text"],
    ["that is shorter than it says", ok("ha", "Content-Length: 5"), "fail: connection closed before the end of the body"],
    ["with a length that is none", ok("hallo", "Content-Length: -5"), "fail: the Content-Length is not valid"],
    ["with two lengths", ok("hallo", "Content-Length: 5", "Content-Length: 6"), "fail: the Content-Length is not valid"],
    ["with one length twice", ok("hallo", "Content-Length: 5", "Content-Length: 5"), "pass: 200"],
    ["in chunks with a size that is none", ok("zz\r\nhallo\r\n", chunked), "fail: a chunk of the body has no valid size"],
    ["in chunks that are too long", ok("1\r\nhallo\r\n", chunked), "fail: a chunk of the body is longer than it says"],
    ["in chunks that break off", ok("5\r\nhal", chunked), "fail: connection closed before the end of the body"],
    ["in another coding", ok("hallo", "Transfer-Encoding: gzip, chunked"), "fail: the transfer encoding is not chunked"],
    ["in chunks, whatever its length says", ok("5\r\nhallo\r\n0\r\n\r\n", "Content-Length: 2", chunked), "pass: 200"],
    [
      "in chunks, with trailers",
      ok("5\r\nhello\r\n0\r\nX: hallo\r\n\r\n", chunked),
      "fail: the body of 5 bytes does not contain the expected text",
    ],
    ["chunked twice over", ok("5\r\nhallo\r\n0\r\n\r\n", chunked, chunked), "fail: the transfer encoding is not chunked"],
    [
      "in an encoding that nobody asked for",
      ok("hallo", "Content-Encoding: br"),
      "fail: the body is encoded (br), which was not asked for",
    ],
    ["that only says it is encoded", ok("hallo", "Content-Encoding: gzip"), "fail: the body is not valid gzip"],
    ["of HTTP/1.0, which has no chunks", ok("0\r\nhallo", chunked).replace("1.1", "1.0"), "pass: 200"],
    ["with the text at the end of what is read", ok(`${"x".repeat(bytes - 5)}hallo`), "pass: 200"],
    [
      "with the text too late",
      ok(`${"x".repeat(bytes - 4)}hallo`),
      `fail: the first ${bytes} bytes of the body do not contain the expected text`,
    ],
  ])("%s", async (_title, answer, expected) => {
    expect(said(await ask(answer, { spec }))).toBe(expected);
  });

  it("finds a text that begins like itself, and one that is not ASCII", async () => {
    expect(said(await ask(ok("aaaaab"), { spec: { receive_string: "aaab" } }))).toBe("pass: 200");
    expect(said(await ask((socket) => socket.end(ok("grün")), { spec: { receive_string: "ü" } }))).toBe("pass: 200");
  });

  it("stops as soon as the text was seen", async () => {
    expect(said(await ask((socket) => void socket.write(ok("hallo", "Content-Length: 100")), { spec }))).toBe("pass: 200");
  });

  it("is not there in an answer that cannot have one", async () => {
    const answer = "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhallo";
    expect(said(await ask(answer, { spec: { ...spec, expected_codes: [204] } }))).toBe(
      "fail: the body of 0 bytes does not contain the expected text",
    );
  });
});
