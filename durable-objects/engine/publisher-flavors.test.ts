/** Several flavors: none waits for another; a backend that was away gets the newest plans alone; new credentials are tried at once. */
import { describe, expect, it } from "vitest";
import type { WriteFailure } from "../../domain/backend.ts";
import { limits } from "../../domain/limits.ts";
import { isInSync, isPending } from "../../domain/publish.ts";
import { fail } from "../../domain/result.ts";
import { gslb, uuid } from "./project.fixture.ts";
import { die, gslbs, published, Scene, SceneFlavor } from "./publisher.fixture.ts";

const ours = (n: number, flavor: string) => gslb(n, [uuid(10)], { steering_policy: "round_robin", flavor, flavors: [flavor] });

/** `edge` has the names from 1000 on, `dns` those from 2000 on. */
async function two(): Promise<{ scene: Scene; dns: SceneFlavor }> {
  const scene = new Scene();
  const dns = new SceneFlavor();
  scene.flavors.set("dns", dns);
  scene.configure([ours(1_000, "edge"), ours(2_000, "dns"), ours(2_001, "dns")]);
  scene.hear("pass");
  await scene.settle();
  scene.hear("pass");
  await scene.settle();
  for (const { writes, reads } of [scene, dns]) for (const list of [writes, reads]) list.length = 0;
  scene.events.length = 0;
  return { scene, dns };
}

describe("two flavors", () => {
  it("are independent: one that hangs holds nothing of the other back", async () => {
    const { scene, dns } = await two();
    dns.onWrite = () => new Promise(() => {});
    dns.onRead = () => new Promise(() => {});
    scene.hear("fail");
    scene.hear("fail");
    await scene.tick(0);
    expect([scene.values(1_000), dns.values(2_000)]).toEqual([["192.0.2.2"], ["192.0.2.1", "192.0.2.2"]]);
    expect(isInSync(scene.publication(1_000))).toBe(true);
    scene.hear("pass");
    scene.hear("pass");
    await scene.tick(0);
    expect([scene.values(1_000), scene.writes.length]).toEqual([["192.0.2.1", "192.0.2.2"], 2]);
  });

  it("are independent: one that refuses everything leaves the other in sync", async () => {
    const { scene, dns } = await two();
    const failures: WriteFailure[] = [
      { class: "credentials", detail: "401" },
      { class: "retry", detail: "429", afterMs: 3_600_000 },
      { class: "refused", detail: "no" },
    ];
    for (const failure of failures) {
      dns.onWrite = async (changes) => changes.map(() => fail(failure));
      await die(scene);
      expect([isInSync(scene.publication(1_000)), isInSync(scene.publication(2_000, "dns"))]).toEqual([true, false]);
      scene.hear("pass");
      scene.hear("pass");
      await scene.settle();
      expect(isInSync(scene.publication(1_000))).toBe(true);
    }
  });
});

describe("a backend that was away for a minute", () => {
  it("gets one write for each name afterwards, with the newest plan alone", async () => {
    const scene = await published(20);
    const away = () => Promise.reject(new Error("connection refused"));
    scene.onWrite = away;
    scene.onRead = away;
    const begun = scene.now;
    for (const health of ["fail", "pass", "fail"] as const) {
      scene.hear(health);
      scene.hear(health);
      await scene.pass(1_000);
    }
    expect(scene.now - begun).toBeGreaterThanOrEqual(60_000);
    expect(scene.publication(1_000).lastError).toMatchObject({ class: "retry", detail: "connection refused" });
    expect(scene.values(1_000)).toEqual(["192.0.2.1", "192.0.2.2"]);
    scene.writes.length = 0;
    scene.onWrite = (_, write) => write();
    scene.onRead = (_, read) => read();
    await scene.pass(limits.retryMaxMs);
    for (let n = 1_000; n < 1_020; n += 1) {
      const publication = scene.publication(n);
      expect(scene.sent(n).map(({ number, answers }) => [number, answers.flatMap(({ values }) => values)])).toEqual([
        [publication.number, ["192.0.2.2"]],
      ]);
      expect(isInSync(publication)).toBe(true);
    }
    expect(scene.kinds("drift")).toEqual([]);
  });
});

describe("credentials that are refused", () => {
  it("blame no name: all wait together, as one", async () => {
    const scene = await published(8);
    scene.onWrite = async () => ({ class: "credentials", detail: "the API key was refused" });
    await die(scene);
    await scene.pass(3_600_000);
    const all = [...scene.project.publications.values()];
    expect(new Set(all.map(({ atMost }) => atMost))).toEqual(new Set([null]));
    expect(new Set(all.map(({ lastError }) => lastError?.detail))).toEqual(new Set(["the API key was refused"]));
    expect(scene.kinds("publish_failed")).toHaveLength(8);
    scene.onWrite = (_, write) => write();
    scene.writes.length = 0;
    await scene.pass(2 * limits.retryMaxMs);
    expect([...scene.project.publications.values()].every(isInSync)).toBe(true);
    expect(scene.writes.length).toBeLessThanOrEqual(2);
  });

  it("are tried anew at once when the flavor changes, with nothing kept of before", async () => {
    const scene = await published(3);
    const kept: unknown[] = [];
    const { write } = scene.plugin;
    let refused = true;
    Object.assign(scene.plugin, {
      write: (...[zone, changes, backend]: Parameters<typeof write>): ReturnType<typeof write> => {
        kept.push(backend.io.kept.get("token"));
        backend.io.kept.set("token", "old");
        return refused ? Promise.resolve({ class: "credentials", detail: "401" }) : write(zone, changes, backend);
      },
    });
    await die(scene);
    await scene.pass(1_200_000);
    expect(isPending(scene.publication(1_000))).toBe(true);
    refused = false;
    scene.publisher.flavorChanged("other");
    await scene.settle();
    expect(isPending(scene.publication(1_000))).toBe(true);
    scene.publisher.flavorChanged("edge");
    await scene.settle();
    expect(gslbs(3).every(({ fqdn }) => isInSync(scene.at(fqdn)))).toBe(true);
    expect([kept[0], kept[1], kept.at(-1)]).toEqual([undefined, "old", undefined]);
  });

  it("end a wait that the provider had asked for", async () => {
    const scene = await published(1);
    scene.onWrite = async () => ({ class: "retry", detail: "429", afterMs: limits.retryAfterMaxMs });
    await die(scene);
    scene.onWrite = (_, write) => write();
    scene.publisher.flavorChanged("edge");
    await scene.settle();
    expect(scene.values(1_000)).toEqual(["192.0.2.2"]);
  });
});
