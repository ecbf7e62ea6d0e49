/**
 * OpenStack Keystone on a free port of 127.0.0.1: SQLite, Fernet tokens, under uWSGI. Two projects with a user each, role `member`; an application
 * credential of the first; a user for other services' own middleware; and the administrator. It can stop and come back with the same data.
 */
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { type Daemon, freePort, inFolder } from "./daemon.ts";
import { pathOf } from "./installed.ts";
import { command, configText, noPolicies, python, startWsgi } from "./openstack.ts";

/** Somebody with a password, and the project that he works in; all in the domain `Default`. */
export type Account = { readonly username: string; readonly password: string; readonly project: string; readonly projectId: string };

export type Keystone = {
  /** Ends in `/v3`. */
  readonly url: string;
  readonly user: Account;
  readonly other: Account;
  readonly admin: Account;
  /** For a service's middleware, which asks whether a token is good. */
  readonly service: Account;
  readonly applicationCredential: { readonly id: string; readonly secret: string };
  readonly log: () => string;
  /** A fresh token of somebody's. */
  token(account: Account): Promise<string>;
  /** From now on this token is none. */
  revoke(token: string): Promise<void>;
  /** Puts a service into the catalogue, region `RegionOne` unless it is said; one of the same type, interface and region is replaced. */
  catalogue(entry: CatalogueEntry): Promise<void>;
  /** It is away, until `up()`: the same data on the same port, and tokens that are good for so long. */
  down(): Promise<void>;
  up(options?: KeystoneOptions): Promise<void>;
  stop(): Promise<void>;
};
export type KeystoneOptions = { readonly tokenSeconds?: number };
export type CatalogueEntry = {
  readonly type: string;
  readonly name: string;
  readonly url: string;
  readonly region?: string;
  readonly interface?: "public" | "internal" | "admin";
};

export const startKeystone = (options: KeystoneOptions = {}): Promise<Keystone> =>
  inFolder("keystone", async (folder) => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/v3`;
    await configure(folder, port, options);
    const manage = (...args: string[]) => command("keystone-manage", ["--config-file", join(folder, "keystone.conf"), ...args]);
    const adminPassword = randomBytes(16).toString("hex");
    await initialise(folder, url, adminPassword, manage);

    let daemon: Daemon | null = null;
    const up = async (more: KeystoneOptions = options) => {
      if (daemon !== null) return;
      await configure(folder, port, more);
      const env = { OS_KEYSTONE_CONFIG_FILES: join(folder, "keystone.conf") };
      daemon = await startWsgi({ file: pathOf("keystone-wsgi-public") ?? "", port, env });
    };
    const down = async () => {
      await daemon?.stop();
      daemon = null;
    };
    await up();
    try {
      return { ...(await populate(url, adminPassword)), url, log: () => daemon?.log() ?? "", up, down, stop: down };
    } catch (error) {
      await down();
      throw error;
    }
  });

async function configure(folder: string, port: number, { tokenSeconds = 3600 }: KeystoneOptions): Promise<void> {
  const keys = join(folder, "fernet");
  const text = configText({
    DEFAULT: { log_file: join(folder, "keystone.log"), use_stderr: false, public_endpoint: `http://127.0.0.1:${port}` },
    database: { connection: `sqlite:///${join(folder, "keystone.sqlite3")}` },
    // Without it every look at a token is some 300 queries.
    cache: { enabled: true, backend: "oslo_cache.dict", expiration_time: 600 },
    token: { provider: "fernet", expiration: tokenSeconds, allow_expired_window: 60 },
    fernet_tokens: { key_repository: keys },
    fernet_receipts: { key_repository: keys },
    credential: { key_repository: join(folder, "credential") },
    identity: { password_hash_rounds: 4 },
    ...(await noPolicies(folder)),
  });
  await writeFile(join(folder, "keystone.conf"), text, { mode: 0o600 });
}

/** Its tables, its keys and its administrator. */
async function initialise(folder: string, url: string, password: string, manage: (...args: string[]) => Promise<string>): Promise<void> {
  const { username, gid } = userInfo();
  const owner = ["--keystone-user", username, "--keystone-group", String(gid)];
  await Promise.all(["fernet", "credential"].map((name) => mkdir(join(folder, name))));
  await manage("db_sync");
  // A reader that is left open must not lock out the next writer.
  const database = join(folder, "keystone.sqlite3");
  await command(python, ["-c", "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA journal_mode=WAL')", database]);
  await manage("fernet_setup", ...owner);
  await manage("credential_setup", ...owner);
  const urls = ["public", "internal", "admin"].flatMap((name) => [`--bootstrap-${name}-url`, url]);
  const admin = ["--bootstrap-username", "admin", "--bootstrap-password", password, "--bootstrap-project-name", "admin"];
  await manage("bootstrap", ...admin, "--bootstrap-region-id", "RegionOne", ...urls);
}

/** Whoever the tests want to be, made through its own API. */
async function populate(url: string, adminPassword: string) {
  const admin: Account = { username: "admin", password: adminPassword, project: "admin", projectId: "" };
  let token = await tokenOf(url, admin);
  const call = (method: string, path: string, body?: unknown) => ask(url, token, method, path, body);
  const roles = (await call("GET", "/roles")).roles as { id: string; name: string }[];
  const roleId = (name: string) => roles.find((role) => role.name === name)?.id ?? "";
  const make = async (username: string, project: string, role: string) => {
    const password = randomBytes(16).toString("hex");
    const projectId: string = (await call("POST", "/projects", { project: { name: project, domain_id: "default" } })).project.id;
    const userId: string = (await call("POST", "/users", { user: { name: username, domain_id: "default", password } })).user.id;
    await call("PUT", `/projects/${projectId}/users/${userId}/roles/${roleId(role)}`);
    return { account: { username, password, project, projectId }, userId };
  };
  const { account: service } = await make("service", "service", "admin");
  const { account: other } = await make("other-user", "other", "member");
  const { account: user, userId } = await make("gslb-user", "gslb", "member");

  const secret = randomBytes(24).toString("hex");
  const adminToken = token;
  // Nobody but the user himself may make one.
  token = await tokenOf(url, user);
  const made = await call("POST", `/users/${userId}/application_credentials`, { application_credential: { name: "kosmos", secret } });
  token = adminToken;

  return {
    user,
    other,
    admin,
    service,
    applicationCredential: { id: made.application_credential.id as string, secret },
    token: (account: Account) => tokenOf(url, account),
    revoke: async (revoked: string) => {
      await ask(url, await tokenOf(url, admin), "DELETE", "/auth/tokens", undefined, { "X-Subject-Token": revoked });
    },
    catalogue: async (entry: CatalogueEntry) => catalogue(url, await tokenOf(url, admin), entry),
  };
}

async function catalogue(root: string, token: string, entry: CatalogueEntry): Promise<void> {
  const { type, name, url, region = "RegionOne", interface: kind = "public" } = entry;
  const call = (method: string, path: string, body?: unknown) => ask(root, token, method, path, body);
  if (region !== "RegionOne") await call("PUT", `/regions/${region}`, { region: {} }).catch(() => undefined);
  const [found] = (await call("GET", `/services?type=${type}`)).services;
  const service = found ?? (await call("POST", "/services", { service: { type, name } })).service;
  const query = `service_id=${service.id}&interface=${kind}&region_id=${region}`;
  const [old] = (await call("GET", `/endpoints?${query}`)).endpoints;
  const endpoint = { service_id: service.id, interface: kind, region_id: region, url };
  if (old === undefined) await call("POST", "/endpoints", { endpoint });
  else await call("PATCH", `/endpoints/${old.id}`, { endpoint });
}

async function tokenOf(url: string, { username, password, project }: Account): Promise<string> {
  const domain = { name: "Default" };
  const identity = { methods: ["password"], password: { user: { name: username, password, domain } } };
  const answer = await fetch(`${url}/auth/tokens`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ auth: { identity, scope: { project: { name: project, domain } } } }),
  });
  const token = answer.headers.get("X-Subject-Token");
  if (token === null) throw new Error(`no token for ${username}: ${answer.status} ${await answer.text()}`);
  return token;
}

// biome-ignore lint/suspicious/noExplicitAny: whatever Keystone answers; a test that reads it wrong fails.
type Answer = any;

async function ask(url: string, token: string, method: string, path: string, body?: unknown, more: Record<string, string> = {}) {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { "X-Auth-Token": token, "Content-Type": "application/json", ...more },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return (text === "" ? {} : JSON.parse(text)) as Answer;
}
