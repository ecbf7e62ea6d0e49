/** The main job, over the API that users have: what is answered follows what the origins do. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { answer, flapping, hang, type Origin, startOrigin } from "./origins.ts";
import { type System, startSystem } from "./system.ts";
import { until } from "./until.ts";
import { answers, create, deploy, memberAt, watch, write } from "./world.ts";

let system: System;
const origins: Origin[] = [];
const origin = async (options: Parameters<typeof startOrigin>[0] = {}) => {
  const started = await startOrigin(options);
  origins.push(started);
  return started;
};

beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.close());
afterEach(async () => {
  for (const started of origins.splice(0)) await started.close();
});

describe("an endpoint that dies", () => {
  it("leaves the answer and comes back; status and history say why, with the votes", async () => {
    const one = await origin({ address: "127.0.0.1" });
    const two = await origin({ address: "127.0.0.2" });
    const monitor = await create(system, "/v0.1/monitors", { type: "HTTP", delay: 2, timeout: 1, max_retries: 2 });
    const pool = await create(system, "/v0.1/pools", { name: "web" });
    const members: string[] = [];
    for (const { address, port } of [one, two]) {
      const member = await create(system, `/v0.1/pools/${pool.id}/pool_members`, { endpoints: [address], monitor_port: port });
      members.push(member.id);
    }
    await create(system, `/v0.1/pools/${pool.id}/monitors`, { monitor_id: monitor.id });
    const gslb = await create(system, "/v0.1/gslbs", { fqdn: "main.example.com", domain_name: "example.com", pool_ids: [pool.id] });
    await answers(system, "main.example.com.", ["127.0.0.1", "127.0.0.2"], 10_000);

    await one.kill();
    await answers(system, "main.example.com.", ["127.0.0.2"], 8_000);
    const status = await until(() => system.api("GET", `/v0.1/gslbs/${gslb.id}/status`).then((got) => got.body), {
      what: "the GSLB to be DEGRADED",
      is: (body) => body.status === "DEGRADED",
    });
    const member = status.pools[0].members.find((candidate: { id: string }) => candidate.id === members[0]);
    expect(member).toMatchObject({ status: "DOWN", in_rotation: false });
    expect(member.reason).toMatch(/^[345] of 5 regions report it down \(quorum 51 %\): /);
    expect(member.endpoints[0].votes.down).toBeGreaterThanOrEqual(3);
    expect(member.regions).toHaveLength(5);
    expect(status.published[0]).toMatchObject({ flavor: "edge", in_sync: true, answers: [{ type: "A", values: ["127.0.0.2"] }] });

    const history = await until(() => system.api("GET", `/v0.1/gslbs/${gslb.id}/history`).then((got) => got.body.history), {
      what: "the fall to be in the history",
      is: (events) => events.some((event: { kind: string; to: string }) => event.kind === "member_status" && event.to === "DOWN"),
    });
    const fall = history.find((event: { kind: string; to: string }) => event.kind === "member_status" && event.to === "DOWN");
    expect(fall).toMatchObject({ rule: "quorum", member_id: members[0] });
    expect(fall.evidence.votes.filter((vote: { verdict: string }) => vote.verdict === "down").length).toBeGreaterThanOrEqual(3);
    await until(() => system.api("GET", `/v0.1/pools/${pool.id}/pool_members/${members[0]}`).then((got) => got.body), {
      what: "the member's own resource to be DOWN",
      is: (body) => body.status === "DOWN" && body.in_rotation === false && body.action === "NONE",
    });

    await one.revive();
    await answers(system, "main.example.com.", ["127.0.0.1", "127.0.0.2"], 12_000);
    await until(() => system.api("GET", `/v0.1/gslbs/${gslb.id}`).then((got) => got.body), {
      what: "the GSLB to be ACTIVE again",
      is: (body) => body.status === "ACTIVE" && body.action === "NONE",
    });
  });

  it("leaves when it hangs: accepts, and never answers", async () => {
    const [one, two] = [await origin(), await origin()];
    const { fqdn } = await deploy(system, [[memberAt(one, "192.0.2.1"), memberAt(two, "192.0.2.2")]]);
    await answers(system, fqdn, ["192.0.2.1", "192.0.2.2"]);
    one.behave(hang);
    await answers(system, fqdn, ["192.0.2.2"]);
    one.behave(answer());
    await answers(system, fqdn, ["192.0.2.1", "192.0.2.2"]);
  });

  it("stays while it is slow but within its timeout, and leaves when it is slower", async () => {
    const [one, two] = [await origin(), await origin()];
    const { fqdn } = await deploy(system, [[memberAt(one, "192.0.2.1"), memberAt(two, "192.0.2.2")]]);
    await answers(system, fqdn, ["192.0.2.1", "192.0.2.2"]);
    const seen = await watch(system, fqdn, async () => {
      one.forget();
      one.behave(answer(200, "ok", 400));
      await until(() => one.received.length, { what: "thirty slow checks", is: (count) => count >= 30, timeoutMs: 30_000 });
    });
    expect(seen).toEqual(["192.0.2.1,192.0.2.2"]);
    one.behave(answer(200, "ok", 1_500));
    await answers(system, fqdn, ["192.0.2.2"]);
  });

  it("that flaps faster than max_retries in a row never leaves", async () => {
    const [one, two] = [await origin({ behaviour: answer() }), await origin()];
    const { fqdn } = await deploy(system, [[memberAt(one, "192.0.2.1"), memberAt(two, "192.0.2.2")]], { monitor: { max_retries: 10 } });
    await answers(system, fqdn, ["192.0.2.1", "192.0.2.2"]);
    const seen = await watch(system, fqdn, async () => {
      one.forget();
      one.behave(flapping(2, 2));
      await until(() => one.received.length, { what: "forty flapping checks", is: (count) => count >= 40, timeoutMs: 40_000 });
    });
    expect(seen).toEqual(["192.0.2.1,192.0.2.2"]);
  });
});

describe("fast confirmation", () => {
  it("takes a dead member out in under 12 s with delay 20 and five regions, where two ticks of one region take up to 40", async () => {
    const [one, two] = [await origin(), await origin()];
    const slow = { delay: 20, timeout: 2, max_retries: 2 };
    const { fqdn } = await deploy(system, [[memberAt(one, "192.0.2.1"), memberAt(two, "192.0.2.2")]], { monitor: slow });
    await answers(system, fqdn, ["192.0.2.1", "192.0.2.2"]);
    await one.kill();
    await answers(system, fqdn, ["192.0.2.2"], 12_000);
    await one.revive();
    await answers(system, fqdn, ["192.0.2.1", "192.0.2.2"], 12_000);
  });
});

describe("pools", () => {
  it("fail over when the first is not usable, and back", async () => {
    const [first, second] = [await origin(), await origin()];
    const { fqdn } = await deploy(system, [[memberAt(first, "192.0.2.1")], [memberAt(second, "198.51.100.1")]]);
    await answers(system, fqdn, ["192.0.2.1"]);
    await first.kill();
    await answers(system, fqdn, ["198.51.100.1"]);
    await first.revive();
    await answers(system, fqdn, ["192.0.2.1"]);
  });

  it("answer with the first one whole when every origin is dead", async () => {
    const [first, second] = [await origin(), await origin()];
    const { fqdn, gslb } = await deploy(system, [
      [memberAt(first, "192.0.2.1"), memberAt(first, "192.0.2.2")],
      [memberAt(second, "198.51.100.1")],
    ]);
    await answers(system, fqdn, ["192.0.2.1", "192.0.2.2"]);
    const seen = await watch(system, fqdn, async () => {
      await Promise.all([first.kill(), second.kill()]);
      await until(() => system.api("GET", `/v0.1/gslbs/${gslb}/status`).then((got) => got.body.status), {
        what: "DOWN",
        is: (status) => status === "DOWN",
      });
    });
    await answers(system, fqdn, ["192.0.2.1", "192.0.2.2"]);
    expect(seen).not.toContain("");
    const { body } = await system.api("GET", `/v0.1/history?gslb_id=${gslb}&kind=all_down`);
    await until(() => system.api("GET", `/v0.1/history?gslb_id=${gslb}&kind=all_down`).then((got) => got.body.history.length), {
      what: "all_down",
    });
    expect(body.history.length).toBeLessThanOrEqual(1);
  });

  it("withdraw means no data, and only then is an answer empty", async () => {
    const only = await origin();
    const { fqdn } = await deploy(system, [[memberAt(only, "192.0.2.1")]], { gslb: { on_all_down: "withdraw" } });
    await answers(system, fqdn, ["192.0.2.1"]);
    await only.kill();
    await answers(system, fqdn, []);
    expect(await system.dnsJson(fqdn)).toMatchObject({ Status: 0 });
    await only.revive();
    await answers(system, fqdn, ["192.0.2.1"]);
  });
});

describe("a change of configuration", () => {
  it("never changes the answer of healthy targets", async () => {
    const [one, two] = [await origin(), await origin()];
    const { fqdn, monitor, pools } = await deploy(system, [[memberAt(one, "192.0.2.1"), memberAt(two, "192.0.2.2")]]);
    await answers(system, fqdn, ["192.0.2.1", "192.0.2.2"]);
    /** The origin was asked again, by as many checks as one period of all regions makes. */
    const anotherPeriod = () => {
      one.forget();
      return until(() => one.received.length, { what: "another period of checks", is: (count) => count >= 10 });
    };
    const seen = await watch(system, fqdn, async () => {
      for (const change of [{ name: "renamed" }, { timeout: 2 }, { check_regions: ["weur", "oc", "apac"] }, { max_retries: 3 }]) {
        await write(system, "PATCH", `/v0.1/monitors/${monitor}`, change);
        await anotherPeriod();
      }
      await create(system, `/v0.1/pools/${pools[0]}/monitors`, { type: "TCP", port: one.port, delay: 2, timeout: 1, max_retries: 2 });
      await anotherPeriod();
      await write(system, "PATCH", `/v0.1/pools/${pools[0]}`, { quorum_percent: 60 });
      await anotherPeriod();
    });
    expect(seen).toEqual(["192.0.2.1,192.0.2.2"]);
  });

  it("a monitor that is attached to nothing checks nothing; one that is detached or deleted stops at once", async () => {
    const one = await origin();
    const lonely = await create(system, "/v0.1/monitors", { type: "TCP", port: one.port, delay: 1, timeout: 1 });
    const { fqdn, monitor, pools } = await deploy(system, [[memberAt(one, "192.0.2.1")]], { monitor: { delay: 1 } });
    await answers(system, fqdn, ["192.0.2.1"]);
    expect((await system.api("GET", `/v0.1/monitors/${lonely.id}`)).status).toBe(200);
    await write(system, "DELETE", `/v0.1/pools/${pools[0]}/monitors/${monitor}`);
    await until(() => system.api("GET", `/v0.1/pools/${pools[0]}/status`).then((got) => got.body.members[0].regions.length), {
      what: "the Engine to have let go of the monitor",
      is: (count) => count === 0,
    });
    // Another member that is still checked once a second is the clock: after three of its periods nobody has asked the first origin.
    const other = await origin();
    await deploy(system, [[memberAt(other, "192.0.2.9")]], { monitor: { delay: 1 } });
    await until(() => other.received.length, { what: "the other origin to be checked", is: (count) => count > 0 });
    one.forget();
    other.forget();
    await until(() => other.received.length, { what: "three periods of the other origin", is: (count) => count >= 15 });
    expect(one.received).toEqual([]);
    await answers(system, fqdn, ["192.0.2.1"]);
  });

  it("a deleted GSLB's name is gone, and made again it answers again", async () => {
    const one = await origin();
    const { fqdn, gslb, pools } = await deploy(system, [[memberAt(one, "192.0.2.1")]]);
    await answers(system, fqdn, ["192.0.2.1"]);
    await write(system, "DELETE", `/v0.1/gslbs/${gslb}`);
    await answers(system, fqdn, []);
    await create(system, "/v0.1/gslbs", { fqdn, domain_name: "example.com.", pool_ids: pools });
    await answers(system, fqdn, ["192.0.2.1"]);
  });
});
