/**
 * Undoes a body's content coding (RFC 9110, 8.4): gzip and deflate, in small bites, so that a body of a few bytes that swells to gigabytes never
 * is more than a bite's worth of memory, and one that never yields anything is given up.
 */
import { limits } from "../../domain/limits.ts";
import type { BodyChunk, BodyChunks } from "./http-body.ts";

/** Deflate swells at most 1,032 times: a bite becomes at most about half a MiB. */
const biteBytes = 512;
/** An honest encoding of the 64 KiB that are read is hardly longer than they are. */
const encodedBytes = 2 * limits.checkBodyBytes;

type Format = "gzip" | "deflate" | "deflate-raw";

/** `codings` in the order in which they were applied, in lower case, without identity. */
export function decoded(next: BodyChunks, codings: readonly string[]): BodyChunks {
  const [coding, ...others] = codings;
  if (coding === undefined) return next;
  if (others.length > 0) return broken(`the body is encoded more than once (${listed(codings)})`);
  if (coding === "gzip" || coding === "x-gzip") return inflated(next, coding, () => "gzip");
  // By the standard deflate means zlib's format; there are servers that send what is inside of it.
  if (coding === "deflate") return inflated(next, coding, (first) => (isZlib(first) ? "deflate" : "deflate-raw"));
  return broken(`the body is encoded (${listed(codings)}), which was not asked for`);
}

const listed = (codings: readonly string[]): string =>
  codings
    .join(", ")
    .replace(/[^ -~]/g, "?")
    .slice(0, 40);

const broken =
  (detail: string): BodyChunks =>
  async () => ({ kind: "broken", detail });

/** RFC 1950, 2.2: the method is 8, and the first two bytes are a multiple of 31. */
const isZlib = (first: Uint8Array): boolean => {
  const [method = 0, flags = 0] = first;
  return (method & 0x0f) === 8 && (first.length < 2 || (method * 256 + flags) % 31 === 0);
};

function inflated(next: BodyChunks, coding: string, formatOf: (first: Uint8Array) => Format): BodyChunks {
  const bad: BodyChunk = { kind: "broken", detail: `the body is not valid ${coding}` };
  const bite = bites(next);
  let stream: { writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>; reader: ReadableStreamDefaultReader<Uint8Array> } | null =
    null;
  let reading: Promise<BodyChunk> | null = null;
  let feeding: Promise<BodyChunk | null> | null = null;

  /** One bite into the stream: null, or what ends the body early. */
  const feed = async (writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>): Promise<BodyChunk | null> => {
    const chunk = await bite();
    if (chunk.kind === "broken") return chunk;
    // Both ends of the stream fail together; it is said where the output is read.
    if (chunk.kind === "bytes") await writer.write(new Uint8Array(chunk.bytes)).catch(() => undefined);
    else await writer.close().catch(() => undefined);
    return chunk.kind === "end" ? new Promise(() => undefined) : null;
  };

  return async () => {
    if (stream === null) {
      const first = await bite.peek();
      if (first.kind !== "bytes") return first;
      const { writable, readable } = new DecompressionStream(formatOf(first.bytes));
      stream = { writer: writable.getWriter(), reader: readable.getReader() };
      stream.writer.closed.catch(() => undefined);
    }
    const { writer, reader } = stream;
    for (;;) {
      reading ??= reader.read().then(
        (part): BodyChunk => (part.done ? { kind: "end" } : { kind: "bytes", bytes: part.value }),
        () => bad,
      );
      feeding ??= feed(writer);
      // Output first, where both are there.
      const won = await Promise.race([reading, feeding]);
      if (won === null) {
        feeding = null;
        continue;
      }
      if (won.kind !== "bytes") {
        reader.cancel().catch(() => undefined);
        return won;
      }
      reading = null;
      if (won.bytes.length > 0) return won;
    }
  };
}

/** The body in pieces of at most one bite, as long as there are not too many of them. */
function bites(next: BodyChunks): BodyChunks & { peek: BodyChunks } {
  let rest: Uint8Array = new Uint8Array();
  let total = 0;
  const fill: BodyChunks = async () => {
    while (rest.length === 0) {
      if (total > encodedBytes) return { kind: "broken", detail: `the encoded body is longer than ${encodedBytes} bytes` };
      const chunk = await next();
      if (chunk.kind !== "bytes") return chunk;
      rest = chunk.bytes;
      total += rest.length;
    }
    return { kind: "bytes", bytes: rest };
  };
  const take: BodyChunks = async () => {
    const chunk = await fill();
    if (chunk.kind !== "bytes") return chunk;
    const bytes = rest.subarray(0, biteBytes);
    rest = rest.subarray(bytes.length);
    return { kind: "bytes", bytes };
  };
  return Object.assign(take, { peek: fill });
}
