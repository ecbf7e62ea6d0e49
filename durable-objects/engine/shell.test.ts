/** The Engine's shell over ports of its own: that it comes back to its work by its alarm, whatever else is away. */
import { describe, expect, it } from "vitest";
import type { Change } from "../../domain/backend.ts";
import { limits } from "../../domain/limits.ts";
import { configuration, gslb, member, monitor, pool, uuid } from "./project.fixture.ts";
import { Desk, settled } from "./shell.fixture.ts";
import type { EngineShell } from "./shell.ts";

describe("the alarm", () => {
  it("sets the next one, also in a project where nothing waits for anything", async () => {
    const desk = new Desk();
    const shell = await desk.start();
    for (let round = 0; round < 3; round += 1) {
      desk.alarms = [];
      desk.now += limits.checkpointMs;
      await shell.alarm();
      await settled();
      expect(desk.alarms.at(-1)).toBeGreaterThan(desk.now);
      expect(desk.alarms.at(-1)).toBeLessThanOrEqual(desk.now + limits.checkpointMs);
    }
  });

  it("asks a Conductor again that was away, and takes what it says then", async () => {
    const desk = new Desk();
    desk.away = true;
    desk.configuration = configuration({
      full: true,
      seq: 7,
      pools: [pool(10, { monitor_ids: [uuid(1)] })],
      members: [member(100, uuid(10), ["192.0.2.1"])],
      monitors: [monitor(1)],
    });
    const shell = await desk.start();
    expect(await shell.memberStatus(uuid(100))).toBeNull();
    desk.away = false;
    desk.now = desk.alarms.at(-1) ?? 0;
    await shell.alarm();
    await settled();
    expect(await shell.memberStatus(uuid(100))).toMatchObject({ status: "PENDING" });
  });
});

describe("a start", () => {
  it("has the configuration and what was judged from its own storage, while the Conductor is away", async () => {
    const desk = new Desk();
    const one = member(100, uuid(10), ["192.0.2.1"]);
    desk.configuration = configuration({ full: true, seq: 7, pools: [pool(10)], members: [one] });
    const before = await desk.start();
    await settled();
    expect(await before.memberStatus(one.id)).toMatchObject({ status: "ACTIVE" });
    desk.away = true;
    const after = await desk.start();
    expect(await after.memberStatus(one.id)).toMatchObject({ status: "ACTIVE" });
    expect(await after.poolStatus(uuid(10))).toMatchObject({ status: "ACTIVE" });
  });
});

describe("the history", () => {
  it("that the Conductor did not take is told when it is back, once", async () => {
    const desk = new Desk();
    desk.configuration = configuration({ full: true, seq: 7, pools: [pool(10)], members: [member(100, uuid(10), ["192.0.2.1"])] });
    desk.takes = false;
    const shell = await desk.start();
    for (const takes of [false, false, true, true]) {
      desk.takes = takes;
      desk.now += limits.retryMaxMs;
      await shell.alarm();
      await settled();
      if (!takes) expect(desk.recorded).toEqual([]);
    }
    expect(desk.recorded).toEqual(["member_status ACTIVE", "pool_status ACTIVE"]);
  });
});

describe("while it is awake", () => {
  const published = configuration({ full: true, seq: 7, gslbs: [gslb(1_000, [uuid(10)])], pools: [pool(10)] });
  const server = member(100, uuid(10), ["192.0.2.1"]);
  const { fqdn } = gslb(1_000, []);

  for (const [what, monitors, monitor_ids] of [
    ["there is no monitor", [], []],
    ["no member has a monitor", [monitor(1)], []],
    ["its monitors are switched off", [monitor(1, { admin_state_up: false })], [uuid(1)]],
  ] as const) {
    it(`writes over what others change, also where ${what}`, async () => {
      const desk = new Desk();
      const live = new Map<string, Change>();
      desk.live = live;
      desk.configuration = { ...published, members: [{ ...server, monitor_ids: [...monitor_ids] }], monitors: [...monitors] };
      const shell = await desk.start();
      const values = () => {
        const held = live.get(fqdn);
        return held?.kind === "publish" ? held.plan.answers.flatMap((answer) => answer.values) : [];
      };
      const work = async (ms: number) => {
        for (const end = desk.now + ms; desk.now < end; ) {
          desk.now += limits.checkpointMs;
          await shell.alarm();
          for (let n = 0; n < 5; n += 1) await settled();
        }
      };
      await work(2 * limits.quietMs);
      expect(values()).toEqual(["192.0.2.1"]);
      const held = live.get(fqdn);
      if (held?.kind !== "publish") throw new Error("nothing is live");
      live.set(fqdn, {
        ...held,
        plan: { ...held.plan, answers: held.plan.answers.map((answer) => ({ ...answer, values: ["203.0.113.66"] })) },
      });
      await work(2 * limits.driftIntervalMs);
      expect(values()).toEqual(["192.0.2.1"]);
    });
  }
});

describe("an agent", () => {
  const one = (seq: number, checkRegions: string[]) =>
    configuration({
      full: true,
      seq,
      pools: [pool(10, { monitor_ids: [uuid(1)] })],
      members: [member(100, uuid(10), ["192.0.2.1"])],
      monitors: [monitor(1, { version: seq, check_regions: checkRegions })],
    });
  const poll = (shell: EngineShell, tag: string | null) => shell.agentPoll({ region: "dc-1", tag, waitMs: 0 });

  it("that has more to do than it may is told of once, and again when it is another number", async () => {
    const desk = new Desk();
    const members = (count: number) => Array.from({ length: count }, (_, n) => member(1_000 + n, uuid(10), [`192.0.2.${n % 250}`]));
    const told = () => desk.recorded.filter((event) => event.startsWith("warning")).length;
    let seq = 7;
    const configure = async (shell: EngineShell, count: number) => {
      seq += 1;
      desk.configuration = { ...one(7, ["dc-1"]), members: members(count), seq };
      await shell.configurationChanged({ epoch: desk.configuration.epoch, seq });
      await settled();
    };
    desk.configuration = { ...one(seq, ["dc-1"]), members: members(limits.agentChecks + 1) };
    const shell = await desk.start();
    expect(told()).toBe(1);
    await configure(shell, limits.agentChecks + 1);
    expect(told()).toBe(1);
    await configure(await desk.start(), limits.agentChecks + 2);
    expect(told()).toBe(2);
    await configure(await desk.start(), limits.agentChecks + 2);
    expect(told()).toBe(2);
    const again = await desk.start();
    await configure(again, limits.agentChecks);
    await configure(again, limits.agentChecks + 2);
    expect(told()).toBe(3);
  }, 30_000);

  it("that asks an Engine which was evicted meanwhile has what it had, and gets what it lacks", async () => {
    const desk = new Desk();
    desk.configuration = one(1, ["weur", "dc-1"]);
    const { tag, assignment } = await poll(await desk.start(), null);
    expect(assignment).toMatchObject({ region: "dc-1", shard: 0, checks: [{ member_id: uuid(100) }] });
    const after = await desk.start();
    expect(await poll(after, tag)).toEqual({ tag, assignment: null, confirmations: [], tests: [] });
    desk.configuration = one(2, ["weur"]);
    await after.configurationChanged({ epoch: 0, seq: 2 });
    expect((await poll(await desk.start(), tag)).assignment).toMatchObject({ checks: [] });
  });

  it("that asks an Engine which has no configuration yet is not told to stop", async () => {
    const desk = new Desk();
    desk.away = true;
    expect(await poll(await desk.start(), "1.5")).toEqual({ tag: "1.5", assignment: null, confirmations: [], tests: [] });
  });

  it("is one of the regions, beside those of the deployment", async () => {
    const desk = new Desk();
    desk.configuration = one(1, ["weur", "dc-1"]);
    const views = await (await desk.start()).regions();
    expect(views.map(({ region, has_vote, reason }) => [region, has_vote, reason])).toEqual([
      ["weur", false, "silent: nothing fresh was heard of it"],
      ["eeur", false, "nothing is checked from here"],
      ["enam", false, "nothing is checked from here"],
      ["dc-1", false, "silent: nothing fresh was heard of it"],
    ]);
  });
});
