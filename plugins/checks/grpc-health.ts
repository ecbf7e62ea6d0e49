/**
 * The messages of grpc.health.v1.Health/Check (github.com/grpc/grpc-proto, grpc/health/v1/health.proto) and their framing in gRPC over HTTP/2: a string
 * out, an enumeration back, which is all of Protocol Buffers that this needs.
 */
import { fail, ok, type Result } from "../../domain/result.ts";
import type { HeaderField } from "./hpack-tables.ts";
import { shown } from "./shown.ts";

export const healthCheckPath = "/grpc.health.v1.Health/Check";

/** ServingStatus, by its number. */
const servingStatuses = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

/** github.com/grpc/grpc, doc/statuscodes.md, by their number. */
const statusCodes = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

/** HealthCheckRequest {string service = 1}, framed: not compressed, its length in four bytes. */
export function requestMessage(service: string): Uint8Array {
  const name = new TextEncoder().encode(service);
  // proto3: a field with its default is left out.
  const message = name.length === 0 ? [] : [0x0a, ...varint(name.length), ...name];
  const bytes = new Uint8Array(5 + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, 5);
  return bytes;
}

/** The name of the HealthCheckResponse's status; or what is wrong with the message. */
export function servingStatus(body: Uint8Array): Result<string, string> {
  if (body.length < 5) return fail("the answer has no message");
  if (body[0] !== 0) return fail("the message is compressed although nothing was offered");
  const length = new DataView(body.buffer, body.byteOffset).getUint32(1);
  if (length !== body.length - 5) return fail("the message is not as long as it says");
  const status = statusField(body.subarray(5));
  if (status === null) return fail("the message is no HealthCheckResponse");
  return ok(servingStatuses[status] ?? `status ${status}`);
}

/** What to say of the `grpc-status` of an answer; null: it is OK. `grpc-message` is percent-encoded. */
export function wrongStatus(fields: readonly HeaderField[], service: string): string | null {
  const value = (wanted: string) => fields.find(([name]) => name === wanted)?.[1];
  const status = value("grpc-status");
  if (status === undefined) return "the answer has no grpc-status";
  if (!/^[0-9]{1,3}$/.test(status)) return `the grpc-status is not valid: ${shown(status, 20)}`;
  if (status === "0") return null;
  const code = statusCodes[Number(status)] ?? `status ${status}`;
  if (code === "UNIMPLEMENTED") return "the server has no health service (UNIMPLEMENTED)";
  if (code === "NOT_FOUND") return `the server does not know the service "${shown(service, 60)}" (NOT_FOUND)`;
  const message = shown(percentDecoded(value("grpc-message") ?? ""));
  return message === "" ? `gRPC ${code}` : `gRPC ${code}: ${message}`;
}

/** What is not well encoded stays as it is. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}

/** Field 1 of a message, an enumeration: the last one counts, other fields are passed over, none is 0. Null where it is no message. */
function statusField(message: Uint8Array): number | null {
  let status = 0;
  let at = 0;
  const number = (): number | null => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[at];
      at += 1;
      if (byte === undefined) return null;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return null;
  };
  while (at < message.length) {
    const key = number();
    if (key === null || key < 8) return null;
    const wire = key % 8;
    if (wire === 0) {
      const value = number();
      if (value === null) return null;
      if (key === 8) status = value;
    } else if (wire === 1 || wire === 5) at += wire === 1 ? 8 : 4;
    else if (wire === 2) {
      const length = number();
      if (length === null) return null;
      at += length;
    } else return null;
    if (at > message.length) return null;
  }
  return status;
}
