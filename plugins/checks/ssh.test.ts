import type { Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { version } from "../../domain/version.ts";
import { type RawServer, startRawServer } from "../../test/raw-server.ts";
import { whereInstalled } from "../../test/servers/installed.ts";
import { startSshd } from "../../test/servers/sshd.ts";
import { until } from "../../test/system/until.ts";
import { checkIn, enoughMs, said, worlds } from "../../test/worlds.ts";

const servers: RawServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});
const sshd = whereInstalled(["sshd"], startSshd);
beforeAll(sshd.start);
afterAll(sshd.stop);

describe.each(worlds)("an SSH check from %s", (_name, world) => {
  async function ask(talk: string | ((socket: Socket) => void), timeout_ms = 2_000) {
    const server = await startRawServer(typeof talk === "string" ? (socket) => socket.write(talk, "latin1") : talk, { atOnce: true });
    servers.push(server);
    return { said: said(await checkIn(world, "SSH", { port: server.port }, { timeout_ms })), server };
  }
  const notSsh = "fail: the answer is not SSH: no identification in its beginning";

  it.each([
    ["SSH-2.0-OpenSSH_9.6 Debian-1\r\n", "pass: SSH-2.0-OpenSSH_9.6 Debian-1"],
    ["SSH-2.0-dropbear\n", "pass: SSH-2.0-dropbear"],
    ["SSH-1.99-Cisco-1.25\n", "pass: SSH-1.99-Cisco-1.25"],
    ["welcome\r\nto this host\r\n\r\nSSH-2.0-x\r\n", "pass: SSH-2.0-x"],
    ["SSH-2.0-caf\xe9\r\n", "pass: SSH-2.0-caf?"],
    ["SSH-1.5-old\r\n", 'fail: expected SSH 2, got "SSH-1.5-old"'],
    ["SSH-2.0-\r\n", 'fail: expected SSH 2, got "SSH-2.0-"'],
    ["SSH-2.00-x\r\n", 'fail: expected SSH 2, got "SSH-2.00-x"'],
    ["x\r\n".repeat(1_500), notSsh],
    ["x".repeat(100_000), notSsh],
  ])("makes of an answer what it is worth (%#)", async (answer, expected) => {
    expect((await ask(answer)).said).toBe(expected);
  });

  it("says who asks, as both sides must, and leaves", async () => {
    const { server } = await ask("SSH-2.0-x\r\n");
    const expected = `SSH-2.0-Kosmos_${version.replaceAll("-", "_")}\r\n`;
    await until(() => server.received[0], { what: "our identification", is: (sent) => sent === expected, intervalMs: 2 });
    await until(() => server.open === 0, { what: "the end", intervalMs: 2 });
  });

  it("fails at its deadline, and when the connection breaks off", async () => {
    const outcomes = await Promise.all([() => undefined, "welcome\r\n", "SSH-2.0-x"].map((talk) => ask(talk, enoughMs)));
    expect(outcomes.map(({ said }) => said)).toEqual([
      `fail: no answer within ${enoughMs} ms`,
      `fail: no identification within ${enoughMs} ms`,
      `fail: no answer within ${enoughMs} ms`,
    ]);
    expect((await ask((socket) => socket.end("welcome\r\n"))).said).toMatch(/^fail: connection (closed|reset) before the identification$/);
  });

  it("passes against OpenSSH", async (context) => {
    const { port } = sshd.get(context);
    expect(said(await checkIn(world, "SSH", { port }))).toMatch(/^pass: SSH-2\.0-OpenSSH_/);
  });
});
