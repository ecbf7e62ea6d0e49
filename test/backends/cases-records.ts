/** Cases of one name: what may stand there, what others have there, and that a plan ends up there whatever was before. */
import assert from "node:assert/strict";
import type { Change } from "../../domain/backend.ts";
import type { AnswerSet } from "../../domain/plan.ts";
import type { Case } from "./cases.ts";
import { gslbId, lines, otherGslbId, set } from "./lab.ts";

export const recordCases = [
  {
    id: "unpublished",
    title: "a name that was never published reads as empty, and nobody's",
    run: async (lab) => {
      const name = lab.name();
      const { handle: _, ...live } = await lab.live(name);
      assert.deepEqual(live, { fqdn: name, epoch: null, number: null, answers: [] });
    },
  },
  {
    id: "create",
    title: "a name is made, with its mark, and clients see it",
    run: async (lab) => {
      const change = lab.publish(lab.name(), [set("A", ["192.0.2.1", "192.0.2.2"])]);
      await lab.writes(change);
      await lab.is(change);
    },
  },
  {
    id: "change",
    title: "a name is changed: old answers are gone, new ones are there",
    run: async (lab) => {
      const name = lab.name();
      await lab.writes(lab.publish(name, [set("A", ["192.0.2.1", "192.0.2.2"])]));
      const change = lab.publish(name, [set("A", ["192.0.2.2", "192.0.2.3"])]);
      await lab.writes(change);
      await lab.is(change);
    },
  },
  {
    id: "remove",
    title: "a name is removed, records and mark; once more is no mistake, nor is one that never was",
    run: async (lab) => {
      const name = lab.name();
      await lab.writes(lab.publish(name, [set("A", "192.0.2.1")]));
      const change = lab.unpublish(name);
      await lab.writes(change);
      await lab.is(change);
      await lab.writes(lab.unpublish(name), lab.unpublish(lab.name("never")));
    },
  },
  {
    id: "converge",
    title: "whatever stands at a name, the same plan ends up there",
    run: async (lab) => {
      const starts: readonly (readonly AnswerSet[])[] = [
        [],
        [set("A", "198.51.100.1")],
        [set("A", "192.0.2.1", 300)],
        [set("A", ["192.0.2.9", "192.0.2.1"]), set("AAAA", "2001:db8::9")],
        [set("CNAME", "elsewhere.example.net.")],
      ];
      const names = starts.map(() => lab.name());
      await lab.writes(...starts.map((answers, index) => lab.publish(names[index] ?? "", answers)));
      const changes = names.map((name) => lab.publish(name, [set("A", ["192.0.2.1", "192.0.2.2"])]));
      await lab.writes(...changes);
      for (const change of changes) await lab.is(change);
    },
  },
  {
    id: "idempotent",
    title: "the same write again changes nothing, read before or not",
    run: async (lab) => {
      const change = lab.publish(lab.name(), [set("A", ["192.0.2.2", "192.0.2.1"]), set("AAAA", "2001:db8::1")]);
      await lab.writes(change);
      const before = lines(await lab.subject.dump());
      await lab.writes(change);
      assert.deepEqual(lines(await lab.subject.dump()), before, "not even the serial");
      assert.deepEqual(await lab.words([change], { found: "blind" }), ["ok"]);
      await lab.is(change);
    },
  },
  {
    id: "ttl",
    title: "the plan's TTL is what is served, and a change of it is a change",
    run: async (lab) => {
      const name = lab.name();
      for (const ttl of [86_400, Math.max(lab.subject.plugin.supports.minTtl, 5)]) {
        const change = lab.publish(name, [set("A", "192.0.2.1", ttl)]);
        await lab.writes(change);
        await lab.is(change);
      }
      return `from ${lab.subject.plugin.supports.minTtl} s`;
    },
  },
  {
    id: "a-and-aaaa",
    title: "A and AAAA stand together, each with its TTL, and go apart",
    run: async (lab) => {
      const name = lab.name();
      for (const answers of [[set("A", "192.0.2.1", 60), set("AAAA", ["2001:db8::1", "2001:db8::2"], 120)], [set("AAAA", "2001:db8::2")]]) {
        const change = lab.publish(name, answers);
        await lab.writes(change);
        await lab.is(change);
      }
    },
  },
  {
    id: "cname",
    title: "a CNAME off the apex",
    run: async (lab) => {
      const change = lab.publish(lab.name(), [set("CNAME", "origin.example.net.")]);
      await lab.writes(change);
      await lab.is(change);
    },
  },
  {
    id: "type-change",
    title: "A becomes CNAME becomes A, nothing else in between",
    run: async (lab) => {
      const name = lab.name();
      for (const answers of [set("A", "192.0.2.1"), set("CNAME", "origin.example.net."), set("A", "192.0.2.2")]) {
        const change = lab.publish(name, [answers]);
        await lab.writes(change);
        await lab.is(change);
      }
    },
  },
  {
    id: "apex",
    title: "addresses at the apex, beside the zone's own records",
    run: async (lab) => {
      const { zone } = lab.subject;
      const before = await lab.others(zone);
      const change = lab.publish(zone, [set("A", "192.0.2.1")]);
      await lab.writes(change);
      await lab.is(change);
      const removal = lab.unpublish(zone);
      await lab.writes(removal);
      await lab.is(removal);
      assert.deepEqual(await lab.others(zone), before);
    },
  },
  {
    id: "apex-cname",
    title: "a CNAME at the apex is refused, or served by what the provider has in its stead",
    run: async (lab) => {
      const { zone, plugin } = lab.subject;
      const before = await lab.others(zone);
      const change = lab.publish(zone, [set("CNAME", "origin.example.net.")]);
      const [came] = await lab.write([change]);
      assert.deepEqual(await lab.others(zone), before, "the zone's own records are as they were");
      if (plugin.supports.apexAlias === true) {
        assert.equal(came?.word, "ok", came?.detail);
        await lab.settled([zone]);
        assert.equal(await lab.differs(change), false);
        await lab.writes(lab.unpublish(zone));
        return "taken";
      }
      assert.equal(came?.word, "refused", came?.detail);
      assert.deepEqual((await lab.live(zone)).answers, []);
      return "refused";
    },
  },
  {
    id: "withdrawn",
    title: "a withdrawn plan keeps its mark and has no answers",
    run: async (lab) => {
      const name = lab.name();
      await lab.writes(lab.publish(name, [set("A", "192.0.2.1")]));
      const change = lab.publish(name, []);
      await lab.writes(change);
      await lab.is(change);
      assert.deepEqual((await lab.live(name)).answers, []);
    },
  },
  {
    id: "drift",
    title: "a record that was edited by hand is found, and written over",
    run: async (lab) => {
      const change = lab.publish(lab.name(), [set("A", ["192.0.2.1", "192.0.2.2"])]);
      await lab.writes(change);
      for (const [type, values] of [
        ["A", ["203.0.113.9"]],
        ["A", []],
        ["AAAA", ["2001:db8::bad"]],
      ] as const) {
        await lab.subject.byHand(change.plan.fqdn, type, 60, values);
        assert.ok(await lab.differs(change), `${type} ${values.join(", ")} by hand is a difference`);
        // Where the mark stands with the records, it goes with the last of them; a name without any is nobody's.
        const live = await lab.live(change.plan.fqdn);
        assert.ok(live.gslbId === gslbId || live.answers.length === 0, "still marked as Kosmos's");
        await lab.writes(change);
        await lab.is(change);
      }
    },
  },
  {
    id: "conflict",
    title: "of two writers the one with the older plan gives way",
    run: async (lab) => {
      const name = lab.name();
      const older = lab.publish(name, [set("A", "192.0.2.1")]);
      const newer = lab.publish(name, [set("A", "192.0.2.2")]);
      const [stale] = await lab.read([name]);
      assert.ok(stale !== undefined);
      await lab.writes(newer);
      const found = await lab.live(name);
      assert.equal(lab.objection(older, found)?.class, "superseded", "the mark says so");
      assert.equal(lab.objection(newer, found), null);
      // The other one wrote between our look and our write.
      const [late] = await lab.words([{ ...older, found: stale }], { found: "given" });
      const isLost = await lab.differs(newer);
      if (!isLost) {
        assert.notEqual(late, "ok");
        return "compared and set: a write on what was seen before is not taken";
      }
      assert.equal(late, "ok");
      await lab.writes(newer);
      await lab.is(newer);
      return "the mark, read just before the write; a write in between is seen at the next look";
    },
  },
  {
    id: "foreign",
    title: "records that Kosmos did not make read without a mark, and are replaced when adopted",
    run: async (lab) => {
      const name = lab.name();
      await lab.subject.byHand(name, "A", 77, ["203.0.113.7"]);
      const found = await lab.live(name);
      assert.deepEqual([found.gslbId, found.epoch, found.number], [undefined, null, null]);
      assert.deepEqual(
        found.answers.map(({ type, values }) => [type, ...values]),
        [["A", "203.0.113.7"]],
      );
      const change = lab.publish(name, [set("A", "192.0.2.1")]);
      assert.equal(lab.objection(change, found)?.class, "foreign");
      assert.equal(lab.objection(change, found, { adopt: true }), null);
      await lab.writes(change);
      await lab.is(change);
    },
  },
  {
    id: "foreign-mark",
    title: "another GSLB's name reads as its own",
    run: async (lab) => {
      const name = lab.name();
      const theirs = lab.publish(name, [set("A", "192.0.2.1")], { gslb_id: otherGslbId });
      await lab.writes(theirs);
      const found = await lab.live(name);
      assert.equal(found.gslbId, otherGslbId);
      assert.equal(lab.objection(lab.publish(name, [set("A", "192.0.2.2")]), found)?.class, "foreign");
    },
  },
  {
    id: "other-types",
    title: "other types at the name stay as they are",
    run: async (lab) => {
      const name = lab.name();
      await lab.subject.byHand(name, "TXT", 300, ['"v=spf1 -all"', '"of others, with \\"quotes\\""']);
      await lab.subject.byHand(name, "MX", 300, ["10 mail.example.net."]);
      const before = await lab.others(name);
      assert.equal(before.length, 3);
      for (const change of [
        lab.publish(name, [set("A", "192.0.2.1"), set("AAAA", "2001:db8::1")]),
        lab.publish(name, [set("A", "192.0.2.2")]),
        lab.publish(name, []),
        lab.unpublish(name),
      ]) {
        await lab.writes(change);
        assert.deepEqual(await lab.others(name), before);
      }
    },
  },
  {
    id: "other-names",
    title: "others' records in the zone stay as they are, also right beside and below the name",
    run: async (lab) => {
      const name = lab.name();
      const below = `theirs.${name}`;
      await lab.subject.byHand(below, "A", 300, ["203.0.113.1"]);
      const before = await lab.others();
      const own = async () => lines((await lab.subject.dump()).filter((record) => record.name === below));
      const belowBefore = await own();
      assert.ok(before.length > 0 && belowBefore.length > 0);
      const changes: readonly Change[] = [
        lab.publish(name, [set("A", "192.0.2.1")]),
        lab.publish(name, [set("CNAME", "origin.example.net.")]),
        lab.unpublish(name),
      ];
      for (const change of changes) {
        await lab.writes(change);
        assert.deepEqual(await lab.others(), before);
        assert.deepEqual(await own(), belowBefore);
      }
    },
  },
] as const satisfies readonly Case[];
