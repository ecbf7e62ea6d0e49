/**
 * How late checks begin: 1,000 of them with `delay` 10, through the whole system, as their servers see it. A tick follows from the configuration, so
 * each request is compared with the moment when it was due. The baseline is how late a timer of this process is meanwhile.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { assert } from "../domain/result.ts";
import { phaseMs } from "../domain/schedule.ts";
import { freePort } from "../test/servers/daemon.ts";
import { until } from "../test/system/until.ts";
import { type Bench, type Figure, milliseconds, percentile } from "./figure.ts";
import { startScratchSystem } from "./scratch-system.ts";
import { SoakClient } from "./soak/client.ts";
import { coverage } from "./soak/periods.ts";
import { addressOf, Targets } from "./soak/targets.ts";

const checks = 1_000;
const delay = 10;
const periods = 4;
const regions = ["weur"];

export const schedule: Bench = {
  name: "schedule",
  about: `How long after it was due each of ${checks} checks with delay ${delay} reaches its server, over ${periods} periods of the whole system; baseline: how late a timer of this process is meanwhile.`,
  run: async (say) => {
    const addresses = Array.from({ length: checks }, (_, index) => addressOf(index));
    const targets = new Targets(
      addresses.map((address) => ({ address, fate: "healthy" as const })),
      await freePort(),
    );
    const system = await startScratchSystem(undefined, { KOSMOS_REGIONS: regions.join(",") });
    try {
      await targets.listen();
      const client = new SoakClient(system.url);
      const monitor = await client.monitor({ type: "HTTP", port: targets.port, delay, timeout: 2 });
      const members = await client.members(monitor, addresses);
      await until(async () => (await client.statuses()).filter(({ status }) => status !== "ACTIVE").length, {
        what: "every member to be ACTIVE",
        is: (others) => others === 0,
        timeoutMs: 120_000,
        intervalMs: 1_000,
      });
      // The first round came out of turn; from the next period on everyone is in its stagger.
      await sleep(delay * 1_000);
      const timers = monitorEventLoopDelay({ resolution: 10 });
      timers.enable();
      const from = Date.now();
      await sleep(periods * delay * 1_000);
      const to = Date.now();
      timers.disable();
      await sleep(delay * 1_000);
      const byAddress = Map.groupBy(await targets.requests(), ({ address }) => address);
      const lateMs: number[] = [];
      let missed = 0;
      for (const { id, endpoint } of members) {
        const identity = { member_id: id, endpoint, monitor_id: monitor, delayMs: delay * 1_000, regions };
        const phases = regions.map((region) => phaseMs({ ...identity, region }));
        const times = (byAddress.get(endpoint) ?? []).map(({ at }) => at);
        const seen = coverage(times, { delayMs: delay * 1_000, phases }, from, to);
        missed += seen.missed;
        lateMs.push(...seen.lateMs);
      }
      assert(lateMs.length > 0, "checks came");
      say(`${lateMs.length} checks came, ${missed} did not; the latest began ${milliseconds(Math.max(...lateMs))} after it was due`);
      const figure = (percent: 50 | 99): Figure => {
        const ours = percentile(lateMs, percent);
        const baseline = timers.percentile(percent) / 1e6 - 10;
        return {
          name: `schedule, ${checks} checks with delay ${delay}: late, ${percent === 50 ? "median" : "99 %"}`,
          ours: milliseconds(ours),
          baseline: milliseconds(Math.max(0, baseline)),
          ratio: null,
          goal: "",
          met: null,
        };
      };
      return [
        figure(50),
        figure(99),
        {
          name: `schedule, ${checks} checks with delay ${delay}: periods without a check`,
          ours: String(missed),
          baseline: String(lateMs.length + missed),
          ratio: null,
          goal: "0",
          met: missed === 0,
        },
      ];
    } finally {
      await system.close();
      await targets.close();
    }
  },
};
