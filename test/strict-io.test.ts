import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { CheckSocket } from "../domain/check.ts";
import { type RawServer, startRawServer } from "./raw-server.ts";
import { serverName } from "./servers/certificates.ts";
import { whereInstalled } from "./servers/installed.ts";
import { type StrictWorld, strictIo } from "./strict-io.ts";
import { until } from "./system/until.ts";
import { startTlsServers } from "./tls-server.ts";

const tlsServers = whereInstalled(["openssl"], startTlsServers);
beforeAll(tlsServers.start);
afterAll(tlsServers.stop);

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function raw(...args: Parameters<typeof startRawServer>): Promise<RawServer> {
  const server = await startRawServer(...args);
  closing.push(server.close);
  return server;
}
async function origin(answer: RequestListener): Promise<number> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  closing.push(() => server.closeAllConnections());
  closing.push(() => server.close());
  await until(() => server.listening, { what: "the origin", intervalMs: 1 });
  return (server.address() as AddressInfo).port;
}
async function deadPort(): Promise<number> {
  const server = await startRawServer(() => undefined);
  await server.close();
  return server.port;
}
function io(world: StrictWorld = {}) {
  const made = strictIo(world);
  closing.push(made.end);
  return made;
}

const plainTls = { serverName: null, insecure: false, caCert: null, alpn: [] };
const failureOf = (socket: CheckSocket) =>
  socket.opened.then(
    () => "opened",
    (error: Error) => error.message,
  );
const turn = () => new Promise((resolve) => setImmediate(resolve));
const get = (headers: [string, string][] = []) =>
  ({ method: "GET", headers, redirect: "manual", signal: new AbortController().signal }) as const;

describe("a connection of a strict Worker", () => {
  it("carries bytes both ways, and says of the other side what it was told itself", async () => {
    const server = await raw((socket) => socket.end("pong"));
    const socket = io({ routes: { "db.example.com:5432": server.port } }).connect({ hostname: "db.example.com", port: 5432 });
    expect(await socket.opened).toMatchObject({ remoteAddress: "db.example.com:5432" });
    await socket.writable.getWriter().write(new TextEncoder().encode("ping"));
    expect(await new Response(socket.readable).text()).toBe("pong");
    expect(server.received).toEqual(["ping"]);
    await socket.closed;
  });

  it("has neither peer, nor startTls, and the world neither datagrams nor ping", async () => {
    const world = io();
    expect(Object.keys(world.connect({ hostname: "a.example", port: 1 })).sort()).toEqual([
      "close",
      "closed",
      "opened",
      "readable",
      "writable",
    ]);
    expect(world.datagrams).toBeUndefined();
    expect(world.ping).toBeUndefined();
    expect([...world.capabilities].sort()).toEqual(["http", "https_name", "tcp", "tls_name"]);
    expect([...io({ local: true }).capabilities].sort()).toEqual(["http", "https_name", "port_25", "private", "tcp", "tls_name"]);
  });

  it("fails with the same words, whatever the reason is", async (context) => {
    const tls = tlsServers.get(context);
    const plain = await raw(() => undefined);
    const routes = {
      "dead.example:80": await deadPort(),
      "10.0.0.1:80": plain.port,
      "127.0.0.1:80": plain.port,
      "localhost:80": plain.port,
      "mail.example:25": plain.port,
      "wrong.example:443": await tls.listen("good"),
      [`${serverName}:443`]: await tls.listen("expired"),
      [`${serverName}:444`]: await tls.listen("other-ca"),
      [`${serverName}:445`]: (await raw((socket) => socket.end("nonsense"), { atOnce: true })).port,
    };
    const world = io({ routes, ca: tls.certificates.ca });
    const hosts = ["dead.example", "no.such.example", "192.0.2.1", "10.0.0.1", "127.0.0.1", "localhost"];
    const sockets = [
      ...hosts.map((hostname) => world.connect({ hostname, port: 80 })),
      world.connect({ hostname: "mail.example", port: 25 }),
      world.connect({ hostname: "wrong.example", port: 443 }, plainTls),
      ...[443, 444, 445].map((port) => world.connect({ hostname: serverName, port }, plainTls)),
    ];
    const failures = await Promise.all(sockets.map(failureOf));
    expect(failures).toHaveLength(11);
    expect(new Set(failures)).toEqual(new Set(["proxy request failed, cannot connect to the specified address"]));
    expect(plain.open).toBe(0);
  });

  it("reaches this machine itself only where the switch is set", async () => {
    const server = await raw(() => undefined);
    for (const hostname of ["127.0.0.1", "localhost"]) {
      await io({ local: true }).connect({ hostname, port: server.port }).opened;
      expect(await failureOf(io().connect({ hostname, port: server.port }))).toMatch(/^proxy request failed/);
    }
    await io({ local: true, routes: { "mail.example:25": server.port } }).connect({ hostname: "mail.example", port: 25 }).opened;
  });

  it("speaks TLS to the name that it connects to, verified, whatever it is asked for", async (context) => {
    const tls = tlsServers.get(context);
    const world = io({
      routes: { [`${serverName}:443`]: await tls.listen("good"), "a.example:443": await tls.listen("good") },
      ca: tls.certificates.ca,
    });
    await world.connect({ hostname: serverName, port: 443 }, { ...plainTls, serverName: "other.example" }).opened;
    expect(tls.names.at(-1)).toBe(serverName);
    expect(await failureOf(world.connect({ hostname: "a.example", port: 443 }, { ...plainTls, serverName, insecure: true }))).toMatch(
      /^proxy/,
    );
    const own = { ...plainTls, caCert: tls.certificates.ca };
    const [route = 0] = [await tls.listen("good")];
    expect(await failureOf(io({ routes: { [`${serverName}:443`]: route } }).connect({ hostname: serverName, port: 443 }, own))).toMatch(
      /^proxy/,
    );
  });

  it("does not end a close() of a connection that hangs, and drops it with the invocation", async () => {
    const world = io({ routes: { "192.0.2.1:80": "hangs" } });
    const socket = world.connect({ hostname: "192.0.2.1", port: 80 });
    let settled = false;
    for (const promise of [socket.opened, socket.close(), socket.closed]) {
      promise
        .catch(() => undefined)
        .finally(() => {
          settled = true;
        });
    }
    await turn();
    await turn();
    expect({ settled, waiting: world.waiting().now }).toEqual({ settled: false, waiting: 1 });
  });

  it("drops what is open when the invocation ends", async () => {
    const server = await raw(() => undefined);
    const world = io({ routes: { "a.example:80": server.port } });
    await world.connect({ hostname: "a.example", port: 80 }).opened;
    await until(() => server.open === 1, { what: "the connection", intervalMs: 1 });
    expect(world.open()).toBe(1);
    world.end();
    await until(() => server.open === 0, { what: "its end", intervalMs: 1 });
    expect(world.open()).toBe(0);
  });

  it("lets six wait at a time, and says nothing to the seventh", async () => {
    const server = await raw(() => undefined);
    const world = io({ routes: { "192.0.2.1:80": "hangs", "slow.example:80": "hangs", "a.example:80": server.port } });
    for (let count = 0; count < 4; count += 1) world.connect({ hostname: "192.0.2.1", port: 80 });
    const abort = new AbortController();
    const fetches = [0, 1].map(() =>
      world.fetch("http://slow.example/", { ...get(), signal: abort.signal }).catch((error: Error) => error.name),
    );
    const seventh = world.connect({ hostname: "a.example", port: 80 });
    let opened = false;
    seventh.opened.then(() => {
      opened = true;
    });
    await turn();
    expect({ ...world.waiting(), opened, reached: server.received.length }).toEqual({ now: 6, queued: 1, opened: false, reached: 0 });
    abort.abort();
    expect(await Promise.all(fetches)).toEqual(["AbortError", "AbortError"]);
    await seventh.opened;
    expect(world.waiting()).toEqual({ now: 4, queued: 0 });
  });

  it("counts no connection that is open, and lets go of a turn that was waited for in vain", async () => {
    const server = await raw(() => undefined);
    const world = io({ routes: { "a.example:80": server.port, "hole.example:80": "hangs" } });
    await Promise.all(Array.from({ length: 10 }, () => world.connect({ hostname: "a.example", port: 80 }).opened));
    expect([world.waiting().now, world.open()]).toEqual([0, 10]);
    for (let count = 0; count < 6; count += 1) world.connect({ hostname: "hole.example", port: 80 });
    const abort = new AbortController();
    const waiting = world.fetch("http://a.example/", { ...get(), signal: abort.signal });
    abort.abort();
    await expect(waiting).rejects.toThrow("aborted");
  });

  it("takes no more from a flood than somebody reads", async () => {
    let sent = 0;
    const server = await raw(
      (socket) => {
        const flood = () => {
          while (socket.writable && socket.write(Buffer.alloc(65_536))) sent += 65_536;
        };
        socket.on("drain", flood);
        flood();
      },
      { atOnce: true },
    );
    const socket = io({ local: true }).connect({ hostname: "127.0.0.1", port: server.port });
    const reader = socket.readable.getReader();
    await reader.read();
    let last = -1;
    await until(
      () => {
        const still = last === sent;
        last = sent;
        return still;
      },
      { what: "the flood to stop", intervalMs: 50 },
    );
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });
});

describe("fetch of a strict Worker", () => {
  it("goes by name, with the URL's own Host", async () => {
    const seen: unknown[] = [];
    const port = await origin((request, response) => {
      seen.push([request.headers.host, request.url, request.headers["x-a"]]);
      response.writeHead(302, { location: "/elsewhere", "content-encoding": "gzip" }).end(gzipSync("moved"));
    });
    const world = io({ routes: { "www.example.com:80": port, "www.example.com:8080": port } });
    const answer = await world.fetch(
      "http://www.example.com/a?b",
      get([
        ["Host", "other.example"],
        ["X-A", "1"],
      ]),
    );
    expect([answer.status, answer.headers.get("location"), await answer.text()]).toEqual([302, "/elsewhere", "moved"]);
    await (await world.fetch("http://www.example.com:8080/", get())).text();
    expect(seen).toEqual([
      ["www.example.com", "/a?b", "1"],
      ["www.example.com:8080", "/", undefined],
    ]);
    await until(() => world.open() === 0, { what: "the end of the connections" });
  });

  it("to an address is Cloudflare's error 1003, also on this machine", async () => {
    const port = await origin((_request, response) => response.end());
    for (const host of ["127.0.0.1", "[::1]", "192.0.2.1"]) {
      const answer = await io({ local: true, routes: { "192.0.2.1:80": port } }).fetch(`http://${host}/`, get());
      expect([answer.status, await answer.text()]).toEqual([403, "error code: 1003"]);
    }
  });

  it("makes an answer of its own of an origin that cannot be had", async (context) => {
    const tls = tlsServers.get(context);
    const old = await tls.listen("good", { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" });
    const routes: Record<string, number | "hangs"> = {
      "dead.example:80": await deadPort(),
      "hole.example:80": "hangs",
      "silent.example:80": (await raw(() => undefined)).port,
      "closing.example:80": (await raw((socket) => socket.end())).port,
      "odd.example:80": (await raw((socket) => socket.end("SSH-2.0-x\r\n"))).port,
      "upgrade.example:80": (await raw((socket) => socket.end("HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"))).port,
      [`${serverName}:443`]: await tls.listen("good"),
      "wrong.example:443": await tls.listen("good"),
      "odd.example:443": (await raw((socket) => socket.end("SSH-2.0-x\r\n"))).port,
      "old.example:443": old,
    };
    for (const name of ["expired", "self-signed", "other-ca"] as const) routes[`${name}.example:443`] = await tls.listen(name);
    const world = io({ routes, ca: tls.certificates.ca, patienceMs: 300 });
    const status = async (url: string) => (await world.fetch(url, get())).status;
    const asked = {
      "http://dead.example/": 521,
      "http://no.such.example/": 530,
      "http://localhost/": 530,
      "http://hole.example/": 522,
      "http://silent.example/": 524,
      "http://closing.example/": 520,
      "http://odd.example/": 520,
      "http://upgrade.example/": 520,
      [`https://${serverName}/`]: 200,
      "https://wrong.example/": 526,
      "https://expired.example/": 526,
      "https://self-signed.example/": 526,
      "https://other-ca.example/": 526,
      "https://odd.example/": 525,
      "https://old.example/": 525,
    };
    const got = await Promise.all(Object.keys(asked).map(async (url) => [url, await status(url)]));
    expect(Object.fromEntries(got)).toEqual(asked);
  });

  it("ends with its signal, before the head and after it", async () => {
    const server = await raw((socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"));
    const world = io({ routes: { "a.example:80": server.port, "hole.example:80": "hangs" } });
    const abort = new AbortController();
    const hanging = world.fetch("http://hole.example/", { ...get(), signal: abort.signal });
    const answer = await world.fetch("http://a.example/", { ...get(), signal: abort.signal });
    abort.abort();
    await expect(hanging).rejects.toThrow("aborted");
    await expect(answer.text()).rejects.toThrow();
    await until(() => server.open === 0, { what: "the end of the connection" });
    await expect(world.fetch("http://a.example/", { ...get(), signal: abort.signal })).rejects.toThrow("aborted");
  });

  it("lets go of the connection when the body is not wanted", async () => {
    const server = await raw((socket) => void socket.write("HTTP/1.1 200 OK\r\n\r\nendless"));
    const answer = await io({ routes: { "a.example:80": server.port } }).fetch("http://a.example/", get());
    await answer.body?.cancel();
    await until(() => server.open === 0, { what: "the end of the connection" });
  });
});

describe("the clock of a strict Worker", () => {
  it("stands still until something has happened", async () => {
    const world = io();
    const first = world.now();
    const end = performance.now() + 5;
    while (performance.now() < end);
    expect(world.now()).toBe(first);
    await turn();
    expect(world.now()).toBeGreaterThan(first);
  });
});
