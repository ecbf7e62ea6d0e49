/**
 * gdnsd, an authoritative server that checks what it answers with: for each pair of addresses a name `<name>.gslb.test` that answers with the
 * first while its `/healthz` says 200, else with the second. It cannot look more often than every two seconds.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Daemon, freePort, inFolder, startDaemon } from "./daemon.ts";
import { lookUp } from "./name-server.ts";

export type Gdnsd = Daemon & { readonly port: number };
export type Pair = { readonly name: string; readonly primary: string; readonly secondary: string };

export const startGdnsd = (pairs: readonly Pair[], endpointPort: number): Promise<Gdnsd> =>
  inFolder("gdnsd", async (folder) => {
    const port = await freePort();
    for (const path of ["etc/zones", "run", "state"]) await mkdir(join(folder, path), { recursive: true });
    await writeFile(join(folder, "etc/config"), configuration(folder, port, pairs, endpointPort));
    await writeFile(join(folder, "etc/zones/gslb.test"), zone(pairs));
    const daemon = await startDaemon({
      program: "gdnsd",
      args: ["-c", join(folder, "etc"), "start"],
      ready: async () => (await lookUp(port, "ns1.gslb.test.")).includes("127.0.0.1"),
    });
    return { ...daemon, port };
  });

const configuration = (folder: string, port: number, pairs: readonly Pair[], endpointPort: number) => `
options => { listen => 127.0.0.1:${port}, run_dir => ${folder}/run, state_dir => ${folder}/state, tcp_threads => 1, udp_threads => 1, zones_default_ttl => 5 }
service_types => {
  web => { plugin => http_status, port => ${endpointPort}, url_path => /healthz, ok_codes => [ 200 ],
           interval => 2, timeout => 1, down_thresh => 3, ok_thresh => 1, up_thresh => 2 }
}
plugins => { simplefo => {
${pairs.map(({ name, primary, secondary }) => `  ${name} => { service_types => web, primary => ${primary}, secondary => ${secondary} }`).join("\n")}
} }
`;

const zone = (pairs: readonly Pair[]) => `@ 5 SOA ns1 hostmaster 1 3600 600 86400 5
@ 60 NS ns1
ns1 60 A 127.0.0.1
${pairs.map(({ name }) => `${name} 5 DYNA simplefo!${name}`).join("\n")}
`;
