/** Redis on a free port of 127.0.0.1, with nothing kept on disk. */
import { accepts, type Daemon, freePort, inFolder, startDaemon } from "./daemon.ts";

export type Redis = Daemon & { readonly port: number };

export const startRedis = (): Promise<Redis> =>
  inFolder("redis", async (folder) => {
    const port = await freePort();
    const settings = { port, bind: "127.0.0.1", dir: folder, save: "", appendonly: "no", daemonize: "no" };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const daemon = await startDaemon({ program: "redis-server", args, ready: () => accepts(port) });
    return { ...daemon, port };
  });
