import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { limits } from "../../domain/limits.ts";
import { byteReader } from "./byte-reader.ts";
import { deadline } from "./deadline.ts";
import { check, ok, Servers, said } from "./http.fixture.ts";
import { type BodyState, bodyOf } from "./http-body.ts";
import { bodyChunks } from "./http1-body.ts";
import { type Head, readHead } from "./http1-head.ts";

const servers = new Servers();
afterEach(() => servers.closeAll());

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));
const join = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));

/** The bytes as a connection brings them: in pieces of these sizes, over and over. */
function arriving(bytes: Uint8Array, sizes: readonly number[]): ReadableStream<Uint8Array> {
  let at = 0;
  let turn = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      const size = sizes[turn++ % sizes.length] ?? 1;
      controller.enqueue(bytes.slice(at, at + size));
      at += size;
    },
  });
}

/** Head and body of an answer that arrives like this. */
async function read(bytes: Uint8Array, sizes: readonly number[], method = "GET", maximum?: number) {
  const end = deadline(new AbortController().signal);
  const input = byteReader(arriving(bytes, sizes), end);
  const head = await readHead(input);
  if (!head.ok) return { head: null, problem: head.error, text: "", state: "none" };
  const chunks = bodyChunks(head.value, input, method);
  if (!chunks.ok) return { head: head.value, problem: chunks.error, text: "", state: "none" };
  const body = bodyOf(chunks.value, maximum);
  let state: BodyState;
  do state = await body.readOn();
  while (state.kind === "open");
  const problem = state.kind === "broken" ? state.detail : null;
  return { head: head.value as Head | null, problem, text: Buffer.from(body.bytes()).toString("latin1"), state: state.kind as string };
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 8 });
const extension = fc.constantFrom("", ";a", ";a=b", ' ;a="b;c"', "\t;");
const chunksOf = (parts: readonly (readonly [Uint8Array, string, string])[]): Uint8Array =>
  join(
    ...parts.map(([part, more, zeros]) => join(latin1(`${zeros}${part.length.toString(16)}${more}\r\n`), part, latin1("\r\n"))),
    latin1("0\r\n\r\n"),
  );
const chunkedHead = latin1("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");

describe("properties of bodies", () => {
  it("chunks are the body, however they are cut and however they arrive", async () => {
    const parts = fc.array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 60 }), extension, fc.constantFrom("", "0", "000")), {
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(parts, sizes, async (each, how) => {
        const { text, problem, state } = await read(join(chunkedHead, chunksOf(each)), how);
        expect([problem, state]).toEqual([null, "end"]);
        expect(text).toBe(each.map(([part]) => Buffer.from(part).toString("latin1")).join(""));
      }),
    );
  });

  it("chunks that end too early are never a whole body", async () => {
    await fc.assert(
      fc.asyncProperty(pieces, sizes, fc.nat(), async (each, how, cut) => {
        const whole = chunksOf(each.map((part) => [part, "", ""] as const));
        // The last line break, after the end of the last chunk, is nobody's any more.
        const short = whole.slice(0, cut % (whole.length - 2));
        const { text, problem } = await read(join(chunkedHead, short), how);
        expect(problem).toBe("connection closed before the end of the body");
        expect(each.map((part) => Buffer.from(part).toString("latin1")).join("")).toContain(text);
      }),
    );
  });

  it("whatever follows the head, reading it ends, with a bounded body or with words", async () => {
    const mangled = fc.array(
      fc.constantFrom("0", "5", "a", "f", "\r\n", "\n", "\r", ";", " ", "-", "+", "x", "ff", "hello", "7fffffffffff"),
      { maxLength: 30 },
    );
    const head = fc.constantFrom(
      "Transfer-Encoding: chunked",
      "Content-Length: 7",
      "Content-Length: 5, 5",
      "Content-Encoding: gzip",
      "Content-Encoding: deflate",
      "X: y",
    );
    await fc.assert(
      fc.asyncProperty(head, mangled, sizes, async (header, parts, how) => {
        const answer = latin1(`HTTP/1.1 200 OK\r\n${header}\r\n\r\n${parts.join("")}`);
        const { text, problem } = await read(answer, how, "GET", 20);
        expect(text.length).toBeLessThanOrEqual(20);
        if (problem !== null) expect(problem).toMatch(/^[ -~]{1,200}$/);
      }),
    );
  });

  it("what was encoded is decoded, however it arrives", async () => {
    const codings = fc.constantFrom(
      ["gzip", gzipSync],
      ["x-gzip", gzipSync],
      ["deflate", deflateSync],
      ["deflate", deflateRawSync],
      ["GZIP", gzipSync],
    ) as fc.Arbitrary<[string, (bytes: Uint8Array) => Uint8Array]>;
    await fc.assert(
      fc.asyncProperty(codings, fc.uint8Array({ maxLength: 3_000 }), sizes, async ([name, encode], bytes, how) => {
        const head = latin1(`HTTP/1.1 200 OK\r\nContent-Encoding: ${name}\r\nContent-Length: ${encode(bytes).length}\r\n\r\n`);
        const { text, problem, state } = await read(join(head, encode(bytes)), how);
        expect([problem, state]).toEqual([null, "end"]);
        expect(text).toBe(Buffer.from(bytes).toString("latin1"));
      }),
      { numRuns: 50 },
    );
  });
});

describe("a body that is encoded", () => {
  const spec = { receive_string: "needle" };
  const sent = (bytes: Uint8Array, coding: string, ...headers: string[]) => {
    const head = latin1(ok("", `Content-Encoding: ${coding}`, ...headers));
    return servers.start((socket) => socket.end(join(head, bytes)));
  };

  it("is asked for only where somebody reads it", async () => {
    const server = await servers.start(ok("needle"));
    await check(server, { spec });
    await check(server, { spec: { receive_string_absent: "x" } });
    await check(server, { spec: { json_assertions: [{ path: "$", exists: true }] } });
    await check(server);
    expect(server.received.map((request) => /^Accept-Encoding: (.*)\r$/m.exec(request)?.[1])).toEqual([
      "gzip, identity",
      "gzip, identity",
      "gzip, identity",
      "identity",
    ]);
  });

  it("passes by what is in it", async () => {
    const text = Buffer.from(`${"hay ".repeat(3_000)}needle`);
    expect(said(await check(await sent(gzipSync(text), "gzip"), { spec }))).toBe("pass: 200");
    expect(said(await check(await sent(deflateSync(text), "deflate"), { spec }))).toBe("pass: 200");
    expect(said(await check(await sent(gzipSync(Buffer.from("hay")), "gzip"), { spec }))).toBe(
      "fail: the body of 3 bytes does not contain the expected text",
    );
  });

  it("decides as soon as it is there, before the encoding has ended", async () => {
    const whole = gzipSync(Buffer.concat([Buffer.from("needle"), Buffer.alloc(20_000, 7)]), { level: 0 });
    const server = await servers.start(
      (socket) => void socket.write(join(latin1(ok("", "Content-Encoding: gzip")), whole.subarray(0, 9_000))),
    );
    expect(said(await check(server, { spec }))).toBe("pass: 200");
  });

  it("is no more than 64 KiB of a body that swells to gigabytes", async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const before = process.memoryUsage().arrayBuffers;
    expect(said(await check(await sent(bomb, "gzip"), { spec }))).toBe(
      `fail: the first ${limits.checkBodyBytes} bytes of the body do not contain the expected text`,
    );
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000);
  });

  it("is given up where it yields nothing", async () => {
    // Stored blocks of no bytes, without end (RFC 1951, 3.2.4), after gzip's header.
    const header = gzipSync("").subarray(0, 10);
    const nothing = Buffer.alloc(300_000, Buffer.from([0, 0, 0, 0xff, 0xff]));
    expect(said(await check(await sent(join(header, nothing), "gzip"), { spec }))).toBe(
      `fail: the encoded body is longer than ${2 * limits.checkBodyBytes} bytes`,
    );
  });

  it.each([
    ["that is none", Buffer.from("needle"), "gzip", "fail: the body is not valid gzip"],
    ["that breaks off", gzipSync(Buffer.from("x".repeat(500))).subarray(0, 15), "gzip", "fail: the body is not valid gzip"],
    [
      "whose checksum is wrong",
      Buffer.concat([gzipSync("hay").subarray(0, -8), Buffer.alloc(8, 1)]),
      "gzip",
      "fail: the body is not valid gzip",
    ],
    ["that is none, deflated", Buffer.from("needle"), "deflate", "fail: the body is not valid deflate"],
    ["twice over", gzipSync(gzipSync("needle")), "gzip, gzip", "fail: the body is encoded more than once (gzip, gzip)"],
    ["in a way that is not known", Buffer.from("needle"), "zstd", "fail: the body is encoded (zstd), which was not asked for"],
    ["in nothing at all", Buffer.from("needle"), "identity", "pass: 200"],
    ["that is empty", Buffer.alloc(0), "gzip", "fail: the body of 0 bytes does not contain the expected text"],
  ])("%s", async (_title, bytes, coding, expected) => {
    expect(said(await check(await sent(bytes, coding), { spec }))).toBe(expected);
  });

  it("is nothing to a check that does not read it", async () => {
    expect(said(await check(await sent(Buffer.from("x"), "zstd")))).toBe("pass: 200");
  });
});

describe("a chunked body that is hardly any body", () => {
  const chunks = (count: number, more: string) => latin1(`${`1${more}\r\na\r\n`.repeat(count)}0\r\n\r\n`);

  it("is given up where its chunks say far more of themselves than they carry (RFC 9112, 7.1.1)", async () => {
    const wordy = await read(join(chunkedHead, chunks(300, `;${"x".repeat(1_000)}`)), [65_536]);
    expect(wordy.problem).toBe("the body's chunks say too much of themselves");
    expect(wordy.text.length).toBeLessThan(300);
  });

  it("is a body also where each byte is a chunk of its own", async () => {
    const { text, problem } = await read(join(chunkedHead, chunks(limits.checkBodyBytes, ";a")), [65_536]);
    expect([problem, text.length]).toEqual([null, limits.checkBodyBytes]);
  });
});
