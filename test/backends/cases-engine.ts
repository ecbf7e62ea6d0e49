/** Cases through the Engine's own publisher: hundreds of names at once, one that spoils it, and a backend that is away while names come and go. */
import assert from "node:assert/strict";
import type { Gslb } from "../../domain/gslb.ts";
import type { Publication } from "../../domain/publish.ts";
import { gslb, member, pool, uuid } from "../../durable-objects/engine/project.fixture.ts";
import { die, Scene } from "../../durable-objects/engine/publisher.fixture.ts";
import { until } from "../system/until.ts";
import type { Case } from "./cases.ts";
import { type Lab, lines, set } from "./lab.ts";

const manyOf = ({ subject }: Lab): number => subject.many ?? 500;
/** Both members of the scene's pool, and the one that is left when the first is dead. */
const both = ["192.0.2.1", "192.0.2.2"];
const left = ["192.0.2.2"];

export const engineCases = [
  {
    id: "batch",
    title: "500 names at once: published, and changed when an endpoint dies",
    run: async (lab) => {
      const { gslbs, names } = gslbsOf(lab, manyOf(lab));
      const scene = await published(lab, gslbs);
      await inSync(lab, scene, names, both);
      lab.network.writes = 0;
      await die(scene);
      await inSync(lab, scene, names, left);
      const { writes } = lab.network;
      await deleted(lab, scene, gslbs);
      if (lab.subject.many !== undefined) return triedWith(names);
      return writes === 0 ? undefined : `${writes} writing call${writes === 1 ? "" : "s"} for 500 changed names`;
    },
  },
  {
    id: "poison",
    title: "one name among 500 that the backend refuses for good: the other 499 go out, and it alone is in error",
    run: async (lab) => {
      const { gslbs, names } = gslbsOf(lab, manyOf(lab));
      const index = Math.floor(names.length * 0.643);
      const bad = names[index] ?? "";
      const alias = { ...gslbs[index], pool_ids: [uuid(11)] } as Gslb;
      await poison(lab, bad);
      lab.network.writes = 0;
      const scene = await published(lab, gslbs.with(index, alias));
      const others = names.filter((name) => name !== bad);
      await inSync(lab, scene, others, both);
      await until(() => step(scene).then(() => scene.at(bad).lastError?.class), {
        what: "the culprit to be refused",
        is: (is) => is === "refused",
      });
      const { writes } = lab.network;
      assert.deepEqual((await lab.live(bad)).answers, []);
      await deleted(
        lab,
        scene,
        gslbs.filter(({ fqdn }) => fqdn !== bad),
      );
      if (lab.subject.many !== undefined) return triedWith(names);
      // Where a write becomes live later, their number depends on when it was looked.
      return writes === 0 || lab.subject.patienceMs !== undefined ? undefined : `${writes} writing calls, with the culprit's own`;
    },
  },
  {
    id: "partial",
    title: "of a write with a bad change among good ones, what it says of each is what came of it; the good ones alone are taken",
    run: async (lab) => {
      const names = ["one", "bad", "two"].map((label) => lab.name(label));
      const [one = "", bad = "", two = ""] = names;
      await poison(lab, bad);
      const changes = [lab.publish(one, [set("A", "192.0.2.1")]), alias(lab, bad), lab.publish(two, [set("A", "192.0.2.2")])];
      const words = await lab.words(changes);
      assert.notEqual(words[1], "ok");
      await lab.settled(names);
      for (const [index, change] of changes.entries())
        assert.equal(await lab.differs(change), words[index] !== "ok", `${names[index]}: ${words[index]}`);
      const good = changes.filter((_, index) => index !== 1);
      await lab.writes(...good);
      for (const change of good) await lab.is(change);
      return words[0] === "ok" ? "the good ones are taken" : `all of it is ${words[0]}`;
    },
  },
  {
    id: "not-ours",
    title: "records of others at a name that Kosmos never published stay, until people give it the name",
    run: async (lab) => {
      const {
        gslbs: [ours],
        names: [name = ""],
      } = gslbsOf(lab, 1);
      assert.ok(ours !== undefined);
      await lab.subject.byHand(name, "A", 77, ["203.0.113.7"]);
      const there = async () => lines((await lab.subject.dump()).filter((record) => record.name.endsWith(name)));
      const before = await there();
      const scene = await published(lab, [ours]);
      await until(() => step(scene).then(() => scene.at(name).lastError?.class), {
        what: "the name to be told as others'",
        is: (word) => word === "foreign",
      });
      await die(scene);
      await step(scene);
      assert.deepEqual([await there(), scene.writes], [before, []], "nothing was written, not even a mark");
      scene.configure([{ ...ours, adopt: true, version: 2 }], { seq: 2 });
      await inSync(lab, scene, [name], left);
      await deleted(lab, scene, [ours]);
    },
  },
  {
    id: "away",
    title: "names that are deleted, and made again, while the backend is away: the newest plan alone is written when it is back",
    run: async (lab) => {
      const { gslbs, names } = gslbsOf(lab, 3);
      const [ended, remade, changed] = gslbs as [Gslb, Gslb, Gslb];
      const scene = await published(lab, gslbs);
      await inSync(lab, scene, names, both);
      await lab.cut();
      const fresh: Gslb = { ...remade, id: uuid(lab.next()) };
      try {
        scene.configure([changed], { seq: 2, ...removal([ended, remade]) });
        await step(scene);
        scene.configure([fresh, changed], { seq: 3, tombstones: removal([ended, remade]).tombstones });
        await die(scene);
        await step(scene);
        const waits = () => [ended, fresh, changed].map(({ fqdn }) => scene.at(fqdn).lastError?.class ?? null);
        await until(() => step(scene).then(waits), {
          what: "all to wait for the backend",
          is: (all) => all.every((one) => one === "retry"),
        });
      } finally {
        await lab.mend();
      }
      scene.writes.length = 0;
      await inSync(lab, scene, [remade.fqdn, changed.fqdn], left);
      await until(() => step(scene).then(() => lab.live(ended.fqdn)), {
        what: "the deleted one to be gone",
        is: ({ answers }) => answers.length === 0,
      });
      const live = await lab.live(fresh.fqdn);
      assert.equal(live.gslbId, fresh.id, "it is the new one's");
      const written = scene.writes.flat().filter((change) => change.kind === "publish");
      assert.deepEqual(
        written.filter(({ plan }) => plan.answers.some(({ values }) => values.join() !== left.join())),
        [],
        "no older plan was written",
      );
      await deleted(lab, scene, [fresh, changed]);
    },
  },
] as const satisfies readonly Case[];

const triedWith = (names: readonly string[]): string => `tried with ${names.length} names; a writing call for each record set`;

/** GSLBs over the scene's pool at names of the case's own. */
function gslbsOf(lab: Lab, count: number): { readonly gslbs: readonly Gslb[]; readonly names: readonly string[] } {
  const names = Array.from({ length: count }, (_, index) => lab.name(`many-${index}`));
  const ttl = Math.max(30, lab.subject.plugin.supports.minTtl);
  const gslbs = names.map((fqdn) =>
    gslb(lab.next(), [uuid(10)], { fqdn, domain_name: lab.subject.zone, steering_policy: policyOf(lab), ttl }),
  );
  return { gslbs, names };
}

/** One that answers all endpoints in rotation, where the provider knows it. */
const policyOf = (lab: Lab): Gslb["steering_policy"] => {
  const { policies } = lab.subject.plugin.supports;
  return policies.includes("round_robin") ? "round_robin" : (policies[0] ?? "failover");
};

async function published(lab: Lab, gslbs: readonly Gslb[]): Promise<Scene> {
  const { plugin } = lab.subject;
  const io = { ...lab.network.io(), now: () => Date.now() };
  const scene = new Scene({}, { plugin, settings: lab.settings, credentials: lab.credentials(), io });
  const elsewhere = member(102, uuid(11), ["origin.example.net."], { type: "HOSTNAME" });
  scene.configure(gslbs, { pools: [pool(11)], members: [elsewhere] });
  scene.hear("pass");
  await scene.settle();
  scene.hear("pass");
  await scene.settle();
  return scene;
}

/** A second passes in the Engine, and what is due then is done. */
const step = (scene: Scene): Promise<void> => scene.pass(1_000);

/** Until the Engine holds them in sync, and the backend has these addresses at each. */
async function inSync(lab: Lab, scene: Scene, names: readonly string[], values: readonly string[]): Promise<void> {
  const isDone = ({ confirmed, number, unseen }: Publication) => confirmed === number && !unseen;
  const missing = () => names.map((name) => scene.at(name)).filter((one) => !isDone(one));
  await until(() => step(scene).then(() => missing().slice(0, 2)), {
    what: `${names.length} names to be in sync`,
    is: (some) => some.length === 0,
    timeoutMs: 45_000,
  });
  await lab.settled(names);
  const wrong = (await lab.read(names)).filter(
    ({ answers }) =>
      answers
        .flatMap((one) => one.values)
        .toSorted()
        .join() !== values.join(),
  );
  assert.deepEqual(wrong.slice(0, 3), []);
  const last = names.at(-1) ?? "";
  const { ttl } = (await lab.live(last)).answers[0] ?? { ttl: 0 };
  await lab.seen(last, [{ type: "A", values: [...values], ttl }]);
}

/** GSLBs are deleted, and their names with them: a case leaves the zone as it was. */
async function deleted(lab: Lab, scene: Scene, gslbs: readonly Gslb[]): Promise<void> {
  scene.configure([], { seq: 9, ...removal(gslbs) });
  const names = gslbs.map(({ fqdn }) => fqdn);
  const left = async () => (await lab.read(names)).filter(({ answers }) => answers.length > 0).map(({ fqdn }) => fqdn);
  await until(() => step(scene).then(left), {
    what: `${names.length} names to be gone`,
    is: (some) => some.length === 0,
    timeoutMs: 30_000,
  });
}

const removal = (gslbs: readonly Gslb[]) => ({
  deleted: gslbs.map(({ id }) => ({ kind: "gslb" as const, id })),
  tombstones: gslbs.map(({ id, fqdn, domain_name, flavor }) => ({ gslb_id: id, fqdn, zone: domain_name, flavor, remove: true })),
});

/** From now on the backend refuses a CNAME at this name: others' records are there, which Kosmos leaves alone. */
async function poison(lab: Lab, fqdn: string): Promise<void> {
  if (lab.subject.poison !== undefined) await lab.subject.poison(fqdn);
  else await lab.subject.byHand(fqdn, "MX", 300, ["10 mail.example.net."]);
}

const alias = (lab: Lab, fqdn: string) => lab.publish(fqdn, [set("CNAME", "origin.example.net.")]);
