/** What Kosmos judges itself, in the whole system: heartbeats that stop and come again, and a monitor that is calculated from two others. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answer, type Origin, startOrigin } from "./origins.ts";
import { type System, startSystem, until } from "./system.ts";
import { answers, create, deploy, memberAt, quickMonitor } from "./world.ts";

let system: System;
let origin: Origin;
beforeAll(async () => {
  system = await startSystem({ vars: { KOSMOS_REGIONS: "weur,enam" } });
  origin = await startOrigin();
});
afterAll(async () => {
  await system?.close();
  await origin?.close();
});

describe("a heartbeat that stops", () => {
  it("takes its member out, and one that comes again brings it back", async () => {
    const members = [{ endpoints: ["192.0.2.1"] }, { endpoints: ["192.0.2.2"] }];
    const deployed = await deploy(system, [members], { monitor: { type: "HEARTBEAT", period: 3, grace: 2, delay: 20, timeout: 5 } });
    const pool = await system.api("GET", `/v0.1/pools/${deployed.pools[0]}`);
    const [first, second] = pool.body.members.map(({ id }: { id: string }) => id);
    const { body } = await system.api("GET", `/v0.1/monitors/${deployed.monitor}`);
    // As endpoints do: each by itself, more often than it must.
    const alive = new Set<string>([first, second]);
    const end = new AbortController();
    const beating = (async () => {
      while (!end.signal.aborted) {
        for (const id of alive) await fetch(`${system.url}${body.heartbeat_path}?pool_member_id=${id}`, { method: "POST" });
        await sleep(500, undefined, { signal: end.signal }).catch(() => undefined);
      }
    })();
    try {
      await answers(system, deployed.fqdn, ["192.0.2.1", "192.0.2.2"]);
      alive.delete(first);
      await answers(system, deployed.fqdn, ["192.0.2.2"]);
      const status = await system.api("GET", `/v0.1/pools/${deployed.pools[0]}/pool_members/${first}/status`);
      expect(status.body).toMatchObject({ status: "DOWN", stale: false, regions: [{ region: "kosmos", verdict: "down", has_vote: true }] });
      expect(status.body.reason).toMatch(/kosmos: no heartbeat since [-0-9]+T[:0-9]+Z$/);
      alive.add(first);
      await answers(system, deployed.fqdn, ["192.0.2.1", "192.0.2.2"]);
    } finally {
      end.abort();
      await beating;
    }
  });
});

describe("a calculated monitor", () => {
  it("is judged from monitors that are run for it alone", async () => {
    const http = await create(system, "/v0.1/monitors", quickMonitor);
    const other = await create(system, "/v0.1/monitors", { ...quickMonitor, url_path: "/other" });
    const monitor = { type: "CALCULATED", monitor_ids: [http.id, other.id], at_least: 2, delay: 20, timeout: 5 };
    const { fqdn, pools } = await deploy(system, [[memberAt(origin, "192.0.2.11")], [{ endpoints: ["192.0.2.12"] }]], {
      monitor,
      pool: {},
    });
    await answers(system, fqdn, ["192.0.2.11"]);
    const member = await system.api("GET", `/v0.1/pools/${pools[0]}/status`);
    const shown = member.body.members[0].regions as { region: string; has_vote: boolean; no_vote_reason?: string }[];
    expect(shown.filter(({ has_vote }) => has_vote).map(({ region }) => region)).toEqual(["kosmos"]);
    expect(new Set(shown.flatMap(({ no_vote_reason }) => no_vote_reason ?? []))).toEqual(new Set(["not attached"]));
    origin.behave(answer(503));
    await until(() => system.api("GET", `/v0.1/pools/${pools[0]}/status`), {
      what: "the member to be DOWN",
      timeoutMs: 20_000,
      is: ({ body }) => body.members?.[0]?.status === "DOWN",
    });
  });
});
