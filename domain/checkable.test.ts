import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { burdened, type Check, type CheckedMember, type CheckedMonitor, capabilityProblem, checksOf, loadProblem } from "./checkable.ts";
import { ok } from "./result.ts";
import type { Vantage } from "./runnable.ts";
import { overloads } from "./target-load.ts";
import { workerCapabilities } from "./vantage-point.ts";

const vantage: Vantage = {
  points: ["weur", "enam"].map((region) => ({ region, kind: "hinted", capabilities: workerCapabilities(undefined) })),
  defaults: ["weur", "enam"],
};
const member: CheckedMember = {
  id: "m",
  name: "web-1",
  endpoints: ["192.0.2.1", "192.0.2.2"],
  host_header: null,
  monitor_address: null,
  monitor_port: null,
};
const monitor = { id: "o", type: "TCP", delay: 2, check_regions: [], target: null, admin_state_up: true } as unknown as CheckedMonitor;
const at = (index: number) => `/endpoints/${index}`;
const tcp = ok(() => ["tcp"] as const);

describe("the checks of a member", () => {
  it("are one for each endpoint, and ask the host that is really asked as often as regions run them", () => {
    expect(checksOf(member, monitor, tcp, vantage, at).map(({ host, perSecond }) => [host, perSecond])).toEqual([
      ["192.0.2.1", 1],
      ["192.0.2.2", 1],
    ]);
    const aimed = { ...monitor, target: "gate.example.com." };
    expect(checksOf(member, aimed, tcp, vantage, at).map(({ host }) => host)).toEqual(["gate.example.com.", "gate.example.com."]);
  });

  it.each([
    ["a monitor that is off", { admin_state_up: false }, ["tcp"]],
    ["a monitor that Kosmos judges itself", {}, ["kosmos"]],
    ["a monitor that nobody can run", {}, ["ping"]],
  ] as const)("%s asks nobody", (_, change, needs) => {
    const checks = checksOf(
      member,
      { ...monitor, ...change },
      ok(() => needs),
      vantage,
      at,
    );
    expect(checks.map(({ perSecond }) => perSecond)).toEqual([0, 0]);
  });
});

describe("a change is refused for a check that runs from nowhere", () => {
  const dark = checksOf(
    member,
    { ...monitor, type: "PING" },
    ok((target) => (target.host === "192.0.2.2" ? ["ping"] : ["tcp"])),
    vantage,
    at,
  );
  const problem = capabilityProblem([], dark);

  it("with the member, the endpoint and what is needed", () => {
    expect(problem).toEqual({
      type: "capability",
      detail: "PING of web-1 at 192.0.2.2 needs an agent; no region has one",
      errors: [{ pointer: "/endpoints/1", detail: "PING of web-1 at 192.0.2.2 needs an agent; no region has one" }],
    });
  });

  it("but not for one that ran from nowhere before", () => {
    expect(capabilityProblem(dark, dark)).toBeNull();
    expect(capabilityProblem([], checksOf(member, monitor, tcp, vantage, at))).toBeNull();
  });
});

describe("a change is refused for what it asks of a target", () => {
  const asks = (host: string, perSecond: number): Check => ({
    key: host,
    pointer: "/monitor_id",
    host,
    perSecond,
    runnable: { ok: true, reason: null, regions: ["weur"] },
  });

  it("with the numbers, and together with what goes on elsewhere", () => {
    const problem = loadProblem([asks("a.", 4)], [asks("a.", 6)], [asks("a.", 4.5), asks("b.", 90)], 10);
    expect(problem).toEqual({
      type: "unprocessable",
      detail: "a. would be asked 10.5 checks per second (now 8.5), and at most 10 are allowed for one target",
      errors: [
        {
          pointer: "/monitor_id",
          detail: "a. would be asked 10.5 checks per second (now 8.5), and at most 10 are allowed for one target",
        },
      ],
    });
    expect(loadProblem([asks("a.", 4)], [asks("a.", 6)], [asks("a.", 4)], 10)).toBeNull();
  });

  it("but not where it asks no more than before", () => {
    expect(loadProblem([asks("a.", 40)], [asks("a.", 30)], [], 10)).toBeNull();
    expect(burdened([asks("a.", 40)], [asks("a.", 30), asks("b.", 1)])).toEqual(["b."]);
  });

  it("but not where it is this machine itself", () => {
    for (const host of ["127.0.0.1", "::1"])
      expect([burdened([], [asks(host, 90)]), loadProblem([], [asks(host, 90)], [], 10)]).toEqual([[], null]);
    expect(burdened([], [asks("10.0.0.1", 90)])).toEqual(["10.0.0.1"]);
  });

  it("however the thirds are added up", () => {
    const thirds = Array.from({ length: 30 }, () => asks("a.", 1 / 3));
    expect(loadProblem([], thirds, [], 10)).toBeNull();
  });
});

describe("properties of loads", () => {
  const loads = fc.uniqueArray(fc.tuple(fc.constantFrom("a", "b", "c"), fc.double({ min: 0, max: 50, noNaN: true })), {
    selector: ([host]) => host,
  });

  it("whatever is refused is over the bound and grew", () => {
    fc.assert(
      fc.property(loads, loads, fc.integer({ min: 1, max: 40 }), (before, after, bound) => {
        const refused = overloads(new Map(before), new Map(after), bound);
        for (const over of refused) expect(over.after > bound && over.after > over.before).toBe(true);
        const same = overloads(new Map(after), new Map(after), bound);
        expect(same).toEqual([]);
      }),
    );
  });
});
