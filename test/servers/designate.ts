/**
 * OpenStack Designate with PowerDNS behind it, each on free ports of 127.0.0.1: its API takes a change, its worker tells PowerDNS, which fetches the
 * zone from Designate. With a Keystone it wants tokens and stands in the catalogue; without one anybody is the administrator of one project.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Daemon, freePorts, inFolder, startDaemon } from "./daemon.ts";
import type { Keystone } from "./keystone.ts";
import { startMariaDb } from "./mariadb.ts";
import { command, configText, noPolicies, python, slowStartMs } from "./openstack.ts";

export type Designate = {
  /** Its root, without `/v2`. */
  readonly url: string;
  /** Where PowerDNS answers, UDP and TCP. */
  readonly dnsPort: number;
  readonly log: () => string;
  /** Whatever somebody does by hand: `headers` say who he is. */
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Called>;
  /** PowerDNS hears nothing, until it does again: what is PENDING becomes ERROR, and then ACTIVE. */
  deafen(): void;
  listen(): void;
  /** Designate is away, until `up()`; PowerDNS goes on answering. */
  down(): Promise<void>;
  up(): Promise<void>;
  stop(): Promise<void>;
};
// biome-ignore lint/suspicious/noExplicitAny: whatever Designate answers; a test that reads it wrong fails.
export type Called = { readonly status: number; readonly body: any };

export type DesignateOptions = {
  readonly keystone?: Keystone;
  /** A bound of an operator's, where there is one. */
  readonly minTtl?: number;
  /** Of one recordset, and of a zone. */
  readonly quota?: { readonly recordsetRecords?: number; readonly zoneRecordsets?: number };
};

type Ports = { readonly api: number; readonly mdns: number; readonly dns: number; readonly pdns: number };

export const startDesignate = (options: DesignateOptions = {}): Promise<Designate> =>
  inFolder("designate", async (folder) => {
    const [api = 0, mdns = 0, dns = 0, pdns = 0] = await freePorts(4);
    const ports = { api, mdns, dns, pdns };
    const key = randomBytes(16).toString("hex");
    const url = `http://127.0.0.1:${api}`;
    const config = join(folder, "designate.conf");
    const pools = join(folder, "pools.yaml");
    // JSON is YAML.
    await writeFile(pools, JSON.stringify(poolsOf(ports, key)), { mode: 0o600 });

    const running: Daemon[] = [];
    const name = await startNameServer(folder, ports, key);
    running.push(name);
    let daemon: Daemon | null = null;
    const up = async () => {
      if (daemon !== null) return;
      const args = [join(import.meta.dirname, "designate-services.py"), config, pools];
      const ready = async () => (await fetch(url)).ok;
      daemon = await startDaemon({ program: python, args, ready, readyTimeoutMs: slowStartMs });
    };
    const down = async () => {
      await daemon?.stop();
      daemon = null;
    };
    const stop = async () => {
      await down();
      process.kill(name.pid, "SIGCONT");
      for (const one of running) await one.stop();
    };
    try {
      // With SQLite, whose calls stop the whole process, one change at a time would wait for the other until it gives up.
      const mariadb = await startMariaDb(folder);
      running.push(mariadb);
      const text = configText(await configuration(folder, ports, await mariadb.database("designate"), options));
      await writeFile(config, text, { mode: 0o600 });
      await command("designate-manage", ["--config-file", config, "database", "sync"]);
      await up();
      await options.keystone?.catalogue({ type: "dns", name: "designate", url });
    } catch (error) {
      await stop();
      throw error;
    }
    return {
      url,
      dnsPort: dns,
      log: () => daemon?.log() ?? "",
      call: async (method, path, body, headers = {}) => {
        const init = { method, headers: { "Content-Type": "application/json", ...headers } };
        const answer = await fetch(`${url}${path}`, body === undefined ? init : { ...init, body: JSON.stringify(body) });
        const text = await answer.text();
        return { status: answer.status, body: text === "" ? null : JSON.parse(text) };
      },
      deafen: () => process.kill(name.pid, "SIGSTOP"),
      listen: () => process.kill(name.pid, "SIGCONT"),
      down,
      up,
      stop,
    };
  });

async function configuration(folder: string, { api, mdns }: Ports, database: string, { keystone, minTtl, quota = {} }: DesignateOptions) {
  await mkdir(join(folder, "state"));
  const { recordsetRecords = 20, zoneRecordsets = 10_000 } = quota;
  return {
    DEFAULT: {
      transport_url: "fake://",
      state_path: join(folder, "state"),
      log_file: join(folder, "designate.log"),
      use_stderr: false,
      quota_zone_recordsets: zoneRecordsets,
      quota_zone_records: 100_000,
      quota_recordset_records: recordsetRecords,
    },
    oslo_messaging_notifications: { driver: "noop" },
    oslo_concurrency: { lock_path: join(folder, "state") },
    "storage:sqlalchemy": { connection: database },
    "service:api": {
      listen: `127.0.0.1:${api}`,
      api_base_uri: `http://127.0.0.1:${api}/`,
      api_paste_config: "/usr/share/designate-common/api-paste.ini",
      auth_strategy: keystone === undefined ? "noauth" : "keystone",
      workers: 1,
    },
    "service:central": { workers: 1, managed_resource_email: "hostmaster@gslb.test", ...(minTtl === undefined ? {} : { min_ttl: minTtl }) },
    "service:mdns": { listen: `127.0.0.1:${mdns}`, workers: 1 },
    "service:producer": { workers: 1 },
    // It asks PowerDNS at once whether it has a change, and four times more; what failed is looked at again every five seconds.
    "service:worker": {
      workers: 1,
      poll_delay: 0,
      poll_timeout: 2,
      poll_retry_interval: 1,
      poll_max_retries: 4,
      serial_max_retries: 1,
      serial_timeout: 1,
    },
    "producer_task:worker_periodic_recovery": { interval: 5 },
    ...(await noPolicies(folder)),
    ...(keystone === undefined ? {} : { keystone_authtoken: middleware(keystone) }),
  };
}

const middleware = ({ url, service }: Keystone) => ({
  auth_type: "password",
  auth_url: url,
  www_authenticate_uri: url,
  username: service.username,
  password: service.password,
  project_name: service.project,
  user_domain_id: "default",
  project_domain_id: "default",
  memcached_servers: "",
});

const poolsOf = ({ mdns, dns, pdns }: Ports, key: string) => [
  {
    name: "default",
    description: "one PowerDNS",
    attributes: {},
    ns_records: [{ hostname: "ns1.gslb-designate.test.", priority: 1 }],
    nameservers: [{ host: "127.0.0.1", port: dns }],
    targets: [
      {
        type: "pdns4",
        description: "PowerDNS",
        masters: [{ host: "127.0.0.1", port: mdns }],
        options: { host: "127.0.0.1", port: dns, api_endpoint: `http://127.0.0.1:${pdns}`, api_token: key },
      },
    ],
  },
];

/** A secondary for whatever Designate tells it to be one of; it remembers no answer, so that a change shows at once. */
async function startNameServer(folder: string, { dns, pdns }: Ports, key: string): Promise<Daemon> {
  const database = join(folder, "pdns.sqlite3");
  const read = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(open(sys.argv[2]).read())";
  const schema = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";
  if (!existsSync(database)) await command(python, ["-c", read, database, schema]);
  await mkdir(join(folder, "sock"));
  const settings = {
    launch: "gsqlite3",
    "gsqlite3-database": database,
    "gsqlite3-pragma-synchronous": 0,
    "local-address": "127.0.0.1",
    "local-port": dns,
    "query-local-address": "127.0.0.1",
    "socket-dir": join(folder, "sock"),
    secondary: "yes",
    "xfr-cycle-interval": 5,
    "allow-notify-from": "127.0.0.0/8",
    api: "yes",
    "api-key": key,
    webserver: "yes",
    "webserver-address": "127.0.0.1",
    "webserver-port": pdns,
    "webserver-allow-from": "127.0.0.1",
    "cache-ttl": 0,
    "query-cache-ttl": 0,
    "negquery-cache-ttl": 0,
    "zone-cache-refresh-interval": 0,
    daemon: "no",
    guardian: "no",
    "write-pid": "no",
    "disable-syslog": "yes",
    loglevel: 4,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(join(folder, "pdns.conf"), lines.join(""), { mode: 0o600 });
  const headers = { "X-API-Key": key };
  return startDaemon({
    program: "pdns_server",
    args: [`--config-dir=${folder}`, "--config-name="],
    ready: async () => (await fetch(`http://127.0.0.1:${pdns}/api/v1/servers/localhost`, { headers })).ok,
  });
}
