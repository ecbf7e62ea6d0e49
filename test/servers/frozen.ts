/** A port at which a handshake never ends, as behind a firewall that drops what comes: a frozen process whose queue is full. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { createConnection } from "node:net";
import { join } from "node:path";
import { accepts, freePort } from "./daemon.ts";

export type Frozen = { readonly port: number; stop(): Promise<void> };

/** More than the queue of a listener with a backlog of 1 takes. */
const fillers = 4;

export async function startFrozen(): Promise<Frozen> {
  const port = await freePort();
  const child = fork(join(import.meta.dirname, "frozen-process.ts"), [String(port)], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  await once(child, "message");
  const filling = Array.from({ length: fillers }, () => createConnection({ host: "127.0.0.1", port }).on("error", () => undefined));
  const stop = async () => {
    for (const socket of filling) socket.destroy();
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  };
  // The last to be let in may still be on its way.
  for (let attempt = 0; await accepts(port); attempt += 1) {
    if (attempt < 5) continue;
    await stop();
    throw new Error("a frozen server still ends handshakes");
  }
  return { port, stop };
}
