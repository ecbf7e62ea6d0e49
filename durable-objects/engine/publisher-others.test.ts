/** Whose a name is, as the publisher finds it before it writes there: nobody's, ours, somebody else's, given to Kosmos, or taken from it. */
import { describe, expect, it } from "vitest";
import { BackendFailure } from "../../domain/backend.ts";
import { limits } from "../../domain/limits.ts";
import { isInSync, isPending } from "../../domain/publish.ts";
import { gslb, uuid } from "./project.fixture.ts";
import { die, gslbs, published, Scene } from "./publisher.fixture.ts";
import { gslbView } from "./views.ts";

const ours = gslb(1_000, [uuid(10)], { steering_policy: "round_robin" });
const mark = (n: number, number: number) => ({ gslbId: uuid(n), epoch: 0, number });

async function begun(scene: Scene, over: Partial<typeof ours> = {}): Promise<Scene> {
  scene.configure([{ ...ours, ...over }]);
  scene.hear("pass");
  await scene.settle();
  return scene;
}

describe("a name that was never published", () => {
  it("is read before it is written, and what was found goes along", async () => {
    const scene = await begun(new Scene());
    expect(scene.reads[0]).toEqual([ours.fqdn]);
    expect(scene.writes[0]?.[0]?.found).toEqual({ fqdn: ours.fqdn, epoch: null, number: null, answers: [] });
    expect(isInSync(scene.publication(1_000))).toBe(true);
    expect(scene.kinds("adopted")).toEqual([]);
  });

  it("is not written where others have records, and the GSLB says what is there; it is once they are gone", async () => {
    const scene = new Scene();
    scene.replace(1_000, ["203.0.113.9"]);
    await begun(scene);
    await scene.pass(600_000);
    expect([scene.writes, scene.values(1_000)]).toEqual([[], ["203.0.113.9"]]);
    const said = "www1000.example.com. has A 203.0.113.9 (30 s) that Kosmos did not make: set adopt to replace it";
    expect(scene.kinds("publish_failed").map(({ reason }) => reason)).toEqual([said]);
    const view = gslbView(scene.project, uuid(1_000), scene.now);
    expect(view).toMatchObject({ status: "ERROR", reason: expect.stringContaining(said) });
    expect(view?.published[0]).toMatchObject({ flavor: "edge", in_sync: false, last_error: said });
    scene.clear(1_000);
    await scene.pass(limits.retryMaxMs);
    expect([isInSync(scene.publication(1_000)), scene.values(1_000)]).toEqual([true, ["192.0.2.1", "192.0.2.2"]]);
  });

  it("is not written either when another plan is wanted meanwhile", async () => {
    const scene = new Scene();
    scene.replace(1_000, ["203.0.113.9"]);
    await begun(scene);
    await die(scene);
    scene.configure([{ ...ours, ttl: 60, version: 2 }]);
    await scene.pass(600_000);
    expect([scene.writes, scene.values(1_000)]).toEqual([[], ["203.0.113.9"]]);
  });

  it("holds no other name back", async () => {
    const scene = new Scene();
    scene.replace(1_001, ["203.0.113.9"]);
    scene.configure(gslbs(3));
    scene.hear("pass");
    await scene.settle();
    expect([1_000, 1_001, 1_002].map((n) => isInSync(scene.publication(n)))).toEqual([true, false, true]);
    expect(scene.writes.map((changes) => changes.length)).toEqual([2]);
  });

  it("is not written where records came between two looks", async () => {
    const scene = new Scene();
    scene.onWrite = () => Promise.reject(new Error("connection refused"));
    await begun(scene);
    expect(scene.writes.length).toBeGreaterThan(0);
    scene.replace(1_000, ["203.0.113.9"]);
    scene.onWrite = (_, write) => write();
    scene.writes.length = 0;
    await scene.pass(600_000);
    expect([scene.writes, scene.values(1_000)]).toEqual([[], ["203.0.113.9"]]);
    expect(scene.publication(1_000).lastError?.class).toBe("foreign");
  });

  it("is another GSLB's where its mark stands", async () => {
    const scene = new Scene();
    scene.replace(1_000, ["192.0.2.1", "192.0.2.2"], mark(77, 1));
    await begun(scene);
    expect(scene.writes).toEqual([]);
    expect(scene.publication(1_000).lastError).toMatchObject({ class: "foreign", detail: expect.stringContaining(uuid(77)) });
  });

  it("goes above what an Engine that was forgotten wrote for the same GSLB", async () => {
    const scene = new Scene();
    scene.replace(1_000, ["192.0.2.9"], mark(1_000, 41));
    await begun(scene);
    expect(isInSync(scene.publication(1_000))).toBe(true);
    expect(scene.publication(1_000).number).toBe(42);
    expect(scene.sent(1_000).map(({ number }) => number)).toEqual([42]);
    expect(scene.values(1_000)).toEqual(["192.0.2.1", "192.0.2.2"]);
    expect([scene.kinds("adopted"), scene.kinds("publish_failed")]).toEqual([[], []]);
  });

  it("is taken over where people gave it to Kosmos, and the history tells once what was there", async () => {
    const scene = new Scene();
    scene.replace(1_000, ["203.0.113.9"]);
    scene.onWrite = () => Promise.reject(new Error("connection refused"));
    await begun(scene, { adopt: true });
    expect(scene.kinds("adopted")).toEqual([]);
    scene.onWrite = async (_, write) => {
      await write();
      throw new Error("the answer was lost");
    };
    await scene.pass(2_000);
    scene.onWrite = (_, write) => write();
    await scene.pass(limits.retryMaxMs);
    await die(scene);
    expect(scene.values(1_000)).toEqual(["192.0.2.2"]);
    expect(scene.kinds("adopted")).toMatchObject([
      {
        gslb_id: uuid(1_000),
        flavor: "edge",
        rule: "adopt",
        reason: expect.stringContaining("A 203.0.113.9"),
        evidence: { found: [{ values: ["203.0.113.9"] }], mark: null },
      },
    ]);
  });

  it("is not written while it cannot be read: it is tried again, with the reason", async () => {
    const scene = new Scene();
    scene.onRead = () => Promise.reject(new Error("read: away"));
    await begun(scene);
    expect(scene.writes).toEqual([]);
    expect(scene.publication(1_000).lastError).toMatchObject({
      class: "retry",
      detail: "it could not be read, which comes before it is written: read: away",
    });
    scene.onRead = (_, read) => read();
    await scene.pass(limits.retryMaxMs);
    expect(isInSync(scene.publication(1_000))).toBe(true);
  });

  it("is not written where a reading leaves it out", async () => {
    const scene = new Scene();
    scene.onRead = async (_, read) => (await read()).filter(({ fqdn }) => fqdn !== "www1001.example.com.");
    scene.configure(gslbs(2));
    scene.hear("pass");
    await scene.settle();
    expect([scene.sent(1_000).length, scene.sent(1_001).length]).toEqual([1, 0]);
    expect(scene.publication(1_001).lastError).toMatchObject({ class: "retry", detail: expect.stringContaining("could not be read") });
  });

  it("waits for a reading that hangs up to its deadline, while no published name does", async () => {
    const scene = await published(1);
    scene.onRead = (fqdns, read) => (fqdns.includes(ours.fqdn) ? read() : new Promise(() => {}));
    scene.configure([gslb(2_000, [uuid(10)])]);
    void scene.publisher.kick();
    await scene.tick(0);
    await scene.tick(limits.readBeforeWriteMs);
    expect([scene.writes, scene.publication(2_000).lastError]).toEqual([[], null]);
    await scene.tick(limits.readDeadlineMs);
    expect([scene.writes, scene.publication(2_000).lastError?.class]).toEqual([[], "retry"]);
    // It is tried again, which hangs again; the other goes before it.
    scene.hear("fail");
    scene.hear("fail");
    await scene.tick(0);
    expect(scene.values(1_000)).toEqual(["192.0.2.2"]);
  });

  it("shows what a reading failed for, where the backend does not know us or has no such zone", async () => {
    for (const failure of [
      { class: "credentials", detail: "the API key was refused" },
      { class: "not-found", detail: "there is no zone example.com." },
    ] as const) {
      const scene = new Scene();
      scene.onRead = () => Promise.reject(new BackendFailure(failure));
      scene.configure(gslbs(3));
      scene.hear("pass");
      await scene.settle();
      for (const n of [1_000, 1_001, 1_002]) {
        expect(scene.publication(n).lastError).toMatchObject(failure);
        expect(scene.publication(n).atMost).toBeNull();
      }
      expect(gslbView(scene.project, uuid(1_000), scene.now)?.reason).toContain(`edge did not take plan 1: ${failure.detail}`);
    }
  });

  it("is written without a look by a backend that cannot be read", async () => {
    const scene = await begun(new Scene({ supports: { readBack: false } }));
    expect([scene.reads, scene.writes.length, scene.writes[0]?.[0]?.found]).toEqual([[], 1, undefined]);
  });
});

describe("a name that was published", () => {
  it("is written also where it cannot be read: a dead endpoint must go", async () => {
    const scene = await published(1);
    scene.onRead = () => Promise.reject(new Error("read: away"));
    await die(scene);
    expect(scene.values(1_000)).toEqual(["192.0.2.2"]);
    expect(scene.writes[0]?.[0]?.found).toBeUndefined();
  });

  it("goes along with what was found there", async () => {
    const scene = await published(1);
    await die(scene);
    expect(scene.writes[0]?.[0]?.found).toMatchObject({
      gslbId: uuid(1_000),
      number: 1,
      answers: [{ values: ["192.0.2.1", "192.0.2.2"] }],
    });
  });

  it("is not taken back from whoever replaced records and mark when it is deleted: that ends the removal", async () => {
    const scene = await published(1);
    scene.replace(1_000, ["203.0.113.9"]);
    scene.remove(ours);
    await scene.settle();
    expect([scene.writes, scene.values(1_000)]).toEqual([[], ["203.0.113.9"]]);
    expect(scene.kinds("unpublished").map(({ reason }) => reason)).toEqual([
      "www1000.example.com. has A 203.0.113.9 (30 s) that Kosmos did not make: nothing is removed from edge",
    ]);
    expect(scene.unpublished).toEqual([{ gslb_id: uuid(1_000), flavor: "edge" }]);
    expect(isPending(scene.publication(1_000))).toBe(false);
  });

  it("is removed where its records were edited and the mark is ours", async () => {
    const scene = await published(1);
    scene.edit(1_000, "203.0.113.9");
    scene.remove(ours);
    await scene.settle();
    expect(scene.values(1_000)).toEqual([]);
    expect(scene.kinds("unpublished").map(({ reason }) => reason)).toEqual(["www1000.example.com. is removed from edge"]);
  });

  it("is removed once it can be read", async () => {
    const scene = await published(1);
    scene.onRead = () => Promise.reject(new Error("read: away"));
    scene.remove(ours);
    await scene.settle();
    expect([scene.writes, scene.unpublished]).toEqual([[], []]);
    scene.onRead = (_, read) => read();
    await scene.pass(limits.retryMaxMs);
    expect([scene.values(1_000), scene.unpublished.length]).toEqual([[], 1]);
  });
});
