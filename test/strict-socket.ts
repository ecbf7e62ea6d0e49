/**
 * `connect()` of a Worker: one error for whatever keeps a connection from opening, TLS only to the name that is connected to and always verified,
 * `close()` that waits for `opened`, no `startTls` worth having.
 */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { CheckSocket } from "../domain/check.ts";
import { forever, type Place, type Sockets } from "./strict-connections.ts";

export type SocketWorld = {
  readonly sockets: Sockets;
  readonly placeOf: (hostname: string, port: number) => Place;
  readonly ca: string | undefined;
};

/** Refused, unresolvable, unroutable, not allowed, a bad certificate: all the same. */
export const oneText = "proxy request failed, cannot connect to the specified address";

export function openStrictSocket(
  { hostname, port }: { readonly hostname: string; readonly port: number },
  secure: boolean,
  { sockets, placeOf, ca }: SocketWorld,
): CheckSocket {
  const closed = Promise.withResolvers<unknown>();
  const dial = async (): Promise<Socket> => {
    const done = await sockets.turn();
    const place = placeOf(hostname, port);
    if (place === "hangs") return forever;
    try {
      if (place === "nowhere") throw new Error(oneText);
      const servername = isIP(hostname) === 0 ? hostname : "";
      const to = { host: place.address, port: place.port };
      const socket = secure ? connectTls({ ...to, servername, ...(ca === undefined ? {} : { ca }) }) : connectTcp(to);
      sockets.keep(socket);
      socket.once("close", () => closed.resolve(undefined));
      await new Promise<void>((resolve, reject) => {
        socket.once(secure ? "secureConnect" : "connect", resolve);
        for (const event of ["error", "close"]) socket.on(event, () => reject(new Error(oneText)));
      });
      sockets.nowOpen(socket);
      return socket;
    } finally {
      done();
    }
  };
  const dialled = dial();
  dialled.catch((error) => closed.reject(error));
  closed.promise.catch(() => undefined);
  const opened = dialled.then(() => ({ remoteAddress: `${hostname}:${port}`, localAddress: null }));
  opened.catch(() => undefined);
  return {
    readable: readableOf(dialled),
    writable: writableOf(dialled),
    opened,
    closed: closed.promise,
    close: async () => {
      (await dialled).destroy();
    },
  };
}

/** Reads only as fast as somebody takes it. */
function readableOf(dialled: Promise<Socket>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async start(controller) {
      const socket = await dialled;
      let over = false;
      const end = (how: () => void) => {
        if (!over) how();
        over = true;
      };
      socket.on("data", (bytes) => {
        if (over) return;
        controller.enqueue(new Uint8Array(bytes));
        if ((controller.desiredSize ?? 0) <= 0) socket.pause();
      });
      socket.once("end", () => end(() => controller.close()));
      socket.once("close", () => end(() => controller.error(new Error("Network connection lost."))));
      socket.pause();
    },
    pull: async () => void (await dialled).resume(),
    cancel: async () => void (await dialled).destroy(),
  });
}

const writableOf = (dialled: Promise<Socket>): WritableStream<Uint8Array> =>
  new WritableStream<Uint8Array>({
    async write(bytes) {
      const socket = await dialled;
      await new Promise<void>((resolve, reject) => socket.write(bytes, (error) => (error ? reject(error) : resolve())));
    },
    close: async () => void (await dialled).end(),
    abort: async () => void (await dialled).destroy(),
  });
