import { readFileSync } from "node:fs";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { agentIo } from "../../agent/node-io.fixture.ts";
import type { Outcome } from "../../domain/check.ts";
import { type CheckerIo, runCheck } from "../../workers/checker/run-checks.ts";
import { workerIo } from "../worlds.ts";
import { serverName } from "./certificates.ts";
import { whereInstalled } from "./installed.ts";
import { account, type HttpsSite, type Nginx, startNginx } from "./nginx.ts";

/** HTTP and HTTPS checks of a real nginx: from an agent, with TLS of its own, and in plain text also as a Worker would. */
const nginx = whereInstalled(["nginx", "openssl"], startNginx);
beforeAll(nginx.start);
afterAll(nginx.stop);

const address = { host: "127.0.0.1", port: null, hostHeader: null, endpoint: "127.0.0.1" };
const check = (type: string, spec: Record<string, unknown>, target: object = {}, io: CheckerIo = agentIo): Promise<Outcome> =>
  runCheck({ type, spec, target: { ...address, ...target }, timeout_ms: 5_000 }, io);
const said = async (outcome: Promise<Outcome>): Promise<string> => {
  const { outcome: kind, detail } = await outcome;
  return `${kind}: ${detail}`;
};
const secure = ({ https, certificates }: Nginx, site: HttpsSite, spec: Record<string, unknown> = {}, target: object = {}) =>
  check("HTTPS", { port: https[site], ca_cert: certificates.ca, ...spec }, target);

describe("HTTPS from an agent", () => {
  it("passes with an authority of one's own, by address and by the name of the handshake", async (context) => {
    const server = nginx.get(context);
    for (const site of ["good", "rsa", "tls12", "tls13"] as const) {
      expect(await said(secure(server, site, { url_path: "/healthz", receive_string: "status=ok" }))).toBe("pass: 200");
      expect(await said(secure(server, site, { sni: serverName }))).toBe("pass: 200");
      expect(await said(secure(server, site, {}, { hostHeader: `${serverName}:8443` }))).toBe("pass: 200");
    }
  });

  it("passes with a certificate that signed itself where that is the authority", async (context) => {
    const server = nginx.get(context);
    expect(await said(secure(server, "selfSigned", { ca_cert: server.certificates.selfSigned }))).toBe("pass: 200");
  });

  it.for<[HttpsSite, Record<string, unknown>, RegExp]>([
    ["good", { ca_cert: null }, /^fail: the certificate is from an unknown authority/],
    ["otherCa", {}, /^fail: the certificate is from an unknown authority/],
    ["selfSigned", {}, /^fail: the certificate is self-signed$/],
    ["expired", {}, /^fail: the certificate has expired$/],
    ["wrongName", {}, /^fail: the certificate is for another name$/],
    ["good", { sni: "elsewhere.invalid" }, /^fail: the certificate is for /],
    ["tls10", { insecure: true }, /^fail: the other side's TLS is too old/],
    ["clientCertificate", {}, /^fail: expected 200, got 400$/],
  ])("fails and says why: %j with %j", async ([site, spec, words], context) => {
    expect(await said(secure(nginx.get(context), site, spec))).toMatch(words);
  });

  it("passes all of them where nothing is to be verified", async (context) => {
    const server = nginx.get(context);
    for (const site of ["good", "expired", "wrongName", "selfSigned", "otherCa"] as const) {
      expect(await said(secure(server, site, { ca_cert: null, insecure: true }))).toBe("pass: 200");
    }
  });

  it("warns of a certificate that ends soon, without a fail, and shows it to a monitor's test", async (context) => {
    const server = nginx.get(context);
    const soon = await secure(server, "soon", { min_days_valid: 30 });
    expect(soon).toMatchObject({
      outcome: "pass",
      detail: "200",
      warning: expect.stringMatching(/^the certificate expires in [45] days$/),
    });
    expect(soon.more?.certificate).toEqual({ subject: "CN=soon", notAfter: expect.any(Number) });
    expect(await secure(server, "good", { min_days_valid: 30 })).not.toHaveProperty("warning");
    expect(await secure(server, "soon")).not.toHaveProperty("warning");
    const failing = await secure(server, "soon", { min_days_valid: 30, expected_codes: [204] });
    expect(failing).toMatchObject({ outcome: "fail", warning: expect.stringMatching(/expires/) });
    const expired = await secure(server, "expired", { min_days_valid: 1, insecure: true });
    expect(expired.warning).toMatch(/^the certificate expired 3[67][0-9] days ago$/);
  });

  it("tells a monitor's test how long name, connection and handshake took", async (context) => {
    const server = nginx.get(context);
    const { more } = await secure(server, "good", {}, { host: "localhost.", endpoint: "localhost." });
    expect(more).toMatchObject({
      httpStatus: 200,
      timings: { dns: expect.any(Number), connect: expect.any(Number), tls: expect.any(Number) },
    });
    const byAddress = await check("HTTP", { port: server.http });
    expect(byAddress.more?.timings).toMatchObject({ dns: null, connect: expect.any(Number), tls: null, first_byte: expect.any(Number) });
  });

  it("needs TLS of its own: a Worker has nothing to say of an address", async (context) => {
    const server = nginx.get(context);
    const outcome = check("HTTPS", { port: server.https.good, insecure: true }, {}, workerIo);
    expect(await said(outcome)).toBe("no_data: this vantage point cannot do what the check needs: tls");
  });
});

describe.each([
  ["an agent", agentIo],
  ["a Worker", workerIo],
])("HTTP from %s", (_who, io) => {
  it.for<[Record<string, unknown>, string]>([
    [{ url_path: "/healthz", receive_string: "status=ok" }, "pass: 200"],
    [{ url_path: "/status/503" }, "fail: expected 200, got 503"],
    [{ url_path: "/status/204", expected_codes: [204] }, "pass: 204"],
    [{ url_path: "/gzip", receive_string: "and zipped" }, "pass: 200"],
    [
      {
        url_path: "/json",
        json_assertions: [
          { path: "$.nodes[0].name", equals: "a" },
          { path: "$.queue", less_than: 10 },
        ],
      },
      "pass: 200",
    ],
    [{ url_path: "/json", json_assertions: [{ path: "$.status", not_equals: "UP" }] }, 'fail: $.status is "UP", expected anything else'],
    [{ url_path: "/json", receive_string_absent: "DOWN" }, "pass: 200"],
    [{ url_path: "/big", receive_string: "nowhere" }, "fail: the first 65536 bytes of the body do not contain the expected text"],
    [{ url_path: "/close" }, "fail: connection closed before a status line"],
    [{ url_path: "/hops/4", follow_redirects: true, receive_string: "status=ok" }, "pass: 200"],
    [{ url_path: "/redirect/relative", follow_redirects: true, http_method: "HEAD" }, "pass: 200"],
    [{ url_path: "/private" }, "fail: expected 200, got 401"],
    [{ url_path: "/private", credentials: account, receive_string: "secret page" }, "pass: 200"],
    [{ url_path: "/headers", headers: { "X-A": "1" }, secret_headers: { "X-B": "2" }, receive_string: "X-B: 2" }, "pass: 200"],
    [
      { http_method: "POST", payload: { content_type: "text/plain", content: "x" }, url_path: "/status/201", expected_codes: [201] },
      "pass: 201",
    ],
  ])("%j: %s", async ([spec, expected], context) => {
    const { http } = nginx.get(context);
    expect(await said(check("HTTP", { port: http, ...spec }, {}, io))).toBe(expected);
  });

  it("ends in a circle, and after too many redirects", async (context) => {
    const { http } = nginx.get(context);
    const at = `http://127.0.0.1:${http}`;
    expect(await said(check("HTTP", { port: http, url_path: "/loop", follow_redirects: true }, {}, io))).toBe(
      `fail: the redirects go in a circle, back to ${at}/loop`,
    );
    expect(await said(check("HTTP", { port: http, url_path: "/hops/8", follow_redirects: true, max_redirects: 3 }, {}, io))).toBe(
      `fail: more than 3 redirects at ${at}/hops/5`,
    );
  });
});

describe("HTTPS over a connection that misbehaves", () => {
  const open: (() => void)[] = [];
  afterEach(() => {
    for (const close of open.splice(0)) close();
  });

  /** A server over TLS, with the good certificate, that talks like this once it was asked. */
  async function talking({ certificates }: Nginx, talk: (socket: TLSSocket) => void): Promise<number> {
    const { certificate, key } = certificates.paths.good;
    const server = createTlsServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (socket) => {
      socket.on("error", () => socket.destroy());
      socket.once("data", () => talk(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    open.push(() => server.close());
    return (server.address() as { port: number }).port;
  }

  it.for<[string, (socket: TLSSocket) => void, string]>([
    ["answers", (socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nhello"), "pass: 200"],
    ["closes", (socket) => socket.end(), "fail: connection closed before a status line"],
    ["is torn down", (socket) => socket.destroy(), "fail: connection closed before a status line"],
    ["says nonsense", (socket) => socket.end("\0\n"), 'fail: the answer is not HTTP: "?"'],
    [
      "breaks off",
      (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel"),
      "fail: connection closed before the end of the body",
    ],
  ])("%s", async ([, talk, expected], context) => {
    const server = nginx.get(context);
    const port = await talking(server, talk);
    const outcome = check("HTTPS", { port, ca_cert: server.certificates.ca, receive_string: "hello" });
    expect((await said(outcome)).replace("connection reset", "connection closed")).toBe(expected);
  });

  it("is a fail where plain text answers", async (context) => {
    const { http } = nginx.get(context);
    expect(await said(check("HTTPS", { port: http }))).toBe("fail: the other side does not speak TLS");
  });

  it("is followed at the endpoint itself where the name is the same, with the authority and the warning of the monitor", async (context) => {
    const server = nginx.get(context);
    const asked: string[] = [];
    const port = await talking(server, (socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nhome"));
    const firstPort = await talking(server, (socket) => socket.end(`HTTP/1.1 307 Go\r\nLocation: https://${serverName}:${port}/\r\n\r\n`));
    const spec = {
      port: firstPort,
      ca_cert: server.certificates.ca,
      follow_redirects: true,
      receive_string: "home",
      min_days_valid: 365,
    };
    const outcome = await runCheck(
      { type: "HTTPS", spec, target: { ...address, hostHeader: `${serverName}:${firstPort}` }, timeout_ms: 5_000 },
      {
        ...agentIo,
        connect: (to, tls) => {
          asked.push(`${to.hostname}:${to.port} as ${tls?.serverName}`);
          return agentIo.connect(to, tls);
        },
      },
    );
    expect(outcome).toMatchObject({ outcome: "pass", warning: expect.stringMatching(/^the certificate expires in/) });
    expect(asked).toEqual([`127.0.0.1:${firstPort} as ${serverName}`, `127.0.0.1:${port} as ${serverName}`]);
  });
});
