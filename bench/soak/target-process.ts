/**
 * A process of its own with web servers on many loopback addresses, which note each request. Told to, some of them hang: they accept and never
 * answer; or all of them freeze: nobody accepts, the queue of the kernel is short, and once it is full no handshake ends.
 */
import { createServer as createHttpServer } from "node:http";
import { createServer, type Server, type Socket } from "node:net";

export type Order =
  | { readonly kind: "listen"; readonly addresses: readonly string[]; readonly port: number }
  | { readonly kind: "hang"; readonly addresses: readonly string[] }
  | { readonly kind: "freeze" }
  | { readonly kind: "requests" };
/** `requests`: since they were last asked for, as (address, Unix ms) one after the other. */
export type Answer = { readonly kind: "done" } | { readonly kind: "requests"; readonly requests: readonly (string | number)[] };

const backlog = 512;
let port = 0;
let requests: (string | number)[] = [];
const listeners = new Map<string, Server>();
const sockets = new Set<Socket>();
const hanging = new Set<string>();

const web = createHttpServer({ keepAliveTimeout: 1_000 }, (request, response) => {
  const address = request.socket.localAddress ?? "";
  requests.push(address, Date.now());
  if (!hanging.has(address)) response.writeHead(200, { "content-type": "text/plain" }).end("ok\n");
});

const listen = async (address: string, queue: number): Promise<void> => {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
    // One that hangs reads nothing either; its connection ends when the other side ends it.
    if (hanging.has(address)) socket.resume();
    else web.emit("connection", socket);
  });
  listeners.set(address, server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address, port, backlog: queue }, resolve);
  });
};

async function freeze(): Promise<void> {
  const addresses = [...listeners.keys()];
  const closed = [...listeners.values()].map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
  for (const socket of sockets) socket.destroy();
  await Promise.all(closed);
  for (const address of addresses) await listen(address, 1);
}

/** Accepts nothing more, and is gone when the one that started it is. */
function standStill(): never {
  const parent = process.ppid;
  const never = new Int32Array(new SharedArrayBuffer(4));
  while (process.ppid === parent) Atomics.wait(never, 0, 0, 1_000);
  process.exit(1);
}

const say = (answer: Answer, then: () => void = () => undefined) => process.send?.(answer, undefined, {}, then);

process.on("disconnect", () => process.exit(0));
process.on("message", async (order: Order) => {
  if (order.kind === "listen") {
    port = order.port;
    for (const address of order.addresses) await listen(address, backlog);
  }
  if (order.kind === "hang") for (const address of order.addresses) hanging.add(address);
  if (order.kind === "freeze") {
    await freeze();
    say({ kind: "done" }, standStill);
    return;
  }
  if (order.kind === "requests") {
    say({ kind: "requests", requests });
    requests = [];
    return;
  }
  say({ kind: "done" });
});
