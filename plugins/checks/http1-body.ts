/** The body of an HTTP/1.x response as pieces (RFC 9112, 6): by its length, chunked, or until the connection closes. */
import { fail, ok, type Result } from "../../domain/result.ts";
import type { ByteReader } from "./byte-reader.ts";
import type { BodyChunks } from "./http-body.ts";
import type { Head } from "./http1-head.ts";

/** Or what is wrong with the headers that say how the body ends. */
export function bodyChunks({ status, headers }: Head, input: ByteReader): Result<BodyChunks, string> {
  const all = (name: string): string[] =>
    (headers.get(name) ?? []).flatMap((value) => value.split(",").map((part) => part.trim().toLowerCase()));
  const codings = all("content-encoding").filter((coding) => coding !== "identity" && coding !== "");
  if (codings.length > 0) return fail(`the body is encoded (${codings.join(", ").slice(0, 40)}) although identity was asked for`);
  if (status === 204 || status === 304 || status === 101) return ok(async () => ({ kind: "end" }));

  const transfer = all("transfer-encoding");
  if (transfer.length > 0) {
    return transfer.length === 1 && transfer[0] === "chunked" ? ok(chunked(input)) : fail("the transfer encoding is not chunked");
  }
  const lengths = [...new Set(all("content-length"))];
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

function chunked(input: ByteReader): BodyChunks {
  let left = 0;
  let first = true;
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
