/** The network of this machine, in the form that backends have it in a Worker. */
import { openSocket } from "../../agent/node-socket.ts";
import type { BackendIo } from "../../domain/backend.ts";

export const nodeIo: Pick<BackendIo, "fetch" | "connect"> = {
  fetch: (input, init) => fetch(input, init),
  connect: (address) => openSocket(address, undefined, async (host) => (host === "localhost" ? "127.0.0.1" : host)),
};
