/** Providers that take a change and hand it out later: what is pending is not in sync, no drift, and not written again; what failed is. */
import { describe, expect, it } from "vitest";
import type { LiveRecords } from "../../domain/backend.ts";
import { defaultDrift } from "../../domain/drift.ts";
import { limits } from "../../domain/limits.ts";
import { isInSync } from "../../domain/publish.ts";
import { gslb, uuid } from "./project.fixture.ts";
import { die, gslbs, published, type Scene } from "./publisher.fixture.ts";

/** Names that the provider still hands out, or failed to. */
function handsOut(scene: Scene): Map<string, LiveRecords["state"] & {}> {
  const states = new Map<string, LiveRecords["state"] & {}>();
  scene.onRead = async (_, read) =>
    (await read()).map((records) => {
      const state = states.get(records.fqdn);
      return state === undefined ? records : { ...records, state };
    });
  return states;
}

const name = "www1000.example.com.";

describe("what a provider still hands out", () => {
  it("is not in sync, and is read again: soon at first, then ever later, five seconds at most", async () => {
    const scene = await published(1);
    const states = handsOut(scene);
    states.set(name, "pending");
    const readAt: number[] = [];
    const { onRead } = scene;
    scene.onRead = (fqdns, read) => {
      readAt.push(scene.now);
      return onRead(fqdns, read);
    };
    await die(scene);
    const begun = scene.now;
    await scene.pass(60_000);
    // One before the write, one after it, and then these.
    expect(readAt.slice(2, 8).map((at) => (at - begun) / 1_000)).toEqual([1, 3, 7, 12, 17, 22]);
    expect([isInSync(scene.publication(1_000)), scene.publication(1_000).unseen, scene.writes.length]).toEqual([false, true, 1]);
    expect([scene.kinds("published"), scene.kinds("drift"), scene.kinds("publish_failed")]).toEqual([[], [], []]);
    states.clear();
    await scene.pass(limits.pendingMaxMs);
    expect([isInSync(scene.publication(1_000)), scene.writes.length]).toEqual([true, 1]);
    expect(scene.kinds("published")).toHaveLength(1);
  });

  it("may answer as before until it is live", async () => {
    const scene = await published(1);
    const before = scene.live.get(name);
    let pending = true;
    scene.onRead = async (_, read) => {
      const now = scene.live.get(name);
      if (!pending || before === undefined) return read();
      scene.live.set(name, before);
      const old = await read();
      if (now !== undefined) scene.live.set(name, now);
      return old.map((records) => ({ ...records, state: "pending" as const }));
    };
    await die(scene);
    await scene.pass(30_000);
    expect([isInSync(scene.publication(1_000)), scene.writes.length, scene.events.filter(({ flavor }) => flavor !== null)]).toEqual([
      false,
      1,
      [],
    ]);
    pending = false;
    await scene.pass(limits.pendingMaxMs);
    expect([isInSync(scene.publication(1_000)), scene.writes.length]).toEqual([true, 1]);
  });

  it("keeps no other name back, nor a newer plan of its own", async () => {
    const scene = await published(2);
    handsOut(scene).set(name, "pending");
    await die(scene);
    expect([isInSync(scene.publication(1_000)), isInSync(scene.publication(1_001))]).toEqual([false, true]);
    scene.hear("pass");
    scene.hear("pass");
    await scene.settle();
    expect(isInSync(scene.publication(1_001))).toBe(true);
    expect(scene.sent(1_000).map(({ answers }) => answers.flatMap(({ values }) => values))).toEqual([
      ["192.0.2.2"],
      ["192.0.2.1", "192.0.2.2"],
    ]);
  });

  it("is not written again by an Engine that was evicted", async () => {
    const scene = await published(1);
    const states = handsOut(scene);
    states.set(name, "pending");
    await die(scene);
    scene.start(scene.now);
    await scene.pass(20_000);
    expect(scene.writes).toHaveLength(1);
    states.clear();
    await scene.pass(limits.pendingMaxMs);
    expect([isInSync(scene.publication(1_000)), scene.writes.length]).toEqual([true, 1]);
  });

  it("is not given up where it cannot be read for a while", async () => {
    const scene = await published(1);
    const states = handsOut(scene);
    states.set(name, "pending");
    await die(scene);
    const { onRead } = scene;
    scene.onRead = () => Promise.reject(new Error("read: away"));
    await scene.pass(60_000);
    expect([isInSync(scene.publication(1_000)), scene.writes.length]).toEqual([false, 1]);
    scene.onRead = onRead;
    states.clear();
    await scene.pass(limits.retryMaxMs);
    expect([isInSync(scene.publication(1_000)), scene.writes.length]).toEqual([true, 1]);
  });

  it("is an error in the provider's words where it failed, and written again with back-off", async () => {
    const scene = await published(1);
    const states = handsOut(scene);
    states.set(name, "pending");
    await die(scene);
    states.set(name, { error: "the zone is locked" });
    await scene.pass(limits.pendingMinMs);
    const failed = scene.publication(1_000);
    expect(failed.lastError).toMatchObject({
      class: "retry",
      detail: `the backend failed to publish plan ${failed.number}: the zone is locked`,
    });
    expect(failed.nextTryAt).toBeGreaterThan(scene.now);
    expect(scene.kinds("publish_failed")).toHaveLength(1);
    await scene.pass(limits.retryMaxMs);
    expect(scene.writes.length).toBeGreaterThan(2);
    expect(scene.writes.length).toBeLessThan(20);
    states.clear();
    await scene.pass(limits.retryMaxMs);
    expect([isInSync(scene.publication(1_000)), scene.publication(1_000).lastError]).toEqual([true, null]);
  });

  it("is no removal that is done: the name is told to be gone once it is", async () => {
    const scene = await published(1);
    const states = handsOut(scene);
    states.set(name, "pending");
    scene.remove(gslb(1_000, [uuid(10)]));
    await scene.pass(20_000);
    expect([scene.writes.length, scene.unpublished]).toEqual([1, []]);
    states.set(name, { error: "the zone is locked" });
    await scene.pass(20_000);
    expect([scene.writes.length > 1, scene.unpublished]).toEqual([true, []]);
    states.clear();
    await scene.pass(limits.retryMaxMs);
    expect(scene.unpublished).toHaveLength(1);
  });

  it("is no drift when it is looked at, and what fails later is written anew", async () => {
    const scene = await published(1);
    const states = handsOut(scene);
    scene.edit(1_000, "203.0.113.9");
    states.set(name, "pending");
    const work = async (ms: number) => {
      for (const end = scene.now + ms; scene.now < end; ) {
        await scene.pass(10_000);
        scene.hear("pass");
      }
      await scene.settle();
    };
    await work(limits.driftIntervalMs + 20_000);
    expect([scene.kinds("drift"), scene.writes]).toEqual([[], []]);
    scene.edit(1_000, "192.0.2.1", "192.0.2.2");
    states.set(name, { error: "a server did not take it" });
    await work(limits.driftIntervalMs + 20_000);
    expect([scene.kinds("drift"), scene.publication(1_000).lastError?.class]).toEqual([[], "retry"]);
    states.clear();
    await work(limits.driftIntervalMs + 20_000);
    expect(isInSync(scene.publication(1_000))).toBe(true);
  });
});

describe("a flavor's drift interval", () => {
  const work = async (scene: Scene, ms: number) => {
    for (const end = scene.now + ms; scene.now < end; ) {
      await scene.pass(10_000);
      scene.hear("pass");
    }
    await scene.settle();
  };

  it("of 0 means that nobody looks; what is written is read all the same", async () => {
    const scene = await published(2);
    scene.drift = { ...defaultDrift, intervalMs: 0 };
    scene.edit(1_000, "203.0.113.9");
    await work(scene, 4 * limits.driftIntervalMs);
    expect([scene.reads, scene.writes, scene.values(1_000)]).toEqual([[], [], ["203.0.113.9"]]);
    await die(scene);
    expect(scene.reads).toHaveLength(2);
    expect(scene.kinds("drift")).toHaveLength(1);
    expect(scene.values(1_000)).toEqual(["192.0.2.2"]);
  });

  it("of 0 leaves nothing unread that could not be read back", async () => {
    const scene = await published(1);
    scene.drift = { ...defaultDrift, intervalMs: 0 };
    scene.onRead = () => Promise.reject(new Error("read: away"));
    await die(scene);
    expect(isInSync(scene.publication(1_000))).toBe(false);
    scene.onRead = (_, read) => read();
    await scene.pass(limits.driftIntervalMs + 20_000);
    expect([isInSync(scene.publication(1_000)), scene.writes.length]).toEqual([true, 1]);
  });

  it("is kept, whatever it is", async () => {
    const scene = await published(1);
    scene.drift = { ...defaultDrift, intervalMs: 20_000 };
    await work(scene, 600_000);
    expect(scene.reads.length).toBeGreaterThanOrEqual(19);
    expect(scene.reads.length).toBeLessThanOrEqual(31);
  });

  it("with hold: what others changed is told and left, until what is wanted changes", async () => {
    const scene = await published(1);
    scene.drift = { ...defaultDrift, onDrift: "hold" };
    scene.edit(1_000, "203.0.113.9");
    await work(scene, 2 * limits.driftIntervalMs);
    expect([scene.writes, scene.values(1_000), isInSync(scene.publication(1_000))]).toEqual([[], ["203.0.113.9"], false]);
    expect(scene.kinds("drift")).toMatchObject([{ evidence: { held: true } }]);
    scene.configure([{ ...(gslbs(1)[0] as NonNullable<ReturnType<typeof gslbs>[0]>), ttl: 60, version: 2 }]);
    await scene.settle();
    expect(scene.values(1_000)).toEqual(["192.0.2.1", "192.0.2.2"]);
  });
});
