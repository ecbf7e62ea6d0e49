/** The body of an HTTP/1.x response as pieces (RFC 9112, 6): by its length, chunked, or until the connection closes. */
import { limits } from "../../domain/limits.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { ByteReader } from "./byte-reader.ts";
import type { BodyChunks } from "./http-body.ts";
import { decoded } from "./http-decode.ts";
import type { Head } from "./http1-head.ts";

/** The body of the answer to `method`, decoded; or what is wrong with the headers that say how it ends. */
export function bodyChunks({ status, old, headers }: Head, input: ByteReader, method = "GET"): Result<BodyChunks, string> {
  if (method === "HEAD" || status === 204 || status === 304 || status === 101) return ok(async () => ({ kind: "end" }));
  const all = (name: string): string[] =>
    (headers.get(name) ?? []).flatMap((value) => value.split(",").map((part) => part.trim().toLowerCase()));
  const codings = all("content-encoding").filter((coding) => coding !== "identity" && coding !== "");
  // RFC 9112, 6.1: HTTP/1.0 knows no transfer encodings; who sends one all the same may not mean it.
  const body = framed(old ? [] : all("transfer-encoding"), all("content-length"), input);
  return body.ok ? ok(decoded(body.value, codings)) : body;
}

function framed(transfer: readonly string[], contentLength: readonly string[], input: ByteReader): Result<BodyChunks, string> {
  // RFC 9112, 6.3: where both are there, the encoding beats the length.
  if (transfer.length > 0) {
    return transfer.length === 1 && transfer[0] === "chunked" ? ok(chunked(input)) : fail("the transfer encoding is not chunked");
  }
  const lengths = [...new Set(contentLength)];
  if (lengths.length === 0) return ok(untilClose(input));
  const [length = ""] = lengths;
  return lengths.length === 1 && /^[0-9]{1,15}$/.test(length)
    ? ok(ofLength(input, Number(length)))
    : fail("the Content-Length is not valid");
}

function untilClose(input: ByteReader): BodyChunks {
  return async () => {
    const bytes = await input.some(Number.MAX_SAFE_INTEGER);
    if (bytes.ok) return { kind: "bytes", bytes: bytes.value };
    return bytes.error === "closed" ? { kind: "end" } : { kind: "broken", detail: input.say(bytes.error, "body") };
  };
}

function ofLength(input: ByteReader, length: number): BodyChunks {
  let left = length;
  return async () => {
    if (left === 0) return { kind: "end" };
    const bytes = await input.some(left);
    if (!bytes.ok) return { kind: "broken", detail: input.say(bytes.error, "body") };
    left -= bytes.value.length;
    return { kind: "bytes", bytes: bytes.value };
  };
}

const chunkLineBytes = 1024;
/** RFC 9112, 7.1.1: what chunks say of themselves is bounded in all. It is enough for a body in which each byte is a chunk. */
const chunkLinesBytes = 4 * limits.checkBodyBytes;

function chunked(input: ByteReader): BodyChunks {
  let left = 0;
  let first = true;
  let said = 0;
  return async () => {
    if (left === 0) {
      if (!first) {
        const after = await input.line(chunkLineBytes);
        if (!after.ok) return { kind: "broken", detail: input.say(after.error, "body") };
        if (after.value !== "") return { kind: "broken", detail: "a chunk of the body is longer than it says" };
      }
      first = false;
      const size = await input.line(chunkLineBytes);
      if (!size.ok) return { kind: "broken", detail: input.say(size.error, "body") };
      said += size.value.length;
      if (said > chunkLinesBytes) return { kind: "broken", detail: "the body's chunks say too much of themselves" };
      const [, digits] = /^([0-9a-fA-F]{1,12})[ \t]*(;.*)?$/.exec(size.value) ?? [];
      if (digits === undefined) return { kind: "broken", detail: "a chunk of the body has no valid size" };
      left = Number.parseInt(digits, 16);
      if (left === 0) return { kind: "end" };
    }
    const bytes = await input.some(left);
    if (!bytes.ok) return { kind: "broken", detail: input.say(bytes.error, "body") };
    left -= bytes.value.length;
    return { kind: "bytes", bytes: bytes.value };
  };
}
