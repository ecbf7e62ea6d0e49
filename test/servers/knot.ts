/**
 * Knot DNS on a free port of 127.0.0.1, UDP and TCP, with one zone `gslb.test.`: `www` has two A records and an AAAA, `alias` a CNAME to it,
 * `text` a TXT, the apex an MX; everything else there is NXDOMAIN, and outside of it REFUSED.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { streamEncode } from "dns-packet";
import { type Daemon, freePort, inFolder, startDaemon } from "./daemon.ts";

export type Knot = Daemon & { readonly port: number; readonly zone: string };

const zone = "gslb.test";
const records = `$ORIGIN ${zone}.
$TTL 60
@     IN SOA   ns1 hostmaster 1 3600 600 86400 5
      IN NS    ns1
      IN MX    10 mail
ns1   IN A     127.0.0.1
www   IN A     192.0.2.10
      IN A     192.0.2.11
      IN AAAA  2001:db8::10
alias IN CNAME www
text  IN TXT   "kosmos was here"
`;

export const startKnot = (): Promise<Knot> =>
  inFolder("knot", async (folder) => {
    const port = await freePort();
    await mkdir(join(folder, "run"));
    await writeFile(join(folder, "zone.db"), records);
    const path = join(folder, "knot.conf");
    await writeFile(
      path,
      `server:
    listen: 127.0.0.1@${port}
    rundir: ${folder}/run
    udp-workers: 1
    tcp-workers: 2
    background-workers: 1
    identity: ""
    version: ""
log:
  - target: stderr
    any: warning
database:
    storage: ${folder}
zone:
  - domain: ${zone}
    storage: ${folder}
    file: zone.db
    zonefile-sync: -1
    journal-content: none
`,
    );
    const daemon = await startDaemon({ program: "knotd", args: ["-c", path], ready: () => hasZone(port) });
    return { ...daemon, port, zone: `${zone}.` };
  });

/** It listens before it has loaded its zone, and refuses what it is asked until then. */
const hasZone = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection({ host: "127.0.0.1", port });
    socket.once("connect", () => socket.write(streamEncode({ type: "query", id: 1, questions: [{ type: "SOA", name: zone }] })));
    socket.once("data", (bytes) => {
      socket.destroy();
      // The low four bits of the header's fourth byte, after two of length, are the response code.
      resolve(bytes.length > 5 && ((bytes[5] ?? 15) & 15) === 0);
    });
    socket.once("error", () => resolve(false));
    socket.once("end", () => resolve(false));
    socket.setTimeout(1_000, () => socket.destroy());
    socket.once("close", () => resolve(false));
  });
