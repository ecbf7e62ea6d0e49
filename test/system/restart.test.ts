/** The whole system, killed and started again on its state, in the middle of what it was doing. In workerd's own network: this is `npm start`. */
import { afterEach, describe, expect, it } from "vitest";
import { npmStarted, removeDirectory, type Started, temporaryDirectory } from "./npm-start.ts";
import { startOrigin } from "./origins.ts";
import { clientOf } from "./system.ts";
import { until } from "./until.ts";
import { answers, deploy, memberAt } from "./world.ts";

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function start(stateDirectory: string): Promise<Started> {
  const started = await npmStarted({}, stateDirectory);
  cleanUps.push(() => kill(started));
  return started;
}

async function kill(started: Started): Promise<void> {
  await started.end("SIGKILL");
  await until(() => started.processes(), { what: "every process to end", is: (left) => left.length === 0, timeoutMs: 20_000 });
}

async function origin() {
  const started = await startOrigin();
  cleanUps.push(() => started.close());
  return started;
}

describe("a system that is killed in the middle of an outage and started again", { timeout: 120_000 }, () => {
  it("keeps configuration, state and answers, and goes on to the end of the outage", async () => {
    const state = await temporaryDirectory();
    cleanUps.push(() => removeDirectory(state));
    const [one, two] = [await origin(), await origin()];

    const first = await start(state);
    const before = clientOf(first.url, first.token);
    const { fqdn, gslb } = await deploy(before, [[memberAt(one, "192.0.2.1"), memberAt(two, "192.0.2.2")]]);
    await answers(before, fqdn, ["192.0.2.1", "192.0.2.2"]);
    await one.kill();
    await answers(before, fqdn, ["192.0.2.2"]);
    const { body: told } = await until(() => before.api("GET", "/v0.1/history?kind=member_status"), {
      what: "the fall to be in the history",
      is: (answer) => answer.body.history.some((event: { to: string }) => event.to === "DOWN"),
    });
    const { body: configured } = await before.api("GET", `/v0.1/gslbs/${gslb}`);
    await kill(first);

    // A second origin dies while nobody looks, the first comes back.
    await two.kill();
    await one.revive();
    const second = await start(state);
    const after = clientOf(second.url, second.token);
    expect(second.token).toBe(first.token);
    expect(await after.dns(fqdn)).not.toEqual([]);
    expect((await after.api("GET", `/v0.1/gslbs/${gslb}`)).body).toMatchObject({
      ...{ id: gslb, fqdn, version: configured.version, pool_ids: configured.pool_ids, created_at: configured.created_at },
    });
    const { body: kept } = await after.api("GET", "/v0.1/history?kind=member_status&limit=1000");
    expect(kept.history).toEqual(expect.arrayContaining(told.history));

    await answers(after, fqdn, ["192.0.2.1"]);
    await two.revive();
    await answers(after, fqdn, ["192.0.2.1", "192.0.2.2"]);
  });

  it("answers at once what it answered before, though nothing is left to check", async () => {
    const state = await temporaryDirectory();
    cleanUps.push(() => removeDirectory(state));
    const [one, two] = [await origin(), await origin()];
    const first = await start(state);
    const before = clientOf(first.url, first.token);
    const { fqdn } = await deploy(before, [[memberAt(one, "192.0.2.1")], [memberAt(two, "192.0.2.2")]]);
    await answers(before, fqdn, ["192.0.2.1"]);
    await one.kill();
    await answers(before, fqdn, ["192.0.2.2"]);
    await kill(first);

    const second = await start(state);
    const after = clientOf(second.url, second.token);
    expect(await after.dns(fqdn)).toEqual(["192.0.2.2"]);
    await one.revive();
    await answers(after, fqdn, ["192.0.2.1"]);
  });
});
