import { once } from "node:events";
import { createConnection } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startBlackbox } from "./blackbox.ts";
import { serverName } from "./certificates.ts";
import { accepts, freePort } from "./daemon.ts";
import { startFrozen } from "./frozen.ts";
import { pathOf, reasonFor, requireInstalled, whereInstalled } from "./installed.ts";
import { startKnot } from "./knot.ts";
import { account, type HttpsSite, startNginx } from "./nginx.ts";
import { startRedis } from "./redis.ts";
import { startSmtp } from "./smtp.ts";
import { startSshd } from "./sshd.ts";

const nginx = whereInstalled(["nginx", "openssl"], startNginx);
beforeAll(nginx.start);
afterAll(nginx.stop);

/** What the server says first, or after `line` was sent. */
async function hear(port: number, line: string | null): Promise<string> {
  const socket = createConnection({ host: "127.0.0.1", port });
  if (line !== null) socket.write(line);
  const [bytes] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  return bytes.toString("latin1");
}

describe("nginx", () => {
  it("answers what its pages are for", async (context) => {
    const { http } = nginx.get(context);
    const get = async (path: string, init?: RequestInit) => {
      const answer = await fetch(`http://127.0.0.1:${http}${path}`, { redirect: "manual", ...init });
      return [answer.status, await answer.text()];
    };
    expect(await get("/healthz")).toEqual([200, "status=ok\n"]);
    expect((await get("/status/418"))[0]).toBe(418);
    expect((await get("/hops/3"))[0]).toBe(302);
    expect(await get("/gzip")).toEqual([200, "status=ok, and zipped\n"]);
    expect((await get("/private"))[0]).toBe(401);
    const authorization = `Basic ${Buffer.from(`${account.username}:${account.password}`).toString("base64")}`;
    expect(await get("/private", { headers: { authorization } })).toEqual([200, "secret page\n"]);
    await expect(get("/close")).rejects.toThrow();
  });

  const handshakes: readonly [HttpsSite, object, string | null][] = [
    ["good", {}, null],
    ["rsa", {}, null],
    ["soon", {}, null],
    ["tls12", {}, null],
    ["tls13", {}, null],
    ["clientCertificate", {}, null],
    ["expired", {}, "CERT_HAS_EXPIRED"],
    ["wrongName", {}, "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["selfSigned", {}, "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["otherCa", {}, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    ["tls10", {}, "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION"],
    ["tls10", { minVersion: "TLSv1", ciphers: "ALL:@SECLEVEL=0" }, null],
  ];
  it.for(handshakes)("with %s shakes hands as it should, given %o", async ([site, options, code], context) => {
    const { https, certificates } = nginx.get(context);
    const socket = connectTls({ host: "127.0.0.1", port: https[site], servername: serverName, ca: certificates.ca, ...options });
    const seen = await Promise.race([
      once(socket, "secureConnect").then(() => null),
      once(socket, "error").then(([error]) => (error as NodeJS.ErrnoException).code),
    ]).catch((error: NodeJS.ErrnoException) => error.code);
    socket.destroy();
    expect(seen).toBe(code);
  });
});

describe("the other servers", () => {
  it("sshd says its banner", async (context) => {
    const sshd = whereInstalled(["sshd"], startSshd);
    await sshd.start();
    expect(await hear(sshd.get(context).port, null)).toMatch(/^SSH-2\.0-OpenSSH/);
    await sshd.stop();
  });

  it("redis answers PING, and is gone when it was stopped", async (context) => {
    const redis = whereInstalled(["redis"], startRedis);
    await redis.start();
    const { port } = redis.get(context);
    expect(await hear(port, "PING\r\n")).toBe("+PONG\r\n");
    await redis.stop();
    expect(await accepts(port)).toBe(false);
  });

  it("knot has its zone when it is ready", async (context) => {
    const knot = whereInstalled(["knot"], startKnot);
    await knot.start();
    expect(await accepts(knot.get(context).port)).toBe(true);
    await knot.stop();
  });

  it("blackbox_exporter tells a good page from a bad one", async (context) => {
    const blackbox = whereInstalled(["blackbox"], () => startBlackbox({ web: { prober: "http", timeout: "2s" } }));
    await blackbox.start();
    const { http } = nginx.get(context);
    const { probe } = blackbox.get(context);
    expect((await probe("web", `http://127.0.0.1:${http}/`)).success).toBe(true);
    expect((await probe("web", `http://127.0.0.1:${http}/status/503`)).success).toBe(false);
    await blackbox.stop();
  });

  it("a mail server greets, and offers STARTTLS where it has certificates", async (context) => {
    const { certificates } = nginx.get(context);
    for (const offered of [certificates, null]) {
      const smtp = await startSmtp(offered);
      const socket = createConnection({ host: "127.0.0.1", port: smtp.port });
      let said = "";
      socket.on("data", (bytes) => {
        said += bytes.toString("latin1");
        if (said.split("\r\n").length === 2) socket.write("EHLO there\r\nQUIT\r\n");
      });
      await once(socket, "close");
      expect(said).toMatch(/^220 mail\.gslb\.test/);
      expect(said.includes("STARTTLS")).toBe(offered !== null);
      await smtp.stop();
    }
  });

  it("a frozen server lets nobody in, and is gone when it was stopped", async () => {
    const frozen = await startFrozen();
    expect(await accepts(frozen.port)).toBe(false);
    await frozen.stop();
    const again = createConnection({ host: "127.0.0.1", port: frozen.port });
    const [error] = (await once(again, "error").catch((thrown) => [thrown])) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNREFUSED");
  });

  it("a server that does not start says what it said", async (context) => {
    const broken = whereInstalled(["blackbox"], () => startBlackbox({ web: { prober: "web", timeout: "soon" } }));
    requireInstalled(context, "blackbox");
    await expect(broken.start()).rejects.toThrow(/did not start: exit 1[\s\S]*soon/);
  });

  it("free ports are free", async () => {
    expect(await accepts(await freePort())).toBe(false);
  });
});

describe("what is not installed", () => {
  it("skips a test, with the reason and the remedy", async () => {
    expect(reasonFor(["nginx"])).toBe("skipped: nginx is not installed: apt-get install nginx libnginx-mod-http-echo");
    expect(reasonFor(["knot", "sshd"])).toBe("skipped: knot, sshd are not installed: apt-get install knot openssh-server");
  });

  it("is found wherever the machine has it", () => {
    expect(pathOf("sh")).toMatch(/\/sh$/);
    expect(pathOf("no-such-program")).toBeNull();
  });
});
