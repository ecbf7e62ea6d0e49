/** Cases of what goes wrong on the way: lost answers, silence, providers that are busy, broken, or do not know us. */
import assert from "node:assert/strict";
import { nameOf } from "../../domain/fence.ts";
import type { Case } from "./cases.ts";
import { type Lab, set } from "./lab.ts";

/** For calls that are to end by their deadline. */
const shortMs = 500;

export const networkCases = [
  {
    id: "lost-answer",
    title: "a write that took effect and whose answer was lost is a retry, and the retry is taken",
    run: async (lab) => {
      const name = lab.name();
      for (const change of [lab.publish(name, [set("A", "192.0.2.1")]), lab.publish(name, [set("A", "192.0.2.2")]), lab.unpublish(name)]) {
        lab.network.fault = { kind: "lost" };
        assert.deepEqual(await lab.words([change]), ["retry"]);
        lab.network.fault = { kind: "none" };
        await lab.is(change);
        await lab.writes(change);
        await lab.is(change);
      }
    },
  },
  {
    id: "silence",
    title: "a backend that says nothing is let go of at the deadline, and nothing was written",
    run: async (lab) => {
      const change = lab.publish(lab.name(), [set("A", "192.0.2.1")]);
      lab.deadlineMs = shortMs;
      lab.network.fault = { kind: "hangs" };
      assert.deepEqual(await lab.words([change], { found: "blind" }), ["retry"]);
      await recovered(lab, change);
    },
  },
  {
    id: "reset",
    title: "a connection that breaks is a retry",
    run: async (lab) => {
      const change = lab.publish(lab.name(), [set("A", "192.0.2.1")]);
      lab.network.fault = { kind: "reset", all: true };
      assert.deepEqual(await lab.words([change], { found: "blind" }), ["retry"]);
      await assert.rejects(lab.read([nameOf(change)]));
      await recovered(lab, change);
    },
  },
  {
    id: "busy",
    title: "429 with Retry-After is a retry, after that time",
    run: async (lab) => {
      const change = lab.publish(lab.name(), [set("A", "192.0.2.1")]);
      lab.network.fault = { kind: "answer", status: 429, headers: { "Retry-After": "7" }, body: "slow down" };
      const [came] = await lab.write([change]);
      assert.deepEqual([came?.word, came?.afterMs], ["retry", 7_000]);
      await recovered(lab, change);
    },
  },
  {
    id: "broken",
    title: "5xx, and a page of a proxy's where the API should be, are retries",
    run: async (lab) => {
      const change = lab.publish(lab.name(), [set("A", "192.0.2.1")]);
      for (const [status, body] of [
        [500, "Internal Server Error"],
        [503, "<html>maintenance</html>"],
        [302, ""],
      ] as const) {
        lab.network.fault = { kind: "answer", status, body, headers: { "Content-Type": "text/html", Location: "http://127.0.0.1:9/" } };
        assert.deepEqual(await lab.words([change]), ["retry"], `${status}`);
      }
      await recovered(lab, change);
    },
  },
  {
    id: "garbage",
    title: "an answer that makes no sense is no success",
    run: async (lab) => {
      const change = lab.publish(lab.name(), [set("A", "192.0.2.1")]);
      const garbage = { kind: "answer", status: 200, body: "\u0000{[garbage", all: true } as const;
      lab.network.fault = garbage;
      assert.deepEqual(await lab.words([change], { found: "blind" }), ["retry"]);
      await assert.rejects(lab.read([nameOf(change)]));
      await recovered(lab, change);
    },
  },
  {
    id: "credentials",
    title: "wrong credentials are told as such, by writes, reads and the test, and nothing is written",
    run: async (lab) => {
      const { wrongCredentials: credentials, zone } = lab.subject;
      assert.ok(credentials !== undefined);
      const change = lab.publish(lab.name(), [set("A", "192.0.2.1")]);
      assert.deepEqual(await lab.words([change], { credentials, found: "blind" }), ["credentials"]);
      assert.equal((await lab.failure(() => lab.read([nameOf(change)], { credentials }))).class, "credentials");
      assert.equal((await lab.failure(() => lab.test([zone], credentials))).class, "credentials");
      assert.deepEqual((await lab.live(nameOf(change))).answers, []);
    },
  },
  {
    id: "zone-missing",
    title: "a zone that is not there is told as such, by writes, reads and the test",
    run: async (lab) => {
      const { missingZone: zone } = lab.subject;
      const fqdn = `www.${zone}`;
      const change = lab.publish(fqdn, [set("A", "192.0.2.1")], { zone });
      assert.deepEqual(await lab.words([change], { zone, found: "blind" }), ["not-found"]);
      assert.equal((await lab.failure(() => lab.read([fqdn], { zone }))).class, "not-found");
      assert.equal((await lab.failure(() => lab.test([lab.subject.zone, zone]))).class, "not-found");
    },
  },
  {
    id: "test",
    title: "the test of a flavor says what it tried, and changes nothing",
    run: async (lab) => {
      const before = await lab.subject.dump();
      const { details } = await lab.test([lab.subject.zone]);
      assert.ok(details.length > 0 && details.every((line) => /^[\x20-\x7e]{3,300}$/.test(line)), details.join("\n"));
      assert.deepEqual(await lab.subject.dump(), before);
      await lab.cut();
      try {
        assert.equal((await lab.failure(() => lab.test([lab.subject.zone]))).class, "retry", "and of one that is not there");
      } finally {
        await lab.mend();
      }
    },
  },
] as const satisfies readonly Case[];

/** The fault is over: nothing of the change was live, and it is taken now. */
async function recovered(lab: Lab, change: ReturnType<Lab["publish"]>): Promise<void> {
  lab.network.fault = { kind: "none" };
  assert.deepEqual((await lab.live(nameOf(change))).answers, []);
  await lab.writes(change);
  await lab.is(change);
}
