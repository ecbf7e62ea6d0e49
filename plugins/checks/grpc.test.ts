import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import fc from "fast-check";
import { HealthImplementation } from "grpc-health-check";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { agentIo } from "../../agent/node-io.fixture.ts";
import { type RawServer, startRawServer } from "../../test/raw-server.ts";
import { runCheck } from "../../workers/checker/run-checks.ts";
import { monitorWrite } from "../index.ts";
import { deadline } from "./deadline.ts";
import { grpc } from "./grpc.ts";
import { requestMessage, servingStatus, wrongStatus } from "./grpc-health.ts";
import { requestOverHttp2 } from "./http2.ts";
import { frameBytes, frameTypes } from "./http2-frame.ts";

const server = new Server();
let port = 0;
beforeAll(async () => {
  new HealthImplementation({
    "": "SERVING",
    "shop.v1.Orders": "SERVING",
    "shop.v1.Stock": "NOT_SERVING",
    "shop.v1.Old": "UNKNOWN",
  }).addToServer(server);
  port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
});
afterAll(() => server.forceShutdown());

const others: { close(): unknown }[] = [];
afterEach(async () => {
  for (const other of others.splice(0)) await other.close();
});

async function check(at: number, more: object = {}, timeout_ms = 1_000): Promise<readonly [string, string]> {
  const target = { host: "127.0.0.1", port: null, hostHeader: null, endpoint: "127.0.0.1" };
  const outcome = await runCheck({ type: "GRPC", spec: { port: at, tls: false, ...more }, target, timeout_ms }, agentIo);
  expect(outcome.detail).toMatch(/^[ -~]{2,200}$/);
  return [outcome.outcome, outcome.detail];
}

/** An HTTP/2 server of Node's, that answers as it is told. */
async function http2Server(answer: (stream: ServerHttp2Stream, headers: Readonly<Record<string, unknown>>) => void): Promise<number> {
  const other: Http2Server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  other.on("session", (session) => sessions.add(session));
  other.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    answer(stream, headers);
  });
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  others.push({
    close: () => {
      for (const session of sessions) session.destroy();
      other.close();
    },
  });
  return (other.address() as AddressInfo).port;
}
const withTrailers = (stream: ServerHttp2Stream, trailers: Record<string, string>, body: Uint8Array, type = "application/grpc") => {
  stream.respond({ ":status": 200, "content-type": type }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end(body);
};

async function raw(bytes: Uint8Array | string, { atOnce = false, end = false } = {}): Promise<number> {
  const other: RawServer = await startRawServer(
    (socket) => {
      socket.write(bytes);
      if (end) socket.end();
    },
    { atOnce },
  );
  others.push(other);
  return other.port;
}

const serving = Uint8Array.of(0, 0, 0, 0, 2, 8, 1);

describe("a GRPC monitor", () => {
  const wrong = (fields: object) => {
    const issues = monitorWrite.safeParse({ type: "GRPC", port: 443, ...fields }).error?.issues ?? [];
    return issues.map(({ path, message }) => `/${path.join("/")} ${message}`);
  };

  it("needs TLS of its own, unless it is in plain text", () => {
    const needs = (fields: object, host: string | null, at: number | null = null) =>
      grpc.needs(grpc.spec.parse({ port: 443, ...fields }), host === null ? null : { host, port: at, hostHeader: null, endpoint: host });
    expect(needs({}, null)).toEqual(["tls"]);
    expect(needs({}, "api.example.")).toEqual(["tls"]);
    expect(needs({ tls: false }, "192.0.2.1")).toEqual(["tcp"]);
    expect(needs({ tls: false }, "10.0.0.1", 25)).toEqual(["tcp", "port_25", "private"]);
  });

  it("has a port, and says nothing about TLS where there is none", () => {
    expect(wrong({ port: undefined })).toEqual(["/port must be an integer from 1 to 65535"]);
    expect(wrong({ service: "x".repeat(256) })).toEqual(["/service must be at most 255 characters"]);
    expect(wrong({ sni: "a.example", insecure: true, min_days_valid: 5 })).toEqual([]);
    expect(wrong({ tls: false, sni: null, insecure: false, min_days_valid: 0, ca_cert: null })).toEqual([]);
    expect(wrong({ tls: false, sni: "a.example", insecure: true, min_days_valid: 5 })).toEqual([
      "/sni needs tls",
      "/insecure needs tls",
      "/min_days_valid needs tls",
    ]);
  });
});

describe("a GRPC check of a server of grpc-js", () => {
  it.each([
    ["", "pass", "SERVING"],
    ["shop.v1.Orders", "pass", "SERVING"],
    ["shop.v1.Stock", "fail", "expected SERVING, got NOT_SERVING"],
    ["shop.v1.Old", "fail", "expected SERVING, got UNKNOWN"],
    ["shop.v1.None", "fail", 'the server does not know the service "shop.v1.None" (NOT_FOUND)'],
  ])("of the service %j is a %s: %s", async (service, outcome, detail) => {
    expect(await check(port, { service })).toEqual([outcome, detail]);
  });

  it("without a health service fails and says so", async () => {
    const bare = new Server();
    const at = await new Promise<number>((resolve) => {
      bare.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (_error, bound) => resolve(bound));
    });
    others.push({ close: () => bare.forceShutdown() });
    expect(await check(at)).toEqual(["fail", "the server has no health service (UNIMPLEMENTED)"]);
  });
});

describe("a GRPC check of another HTTP/2 server", () => {
  it("says whom it asks, and what it is", async () => {
    let asked: Readonly<Record<string, unknown>> = {};
    const at = await http2Server((stream, headers) => {
      asked = headers;
      withTrailers(stream, { "grpc-status": "0" }, serving);
    });
    expect(await check(at)).toEqual(["pass", "SERVING"]);
    expect(asked).toMatchObject({
      ":method": "POST",
      ":path": "/grpc.health.v1.Health/Check",
      ":authority": `127.0.0.1:${at}`,
      te: "trailers",
      "content-type": "application/grpc",
      "user-agent": expect.stringMatching(/^Kosmos/),
    });
  });

  it.each<[string, (stream: ServerHttp2Stream) => void, string]>([
    ["of another status", (stream) => stream.respond({ ":status": 503 }, { endStream: true }), "expected HTTP status 200, got 503"],
    [
      "of a web page",
      (stream) => stream.respond({ ":status": 200, "content-type": "text/html" }, { endStream: true }),
      "the answer is not gRPC: text/html",
    ],
    ["of no type", (stream) => stream.respond({ ":status": 200 }, { endStream: true }), "the answer is not gRPC: no content type"],
    ["without a status", (stream) => withTrailers(stream, { a: "b" }, serving), "the answer has no grpc-status"],
    ["without a message", (stream) => withTrailers(stream, { "grpc-status": "0" }, new Uint8Array()), "the answer has no message"],
    [
      "with a long message",
      (stream) => withTrailers(stream, { "grpc-status": "0" }, new Uint8Array(70_000)),
      "the body is longer than 65536 bytes",
    ],
    [
      "of trailers alone",
      (stream) =>
        stream.respond(
          { ":status": 200, "content-type": "application/grpc", "grpc-status": "14", "grpc-message": "come%20back%0alater" },
          { endStream: true },
        ),
      "gRPC UNAVAILABLE: come back?later",
    ],
    ["that is reset", (stream) => stream.close(8), "the server reset the stream: CANCEL"],
    ["that breaks off", (stream) => stream.session?.destroy(), "connection closed before the end of the answer"],
  ])("fails in words at an answer %s", async (_what, answer, detail) => {
    expect(await check(await http2Server(answer))).toEqual(["fail", detail]);
  });

  it("takes a body of several frames, within the windows", async () => {
    const at = await http2Server((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      // Field 2, which the check does not know, of 60,000 bytes.
      const unknown = [0x12, 0xe0, 0xd4, 0x03, ...new Uint8Array(60_000)];
      const message = Buffer.from([8, 1, ...unknown]);
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(message.length, 1);
      stream.write(prefix.subarray(0, 2));
      stream.end(Buffer.concat([prefix.subarray(2), message]));
    });
    expect(await check(at)).toEqual(["pass", "SERVING"]);
  });
});

describe("a GRPC check of what is no such server", () => {
  const settings = frameBytes({ type: frameTypes.settings, flags: 0, stream: 0, payload: new Uint8Array() });
  it.each<[string, Uint8Array | string, object, string]>([
    ["speaks HTTP/1", "HTTP/1.1 400 Bad Request\r\n\r\n", { end: true }, "the server speaks HTTP/1, not HTTP/2"],
    ["greets like a mail server", "220 mail ESMTP\r\n", { atOnce: true }, 'the answer is not HTTP/2: "220 mail "'],
    ["says too little", "220", { end: true }, "connection closed before any answer"],
    ["ends after SETTINGS", settings, { end: true }, "connection closed before the end of the answer"],
    ["hangs after SETTINGS", settings, {}, "no answer within 300 ms"],
    [
      "floods with PINGs",
      Buffer.concat([
        settings,
        ...Array.from({ length: 1_200 }, () => frameBytes({ type: 6, flags: 0, stream: 0, payload: new Uint8Array(8) })),
      ]),
      {},
      "no answer within 1000 frames",
    ],
    [
      "sends too long a frame",
      Buffer.concat([settings, frameBytes({ type: 0, flags: 0, stream: 1, payload: new Uint8Array(20_000) })]),
      {},
      "a frame is longer than 16384 bytes",
    ],
  ])("fails in words where it %s", async (_what, bytes, options, detail) => {
    expect(await check(await raw(bytes, options), {}, 300)).toEqual(["fail", detail]);
  });
});

describe("headers of nghttp2, compressed as it likes", () => {
  it("are read as they were sent, over one connection's table of its own", async () => {
    const value = fc.string({
      unit: fc
        .oneof({ weight: 9, arbitrary: fc.integer({ min: 0x21, max: 0x7e }) }, fc.integer({ min: 0x80, max: 0xff }))
        .map((code) => String.fromCharCode(code)),
      minLength: 1,
      maxLength: 60,
    });
    let sent: Record<string, string> = {};
    let again: Record<string, string> = {};
    const at = await http2Server((stream) => {
      stream.respond({ ":status": 200, ...sent }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers(again));
      stream.end();
    });
    await fc.assert(
      fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 12 }), async (values) => {
        sent = Object.fromEntries(values.map((text, index) => [`x-${index}`, text]));
        again = { ...sent, "x-last": "1" };
        const io = { hostname: "127.0.0.1", port: at };
        const socket = agentIo.connect(io);
        await socket.opened;
        const headers = [
          [":method", "GET"],
          [":scheme", "http"],
          [":path", "/"],
          [":authority", "a"],
        ] as const;
        const end = deadline(AbortSignal.timeout(5_000));
        const answer = await requestOverHttp2(socket, end, { headers, body: null });
        end.clear();
        void socket.close();
        if (!answer.ok) throw new Error(answer.error);
        expect(Object.fromEntries(answer.value.headers)).toMatchObject(sent);
        expect(Object.fromEntries(answer.value.trailers)).toEqual(again);
      }),
      { numRuns: 60 },
    );
  });
});

describe("the messages of the health service", () => {
  const framed = (...message: number[]) => Uint8Array.of(0, 0, 0, 0, message.length, ...message);
  it("name the service, or nothing for the server as a whole", () => {
    expect([...requestMessage("")]).toEqual([0, 0, 0, 0, 0]);
    expect([...requestMessage("a.B")]).toEqual([0, 0, 0, 0, 5, 0x0a, 3, 97, 46, 66]);
    expect([...requestMessage("x".repeat(200)).subarray(0, 8)]).toEqual([0, 0, 0, 0, 203, 0x0a, 0xc8, 1]);
  });

  it.each<[Uint8Array, string]>([
    [framed(8, 1), "SERVING"],
    [framed(), "UNKNOWN"],
    [framed(8, 1, 8, 2), "NOT_SERVING"],
    [framed(8, 3), "SERVICE_UNKNOWN"],
    [framed(8, 9), "status 9"],
    [framed(0x15, 1, 2, 3, 4, 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x22, 1, 0, 8, 1), "SERVING"],
    [framed(8), "the message is no HealthCheckResponse"],
    [framed(0x22, 9, 1), "the message is no HealthCheckResponse"],
    [framed(0x0b), "the message is no HealthCheckResponse"],
    [framed(0, 1), "the message is no HealthCheckResponse"],
    [Uint8Array.of(1, 0, 0, 0, 2, 8, 1), "the message is compressed although nothing was offered"],
    [Uint8Array.of(0, 0, 0, 0, 3, 8, 1), "the message is not as long as it says"],
    [Uint8Array.of(0, 0), "the answer has no message"],
  ])("%j says %s", (body, expected) => {
    const status = servingStatus(body);
    expect(status.ok ? status.value : status.error).toBe(expected);
  });

  it.each<[readonly [string, string][], string | null]>([
    [[["grpc-status", "0"]], null],
    [[], "the answer has no grpc-status"],
    [[["grpc-status", "x"]], "the grpc-status is not valid: x"],
    [[["grpc-status", "99"]], "gRPC status 99"],
    [
      [
        ["grpc-status", "7"],
        ["grpc-message", "%zz no"],
      ],
      "gRPC PERMISSION_DENIED: %zz no",
    ],
  ])("of the status %j say %s", (fields, expected) => {
    expect(wrongStatus(fields, "a")).toBe(expected);
  });

  it("never make it throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (body) => {
        const status = servingStatus(body);
        expect(status.ok ? status.value : status.error).toMatch(/^[ -~]+$/);
      }),
    );
  });
});
