/** A TLS server in this process that shakes hands with a certificate of the test's choice, and answers plain HTTP inside. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { AddressInfo, Socket } from "node:net";
import { createServer, type TlsOptions } from "node:tls";
import { type CertificateName, type Certificates, makeCertificates } from "./servers/certificates.ts";
import { temporaryFolder } from "./servers/daemon.ts";

export type TlsServers = {
  readonly certificates: Certificates;
  /** A port of 127.0.0.1. */
  listen(certificate: CertificateName, options?: TlsOptions): Promise<number>;
  /** The names that handshakes asked for, the newest last; those without a name are not among them. */
  readonly names: readonly string[];
  /** How many handshakes were completed, and how many were not. */
  readonly handshakes: { completed: number; failed: number };
  /** How many connections are open now. */
  open(): number;
  stop(): Promise<void>;
};

export async function startTlsServers(): Promise<TlsServers> {
  const folder = await temporaryFolder("tls");
  const certificates = await makeCertificates(folder.path);
  const sockets = new Set<Socket>();
  const names: string[] = [];
  const handshakes = { completed: 0, failed: 0 };
  const servers: ReturnType<typeof createServer>[] = [];
  return {
    certificates,
    names,
    handshakes,
    open: () => sockets.size,
    async listen(name, options = {}) {
      const paths = certificates.paths[name];
      const [key, cert] = await Promise.all([readFile(paths.key), readFile(paths.certificate)]);
      // Asked before the handshake ends, so it is known when the client is through.
      const SNICallback: TlsOptions["SNICallback"] = (asked, done) => {
        names.push(asked);
        done(null);
      };
      const server = createServer({ key, cert, SNICallback, ...options }, (socket) => {
        handshakes.completed += 1;
        socket.on("error", () => socket.destroy());
        socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"));
      });
      server.on("connection", (socket: Socket) => {
        sockets.add(socket);
        socket.once("close", () => sockets.delete(socket));
      });
      server.on("tlsClientError", () => {
        handshakes.failed += 1;
      });
      servers.push(server);
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      return (server.address() as AddressInfo).port;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
      await folder.remove();
    },
  };
}
