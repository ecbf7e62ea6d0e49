/** A thousand members, three hundred of which hang: everyone is checked in every period from every region, and nobody healthy is called down. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { hang, type Origin, startOrigin } from "./origins.ts";
import { type System, startSystem } from "./system.ts";
import { until } from "./until.ts";
import { create } from "./world.ts";

const regions = ["weur", "enam", "apac"];
const delay = 20;
const healthyCount = 700;
const hangingCount = 300;

let system: System;
let healthy: Origin;
let hanging: Origin;

beforeAll(async () => {
  system = await startSystem({ vars: { KOSMOS_REGIONS: regions.join(",") } });
  healthy = await startOrigin();
  hanging = await startOrigin({ behaviour: hang });
});
afterAll(async () => {
  await system.close();
  await healthy.close();
  await hanging.close();
});

/** How often each Host was asked for between two moments. */
function asked(origin: Origin, from: number, to: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (const request of origin.received) {
    if (request.at >= from && request.at < to) counts.set(request.host, (counts.get(request.host) ?? 0) + 1);
  }
  return counts;
}

it("1,000 members with delay 20 and timeout 2 from three regions, while 300 of them hang", { timeout: 240_000 }, async () => {
  const monitor = await create(system, "/v0.1/monitors", { type: "HTTP", delay, timeout: 2, max_retries: 2 });
  const pool = await create(system, "/v0.1/pools", { name: "large", monitor_ids: [monitor.id] });
  // Spread among each other, so that every shard has its share of those that hang.
  const members = Array.from({ length: healthyCount + hangingCount }, (_, index) => {
    const origin = index % 10 < 3 ? hanging : healthy;
    return {
      name: `m${index}`,
      endpoints: [`2001:db8::${(index + 1).toString(16)}`],
      host_header: `m${index}.example.com`,
      monitor_address: origin.address,
      monitor_port: origin.port,
    };
  });
  const put = await system.api("PUT", `/v0.1/pools/${pool.id}/pool_members`, { pool_members: members });
  expect(put.status).toBe(200);

  const status = () => system.api("GET", `/v0.1/pools/${pool.id}/status`).then((got) => got.body);
  const count = (body: { members: { status: string }[] }, wanted: string) =>
    body.members.filter((member) => member.status === wanted).length;
  await until(status, {
    what: "all healthy members to be ACTIVE, the others DOWN",
    is: (body) => count(body, "ACTIVE") === healthyCount && count(body, "DOWN") === hangingCount,
    timeoutMs: 120_000,
    intervalMs: 1_000,
  });

  // From now on, three whole periods. A check that waits for a slot behind those that hang starts at most this late.
  const lateMs = 4_000;
  const start = Date.now();
  const end = start + 3 * delay * 1_000;
  await until(() => Date.now() - end, { what: "three periods", is: (over) => over > lateMs, timeoutMs: 90_000, intervalMs: 500 });
  const due = 3 * regions.length;
  const atLeast = asked(healthy, start, end + lateMs);
  const atMost = asked(healthy, start + lateMs, end);
  const hosts = members.filter((_, index) => index % 10 >= 3).map((member) => member.host_header);
  const missed = hosts.filter((host) => (atLeast.get(host) ?? 0) < due);
  const doubled = hosts.filter((host) => (atMost.get(host) ?? 0) > due + 1);
  expect({ missed, doubled }).toEqual({ missed: [], doubled: [] });
  const after = await status();
  expect([count(after, "ACTIVE"), count(after, "DOWN")]).toEqual([healthyCount, hangingCount]);
  const falls: { member_id: string }[] = (await system.api("GET", `/v0.1/history?kind=member_status&limit=1000`)).body.history.filter(
    (event: { to: string }) => event.to === "DOWN",
  );
  const hangingNames = new Set(members.filter((_, index) => index % 10 < 3).map((member) => member.name));
  const names = new Map<string, string>(after.members.map((member: { id: string; name: string }) => [member.id, member.name]));
  expect(falls.filter((event) => !hangingNames.has(names.get(event.member_id) ?? ""))).toEqual([]);
});
