/** HAProxy in front of endpoints that it checks at `/healthz` every second, three fails in a row; who is up, as its statistics socket says it. */
import { writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { type Daemon, freePort, inFolder, startDaemon } from "./daemon.ts";

export type Haproxy = Daemon & {
  /** The names of the servers that are up. */
  up(): Promise<readonly string[]>;
};
export type Watched = { readonly name: string; readonly address: string; readonly port: number };

export const startHaproxy = (servers: readonly Watched[]): Promise<Haproxy> =>
  inFolder("haproxy", async (folder) => {
    const socket = join(folder, "stats.sock");
    const path = join(folder, "haproxy.cfg");
    await writeFile(path, configuration(socket, await freePort(), servers));
    const up = async () => (await ask(socket)).split("\n").flatMap(upIn);
    const daemon = await startDaemon({
      program: "haproxy",
      args: ["-db", "-f", path],
      ready: async () => (await up()).length === servers.length,
    });
    return { ...daemon, up };
  });

/** A line of `show stat`: proxy, server, and as the 18th field the status ("UP", "UP 1/3" while it is in doubt). */
function upIn(line: string): readonly string[] {
  const fields = line.split(",");
  const isUp = fields[0] === "endpoints" && fields[1] !== "BACKEND" && fields[17]?.startsWith("UP") === true;
  return isUp && fields[1] !== undefined ? [fields[1]] : [];
}

const configuration = (socket: string, port: number, servers: readonly Watched[]) => `global
  stats socket ${socket} mode 600
  maxconn 200
  spread-checks 0
defaults
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
  timeout check 1s
frontend web
  bind 127.0.0.1:${port}
  default_backend endpoints
backend endpoints
  option httpchk GET /healthz
  http-check expect status 200
  default-server inter 1s fall 3 rise 2
${servers.map(({ name, address, port: at }) => `  server ${name} ${address}:${at} check`).join("\n")}
`;

const ask = (path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = createConnection(path);
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      text += chunk;
    });
    socket.once("error", reject);
    socket.once("end", () => resolve(text));
    socket.write("show stat\n");
  });
