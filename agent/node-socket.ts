/**
 * TCP and TLS on Node, in the form of Cloudflare's sockets. `opened` comes once TLS is through; a connection that does not open rejects with
 * `ConnectFailure` or `VantageRefusal`. Verification is OpenSSL's own, and is never weakened but by `insecure`.
 */
import { X509Certificate } from "node:crypto";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import { type Certificate, type CheckSocket, type TlsOptions, VantageRefusal } from "../domain/check.ts";
import { connectFailure } from "./failures.ts";

/** `addressOf` refuses what may not be touched; nothing is sent before it has answered. */
export function openSocket(
  { hostname, port }: { readonly hostname: string; readonly port: number },
  tls: TlsOptions | undefined,
  addressOf: (host: string) => Promise<string>,
): CheckSocket {
  let socket: Socket | null = null;
  let dropped = false;
  let isOpen = false;
  const took = { dns: null as number | null, connect: null as number | null, tls: null as number | null };
  const closed = deferred<unknown>();
  const open = async (): Promise<Socket> => {
    const secureContext = tls === undefined ? null : contextOf(tls);
    const resolving = stopwatch();
    const address = await addressOf(hostname);
    if (address !== hostname) took.dns = resolving();
    if (dropped) throw new VantageRefusal("the check had ended before it began to connect");
    const connecting = stopwatch();
    const opening = connectTcp({ host: address, port, family: isIP(address), noDelay: true });
    socket = opening;
    opening.once("close", () => closed.resolve(undefined));
    await readiness(opening, "connect", address, false);
    took.connect = connecting();
    if (tls === undefined || secureContext === null) return opening;
    const shaking = stopwatch();
    const secured = connectTls({
      socket: opening,
      secureContext,
      // An empty name sends none. What the certificate must have is then the address.
      servername: tls.serverName !== null && isIP(tls.serverName) === 0 ? tls.serverName : "",
      host: tls.serverName ?? address,
      rejectUnauthorized: !tls.insecure,
      ...(tls.alpn.length > 0 ? { ALPNProtocols: [...tls.alpn] } : {}),
    });
    socket = secured;
    await readiness(secured, "secureConnect", address, true);
    took.tls = shaking();
    return secured;
  };
  const opened = open().then((ready) => {
    isOpen = true;
    return ready;
  });
  opened.catch((error) => {
    socket?.destroy();
    closed.reject(error);
  });
  closed.promise.catch(() => undefined);

  return {
    readable: readableOf(opened),
    writable: writableOf(opened),
    opened,
    closed: closed.promise,
    close: async () => {
      dropped = true;
      if (isOpen && socket !== null) leave(socket);
      else socket?.destroy();
    },
    took: () => took,
    ...(tls === undefined ? {} : { peer: () => peerOf(socket as TLSSocket | null) }),
  };
}

/** One that does not take what was written, and the end, is dropped after this. */
const leaveMs = 1_000;

/** What was written still goes out, also the last message of a handshake: dropped without it, the other side logs a failed one for each check. */
function leave(socket: Socket): void {
  const impatient = setTimeout(() => socket.destroy(), leaveMs);
  impatient.unref();
  socket.once("close", () => clearTimeout(impatient));
  socket.destroySoon();
}

/** Milliseconds since it was made, to a tenth. */
function stopwatch(): () => number {
  const startedAt = performance.now();
  return () => Math.round((performance.now() - startedAt) * 10) / 10;
}

function readiness(socket: Socket, event: "connect" | "secureConnect", address: string, inHandshake: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => reject(connectFailure(error, address, inHandshake));
    socket.once("error", fail);
    socket.once("close", () => fail(Object.assign(new Error("closed"), { code: "ECONNRESET" })));
    // An error that comes later is the streams' own to tell; without a listener it would end the program.
    socket.on("error", () => undefined);
    socket.once(event, () => resolve());
  });
}

/** One context for each set of authorities: the public ones are a hundred and more certificates to parse. */
const contexts = new Map<string | null, SecureContext>();
const contextsKept = 100;

function contextOf({ caCert }: TlsOptions): SecureContext {
  let context = contexts.get(caCert);
  if (context === undefined) {
    try {
      // OpenSSL passes over what it cannot read, and the endpoint would be blamed for an authority that nobody knows.
      for (const block of caCert === null ? [] : caCert.split(/(?=-----BEGIN )/).filter((part) => part.trim() !== "")) {
        new X509Certificate(block);
      }
      context = createSecureContext({
        minVersion: "TLSv1.2",
        ...(caCert === null ? {} : { ca: caCert, allowPartialTrustChain: true }),
      });
    } catch (error) {
      throw new VantageRefusal(`ca_cert cannot be read: ${error instanceof Error ? error.message : error}`);
    }
    if (contexts.size >= contextsKept) contexts.clear();
    contexts.set(caCert, context);
  }
  return context;
}

function peerOf(socket: TLSSocket | null): { certificate: Certificate | null; protocol: string | null } {
  const found = socket?.getPeerCertificate?.();
  const protocol = typeof socket?.alpnProtocol === "string" ? socket.alpnProtocol : null;
  if (found === undefined || Number.isNaN(Date.parse(found.valid_to))) return { certificate: null, protocol };
  const names = Object.entries(found.subject ?? {}).map(([field, value]) => `${field}=${[value].flat().join(",")}`);
  return { certificate: { notAfter: Date.parse(found.valid_to), subject: names.join(", ") || (found.subjectaltname ?? "") }, protocol };
}

/** Reads only as fast as somebody takes it: an endpoint that floods fills its own buffers. */
function readableOf(opened: Promise<Socket>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async start(controller) {
      const socket = await opened;
      let over = false;
      const end = (finish: () => void) => {
        if (over) return;
        over = true;
        finish();
      };
      socket.on("data", (bytes) => {
        if (over) return;
        controller.enqueue(new Uint8Array(bytes));
        if ((controller.desiredSize ?? 0) <= 0) socket.pause();
      });
      socket.once("end", () => end(() => controller.close()));
      socket.once("error", (error) => end(() => controller.error(error)));
      socket.once("close", () => end(() => controller.error(new Error("the connection was closed"))));
      socket.pause();
    },
    async pull() {
      (await opened).resume();
    },
    async cancel() {
      (await opened).destroy();
    },
  });
}

function writableOf(opened: Promise<Socket>): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    async write(bytes) {
      const socket = await opened;
      await new Promise<void>((resolve, reject) => {
        socket.write(bytes, (error) => (error ? reject(error) : resolve()));
      });
    },
    async close() {
      (await opened).end();
    },
    async abort() {
      (await opened).destroy();
    },
  });
}

export type Deferred<T> = {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
};

export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((settle, refuse) => {
    resolve = settle;
    reject = refuse;
  });
  return { promise, resolve, reject };
}
