import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Change } from "../../domain/backend.ts";
import { ancestors } from "../../domain/name.ts";
import { answersDouble } from "../../test/answers-double.ts";
import { answersIndex } from "../stubs.ts";
import { answersIo } from "./answers-io.ts";

const gslbId = "11111111-1111-4111-8111-111111111111";
const poolId = "22222222-2222-4222-8222-222222222222";
const zone = "example.com.";

function publish(fqdn: string, number: number, inZone = zone): Change {
  return {
    kind: "publish",
    plan: {
      gslb_id: gslbId,
      fqdn,
      zone: inZone,
      flavor: "edge",
      epoch: 0,
      number,
      decided_at: 0,
      ttl: 30,
      withdrawn: false,
      policy: "failover",
      pools: [],
      answers: [
        {
          type: "A",
          values: ["192.0.2.1"],
          ttl: 30,
          pool_id: poolId,
          weight: null,
          pool_weight: null,
          locations: [],
          geofence: false,
          region: null,
        },
      ],
    },
  };
}

const unpublish = (fqdn: string, number: number, inZone = zone): Extract<Change, { kind: "unpublish" }> => ({
  kind: "unpublish",
  fqdn,
  zone: inZone,
  gslbId,
  epoch: 0,
  number,
});

describe("publishing through the Answers objects", () => {
  it("makes the zone known with the first name and forgets it with the last", async () => {
    const answers = answersDouble();
    const io = answersIo(answers);
    const known = async () => (await answers(zone).longestZone([zone], "other.example.com."))?.zone ?? null;
    expect(await known()).toBeNull();
    await io.write([publish("a.example.com.", 1), publish("b.example.com.", 1)]);
    expect(await known()).toBe(zone);
    await io.write([unpublish("a.example.com.", 2)]);
    expect(await known()).toBe(zone);
    await io.write([unpublish("b.example.com.", 2)]);
    expect(await known()).toBeNull();
  });

  it("leaves the old zone when a newer plan put the name into another one", async () => {
    const answers = answersDouble();
    const io = answersIo(answers);
    await io.write([publish("www.a.example.com.", 1, "a.example.com.")]);
    await io.write([publish("www.a.example.com.", 3, "example.com.")]);
    expect(await io.write([unpublish("www.a.example.com.", 2, "a.example.com.")])).toMatchObject([{ error: { class: "superseded" } }]);
    expect(await answers("a.example.com.").longestZone(["a.example.com."], "x.a.example.com.")).toBeNull();
    expect(await answers(zone).longestZone([zone], "x.a.example.com.")).toEqual({ zone, below: false });
  });

  it("keeps the zone of a name that was published again when the old removal is repeated", async () => {
    const answers = answersDouble();
    const io = answersIo(answers);
    await io.write([publish("www.example.com.", 1), unpublish("www.example.com.", 2), publish("www.example.com.", 3)]);
    expect(await io.write([unpublish("www.example.com.", 2)])).toMatchObject([{ error: { class: "superseded" } }]);
    expect(await answers(zone).longestZone([zone], "www.example.com.")).toEqual({ zone, below: false });
  });

  it("keeps the name, and its zone, of a GSLB that took it over when a removal with a higher number comes from its predecessor", async () => {
    const answers = answersDouble();
    const io = answersIo(answers);
    await io.write([publish("www.example.com.", 6)]);
    const theirs = { ...unpublish("www.example.com.", 20), gslbId: poolId };
    expect(await io.write([theirs])).toMatchObject([{ error: { class: "superseded", number: 6, gslbId } }]);
    expect(await answers(zone).longestZone([zone], "www.example.com.")).toEqual({ zone, below: false });
    expect(await io.write([{ ...theirs, also: [gslbId] }])).toMatchObject([{ ok: true }]);
    expect(await answers(zone).longestZone([zone], "www.example.com.")).toBeNull();
  });

  it("does not publish a name whose zone could not be held", async () => {
    const answers = answersDouble();
    const io = answersIo((name) => ({
      ...answers(name),
      holdZone: (held, names) => (held === zone ? Promise.reject(new Error("overloaded")) : answers(name).holdZone(held, names)),
    }));
    const results = await io.write([publish("www.example.com.", 1), publish("www.example.net.", 1, "example.net.")]);
    expect(results).toMatchObject([{ ok: false, error: { class: "retry" } }, { ok: true }]);
    expect(await answers("www.example.com.").lookup("www.example.com.")).toBeNull();
    expect(await answers("www.example.net.").lookup("www.example.net.")).toMatchObject({ number: 1 });
  });

  it("calls each object once for all of its names", async () => {
    const answers = answersDouble();
    const calls: number[] = [];
    const io = answersIo((name) => ({
      ...answers(name),
      write: (changes) => {
        calls.push(answersIndex(name));
        return answers(name).write(changes);
      },
    }));
    await io.write(Array.from({ length: 200 }, (_, index) => publish(`host-${index}.example.com.`, 1)));
    expect(calls.length).toBe(new Set(calls).size);
  });
});

describe("reading back", () => {
  const set = {
    type: "A",
    values: ["192.0.2.1"],
    ttl: 30,
    pool_id: poolId,
    weight: null,
    pool_weight: null,
    locations: [],
    geofence: false,
    region: null,
  } as const;
  const live = { type: "A", values: ["192.0.2.1"], ttl: 30 };
  const readBack = async (answers: readonly object[]) => {
    const io = answersIo(answersDouble());
    const change = publish("www.example.com.", 1);
    await io.write([{ ...change, plan: { ...(change as Extract<Change, { kind: "publish" }>).plan, answers } } as Change]);
    return (await io.read(["www.example.com."]))[0]?.answers;
  };

  it("gives the sets of a weighted plan as they are: in order, one for each member, with both weights", async () => {
    const weighted = [3, 0, 3].map((weight) => ({ ...set, values: [...set.values], weight, pool_weight: 7 }));
    expect(await readBack(weighted)).toEqual([3, 0, 3].map((weight) => ({ ...live, weight, pool_weight: 7 })));
  });

  it("gives no weights of another plan, also of one that was stored before there were any", async () => {
    const { weight: _, pool_weight: __, ...old } = set;
    expect(await readBack([set])).toEqual([live]);
    expect(await readBack([old])).toEqual([live]);
  });
});

describe("the zone of a name", () => {
  it("is the longest that has a name, and says whether anything lies below", async () => {
    const answers = answersDouble();
    const io = answersIo(answers);
    await io.write([publish("x.deep.a.example.com.", 1), publish("b.a.example.com.", 1), publish("deep-b.a.example.com.", 1)]);
    const ask = (name: string) => answers(zone).longestZone([zone], name);
    expect(await ask("a.example.com.")).toEqual({ zone, below: true });
    expect(await ask("deep.a.example.com.")).toEqual({ zone, below: true });
    expect(await ask("eep.a.example.com.")).toEqual({ zone, below: false });
    expect(await ask("b.a.example.com.")).toEqual({ zone, below: false });
    expect(await ask("example.net.")).toBeNull();
  });

  it("agrees with a plain reading of the names, whatever they are", async () => {
    const label = fc.constantFrom("a", "b", "a-", "a0", "_a", "ab").filter((text) => !text.endsWith("-"));
    const name = fc.array(label, { minLength: 0, maxLength: 4 }).map((labels) => [...labels, "example", "com", ""].join("."));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(name, { minLength: 1, maxLength: 12 }), name, async (names, asked) => {
        const answers = answersDouble();
        await answersIo(answers).write(names.map((fqdn) => publish(fqdn, 1)));
        const below = names.some((published) => published !== asked && ancestors(published).includes(asked));
        expect(await answers(zone).longestZone([zone], asked)).toEqual({ zone, below });
      }),
      { numRuns: 50 },
    );
  });
});
