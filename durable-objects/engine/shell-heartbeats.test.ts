/** Heartbeats through the Engine's shell: kept before they are acknowledged, missed by its alarm, and not while it was away. */
import { describe, expect, it } from "vitest";
import { limits } from "../../domain/limits.ts";
import { configuration, member, monitor, pool, uuid } from "./project.fixture.ts";
import { Desk, settled } from "./shell.fixture.ts";
import type { EngineShell } from "./shell.ts";

const [watch, one, owner] = [uuid(1), uuid(100), uuid(10)];

/** A desk with one member that reports each minute; with half a minute of grace. */
function deskOf(): Desk {
  const desk = new Desk();
  desk.configuration = configuration({
    full: true,
    seq: 7,
    pools: [pool(10, { monitor_ids: [watch] })],
    members: [member(100, owner, ["192.0.2.1"])],
    monitors: [monitor(1, { type: "HEARTBEAT", period: 60, grace: 30 })],
  });
  return desk;
}

/** The alarm comes whenever it was set for, each time to an Engine that was evicted since. */
async function wait(desk: Desk, seconds: number): Promise<void> {
  const end = desk.now + seconds * 1_000;
  for (;;) {
    const next = desk.alarms.at(-1) ?? Number.POSITIVE_INFINITY;
    if (next > end) break;
    desk.now = Math.max(desk.now, next);
    const shell = await desk.start();
    await shell.alarm();
    await settled();
  }
  desk.now = end;
}
const statusOf = async (shell: EngineShell) => (await shell.memberStatus(one))?.status;

describe("a heartbeat", () => {
  it("is known to every Engine after the one that acknowledged it", async () => {
    const desk = deskOf();
    expect(await (await desk.start()).beat(watch, one)).toBe(true);
    expect(await statusOf(await desk.start())).toBe("ACTIVE");
    for (let n = 0; n < 10; n += 1) {
      await wait(desk, 80);
      const shell = await desk.start();
      expect(await statusOf(shell)).toBe("ACTIVE");
      await shell.beat(watch, null);
    }
  });

  it("is missed on time by an Engine that is evicted between any two of its alarms", async () => {
    const desk = deskOf();
    await (await desk.start()).beat(watch, one);
    await settled();
    await wait(desk, 89.999);
    expect(await statusOf(await desk.start())).toBe("ACTIVE");
    await wait(desk, 0.02);
    expect(await statusOf(await desk.start())).toBe("DOWN");
    expect(desk.recorded).toContain("member_status DOWN");
    await wait(desk, 3_600);
    expect(await statusOf(await desk.start())).toBe("DOWN");
    expect(desk.recorded.filter((told) => told === "member_status DOWN")).toHaveLength(1);
  });

  it("is missed since it came last, whoever says so and however often it was missed since", async () => {
    const desk = deskOf();
    await (await desk.start()).beat(watch, one);
    const since = `${new Date(desk.now).toISOString().slice(0, 19)}Z`;
    await settled();
    const detail = async () => (await (await desk.start()).memberStatus(one))?.regions[0]?.detail;
    await wait(desk, 91);
    expect(await detail()).toBe(`no heartbeat since ${since}`);
    await wait(desk, 3_600);
    expect(await detail()).toBe(`no heartbeat since ${since}`);
    desk.now += 3_600_000;
    const shell = await desk.start();
    await shell.alarm();
    await wait(desk, 100);
    expect(await detail()).toBe(`no heartbeat since ${since}`);
  });

  it("is not missed by an Engine that was away: it waits for one whole period and grace anew", async () => {
    for (const awayFor of [limits.catchUpMs + 60_000 + 1, 3_600_000]) {
      const desk = deskOf();
      await (await desk.start()).beat(watch, one);
      await settled();
      desk.now += awayFor;
      const shell = await desk.start();
      await shell.alarm();
      await settled();
      expect(await statusOf(shell)).toBe("ACTIVE");
      await wait(desk, 89.9);
      expect(await statusOf(await desk.start())).toBe("ACTIVE");
      await wait(desk, 0.2);
      expect(await statusOf(await desk.start())).toBe("DOWN");
    }
  });

  it("is not missed by one that is asked something before its late alarm comes", async () => {
    const desk = deskOf();
    await (await desk.start()).beat(watch, one);
    await settled();
    desk.now += 3_600_000;
    const shell = await desk.start();
    await shell.observe([], 0);
    expect(await shell.beat(watch, one)).toBe(true);
    await shell.alarm();
    await settled();
    expect(await statusOf(shell)).toBe("ACTIVE");
    await wait(desk, 91);
    expect(await statusOf(await desk.start())).toBe("DOWN");
  });

  it("is not missed where the first to come after a standstill is another one, or a change of the configuration", async () => {
    for (const first of ["beat", "change"]) {
      const desk = deskOf();
      const { pools, monitors } = desk.configuration;
      desk.configuration = {
        ...desk.configuration,
        pools: pools.map((each) => ({ ...each, monitor_ids: [watch, uuid(2)] })),
        monitors: [...monitors, monitor(2, { type: "HEARTBEAT", period: 600, grace: 30 })],
      };
      const shell = await desk.start();
      await shell.beat(watch, one);
      await shell.beat(uuid(2), one);
      await settled();
      desk.now += 600_000;
      if (first === "beat") await shell.beat(uuid(2), one);
      else {
        desk.configuration = { ...desk.configuration, full: false, seq: 8, members: [member(100, owner, ["192.0.2.1"], { name: "a" })] };
        await shell.configurationChanged({ epoch: desk.configuration.epoch, seq: 8 });
      }
      await settled();
      expect(await statusOf(shell)).toBe("ACTIVE");
    }
  });

  it("is not missed by an Engine that was gone before the first alarm after somebody began to wait for it", async () => {
    const desk = deskOf();
    const whole = desk.configuration;
    desk.configuration = { ...whole, monitors: [], pools: [pool(10)] };
    const shell = await desk.start();
    await settled();
    desk.configuration = { ...whole, seq: 8 };
    await shell.configurationChanged({ epoch: whole.epoch, seq: 8 });
    await settled();
    desk.now += 1_000;
    await shell.beat(watch, one);
    await settled();
    desk.now += 3_600_000;
    const again = await desk.start();
    await again.alarm();
    await settled();
    expect(await statusOf(again)).toBe("ACTIVE");
  });

  it("is waited for by a clock that was set back, from then on and not until it has caught up", async () => {
    const desk = deskOf();
    await (await desk.start()).beat(watch, one);
    await settled();
    const shell = await desk.start();
    desk.now -= 1_800_000;
    desk.alarms.push(desk.now);
    await shell.alarm();
    await settled();
    expect(await statusOf(await desk.start())).toBe("ACTIVE");
    await wait(desk, 89);
    expect(await statusOf(await desk.start())).toBe("ACTIVE");
    await wait(desk, 2);
    expect(await statusOf(await desk.start())).toBe("DOWN");
  });

  it("costs an Engine nothing where nobody waits for one", async () => {
    const desk = deskOf();
    desk.configuration = { ...desk.configuration, monitors: [monitor(1)] };
    const shell = await desk.start();
    await shell.alarm();
    expect(desk.storage.sql.exec("SELECT id FROM meta WHERE id = 'listening'").toArray()).toEqual([]);
    expect(await shell.beat(watch, one)).toBe(false);
  });
});

describe("a deployment that can check more than before", () => {
  it("judges anew whom it could not check, and nobody else", async () => {
    const desk = deskOf();
    desk.configuration = {
      ...desk.configuration,
      monitors: [monitor(1)],
      members: [member(100, owner, ["10.0.0.1"]), member(101, owner, ["192.0.2.1"])],
    };
    expect(await statusOf(await desk.start())).toBe("ERROR");
    desk.allowPrivate = "1";
    const shell = await desk.start();
    expect((await shell.memberStatus(one))?.regions).toHaveLength(3);
    expect((await shell.memberStatus(one))?.reason).toMatch(/^not judged yet/);
  });
});
