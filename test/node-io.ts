/**
 * The world of a check on Node: real sockets in the form of Cloudflare's, so that check plugins can be tested against real servers in
 * milliseconds. As strict as the platform: `close()` waits for `opened`, and every failure to connect has the same words.
 */
import { connect as connectTcp } from "node:net";
import type { CheckSocket } from "../domain/check.ts";
import { workerCapabilities } from "../domain/vantage-point.ts";
import type { CheckerIo } from "../workers/checker/run-checks.ts";

export const nodeIo: CheckerIo = {
  capabilities: new Set(workerCapabilities("1")),
  now: () => Date.now(),
  fetch: (url, init) => fetch(url, init),
  connect: openSocket,
};

function openSocket({ hostname, port }: { hostname: string; port: number }): CheckSocket {
  const socket = connectTcp({ host: hostname, port });
  const opened = Promise.withResolvers<unknown>();
  const closed = Promise.withResolvers<unknown>();
  const failure = new Error("proxy request failed, cannot connect to the specified address");
  socket.once("connect", () => opened.resolve({ remoteAddress: hostname }));
  socket.once("error", () => {
    opened.reject(failure);
    closed.reject(failure);
  });
  socket.once("close", () => closed.resolve(undefined));
  opened.promise.catch(() => undefined);
  closed.promise.catch(() => undefined);

  const readable = new ReadableStream<Uint8Array>({
    start(controller) {
      socket.on("data", (bytes) => controller.enqueue(new Uint8Array(bytes)));
      socket.once("end", () => controller.close());
      socket.once("error", (error) => controller.error(error));
    },
  });
  const writable = new WritableStream<Uint8Array>({
    write: (bytes) => new Promise((resolve, reject) => socket.write(bytes, (error) => (error ? reject(error) : resolve()))),
  });
  const close = async () => {
    await opened.promise;
    socket.destroy();
  };
  return { readable, writable, opened: opened.promise, closed: closed.promise, close } as unknown as CheckSocket;
}
