import { describe, expect, it } from "vitest";
import { Pump, type PumpPorts } from "./pump.ts";

const ports: PumpPorts = {
  now: () => 1_000_000,
  random: () => 0.5,
  sleep: async () => undefined,
  log: { warn: () => undefined, error: () => undefined },
};

describe("a pump", () => {
  it("says when to try again after a failure, and nothing while the next try is under way: nobody need ask again and again", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let runs = 0;
    const pump = new Pump(
      ports,
      "testing",
      async () => {
        runs += 1;
        if (runs === 1) throw new Error("away");
        await promise;
      },
      () => undefined,
    );
    await pump.kick();
    expect(pump.nextTryAt).not.toBeNull();
    const second = pump.kick();
    expect(pump.nextTryAt).toBeNull();
    resolve();
    await second;
    expect([runs, pump.nextTryAt]).toEqual([2, null]);
  });

  it("runs again when it was asked to meanwhile, once", async () => {
    let runs = 0;
    const pump = new Pump(
      ports,
      "testing",
      async () => {
        runs += 1;
        if (runs === 1) for (let asked = 0; asked < 3; asked += 1) void pump.kick();
      },
      () => undefined,
    );
    await pump.kick();
    expect(runs).toBe(2);
  });

  it("hears a kick at any moment, also in the last steps of a run", async () => {
    for (let steps = 0; steps < 12; steps += 1) {
      let runs = 0;
      const work = async () => {
        runs += 1;
      };
      const pump = new Pump(ports, "testing", work, () => undefined);
      const first = pump.kick();
      for (let step = 0; step < steps; step += 1) await Promise.resolve();
      const before = runs;
      await pump.kick();
      await first;
      expect([steps, runs > before || before === 0]).toEqual([steps, true]);
    }
  });

  it("tries again within five minutes, however often it failed, and at once after a success", async () => {
    let away = true;
    const work = async () => {
      if (away) throw new Error("away");
    };
    const pump = new Pump(ports, "testing", work, () => undefined);
    for (let failures = 0; failures < 40; failures += 1) {
      await pump.kick();
      expect(pump.nextTryAt).toBeGreaterThan(ports.now());
      expect(pump.nextTryAt).toBeLessThanOrEqual(ports.now() + 300_000);
    }
    away = false;
    await pump.kick();
    expect(pump.nextTryAt).toBeNull();
  });
});
