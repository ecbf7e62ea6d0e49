/**
 * PowerDNS Authoritative on free ports of 127.0.0.1: over SQLite with its HTTP API, or over what `launch` says. All its caches are off, so
 * that what was written is what is answered. It can be ended and come back with its data, its ports and its key.
 */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Daemon, freePorts, inFolder, startDaemon } from "./daemon.ts";

export type PdnsRrset = {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly records: readonly { readonly content: string; readonly disabled: boolean }[];
};

export type Pdns = {
  /** UDP and TCP. */
  readonly port: number;
  /** Without `/api/v1`. */
  readonly apiUrl: string;
  readonly apiKey: string;
  log(): string;
  /** A request to the API, with the path after `/api/v1/servers/localhost`. Throws where it is not taken. */
  api(method: string, path: string, json?: unknown): Promise<unknown>;
  /** A zone with an SOA, an NS and these. Each change raises its serial by one. */
  makeZone(name: string, more?: { readonly kind?: string; readonly rrsets?: readonly PdnsRrset[] }): Promise<void>;
  rrsets(zone: string): Promise<readonly PdnsRrset[]>;
  /** Records of one type at a name, in their place; none: they go. */
  put(zone: string, rrset: Pick<PdnsRrset, "name" | "type" | "ttl"> & { readonly values: readonly string[] }): Promise<void>;
  away(): Promise<void>;
  back(): Promise<void>;
  stop(): Promise<void>;
};

const schema = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";

/**
 * `launch`: other lines than those of SQLite, for another backend of PowerDNS's; there is no API then that could write. `extra`: lines that beat
 * those here.
 */
export const startPdns = ({
  launch,
  extra = [],
}: {
  readonly launch?: readonly string[];
  readonly extra?: readonly string[];
} = {}): Promise<Pdns> =>
  inFolder("pdns", async (folder) => {
    const [port = 0, apiPort = 0] = await freePorts(2);
    const apiKey = randomBytes(16).toString("hex");
    const database = join(folder, "pdns.sqlite3");
    if (launch === undefined) {
      const fresh = new DatabaseSync(database);
      fresh.exec(await readFile(schema, "utf8"));
      fresh.close();
    }
    await mkdir(join(folder, "sock"));
    const settings = [
      ...(launch ?? ["launch=gsqlite3", `gsqlite3-database=${database}`, "gsqlite3-pragma-synchronous=0"]),
      "local-address=127.0.0.1",
      `local-port=${port}`,
      "query-local-address=127.0.0.1",
      `socket-dir=${folder}/sock`,
      "api=yes",
      `api-key=${apiKey}`,
      "webserver=yes",
      "webserver-address=127.0.0.1",
      `webserver-port=${apiPort}`,
      "webserver-allow-from=127.0.0.1",
      "default-soa-content=ns1.@ hostmaster.@ 1 3600 600 86400 5",
      "cache-ttl=0",
      "query-cache-ttl=0",
      "negquery-cache-ttl=0",
      "zone-cache-refresh-interval=0",
      "edns-subnet-processing=yes",
      "version-string=anonymous",
      "daemon=no",
      "guardian=no",
      "write-pid=no",
      "disable-syslog=yes",
      "loglevel=4",
      ...extra,
    ];
    await writeFile(join(folder, "pdns.conf"), `${settings.join("\n")}\n`);
    await chmod(join(folder, "pdns.conf"), 0o600);

    const apiUrl = `http://127.0.0.1:${apiPort}`;
    const api: Pdns["api"] = async (method, path, json) => {
      const response = await fetch(`${apiUrl}/api/v1/servers/localhost${path}`, {
        method,
        headers: { "X-API-Key": apiKey, "Content-Type": "application/json" },
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 300)}`);
      return text === "" ? null : JSON.parse(text);
    };
    const begin = (): Promise<Daemon> =>
      startDaemon({
        program: "pdns_server",
        args: [`--config-dir=${folder}`, "--config-name="],
        ready: async () => (await api("GET", "")) !== null,
      });
    let daemon = await begin();
    const pdns: Pdns = {
      port,
      apiUrl,
      apiKey,
      log: () => daemon.log(),
      api,
      makeZone: async (name, { kind = "Native", rrsets = [] } = {}) => {
        await api("POST", "/zones", { name, kind, nameservers: [`ns1.${name}`], soa_edit_api: "INCREASE", rrsets });
      },
      rrsets: async (zone) => ((await api("GET", `/zones/${zone}`)) as { rrsets: PdnsRrset[] }).rrsets,
      put: async (zone, { name, type, ttl, values }) => {
        const records = values.map((content) => ({ content, disabled: false }));
        const rrset = { name, type, ttl, changetype: records.length === 0 ? "DELETE" : "REPLACE", records };
        await api("PATCH", `/zones/${zone}`, { rrsets: [rrset] });
      },
      away: () => daemon.stop(),
      back: async () => {
        await daemon.stop();
        daemon = await begin();
      },
      stop: () => daemon.stop(),
    };
    return pdns;
  });
