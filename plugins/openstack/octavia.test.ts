import { describe, expect, it } from "vitest";
import { loadBalancerHealth } from "./octavia.ts";

type Part = Record<string, unknown>;
const part = (operating_status: string, more: Part = {}): Part => ({ id: "id", provisioning_status: "ACTIVE", operating_status, ...more });
const member = (n: number, status: string, more: Part = {}) =>
  part(status, { id: `m${n}`, name: `web-${n}`, address: `192.0.2.${n}`, protocol_port: 80, ...more });
const listener = (members: readonly Part[], more: Part = {}, pool = "ONLINE") =>
  part("ONLINE", { name: "http", pools: [part(pool, { id: "p", members })], ...more });
const tree = (operating_status: string, listeners: readonly Part[] = [], provisioning_status = "ACTIVE") => ({
  statuses: { loadbalancer: part(operating_status, { provisioning_status, listeners }) },
});
const healthy = listener([member(1, "ONLINE"), member(2, "ONLINE")]);

describe("what Octavia's status tree comes to", () => {
  it.each([
    ["all is well", tree("ONLINE", [healthy]), "pass", null],
    ["it has no listener yet", tree("ONLINE"), "pass", null],
    ["nobody looks", tree("NO_MONITOR", [listener([member(1, "NO_MONITOR")])]), "pass", null],
    ["it says DEGRADED, and not why", tree("DEGRADED", [healthy]), "pass", "operating_status is DEGRADED"],
    [
      "one of two is lost",
      tree("ONLINE", [listener([member(1, "ERROR"), member(2, "ONLINE")])]),
      "pass",
      "1 of 2 members report ERROR: web-1",
    ],
    ["it says ERROR", tree("ERROR", [healthy]), "fail", null],
    ["it is switched off", tree("OFFLINE", [healthy]), "fail", null],
    ["it could not be built", tree("ONLINE", [healthy], "ERROR"), "fail", null],
    ["all are lost, and it does not know", tree("ONLINE", [listener([member(1, "ERROR"), member(2, "ERROR")])]), "fail", null],
    ["one listener of two is lost", tree("ONLINE", [healthy, listener([member(3, "ERROR")])]), "fail", null],
    [
      "who is left is drained or off",
      tree("ONLINE", [listener([member(1, "ERROR"), member(2, "DRAINING"), member(3, "OFFLINE")])]),
      "fail",
      null,
    ],
    [
      "a listener is switched off",
      tree("ONLINE", [healthy, listener([member(3, "ERROR")], { operating_status: "OFFLINE" })]),
      "pass",
      null,
    ],
    ["a pool that lists nobody is in ERROR", tree("ONLINE", [listener([], {}, "ERROR")]), "fail", null],
    [
      "a listener has a second pool",
      tree("ONLINE", [
        { ...listener([]), pools: [part("ERROR", { members: [member(1, "ERROR")] }), part("ONLINE", { members: [member(2, "ONLINE")] })] },
      ]),
      "pass",
      "1 of 2",
    ],
    ["it is being changed", tree("ERROR", [healthy], "PENDING_UPDATE"), "no_data", null],
    ["it is being made", tree("OFFLINE", [], "PENDING_CREATE"), "no_data", null],
    ["a status that is not known", tree("SLEEPING"), "no_data", null],
    ["no tree", { faultstring: "not found" }, "no_data", null],
    ["no JSON", null, "no_data", null],
  ])("where %s", (_, body, outcome, warning) => {
    const word = loadBalancerHealth(body);
    expect(word.outcome).toBe(outcome);
    if (warning === null) expect(word.warning).toBeNull();
    else expect(word.warning).toContain(warning);
  });

  it("names the members that are lost, the first three of many", () => {
    const lost = [1, 2, 3, 4, 5].map((n) => member(n, "ERROR"));
    const { detail } = loadBalancerHealth(tree("ONLINE", [listener(lost)]));
    expect(detail).toBe(
      "Octavia: listener http: all its members report ERROR: web-1 (192.0.2.1:80), web-2 (192.0.2.2:80), web-3 (192.0.2.3:80), and 2 more",
    );
  });
});
