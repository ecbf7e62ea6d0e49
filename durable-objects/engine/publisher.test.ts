/** The publisher over a real project and the reference backend: what goes out together, in which order, and what is read back. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nameOf } from "../../domain/fence.ts";
import { limits } from "../../domain/limits.ts";
import { isInSync, isPending } from "../../domain/publish.ts";
import { configuration, gslb, uuid } from "./project.fixture.ts";
import { die, gslbs, published, Scene } from "./publisher.fixture.ts";

describe("publishing", () => {
  it("writes two hundred names that lose a member at once in one write, and the history tells it", async () => {
    const scene = await published(200);
    expect(scene.values(1_000)).toEqual(["192.0.2.1", "192.0.2.2"]);
    await die(scene);
    expect(scene.writes.map((changes) => changes.length)).toEqual([200]);
    const told = scene.kinds("published");
    expect(told).toHaveLength(200);
    for (const event of told)
      expect(event.evidence).toMatchObject({ urgency: "removal", batch: { names: 200, zone: "example.com.", halved: false } });
    expect(scene.values(1_199)).toEqual(["192.0.2.2"]);
  });

  it("publishes 199 where one of them is poison, which is an ERROR alone and tried again alone", async () => {
    let poisonous = false;
    const poison = "www1123.example.com.";
    const scene = await published(200, { atOnce: true, refuses: (fqdn) => poisonous && fqdn === poison });
    poisonous = true;
    await die(scene);
    expect(scene.writes.length).toBeLessThanOrEqual(1 + 2 * Math.ceil(Math.log2(200)));
    expect(scene.kinds("published")).toHaveLength(199);
    expect(scene.kinds("publish_failed")).toMatchObject([
      { gslb_id: uuid(1_123), evidence: { class: "refused", batch: { names: 1, halved: true } } },
    ]);
    expect(scene.project.gslbs.get(uuid(1_123))?.status).toBe("ERROR");
    expect([...scene.project.gslbs.values()].filter(({ status }) => status === "ERROR")).toHaveLength(1);
    scene.writes.length = 0;
    await scene.pass(60_000);
    expect(scene.writes.length).toBeGreaterThan(2);
    for (const changes of scene.writes) expect(changes.map(nameOf)).toEqual([poison]);
    poisonous = false;
    await scene.pass(limits.retryMaxMs);
    expect(isInSync(scene.publication(1_123))).toBe(true);
    expect(scene.project.gslbs.get(uuid(1_123))?.status).not.toBe("ERROR");
  });

  it("goes out in halves for whoever is poison, without a write too many", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 24 }), fc.uniqueArray(fc.nat(23), { maxLength: 4 }), async (count, bad) => {
        const culprits = new Set(bad.filter((index) => index < count).map((index) => gslb(1_000 + index, []).fqdn));
        const scene = new Scene({ atOnce: true, refuses: (fqdn) => culprits.has(fqdn) });
        scene.configure(gslbs(count));
        scene.hear("pass");
        await scene.settle();
        for (const { fqdn, confirmed } of scene.project.publications.values()) expect(confirmed > 0).toBe(!culprits.has(fqdn));
        expect(scene.writes.length).toBeLessThanOrEqual(1 + 2 * culprits.size * Math.ceil(Math.log2(Math.max(2, count))));
      }),
      { numRuns: 25 },
    );
  });

  it("drops an older plan from the halves when a newer one is wanted meanwhile", async () => {
    let refuses = false;
    const scene = await published(4, { atOnce: true, refuses: (fqdn) => refuses && fqdn === "www1000.example.com." });
    refuses = true;
    scene.onWrite = async (_, write) => {
      const outcome = await write();
      // While the first half is under way, the member comes back.
      if (scene.writes.length === 2) {
        scene.hear("pass");
        scene.hear("pass");
      }
      return outcome;
    };
    await die(scene);
    const sent = scene.writes.slice(2).flatMap((changes) => changes.flatMap((change) => (change.kind === "publish" ? [change.plan] : [])));
    expect(sent.length).toBeGreaterThan(0);
    for (const plan of sent)
      expect([plan.fqdn, ...plan.answers.flatMap(({ values }) => values)]).toEqual([plan.fqdn, "192.0.2.1", "192.0.2.2"]);
  });

  it("never writes a plan that was replaced before its turn", async () => {
    const scene = await published(2);
    scene.hear("fail");
    scene.hear("fail");
    scene.hear("pass");
    scene.hear("pass");
    scene.writes.length = 0;
    let first = true;
    scene.onWrite = async (_, write) => {
      if (first) {
        first = false;
        scene.hear("pass", "fail");
        scene.hear("pass", "fail");
        scene.hear("pass", "pass");
        scene.hear("pass", "pass");
      }
      return write();
    };
    await scene.settle();
    const sent = scene.writes
      .flat()
      .flatMap((change) => (change.kind === "publish" ? [change.plan.answers.flatMap(({ values }) => values)] : []));
    expect(sent.length).toBeGreaterThan(0);
    for (const values of sent) expect(values).toEqual(["192.0.2.1", "192.0.2.2"]);
  });

  it("writes the urgent first, though it came last", async () => {
    const scene = await published(6, { supports: { batch: 2 } });
    scene.onWrite = async (_, write) => {
      if (scene.writes.length === 1) {
        const late = gslb(1_005, [uuid(10)], { steering_policy: "round_robin", ttl: 60, version: 2 });
        scene.project.configure(configuration({ seq: 2, gslbs: [late] }), false, scene.now);
      }
      return write();
    };
    await die(scene);
    expect(scene.writes[1]?.map(nameOf)[0]).toBe("www1005.example.com.");
  });

  it("leaves a flavor that asks for time alone until then, and nothing overtakes", async () => {
    const scene = await published(3);
    scene.onWrite = async (changes) => changes.map(() => ({ ok: false, error: { class: "retry", detail: "429", afterMs: 90_000 } }));
    await die(scene);
    scene.onWrite = (_, write) => write();
    expect(scene.writes).toHaveLength(1);
    scene.configure([gslb(2_000, [uuid(10)])]);
    await scene.pass(89_000);
    expect(scene.writes).toHaveLength(1);
    await scene.pass(1_000);
    expect(scene.writes.length).toBeGreaterThan(1);
    for (const publication of scene.project.publications.values()) expect(isInSync(publication)).toBe(true);
  });

  it("waits with one name that asks for time, and with no other", async () => {
    const scene = await published(1);
    const a = { ...gslb(2_000, [uuid(10)]), fqdn: "a.aaa.test.", domain_name: "aaa.test." };
    scene.onWrite = async (changes, write) => {
      if (!changes.some((change) => nameOf(change) === a.fqdn)) return write();
      return changes.map(() => ({ ok: false, error: { class: "retry", detail: "429", afterMs: limits.retryAfterMaxMs } }));
    };
    scene.configure([a]);
    await scene.settle();
    expect(scene.writes.map((changes) => changes.map(nameOf))).toEqual([[a.fqdn]]);
    await die(scene);
    expect(scene.values(1_000)).toEqual(["192.0.2.2"]);
  });

  it("has a turn for everyone at a flavor that asks for time again and again", async () => {
    const scene = await published(1);
    const [a, b] = ["aaa", "bbb"].map((zone, n) => ({
      ...gslb(2_000 + n, [uuid(10)]),
      fqdn: `www.${zone}.test.`,
      domain_name: `${zone}.test.`,
    }));
    if (a === undefined || b === undefined) throw new Error("there are two");
    scene.onWrite = async (changes, write) => {
      if (!changes.some((change) => nameOf(change) === a.fqdn) && scene.writes.length > 3) return write();
      return { class: "retry", detail: "429", afterMs: limits.retryAfterMaxMs };
    };
    scene.configure([a, b]);
    await scene.pass(8 * limits.retryAfterMaxMs);
    expect(isInSync(scene.at(b.fqdn))).toBe(true);
  });

  it("publishes all but the one name that makes its backend throw, and what it wants next too", async () => {
    const bad = "www1013.example.com.";
    const scene = await published(21);
    scene.onWrite = (changes, write) => (changes.some((change) => nameOf(change) === bad) ? Promise.reject(new Error("a bug")) : write());
    await die(scene);
    await scene.pass(3 * limits.retryMaxMs);
    const left = () => [...scene.project.publications.values()].filter((one) => !isInSync(one)).map(({ fqdn }) => fqdn);
    expect(left()).toEqual([bad]);
    scene.writes.length = 0;
    scene.hear("pass");
    scene.hear("pass");
    await scene.pass(3 * limits.retryMaxMs);
    expect(left()).toEqual([bad]);
    expect(scene.writes.length).toBeLessThan(60);
  });

  it("asks a backend that takes nothing whether it is back, not for each of five hundred names, and then writes them together", async () => {
    const scene = await published(500, { supports: { batch: 100 } });
    let state = 1;
    scene.random = () => {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    scene.onWrite = () => Promise.reject(new Error("connection refused"));
    await die(scene);
    await scene.pass(4 * 3_600_000);
    scene.writes.length = 0;
    await scene.pass(4 * 3_600_000);
    expect(scene.writes.length).toBeGreaterThan((4 * 3_600_000) / limits.retryMaxMs - 1);
    expect(scene.writes.length).toBeLessThan((3 * 4 * 3_600_000) / limits.retryMaxMs);
    scene.writes.length = 0;
    scene.onWrite = (_, write) => write();
    await scene.pass(2 * limits.retryMaxMs);
    for (const publication of scene.project.publications.values()) expect(isInSync(publication)).toBe(true);
    expect(scene.writes.length).toBeLessThan(50);
  }, 30_000);

  it("tries what is new at once, also where nothing was taken for long", async () => {
    const scene = await published(2);
    scene.onWrite = () => Promise.reject(new Error("connection refused"));
    await die(scene);
    await scene.pass(3_600_000);
    scene.onWrite = (_, write) => write();
    scene.hear("pass");
    scene.hear("pass");
    await scene.settle();
    expect([isInSync(scene.publication(1_000)), isInSync(scene.publication(1_001))]).toEqual([true, true]);
  });

  it("makes no more calls than the provider allows, and gets there", async () => {
    const rateLimit = { calls: 5, perMs: 60_000 };
    const scene = new Scene({ supports: { batch: 1, rateLimit } });
    const calls: number[] = [];
    scene.onWrite = async (_, write) => {
      calls.push(scene.now);
      return write();
    };
    scene.onRead = async (_, read) => {
      calls.push(scene.now);
      return read();
    };
    scene.configure(gslbs(12));
    scene.hear("pass");
    await scene.pass(3_600_000);
    for (const at of calls) expect(calls.filter((other) => other <= at && at - other < rateLimit.perMs).length).toBeLessThanOrEqual(5);
    for (const publication of scene.project.publications.values()) expect(isInSync(publication)).toBe(true);
  });

  it("says of a backend that throws, or hangs, that it is to be tried again", async () => {
    const scene = await published(2);
    scene.onWrite = () => Promise.reject(new Error("connection refused"));
    await die(scene);
    expect(scene.publication(1_000).lastError).toMatchObject({ class: "retry", detail: "connection refused" });
    scene.onWrite = (_, write) => write();
    await scene.pass(limits.retryMaxMs);
    expect(scene.values(1_000)).toEqual(["192.0.2.2"]);
  });

  it("tells of a flavor that is not there", async () => {
    const scene = new Scene();
    scene.configure([gslb(1_000, [uuid(10)], { flavors: ["gone"] })]);
    scene.hear("pass");
    await scene.settle();
    expect(scene.project.publications.get("gone www1000.example.com.")?.lastError).toMatchObject({ class: "not-found" });
  });

  it("writes nothing more once it has converged, and reads each zone once an interval", async () => {
    const scene = await published(20);
    for (let n = 0; n < 30; n += 1) {
      scene.hear("pass");
      await scene.pass(20_000);
    }
    expect(scene.writes).toEqual([]);
    expect(scene.reads.length).toBeLessThanOrEqual(Math.ceil((30 * 30_000) / limits.driftIntervalMs));
    expect(scene.reads.length).toBeGreaterThanOrEqual(2);
    for (const fqdns of scene.reads) expect(fqdns).toHaveLength(20);
  });
});

describe("what is read back", () => {
  it("is what in sync means: a backend that took a plan and does not have it is tried again", async () => {
    const scene = await published(2);
    scene.onWrite = async (changes) => changes.map(() => ({ ok: true, value: null }));
    await die(scene);
    const lied = scene.publication(1_000);
    expect(isInSync(lied)).toBe(false);
    expect(lied.lastError?.detail).toBe(`the backend took plan ${lied.number} and has A 192.0.2.1, 192.0.2.2 (30 s)`);
    expect(scene.kinds("published")).toEqual([]);
    expect(scene.kinds("publish_failed")).toHaveLength(2);
    scene.onWrite = (_, write) => write();
    await scene.pass(10_000);
    expect([isInSync(scene.publication(1_000)), scene.values(1_000)]).toEqual([true, ["192.0.2.2"]]);
    expect(scene.kinds("published")).toHaveLength(2);
  });

  it("keeps no newer plan waiting", async () => {
    const scene = await published(1);
    const slow = Promise.withResolvers<void>();
    let reads = 0;
    scene.onRead = async (_, read) => {
      reads += 1;
      if (reads === 2) await slow.promise;
      return read();
    };
    scene.hear("fail");
    scene.hear("fail");
    await scene.publisher.kick();
    scene.hear("pass");
    scene.hear("pass");
    await scene.publisher.kick();
    expect(scene.values(1_000)).toEqual(["192.0.2.1", "192.0.2.2"]);
    slow.resolve();
    await scene.settle();
    expect(isInSync(scene.publication(1_000))).toBe(true);
    expect(scene.kinds("drift")).toEqual([]);
  });

  it("is no error of the plan where it cannot be read: it is published, not in sync, and read again later", async () => {
    const scene = await published(1);
    scene.onRead = () => Promise.reject(new Error("read: away"));
    await die(scene);
    const unread = scene.publication(1_000);
    expect([isPending(unread), isInSync(unread), unread.lastError]).toEqual([false, false, null]);
    expect(scene.kinds("published")).toHaveLength(1);
    scene.onRead = (_, read) => read();
    await scene.pass(limits.driftIntervalMs);
    expect(isInSync(scene.publication(1_000))).toBe(true);
    expect(scene.writes).toHaveLength(1);
  });

  it("is not asked for of a backend that cannot tell: in sync is what it took", async () => {
    const scene = await published(1, { supports: { readBack: false } });
    await die(scene);
    await scene.pass(2 * limits.driftIntervalMs);
    expect([isInSync(scene.publication(1_000)), scene.reads]).toEqual([true, []]);
  });

  it("waits for calls that are left over: until then nothing says that it is in sync", async () => {
    const scene = new Scene({ supports: { rateLimit: { calls: 1, perMs: 60_000 } } });
    scene.configure(gslbs(1));
    scene.hear("pass");
    await scene.settle();
    // The one call was to see what is there.
    expect([scene.writes.length, scene.reads.length]).toEqual([0, 1]);
    await scene.pass(60_000);
    expect([scene.writes.length, scene.reads.length]).toEqual([1, 1]);
    expect([isPending(scene.publication(1_000)), isInSync(scene.publication(1_000))]).toEqual([false, false]);
    await scene.pass(limits.driftIntervalMs + 60_000);
    expect(isInSync(scene.publication(1_000))).toBe(true);
  });

  it("holds up a failover by a second at the most, when reading hangs", async () => {
    const scene = await published(1);
    scene.onRead = () => new Promise(() => {});
    scene.hear("fail");
    scene.hear("fail");
    const begun = scene.now;
    void scene.publisher.kick();
    for (let waits = 0; waits < 20 && scene.writes.length === 0; waits += 1) await scene.tick(limits.readBeforeWriteMs / 4);
    expect(scene.now - begun).toBeLessThanOrEqual(limits.readBeforeWriteMs + limits.readBeforeWriteMs / 4);
    expect(scene.values(1_000)).toEqual(["192.0.2.2"]);
  });
});
