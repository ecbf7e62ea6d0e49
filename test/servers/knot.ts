/**
 * Knot DNS with the zone of `update-zone.ts`, which takes updates and transfers signed with its keys; a name that is not there is NXDOMAIN, and
 * one outside of the zone REFUSED.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "./daemon.ts";
import { newKeys, records, startUpdateServer, type TsigKey, type UpdateServer, zone } from "./update-zone.ts";

export type Knot = UpdateServer;

const keyBlock = ({ name, algorithm, secret }: TsigKey) => `  - id: ${name}
    algorithm: ${algorithm}
    secret: ${secret}
`;

export const startKnot = (): Promise<Knot> =>
  startUpdateServer("knot", async (folder) => {
    const port = await freePort();
    const keys = newKeys();
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
key:
${Object.values(keys).map(keyBlock).join("")}acl:
  - id: kosmos
    key: [${keys.sha256.name}, ${keys.sha512.name}]
    action: [update, transfer]
zone:
  - domain: ${zone}
    storage: ${folder}
    file: zone.db
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: changes
    acl: kosmos
`,
      { mode: 0o600 },
    );
    return { port, keys, program: "knotd", args: ["-c", path] };
  });
