/**
 * OpenStack Octavia's API on a free port of 127.0.0.1, with its no-op provider and the real driver agent, on a MariaDB. The provider never reports by
 * itself: what is made stays PENDING_CREATE until a test reports for it, as a provider's driver does. With a Keystone it wants tokens, and stands in
 * the catalogue; without one anybody is the administrator.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Daemon, freePort, inFolder, startDaemon } from "./daemon.ts";
import { pathOf } from "./installed.ts";
import type { Keystone } from "./keystone.ts";
import { startMariaDb } from "./mariadb.ts";
import { command, configText, noPolicies, python, slowStartMs, startWsgi } from "./openstack.ts";

/** What a driver reports: the parts' ids, with what is new of each. */
export type OctaviaReport = Readonly<
  Partial<Record<"loadbalancers" | "listeners" | "pools" | "healthmonitors" | "members", readonly OctaviaPart[]>>
>;
export type OctaviaPart = { readonly id: string; readonly operating_status?: string; readonly provisioning_status?: string };

export type Octavia = {
  /** Its root, without `/v2`. */
  readonly url: string;
  readonly log: () => string;
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<OctaviaCalled>;
  report(what: OctaviaReport): Promise<void>;
  /** A load balancer with a listener, a pool, a health monitor and so many members, all ACTIVE and ONLINE. */
  balancer(options?: BalancerOptions): Promise<Balancer>;
  down(): Promise<void>;
  up(): Promise<void>;
  stop(): Promise<void>;
};
// biome-ignore lint/suspicious/noExplicitAny: whatever Octavia answers; a test that reads it wrong fails.
export type OctaviaCalled = { readonly status: number; readonly body: any };
export type BalancerOptions = {
  readonly vip?: string;
  readonly members?: readonly string[];
  /** Who makes it: a token. Without a Keystone, nobody in particular. */
  readonly headers?: Readonly<Record<string, string>>;
};
export type Balancer = {
  readonly id: string;
  readonly vip: string;
  readonly listener: string;
  readonly pool: string;
  readonly monitor: string;
  readonly members: readonly string[];
};
export type OctaviaOptions = { readonly keystone?: Keystone };

const noProject = "11111111111111111111111111111111";
const subnet = "5d1a0b5e-6f7f-4b0e-8a55-0f9f3b4b6c01";

export const startOctavia = ({ keystone }: OctaviaOptions = {}): Promise<Octavia> =>
  inFolder("octavia", async (folder) => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const config = join(folder, "octavia.conf");
    const sockets = join(folder, "agent");
    await Promise.all(["agent", "state", "certs"].map((name) => mkdir(join(folder, name))));
    const mariadb = await startMariaDb(folder);
    const running: Daemon[] = [];
    const down = async () => {
      for (const daemon of running.splice(0)) await daemon.stop();
    };
    const up = async () => {
      if (running.length > 0) return;
      const ready = async () => existsSync(join(sockets, "status.sock"));
      running.push(
        await startDaemon({ program: "octavia-driver-agent", args: ["--config-file", config], ready, readyTimeoutMs: slowStartMs }),
      );
      const file = pathOf("octavia-wsgi") ?? "";
      running.push(await startWsgi({ file, port, more: ["--pyargv", `--config-file ${config}`] }));
    };
    const reporter = new Reporter(sockets);
    const stop = async () => {
      reporter.stop();
      await down();
      await mariadb.stop();
    };
    try {
      const settings = await configuration(folder, port, await mariadb.database("octavia"), keystone);
      await writeFile(config, configText(settings), { mode: 0o600 });
      await command("octavia-db-manage", ["--config-file", config, "upgrade", "head"]);
      await up();
      await keystone?.catalogue({ type: "load-balancer", name: "octavia", url });
    } catch (error) {
      await stop();
      throw error;
    }
    const call: Octavia["call"] = async (method, path, body, headers = {}) => {
      const init = { method, headers: { "Content-Type": "application/json", ...headers } };
      const answer = await fetch(`${url}${path}`, body === undefined ? init : { ...init, body: JSON.stringify(body) });
      const text = await answer.text();
      return { status: answer.status, body: text === "" ? null : JSON.parse(text) };
    };
    return {
      url,
      log: () => running.map(({ log }) => log()).join("\n"),
      call,
      report: (what) => reporter.report(what),
      balancer: (options) => balancerOf(call, (what) => reporter.report(what), options ?? {}, keystone === undefined),
      down,
      up,
      stop,
    };
  });

async function configuration(folder: string, port: number, database: string, keystone: Keystone | undefined) {
  const sockets = join(folder, "agent");
  const noop = ["network", "compute", "amphora", "image", "volume"].map((name) => [`${name}_driver`, `${name}_noop_driver`]);
  const policies = await noPolicies(folder);
  // Octavia's own rules want roles that a plain member of a project has not; these are those that its documentation gives for him.
  const member = "rule:load-balancer:admin or project_id:%(project_id)s";
  const rules = ["read", "write", "read-quota"].map((name) => [`load-balancer:${name}`, member]);
  if (keystone !== undefined) await writeFile(join(folder, "policy.yaml"), JSON.stringify(Object.fromEntries(rules)));
  const own = keystone === undefined ? null : accountOf(keystone);
  return {
    DEFAULT: { transport_url: "fake://", log_file: join(folder, "octavia.log"), use_stderr: false },
    database: { connection: database },
    api_settings: {
      bind_host: "127.0.0.1",
      bind_port: port,
      api_base_uri: `http://127.0.0.1:${port}`,
      auth_strategy: keystone === undefined ? "noauth" : "keystone",
      enabled_provider_drivers: "noop_driver:No-op driver",
      default_provider_driver: "noop_driver",
    },
    controller_worker: Object.fromEntries(noop),
    certificates: { cert_manager: "local_cert_manager", storage_path: join(folder, "certs") },
    driver_agent: {
      status_socket_path: join(sockets, "status.sock"),
      stats_socket_path: join(sockets, "stats.sock"),
      get_socket_path: join(sockets, "get.sock"),
    },
    oslo_concurrency: { lock_path: join(folder, "state") },
    ...policies,
    ...(own === null ? {} : { keystone_authtoken: { ...own, memcached_servers: "" }, service_auth: own }),
  };
}

const accountOf = ({ url, service }: Keystone) => ({
  auth_type: "password",
  auth_url: url,
  www_authenticate_uri: url,
  username: service.username,
  password: service.password,
  project_name: service.project,
  user_domain_id: "default",
  project_domain_id: "default",
});

async function balancerOf(
  call: Octavia["call"],
  report: Octavia["report"],
  { vip = "192.0.2.80", members = ["192.0.2.101", "192.0.2.102"], headers = {} }: BalancerOptions,
  isOpen: boolean,
): Promise<Balancer> {
  const made: Record<string, OctaviaPart[]> = {};
  // Nothing can be added to what is not ACTIVE, so each part is reported, with those that it changed.
  const make = async (kind: keyof OctaviaReport, path: string, body: unknown): Promise<string> => {
    const answer = await call("POST", `/v2/lbaas/${path}`, body, headers);
    if (answer.status !== 201) throw new Error(`POST ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    const { id } = Object.values(answer.body as Record<string, { id: string }>)[0] as { id: string };
    made[kind] = [...(made[kind] ?? []), { id, provisioning_status: "ACTIVE", operating_status: "ONLINE" }];
    await report(made);
    return id;
  };
  const owner = isOpen ? { project_id: noProject } : {};
  const id = await make("loadbalancers", "loadbalancers", {
    loadbalancer: { name: "web", vip_subnet_id: subnet, vip_address: vip, ...owner },
  });
  const listener = await make("listeners", "listeners", {
    listener: { name: "http", protocol: "HTTP", protocol_port: 80, loadbalancer_id: id },
  });
  const pool = await make("pools", "pools", {
    pool: { name: "web", protocol: "HTTP", lb_algorithm: "ROUND_ROBIN", listener_id: listener },
  });
  const monitor = await make("healthmonitors", "healthmonitors", {
    healthmonitor: { type: "HTTP", delay: 5, timeout: 3, max_retries: 3, pool_id: pool },
  });
  const ids: string[] = [];
  for (const [index, address] of members.entries())
    ids.push(await make("members", `pools/${pool}/members`, { member: { name: `web-${index + 1}`, address, protocol_port: 8080 } }));
  return { id, vip, listener, pool, monitor, members: ids };
}

/** One process for all reports: a new one takes seconds to load. */
class Reporter {
  private readonly folder: string;
  private child: ChildProcess | null = null;
  private readonly waiting: ((line: string) => void)[] = [];

  constructor(folder: string) {
    this.folder = folder;
  }

  async report(what: OctaviaReport): Promise<void> {
    const child = this.child ?? this.start();
    const said = await new Promise<string>((resolve) => {
      this.waiting.push(resolve);
      child.stdin?.write(`${JSON.stringify(what)}\n`);
    });
    if (said !== "taken") throw new Error(`the driver agent: ${said}`);
  }

  stop(): void {
    this.child?.kill("SIGTERM");
    this.child = null;
  }

  private start(): ChildProcess {
    const child = spawn(python, [join(import.meta.dirname, "octavia-status.py"), this.folder], { stdio: ["pipe", "pipe", "inherit"] });
    createInterface({ input: child.stdout }).on("line", (line) => this.waiting.shift()?.(line));
    // Its end, without an answer, is the answer of who waits.
    child.once("close", () => {
      this.child = null;
      for (const answer of this.waiting.splice(0)) answer("it ended");
    });
    this.child = child;
    return child;
  }
}
