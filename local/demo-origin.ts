/** An origin of the demo: a web server on this machine that can be killed and brought back on its port. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";

export type DemoOrigin = {
  readonly port: number;
  kill(): Promise<void>;
  revive(): Promise<void>;
};

export async function startDemoOrigin(name: string): Promise<DemoOrigin> {
  let server: Server | null = null;
  const listen = async (port: number) => {
    const made = createServer((_, response) => response.end(`${name}\n`));
    made.listen(port, "127.0.0.1");
    await once(made, "listening");
    server = made;
  };
  const port = await listenBelowEphemeral(listen);
  return {
    port,
    kill: async () => {
      const dying = server;
      server = null;
      if (dying === null) return;
      dying.close();
      dying.closeAllConnections();
      await once(dying, "close");
    },
    revive: () => listen(port),
  };
}

/** A port that no outgoing connection is given while the origin is dead, so that it is still free when it comes back. */
async function listenBelowEphemeral(listen: (port: number) => Promise<void>): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    try {
      await listen(port);
      return port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    }
  }
  throw new Error("no free port on 127.0.0.1");
}
