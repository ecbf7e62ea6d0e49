/**
 * A DNS question over HTTPS (RFC 8484), with GET at `/dns-query`. A Worker goes through `fetch`, to names alone; an agent over a TLS connection of its own,
 * in HTTP/2 where the server offers it and else in HTTP/1.1.
 */
import { Buffer } from "node:buffer";
import { type CheckIo, type CheckSocket, type CheckTarget, failed, type Outcome } from "../../domain/check.ts";
import { limits } from "../../domain/limits.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { byteReader } from "./byte-reader.ts";
import { withConnection } from "./connection.ts";
import { type Deadline, deadline } from "./deadline.ts";
import { type DnsQuestion, queryBytes, readReply } from "./dns-message.ts";
import type { Ask } from "./dns-transport.ts";
import type { BodyChunks } from "./http-body.ts";
import { requestBytes } from "./http-connection.ts";
import { exchangeByFetch } from "./http-fetch.ts";
import { firstHop, type Hop, headersOf, throughFetch, tlsOptionsOf } from "./http-hop.ts";
import { type HttpSpec, httpSpec } from "./http-spec.ts";
import { bodyChunks } from "./http1-body.ts";
import { readHead } from "./http1-head.ts";
import { requestOverHttp2 } from "./http2.ts";
import { shown } from "./shown.ts";

const mediaType = "application/dns-message";
const http = httpSpec(443);

/** Whether `fetch` would ask the right host: the one that is connected to. */
export const byName = (target: CheckTarget, port: number): boolean => throughFetch(firstHop("https", http.parse({ port }), target));

export const askOverHttps: Ask = async (question, target, port, io, judge) => {
  const startedAt = io.now();
  const settle = (message: Message): Outcome => {
    const reply = message.ok ? readReply(message.value, question) : fail({ detail: message.error });
    return reply.ok ? judge(reply.value, "") : failed(io.now() - startedAt, reply.error.detail);
  };
  const spec = requestOf(question, port);
  const hop = firstHop("https", spec, target);
  if (!io.capabilities.has("tls") && throughFetch(hop)) return settle(await byFetch(hop, spec, io));
  const use = async (socket: CheckSocket, end: Deadline) => {
    const ask = socket.peer?.().protocol === "h2" ? overHttp2 : overHttp1;
    return settle(await ask(socket, end, hop, spec, io.userAgent));
  };
  return withConnection(target, port, io, use, { ...tlsOptionsOf(hop, spec), alpn: ["h2", "http/1.1"] });
};

const requestOf = (question: DnsQuestion, port: number): HttpSpec =>
  http.parse({
    port,
    url_path: `/dns-query?dns=${Buffer.from(queryBytes(question)).toString("base64url")}`,
    headers: { Accept: mediaType },
  });

/** A message of DNS, or what to say instead. */
type Message = Result<Uint8Array, string>;

async function byFetch(hop: Hop, spec: HttpSpec, io: CheckIo): Promise<Message> {
  const end = deadline(io.signal);
  const exchange = exchangeByFetch(hop, spec, io);
  try {
    const answer = await exchange.answer(end);
    if (!answer.ok) return fail(answer.error.detail);
    const wrong = wrongHead(answer.value.status, answer.value.header("content-type"));
    return wrong === null ? await collected(answer.value.body) : fail(wrong);
  } finally {
    exchange.drop();
    end.clear();
  }
}

type AskSocket = (socket: CheckSocket, end: Deadline, hop: Hop, spec: HttpSpec, userAgent: string) => Promise<Message>;

const overHttp1: AskSocket = async (socket, end, hop, spec, userAgent) => {
  const writer = socket.writable.getWriter();
  writer.write(requestBytes(hop, spec, userAgent)).catch(() => undefined);
  const input = byteReader(socket.readable, end);
  const head = await readHead(input);
  if (!head.ok) return head;
  const wrong = wrongHead(head.value.status, head.value.headers.get("content-type")?.[0] ?? null);
  if (wrong !== null) return fail(wrong);
  const chunks = bodyChunks(head.value, input);
  return chunks.ok ? collected(chunks.value) : chunks;
};

const overHttp2: AskSocket = async (socket, end, hop, spec, userAgent) => {
  const own = headersOf(hop, spec, userAgent).map(([name, value]) => [name.toLowerCase(), value] as const);
  const pseudo = [
    [":method", hop.method],
    [":scheme", hop.scheme],
    [":authority", hop.host],
    [":path", hop.path],
  ] as const;
  const answer = await requestOverHttp2(socket, end, { headers: [...pseudo, ...own], body: null });
  if (!answer.ok) return answer;
  const { status, headers, body } = answer.value;
  const wrong = wrongHead(status, headers.find(([name]) => name === "content-type")?.[1] ?? null);
  return wrong === null ? ok(body) : fail(wrong);
};

function wrongHead(status: number, contentType: string | null): string | null {
  if (status !== 200) return `expected HTTP status 200, got ${status}`;
  const type = (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase();
  if (type === mediaType) return null;
  return `expected ${mediaType}, got ${type === undefined || type === "" ? "no content type" : shown(type)}`;
}

async function collected(chunks: BodyChunks): Promise<Message> {
  const pieces: Uint8Array[] = [];
  for (let length = 0; ; ) {
    const chunk = await chunks();
    if (chunk.kind === "broken") return fail(chunk.detail);
    if (chunk.kind === "end") return ok(Buffer.concat(pieces));
    length += chunk.bytes.length;
    if (length > limits.dnsMessageBytes) return fail(`the body is longer than ${limits.dnsMessageBytes} bytes`);
    pieces.push(chunk.bytes);
  }
}
