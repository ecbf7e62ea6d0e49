/**
 * A DNS question over HTTPS (RFC 8484), with GET at `/dns-query`. To a name a Worker goes through `fetch`; an agent, or whoever wants an address or
 * another Host, over a TLS connection of its own, in HTTP/2 where the server offers it and else in HTTP/1.1.
 */
import { Buffer } from "node:buffer";
import { type CheckIo, type CheckSocket, type CheckTarget, failed, type Outcome } from "../../domain/check.ts";
import { limits } from "../../domain/limits.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { byteReader } from "./byte-reader.ts";
import { withConnection } from "./connection.ts";
import { type Deadline, deadline } from "./deadline.ts";
import { queryBytes, readReply } from "./dns-message.ts";
import type { Ask } from "./dns-transport.ts";
import { hostSent, serverName } from "./host-sent.ts";
import type { BodyChunks } from "./http-body.ts";
import { isName, sameHost } from "./http-host.ts";
import { bodyChunks } from "./http1-body.ts";
import { readHead } from "./http1-head.ts";
import { requestOverHttp2 } from "./http2.ts";
import { shown } from "./shown.ts";

const mediaType = "application/dns-message";
const httpsPort = 443;

/** Whether `fetch` would ask the right host: the one that is connected to. */
export const byName = (target: CheckTarget): boolean => isName(target.host) && sameHost(target.hostHeader ?? target.endpoint, target.host);

export const askOverHttps: Ask = async (question, target, port, io, judge) => {
  const startedAt = io.now();
  const path = `/dns-query?dns=${Buffer.from(queryBytes(question)).toString("base64url")}`;
  const settle = (message: Result<Uint8Array, string>): Outcome => {
    const reply = message.ok ? readReply(message.value, question) : null;
    if (!message.ok) return failed(io.now() - startedAt, message.error);
    if (reply?.ok === true) return judge(reply.value, "");
    return failed(io.now() - startedAt, reply?.error.detail ?? "no answer");
  };
  if (!io.capabilities.has("tls") && byName(target)) {
    const authority = hostSent({ ...target, hostHeader: null, endpoint: target.host }, port, httpsPort);
    return settle(await byFetch(`https://${authority}${path}`, io));
  }
  const host = hostSent(target, port, httpsPort);
  const tls = { serverName: serverName(target), insecure: false, caCert: null, alpn: ["h2", "http/1.1"] };
  const use = async (socket: CheckSocket, end: Deadline) => {
    const ask = socket.peer?.().protocol === "h2" ? overHttp2 : overHttp1;
    return settle(await ask(socket, end, host, path, io.userAgent));
  };
  return withConnection(target, port, io, use, tls);
};

/** A message of DNS, or what to say instead. */
type Message = Result<Uint8Array, string>;

async function byFetch(url: string, io: CheckIo): Promise<Message> {
  const end = deadline(io.signal);
  const headers: [string, string][] = [
    ["Accept", mediaType],
    ["User-Agent", io.userAgent],
  ];
  try {
    const response = await end.race(
      io
        .fetch(url, { method: "GET", headers, redirect: "manual", signal: io.signal })
        .catch(() => (io.signal.aborted ? ("timeout" as const) : null)),
    );
    if (response === "timeout") return fail(end.missed("no answer"));
    if (response === null) return fail("no valid answer from the origin");
    const { status, body } = response;
    const wrong = wrongHead(status, response.headers.get("content-type"));
    if (wrong !== null) {
      body?.cancel().catch(() => undefined);
      return fail(wrong);
    }
    const reader = body?.getReader();
    const message = await collected(async () => {
      if (reader === undefined) return { kind: "end" };
      const part = await end.race(reader.read().catch(() => null));
      if (part === "timeout") return { kind: "broken", detail: end.missed("the body did not end") };
      if (part === null) return { kind: "broken", detail: "the body broke off" };
      return part.done ? { kind: "end" } : { kind: "bytes", bytes: part.value };
    });
    reader?.cancel().catch(() => undefined);
    return message;
  } finally {
    end.clear();
  }
}

type AskSocket = (socket: CheckSocket, end: Deadline, host: string, path: string, userAgent: string) => Promise<Message>;

const overHttp1: AskSocket = async (socket, end, host, path, userAgent) => {
  const lines = [`GET ${path} HTTP/1.1`, `Host: ${host}`, `Accept: ${mediaType}`, `User-Agent: ${userAgent}`, "Connection: close"];
  const writer = socket.writable.getWriter();
  writer.write(new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`)).catch(() => undefined);
  const input = byteReader(socket.readable, end);
  const head = await readHead(input);
  if (!head.ok) return head;
  const wrong = wrongHead(head.value.status, head.value.headers.get("content-type")?.[0] ?? null);
  if (wrong !== null) return fail(wrong);
  const chunks = bodyChunks(head.value, input);
  return chunks.ok ? collected(chunks.value) : chunks;
};

const overHttp2: AskSocket = async (socket, end, host, path, userAgent) => {
  const answer = await requestOverHttp2(socket, end, {
    headers: [
      [":method", "GET"],
      [":scheme", "https"],
      [":authority", host],
      [":path", path],
      ["accept", mediaType],
      ["user-agent", userAgent],
    ],
    body: null,
  });
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
