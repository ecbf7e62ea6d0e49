import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Batch,
  type Budget,
  type Channel,
  callAt,
  failedAgain,
  fullBudget,
  mayCall,
  nextBatch,
  nextWriteAt,
  noOutage,
  postpone,
  spend,
  type Use,
} from "./batch.ts";
import { limits } from "./limits.ts";
import { confirm, halve, newPublication, type Publication, reassert, refuse, want, wantRemoved } from "./publish.ts";

const gslb = "11111111-1111-4111-8111-111111111111";
const pool = "22222222-2222-4222-8222-222222222222";
const now = 1_000_000;
const free: Channel = { budget: fullBudget, outage: noOutage, limit: undefined, most: 500 };

const answers = (...values: string[]) => ({
  ttl: 30,
  withdrawn: false,
  policy: "failover" as const,
  pools: [],
  answers: [
    { type: "A" as const, values, ttl: 30, pool_id: pool, weight: null, pool_weight: null, locations: [], geofence: false, region: null },
  ],
});
const wanted = (fqdn: string, cause: "operator" | "automatic" = "automatic", zone = "example.com."): Publication =>
  want(newPublication("edge", fqdn, zone, gslb), gslb, zone, 0, answers("192.0.2.1"), now, cause);
const published = (fqdn: string): Publication => confirm(wanted(fqdn), 1, now);
const moved = (publication: Publication, ...values: string[]): Publication =>
  want(publication, gslb, publication.zone, 0, answers(...values), now);
const entries = (...publications: Publication[]) => publications.map((one) => [one.fqdn, one] as const);
const keysOf = (batch: Batch | null) => batch?.keys ?? [];

describe("the next batch", () => {
  it("is nothing where nothing is due", () => {
    expect(nextBatch([], free, now)).toBeNull();
    expect(nextBatch(entries(published("a.example.com.")), free, now)).toBeNull();
    const later = refuse(wanted("a.example.com."), 1, { class: "retry", detail: "" }, now, 0.5);
    expect(nextBatch(entries(later), free, now)).toBeNull();
    expect(nextWriteAt([later], free, now)).toBe(later.nextTryAt);
    expect(nextBatch(entries(later), free, later.nextTryAt)).not.toBeNull();
  });

  it("has operators' changes first, then dead endpoints, then what comes, then repairs", () => {
    const one = { ...free, most: 1 };
    const repair = reassert(published("a.example.com."), now);
    const addition = moved(published("b.example.com."), "192.0.2.1", "192.0.2.2");
    const removal = moved(published("c.example.com."), "192.0.2.2");
    const operator = wanted("d.example.com.", "operator");
    const gone = wantRemoved(published("e.example.com."));
    let left = [repair, addition, removal, operator, gone];
    const order: string[] = [];
    for (let batch = nextBatch(entries(...left), one, now); batch !== null; batch = nextBatch(entries(...left), one, now)) {
      const [key] = batch.keys;
      order.push(left.find(({ fqdn }) => fqdn === key)?.urgency ?? "");
      left = left.filter(({ fqdn }) => fqdn !== key);
    }
    expect(order).toEqual(["operator", "operator", "removal", "addition", "repair"]);
  });

  it("takes along whatever goes to the same zone, and no other", () => {
    const publications = [
      wanted("a.example.com."),
      wanted("b.example.com.", "operator"),
      wanted("c.example.net.", "automatic", "example.net."),
    ];
    expect(nextBatch(entries(...publications), free, now)).toEqual({
      zone: "example.com.",
      keys: ["b.example.com.", "a.example.com."],
      atMost: null,
      urgency: "operator",
    });
  });

  it("has as many names as the backend takes, two hundred in one write", () => {
    const publications = Array.from({ length: 200 }, (_, index) => wanted(`host-${index}.example.com.`));
    expect(keysOf(nextBatch(entries(...publications), free, now))).toHaveLength(200);
    expect(keysOf(nextBatch(entries(...publications), { ...free, most: 150 }, now))).toHaveLength(150);
  });

  it("has the untainted first, and of a halved write only its half", () => {
    const names = Array.from({ length: 5 }, (_, index) => `host-${index}.example.com.`);
    const halved = names.map((fqdn) => halve(wanted(fqdn), 1, 5));
    const fresh = wanted("z.example.com.");
    expect(nextBatch(entries(...halved, fresh), free, now)).toMatchObject({ keys: ["z.example.com."], atMost: null });
    expect(nextBatch(entries(...halved), free, now)).toMatchObject({ keys: names.slice(0, 3), atMost: 3 });
  });

  it("has what was tried least before what was tried more, and of that whatever waits longest", () => {
    const failed = (fqdn: string, random: number) =>
      refuse(wanted(fqdn, "automatic", fqdn), 1, { class: "retry", detail: "" }, now - 60_000, random);
    const [fresh, early, late] = [wanted("z.example.com."), failed("y.example.net.", 0), failed("a.example.org.", 0.9)];
    expect(keysOf(nextBatch(entries(late, early, fresh), free, now))).toEqual(["z.example.com."]);
    expect(keysOf(nextBatch(entries(late, early), free, now))).toEqual(["y.example.net."]);
  });

  it("has what was tried least first while writes fail, however urgent the rest is", () => {
    const urgent = refuse(wanted("a.example.org.", "operator", "example.org."), 1, { class: "retry", detail: "" }, now - 60_000, 0);
    const fresh = wanted("z.example.com.");
    const failing = { ...free, outage: failedAgain(noOutage, ["a.example.org."], now, 0.5) };
    expect(keysOf(nextBatch(entries(urgent, fresh), free, now))).toEqual(["a.example.org."]);
    expect(keysOf(nextBatch(entries(urgent, fresh), failing, now))).toEqual(["z.example.com."]);
  });

  it("waits together with what was tried often while writes fail, and with nothing else", () => {
    const often = { ...wanted("a.example.com."), attempts: limits.suspectAttempts };
    const seldom = { ...wanted("b.example.com."), attempts: limits.suspectAttempts - 1 };
    const outage = { failures: 9, until: now + 60_000, alone: null };
    expect(keysOf(nextBatch(entries(often, seldom), { ...free, outage }, now))).toEqual(["b.example.com."]);
    expect(nextWriteAt([often], { ...free, outage }, now)).toBe(now + 60_000);
    expect(keysOf(nextBatch(entries(often), { ...free, outage }, now + 60_000))).toEqual(["a.example.com."]);
    // The clock was set back.
    expect(nextWriteAt([often], { ...free, outage }, now - limits.retryMaxMs)).toBeLessThanOrEqual(now);
  });

  it("waits ever longer the more fails, up to a bound, and no longer for one name that fails alone", () => {
    let outage = noOutage;
    for (let n = 1; n <= 30; n += 1) {
      outage = failedAgain(outage, ["a.", "b."], now, 0.99);
      expect([outage.failures, outage.until - now <= limits.retryMaxMs]).toEqual([n, true]);
    }
    expect(outage.until - now).toBeGreaterThan(limits.retryMaxMs / 2);
    let one = failedAgain(noOutage, ["a."], now, 0.5);
    for (let n = 0; n < 9; n += 1) one = failedAgain(one, ["a."], now, 0.5);
    expect(one.failures).toBe(1);
    expect(failedAgain(one, ["b."], now, 0.5).failures).toBe(2);
  });

  it("has a name that was refused for good alone, until it is taken or its plan is another", () => {
    const [bad, good] = [wanted("a.example.com."), wanted("b.example.com.")];
    const refused = refuse(bad, 1, { class: "refused", detail: "bad" }, now, 0.5);
    expect(keysOf(nextBatch(entries({ ...refused, urgency: "operator" }, good), free, refused.nextTryAt))).toEqual(["a.example.com."]);
    const changed = moved(refused, "192.0.2.9");
    expect(keysOf(nextBatch(entries(changed, good), free, now))).toHaveLength(2);
    const taken = moved(confirm(refused, 1, now), "192.0.2.9");
    expect(keysOf(nextBatch(entries(taken, good), free, now))).toHaveLength(2);
  });
});

/** Writes to a backend that refuses a write with one of these names as a whole, as the Engine does. */
function publishAll(names: readonly string[], poison: ReadonlySet<string>) {
  const publications = new Map(names.map((name) => [name, wanted(name)]));
  let writes = 0;
  for (;;) {
    const batch = nextBatch(publications, free, now);
    if (batch === null) break;
    writes += 1;
    const isRefused = batch.keys.some((key) => poison.has(key));
    for (const key of batch.keys) {
      const one = publications.get(key);
      if (one === undefined) continue;
      if (!isRefused) publications.set(key, confirm(one, one.number, now));
      else if (batch.keys.length > 1) publications.set(key, halve(one, one.number, batch.keys.length));
      else publications.set(key, refuse(one, one.number, { class: "refused", detail: "bad" }, now, 0.5));
    }
  }
  return { publications, writes };
}

describe("halving", () => {
  const name = (index: number) => `host-${index}.example.com.`;

  it("publishes 199 of 200, with one ERROR", () => {
    const names = Array.from({ length: 200 }, (_, index) => name(index));
    const { publications, writes } = publishAll(names, new Set([name(77)]));
    const bad = [...publications.values()].filter(({ confirmed }) => confirmed === 0);
    expect(bad.map(({ fqdn, lastError }) => [fqdn, lastError?.class])).toEqual([[name(77), "refused"]]);
    expect(writes).toBeLessThanOrEqual(1 + 2 * Math.ceil(Math.log2(200)));
  });

  it("publishes all others in some k × log n writes, whoever is poison", () => {
    const sets = fc
      .integer({ min: 1, max: 500 })
      .chain((count) => fc.tuple(fc.constant(count), fc.uniqueArray(fc.nat(count - 1), { maxLength: 12 })));
    fc.assert(
      fc.property(sets, ([count, poison]) => {
        const names = Array.from({ length: count }, (_, index) => name(index));
        const culprits = new Set(poison.map(name));
        const { publications, writes } = publishAll(names, culprits);
        for (const { fqdn, confirmed, number } of publications.values()) expect(confirmed === number).toBe(!culprits.has(fqdn));
        expect(writes).toBeLessThanOrEqual(1 + 2 * culprits.size * Math.ceil(Math.log2(Math.max(2, count))));
      }),
      { numRuns: 60 },
    );
  });
});

describe("a budget", () => {
  const limit = { calls: 10, perMs: 1_000 };
  const spendAll = (count: number, at = now): Budget => {
    let budget = fullBudget;
    for (let call = 0; call < count; call += 1) budget = spend(budget, limit, at);
    return budget;
  };

  it("is boundless where the provider names no bound", () => {
    expect(spend(fullBudget, undefined, now)).toBe(fullBudget);
    expect(mayCall(fullBudget, undefined, "read", now)).toBe(true);
  });

  it("keeps a fifth for people and for dead endpoints", () => {
    const eight = spendAll(8);
    for (const use of ["addition", "repair", "read"] as const) {
      expect(mayCall(spendAll(7), limit, use, now)).toBe(true);
      expect(mayCall(eight, limit, use, now)).toBe(false);
      expect(callAt(eight, limit, use, now)).toBe(now + limit.perMs);
    }
    for (const use of ["operator", "removal"] as const) {
      expect(mayCall(spendAll(9), limit, use, now)).toBe(true);
      expect(mayCall(spendAll(10), limit, use, now)).toBe(false);
    }
  });

  it("lets what is less urgent ride along with what may go", () => {
    const channel = { ...free, budget: spendAll(8), limit };
    const removal = moved(published("a.example.com."), "192.0.2.2");
    expect(keysOf(nextBatch(entries(removal, wanted("b.example.com.")), channel, now))).toHaveLength(2);
    expect(nextBatch(entries(wanted("b.example.com.")), channel, now)).toBeNull();
    expect(nextWriteAt([wanted("b.example.com.")], channel, now)).toBe(now + limit.perMs);
  });

  it("waits as long as the provider asks, whatever is due: nothing overtakes", () => {
    const budget = postpone(fullBudget, 90_000, now);
    const channel = { ...free, budget };
    const publications = [wanted("a.example.com.", "operator")];
    expect(nextBatch(entries(...publications), channel, now + 89_999)).toBeNull();
    expect(nextWriteAt(publications, channel, now)).toBe(now + 90_000);
    expect(nextBatch(entries(...publications), channel, now + 90_000)).not.toBeNull();
    expect(postpone(budget, 1_000, now)).toEqual(budget);
  });

  it("does not wait for times that were set before the clock was", () => {
    const ahead = postpone(spendAll(10, now + 86_400_000), limits.retryAfterMaxMs, now + 86_400_000);
    expect(callAt(ahead, limit, "read", now)).toBe(now);
  });

  it("never lets more than its calls through in any stretch, nor the later ones into the fifth that is kept; and what it says is when", () => {
    const uses: readonly Use[] = ["operator", "removal", "addition", "repair", "read"];
    const step = fc.record({ wait: fc.nat(400), use: fc.constantFrom(...uses) });
    const limitOf = fc.record({ calls: fc.integer({ min: 1, max: 12 }), perMs: fc.integer({ min: 1, max: 2_000 }) });
    fc.assert(
      fc.property(limitOf, fc.array(step, { maxLength: 60 }), (bound, steps) => {
        let budget = fullBudget;
        let at = now;
        const calls: number[] = [];
        const away = () => calls.filter((call) => at - call < bound.perMs).length;
        for (const { wait, use } of steps) {
          at += wait;
          const first = use === "operator" || use === "removal";
          const kept = first ? 0 : Math.floor(bound.calls / 5);
          expect(mayCall(budget, bound, use, at)).toBe(bound.calls - away() > kept);
          at = callAt(budget, bound, use, at);
          expect(mayCall(budget, bound, use, at)).toBe(true);
          budget = spend(budget, bound, at);
          calls.push(at);
          expect(away()).toBeLessThanOrEqual(bound.calls - kept);
        }
      }),
    );
  });
});
