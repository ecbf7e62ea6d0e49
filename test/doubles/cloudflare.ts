/**
 * Cloudflare's API as its documentation has it, for the calls that Kosmos makes: zones with DNS records and load balancers, accounts with pools,
 * tokens with permissions, the limit of 1,200 calls in five minutes, and its envelope. Every request is judged by Cloudflare's schema, and refused
 * where that is wrong; so are its own answers. In one's own process (`fetch`), or over HTTP on loopback (`serve`).
 * Nobody has compared it with the real thing but through the documentation.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { type DnsRecord, dnsEndpoints } from "./cloudflare-dns.ts";
import { LoadBalancing } from "./cloudflare-lb.ts";
import { type Endpoint, type Permission, paged, Refusal, refuse } from "./cloudflare-request.ts";
import { routeOf, wrongAnswer, wrongRequest } from "./cloudflare-schema.ts";

export type Zone = {
  readonly id: string;
  readonly name: string;
  readonly account: string;
  readonly status: "active" | "pending";
  readonly records: Map<string, DnsRecord>;
};

/** What happens to one call, beside what it does. `lost`: it takes effect, and the answer never comes. `reset`: it never arrives. */
export type Fault =
  | "lost"
  | "reset"
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | { readonly afterMs: number };

export type Call = {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly body: unknown;
  readonly status: number;
};

type Token = { readonly permissions: ReadonlySet<string>; used: number; windowEnds: number };
type Answer = { readonly status: number; readonly headers: Record<string, string>; readonly body: string };

const windowMs = 300_000;

export class CloudflareDouble {
  readonly zones = new Map<string, Zone>();
  readonly lb: LoadBalancing = new LoadBalancing(this);
  readonly calls: Call[] = [];
  /** What was wrong with requests, and with its own answers, by the schema. */
  readonly invalid: string[] = [];
  /** Asked for each call, before it: what shall go wrong. `index`: how many came before it. */
  fault: (call: { readonly method: string; readonly path: string; readonly index: number }) => Fault | null = () => null;
  /** Calls of one token in five minutes. */
  limit = 1_200;
  now: () => number = () => Date.now();
  private readonly tokens = new Map<string, Token>();
  private readonly endpoints = new Map<string, Endpoint>();
  private ids = 0;

  constructor() {
    this.endpoints.set("GET /zones", { permission: "zone:read", run: ({ query }) => this.listZones(query) });
    this.offer(dnsEndpoints(this));
    this.offer(this.lb.endpoints());
  }

  private offer(endpoints: Readonly<Record<string, Endpoint>>): void {
    for (const [key, endpoint] of Object.entries(endpoints)) this.endpoints.set(key, endpoint);
  }

  /** A token with these permissions; writing is reading too. */
  token(secret: string, ...permissions: readonly `${Permission}:${"read" | "write"}`[]): string {
    const all = permissions.flatMap((one) => [one, one.replace("write", "read")]);
    this.tokens.set(secret, { permissions: new Set(all), used: 0, windowEnds: 0 });
    return secret;
  }

  zone(name: string, { account = this.id("account"), status = "active" as const } = {}): Zone {
    const zone = { id: this.id(name), name, account, status, records: new Map<string, DnsRecord>() };
    this.zones.set(zone.id, zone);
    return zone;
  }

  /** 32 hexadecimal digits, another each time. */
  id(of: string): string {
    this.ids += 1;
    return createHash("md5").update(`${of} ${this.ids}`).digest("hex");
  }

  /** A fetch that reaches this API at whatever host: what is below `/client/v4`. */
  readonly fetch: typeof fetch = (async (input: string, init: RequestInit = {}) => {
    init.signal?.throwIfAborted();
    const method = init.method ?? "GET";
    const headers = new Headers(init.headers);
    const answer = await this.answer(
      method,
      new URL(input),
      headers,
      typeof init.body === "string" ? init.body : null,
      init.signal ?? null,
    );
    if (answer === null) throw new TypeError("the connection was closed");
    return new Response(answer.body, { status: answer.status, headers: answer.headers });
  }) as typeof fetch;

  /** The same over HTTP on loopback; `url` is the API's root. */
  async serve(): Promise<{ readonly url: string; stop(): Promise<void> }> {
    const server = createServer(async (request, response) => {
      const headers = new Headers(Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)]));
      const body = await bodyOf(request);
      const url = new URL(request.url ?? "/", "http://127.0.0.1");
      const answer = await this.answer(request.method ?? "GET", url, headers, body === "" ? null : body, null);
      if (answer === null) {
        response.destroy();
        return;
      }
      response.writeHead(answer.status, answer.headers).end(answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    return {
      url: `http://127.0.0.1:${port}/client/v4`,
      stop: () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    };
  }

  private async answer(
    method: string,
    url: URL,
    headers: Headers,
    body: string | null,
    signal: AbortSignal | null,
  ): Promise<Answer | null> {
    const path = url.pathname.replace(/^\/client\/v4/, "");
    const fault = this.fault({ method, path, index: this.calls.length });
    if (fault === "reset") return null;
    if (fault !== null && fault !== "lost" && "afterMs" in fault) await elapsed(fault.afterMs, signal);
    const isAnswered = fault !== null && fault !== "lost" && "status" in fault;
    const answer = isAnswered
      ? { status: fault.status, headers: { ...fault.headers }, body: fault.body ?? envelope(null, [{ code: 1_000, message: "injected" }]) }
      : this.answered(method, path, url.searchParams, headers, body);
    this.calls.push({ method, path, query: url.search, body: body === null ? undefined : parsed(body), status: answer.status });
    return fault === "lost" ? null : answer;
  }

  private answered(method: string, path: string, query: URLSearchParams, headers: Headers, text: string | null): Answer {
    const route = routeOf(method, path);
    const json = { "Content-Type": "application/json" };
    const limits: Record<string, string> = {};
    try {
      const token = this.tokenOf(headers, limits);
      const endpoint = route === null ? undefined : this.endpoints.get(route.key);
      if (route === null || endpoint === undefined) return refuse(400, 7_000, "No route for that URI");
      if (!token.permissions.has(endpoint.permission)) return refuse(403, 10_000, "Authentication error");
      if (text !== null && headers.get("Content-Type")?.startsWith("application/json") !== true)
        return refuse(415, 6_003, "Invalid request headers");
      const body = text === null ? undefined : parsed(text);
      const wrong = wrongRequest(route, query, body);
      this.invalid.push(...wrong);
      if (wrong.length > 0) return refuse(400, 9_207, `Request body is invalid: ${wrong[0]}`);
      const { result, result_info } = endpoint.run({ parameters: route.parameters, query, body });
      const text200 = envelope(result, [], result_info);
      this.holdsItself(wrongAnswer(route, 200, JSON.parse(text200)));
      return { status: 200, headers: { ...json, ...limits }, body: text200 };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const failure = envelope(null, error.errors);
      if (route !== null) this.holdsItself(wrongAnswer(route, error.status, JSON.parse(failure)));
      return { status: error.status, headers: { ...json, ...limits }, body: failure };
    }
  }

  /** Who calls, once it is counted (developers.cloudflare.com/fundamentals/api/reference/limits/). */
  private tokenOf(headers: Headers, limits: Record<string, string>): Token {
    const given = headers.get("Authorization");
    if (given === null) return refuse(400, 9_106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers");
    const [, secret] = /^Bearer ([\x21-\x7e]+)$/.exec(given) ?? [];
    if (secret === undefined) return refuse(400, 6_003, "Invalid request headers");
    const token = this.tokens.get(secret);
    if (token === undefined) return refuse(401, 1_000, "Invalid API Token");
    const now = this.now();
    if (now >= token.windowEnds) {
      token.windowEnds = now + windowMs;
      token.used = 0;
    }
    token.used += 1;
    const seconds = Math.ceil((token.windowEnds - now) / 1_000);
    limits.Ratelimit = `"default";r=${Math.max(0, this.limit - token.used)};t=${seconds}`;
    limits["Ratelimit-Policy"] = `"default";q=${this.limit};w=${windowMs / 1_000}`;
    if (token.used <= this.limit) return token;
    limits["Retry-After"] = String(seconds);
    return refuse(429, 10_429, "More than 1200 requests per 300 seconds reached. Please wait and consider throttling your request speed");
  }

  /** What the double itself answers wrongly, no caller may take for a fault of the network. */
  private holdsItself(problems: readonly string[]): void {
    this.invalid.push(...problems.map((problem) => `the double's own: ${problem}`));
  }

  private listZones(query: URLSearchParams) {
    const name = query.get("name");
    const zones = [...this.zones.values()].filter((zone) => name === null || zone.name === name);
    return paged(zones.map(zoneJson), query, 20);
  }
}

const made = "2026-01-01T00:00:00Z";
const zoneJson = ({ id, name, account, status }: Zone) => ({
  id,
  name,
  status,
  account: { id: account, name: "double" },
  paused: false,
  type: "full",
  development_mode: 0,
  name_servers: ["bob.ns.cloudflare.example", "lola.ns.cloudflare.example"],
  original_name_servers: null,
  original_registrar: null,
  original_dnshost: null,
  created_on: made,
  modified_on: made,
  activated_on: made,
  owner: { id: account, type: "organization", name: "double" },
  meta: { phishing_detected: false },
});

const envelope = (result: unknown, errors: readonly unknown[], info?: Readonly<Record<string, number>>): string =>
  JSON.stringify({ result, success: errors.length === 0, errors, messages: [], ...(info === undefined ? {} : { result_info: info }) });

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return refuse(400, 9_207, "Request body is invalid.");
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks).toString("utf8");
}

const elapsed = (ms: number, signal: AbortSignal | null): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
