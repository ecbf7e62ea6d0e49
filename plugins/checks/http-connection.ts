/** A request over a connection of our own: HTTP/1.1 to an address or a name, with Host and SNI of the operator's choice. One request, one answer. */
import type { CheckIo } from "../../domain/check.ts";
import { fail, ok } from "../../domain/result.ts";
import { byteReader } from "./byte-reader.ts";
import { connect } from "./connection.ts";
import { type Exchange, unseen } from "./http-answer.ts";
import { type Hop, headersOf, tlsOptionsOf } from "./http-hop.ts";
import { bodyConditions, type HttpSpec } from "./http-spec.ts";
import { bodyChunks } from "./http1-body.ts";
import { readHead } from "./http1-head.ts";

export function exchangeByConnection(hop: Hop, spec: HttpSpec, io: CheckIo): Exchange {
  const startedAt = io.now();
  const encrypted = hop.scheme === "https";
  const connection = encrypted ? connect(hop.to, io, tlsOptionsOf(hop, spec)) : connect(hop.to, io);
  return {
    async answer(end) {
      const opened = await connection.open(end);
      if (!opened.ok) return opened;
      const socket = opened.value;
      // Of a handshake's end alone nobody can tell how long the connection took.
      const took = socket.took?.() ?? (encrypted ? unseen : { ...unseen, connect: io.now() - startedAt });
      const writer = socket.writable.getWriter();
      // Not awaited: an endpoint may answer before it has read everything, and one that breaks off is seen by the reader.
      writer.write(requestBytes(hop, spec, io.userAgent)).catch(() => undefined);
      const input = byteReader(socket.readable, end);
      const head = await readHead(input);
      if (!head.ok) return fail({ timedOut: false, detail: head.error });
      const { status, headers } = head.value;
      const chunks = bodyChunks(head.value, input, hop.method);
      return ok({
        status,
        header: (name) => textOf(headers.get(name)?.[0] ?? null),
        // A body that cannot be read is nothing to whoever does not ask for it.
        body: chunks.ok ? chunks.value : async () => ({ kind: "broken", detail: chunks.error }),
        certificate: socket.peer?.().certificate ?? null,
        took,
      });
    },
    drop: connection.drop,
  };
}

/** A header as text. Its bytes came as Latin-1; whoever sends more than ASCII means UTF-8, or else something that is kept as it is. */
function textOf(latin1: string | null): string | null {
  if (latin1 === null || !/[\u0080-\u00ff]/.test(latin1)) return latin1;
  try {
    const bytes = Uint8Array.from(latin1, (byte) => byte.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return latin1.replace(/[\u0080-\u00ff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
  }
}

/** The request; its parts were checked by the schema, or parsed as a URL, so none can hold a line break. */
export function requestBytes(hop: Hop, spec: HttpSpec, userAgent: string): Uint8Array {
  const { method, path, host, payload } = hop;
  const [own, ...others] = headersOf(hop, spec, userAgent).map(([name, value]) => `${name}: ${value}`);
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${host}`, own];
  if (!others.some((line) => /^accept:/i.test(line))) lines.push("Accept: */*");
  lines.push(`Accept-Encoding: ${bodyConditions(spec).length > 0 ? "gzip, identity" : "identity"}`, "Connection: close", ...others);
  const body = payload === null ? null : new TextEncoder().encode(payload.content);
  if (body !== null) lines.push(`Content-Length: ${body.length}`);
  else if (method === "POST" || method === "PUT") lines.push("Content-Length: 0");
  const head = new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);
  if (body === null) return head;
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}
