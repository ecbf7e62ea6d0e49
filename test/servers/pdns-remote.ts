/**
 * PowerDNS Authoritative on a free port of 127.0.0.1, UDP and TCP, over its remote backend: what it answers it asks of an HTTP server, as
 * docs/powerdns.md configures it. The lines are read from that page, so that what is written there is what was tried.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Daemon, freePort, inFolder, startDaemon } from "./daemon.ts";
import { dig } from "./dig.ts";

export type PdnsRemote = Daemon & { readonly port: number };

const page = resolve(import.meta.dirname, "../../docs/powerdns.md");

type Other = {
  /** More of the connector's parameters, such as `post=1,post_json=1`. */
  readonly form?: string;
  /** Other values of the page's settings. */
  readonly settings?: Readonly<Record<string, string>>;
};

/** `url`: `http://127.0.0.1:8787/pdns/<secret>`. */
export const startPdnsRemote = (url: string, { form = "", settings = {} }: Other = {}): Promise<PdnsRemote> =>
  inFolder("pdns-remote", async (folder) => {
    const port = await freePort();
    const here: Readonly<Record<string, string>> = {
      ...settings,
      "local-address": "127.0.0.1",
      "local-port": String(port),
      "remote-connection-string": `http:url=${url},timeout=2000${form === "" ? "" : `,${form}`}`,
    };
    const lines = (await documented()).map((line) => {
      const [name = ""] = line.split("=");
      return here[name] === undefined ? line : `${name}=${here[name]}`;
    });
    const local = ["daemon=no", "guardian=no", "write-pid=no", "disable-syslog=yes", "loglevel=4", `socket-dir=${folder}`];
    await writeFile(join(folder, "pdns.conf"), `${[...lines, ...local].join("\n")}\n`, { mode: 0o600 });
    const answers = async () => (await dig({ port }, "nowhere.invalid", "SOA")).rcode === "REFUSED";
    const daemon = await startDaemon({ program: "pdns_server", args: [`--config-dir=${folder}`, "--config-name="], ready: answers });
    return { ...daemon, port };
  });

/** The settings of the page's first block that launches the backend. */
async function documented(): Promise<string[]> {
  const blocks = (await readFile(page, "utf8")).matchAll(/^```ini\n([\s\S]*?)^```/gm);
  const block = [...blocks].map(([, text = ""]) => text).find((text) => text.includes("launch=remote"));
  if (block === undefined) throw new Error(`${page} has no pdns.conf`);
  return block.split("\n").filter((line) => /^[a-z]/.test(line));
}
