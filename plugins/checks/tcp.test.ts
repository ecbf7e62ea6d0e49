import type { Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { limits } from "../../domain/limits.ts";
import { type RawServer, startRawServer } from "../../test/raw-server.ts";
import { until } from "../../test/system/until.ts";
import { checkIn, enoughMs, said, target, worker, worlds } from "../../test/worlds.ts";
import { runCheck } from "../../workers/checker/run-checks.ts";
import { tcp } from "./tcp.ts";

const servers: RawServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});
async function serve(...args: Parameters<typeof startRawServer>): Promise<RawServer> {
  const server = await startRawServer(...args);
  servers.push(server);
  return server;
}
const atOnce = { atOnce: true };

describe.each(worlds)("a TCP check from %s", (_name, world) => {
  const ask = async (talk: Parameters<typeof startRawServer>[0], spec: object, how: object = {}, timeout_ms = 2_000) => {
    const server = await serve(talk, how);
    const outcome = await checkIn(world, "TCP", { port: server.port, ...spec }, { timeout_ms });
    return { said: said(outcome), outcome, server };
  };

  it("passes when the connection opens, even if nothing is ever said", async () => {
    const { outcome } = await ask(() => undefined, {});
    expect(outcome).toMatchObject({ outcome: "pass", detail: "connected", more: { timings: { connect: expect.any(Number) } } });
  });

  it("fails when it is refused", async () => {
    const server = await serve(() => undefined);
    await server.close();
    expect(said(await checkIn(world, "TCP", { port: server.port }))).toBe(
      world === worker ? "fail: connection refused or unreachable" : "fail: connection refused",
    );
  });

  it("sends its text as UTF-8, just as it is, and passes when it was taken", async () => {
    const { said, server } = await ask((socket) => socket.end(), { send: "grün\r\n\u0000\\n" });
    expect(said).toBe("pass: connected, and sent");
    const bytes = Buffer.from("grün\r\n\u0000\\n").toString("latin1");
    await until(() => server.received[0], { what: "the text", is: (received) => received === bytes });
  });

  it("passes as soon as the expected text was heard, whoever spoke first, in however many pieces", async () => {
    const spec = { send: "PING\r\n", receive_string: "PONG" };
    expect((await ask((socket) => socket.write("+PONG\r\n"), spec)).said).toBe("pass: the answer has the expected text");
    expect((await ask((socket) => socket.write("+PONG\r\n"), { receive_string: "PONG" }, atOnce)).said).toBe(
      "pass: the answer has the expected text",
    );
    const drip = (socket: { write(text: string): unknown }) => {
      for (const letter of "PPOPONG") setImmediate(() => socket.write(letter));
    };
    expect((await ask(drip, spec)).said).toBe("pass: the answer has the expected text");
  });

  const padding = (length: number) => "x".repeat(limits.checkBodyBytes - length);
  const tooLate = `fail: the first ${limits.checkBodyBytes} bytes of the answer do not contain the expected text`;
  it.each([
    ["another text", "pong", "fail: the answer of 4 bytes does not contain the expected text"],
    ["nothing", "", "fail: connection closed before an answer"],
    ["it at the end of 64 KiB", `${padding(4)}PONG`, "pass: the answer has the expected text"],
    ["it too late", `${padding(3)}PONG`, tooLate],
  ])("looks for the expected text in all that is said until the end, or in the first 64 KiB: %s", async (_what, answer, expected) => {
    expect((await ask((socket) => socket.end(answer), { receive_string: "PONG" }, atOnce)).said).toBe(expected);
  });

  it("fails at its deadline when nothing comes, or not the expected text", async () => {
    const spec = { receive_string: "PONG" };
    const [silent, short] = await Promise.all([
      ask(() => undefined, spec, atOnce, enoughMs),
      ask((socket) => socket.write("PON"), spec, atOnce, enoughMs),
    ]);
    expect(silent.said).toBe(`fail: no answer within ${enoughMs} ms`);
    expect(short.said).toBe(`fail: the expected text did not come within ${enoughMs} ms`);
  });

  it("fails when the unwanted text is heard, before or beside the expected one", async () => {
    const spec = { receive_string: "ready", receive_string_absent: "Too many" };
    const bad = "fail: the answer contains the text that it must not";
    expect((await ask((socket) => socket.end("Too many of us, but ready"), spec, atOnce)).said).toBe(bad);
    expect((await ask((socket) => socket.write("Too many"), { receive_string_absent: "Too many" }, atOnce)).said).toBe(bad);
    expect((await ask((socket) => socket.end("ready"), spec, atOnce)).said).toBe("pass: the answer has the expected text");
  });

  it("is sure of what must not be said only at the end, at 64 KiB or at the deadline, and only of a side that speaks", async () => {
    const spec = { receive_string_absent: "Too many" };
    const good = "pass: the answer does not have the unwanted text";
    expect((await ask((socket) => socket.end("welcome"), spec, atOnce)).said).toBe(good);
    expect((await ask((socket) => socket.write("x".repeat(2 * limits.checkBodyBytes)), spec, atOnce)).said).toBe(good);
    const [open, silent] = await Promise.all([
      ask((socket) => socket.write("welcome"), spec, atOnce, enoughMs),
      ask(() => undefined, spec, atOnce, enoughMs),
    ]);
    expect(open.said).toBe(good);
    expect(silent.said).toBe(`fail: no answer within ${enoughMs} ms`);
    expect((await ask((socket) => socket.end(), spec, atOnce)).said).toBe("fail: connection closed before an answer");
  });

  it("fails when the connection is reset before or in the midst of an answer", async () => {
    const spec = { send: "PING", receive_string: "PONG" };
    expect((await ask((socket) => socket.resetAndDestroy(), spec)).said).toBe("fail: connection reset before an answer");
    const halfway = (socket: Socket) => socket.write("PO", () => setTimeout(() => socket.resetAndDestroy(), 20));
    // A reset may overtake what was said before it.
    expect((await ask(halfway, spec)).said).toMatch(/^fail: connection reset before (the end of the|an) answer$/);
  });

  it("hears an answer of a side that has ended its half already", async () => {
    const { said, server } = await ask((socket) => socket.end("PONG"), { send: "PING", receive_string: "PONG" }, { allowHalfOpen: true });
    expect(said).toBe("pass: the answer has the expected text");
    expect(server.received).toEqual(["PING"]);
  });
});

describe("a TCP check of a connection that does not open", () => {
  it("fails at its deadline, without waiting for it to close", async () => {
    const options = { target: target("192.0.2.1", 81), timeout_ms: 30, routes: { "192.0.2.1:81": "hangs" } } as const;
    const outcome = await checkIn(worker, "TCP", { port: 80 }, options);
    expect(outcome).toEqual({ outcome: "fail", latencyMs: null, detail: "no connection within 30 ms" });
  });

  it("would be called down behind six that hang, which is why a Prober has five slots", async () => {
    const server = await serve(() => undefined);
    const { io, end } = worker.invoke({ routes: { "192.0.2.1:81": "hangs" } });
    for (let count = 0; count < 6; count += 1) io.connect({ hostname: "192.0.2.1", port: 81 });
    const seventh = await runCheck({ type: "TCP", spec: { port: server.port }, target: target(), timeout_ms: 30 }, io);
    expect(said(seventh)).toBe("fail: no connection within 30 ms");
    expect(server.received).toEqual([]);
    end();
  });
});

describe("the fields of TCP", () => {
  it.each([
    ["send", "", "must not be empty"],
    ["send", "ü".repeat(limits.sendBytes / 2 + 1), `must be at most ${limits.sendBytes} bytes`],
    ["receive_string", "", "must not be empty"],
    ["receive_string", "ü".repeat(513), "must be at most 1024 bytes"],
    ["receive_string_absent", 5, "must be a string"],
  ])("are bounded: %s", (field, value, expected) => {
    const issue = tcp.spec.safeParse({ port: 1, [field]: value }).error?.issues[0];
    expect([issue?.path, issue?.message]).toEqual([[field], expected]);
  });
});
