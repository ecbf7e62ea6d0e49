/** What others change at the backend, as the publisher finds it over a real project: written over, fought over, held, or none at all. */
import { describe, expect, it } from "vitest";
import { nameOf } from "../../domain/fence.ts";
import type { Gslb } from "../../domain/gslb.ts";
import { limits } from "../../domain/limits.ts";
import { isInSync } from "../../domain/publish.ts";
import { uuid } from "./project.fixture.ts";
import { die, gslbs, published, type Scene } from "./publisher.fixture.ts";
import { gslbView } from "./views.ts";

describe("drift", () => {
  /** Checks go on while time passes. */
  async function work(scene: Scene, ms: number): Promise<void> {
    for (const end = scene.now + ms; scene.now < end; ) {
      await scene.pass(10_000);
      scene.hear("pass");
    }
    await scene.settle();
  }

  it("is found within an interval, told with what was there, and written over above its number", async () => {
    const scene = await published(3);
    const { number } = scene.publication(1_001);
    scene.edit(1_001, "203.0.113.66");
    await work(scene, limits.driftIntervalMs + 20_000);
    expect(scene.kinds("drift")).toMatchObject([
      { gslb_id: uuid(1_001), severity: "warning", evidence: { found: [{ values: ["203.0.113.66"] }], drifts: 1, held: false } },
    ]);
    expect(scene.values(1_001)).toEqual(["192.0.2.1", "192.0.2.2"]);
    expect(scene.publication(1_001).number).toBe(number + 1);
    expect(scene.writes.map((changes) => changes.map(nameOf))).toEqual([["www1001.example.com."]]);
    expect(scene.kinds("published")).toMatchObject([{ evidence: { urgency: "repair" } }]);
  });

  it("is a conflict at the third time in ten minutes, and held until what is wanted changes", async () => {
    const scene = await published(1);
    for (let n = 0; n < 12; n += 1) {
      scene.edit(1_000, "203.0.113.66");
      await work(scene, 60_000);
    }
    expect(scene.kinds("drift")).toHaveLength(2);
    expect(scene.kinds("conflict")).toMatchObject([{ severity: "critical", evidence: { drifts: 3, held: true } }]);
    expect(scene.values(1_000)).toEqual(["203.0.113.66"]);
    expect(isInSync(scene.publication(1_000))).toBe(false);
    await die(scene);
    expect(scene.values(1_000)).toEqual(["192.0.2.2"]);
    expect(isInSync(scene.publication(1_000))).toBe(true);
  });

  it("is held where it was made while Kosmos was away, and stands until it is undone", async () => {
    const scene = await published(2);
    const lastAlive = scene.now;
    scene.edit(1_000, "203.0.113.66");
    scene.now += 3_600_000;
    scene.start(lastAlive);
    await work(scene, 1_200_000);
    expect(scene.kinds("hand_edit")).toMatchObject([{ gslb_id: uuid(1_000), evidence: { held: true } }]);
    expect([scene.values(1_000), scene.writes]).toEqual([["203.0.113.66"], []]);
    const view = gslbView(scene.project, uuid(1_000), scene.now);
    expect(view).toMatchObject({ status: "ERROR", reason: expect.stringContaining("found: A 203.0.113.66") });
    expect(view?.published[0]).toMatchObject({ in_sync: false, last_error: expect.stringContaining("nobody decided here") });
    expect(view?.published[0]?.would_publish?.flatMap((answer) => answer.values)).toEqual(["192.0.2.1", "192.0.2.2"]);
    scene.edit(1_000, "192.0.2.2", "192.0.2.1");
    await work(scene, limits.driftIntervalMs + 20_000);
    expect([isInSync(scene.publication(1_000)), scene.writes]).toEqual([true, []]);
  });

  it("was made while Kosmos was away, also where the first reading after it failed", async () => {
    const scene = await published(1);
    const lastAlive = scene.now;
    scene.edit(1_000, "203.0.113.66");
    scene.now += 3_600_000;
    scene.start(lastAlive);
    scene.onRead = () => Promise.reject(new Error("away"));
    scene.hear("pass");
    await work(scene, 60_000);
    expect(scene.reads).toHaveLength(1);
    scene.onRead = (_, read) => read();
    await work(scene, limits.driftIntervalMs);
    expect(scene.kinds("hand_edit")).toHaveLength(1);
    expect(scene.kinds("drift")).toEqual([]);
  });

  it("is none where a name was written while it was read", async () => {
    const scene = await published(1);
    const slow = Promise.withResolvers<void>();
    scene.now += limits.driftIntervalMs;
    let reads = 0;
    scene.onRead = async (_, read) => {
      reads += 1;
      if (reads === 1) await slow.promise;
      return read();
    };
    void scene.publisher.kick();
    await scene.tick(0);
    expect(reads).toBe(1);
    scene.configure([{ ...gslbs(1)[0], ttl: 60, version: 2 } as Gslb]);
    void scene.publisher.kick();
    await scene.tick(0);
    expect(isInSync(scene.publication(1_000))).toBe(true);
    slow.resolve();
    await scene.settle();
    expect([scene.kinds("drift"), scene.writes.length, scene.publication(1_000).live?.plan.ttl]).toEqual([[], 1, 60]);
  });

  it("is looked for as often after an eviction: when a zone was read is not forgotten", async () => {
    const scene = await published(2);
    for (let n = 0; n < 60; n += 1) {
      scene.start(scene.now);
      await work(scene, 20_000);
    }
    expect(scene.reads.length).toBeGreaterThanOrEqual(2);
    expect(scene.reads.length).toBeLessThanOrEqual(Math.ceil((60 * 40_000) / limits.driftIntervalMs));
  });

  it("is none where reading fails, and costs the publication nothing", async () => {
    const scene = await published(2);
    scene.onRead = () => Promise.reject(new Error("away"));
    await work(scene, 2 * limits.driftIntervalMs);
    expect([scene.events, scene.writes]).toEqual([[], []]);
    expect(scene.reads.length).toBeLessThanOrEqual(2);
    for (const publication of scene.project.publications.values()) expect(isInSync(publication)).toBe(true);
  });

  it("is waited for without one alarm after the other while reading hangs", async () => {
    const scene = await published(1);
    void scene.publisher.kick();
    await scene.tick(0);
    scene.onRead = () => new Promise(() => {});
    await scene.tick(limits.driftIntervalMs);
    expect(scene.publisher.nextAt(scene.now)).toBeLessThanOrEqual(scene.now);
    void scene.publisher.kick();
    await scene.tick(0);
    expect(scene.reads).toHaveLength(1);
    expect(scene.publisher.nextAt(scene.now)).toBe(scene.now + 1_000);
    await scene.tick(limits.readDeadlineMs);
    expect(scene.publisher.nextAt(scene.now)).toBe(scene.now + limits.driftIntervalMs);
  });

  it("is told when it is about to be written over", async () => {
    const scene = await published(1);
    scene.edit(1_000, "203.0.113.66");
    await die(scene);
    expect(scene.kinds("drift")).toHaveLength(1);
    expect(scene.values(1_000)).toEqual(["192.0.2.2"]);
    expect(scene.writes).toHaveLength(1);
  });
});
