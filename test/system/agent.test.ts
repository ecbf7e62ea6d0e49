/** An agent from end to end: the real process beside `npm start`, with targets on loopback that only its command line opens to it. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer, type Server } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Certificates, makeCertificates, serverName } from "../servers/certificates.ts";
import { installed, requireInstalled } from "../servers/installed.ts";
import { type AgentProcess, bundled, npx, startAgent } from "./agent-process.ts";
import { npmStarted, removeDirectory, type Started, temporaryDirectory } from "./npm-start.ts";
import { type Client, clientOf } from "./system.ts";
import { until } from "./until.ts";

const region = "rack-1";
const [statusOf, endOf] = [(body: { status: string }) => body.status, 30_000];

describe("an agent inside a network", () => {
  /** The agent finds the API again where it was; at first any port will do. */
  let [folder, stateDirectory, port, token] = ["", "", "0", ""];
  let certificates: Certificates;
  let system: Started;
  let client: Client;
  let agent: AgentProcess | null = null;
  const servers: Server[] = [];

  const startApi = async () => {
    system = await npmStarted({ PORT: port, KOSMOS_REGIONS: "weur" }, stateDirectory);
    port = new URL(system.url).port;
    client = clientOf(system.url, system.token);
  };
  const runAgent = (allow: string, command?: readonly string[]) => {
    agent = startAgent(["--url", system.url, "--allow", allow], token, command);
    return agent;
  };

  beforeAll(async () => {
    [folder, stateDirectory] = [await temporaryDirectory(), await temporaryDirectory()];
    if (installed("openssl")) certificates = await makeCertificates(folder);
    await startApi();
    const made = await client.api("POST", "/v0.1/agents", { name: region });
    expect(made.status).toBe(201);
    token = made.body.token;
  });
  afterEach(async () => {
    await agent?.end();
    agent = null;
  });
  afterAll(async () => {
    for (const server of servers) server.close();
    await system?.end();
    await removeDirectory(folder);
    await removeDirectory(stateDirectory);
  });

  async function listening(server: Server): Promise<number> {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port: at } = server.address() as AddressInfo;
    servers.push(server);
    return at;
  }

  /** A pool with one member on loopback and one monitor that only the agent runs. */
  async function checked(monitor: object, project = "default"): Promise<{ status(): Promise<MemberStatus>; remove(): Promise<void> }> {
    const within = { "x-project-id": project };
    const fields = { delay: 2, timeout: 1, max_retries: 2, check_regions: [region], ...monitor };
    const made = await client.api("POST", "/v0.1/monitors", fields, within);
    expect([made.status, made.body.detail]).toEqual([201, undefined]);
    const body = { name: "inside", members: [{ endpoints: ["127.0.0.1"] }], monitor_ids: [made.body.id] };
    const pool = await client.api("POST", "/v0.1/pools", body, within);
    expect([pool.status, pool.body.detail]).toEqual([201, undefined]);
    const [member] = pool.body.members;
    return {
      status: async () => (await client.api("GET", `/v0.1/pools/${pool.body.id}/pool_members/${member.id}/status`, undefined, within)).body,
      remove: async () => {
        expect((await client.api("DELETE", `/v0.1/pools/${pool.body.id}`, undefined, within)).status).toBe(204);
      },
    };
  }

  it("sees a member with a self-signed certificate up with its ca_cert, and down with another one, and says why", async (context) => {
    requireInstalled(context, "openssl");
    const { certificate, key } = certificates.paths["self-signed"];
    const web = createHttpsServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (_, response) => response.end("well"));
    const https = { type: "HTTPS", port: await listening(web), sni: serverName, receive_string: "well" };
    runAgent("127.0.0.0/8", await bundled());
    const right = await checked({ ...https, ca_cert: certificates.selfSigned });
    const wrong = await checked({ ...https, ca_cert: certificates.otherCa });
    const up = await until(right.status, { what: "ACTIVE", is: (body) => statusOf(body) === "ACTIVE", timeoutMs: endOf });
    expect(up.regions).toMatchObject([{ region, colo: "local", verdict: "up", has_vote: true }]);
    const down = await until(wrong.status, { what: "DOWN", is: (body) => statusOf(body) === "DOWN", timeoutMs: endOf });
    expect(down.regions[0]?.detail).toMatch(/self-signed|unknown authority/);
    expect(agent?.output()).not.toContain(token);
    type View = { readonly region: string; readonly address_families: readonly number[] };
    const view = await until(
      async () => ((await client.api("GET", "/v0.1/regions")).body.regions as View[]).find((one) => one.region === region),
      { what: "what the agent said of itself", is: (one) => one?.address_families.length === 1 },
    );
    expect(view).toMatchObject({
      kind: "agent",
      has_vote: true,
      address_families: [4],
      capabilities: expect.arrayContaining(["tls", "udp"]),
    });
    await right.remove();
    await wrong.remove();
  });

  it("pings", async (context) => {
    requireInstalled(context, "ping");
    runAgent("127.0.0.1", npx);
    const pinged = await checked({ type: "PING" });
    const up = await until(pinged.status, { what: "ACTIVE", is: (body) => statusOf(body) === "ACTIVE", timeoutMs: endOf });
    expect(up.regions).toMatchObject([{ region, verdict: "up" }]);
    expect(up.regions[0]?.latency_ms).toBeGreaterThan(0);
    await pinged.remove();
  });

  it("runs a monitor's test at once, with all that it saw", async (context) => {
    requireInstalled(context, "openssl");
    const { certificate, key } = certificates.paths["self-signed"];
    const web = createHttpsServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (_, response) => response.end("well"));
    const { output } = runAgent("127.0.0.0/8");
    // The poll of the agent before this one may still wait, and would be handed the test.
    await until(() => output().includes("this is the region"), { what: "its first poll", timeoutMs: endOf });
    const monitor = {
      type: "HTTPS",
      port: await listening(web),
      sni: serverName,
      ca_cert: certificates.selfSigned,
      check_regions: [region],
    };
    const tested = await client.api("POST", "/v0.1/monitors/test", { monitor, endpoint: "127.0.0.1" });
    expect(tested.status).toBe(200);
    expect(tested.body.results).toMatchObject([
      {
        region,
        colo: "local",
        outcome: "pass",
        detail: "200",
        http_status: 200,
        body_excerpt: "well",
        certificate: { subject: "CN=self-signed" },
      },
    ]);
  });

  it("never touches what it was not allowed, and says so", async () => {
    let connections = 0;
    const watched = await listening(createServer(() => (connections += 1)));
    runAgent("10.99.0.0/16");
    const refused = await checked({ type: "TCP", port: watched });
    const seen = await until(refused.status, { what: "a result", is: (body) => body.regions[0]?.detail != null, timeoutMs: endOf });
    expect(seen.regions[0]?.detail).toContain("127.0.0.1 is not in a network that this agent may check (--allow)");
    expect(statusOf(seen)).toBe("PENDING");
    expect(connections).toBe(0);
    await refused.remove();
  });

  it("that belongs to no project serves each of them, and hears of a fail in one while it waits for the others", async () => {
    const server = createServer((socket) => socket.on("error", () => undefined).end());
    const target = await listening(server);
    runAgent("127.0.0.0/8");
    const here = await checked({ type: "PING" });
    const there = await checked({ type: "TCP", port: target, delay: 20, max_retries: 3, confirm_delay: 1 }, "other");
    for (const { status } of [here, there]) {
      await until(status, { what: "ACTIVE", is: (body) => statusOf(body) === "ACTIVE", timeoutMs: endOf });
    }
    server.close();
    // By its regular ticks alone it would take a minute.
    const down = await until(there.status, { what: "DOWN", is: (body) => statusOf(body) === "DOWN", timeoutMs: 45_000 });
    expect(down.regions).toMatchObject([{ region, verdict: "down", detail: "connection refused" }]);
    expect(statusOf(await here.status())).toBe("ACTIVE");
    await here.remove();
    await there.remove();
  });

  it("survives a restart of the API, and loses no result", async () => {
    let connections = 0;
    const target = await listening(
      createServer((socket) => {
        connections += 1;
        socket.on("error", () => undefined).end();
      }),
    );
    const running = runAgent("127.0.0.0/8");
    const member = await checked({ type: "TCP", port: target, delay: 1, confirm_delay: 1 });
    await until(member.status, { what: "ACTIVE", is: (body) => statusOf(body) === "ACTIVE", timeoutMs: endOf });
    await system.end();
    const before = connections;
    await until(() => connections >= before + 5, { what: "five more checks while the API is away", timeoutMs: endOf });
    await startApi();
    // What was seen while the API was away comes in before anything newer.
    await until(() => /the API answers again/.test(running.output()), { what: "the API to answer again", timeoutMs: endOf });
    expect(running.exitCode()).toBeNull();
    expect(await running.end()).toBe(0);
    expect(running.output()).toMatch(/info ended\n$/);
    // Each connection was a check that passed; the last of them came with the last report.
    const { regions } = await until(member.status, {
      what: `the results of all ${connections} checks`,
      is: (body) => body.regions[0]?.successes === connections,
    });
    expect(regions).toMatchObject([{ verdict: "up", failures: 0 }]);
    await member.remove();
  });

  it("ends with a code of its own where its token is worth nothing any more", async () => {
    const made = await client.api("POST", "/v0.1/agents", { name: "rack-9" });
    expect((await client.api("DELETE", `/v0.1/agents/${made.body.id}`)).status).toBe(204);
    const removed = startAgent(["--url", system.url], made.body.token);
    await until(() => removed.exitCode(), { what: "its end", is: (code) => code !== null, timeoutMs: endOf });
    expect(removed.exitCode()).toBe(77);
    expect(removed.output()).toContain("the token is not valid, or the agent was removed");
  });
});

type MemberStatus = {
  readonly status: string;
  readonly regions: readonly {
    readonly region: string;
    readonly detail: string | null;
    readonly successes: number;
    readonly latency_ms: number | null;
  }[];
};
