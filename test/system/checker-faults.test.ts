/** A checker of one region that is killed, slowed by ten seconds, or cut off for a minute, moves nothing; and what really dies leaves meanwhile. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Origin, startOrigin } from "./origins.ts";
import { type System, startSystem } from "./system.ts";
import { until } from "./until.ts";
import { answers, deploy, memberAt, watch } from "./world.ts";

let system: System;
const origins: Origin[] = [];
const broken = "eeur";
type Fault = "killedRegion" | "slowRegion" | "sickRegion";

const faults = async (set: Partial<Record<Fault, string>>): Promise<Record<string, number>> =>
  (await fetch(`${system.url}/test-faults`, { method: "POST", body: JSON.stringify(set) })).json() as Promise<Record<string, number>>;

beforeAll(async () => {
  system = await startSystem({ main: "test/system/faults/worker.ts" });
});
afterAll(() => system.close());
afterEach(async () => {
  await faults({});
  for (const started of origins.splice(0)) await started.close();
});

let addresses = 1;
/** Each at an address of its own: what one target may be asked is bounded. */
const twoMembers = async () => {
  addresses += 2;
  const [one, two] = [await startOrigin({ address: `127.0.0.${addresses}` }), await startOrigin({ address: `127.0.0.${addresses + 1}` })];
  origins.push(one, two);
  const deployed = await deploy(system, [[memberAt(one, "192.0.2.1"), memberAt(two, "192.0.2.2")]]);
  await answers(system, deployed.fqdn, ["192.0.2.1", "192.0.2.2"]);
  return { one, two, ...deployed };
};

type Vantage = {
  readonly region: string;
  readonly has_vote: boolean;
  readonly reason: string | null;
  readonly error_percent: number | null;
};
const regions = async (): Promise<readonly Vantage[]> => (await system.api("GET", "/v0.1/regions")).body.regions;
const moves = async (gslb: string): Promise<readonly { readonly to: string }[]> =>
  (await system.api("GET", `/v0.1/gslbs/${gslb}/history?kind=member_status`)).body.history;

describe("the checker of one region", () => {
  it.each([
    { what: "killed each time", fault: "killedRegion", strikes: 15 },
    { what: "slowed by ten seconds", fault: "slowRegion", strikes: 8 },
  ] as const)("$what: its checks come to nothing, and nothing moves", { timeout: 150_000 }, async ({ fault, strikes }) => {
    const { one, fqdn, gslb, pools } = await twoMembers();
    await until(() => moves(gslb), { what: "both to be ACTIVE in the history", is: (events) => events.length >= 2 });
    const before = (await moves(gslb)).length;
    const struckBefore = (await faults({ [fault]: broken }))[fault] ?? 0;
    const seen = await watch(system, fqdn, async () => {
      await until(() => faults({ [fault]: broken }), {
        what: `${strikes} calls that the fault struck`,
        is: (struck) => (struck[fault] ?? 0) >= struckBefore + strikes,
        timeoutMs: 90_000,
      });
      await until(regions, {
        what: `${broken} to be shown with the trouble that it has`,
        is: (list) => list.some(({ region, error_percent }) => region === broken && (error_percent ?? 0) > 0),
        timeoutMs: 30_000,
      });
    });
    expect(seen).toEqual(["192.0.2.1,192.0.2.2"]);
    expect((await moves(gslb)).length).toBe(before);
    const list = await regions();
    expect(list.filter(({ region, error_percent }) => region !== broken && (error_percent ?? 0) > 0)).toEqual([]);
    const { body } = await system.api("GET", `/v0.1/pools/${pools[0]}/status`);
    expect(body.members.map(({ status }: { status: string }) => status)).toEqual(["ACTIVE", "ACTIVE"]);
    // The others decide without it.
    await one.kill();
    await answers(system, fqdn, ["192.0.2.2"]);
  });

  it("cut off from everything for a minute: it votes alone, and nothing moves, neither while it lasts nor when it ends", {
    timeout: 180_000,
  }, async () => {
    const { one, fqdn, gslb } = await twoMembers();
    await until(() => moves(gslb), { what: "both to be ACTIVE in the history", is: (events) => events.length >= 2 });
    const before = (await moves(gslb)).length;
    const tick = async () => Date.parse((await memberRegion(gslb)).at ?? "");
    const seen = await watch(system, fqdn, async () => {
      await faults({ sickRegion: broken });
      const from = await until(tick, { what: "a first tick", is: (at) => at > 0 });
      await until(tick, { what: "the ticks of a minute", is: (at) => at >= from + 60_000, timeoutMs: 100_000, intervalMs: 500 });
      expect(await memberRegion(gslb)).toMatchObject({ verdict: "down" });
      await faults({});
      await until(() => memberRegion(gslb), { what: "it to see them again", is: ({ verdict }) => verdict === "up", timeoutMs: 30_000 });
    });
    expect(seen).toEqual(["192.0.2.1,192.0.2.2"]);
    expect((await moves(gslb)).length).toBe(before);
    await one.kill();
    await answers(system, fqdn, ["192.0.2.2"]);
  });
});

describe("a region that is cut off from the anchors as well", () => {
  it("has no vote, though only one member of one pool could have told, and has it again when it is back", {
    timeout: 180_000,
  }, async () => {
    const anchor = await startOrigin({ protocol: "tcp" });
    const own = await startSystem({
      main: "test/system/faults/worker.ts",
      vars: { KOSMOS_REGIONS: "weur,eeur,enam", KOSMOS_ANCHORS: `tcp://${anchor.address}:${anchor.port}` },
    });
    const cut = (region: string) => fetch(`${own.url}/test-faults`, { method: "POST", body: JSON.stringify({ sickRegion: region }) });
    try {
      const origin = await startOrigin({ address: "127.0.0.40" });
      origins.push(anchor, origin);
      const { fqdn } = await deploy(own, [[memberAt(origin, "192.0.2.1")]]);
      await answers(own, fqdn, ["192.0.2.1"]);
      const reason = async () =>
        ((await own.api("GET", "/v0.1/regions")).body.regions as Vantage[]).find(({ region }) => region === broken)?.reason ?? null;
      await until(() => anchor.received.length, {
        what: "each region to have asked the anchor",
        is: (asked) => asked >= 3,
        timeoutMs: 30_000,
      });
      const seen = await watch(own, fqdn, async () => {
        await cut(broken);
        await until(reason, {
          what: "the region to have no vote",
          is: (text) => text === `anchors: it cannot reach tcp://${anchor.address}:${anchor.port}`,
          timeoutMs: 60_000,
        });
        await cut("");
        await until(reason, { what: "the region to vote again", is: (text) => text === null, timeoutMs: 60_000 });
      });
      expect(seen).toEqual(["192.0.2.1"]);
      const events = await until(
        () => own.api("GET", "/v0.1/history").then((got) => got.body.history as { kind: string; rule: string }[]),
        {
          what: "both in the history",
          is: (list) => list.filter(({ rule }) => rule === "anchors").length >= 2,
        },
      );
      expect(events.filter(({ rule }) => rule === "anchors").map(({ kind }) => kind)).toEqual(["region_regained_vote", "region_lost_vote"]);
    } finally {
      await own.close();
    }
  });
});

/** What the broken region says of the first member. */
async function memberRegion(gslb: string): Promise<{ readonly at: string | null; readonly verdict: string }> {
  const { body } = await system.api("GET", `/v0.1/gslbs/${gslb}/status`);
  const own = body.pools[0].members[0].regions as { region: string; at: string | null; verdict: string }[];
  return own.find(({ region }) => region === broken) ?? { at: null, verdict: "unknown" };
}
