/** UDP on Node: a connected socket, so that only its one address is heard, and an ICMP "port unreachable" arrives as an error. */
import { createSocket } from "node:dgram";
import { isIP } from "node:net";
import { type CheckDatagrams, ConnectFailure } from "../domain/check.ts";
import { connectFailure } from "./failures.ts";

/** What waits to be read at the most; more is dropped, as UDP does. */
const datagramsKept = 64;

export async function openDatagrams(address: string, port: number): Promise<CheckDatagrams> {
  const socket = createSocket(isIP(address) === 6 ? "udp6" : "udp4");
  const came: Uint8Array[] = [];
  const waiting: { resolve(datagram: Uint8Array): void; reject(error: Error): void }[] = [];
  let failure: Error | null = null;

  const failWith = (error: NodeJS.ErrnoException) => {
    failure = error.code === "ECONNREFUSED" ? new ConnectFailure("port unreachable: nobody listens") : connectFailure(error, address);
    for (const { reject } of waiting.splice(0)) reject(failure);
  };
  socket.on("error", failWith);
  socket.on("message", (datagram) => {
    const first = waiting.shift();
    if (first !== undefined) first.resolve(new Uint8Array(datagram));
    else if (came.length < datagramsKept) came.push(new Uint8Array(datagram));
  });
  let open = true;
  const close = () => {
    if (!open) return;
    open = false;
    socket.close();
    failure ??= new ConnectFailure("the socket was closed");
    for (const { reject } of waiting.splice(0)) reject(failure);
  };

  await new Promise<void>((resolve, reject) => {
    const refuse = (error: Error) => {
      close();
      reject(failure ?? error);
    };
    socket.once("error", refuse);
    socket.connect(port, address, () => {
      socket.off("error", refuse);
      resolve();
    });
  });

  return {
    send: (datagram) =>
      new Promise((resolve, reject) => {
        if (failure !== null) return reject(failure);
        socket.send(datagram, (error) => {
          if (error === null) return resolve();
          failWith(error);
          reject(failure);
        });
      }),
    receive: () =>
      new Promise((resolve, reject) => {
        const next = came.shift();
        if (next !== undefined) return resolve(next);
        if (failure !== null) return reject(failure);
        waiting.push({ resolve, reject });
      }),
    close,
  };
}
