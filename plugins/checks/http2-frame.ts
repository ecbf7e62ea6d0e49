/** Frames of HTTP/2 (RFC 9113, 4 and 6): how they are read and written, and what their numbers are called. */
import { fail, ok, type Result } from "../../domain/result.ts";
import type { ByteReader, Stop } from "./byte-reader.ts";
import { readExactly } from "./read-exactly.ts";

export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const frameFlags = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export type Frame = { readonly type: number; readonly flags: number; readonly stream: number; readonly payload: Uint8Array };

/** What a frame may carry where nobody has announced more. */
export const maximumPayload = 16_384;
export const headerBytes = 9;

export function frameBytes({ type, flags, stream, payload }: Frame): Uint8Array {
  const bytes = new Uint8Array(headerBytes + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, payload.length >>> 16);
  view.setUint16(1, payload.length & 0xffff);
  view.setUint8(3, type);
  view.setUint8(4, flags);
  view.setUint32(5, stream);
  bytes.set(payload, headerBytes);
  return bytes;
}

/** The head of a frame; the rest of it is `length` bytes. The reserved bit of the stream is nobody's. */
export function frameHead(bytes: Uint8Array): Omit<Frame, "payload"> & { readonly length: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    length: (view.getUint8(0) << 16) | view.getUint16(1),
    type: view.getUint8(3),
    flags: view.getUint8(4),
    stream: view.getUint32(5) & 0x7fff_ffff,
  };
}

export async function readPayload(input: ByteReader, head: ReturnType<typeof frameHead>): Promise<Result<Frame, Stop>> {
  if (head.length > maximumPayload) return fail("too long");
  const payload = await readExactly(input, head.length);
  return payload.ok ? ok({ type: head.type, flags: head.flags, stream: head.stream, payload: payload.value }) : payload;
}

/** RFC 9113, 7. */
const errorCodes = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
];
export const errorName = (code: number): string => errorCodes[code] ?? `error ${code}`;
