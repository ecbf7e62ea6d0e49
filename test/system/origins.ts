/**
 * Real origin servers on this machine that can be killed and brought back on their port, made to hang, to be slow, to flap. They count what
 * they were asked. They know nothing of Kosmos.
 */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";

/** What an origin does with one request (HTTP) or one connection (TCP). */
export type Behaviour =
  /** Answers after `afterMs` with `status` and `body`; over TCP `body` is sent as it is, and nothing if it is empty. */
  | { readonly kind: "answer"; readonly status?: number; readonly body?: string; readonly afterMs?: number }
  /** Accepts the connection and never says a word. */
  | { readonly kind: "hang" }
  /** Accepts the connection and breaks it. */
  | { readonly kind: "drop" };

export const answer = (status = 200, body = "ok\n", afterMs = 0): Behaviour => ({ kind: "answer", status, body, afterMs });
export const hang: Behaviour = { kind: "hang" };
export const drop: Behaviour = { kind: "drop" };

/** `request` counts from 0, since the origin started. */
export type Script = Behaviour | ((request: number) => Behaviour);

export type OriginOptions = {
  readonly protocol?: "http" | "tcp";
  readonly address?: string;
  /** Left out: a free one. */
  readonly port?: number;
  readonly behaviour?: Script;
};

/** One request as it arrived; TCP has no more than the time. */
export type Received = { readonly at: number; readonly method: string; readonly path: string; readonly host: string };

export type Origin = {
  readonly address: string;
  readonly port: number;
  /** Every request since the start, or since `forget()`. */
  readonly received: readonly Received[];
  forget(): void;
  behave(script: Script): void;
  /** Refuses connections from now on; the open ones are broken. */
  kill(): Promise<void>;
  /** Listens again on the same port. */
  revive(): Promise<void>;
  /** The end: as `kill`, and fine where it is dead already. */
  close(): Promise<void>;
};

export async function startOrigin(options: OriginOptions = {}): Promise<Origin> {
  const address = options.address ?? "127.0.0.1";
  let script: Script = options.behaviour ?? answer();
  let received: Received[] = [];
  let count = 0;
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();

  /** What this request gets, noted as received. */
  const next = (request: Omit<Received, "at">): Behaviour => {
    received.push({ at: Date.now(), ...request });
    const number = count++;
    return typeof script === "function" ? script(number) : script;
  };
  const later = (ms: number, action: () => void) => {
    if (ms === 0) return action();
    const timer = setTimeout(() => {
      timers.delete(timer);
      action();
    }, ms);
    timers.add(timer);
  };

  const onHttp = (request: IncomingMessage, response: ServerResponse) => {
    const behaviour = next({ method: request.method ?? "", path: request.url ?? "", host: request.headers.host ?? "" });
    if (behaviour.kind === "drop") request.socket.destroy();
    if (behaviour.kind === "answer") {
      later(behaviour.afterMs ?? 0, () => {
        response.writeHead(behaviour.status ?? 200, { "content-type": "text/plain" });
        response.end(behaviour.body ?? "");
      });
    }
  };
  const onTcp = (socket: Socket) => {
    const behaviour = next({ method: "", path: "", host: "" });
    if (behaviour.kind === "drop") socket.destroy();
    if (behaviour.kind === "answer") later(behaviour.afterMs ?? 0, () => behaviour.body && socket.write(behaviour.body));
  };
  const create = (): Server => {
    const made = options.protocol === "tcp" ? createTcpServer(onTcp) : createHttpServer({ keepAliveTimeout: 1_000 }, onHttp);
    made.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => sockets.delete(socket));
    });
    return made;
  };

  let server: Server | null = create();
  const port = await listenSomewhere(server, address, options.port);

  const kill = async () => {
    const dying = server;
    server = null;
    for (const timer of timers) clearTimeout(timer);
    timers.clear();
    const closed = dying === null ? Promise.resolve() : new Promise<void>((resolve) => dying.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {
    address,
    port,
    get received() {
      return received;
    },
    forget: () => {
      received = [];
    },
    behave: (changed) => {
      script = changed;
    },
    kill,
    revive: async () => {
      if (server !== null) return;
      server = create();
      await listen(server, address, port);
    },
    close: kill,
  };
}

/** Fails for a while, works for a while, by the number of requests. */
export const flapping =
  (passes: number, fails: number): Script =>
  (request) =>
    request % (passes + fails) < passes ? answer() : answer(503, "flapping\n");

/**
 * A port that stays ours while the origin is dead: below the range that the kernel takes ports of outgoing connections from, since otherwise a
 * check could be given the dead origin's port for its own end, and even connect to itself.
 */
async function listenSomewhere(server: Server, address: string, port: number | undefined): Promise<number> {
  if (port !== undefined) {
    await listen(server, address, port);
    return port;
  }
  for (let attempt = 0; attempt < 50; attempt++) {
    const candidate = 20_000 + Math.floor(Math.random() * 10_000);
    try {
      await listen(server, address, candidate);
      return candidate;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    }
  }
  throw new Error(`no free port on ${address}`);
}

const listen = (server: Server, address: string, port: number) =>
  new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => {
      server.off("error", reject);
      resolve();
    });
  });
