/** A TCP server that says exactly what a test wants, byte for byte, and remembers what it was told. */
import { createServer, type Socket } from "node:net";

export type RawServer = {
  readonly port: number;
  /** What each connection sent so far, as Latin-1. */
  readonly received: readonly string[];
  /** How many connections are open now. */
  readonly open: number;
  close(): Promise<void>;
};

/** `talk` runs once for a connection, when its first bytes are there; with `atOnce` when it opens. `allowHalfOpen`: it goes on after the other side has ended. */
export async function startRawServer(
  talk: (socket: Socket) => void,
  { address = "127.0.0.1", atOnce = false, allowHalfOpen = false } = {},
): Promise<RawServer> {
  const received: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen }, (socket) => {
    const index = received.push("") - 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes) => {
      received[index] += bytes.toString("latin1");
    });
    if (atOnce) talk(socket);
    else socket.once("data", () => talk(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const { port } = server.address() as { port: number };
  return {
    port,
    received,
    get open() {
      return sockets.size;
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
