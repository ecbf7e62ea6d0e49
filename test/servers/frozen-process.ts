/** Listens where it is told and never accepts: the kernel's queue is short, and once it is full no handshake ends. Gone when its parent is. */
import { createServer } from "node:net";

const parent = process.ppid;
createServer().listen({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 1 }, () => {
  process.send?.("listening", undefined, {}, () => {
    const never = new Int32Array(new SharedArrayBuffer(4));
    while (process.ppid === parent) Atomics.wait(never, 0, 0, 1_000);
    process.exit(1);
  });
});
