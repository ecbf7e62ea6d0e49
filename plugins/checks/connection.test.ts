import { describe, expect, it } from "vitest";
import { type CheckIo, type CheckSocket, ConnectFailure, pass, type TlsOptions, VantageRefusal } from "../../domain/check.ts";
import { withConnection } from "./connection.ts";

const target = { host: "origin.example.com.", port: null, hostHeader: null, endpoint: "origin.example.com." };
const never = new Promise<never>(() => undefined);

/** A connection whose opening ends like this; what was asked for, and whether it was let go. */
async function open(opened: Promise<unknown>, tls?: TlsOptions) {
  const asked: unknown[][] = [];
  let closed = 0;
  const io = {
    now: () => 0,
    signal: new AbortController().signal,
    connect: (...args: unknown[]) => {
      asked.push(args);
      const close = async () => {
        closed += 1;
      };
      return { readable: new ReadableStream(), writable: new WritableStream(), opened, closed: never, close } as CheckSocket;
    },
  } as unknown as CheckIo;
  const outcome = await withConnection(target, 80, io, async () => pass(0, "open"), tls).catch((error: unknown) => error);
  return { outcome, asked, closed };
}

describe("a connection for one check", () => {
  it("is made to the name without its dot, in plain text or over TLS as it is asked for", async () => {
    expect((await open(Promise.resolve())).asked).toEqual([[{ hostname: "origin.example.com", port: 80 }]]);
    const tls = { serverName: "a.example", insecure: false, caCert: null, alpn: [] };
    expect((await open(Promise.resolve(), tls)).asked).toEqual([[{ hostname: "origin.example.com", port: 80 }, tls]]);
  });

  it("is a fail in the vantage point's words where it can tell why it did not open", async () => {
    expect((await open(Promise.reject(new ConnectFailure("certificate has expired")))).outcome).toMatchObject({
      outcome: "fail",
      detail: "certificate has expired",
    });
    expect((await open(Promise.reject(new Error("proxy request failed")))).outcome).toMatchObject({
      outcome: "fail",
      detail: "connection refused or unreachable",
    });
  });

  it("is no fail of the endpoint's where the vantage point may not connect", async () => {
    const refusal = new VantageRefusal("this agent was not allowed to reach 10.0.0.0/8");
    expect((await open(Promise.reject(refusal))).outcome).toBe(refusal);
  });

  it("is let go, however it ends", async () => {
    for (const opened of [Promise.resolve(), Promise.reject(new Error("x")), Promise.reject(new VantageRefusal("x"))]) {
      expect((await open(opened)).closed).toBe(1);
    }
  });
});
