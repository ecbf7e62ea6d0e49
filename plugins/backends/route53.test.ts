import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import type { BackendFailure, Change, LiveRecords, WriteOutcome } from "../../domain/backend.ts";
import { differs } from "../../domain/drift.ts";
import { limits } from "../../domain/limits.ts";
import type { AnswerSet, Plan } from "../../domain/plan.ts";
import { Route53Double } from "../../test/doubles/route53.ts";
import { route53 } from "./route53.ts";
import { byOrder } from "./route53-api.ts";
import { recordSetsOf } from "./route53-records.ts";

const keys = { access_key_id: "AKIDEXAMPLE", secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const zone = "example.com.";
const www = "www.example.com.";
const gslbId = "11111111-1111-4111-8111-111111111111";
const poolId = (n: number) => `22222222-2222-4222-8222-22222222222${n}`;
const set = (values: string[], more: Partial<AnswerSet> = {}): AnswerSet => ({
  type: "A",
  values,
  ttl: 30,
  pool_id: poolId(1),
  weight: null,
  pool_weight: null,
  locations: [],
  geofence: false,
  region: null,
  ...more,
});
const plan = (fqdn: string, number: number, answers: AnswerSet[], policy: Plan["policy"] = "failover"): Plan => ({
  gslb_id: gslbId,
  fqdn,
  zone,
  flavor: "aws",
  epoch: 0,
  number,
  decided_at: 0,
  ttl: 30,
  withdrawn: answers.length === 0,
  policy,
  answers,
  pools: [],
});

let double: Route53Double;
let kept: Map<string, unknown>;
let now = 1_700_000_000_000;
beforeEach(() => {
  double = new Route53Double(keys, () => now);
  double.addZone("Z1", zone);
  kept = new Map();
});
const backend = (over: Partial<typeof keys> = {}) => ({
  settings: route53.settings.parse({ endpoint: double.endpoint }),
  credentials: { ...keys, ...over },
  io: {
    now: () => now,
    fetch: double.fetch,
    connect: () => {
      throw new Error("this backend needs no connection");
    },
    sleep: async (ms: number) => {
      now += ms;
    },
    signal: new AbortController().signal,
    kept,
  },
});
const read = async (...fqdns: string[]): Promise<readonly LiveRecords[]> => (await route53.read?.(zone, fqdns, backend())) ?? [];
const live = async (fqdn: string): Promise<LiveRecords> => (await read(fqdn))[0] as LiveRecords;
/** As the Engine does it: with what was read. */
async function publish(...plans: Plan[]) {
  const found = await read(...plans.map(({ fqdn }) => fqdn));
  const changes = plans.map((one, index): Change => ({ kind: "publish", plan: one, found: found[index] as LiveRecords }));
  return each(await route53.write(zone, changes, backend()));
}
const each = (outcome: WriteOutcome) => ("class" in outcome ? [] : outcome);
const names = () => double.zones.get("Z1")?.sets.map(({ name, type }) => `${name} ${type}`) ?? [];

describe("a plan in Route 53", () => {
  it("is a plain set and its mark, in one batch; a removal takes both", async () => {
    expect(await publish(plan(www, 1, [set(["192.0.2.1", "192.0.2.2"]), set(["2001:db8::1"], { type: "AAAA" })]))).toEqual([
      { ok: true, value: null },
    ]);
    expect(await live(www)).toMatchObject({
      gslbId,
      epoch: 0,
      number: 1,
      answers: [{ type: "A", values: ["192.0.2.1", "192.0.2.2"] }, { type: "AAAA" }],
    });
    expect(double.calls.filter((call) => call.startsWith("POST"))).toHaveLength(1);
    await route53.write(zone, [{ kind: "unpublish", fqdn: www, zone, gslbId, epoch: 0, number: 2 }], backend());
    expect(names()).toEqual([`${zone} SOA`, `${zone} NS`]);
  });

  it("is compared with the mark: who wrote meanwhile is not written over", async () => {
    await publish(plan(www, 1, [set(["192.0.2.1"])]));
    const before = await live(www);
    await publish(plan(www, 2, [set(["192.0.2.2"])]));
    const late: Change = { kind: "publish", plan: plan(www, 3, [set(["192.0.2.3"])]), found: before };
    expect(await route53.write(zone, [late], backend())).toMatchObject([{ ok: false, error: { class: "retry" } }]);
    expect(await live(www)).toMatchObject({ number: 2, answers: [{ values: ["192.0.2.2"] }] });
  });

  it("changes between all policies, since what was there goes in the same batch", async () => {
    const one = set(["192.0.2.1"], { weight: 1, pool_weight: 1 });
    const two = set(["192.0.2.2"], { weight: 3, pool_weight: 1 });
    const plans = [
      plan(www, 1, [set(["192.0.2.1"])]),
      plan(www, 2, [one, two], "weighted"),
      plan(
        www,
        3,
        [set(["192.0.2.1"], { locations: [{ country: "FR" }, { subdivision: "US-CA" }] }), set(["192.0.2.2"], { pool_id: poolId(2) })],
        "geo",
      ),
      plan(
        www,
        4,
        [set(["192.0.2.1"], { region: "eu-west-1" }), set(["192.0.2.2"], { region: "us-east-1", pool_id: poolId(2) })],
        "latency",
      ),
      plan(www, 5, [set(["origin.example.net."], { type: "CNAME" })]),
      plan(www, 6, []),
      plan(www, 7, [set(["192.0.2.7"])], "round_robin"),
    ];
    for (const one of plans) {
      expect(await publish(one)).toEqual([{ ok: true, value: null }]);
      const { answers, number } = await live(www);
      expect(number).toBe(one.number);
      expect(differs(one, answers, (wanted) => route53.expected?.(wanted, backend().settings) ?? [])).toBe(false);
    }
  });

  it("leaves the other records of the zone, and other types at the name, as they are", async () => {
    const ours = double.zones.get("Z1");
    if (ours === undefined) throw new Error("the zone is there");
    const others = ["mail.example.com. A", `${www} TXT`, `${www} MX`, "www-2.example.com. A", "_kosmos.other.example.com. TXT"];
    ours.sets = [
      ...ours.sets,
      ...others.map((line) => {
        const [name = "", type = ""] = line.split(" ");
        const value = type === "A" ? "203.0.113.1" : type === "MX" ? "10 mail.example.com." : '"x"';
        return { name, type, identifier: null, routing: "", ttl: 60, values: [value] };
      }),
    ];
    await publish(plan(www, 1, [set(["192.0.2.1"])]));
    await route53.write(zone, [{ kind: "unpublish", fqdn: www, zone, gslbId, epoch: 0, number: 2 }], backend());
    expect(names().slice(2)).toEqual(others);
  });

  it("is not in sync before every server has it", async () => {
    double.pendingFor = 1;
    await publish(plan(www, 1, [set(["192.0.2.1"])]));
    expect((await live(www)).state).toBe("pending");
    expect((await live(www)).state).toBeUndefined();
  });
});

describe("five hundred names", () => {
  const many = Array.from({ length: 300 }, (_, index) => `host-${index}.example.com.`);

  it("go in few batches within the limits, and are read in pages", async () => {
    const plans = many.map((fqdn, index) => plan(fqdn, 1, [set([`192.0.2.${index % 250}`])]));
    expect((await publish(...plans)).every(({ ok }) => ok)).toBe(true);
    const posts = double.calls.filter((call) => call.startsWith("POST")).length;
    expect(posts - double.refusals).toBeLessThanOrEqual(3);
    double.calls.length = 0;
    double.refusals = 0;
    const begun = now;
    const found = await read(...many);
    expect(found.map(({ number }) => number)).toEqual(many.map(() => 1));
    expect(double.calls.length - double.refusals).toBeLessThanOrEqual(4);
    expect(now - begun, "in time, at five requests a second").toBeLessThan(limits.readDeadlineMs);
  });

  it.each([
    ["whom the service names", "example.net.", "192.0.2.1"],
    ["whom it does not name", zone, "not-an-address"],
  ])("but one that is refused, %s, are taken", async (_, suffix, address) => {
    const culprit = `culprit.${suffix}`;
    const plans = [...many.slice(0, 40).map((fqdn) => plan(fqdn, 1, [set(["192.0.2.1"])])), plan(culprit, 1, [set([address])])];
    const results = await publish(...plans);
    expect(results.slice(0, 40).every(({ ok }) => ok)).toBe(true);
    expect(results[40]).toMatchObject({ ok: false, error: { class: "refused" } });
  });
});

describe("what Route 53 answers when it does not", () => {
  it("is told apart: keys, zones, throttling", async () => {
    const ask = (over = {}) => route53.read?.(zone, [www], backend(over));
    await expect(ask({ secret_access_key: "another" })).rejects.toMatchObject({ failure: { class: "credentials" } });
    await expect(ask({ access_key_id: "another" })).rejects.toMatchObject({ failure: { class: "credentials" } });
    double.throttled = 1_000;
    await expect(ask()).rejects.toMatchObject({ failure: { class: "retry", afterMs: 1_000 } });
    double.throttled = 0;
    await expect(route53.read?.("other.test.", ["www.other.test."], backend())).rejects.toMatchObject({ failure: { class: "not-found" } });
    const failure = await ask({ secret_access_key: "hidden-secret" })?.catch((error: BackendFailure) => error);
    expect(JSON.stringify(failure)).not.toContain("hidden-secret");
  });

  it("asks for a zone's id where there are two, and does not take a private one", async () => {
    double.addZone("Z2", "twice.test.");
    double.addZone("Z3", "twice.test.");
    double.addZone("Z4", "inner.test.", true);
    await expect(route53.test?.(["twice.test."], backend())).rejects.toThrow("set hosted_zone_id");
    await expect(route53.test?.(["inner.test."], backend())).rejects.toThrow("no public hosted zone");
    expect(await route53.test?.([zone], backend())).toEqual({ details: [`${zone} is hosted zone Z1, and can be read`] });
  });
});

describe("what cannot be said in Route 53", () => {
  it("is refused with what to do", () => {
    const cidr = plan(www, 1, [set(["192.0.2.1"], { locations: [{ cidr: "203.0.113.0/24" }] })], "geo");
    expect(recordSetsOf(cidr)).toMatchObject({ ok: false, error: expect.stringContaining("use country") });
    const part = plan(www, 1, [set(["192.0.2.1"], { locations: [{ subdivision: "FR-75" }] })], "geo");
    expect(recordSetsOf(part)).toMatchObject({ ok: false, error: expect.stringContaining("not FR-75") });
    expect(recordSetsOf(plan(www, 1, [set(["192.0.2.1"])], "latency"))).toMatchObject({
      ok: false,
      error: expect.stringContaining("eu-west-1"),
    });
  });

  it("whoever is in no place gets the pool for everybody, else the first that is there for anybody, else none", () => {
    const fenced = set(["192.0.2.1"], { locations: [{ country: "FR" }], geofence: true });
    const open = set(["192.0.2.2"], { locations: [{ country: "DE" }], pool_id: poolId(2) });
    const everybody = set(["192.0.2.3"], { pool_id: poolId(3) });
    const defaults = (own: string[], ...answers: AnswerSet[]) => {
      const places = answers.map(({ pool_id, locations }) => ({ pool_id, locations, own: own.includes(pool_id) }));
      const sets = recordSetsOf({ ...plan(www, 1, answers, "geo"), places });
      return sets.ok
        ? sets.value.filter(({ routing }) => routing?.by === "place" && routing.place === "default").map(({ values }) => values[0])
        : [];
    };
    expect(defaults([], fenced, open, everybody)).toEqual(["192.0.2.3"]);
    expect(defaults([poolId(1)], fenced, open)).toEqual(["192.0.2.2"]);
    expect(defaults([poolId(1)], fenced)).toEqual([]);
  });

  it("is a fence whose clients would get another pool's answers: of a pool without any, or without a type", () => {
    const fenced = set(["192.0.2.1"], { locations: [{ country: "FR" }], geofence: true });
    const others = [set(["192.0.2.3"], { pool_id: poolId(3) }), set(["2001:db8::3"], { type: "AAAA", pool_id: poolId(3) })];
    expect(recordSetsOf(plan(www, 1, [fenced, ...others], "geo"))).toMatchObject({ ok: false, error: expect.stringContaining("AAAA") });
    const places = [{ pool_id: poolId(1), locations: [{ country: "FR" }], own: true }];
    expect(recordSetsOf({ ...plan(www, 1, others, "geo"), places })).toMatchObject({
      ok: false,
      error: expect.stringContaining("no fence"),
    });
  });
});

describe("weights", () => {
  it("are integers from 0 to 255 in the members' proportions", () => {
    const members = fc.array(fc.record({ pool: fc.nat(3), weight: fc.nat(65_535), poolWeight: fc.nat(65_535) }), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(members, (list) => {
        const poolWeights = list.map(({ poolWeight }) => poolWeight);
        const answers = list.map(({ pool, weight }, index) =>
          set([`192.0.2.${index}`], { pool_id: poolId(pool), weight, pool_weight: poolWeights[pool] ?? 1 }),
        );
        const sets = recordSetsOf(plan(www, 1, answers, "weighted"));
        if (!sets.ok) throw new Error(sets.error);
        const weights = sets.value.map(({ routing }) => (routing?.by === "weight" ? routing.weight : -1));
        expect(weights.every((weight) => Number.isInteger(weight) && weight >= 0 && weight <= 255)).toBe(true);
        expect(Math.max(...weights)).toBe(255);
      }),
    );
  });

  it("a pool's is divided among its members", () => {
    const answers = [
      set(["192.0.2.1"], { weight: 1, pool_weight: 1 }),
      set(["192.0.2.2"], { weight: 1, pool_weight: 1 }),
      set(["192.0.2.3"], { weight: 7, pool_weight: 2, pool_id: poolId(2) }),
    ];
    const sets = recordSetsOf(plan(www, 1, answers, "weighted"));
    expect(sets.ok && sets.value.map(({ routing }) => routing)).toEqual([64, 64, 255].map((weight) => ({ by: "weight", weight })));
  });
});

describe("the order of a listing", () => {
  it("is by labels from the right, as the documentation has it", () => {
    const sorted = ["www-2.example.com.", "_kosmos.www.example.com.", "a.example.com.", "www.example.com.", "example.com."].toSorted(
      byOrder,
    );
    expect(sorted).toEqual(["example.com.", "a.example.com.", "www-2.example.com.", "www.example.com.", "_kosmos.www.example.com."]);
  });
});
