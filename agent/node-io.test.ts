import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type CheckSocket, ConnectFailure, type TlsOptions, VantageRefusal } from "../domain/check.ts";
import { installed, requireInstalled } from "../test/servers/installed.ts";
import { AllowList } from "./allow.ts";
import { connectFailure } from "./failures.ts";
import { agentIo } from "./node-io.fixture.ts";
import { createNodeIo } from "./node-io.ts";
import { findPing, read } from "./node-ping.ts";

const folder = mkdtempSync(join(tmpdir(), "kosmos-agent-"));
afterAll(() => rmSync(folder, { recursive: true }));

type Pair = { readonly key: string; readonly cert: string };

/** Signed by itself; `days` -1: it ended yesterday. */
function certificate(name: string, days = 30): Pair {
  const [key, request, cert, extensions] = ["key", "csr", "pem", "ext"].map((ending) => join(folder, `${name}.${ending}`)) as [
    string,
    string,
    string,
    string,
  ];
  writeFileSync(extensions, `subjectAltName=DNS:${name},IP:127.0.0.1\nbasicConstraints=CA:TRUE\n`);
  const openssl = (...options: string[]) => execFileSync("openssl", options, { stdio: "pipe" });
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", `/CN=${name}`];
  openssl("req", "-new", ...kind, "-keyout", key, "-out", request);
  openssl("x509", "-req", "-in", request, "-signkey", key, "-days", String(days), "-extfile", extensions, "-out", cert);
  return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
}

const servers: { close(): unknown }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});
async function listen(server: Server, host = "127.0.0.1"): Promise<number> {
  servers.push(server);
  server.listen(0, host);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const tls = (more: Partial<TlsOptions> = {}): TlsOptions => ({ serverName: "good", insecure: false, caCert: null, alpn: [], ...more });
const failureOf = async (socket: CheckSocket): Promise<unknown> => {
  const failure = await socket.opened.then(
    () => "opened",
    (error: unknown) => error,
  );
  await socket.close();
  return failure;
};
const connectTo = (port: number, options?: TlsOptions, hostname = "127.0.0.1") => agentIo.connect({ hostname, port }, options);
const allowing = (...networks: string[]) => {
  const allow = AllowList.of(networks);
  if (!allow.ok) throw new Error(allow.error);
  return allow.value;
};

describe("TCP from an agent", () => {
  it("carries bytes both ways until the other side ends", async () => {
    const port = await listen(createServer((socket) => socket.on("data", (bytes) => socket.end(`heard ${bytes}`))));
    const socket = connectTo(port);
    await socket.opened;
    await socket.writable.getWriter().write(new TextEncoder().encode("hello"));
    expect(await new Response(socket.readable).text()).toBe("heard hello");
    await socket.close();
  });

  it("reads no more than somebody takes", async () => {
    let sent = 0;
    const flood = createServer((socket) => {
      socket.on("error", () => undefined);
      const more = () => {
        while (socket.write(Buffer.alloc(65_536))) sent += 65_536;
      };
      socket.on("drain", more);
      more();
    });
    const socket = connectTo(await listen(flood));
    const reader = socket.readable.getReader();
    for (let taken = 0; taken < 1_000_000; ) taken += (await reader.read()).value?.length ?? 0;
    const soon = sent;
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent - soon).toBeLessThan(20_000_000);
    await socket.close();
  });

  it("says that it was refused, and where a name does not exist", async () => {
    const gone = createServer();
    const port = await listen(gone);
    gone.close();
    await once(gone, "close");
    expect(await failureOf(connectTo(port))).toEqual(new ConnectFailure("connection refused"));
    const io = createNodeIo({
      allow: allowing("127.0.0.0/8"),
      ping: null,
      lookup: (_, done) => done(Object.assign(new Error(), { code: "ENOTFOUND" }), []),
    });
    expect(await failureOf(io.connect({ hostname: "nowhere.example", port }))).toEqual(new ConnectFailure("name not found"));
  });

  it("blames itself for a resolver that does not answer", async () => {
    const lookup = (_: string, done: (error: NodeJS.ErrnoException, addresses: []) => void) =>
      done(Object.assign(new Error(), { code: "EAI_AGAIN" }), []);
    const io = createNodeIo({ allow: allowing("127.0.0.0/8"), ping: null, lookup });
    expect(await failureOf(io.connect({ hostname: "www.example.com", port: 80 }))).toBeInstanceOf(VantageRefusal);
    const silent = createNodeIo({ allow: allowing("127.0.0.0/8"), ping: null, lookup: () => undefined });
    const hanging = Array.from({ length: 6 }, (_, index) => failureOf(silent.connect({ hostname: `www${index}.example.com`, port: 80 })));
    for (const failure of await Promise.all(hanging)) expect(failure).toBeInstanceOf(VantageRefusal);
  });
});

describe("TLS from an agent", () => {
  beforeEach((context) => requireInstalled(context, "openssl"));
  let good: Pair;
  let other: Pair;
  let expired: Pair;
  beforeAll(() => {
    if (!installed("openssl")) return;
    good = certificate("good");
    other = certificate("other");
    expired = certificate("expired", -1);
  });
  const serve = (of: Pair, more: object = {}) =>
    listen(createTlsServer({ ...of, ...more }, (socket) => socket.on("error", () => undefined).end(`sni ${socket.servername}`)));

  it("verifies against one's own authority, with a name of one's own choice", async () => {
    const socket = connectTo(await serve(good, { ALPNProtocols: ["h2"] }), tls({ caCert: good.cert, alpn: ["h2"] }));
    await socket.opened;
    const peer = socket.peer?.();
    expect(peer?.protocol).toBe("h2");
    expect(peer?.certificate?.subject).toBe("CN=good");
    expect(peer?.certificate?.notAfter).toBeGreaterThan(Date.now());
    expect(await new Response(socket.readable).text()).toBe("sni good");
  });

  it("without a name asks for none, and wants the address in the certificate", async () => {
    const port = await serve(good);
    const socket = connectTo(port, tls({ caCert: good.cert, serverName: null }));
    await socket.opened;
    expect(await new Response(socket.readable).text()).toBe("sni false");
    const at2 = connectTo(await listen(createTlsServer(good), "127.0.0.2"), tls({ caCert: good.cert, serverName: null }), "127.0.0.2");
    expect(await failureOf(at2)).toEqual(new ConnectFailure("the certificate is for another name: 127.0.0.1"));
  });

  it("says what is wrong with a certificate", async () => {
    const words = async (of: Pair, options: TlsOptions) => {
      const failure = await failureOf(connectTo(await serve(of), options));
      expect(failure).toBeInstanceOf(ConnectFailure);
      return (failure as Error).message;
    };
    expect(await words(good, tls())).toBe("the certificate is self-signed");
    expect(await words(good, tls({ caCert: other.cert }))).toMatch(/self-signed|unknown authority/);
    expect(await words(other, tls({ caCert: other.cert }))).toBe("the certificate is for another name: DNS:other, IP Address:127.0.0.1");
    expect(await words(expired, tls({ caCert: expired.cert, serverName: "expired" }))).toBe("the certificate has expired");
    expect(connectFailure(Object.assign(new Error(), { code: "CERT_NOT_YET_VALID" }), "127.0.0.1")).toEqual(
      new ConnectFailure("the certificate is not yet valid"),
    );
  });

  it("blames the endpoint for a certificate that fails in a way that has no name in Node", async () => {
    const [key, cert] = [join(folder, "weak.key"), join(folder, "weak.pem")];
    const weak = ["-newkey", "rsa:1024", "-nodes", "-subj", "/CN=weak", "-addext", "subjectAltName=DNS:weak", "-days", "30"];
    execFileSync("openssl", ["req", "-x509", ...weak, "-keyout", key, "-out", cert], { stdio: "pipe" });
    const pair = { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
    const port = await serve(pair, { ciphers: "DEFAULT:@SECLEVEL=0" });
    expect(await failureOf(connectTo(port, tls({ serverName: "weak", caCert: pair.cert })))).toEqual(
      new ConnectFailure("the TLS handshake failed: EE certificate key too weak"),
    );
    const odd = Object.assign(new Error("ill-formed"), { code: "ERR_TLS_CERT_ALTNAME_FORMAT" });
    expect(connectFailure(odd, "127.0.0.1", true)).toBeInstanceOf(ConnectFailure);
    for (const code of ["EMFILE", "ENOBUFS"]) {
      expect(connectFailure(Object.assign(new Error(), { code }), "127.0.0.1", true)).toBeInstanceOf(VantageRefusal);
    }
  });

  it("takes any certificate where it was told to, and shows it", async () => {
    const socket = connectTo(await serve(expired), tls({ insecure: true }));
    await socket.opened;
    expect(socket.peer?.().certificate?.notAfter).toBeLessThan(Date.now());
    await socket.close();
  });

  it("says that the other side is too old, ends the handshake, or speaks no TLS", async () => {
    const old = await serve(good, { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" });
    expect(await failureOf(connectTo(old, tls({ caCert: good.cert })))).toMatchObject({ message: expect.stringMatching(/too old/) });
    const ending = await listen(createServer((socket) => socket.on("error", () => undefined).once("data", () => socket.destroy())));
    expect(await failureOf(connectTo(ending, tls()))).toEqual(new ConnectFailure("the other side ended the handshake"));
    const plain = await listen(createServer((socket) => socket.on("error", () => undefined).end("220 hello\r\n")));
    expect(await failureOf(connectTo(plain, tls()))).toEqual(new ConnectFailure("the other side does not speak TLS"));
  });

  it("takes the blame for authorities that cannot be read", async () => {
    expect(await failureOf(connectTo(await serve(good), tls({ caCert: "-----BEGIN CERTIFICATE-----\nno\n" })))).toBeInstanceOf(
      VantageRefusal,
    );
    const port = await serve(good);
    for (const caCert of [
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      `${good.cert}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
    ]) {
      expect(await failureOf(connectTo(port, tls({ caCert })))).toMatchObject({
        name: "VantageRefusal",
        message: expect.stringMatching(/^ca_cert cannot be read: /),
      });
    }
  });
});

describe("what an agent may not touch", () => {
  it("is refused for what it is, and gets no packet", async () => {
    let connections = 0;
    const port = await listen(createServer(() => (connections += 1)));
    const lookups: string[] = [];
    const io = createNodeIo({
      allow: allowing("10.1.0.0/16"),
      ping: findPing(),
      lookup: (name, done) => {
        lookups.push(name);
        done(null, [{ address: "127.0.0.1", family: 4 }]);
      },
    });
    const words = "is not in a network that this agent may check (--allow)";
    expect(await failureOf(io.connect({ hostname: "127.0.0.1", port }))).toEqual(new VantageRefusal(`127.0.0.1 ${words}`));
    expect(await failureOf(io.connect({ hostname: "127.0.0.1", port }, tls()))).toBeInstanceOf(VantageRefusal);
    await expect(io.datagrams?.({ hostname: "127.0.0.1", port })).rejects.toThrow(VantageRefusal);
    await expect(io.ping?.("127.0.0.1", new AbortController().signal)).rejects.toThrow(VantageRefusal);
    await expect(io.fetch(`http://127.0.0.1:${port}/`, {} as never)).rejects.toThrow(VantageRefusal);
    expect(lookups).toEqual([]);
    expect(await failureOf(io.connect({ hostname: "rebind.example", port }))).toEqual(
      new VantageRefusal(`rebind.example (127.0.0.1) ${words}`),
    );
    expect(connections).toBe(0);
  });

  it("is everything as long as nothing is allowed, names included", async () => {
    const lookups: string[] = [];
    const io = createNodeIo({ allow: allowing(), ping: null, lookup: (name) => lookups.push(name) });
    expect(await failureOf(io.connect({ hostname: "www.example.com", port: 80 }))).toBeInstanceOf(VantageRefusal);
    expect(lookups).toEqual([]);
  });

  it("is what the name leads to at the moment of the check, and the same address is connected to", async () => {
    const answers = ["127.0.0.1", "192.0.2.1"];
    let asked = 0;
    const io = createNodeIo({
      allow: allowing("127.0.0.1"),
      ping: null,
      lookup: (_, done) => done(null, [{ address: answers[asked++] ?? "", family: 4 }]),
    });
    const socket = io.connect({ hostname: "flips.example", port: await listen(createServer((socket) => socket.end())) });
    await socket.opened;
    await socket.close();
    expect(asked).toBe(1);
  });
});

describe("an allow list", () => {
  it("knows networks, single addresses, both families, and IPv4 in IPv6's form", () => {
    const list = allowing("10.1.0.0/16", "192.0.2.7", "fd00::/8", "::ffff:172.16.0.0/108");
    for (const address of ["10.1.255.255", "192.0.2.7", "fdab::1", "::ffff:10.1.0.1", "172.31.0.1"])
      expect(list.allows(address)).toBe(true);
    for (const address of ["10.2.0.0", "192.0.2.8", "fe80::1", "::ffff:10.2.0.1", "10.1.0.1%lo", "name"]) {
      expect(list.allows(address)).toBe(false);
    }
    expect(list.families).toEqual([4, 6]);
  });

  it("refuses what is no network", () => {
    for (const text of ["10.1.0.0/33", "10.1/16", "10.1.0.0/", "10.1.0.0/16/2", "lan", "", "::/129", "10.0.0.0/-1", "10.0.0.0/08"]) {
      expect(AllowList.of([text]).ok).toBe(false);
    }
  });
});

describe("UDP from an agent", () => {
  it("sends, receives, and hears that nobody listens", async () => {
    const echo = createSocket("udp4");
    servers.push(echo);
    echo.on("message", (datagram, from) => echo.send(`heard ${datagram}`, from.port, from.address));
    echo.bind(0, "127.0.0.1");
    await once(echo, "listening");
    const { port } = echo.address();
    const datagrams = await agentIo.datagrams?.({ hostname: "127.0.0.1", port });
    await datagrams?.send(new TextEncoder().encode("hello"));
    expect(new TextDecoder().decode(await datagrams?.receive())).toBe("heard hello");
    datagrams?.close();
    await expect(datagrams?.receive()).rejects.toThrow(ConnectFailure);

    const free = createSocket("udp4").bind(0, "127.0.0.1");
    await once(free, "listening");
    const unused = free.address().port;
    free.close();
    const nobody = await agentIo.datagrams?.({ hostname: "127.0.0.1", port: unused });
    await nobody?.send(new Uint8Array([1]));
    await expect(nobody?.receive()).rejects.toEqual(new ConnectFailure("port unreachable: nobody listens"));
    nobody?.close();
  });
});

describe("PING from an agent", () => {
  const signal = new AbortController().signal;

  it("measures an echo over IPv4 and IPv6", async (context) => {
    requireInstalled(context, "ping");
    expect(await agentIo.ping?.("127.0.0.1", signal)).toBeGreaterThan(0);
    expect(await agentIo.ping?.("::1", signal)).toBeGreaterThan(0);
  });

  it("gives ping nothing but an address", async (context) => {
    requireInstalled(context, "ping");
    await expect(agentIo.ping?.("-f", signal)).rejects.toThrow();
    await expect(agentIo.ping?.("127.0.0.1 -f", signal)).rejects.toThrow();
    await expect(agentIo.ping?.("127.0.0.1;id", signal)).rejects.toThrow();
  });

  it("ends ping with the check", async (context) => {
    requireInstalled(context, "ping");
    const aborted = new AbortController();
    const pinging = agentIo.ping?.("127.0.0.1", aborted.signal);
    aborted.abort();
    await expect(pinging).rejects.toThrow(ConnectFailure);
  });

  it("does not wait for the echo of what it could not send", async () => {
    const program = join(folder, "ping-that-cannot");
    writeFileSync(program, "#!/bin/sh\necho 'ping: sendmsg: Operation not permitted' >&2\nexec sleep 60\n", { mode: 0o755 });
    const io = createNodeIo({ allow: allowing("127.0.0.1"), ping: program });
    await expect(io.ping?.("127.0.0.1", new AbortController().signal)).rejects.toEqual(
      new VantageRefusal("ping failed: ping: sendmsg: Operation not permitted"),
    );
  });

  it("tells the endpoint's silence from its own trouble", () => {
    expect(read("64 bytes from 192.0.2.1: icmp_seq=1 ttl=64 time=0.335 ms", "192.0.2.1")).toBe(0.335);
    expect(read("64 bytes from ::1: seq=0 ttl=64 time<1 ms", "::1")).toBe(1);
    expect(read("From 192.0.2.9 icmp_seq=1 Destination Host Unreachable\n\n1 packets transmitted, 0 received", "192.0.2.1")).toEqual(
      new ConnectFailure("destination host unreachable"),
    );
    expect(read("--- x ping statistics ---\n1 packets transmitted, 0 received, 100% packet loss", "192.0.2.1")).toBeInstanceOf(
      ConnectFailure,
    );
    expect(read("ping: socktype: SOCK_RAW\nping: socket: Operation not permitted", "192.0.2.1")).toBeInstanceOf(VantageRefusal);
    expect(read("", "192.0.2.1")).toBeInstanceOf(VantageRefusal);
  });
});
