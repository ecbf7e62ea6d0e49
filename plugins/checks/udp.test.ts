import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { type CheckDatagrams, ConnectFailure, VantageRefusal } from "../../domain/check.ts";
import { agentCapabilities } from "../../domain/vantage-point.ts";
import { agent, checkIn, enoughMs, said, target, worker } from "../../test/worlds.ts";
import { runCheck } from "../../workers/checker/run-checks.ts";

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});

/** Answers each datagram with these. */
async function serve(...answers: readonly string[]) {
  const socket = createSocket("udp4");
  sockets.push(socket);
  const received: string[] = [];
  socket.on("message", (message, from) => {
    received.push(message.toString("latin1"));
    for (const answer of answers) socket.send(answer, from.port, from.address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return { port: socket.address().port, received };
}
const ask = async (spec: object, timeout_ms = 2_000) => said(await checkIn(agent, "UDP", { send: "status", ...spec }, { timeout_ms }));

describe("a UDP check from an agent", () => {
  it("passes when an answer has the expected text, of however many answers", async () => {
    const { port, received } = await serve("busy", "", "all is well");
    expect(await ask({ port, send: "grün\u0000", receive_string: "well" })).toBe("pass: the answer has the expected text");
    expect(received).toEqual([Buffer.from("grün\u0000").toString("latin1")]);
  });

  it("fails at its deadline without one, and does not put a text together from two datagrams", async () => {
    const servers = await Promise.all([serve(), serve("all is we", "ll")]);
    expect(await Promise.all(servers.map(({ port }) => ask({ port, receive_string: "well" }, enoughMs)))).toEqual([
      `fail: no answer within ${enoughMs} ms`,
      `fail: no answer with the expected text within ${enoughMs} ms`,
    ]);
  });

  it("bounds how much it listens to", async () => {
    const { port } = await serve(...Array.from({ length: 20 }, () => "x".repeat(8_000)));
    expect(await ask({ port, receive_string: "well" })).toBe("fail: the first 65536 bytes of the answers do not contain the expected text");
  });

  it("passes with any answer, and with none, where nothing is expected", async () => {
    expect(await ask({ port: (await serve("what?")).port })).toBe("pass: answered");
    expect(await ask({ port: (await serve("")).port })).toBe("pass: answered");
    expect(await ask({ port: (await serve()).port }, enoughMs)).toBe("pass: sent, and not refused");
  });

  it("fails when it is told that nobody listens, whether something is expected or not", async () => {
    const { port } = await serve();
    await new Promise<void>((resolve) => sockets.pop()?.close(resolve));
    for (const spec of [{ port }, { port, receive_string: "well" }]) expect(await ask(spec)).toMatch(/^fail: port unreachable/);
  });

  it("says no_data of what is the vantage point's own trouble, and closes what opened too late", async () => {
    const run = async (datagrams: () => Promise<CheckDatagrams>) =>
      said(
        await runCheck(
          { type: "UDP", spec: { port: 1, send: "x" }, target: target("192.0.2.1"), timeout_ms: 30 },
          { ...agent.invoke().io, capabilities: new Set(agentCapabilities), datagrams },
        ),
      );
    expect(await run(() => Promise.reject(new VantageRefusal("this agent has no IPv6")))).toBe("no_data: this agent has no IPv6");
    expect(await run(() => Promise.reject(new Error("EMFILE")))).toBe("no_data: the check could not be carried out: EMFILE");
    expect(await run(() => Promise.reject(new ConnectFailure("the name does not resolve")))).toBe("fail: the name does not resolve");
    let closed = 0;
    const late = Promise.withResolvers<CheckDatagrams>();
    const never = new Promise<never>(() => undefined);
    expect(await run(() => late.promise)).toBe("fail: the address was not found within 30 ms");
    late.resolve({ send: () => never, receive: () => never, close: () => (closed += 1) });
    await late.promise;
    expect(closed).toBe(1);
    expect(await run(async () => ({ send: () => never, receive: () => never, close: () => (closed += 1) }))).toBe(
      "fail: nothing could be sent within 30 ms",
    );
    expect(closed).toBe(2);
  });
});

describe("a UDP check from a Worker", () => {
  it("is no_data", async () => {
    expect(said(await checkIn(worker, "UDP", { port: 53, send: "x" }))).toBe(
      "no_data: this vantage point cannot do what the check needs: udp",
    );
  });
});
