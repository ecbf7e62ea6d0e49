import { describe, expect, it } from "vitest";
import { ConnectFailure, VantageRefusal } from "../../domain/check.ts";
import { agentCapabilities } from "../../domain/vantage-point.ts";
import { requireInstalled } from "../../test/servers/installed.ts";
import { agent, checkIn, said, target, worker } from "../../test/worlds.ts";
import { type CheckerIo, runCheck } from "../../workers/checker/run-checks.ts";

const run = (ping: NonNullable<CheckerIo["ping"]>) =>
  runCheck(
    { type: "PING", spec: {}, target: target("www.example.com."), timeout_ms: 30 },
    { ...agent.invoke().io, capabilities: new Set(agentCapabilities), ping },
  );

describe("a PING check from an agent", () => {
  it("passes when this machine answers itself, with the time of the echo", async (context) => {
    requireInstalled(context, "ping");
    const outcome = await checkIn(agent, "PING", {});
    expect(outcome).toMatchObject({ outcome: "pass", detail: "answered", latencyMs: expect.any(Number) });
    expect(said(await checkIn(agent, "ICMP", {}))).toBe("pass: answered");
  });

  it("does not touch what it was not allowed to", async (context) => {
    requireInstalled(context, "ping");
    const outcome = await checkIn(agent, "PING", {}, { target: target("192.0.2.1") });
    expect(said(outcome)).toMatch(/^no_data: 192\.0\.2\.1 is not in a network that this agent may check/);
  });

  it("asks for the name without its dot, and takes the echo's own time", async () => {
    const asked: string[] = [];
    const outcome = await run(async (host) => {
      asked.push(host);
      return 1.5;
    });
    expect(outcome).toMatchObject({ outcome: "pass", latencyMs: 1.5 });
    expect(asked).toEqual(["www.example.com"]);
  });

  it("fails when nothing comes back in time, or when it is told that nothing will", async () => {
    const deaf = () => new Promise<never>(() => undefined);
    expect(said(await run(deaf))).toBe("fail: no answer within 30 ms");
    const heeding = (_host: string, signal: AbortSignal) =>
      new Promise<never>((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("killed"))));
    expect(said(await run(heeding))).toBe("fail: no answer within 30 ms");
    expect(said(await run(() => Promise.reject(new ConnectFailure("no route to host"))))).toBe("fail: no route to host");
  });

  it("says no_data of what is the vantage point's own trouble", async () => {
    expect(said(await run(() => Promise.reject(new VantageRefusal("ping may not open a socket"))))).toBe(
      "no_data: ping may not open a socket",
    );
    expect(said(await run(() => Promise.reject(new Error("spawn EAGAIN"))))).toBe(
      "no_data: the check could not be carried out: spawn EAGAIN",
    );
  });
});

describe("a PING check from a Worker", () => {
  it("is no_data", async () => {
    expect(said(await checkIn(worker, "PING", {}))).toBe("no_data: this vantage point cannot do what the check needs: ping");
  });
});
