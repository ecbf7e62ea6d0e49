/** A monitor's test of the types that speak DNS and gRPC, through the API of a real `npm start`: `fetch`, sockets and certificates are workerd's own. */
import { readFile } from "node:fs/promises";
import { createServer, type Server as HttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { decode, encode } from "dns-packet";
import { HealthImplementation } from "grpc-health-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Certificates, makeCertificates } from "../servers/certificates.ts";
import { temporaryFolder } from "../servers/daemon.ts";
import { requireInstalled, whereInstalled } from "../servers/installed.ts";
import { startKnot } from "../servers/knot.ts";
import { npmStarted, removeDirectory, type Started } from "./npm-start.ts";

type Running = { readonly kosmos: Started; readonly certificates: Certificates; stop(): Promise<void> };
/** Kosmos, whose workerd trusts the tests' own authority beside the public ones. */
const running = whereInstalled(["openssl"], async (): Promise<Running> => {
  const folder = await temporaryFolder("doh");
  const certificates = await makeCertificates(folder.path);
  const kosmos = await npmStarted({ NODE_EXTRA_CA_CERTS: certificates.paths.ca });
  const stop = async () => {
    await kosmos.end();
    await removeDirectory(kosmos.stateDirectory);
    await folder.remove();
  };
  return { kosmos, certificates, stop };
});
const knot = whereInstalled(["knot"], startKnot);
const closing: (() => unknown)[] = [];
beforeAll(running.start);
beforeAll(knot.start);
afterAll(async () => {
  for (const close of closing) close();
  await knot.stop();
  await running.stop();
});

/** What the first region said: "pass: NOERROR, 1 answer". */
async function test({ kosmos }: Running, endpoint: string, monitor: object): Promise<string> {
  const response = await fetch(`${kosmos.url}/v0.1/monitors/test`, {
    method: "POST",
    headers: { "X-Auth-Token": kosmos.token, "Content-Type": "application/json" },
    body: JSON.stringify({ monitor: { timeout: 2, ...monitor }, endpoint, check_regions: ["weur"] }),
  });
  const body = (await response.json()) as { results?: { outcome: string; detail: string }[]; detail?: string };
  const [result] = body.results ?? [];
  return result === undefined ? `${response.status}: ${body.detail}` : `${result.outcome}: ${result.detail}`;
}

describe("a monitor's test", () => {
  it("asks a name server over TCP", async (context) => {
    const { port } = knot.get(context);
    const ask = (more: object) => test(running.get(context), "127.0.0.1", { type: "DNS", port, ...more });
    expect(await ask({ dns_name: "text.gslb.test", dns_type: "TXT", dns_answers: ["kosmos was here"] })).toBe("pass: NOERROR, 1 answer");
    expect(await ask({ dns_name: "none.gslb.test" })).toBe("fail: expected NOERROR, got NXDOMAIN");
  });

  it("asks a resolver over HTTPS by its name, whose certificate has to be right", async (context) => {
    requireInstalled(context, "openssl");
    const { certificates } = running.get(context);
    const resolver = async (name: "good" | "self-signed"): Promise<number> => {
      const { key, certificate } = certificates.paths[name];
      const options = { key: await readFile(key), cert: await readFile(certificate) };
      const server: HttpsServer = createServer(options, (request, response) => {
        const query = decode(Buffer.from(new URL(request.url ?? "", "https://a").searchParams.get("dns") ?? "", "base64url"));
        const answers = [{ type: "A" as const, name: "www.gslb.test", data: "192.0.2.10" }];
        const { id = 0, questions = [] } = query;
        response.writeHead(200, { "content-type": "application/dns-message" });
        response.end(encode({ type: "response", id, flags: 0x8180, questions, answers }));
      });
      await new Promise<void>((listening) => server.listen(0, listening));
      closing.push(() => server.close());
      return (server.address() as AddressInfo).port;
    };
    const ask = (port: number, dns_answers: string[], endpoint = "localhost") =>
      test(running.get(context), endpoint, { type: "DNS", transport: "doh", port, dns_name: "www.gslb.test", dns_answers });
    const good = await resolver("good");
    expect(await ask(good, ["192.0.2.10"])).toBe("pass: NOERROR, 1 answer");
    expect(await ask(good, ["192.0.2.11"])).toBe("fail: 192.0.2.11 is not in the answer: 192.0.2.10");
    expect(await ask(await resolver("self-signed"), [])).toBe("fail: no valid answer from the origin");
    expect(await ask(good, [], "127.0.0.1")).toMatch(/^422: DNS of 127\.0\.0\.1 needs an agent for TLS/);
  });

  it("asks a gRPC server in plain text, and leaves TLS to agents", async (context) => {
    const server = new Server();
    new HealthImplementation({ "": "SERVING", "shop.v1.Stock": "NOT_SERVING" }).addToServer(server);
    closing.push(() => server.forceShutdown());
    const port = await new Promise<number>((resolve, reject) => {
      const bound = (error: Error | null, at: number) => (error === null ? resolve(at) : reject(error));
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), bound);
    });
    const ask = (more: object) => test(running.get(context), "127.0.0.1", { type: "GRPC", port, ...more });
    expect(await ask({ tls: false })).toBe("pass: SERVING");
    expect(await ask({ tls: false, service: "shop.v1.Stock" })).toBe("fail: expected SERVING, got NOT_SERVING");
    expect(await ask({})).toMatch(/^422: GRPC of 127\.0\.0\.1 needs an agent for TLS/);
  });
});
