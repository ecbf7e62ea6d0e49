/**
 * `fetch` of a Worker: by name only, with the URL's own Host, verified; and an origin that cannot be had is no error but an answer that
 * Cloudflare makes up (developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/).
 */
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP, type Socket } from "node:net";
import { Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import type { CheckIo } from "../domain/check.ts";
import { forever } from "./strict-connections.ts";
import type { SocketWorld } from "./strict-socket.ts";

type Init = Parameters<CheckIo["fetch"]>[1];
type Origin = { readonly address: string; readonly port: number; readonly ca: string | undefined };

export async function fetchStrictly(url: string, init: Init, world: SocketWorld & { readonly patienceMs: number }): Promise<Response> {
  const { signal } = init;
  const aborted = new Promise<never>((_resolve, reject) => {
    const abort = () => reject(new DOMException("The operation was aborted", "AbortError"));
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
  aborted.catch(() => undefined);
  const turn = world.sockets.turn();
  const done = await Promise.race([turn, aborted]).catch((error) => {
    turn.then((release) => release());
    throw error;
  });
  try {
    return await Promise.race([answerTo(new URL(url), init, world), aborted]);
  } finally {
    done();
  }
}

async function answerTo(url: URL, init: Init, { sockets, placeOf, ca, patienceMs }: SocketWorld & { readonly patienceMs: number }) {
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(hostname) !== 0) return own(403, "1003");
  const secure = url.protocol === "https:";
  const place = placeOf(hostname, url.port === "" ? (secure ? 443 : 80) : Number(url.port));
  if (place === "nowhere") return own(530, "1016");
  const patience = new Promise<Response>((resolve) => {
    const timer = setTimeout(() => resolve(own(place === "hangs" ? 522 : 524)), patienceMs);
    timer.unref();
  });
  const origin =
    place === "hangs"
      ? forever
      : ask(url, init, { ...place, ca }, (socket) => {
          sockets.keep(socket);
          sockets.nowOpen(socket);
        });
  return Promise.race([patience, origin.then(responseOf).catch((error: NodeJS.ErrnoException) => own(statusOf(error)))]);
}

const own = (status: number, code = String(status)): Response => new Response(`error code: ${code}`, { status });

/** Which of Cloudflare's own answers an error on the way to the origin becomes. */
function statusOf({ code = "" }: NodeJS.ErrnoException): number {
  if (code === "ECONNREFUSED") return 521;
  if (/CERT|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH/.test(code)) return 526;
  return /^ERR_SSL|^EPROTO$/.test(code) ? 525 : 520;
}

function ask(url: URL, init: Init, origin: Origin, keep: (socket: Socket) => void): Promise<IncomingMessage> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of init.headers) {
    const key = name.toLowerCase();
    headers[key] = headers[key] === undefined ? value : [headers[key], value].flat();
  }
  // Whatever was asked for: the URL's host is sent, and the edge says itself which encodings it takes.
  headers.host = url.host;
  headers["accept-encoding"] = "gzip, br";
  return new Promise((resolve, reject) => {
    const common = {
      host: origin.address,
      port: origin.port,
      path: `${url.pathname}${url.search}`,
      method: init.method,
      headers,
      agent: false,
    } as const;
    const request =
      url.protocol === "https:"
        ? requestHttps({ ...common, servername: url.hostname, ...(origin.ca === undefined ? {} : { ca: origin.ca }) })
        : requestHttp(common);
    request.on("socket", keep);
    request.on("error", reject);
    request.on("response", resolve);
    request.on("upgrade", (_response, socket) => {
      socket.destroy();
      reject(new Error("an upgrade that nobody asked for"));
    });
    init.signal.addEventListener("abort", () => request.destroy(), { once: true });
    request.end(init.body);
  });
}

const decoders: Readonly<Record<string, () => NodeJS.ReadWriteStream & Readable>> = {
  gzip: createGunzip,
  br: createBrotliDecompress,
  deflate: createInflate,
};

function responseOf(message: IncomingMessage): Response {
  const status = message.statusCode ?? 0;
  const headers = new Headers();
  for (let index = 0; index < message.rawHeaders.length; index += 2) {
    headers.append(message.rawHeaders[index] ?? "", message.rawHeaders[index + 1] ?? "");
  }
  if ([204, 205, 304].includes(status)) {
    message.destroy();
    return new Response(null, { status, headers });
  }
  const decoder = decoders[headers.get("content-encoding")?.toLowerCase() ?? ""]?.();
  let body: Readable = message;
  if (decoder !== undefined) {
    message.on("error", (error) => decoder.destroy(error));
    decoder.on("close", () => message.destroy());
    body = message.pipe(decoder);
  }
  return new Response(Readable.toWeb(body) as unknown as ReadableStream<Uint8Array>, { status, headers });
}
