/** Checks of DNS and gRPC against real servers, from an agent, from a Worker's double, and in workerd itself. */
import { readFile } from "node:fs/promises";
import type { IncomingHttpHeaders } from "node:http";
import { createSecureServer } from "node:http2";
import { createServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { decode, encode } from "dns-packet";
import { HealthImplementation } from "grpc-health-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestHarness } from "wrangler";
import { agentIo } from "../../agent/node-io.fixture.ts";
import type { CheckReport } from "../../domain/observation.ts";
import { runCheck } from "../../workers/checker/run-checks.ts";
import type { CertificateName } from "../servers/certificates.ts";
import { whereInstalled } from "../servers/installed.ts";
import { startKnot } from "../servers/knot.ts";
import { startTlsServers } from "../tls-server.ts";
import { agent, checkIn, said, target, worker, worlds } from "../worlds.ts";

const knot = whereInstalled(["knot"], startKnot);
const tls = whereInstalled(["openssl"], startTlsServers);
const closing: (() => unknown)[] = [];
const health = { "": "SERVING", "shop.v1.Stock": "NOT_SERVING" } as const;

beforeAll(knot.start);
beforeAll(tls.start);
afterAll(async () => {
  for (const close of closing) await close();
  await tls.stop();
  await knot.stop();
});

/** A gRPC server with a health service. */
async function grpcServer(credentials: ServerCredentials): Promise<number> {
  const server = new Server();
  new HealthImplementation({ ...health }).addToServer(server);
  closing.push(() => server.forceShutdown());
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, port) => (error === null ? resolve(port) : reject(error)));
  });
}

const questions: readonly [string, object, string][] = [
  ["records of a name", { dns_name: "www.gslb.test", dns_answers: ["192.0.2.11", "192.0.2.10"] }, "pass: NOERROR, 2 answers"],
  ["an alias", { dns_name: "alias.gslb.test", dns_answers: ["192.0.2.10"] }, "pass: NOERROR, 2 answers"],
  [
    "where an alias leads to",
    { dns_name: "alias.gslb.test", dns_type: "CNAME", dns_answers: ["WWW.gslb.test"] },
    "pass: NOERROR, 1 answer",
  ],
  ["an IPv6 address", { dns_name: "www.gslb.test", dns_type: "AAAA", dns_answers: ["2001:DB8:0:0::10"] }, "pass: NOERROR, 1 answer"],
  ["mail", { dns_name: "gslb.test", dns_type: "MX", dns_answers: ["10 mail.gslb.test"] }, "pass: NOERROR, 1 answer"],
  ["text", { dns_name: "text.gslb.test", dns_type: "TXT", dns_answers: ["kosmos was here"] }, "pass: NOERROR, 1 answer"],
  [
    "the zone itself",
    { dns_name: "gslb.test", dns_type: "SOA", dns_answers: ["ns1.gslb.test hostmaster.gslb.test 1 3600 600 86400 5"] },
    "pass: NOERROR, 1 answer",
  ],
  ["a name that is not there", { dns_name: "none.gslb.test" }, "fail: expected NOERROR, got NXDOMAIN"],
  ["a name that must not be there", { dns_name: "none.gslb.test", dns_rcode: "NXDOMAIN" }, "pass: NXDOMAIN, no answers"],
  ["a name of another zone", { dns_name: "www.example.com", dns_rcode: "REFUSED" }, "pass: REFUSED, no answers"],
  [
    "an address that is not there",
    { dns_name: "www.gslb.test", dns_answers: ["192.0.2.12"] },
    "fail: 192.0.2.12 is not in the answer: 192.0.2.10, 192.0.2.11",
  ],
];

describe.each(worlds)("Knot, asked over TCP by %s", (_name, world) => {
  it.for(questions)("about %s", async ([, fields, expected], context) => {
    const { port } = knot.get(context);
    expect(said(await checkIn(world, "DNS", { port, ...fields })).replace("192.0.2.11, 192.0.2.10", "192.0.2.10, 192.0.2.11")).toBe(
      expected,
    );
  });
});

describe("Knot, asked over UDP", () => {
  it.for(questions)("by an agent about %s", async ([, fields, expected], context) => {
    const { port } = knot.get(context);
    const outcome = said(await checkIn(agent, "DNS", { port, transport: "udp", ...fields }));
    expect(outcome.replace("192.0.2.11, 192.0.2.10", "192.0.2.10, 192.0.2.11")).toBe(expected);
  });

  it("is not asked by a Worker", async (context) => {
    const { port } = knot.get(context);
    const outcome = await checkIn(worker, "DNS", { port, transport: "udp", dns_name: "www.gslb.test" });
    expect(said(outcome)).toBe("no_data: this vantage point cannot do what the check needs: udp");
  });
});

describe("DNS over HTTPS, by an agent", () => {
  /** The agent's world, with the tests' own authority among the public ones. */
  const trusting = (ca: string) => ({
    ...agentIo,
    connect: ((address, options) => agentIo.connect(address, options && { ...options, caCert: ca })) as typeof agentIo.connect,
  });
  const asked: string[] = [];
  const answerTo = (path: string) => {
    const query = decode(Buffer.from(new URL(path, "https://a").searchParams.get("dns") ?? "", "base64url"));
    const { id = 0, questions = [] } = query;
    return encode({ type: "response", id, flags: 0x8180, questions, answers: [{ type: "A", name: "www.gslb.test", data: "192.0.2.10" }] });
  };

  it.for([["2.0"], ["1.1"]])("speaks HTTP/%s where that is what the server offers", async ([version], context) => {
    const { certificates } = tls.get(context);
    const paths = certificates.paths.good;
    const [key, cert] = await Promise.all([readFile(paths.key), readFile(paths.certificate)]);
    const heard = (version: string, host: string | undefined, { accept }: IncomingHttpHeaders, path = "") => {
      asked.push(`${version} ${host} ${accept}`);
      return answerTo(path);
    };
    const headers = { "content-type": "application/dns-message" };
    const server =
      version === "2.0"
        ? createSecureServer({ key, cert }, (request, response) => {
            response.writeHead(200, headers).end(heard(request.httpVersion, request.authority, request.headers, request.url));
          })
        : createServer({ key, cert }, (request, response) => {
            response.writeHead(200, headers).end(heard(request.httpVersion, request.headers.host, request.headers, request.url));
          });
    const sockets = new Set<Socket>();
    server.on("connection", (socket: Socket) => sockets.add(socket));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const order = {
      type: "DNS",
      spec: { transport: "doh", port, dns_name: "www.gslb.test", dns_answers: ["192.0.2.10"] },
      timeout_ms: 2_000,
    };
    const at = target("127.0.0.1", null, { hostHeader: "web.gslb.test" });
    expect(said(await runCheck({ ...order, target: at }, trusting(certificates.ca)))).toBe("pass: NOERROR, 1 answer");
    expect(asked.pop()).toBe(`${version} web.gslb.test application/dns-message`);
    expect(said(await runCheck({ ...order, target: at }, trusting(certificates.otherCa)))).toMatch(/^fail: .*certificate/);
  });
});

describe("a gRPC server over TLS", () => {
  const secure = async (certificate: CertificateName, context: Parameters<typeof tls.get>[0]): Promise<number> => {
    const { key, certificate: chain } = tls.get(context).certificates.paths[certificate];
    return grpcServer(ServerCredentials.createSsl(null, [{ private_key: await readFile(key), cert_chain: await readFile(chain) }]));
  };

  it("serves, by an agent that knows its authority", async (context) => {
    const port = await secure("good", context);
    const { ca, otherCa } = tls.get(context).certificates;
    const check = async (fields: object) => said(await checkIn(agent, "GRPC", { port, ...fields }));
    expect(await check({ ca_cert: ca })).toBe("pass: SERVING");
    expect(await check({ ca_cert: ca, sni: "web.gslb.test" })).toBe("pass: SERVING");
    expect(await check({ insecure: true })).toBe("pass: SERVING");
    expect(await check({ ca_cert: ca, service: "shop.v1.Stock" })).toBe("fail: expected SERVING, got NOT_SERVING");
    expect(await check({ ca_cert: ca, service: "shop.v1.None" })).toBe(
      'fail: the server does not know the service "shop.v1.None" (NOT_FOUND)',
    );
    expect(await check({ ca_cert: ca, sni: "other.invalid" })).toMatch(/^fail: .*certificate/);
    expect(await check({ ca_cert: otherCa })).toMatch(/^fail: .*certificate/);
    expect(await check({})).toMatch(/^fail: .*certificate/);
    expect(await check({ tls: false })).toMatch(/^fail: /);
  });

  it("has a certificate that ends soon, or has ended", async (context) => {
    const { ca } = tls.get(context).certificates;
    const soon = await checkIn(agent, "GRPC", { port: await secure("soon", context), ca_cert: ca, min_days_valid: 14 });
    expect(soon).toMatchObject({ outcome: "pass", warning: expect.stringMatching(/^the certificate expires in [0-9]+ days$/) });
    const expired = await checkIn(agent, "GRPC", { port: await secure("expired", context), ca_cert: ca });
    expect(said(expired)).toMatch(/^fail: .*expired/);
  });

  it("is none where HTTP/2 is not offered", async (context) => {
    const { certificates, listen } = tls.get(context);
    const none = "fail: the server does not offer HTTP/2 in its TLS handshake";
    const refused = await listen("good", { ALPNProtocols: ["http/1.1"] });
    expect(said(await checkIn(agent, "GRPC", { port: await listen("good"), ca_cert: certificates.ca }))).toBe(none);
    // One that offers other protocols alone ends the handshake (RFC 7301, 3.2).
    expect(said(await checkIn(agent, "GRPC", { port: refused, ca_cert: certificates.ca }))).toMatch(/^fail: /);
  });

  it("is not for a Worker", async (context) => {
    const outcome = await checkIn(worker, "GRPC", { port: await secure("good", context) });
    expect(said(outcome)).toBe("no_data: this vantage point cannot do what the check needs: tls");
  });
});

describe("workerd", () => {
  const harness = createTestHarness({ workers: [{ configPath: "test/system/prober/wrangler.toml", vars: { KOSMOS_TRACE_URL: "off" } }] });
  beforeAll(() => harness.listen());
  afterAll(() => harness.close());

  const check = async (type: string, ...specs: object[]): Promise<readonly string[]> => {
    const checks = specs.map((spec, tick) => ({
      member_id: "11111111-1111-4111-8111-111111111111",
      endpoint: "127.0.0.1",
      monitor_id: "22222222-2222-4222-8222-222222222222",
      monitor_version: 1,
      tick,
      type,
      timeout_ms: 2_000,
      spec,
      target: target(),
    }));
    const body = JSON.stringify({ project_id: "default", region: "weur", shard: 0, generation: 1, checks });
    const response = await harness.fetch("/check", { method: "POST", body });
    const report = (await response.json()) as CheckReport;
    return report.observations.map(({ outcome, detail }) => `${outcome}: ${detail}`);
  };

  it("asks Knot over TCP", async (context) => {
    const { port } = knot.get(context);
    const some = questions.filter(([, , expected]) => !expected.startsWith("fail: 192"));
    expect(await check("DNS", ...some.map(([, fields]) => ({ port, ...fields })))).toEqual(some.map(([, , expected]) => expected));
    expect(await check("DNS", { port, dns_name: "www.gslb.test", transport: "udp" })).toEqual([
      "no_data: this vantage point cannot do what the check needs: udp",
    ]);
  });

  it("asks a gRPC server in plain text", async () => {
    const port = await grpcServer(ServerCredentials.createInsecure());
    const services = [{}, { service: "shop.v1.Stock" }, { service: "shop.v1.None" }];
    expect(await check("GRPC", ...services.map((more) => ({ port, tls: false, ...more })), { port })).toEqual([
      "pass: SERVING",
      "fail: expected SERVING, got NOT_SERVING",
      'fail: the server does not know the service "shop.v1.None" (NOT_FOUND)',
      "no_data: this vantage point cannot do what the check needs: tls",
    ]);
  });
});
