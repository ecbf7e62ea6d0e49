/** BIND 9 with the zone of `update-zone.ts`, which takes updates and transfers signed with its keys. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "./daemon.ts";
import { newKeys, records, startUpdateServer, type TsigKey, type UpdateServer, zone } from "./update-zone.ts";

export type Bind = UpdateServer;

/** The one name that the keys may read and not update. */
export const forbidden = `forbidden.${zone}.`;

const keyBlock = ({ name, algorithm, secret }: TsigKey) => `key "${name}" { algorithm ${algorithm}; secret "${secret}"; };\n`;

export const startBind = (): Promise<Bind> =>
  startUpdateServer("bind", async (folder) => {
    const port = await freePort();
    const keys = newKeys();
    await writeFile(join(folder, "zone.db"), records);
    const path = join(folder, "named.conf");
    const may = [keys.sha256.name, keys.sha512.name];
    await writeFile(
      path,
      `${Object.values(keys).map(keyBlock).join("")}controls { };
options {
  directory "${folder}";
  pid-file none;
  lock-file none;
  session-keyfile none;
  listen-on port ${port} { 127.0.0.1; };
  listen-on-v6 { none; };
  recursion no;
  dnssec-validation no;
  empty-zones-enable no;
  notify no;
  allow-transfer { ${may.map((name) => `key ${name};`).join(" ")} };
  serial-update-method increment;
};
zone "${zone}" {
  type primary;
  file "zone.db";
  update-policy {
    ${may.map((name) => `deny ${name} name ${forbidden} ANY;`).join(" ")}
    ${may.map((name) => `grant ${name} zonesub ANY;`).join(" ")}
  };
};
`,
      { mode: 0o600 },
    );
    return { port, keys, program: "named", args: ["-4", "-g", "-n", "2", "-c", path] };
  });
