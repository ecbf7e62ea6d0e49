/** An HTTP/2 request over a connection that is open: one stream, one answer, within bounds (RFC 9113). The deadline is the connection's. */
import type { CheckSocket } from "../../domain/check.ts";
import { limits } from "../../domain/limits.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { byteReader } from "./byte-reader.ts";
import type { Deadline } from "./deadline.ts";
import { hpackEncoded } from "./hpack.ts";
import type { HeaderField } from "./hpack-tables.ts";
import { type Http2Answer, http2Exchange } from "./http2-exchange.ts";
import { frameBytes, frameFlags, frameHead, frameTypes, headerBytes, maximumPayload, readPayload } from "./http2-frame.ts";
import { readExactly } from "./read-exactly.ts";
import { shown } from "./shown.ts";

export type Http2Request = {
  /** The pseudo-headers first (RFC 9113, 8.3). ASCII. */
  readonly headers: readonly HeaderField[];
  /** At most what one frame carries; null: none. */
  readonly body: Uint8Array | null;
};

/** The answer, or what to say instead. */
export async function requestOverHttp2(socket: CheckSocket, end: Deadline, request: Http2Request): Promise<Result<Http2Answer, string>> {
  const writer = socket.writable.getWriter();
  // Not awaited: what breaks off is seen by the reader.
  const send = (bytes: Uint8Array): void => void writer.write(bytes).catch(() => undefined);
  send(requestBytes(request));
  const input = byteReader(socket.readable, end);
  const exchange = http2Exchange({ headBytes: limits.checkHeadBytes, bodyBytes: limits.checkBodyBytes });
  for (let count = 0; count < limits.http2Frames; count += 1) {
    const bytes = await readExactly(input, headerBytes);
    if (!bytes.ok) {
      if (bytes.error === "timeout") return fail(input.noAnswer());
      return fail(count === 0 ? `connection ${bytes.error} before any answer` : input.say(bytes.error, "answer"));
    }
    const head = frameHead(bytes.value);
    if (count === 0 && !isGreeting(head)) return fail(notHttp2(bytes.value));
    const frame = await readPayload(input, head);
    if (!frame.ok)
      return fail(frame.error === "too long" ? `a frame is longer than ${maximumPayload} bytes` : input.say(frame.error, "answer"));
    const step = exchange(frame.value);
    if (step.kind === "answered") return ok(step.answer);
    if (step.kind === "broken") return fail(step.detail);
    if (step.send.length > 0) send(step.send);
  }
  return fail(`no answer within ${limits.http2Frames} frames`);
}

/** A server's first frame is SETTINGS (RFC 9113, 3.4): six bytes for each, so it is never long. */
const isGreeting = (head: ReturnType<typeof frameHead>): boolean =>
  head.type === frameTypes.settings && head.stream === 0 && head.length <= maximumPayload;

function notHttp2(bytes: Uint8Array): string {
  const text = String.fromCharCode(...bytes);
  return text.startsWith("HTTP/1.") ? "the server speaks HTTP/1, not HTTP/2" : `the answer is not HTTP/2: ${JSON.stringify(shown(text))}`;
}

/** RFC 9113, 3.4: without push, and otherwise with the defaults, which are enough for a small answer. */
function requestBytes({ headers, body }: Http2Request): Uint8Array {
  const preface = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const noPush = Uint8Array.of(0, 2, 0, 0, 0, 0);
  const { endStream, endHeaders } = frameFlags;
  const parts = [
    preface,
    frameBytes({ type: frameTypes.settings, flags: 0, stream: 0, payload: noPush }),
    frameBytes({
      type: frameTypes.headers,
      flags: endHeaders | (body === null ? endStream : 0),
      stream: 1,
      payload: hpackEncoded(headers),
    }),
    ...(body === null ? [] : [frameBytes({ type: frameTypes.data, flags: endStream, stream: 1, payload: body })]),
  ];
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
