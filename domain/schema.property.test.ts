import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { gslbPoolOrder, gslbPoolPatch, gslbPoolWrite, gslbWrite } from "./gslb.ts";
import { eventKind, eventKinds, historyEvent, severities, severity } from "./history.ts";
import { limits } from "./limits.ts";
import { memberSetWrite, memberWrite } from "./member.ts";
import { monitorCommon } from "./monitor.ts";
import { checkReport, outcomes } from "./observation.ts";
import { poolCreate, poolWrite } from "./pool.ts";
import { description, flag, id, ids, int, name, oneOf, port, tag, tags, text } from "./schema.ts";

/** What a client can send: JSON, and whatever else an object can be. */
const anything = fc.oneof(fc.jsonValue(), fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }));
const messages = (result: z.ZodSafeParseResult<unknown>) => (result.success ? [] : result.error.issues.map((issue) => issue.message));

describe("properties of the small schemas", () => {
  it("take a whole number if and only if it lies within the bounds, which the message names", () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(70_000), fc.oneof(fc.integer(), fc.double(), anything), (minimum, width, value) => {
        const maximum = minimum + width;
        const parsed = int(minimum, maximum).safeParse(value);
        expect(parsed.success).toBe(Number.isInteger(value) && Number(value) >= minimum && Number(value) <= maximum);
        for (const message of messages(parsed)) expect(message).toBe(`must be an integer from ${minimum} to ${maximum}`);
        for (const edge of [minimum, maximum]) expect(int(minimum, maximum).safeParse(edge).success).toBe(true);
        for (const beyond of [minimum - 1, maximum + 1]) expect(int(minimum, maximum).safeParse(beyond).success).toBe(false);
      }),
    );
  });

  it("take a text up to its length, a word that is one of theirs, and a flag that is one", () => {
    const words = ["one", "two"] as const;
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 300 }), fc.constantFrom(...words), anything), fc.nat(300), (value, maximum) => {
        expect(text(maximum).safeParse(value).success).toBe(typeof value === "string" && value.length <= maximum);
        expect(oneOf(words).safeParse(value).success).toBe(value === "one" || value === "two");
        expect(flag.safeParse(value).success).toBe(typeof value === "boolean");
        expect(name.safeParse(value).success).toBe(typeof value === "string" && value.length >= 1 && value.length <= limits.nameLength);
        expect(port.safeParse(value).success).toBe(Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65_535);
      }),
      { numRuns: 300 },
    );
  });

  /** One id, one text: that is how resources are told apart. */
  it("take an id in any letter case and write it in one, and no list in which it stands twice", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 10 }), fc.nat(), fc.boolean(), (list, pick, again) => {
        const upper = list.map((one, index) => ((index + pick) % 2 === 0 ? one.toUpperCase() : one));
        const repeated = list[pick % list.length] ?? "";
        const parsed = ids("pool", 11).safeParse(again ? [...upper, repeated] : upper);
        expect(parsed.success).toBe(!again);
        if (parsed.success) expect(parsed.data).toEqual(list);
        expect(ids("pool", list.length - 1).safeParse(list).success).toBe(false);
        expect(id.parse(id.parse(repeated.toUpperCase()))).toBe(repeated);
      }),
    );
  });

  it("take tags that each are one, at most sixteen, none twice", () => {
    const some = fc.array(
      fc.oneof({ weight: 8, arbitrary: fc.stringMatching(/^[a-z0-9][a-z0-9_.:-]{0,3}$/) }, fc.string({ maxLength: 5 })),
      { maxLength: 18 },
    );
    fc.assert(
      fc.property(some, (list) => {
        const right = list.length <= limits.tags && new Set(list).size === list.length && list.every((one) => tag.safeParse(one).success);
        expect(tags.safeParse(list).success).toBe(right);
      }),
    );
  });
});

describe("properties of every body", () => {
  const bodies: Readonly<Record<string, z.ZodType>> = {
    gslbWrite,
    gslbPoolWrite,
    gslbPoolPatch,
    gslbPoolOrder,
    poolWrite,
    poolCreate,
    memberWrite,
    memberSetWrite,
    monitor: z.strictObject(monitorCommon),
    tags,
    description,
    checkReport,
    historyEvent,
  };
  const fields = [
    ...["name", "fqdn", "domain_name", "zone_name", "flavor", "flavors", "ttl", "steering_policy", "pool_ids", "fallback_pool_id"],
    ...["endpoints", "weight", "type", "tags", "members", "pools", "pool_id", "delay", "check_regions", "min_regions", "__proto__", "kind"],
  ];
  const nearly = fc.dictionary(fc.constantFrom(...fields), anything, { maxKeys: 6 });

  /** Whatever comes in, what comes out is a value or a list of mistakes, each with words for people. */
  it.each(Object.entries(bodies))("%s: never throws, and says what is wrong", (_, schema) => {
    fc.assert(
      fc.property(fc.oneof(anything, nearly), (body) => {
        const parsed = schema.safeParse(body);
        if (!parsed.success) expect(parsed.error.issues.length).toBeGreaterThan(0);
        for (const message of messages(parsed)) expect(message).not.toBe("");
      }),
    );
  });

  /** What was taken is taken again as it is: reading, and writing back what was read, changes nothing. */
  it("are the same when what was taken is written again", () => {
    const host = fc.oneof(fc.ipV4(), fc.ipV6());
    const member = fc.record(
      { endpoints: fc.uniqueArray(host, { minLength: 1, maxLength: 4 }), weight: fc.nat(65_535) },
      { requiredKeys: ["endpoints"] },
    );
    const pool = fc.record(
      {
        name: fc.string({ minLength: 1, maxLength: 20 }),
        min_healthy_percent: fc.nat(100),
        min_regions: fc.option(fc.integer({ min: 1, max: 16 })),
        members: fc.array(member, { maxLength: 3 }),
      },
      { requiredKeys: ["name"] },
    );
    const zone = fc.constantFrom("example.com", "Example.COM.", "example.com.");
    const gslb = fc
      .record({ label: fc.stringMatching(/^[a-zA-Z]{1,8}$/), domain_name: zone, pool_ids: fc.uniqueArray(fc.uuid(), { maxLength: 4 }) })
      .map(({ label, ...rest }) => ({ ...rest, fqdn: `${label}.${rest.domain_name}` }));
    const twice = (schema: z.ZodType, body: unknown) => {
      const once = schema.safeParse(body);
      if (once.success) expect(schema.parse(JSON.parse(JSON.stringify(once.data)))).toEqual(once.data);
      return once.success;
    };
    fc.assert(
      fc.property(member, pool, gslb, (aMember, aPool, aGslb) => {
        // An address may be written in two ways, and then the member has it twice.
        twice(memberWrite, aMember);
        twice(poolCreate, aPool);
        expect(twice(gslbWrite, aGslb)).toBe(true);
      }),
    );
  });
});

describe("properties of a history event", () => {
  const event = fc.record({
    id: fc.uuid(),
    at: fc.integer({ min: 0, max: 2 ** 42 }).map((at) => new Date(at).toISOString()),
    kind: fc.constantFrom(...eventKinds),
    severity: fc.constantFrom(...severities),
    gslb_id: fc.option(fc.uuid()),
    pool_id: fc.option(fc.uuid()),
    member_id: fc.option(fc.uuid()),
    flavor: fc.option(fc.string()),
    from: fc.option(fc.string()),
    to: fc.option(fc.string()),
    reason: fc.string(),
    rule: fc.option(fc.string()),
    by: fc.option(fc.string()),
    plan: fc.option(fc.nat()),
    incident_id: fc.option(fc.uuid()),
    request_id: fc.option(fc.uuid()),
    evidence: fc.dictionary(
      fc.string().filter((key) => key !== "__proto__"),
      fc.jsonValue({ maxDepth: 2 }),
    ),
  });

  /** What decided is kept for thirty days as it was: nothing is lost on the way into the store and back. */
  it("survives being stored, evidence and all", () => {
    fc.assert(
      fc.property(event, (one) => {
        const stored = JSON.parse(JSON.stringify(one));
        expect(historyEvent.parse(stored)).toEqual(stored);
      }),
    );
  });

  it("is refused for the lack of any of its fields", () => {
    fc.assert(
      fc.property(event, fc.constantFrom(...Object.keys(historyEvent.shape)), (one, field) => {
        const { [field as keyof typeof one]: _, ...rest } = one;
        expect(historyEvent.safeParse(rest).success).toBe(false);
      }),
    );
  });

  it("is of a kind and a severity that are known", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.constantFrom(...eventKinds, ...severities), anything), (value) => {
        expect(eventKind.safeParse(value).success).toBe((eventKinds as readonly unknown[]).includes(value));
        expect(severity.safeParse(value).success).toBe((severities as readonly unknown[]).includes(value));
      }),
    );
  });
});

describe("properties of a check report", () => {
  const report = (ticks: readonly number[], outcome: (typeof outcomes)[number]) => ({
    project_id: "p",
    region: "weur",
    shard: 0,
    generation: 0,
    colo: "CDG",
    observations: ticks.map((tick) => ({
      member_id: "11111111-1111-4111-8111-111111111111",
      endpoint: "192.0.2.1",
      monitor_id: "22222222-2222-4222-8222-222222222222",
      monitor_version: 1,
      tick,
      outcome,
      latency_ms: null,
      detail: "",
    })),
  });

  /** Bounds: as many observations as a shard has targets, at any time that is one. */
  it("has from one observation up to as many as a shard has targets, each at a whole time", () => {
    const tick = fc.oneof({ weight: 20, arbitrary: fc.nat() }, fc.constantFrom(0, 2 ** 52, -1, 0.5));
    fc.assert(
      fc.property(fc.array(tick, { maxLength: limits.shardTargets + 1 }), fc.constantFrom(...outcomes), (ticks, outcome) => {
        const right = ticks.length >= 1 && ticks.length <= limits.shardTargets && ticks.every((at) => Number.isInteger(at) && at >= 0);
        expect(checkReport.safeParse(report(ticks, outcome)).success).toBe(right);
      }),
    );
  });
});
