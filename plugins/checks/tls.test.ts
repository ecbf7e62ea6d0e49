import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { CheckTarget } from "../../domain/check.ts";
import { type RawServer, startRawServer } from "../../test/raw-server.ts";
import { type CertificateName, serverName } from "../../test/servers/certificates.ts";
import { whereInstalled } from "../../test/servers/installed.ts";
import { until } from "../../test/system/until.ts";
import { startTlsServers } from "../../test/tls-server.ts";
import { agent, checkIn, enoughMs, said, target, worker } from "../../test/worlds.ts";
import { rsaPem } from "./certificates.fixture.ts";
import { tls } from "./tls.ts";

const started = whereInstalled(["openssl"], startTlsServers);
beforeAll(started.start);
afterAll(started.stop);
const servers: RawServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const name = `${serverName}.`;
const certificates: readonly CertificateName[] = ["expired", "wrong-name", "self-signed", "other-ca"];
const oldTls = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" } as const;

describe("a TLS check from a Worker", () => {
  const indistinct = "fail: the connection or its TLS handshake failed";

  it("passes for a name whose certificate is good, and fails for any other without a word about why", async (context) => {
    const servers = started.get(context);
    const ask = async (port: number) => {
      const options = { target: target(name), routes: { [`${serverName}:443`]: port }, ca: servers.certificates.ca };
      return said(await checkIn(worker, "TLS", {}, options));
    };
    expect(await ask(await servers.listen("good"))).toBe("pass: TLS handshake completed");
    for (const certificate of certificates) expect(await ask(await servers.listen(certificate))).toBe(indistinct);
    expect(await ask(await servers.listen("good", oldTls))).toBe(indistinct);
    expect(await ask(1)).toBe(indistinct);
  });

  it.each([
    ["an address", {}, target("192.0.2.1")],
    ["a name with another one in the handshake", { sni: "other.example" }, target(name)],
    ["a name with the member's Host", {}, target(name, null, { hostHeader: "www.example.com" })],
    ["no verification", { insecure: true }, target(name)],
    ["an authority of one's own", { ca_cert: rsaPem }, target(name)],
    ["a look at the certificate's end", { min_days_valid: 14 }, target(name)],
  ])("says no_data of what only an agent can do: %s", async (_what, spec, to) => {
    expect(said(await checkIn(worker, "TLS", spec, { target: to }))).toBe(
      "no_data: this vantage point cannot do what the check needs: tls",
    );
  });
});

describe("what a TLS check needs", () => {
  const needs = (spec: object, to: CheckTarget | null) => tls.needs(tls.spec.parse(spec), to);

  it("is a connection by name where the name is the one that must be proven", () => {
    expect(needs({}, target(name))).toEqual(["tls_name"]);
    expect(needs({ sni: serverName.toUpperCase() }, target(name))).toEqual(["tls_name"]);
    expect(needs({}, target(name, null, { hostHeader: `${serverName}:8443` }))).toEqual(["tls_name"]);
    // A monitor's own `target` is a name, the member an address.
    expect(needs({}, target(name, null, { endpoint: "192.0.2.1" }))).toEqual(["tls_name"]);
    expect(needs({}, target(name, null, { endpoint: "www.example.com." }))).toEqual(["tls"]);
    expect(needs({ port: 25 }, target("192.0.2.1"))).toEqual(["tls", "port_25"]);
    expect(needs({}, null)).toEqual(["tls_name"]);
    expect(needs({ insecure: true }, null)).toEqual(["tls"]);
  });
});

describe("a TLS check from an agent", () => {
  const words: Readonly<Record<string, RegExp>> = {
    expired: /^fail: .*expired/,
    "wrong-name": /^fail: .*another name/,
    "self-signed": /^fail: .*self-signed/,
    "other-ca": /^fail: .*unknown authority/,
  };

  it("passes for an address with the authority that was given, and shows the certificate", async (context) => {
    const servers = started.get(context);
    const spec = { port: await servers.listen("good"), ca_cert: servers.certificates.ca };
    const outcome = await checkIn(agent, "TLS", spec);
    expect(outcome).toMatchObject({ outcome: "pass", detail: "TLS handshake completed", warning: null });
    expect(outcome.more?.certificate?.subject).toContain("CN=good");
    expect(outcome.more?.certificate?.notAfter).toBeGreaterThan(Date.now());
  });

  it("says in words what is wrong with a certificate", async (context) => {
    const servers = started.get(context);
    for (const certificate of certificates) {
      const port = await servers.listen(certificate);
      expect(said(await checkIn(agent, "TLS", { port, ca_cert: servers.certificates.ca }))).toMatch(words[certificate] ?? /never/);
      // Without verification any of them will do, and it is said.
      expect(said(await checkIn(agent, "TLS", { port, insecure: true }))).toBe(
        "pass: TLS handshake completed, the certificate was not verified",
      );
    }
    // Without `ca_cert` the public authorities count, of which this is none.
    expect(said(await checkIn(agent, "TLS", { port: await servers.listen("good") }))).toMatch(/^fail: .*authority/);
  });

  it("sends the name that was chosen, and verifies against it", async (context) => {
    const servers = started.get(context);
    const port = await servers.listen("good");
    const spec = { port, ca_cert: servers.certificates.ca };
    expect(said(await checkIn(agent, "TLS", { ...spec, sni: `${serverName.toUpperCase()}.` }))).toBe("pass: TLS handshake completed");
    expect(servers.names.at(-1)).toBe(serverName);
    expect(said(await checkIn(agent, "TLS", { ...spec, sni: "other.example" }))).toMatch(/^fail: .*another name/);
    expect(said(await checkIn(agent, "TLS", spec, { target: target("127.0.0.1", null, { hostHeader: "other.example:443" }) }))).toMatch(
      /^fail: .*another name/,
    );
    const before = servers.names.length;
    expect(said(await checkIn(agent, "TLS", spec))).toMatch(/^pass/);
    expect(servers.names).toHaveLength(before);
  });

  it("leaves so that the other side has seen a handshake to the end, and not one that failed", async (context) => {
    const servers = started.get(context);
    const port = await servers.listen("good");
    const { completed, failed } = servers.handshakes;
    for (let count = 0; count < 3; count += 1) await checkIn(agent, "TLS", { port, insecure: true });
    await until(() => servers.handshakes.completed === completed + 3, { what: "three handshakes", intervalMs: 2 });
    expect(servers.handshakes.failed).toBe(failed);
  });

  it("warns of a certificate that ends soon, and passes", async (context) => {
    const servers = started.get(context);
    const spec = { port: await servers.listen("soon"), ca_cert: servers.certificates.ca };
    expect(await checkIn(agent, "TLS", { ...spec, min_days_valid: 3 })).toMatchObject({ outcome: "pass", warning: null });
    expect(await checkIn(agent, "TLS", { ...spec, min_days_valid: 14 })).toMatchObject({
      outcome: "pass",
      warning: expect.stringMatching(/^the certificate expires in [45] days$/),
    });
    const expired = { port: await servers.listen("expired"), insecure: true, min_days_valid: 1 };
    expect((await checkIn(agent, "TLS", expired)).warning).toMatch(/expired/);
  });

  it("fails where the other side is too old, speaks something else, or stops", async (context) => {
    const old = await started.get(context).listen("good", oldTls);
    expect(said(await checkIn(agent, "TLS", { port: old, insecure: true }))).toMatch(/^fail: .*too old/);
    const raw = async (...args: Parameters<typeof startRawServer>) => {
      const server = await startRawServer(...args);
      servers.push(server);
      return said(await checkIn(agent, "TLS", { port: server.port, insecure: true }, { timeout_ms: enoughMs }));
    };
    expect(await raw((socket) => socket.end("220 mail.example\r\n"), { atOnce: true })).toMatch(/^fail: .*does not speak TLS/);
    expect(await raw((socket) => socket.end())).toMatch(/^fail: .*handshake/);
    expect(await raw(() => undefined)).toBe(`fail: no connection within ${enoughMs} ms`);
  });
});
