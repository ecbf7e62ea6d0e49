/** An HTTP check over a connection of our own: HTTP/1.1 to an address, with the Host that the operator chose. One request, one answer. */
import { type CheckIo, type CheckTarget, failed, type Outcome, pass } from "../../domain/check.ts";
import { byteReader } from "./byte-reader.ts";
import { withConnection } from "./connection.ts";
import { findText } from "./http-body.ts";
import { expectedText, expects, type HttpSpec, otherHeaders } from "./http-spec.ts";
import { bodyChunks } from "./http1-body.ts";
import { readHead } from "./http1-head.ts";

export function checkByConnection(spec: HttpSpec, target: CheckTarget, host: string, io: CheckIo): Promise<Outcome> {
  const startedAt = io.now();
  const bad = (detail: string) => failed(io.now() - startedAt, detail);
  return withConnection(target, spec.port, io, async (socket, end) => {
    const writer = socket.writable.getWriter();
    // Not awaited: an endpoint may answer before it has read everything, and one that breaks off is seen by the reader.
    writer.write(requestBytes(spec, host, io.userAgent)).catch(() => undefined);
    const input = byteReader(socket.readable, end);
    const head = await readHead(input);
    if (!head.ok) return bad(head.error);
    const { status } = head.value;
    if (!expects(spec, status)) return bad(`expected ${expectedText(spec)}, got ${status}`);
    if (spec.receive_string === null) return pass(io.now() - startedAt, String(status));
    const chunks = bodyChunks(head.value, input);
    if (!chunks.ok) return bad(chunks.error);
    const missing = await findText(chunks.value, spec.receive_string);
    return missing === null ? pass(io.now() - startedAt, String(status)) : bad(missing);
  });
}

/** The request; its parts were checked by the schema, so none can hold a line break. */
export function requestBytes(spec: HttpSpec, host: string, userAgent: string): Uint8Array {
  const own = otherHeaders(spec);
  const given = new Set(own.map(([name]) => name.toLowerCase()));
  const body = spec.payload === null ? null : new TextEncoder().encode(spec.payload.content);
  const lines = [`${spec.http_method} ${spec.url_path} HTTP/1.1`, `Host: ${host}`];
  if (!given.has("user-agent")) lines.push(`User-Agent: ${userAgent}`);
  if (!given.has("accept")) lines.push("Accept: */*");
  lines.push("Accept-Encoding: identity", "Connection: close", ...own.map(([name, value]) => `${name}: ${value}`));
  if (spec.payload !== null) lines.push(`Content-Type: ${spec.payload.content_type}`);
  if (body !== null) lines.push(`Content-Length: ${body.length}`);
  else if (spec.http_method === "POST" || spec.http_method === "PUT") lines.push("Content-Length: 0");
  const head = new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);
  if (body === null) return head;
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}
