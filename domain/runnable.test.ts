import { describe, expect, it } from "vitest";
import { runnable, type Vantage } from "./runnable.ts";
import { agentCapabilities, type VantagePoint, workerCapabilities } from "./vantage-point.ts";

const worker = (region: string): VantagePoint => ({ region, kind: "hinted", capabilities: workerCapabilities(undefined) });
const agent = (region: string, capabilities = agentCapabilities): VantagePoint => ({ region, kind: "agent", capabilities });
const workers: Vantage = { points: [worker("weur"), worker("enam"), worker("oc")], defaults: ["weur", "enam"] };
const withAgent: Vantage = { ...workers, points: [...workers.points, agent("dc1")] };

describe("a monitor can be run", () => {
  it("from the deployment's regions, where it names none", () => {
    expect(runnable("TCP", ["tcp"], [], workers)).toEqual({ ok: true, reason: null, regions: ["weur", "enam"] });
  });

  it("from those of its regions that have what it needs", () => {
    expect(runnable("HTTPS", ["tls"], ["weur", "dc1"], withAgent)).toEqual({ ok: true, reason: null, regions: ["dc1"] });
  });

  it("by Kosmos itself, wherever it is looked at from", () => {
    expect(runnable("HEARTBEAT", ["kosmos"], ["oc"], workers)).toEqual({ ok: true, reason: null, regions: ["kosmos"] });
  });
});

describe("why a monitor cannot be run", () => {
  it.each([
    ["PING", ["ping"], [], workers, "PING needs an agent; no region has one"],
    ["UDP", ["udp"], ["weur"], workers, "UDP needs an agent; no region has one"],
    ["HTTPS", ["tls"], [], workers, /^HTTPS needs an agent for TLS with .*; no region has one$/],
    ["SMTP", ["tcp", "port_25"], [], workers, "SMTP needs an agent for connections to port 25; no region has one"],
    ["PING", ["ping"], [], withAgent, "PING needs ICMP, which none of its regions has; dc1 would do"],
    ["TCP", ["tcp"], ["gone"], workers, "TCP needs TCP, which none of its regions has; weur, enam, oc would do"],
    ["PING", ["ping"], ["dc2"], { ...workers, points: [...workers.points, agent("dc2", ["tcp"])] }, "PING needs ICMP, which no region has"],
  ] as const)("%s that needs %j from %j", (type, needed, regions, vantage, reason) => {
    const answer = runnable(type, needed, regions, vantage);
    expect(answer).toMatchObject({ ok: false, regions: [] });
    expect(answer.reason).toMatch(reason);
  });
});
