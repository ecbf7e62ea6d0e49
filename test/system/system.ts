/**
 * The whole Worker, as `wrangler.toml` describes it, in the real runtime and in this process: with D1, queues, alarms, sockets. What outbound
 * `fetch` does differs here from workerd's own network (a refused origin arrives as a 500), so tests of checks over `fetch` use `npm start`.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createTestHarness, type TestHarness, type WorkerHandle } from "wrangler";

export { until } from "./until.ts";

export const adminToken = "system-test-token";

const root = resolve(import.meta.dirname, "../..");

export type SystemOptions = {
  /** Beside those that every system has; a value replaces the one of the same name. */
  readonly vars?: Readonly<Record<string, string>>;
  /** Another entry than `workers/index.ts`, relative to the repository: for tests that put a fault between two parts. */
  readonly main?: string;
  /** Another configuration than the root's, relative to the repository. */
  readonly configPath?: string;
};

export type ApiAnswer = {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed where it is JSON, else the text; null where there is none. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads bodies of every shape, and a wrong one fails its assertion.
  readonly body: any;
};

export type ClassName = "Conductor" | "Engine" | "Prober" | "Answers";

export type Client = {
  /** A request with the admin token. A string body is sent as it is, anything else as JSON; `headers` with null takes one away. */
  api(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string | null>>): Promise<ApiAnswer>;
  /** The values that `/dns-query` answers, sorted; an empty list where there are none. */
  dns(name: string, type?: string): Promise<readonly string[]>;
  /** The JSON form, whole. */
  dnsJson(name: string, type?: string): Promise<DnsJson>;
};

export type System = Client & {
  readonly url: string;
  readonly harness: TestHarness;
  readonly worker: WorkerHandle;
  /** One tick of the watchdog. */
  cron(): Promise<void>;
  /** Evicts the object of that name, or every one of the class; their storage stays. */
  evict(className: ClassName, name?: string): Promise<void>;
  close(): Promise<void>;
};

export type DnsJson = {
  readonly Status: number;
  readonly Answer?: readonly { readonly name: string; readonly type: number; readonly TTL: number; readonly data: string }[];
  readonly Authority?: readonly { readonly name: string; readonly type: number; readonly TTL: number; readonly data: string }[];
};

export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const directory = await mkdtemp(join(tmpdir(), "kosmos-test-"));
  let configPath = resolve(root, options.configPath ?? "wrangler.toml");
  if (options.main !== undefined) configPath = await withMain(configPath, resolve(root, options.main), directory);
  const fixed = { KOSMOS_ADMIN_TOKEN: adminToken, KOSMOS_ENCRYPTION_KEY: btoa("k".repeat(32)), KOSMOS_TRACE_URL: "off" };
  const vars = { KOSMOS_ALLOW_PRIVATE: "1", ...fixed, ...options.vars };
  const harness = createTestHarness({ root, workers: [{ configPath, vars }] });
  const url = (await harness.listen()).url.origin;
  const worker = harness.getWorker();

  return {
    url,
    harness,
    worker,
    ...clientOf(url, adminToken),
    cron: async () => {
      await worker.scheduled({ cron: "* * * * *" });
    },
    evict: async (className, name) => {
      if (name !== undefined) return evictOne(worker, className, { name });
      for (const id of await worker.listDurableObjectIds(className)) await evictOne(worker, className, { id });
    },
    close: async () => {
      await harness.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A user of a running Kosmos, wherever it runs. */
export function clientOf(url: string, token: string): Client {
  const api: Client["api"] = async (method, path, body, headers = {}) => {
    const sent = new Headers({ "x-auth-token": token });
    if (body !== undefined) sent.set("content-type", method === "PATCH" ? "application/merge-patch+json" : "application/json");
    for (const [name, value] of Object.entries(headers)) value === null ? sent.delete(name) : sent.set(name, value);
    const init: RequestInit = { method, headers: sent, redirect: "manual" };
    if (body !== undefined) init.body = typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(url + path, init);
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json") ?? false;
    return { status: response.status, headers: response.headers, body: text === "" ? null : isJson ? JSON.parse(text) : text };
  };
  const dnsJson: Client["dnsJson"] = async (name, type = "A") => {
    const query = new URLSearchParams({ name, type });
    const response = await fetch(`${url}/dns-query?${query}`, { headers: { accept: "application/dns-json" } });
    if (!response.ok) throw new Error(`/dns-query answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as DnsJson;
  };
  const dns: Client["dns"] = async (name, type) => ((await dnsJson(name, type)).Answer ?? []).map((record) => record.data).toSorted();
  return { api, dns, dnsJson };
}

/** A copy of the configuration that names another entry. */
async function withMain(configPath: string, main: string, directory: string): Promise<string> {
  const text = await readFile(configPath, "utf8");
  const changed = text.replace(/^main = .*$/m, `main = ${JSON.stringify(main)}`);
  if (changed === text) throw new Error(`${configPath} has no line "main = …"`);
  const path = join(directory, "wrangler.toml");
  await writeFile(path, changed);
  return path;
}

async function evictOne(worker: WorkerHandle, className: ClassName, which: { name: string } | { id: string }): Promise<void> {
  try {
    await worker.evictDurableObject(className, which);
  } catch (error) {
    // What does not run is as good as evicted; what is busy all the while is not evicted, as in production.
    if (!/not currently running|still has active references/.test(String(error))) throw error;
  }
}
