/**
 * Servers that do to a check what endpoints do: each has one way of its own, over TCP and, on the same port, over UDP where there is such a way.
 * They keep count of the connections that are open.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { Socket } from "node:net";
import { type RawServer, startRawServer } from "./raw-server.ts";

/** Over UDP: how many datagrams answer each one; null: nobody listens. */
type Way = { readonly talk: (socket: Socket) => void; readonly atOnce?: boolean; readonly datagrams: readonly string[] | null };

const http = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const nonsense = Buffer.from([0, 255, 10, 13, 10, 10]).toString("latin1");

const flood = (socket: Socket): void => {
  const more = () => {
    while (socket.writable && socket.write("x".repeat(65_536)));
  };
  socket.on("drain", more);
  more();
};
const drip = (socket: Socket): void => {
  const timer = setInterval(() => socket.write("2"), 50);
  socket.once("close", () => clearInterval(timer));
};

export const ways = {
  hangs: { talk: () => undefined, atOnce: true, datagrams: [] },
  "closes at once": { talk: (socket) => socket.end(), atOnce: true, datagrams: null },
  "closes when it is asked": { talk: (socket) => socket.end(), datagrams: [""] },
  "resets at once": { talk: (socket) => socket.resetAndDestroy(), atOnce: true, datagrams: null },
  "resets when it is asked": { talk: (socket) => socket.resetAndDestroy(), datagrams: [] },
  "half-closes": { talk: (socket) => socket.end(), atOnce: true, datagrams: [] },
  "talks nonsense": { talk: (socket) => socket.write(nonsense, "latin1"), atOnce: true, datagrams: [nonsense] },
  floods: { talk: flood, atOnce: true, datagrams: Array.from({ length: 100 }, () => "x".repeat(8_000)) },
  "drips a byte now and then": { talk: drip, atOnce: true, datagrams: ["2"] },
  "answers before it was asked": { talk: (socket) => socket.write(http), atOnce: true, datagrams: [http] },
  "greets and hangs": { talk: (socket) => socket.write("220-hello\r\n"), atOnce: true, datagrams: ["220"] },
  "stops in the midst of an answer": { talk: (socket) => socket.end(http.slice(0, 20)), datagrams: [http.slice(0, 20)] },
  "is dead": { talk: () => undefined, datagrams: null },
} as const satisfies Record<string, Way>;
export type WayName = keyof typeof ways;

export type Misbehaving = Readonly<Record<WayName, RawServer>> & {
  /** Connections that are open, of all of them. */
  open(): number;
  stop(): Promise<void>;
};

export async function startMisbehaving(): Promise<Misbehaving> {
  const stops: (() => unknown)[] = [];
  const start = async ([name, way]: [string, Way]): Promise<[string, RawServer]> => {
    const server = await startRawServer(way.talk, { atOnce: way.atOnce === true, allowHalfOpen: name === "half-closes" });
    if (name === "is dead") await server.close();
    else stops.push(server.close);
    if (way.datagrams !== null) stops.push(await answerDatagrams(server.port, way.datagrams));
    return [name, server];
  };
  const servers = Object.fromEntries(await Promise.all(Object.entries(ways).map(start))) as Record<WayName, RawServer>;
  return {
    ...servers,
    open: () => Object.values(servers).reduce((sum, server) => sum + server.open, 0),
    stop: async () => {
      await Promise.all(stops.map((stop) => stop()));
    },
  };
}

async function answerDatagrams(port: number, answers: readonly string[]): Promise<() => void> {
  const socket = createSocket("udp4");
  socket.on("error", () => undefined);
  socket.on("message", (_message, from) => {
    for (const answer of answers) socket.send(Buffer.from(answer, "latin1"), from.port, from.address);
  });
  socket.bind(port, "127.0.0.1");
  await once(socket, "listening");
  return () => socket.close();
}
