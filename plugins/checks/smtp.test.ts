import type { Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { limits } from "../../domain/limits.ts";
import { type RawServer, startRawServer } from "../../test/raw-server.ts";
import { startSmtp } from "../../test/servers/smtp.ts";
import { until } from "../../test/system/until.ts";
import { checkIn, enoughMs, said, worlds } from "../../test/worlds.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Greets, and answers each command by its first word; what has no answer is not answered. */
const mailServer =
  (greeting: string, answers: Readonly<Record<string, string>>) =>
  (socket: Socket): void => {
    socket.write(greeting);
    let rest = "";
    socket.on("data", (bytes) => {
      const lines = (rest + bytes.toString("latin1")).split("\r\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const answer = answers[line.split(" ")[0] ?? ""];
        if (answer !== undefined) socket.write(answer);
        if (line === "QUIT") socket.end();
      }
    });
  };
const polite = { QUIT: "221 bye\r\n" };
const hello = { ...polite, EHLO: "250-mail.example\r\n250-SIZE 1\r\n250 STARTTLS\r\n", STARTTLS: "220 go on\r\n" };

describe.each(worlds)("an SMTP check from %s", (_name, world) => {
  async function ask(talk: (socket: Socket) => void, spec: object = {}, timeout_ms = 2_000) {
    const server: RawServer = await startRawServer(talk, { atOnce: true });
    closing.push(server.close);
    const outcome = await checkIn(world, "SMTP", { port: server.port, ...spec }, { timeout_ms });
    return { said: said(outcome), server };
  }

  it("passes when the server greets and takes EHLO, and leaves politely", async () => {
    const { said, server } = await ask(mailServer("220 mail.example ESMTP\r\n", hello));
    expect(said).toBe("pass: 220, and 250 to EHLO");
    await until(() => server.received[0], { what: "QUIT", is: (sent) => sent === "EHLO kosmos.invalid\r\nQUIT\r\n", intervalMs: 2 });
    await until(() => server.open === 0, { what: "the end", intervalMs: 2 });
  });

  it("takes a greeting of several lines, and one without a text", async () => {
    expect((await ask(mailServer("220-mail.example\r\n220-be nice\r\n220 \r\n", hello))).said).toBe("pass: 220, and 250 to EHLO");
    expect((await ask(mailServer("220\r\n", hello))).said).toBe("pass: 220, and 250 to EHLO");
  });

  it("says HELO to a server that does not know EHLO", async () => {
    const { said, server } = await ask(mailServer("220 old\r\n", { ...polite, EHLO: "502 what?\r\n", HELO: "250 old\r\n" }));
    expect(said).toBe("pass: 220, and 250 to HELO");
    expect(server.received[0]).toMatch(/^EHLO kosmos\.invalid\r\nHELO kosmos\.invalid\r\n/);
  });

  it.each([
    ["554 no mail here\r\n", {}, 'fail: expected the greeting 220, got 554: "no mail here"'],
    ["421 too busy\r\n", {}, 'fail: expected the greeting 220, got 421: "too busy"'],
    ["250 hello\r\n", {}, 'fail: expected the greeting 220, got 250: "hello"'],
    ["220 hi\r\n", { EHLO: "421 closing\r\n" }, 'fail: expected 250 to EHLO or HELO, got 421: "closing"'],
    ["220 hi\r\n", { EHLO: "550 no\r\n", HELO: "550 no\r\n" }, 'fail: expected 250 to EHLO or HELO, got 550: "no"'],
    ["220 hi\r\n", { EHLO: "250-a\r\n251 b\r\n" }, 'fail: the answer to EHLO is not SMTP: "251 b"'],
    ["220-hi\r\nSSH-2.0-x\r\n", {}, 'fail: the greeting is not SMTP: "SSH-2.0-x"'],
    ["HTTP/1.1 400 Bad\r\n", {}, 'fail: the greeting is not SMTP: "HTTP/1.1 400 Bad"'],
    ["2200 hi\r\n", {}, 'fail: the greeting is not SMTP: "2200 hi"'],
    ["220 \u0007\u00e9\r\n", { EHLO: "250 x\r\n" }, "pass: 220, and 250 to EHLO"],
    ["120 wait\r\n", {}, 'fail: the greeting is not SMTP: "120 wait"'],
  ])("makes of %j and %j: %s", async (greeting, answers, expected) => {
    expect((await ask(mailServer(greeting, { ...polite, ...answers }))).said).toBe(expected);
  });

  it("wants STARTTLS offered and answered 220 where it is asked for", async () => {
    const spec = { starttls: true };
    const { said, server } = await ask(mailServer("220 hi\r\n", hello), spec);
    expect(said).toBe("pass: STARTTLS is offered and answered 220");
    // What comes next would be a handshake, which is not made: no QUIT is sent into it.
    expect(server.received[0]).toBe("EHLO kosmos.invalid\r\nSTARTTLS\r\n");
    const lower = { ...hello, EHLO: "250-mail.example\r\n250 starttls\r\n" };
    expect((await ask(mailServer("220 hi\r\n", lower), spec)).said).toMatch(/^pass/);
    const without = { ...hello, EHLO: "250-STARTTLS\r\n250 SIZE\r\n" };
    expect((await ask(mailServer("220 hi\r\n", without), spec)).said).toBe("fail: STARTTLS is not offered");
    expect((await ask(mailServer("220 hi\r\n", { ...polite, EHLO: "500 ?\r\n", HELO: "250 STARTTLS\r\n" }), spec)).said).toBe(
      "fail: STARTTLS is not offered",
    );
    expect((await ask(mailServer("220 hi\r\n", { ...hello, STARTTLS: "454 not now\r\n" }), spec)).said).toBe(
      'fail: expected 220 to STARTTLS, got 454: "not now"',
    );
  });

  it("fails at its deadline, and says what it waited for", async () => {
    const servers = [() => undefined, (socket: Socket) => void socket.write("220-a\r\n22"), mailServer("220 hi\r\n", {})];
    const outcomes = await Promise.all(servers.map((talk) => ask(talk, {}, enoughMs)));
    expect(outcomes.map(({ said }) => said)).toEqual([
      `fail: the greeting did not come within ${enoughMs} ms`,
      `fail: the greeting did not end within ${enoughMs} ms`,
      `fail: the answer to EHLO did not come within ${enoughMs} ms`,
    ]);
  });

  it("passes when all that the server does not answer is QUIT", async () => {
    expect((await ask(mailServer("220 hi\r\n", { EHLO: "250 x\r\n" }), {}, enoughMs)).said).toBe("pass: 220, and 250 to EHLO");
  });

  it("bounds lines and replies", async () => {
    expect((await ask((socket) => socket.write(`220 ${"x".repeat(limits.checkReplyLineBytes)}\r\n`))).said).toBe(
      `fail: a line of the greeting is longer than ${limits.checkReplyLineBytes} bytes`,
    );
    expect((await ask((socket) => socket.write("220-x\r\n".repeat(1_000)))).said).toBe(
      `fail: the greeting has more than ${limits.checkReplyLines} lines`,
    );
  });

  it("fails when the connection breaks off", async () => {
    expect((await ask((socket) => socket.end())).said).toMatch(/^fail: connection (closed|reset) before the greeting$/);
    expect((await ask((socket) => socket.end("220-hi\r\n"))).said).toMatch(
      /^fail: connection (closed|reset) before the end of the greeting$/,
    );
    const ends = (socket: Socket) => {
      socket.write("220 hi\r\n");
      socket.once("data", () => socket.resetAndDestroy());
    };
    expect((await ask(ends)).said).toBe("fail: connection reset before the answer to EHLO");
  });

  it("passes against a real mail server", async () => {
    const server = await startSmtp(null);
    closing.push(server.stop);
    expect(said(await checkIn(world, "SMTP", { port: server.port }))).toBe("pass: 220, and 250 to EHLO");
    expect(said(await checkIn(world, "SMTP", { port: server.port, starttls: true }))).toBe("fail: STARTTLS is not offered");
  });
});
