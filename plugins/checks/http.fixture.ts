/** HTTP checks against servers that say exactly what a test wants, and what was said on both sides. */
import type { Socket } from "node:net";
import type { CheckTarget, Outcome } from "../../domain/check.ts";
import { type RawServer, startRawServer } from "../../test/raw-server.ts";
import { workerIo } from "../../test/worlds.ts";
import { type CheckerIo, runCheck } from "../../workers/checker/run-checks.ts";

export type Talk = (socket: Socket) => void;
export type Asked = {
  readonly type?: string;
  readonly spec?: object;
  readonly target?: Partial<CheckTarget>;
  readonly timeout_ms?: number;
  readonly io?: CheckerIo;
};

/** Servers of one test file; `closeAll` after each test. */
export class Servers {
  private readonly started: RawServer[] = [];

  async start(talk: Talk | string, how: { address?: string; atOnce?: boolean } = {}): Promise<RawServer> {
    const server = await startRawServer(typeof talk === "string" ? (socket) => socket.end(talk, "latin1") : talk, how);
    this.started.push(server);
    return server;
  }

  async closeAll(): Promise<void> {
    for (const server of this.started.splice(0)) await server.close();
  }
}

/** The outcome of a check of the server; by default of HTTP, to its address, from a Worker of this machine. */
export function check(
  server: RawServer,
  { type = "HTTP", spec = {}, target = {}, timeout_ms = 2_000, io = workerIo }: Asked = {},
): Promise<Outcome> {
  const to = { host: "127.0.0.1", port: null, hostHeader: null, endpoint: "127.0.0.1", ...target };
  return runCheck({ type, timeout_ms, spec: { port: server.port, ...spec }, target: to }, io);
}

export const said = ({ outcome, detail }: Outcome): string => `${outcome}: ${detail}`;

/** An answer with this body. */
export const ok = (body: string, ...headers: string[]): string => ["HTTP/1.1 200 OK", ...headers, "", body].join("\r\n");
export const moved = (location: string, status = 302): string =>
  `HTTP/1.1 ${status} Moved\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`;
