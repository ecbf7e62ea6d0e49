/** What must hold whatever breaks between the parts: queue, D1, checkers, Answers, evictions. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Origin, startOrigin } from "./origins.ts";
import { type System, startSystem } from "./system.ts";
import { until } from "./until.ts";
import { answers, deploy, memberAt, watch, write } from "./world.ts";

let system: System;
const origins: Origin[] = [];
const origin = async () => {
  const started = await startOrigin();
  origins.push(started);
  return started;
};
const faults = async (set: {
  d1?: boolean;
  checker?: boolean;
  answers?: boolean;
  twice?: boolean;
  lateSeconds?: number;
  sickRegion?: string;
}): Promise<Record<string, number>> =>
  (await fetch(`${system.url}/test-faults`, { method: "POST", body: JSON.stringify(set) })).json() as Promise<Record<string, number>>;

beforeAll(async () => {
  system = await startSystem({ main: "test/system/faults/worker.ts" });
});
afterAll(() => system.close());
afterEach(async () => {
  await faults({});
  for (const started of origins.splice(0)) await started.close();
});

const twoMembers = async () => {
  const [one, two] = [await origin(), await origin()];
  const deployed = await deploy(system, [[memberAt(one, "192.0.2.1"), memberAt(two, "192.0.2.2")]]);
  await answers(system, deployed.fqdn, ["192.0.2.1", "192.0.2.2"]);
  return { one, two, ...deployed };
};

describe("the queue", () => {
  it("may deliver every message twice, the second time late: the same decisions, once each", async () => {
    await faults({ twice: true, lateSeconds: 3 });
    const { one, fqdn, gslb } = await twoMembers();
    await one.kill();
    await answers(system, fqdn, ["192.0.2.2"]);
    await one.revive();
    await answers(system, fqdn, ["192.0.2.1", "192.0.2.2"]);
    expect((await faults({})).twice).toBeGreaterThan(10);
    const falls = await until(
      () =>
        system
          .api("GET", `/v0.1/gslbs/${gslb}/history?kind=member_status`)
          .then((got) => got.body.history.filter((event: { to: string }) => event.to === "DOWN")),
      { what: "the fall to be in the history", is: (events) => events.length > 0 },
    );
    expect(falls).toHaveLength(1);
  });
});

describe("a checker that fails", () => {
  it("is no evidence: nothing moves while no check can be carried out, and the next real fail counts", async () => {
    const { one, fqdn } = await twoMembers();
    const before = (await faults({ checker: true })).checker ?? 0;
    const seen = await watch(system, fqdn, async () => {
      await until(() => faults({ checker: true }), {
        what: "thirty failed checker calls",
        is: (struck) => (struck.checker ?? 0) >= before + 30,
        timeoutMs: 30_000,
      });
    });
    expect(seen).toEqual(["192.0.2.1,192.0.2.2"]);
    await one.kill();
    await faults({});
    await answers(system, fqdn, ["192.0.2.2"]);
  });
});

describe("a region whose own network fails", () => {
  it("takes nothing out of three unrelated pools, and is shown without a vote until it agrees with the others again", async () => {
    const names: string[] = [];
    for (const n of [1, 2, 3]) {
      const deployed = await deploy(system, [[memberAt(await origin(), `198.51.100.${n}`)]]);
      await answers(system, deployed.fqdn, [`198.51.100.${n}`]);
      names.push(deployed.fqdn);
    }
    const without = () => system.api("GET", "/v0.1/status").then((got) => got.body.regions_without_vote);
    const seen = await watch(system, names[0] ?? "", async () => {
      await faults({ sickRegion: "weur" });
      await until(without, { what: "weur to be without a vote", is: (regions) => regions.includes("weur"), timeoutMs: 30_000 });
    });
    expect(seen).toEqual(["198.51.100.1"]);
    for (const [index, fqdn] of names.entries()) expect(await system.dns(fqdn)).toEqual([`198.51.100.${index + 1}`]);
    await faults({});
    await until(without, { what: "weur to vote again", is: (regions) => !regions.includes("weur"), timeoutMs: 30_000 });
  });
});

describe("D1 away", () => {
  it("delays the history, never a failover; what happened meanwhile is written down afterwards", async () => {
    const { one, fqdn, gslb } = await twoMembers();
    await until(() => system.api("GET", `/v0.1/gslbs/${gslb}`).then((got) => got.body.status), {
      what: "ACTIVE",
      is: (status) => status === "ACTIVE",
    });
    await faults({ d1: true });
    expect((await system.api("GET", `/v0.1/gslbs/${gslb}`)).status).toBe(503);
    const refused = await system.api("POST", "/v0.1/pools", { name: "meanwhile" });
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toMatch(/^[0-9]+$/);
    expect((await system.api("GET", "/readyz")).status).toBe(503);
    await one.kill();
    await answers(system, fqdn, ["192.0.2.2"]);
    expect((await faults({})).d1).toBeGreaterThan(0);
    const history = await until(() => system.api("GET", `/v0.1/gslbs/${gslb}/history`).then((got) => got.body.history ?? []), {
      what: "the fall to be written down",
      is: (events) => events.some((event: { kind: string; to: string }) => event.kind === "member_status" && event.to === "DOWN"),
      timeoutMs: 30_000,
    });
    expect(history.map((event: { kind: string }) => event.kind)).toContain("published");
    expect((await system.api("GET", "/v0.1/pools?name=meanwhile")).body.pools).toEqual([]);
  });
});

describe("a backend that is away", () => {
  it("is an ERROR with the reason; the newest plan alone is published when it is back", async () => {
    const { one, fqdn, gslb } = await twoMembers();
    await faults({ answers: true });
    await one.kill();
    const status = await until(() => system.api("GET", `/v0.1/gslbs/${gslb}/status`).then((got) => got.body), {
      what: "the GSLB to be in ERROR",
      is: (body) => body.status === "ERROR",
    });
    expect(status.published[0]).toMatchObject({ in_sync: false });
    expect(status.published[0].last_error).toContain("away (test)");
    expect(await system.dns(fqdn)).toEqual(["192.0.2.1", "192.0.2.2"]);
    await faults({});
    await answers(system, fqdn, ["192.0.2.2"], 30_000);
  });
});

describe("evictions", () => {
  it("between any two steps lose neither state nor effect", { timeout: 180_000 }, async () => {
    const { one, fqdn, monitor } = await twoMembers();
    let evicting = true;
    let evictions = 0;
    const classes = ["Engine", "Prober", "Conductor", "Answers"] as const;
    const evictor = (async () => {
      while (evicting) {
        await system.evict(classes[evictions % classes.length] as (typeof classes)[number]);
        evictions += 1;
        await new Promise((resolve) => setTimeout(resolve, 400));
      }
    })();
    try {
      await one.kill();
      await answers(system, fqdn, ["192.0.2.2"], 80_000);
      await write(system, "PATCH", `/v0.1/monitors/${monitor}`, { name: "renamed meanwhile" });
      await one.revive();
      await answers(system, fqdn, ["192.0.2.1", "192.0.2.2"], 80_000);
      // On a slow machine an eviction takes its time: all must have been gone in the midst of it, twice.
      await until(async () => evictions, {
        what: "each to be evicted twice",
        is: (count) => count >= 2 * classes.length,
        timeoutMs: 60_000,
      });
      await answers(system, fqdn, ["192.0.2.1", "192.0.2.2"]);
    } finally {
      evicting = false;
      await evictor;
    }
  });

  it("of everything at once keeps the answer, the verdict and the numbers", async () => {
    const { one, fqdn, gslb } = await twoMembers();
    await one.kill();
    await answers(system, fqdn, ["192.0.2.2"]);
    const plan = async () => (await system.api("GET", `/v0.1/gslbs/${gslb}/status`)).body.published[0].plan;
    const before = await plan();
    for (const name of ["Engine", "Prober", "Conductor", "Answers"] as const) await system.evict(name);
    expect(await system.dns(fqdn)).toEqual(["192.0.2.2"]);
    expect(await plan()).toBe(before);
    const { body } = await system.api("GET", `/v0.1/gslbs/${gslb}/status`);
    expect(body.pools[0].members.map((member: { status: string }) => member.status)).toEqual(["DOWN", "ACTIVE"]);
  });
});
