/** What BIND and Knot have in common here: the zone `gslb.test.`, the keys that may update it, whether it is served yet, and nsupdate. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createConnection } from "node:net";
import { streamEncode } from "dns-packet";
import { type Daemon, inFolder, startDaemon } from "./daemon.ts";
import { pathOf } from "./installed.ts";

/** `www` has two A records and an AAAA, `alias` a CNAME to it, `text` a TXT, the apex an MX, `sub` is delegated, below `wild` all names have an A. */
export const zone = "gslb.test";
export const records = `$ORIGIN ${zone}.
$TTL 60
@       IN SOA   ns1 hostmaster 1 3600 600 86400 5
        IN NS    ns1
        IN MX    10 mail
ns1     IN A     127.0.0.1
www     IN A     192.0.2.10
        IN A     192.0.2.11
        IN AAAA  2001:db8::10
alias   IN CNAME www
text    IN TXT   "kosmos was here"
sub     IN NS    ns.sub
ns.sub  IN A     192.0.2.53
*.wild  IN A     192.0.2.99
`;

export type TsigKey = { readonly name: string; readonly algorithm: "hmac-sha256" | "hmac-sha512"; readonly secret: string };
export type TsigKeys = { readonly sha256: TsigKey; readonly sha512: TsigKey /** Known, and may do nothing. */; readonly other: TsigKey };

export const newKeys = (): TsigKeys => {
  const key = (name: string, algorithm: TsigKey["algorithm"], length: number): TsigKey => ({
    name,
    algorithm,
    secret: randomBytes(length).toString("base64"),
  });
  return {
    sha256: key("kosmos-256", "hmac-sha256", 32),
    sha512: key("kosmos-512", "hmac-sha512", 64),
    other: key("other", "hmac-sha256", 32),
  };
};

/** A name server on a port of 127.0.0.1, UDP and TCP, that goes away and comes back with its zone and its port. */
export type UpdateServer = Daemon & {
  readonly port: number;
  readonly zone: string;
  readonly keys: TsigKeys;
  away(): Promise<void>;
  back(): Promise<void>;
};

type Prepared = { readonly port: number; readonly keys: TsigKeys; readonly program: string; readonly args: readonly string[] };

/** `prepare` writes its configuration into the folder. */
export const startUpdateServer = (name: string, prepare: (folder: string) => Promise<Prepared>): Promise<UpdateServer> =>
  inFolder(name, async (folder) => {
    const { port, keys, program, args } = await prepare(folder);
    const start = () => startDaemon({ program, args, ready: () => hasZone(port) });
    let daemon = await start();
    let isAway = false;
    return {
      pid: daemon.pid,
      log: () => daemon.log(),
      stop: () => daemon.stop(),
      away: async () => {
        isAway = true;
        await daemon.stop();
      },
      // A second one would share the port with the first: both allow it.
      back: async () => {
        if (isAway) daemon = await start();
        isAway = false;
      },
      port,
      keys,
      zone: `${zone}.`,
    };
  });

export const keyOption = ({ algorithm, name, secret }: TsigKey): string => `${algorithm}:${name}:${secret}`;

/** Others' changes, by BIND's own tool: lines such as `update add www.gslb.test. 60 A 192.0.2.1`. Rejects where the server refuses them. */
export async function nsupdate(
  { port, keys }: Pick<UpdateServer, "port" | "keys">,
  lines: readonly string[],
  key = keys.sha256,
): Promise<void> {
  const path = pathOf("nsupdate");
  if (path === null) throw new Error("nsupdate is not installed");
  const script = [`server 127.0.0.1 ${port}`, `zone ${zone}.`, ...lines, "send", ""].join("\n");
  await new Promise<void>((resolve, reject) => {
    const child = execFile(path, ["-v", "-t", "5", "-y", keyOption(key)], (error, _, stderr) =>
      error === null ? resolve() : reject(new Error(`nsupdate: ${stderr.trim()}`)),
    );
    child.stdin?.end(script);
  });
}

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
