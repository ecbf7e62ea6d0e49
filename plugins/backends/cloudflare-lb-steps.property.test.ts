/** Whatever stood there and whatever is wanted: broken at any call, before it or after, the next write ends where an unbroken one does, and no client is sent where nobody is. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BackendIo, Change } from "../../domain/backend.ts";
import { differs } from "../../domain/drift.ts";
import type { Plan } from "../../domain/plan.ts";
import { CloudflareDouble } from "../../test/doubles/cloudflare.ts";
import { gslbId, type Pooled, planOf, publishOf } from "./cloudflare-lb.fixture.ts";
import { cloudflareLb } from "./cloudflare-lb.ts";

const name = "www.example.com.";
const addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
const clients = [{}, { country: "FR", region: "WEU" }, { country: "US", region: "ENAM" }];

/** A world with the double, and how Kosmos writes to it: read, then write. */
function world() {
  const double = new CloudflareDouble();
  double.token("token", "zone:read", "dns:read", "lb:write", "pools:write");
  const zone = double.zone("example.com");
  const kept = new Map<string, unknown>();
  const io = {
    now: () => 0,
    fetch: double.fetch,
    signal: new AbortController().signal,
    kept,
    connect: () => raise(),
  } as unknown as BackendIo;
  const settings = cloudflareLb.settings.parse({ account_id: zone.account });
  const backend = { settings, credentials: { api_token: "token" }, io };
  double.limit = 100_000;
  return {
    double,
    live: async () => (await cloudflareLb.read?.("example.com.", [name], backend))?.[0] ?? raise(),
    write: async (change: Change) => {
      const found = (await cloudflareLb.read?.("example.com.", [name], backend))?.[0] ?? raise();
      const came = await cloudflareLb.write("example.com.", [{ ...change, found }], backend);
      return Array.isArray(came) && came.every(({ ok }) => ok);
    },
    isLive: (plan: Plan, answers: Parameters<typeof differs>[1]) =>
      !differs(plan, answers, (one) => cloudflareLb.expected?.(one, settings) ?? []),
  };
}

/** What is there, without Cloudflare's ids and whatever says which plan it was. */
function state({ lb }: CloudflareDouble) {
  const names = new Map([...lb.pools.values()].map((pool) => [pool.id, pool.name]));
  const plain = (value: unknown) => JSON.stringify(value).replaceAll(/[0-9a-f]{32}/g, (id) => names.get(id) ?? "gone");
  return {
    balancers: [...lb.balancers.values()].map(({ id: _, description: __, ...rest }) => plain(rest)),
    pools: [...lb.pools.values()].map(({ id: _, description: __, ...rest }) => plain(rest)).toSorted(),
  };
}

/** Three pools of two endpoints each, of which some are there, in some order, in rotation or not. */
const pooled = (n: number): fc.Arbitrary<Pooled> =>
  fc
    .record({
      on: fc.subarray(addresses.map((address) => address.replace(/\d$/, `${n}${address.slice(-1)}`))),
      weight: fc.integer({ min: 0, max: 5 }),
    })
    .map(({ on, weight }) => {
      const all = addresses.map((address) => address.replace(/\d$/, `${n}${address.slice(-1)}`));
      return { n, on, off: all.filter((address) => !on.includes(address)), weight, locations: places[n - 1] ?? [] };
    });
const places: readonly Pooled["locations"][] = [[], [{ country: "FR" }], [{ continent: "EU" }]];

const plans = fc
  .record({
    policy: fc.constantFrom<Plan["policy"]>("failover", "round_robin", "weighted", "geo"),
    pools: fc.tuple(pooled(1), pooled(2), pooled(3)).chain((three) => fc.shuffledSubarray(three, { minLength: 1 })),
  })
  .map(({ policy, pools }) => {
    const usable = pools.findIndex(({ on = [] }) => on.length > 0);
    const picked = (index: number, { on = [] }: Pooled) => on.length > 0 && (policy !== "failover" || index === usable);
    return (number: number) =>
      planOf(
        number,
        policy,
        pools.map((pool, index) => ({ ...pool, picked: picked(index, pool), ...(policy === "geo" ? {} : { locations: [] }) })),
      );
  });

const inRotation = (plan: Plan): ReadonlySet<string> =>
  new Set(
    plan.pools.flatMap(({ members }) =>
      members.flatMap(({ endpoints }) => endpoints.filter(({ on }) => on).map(({ endpoint }) => endpoint)),
    ),
  );
const answered = (plan: Plan): ReadonlySet<string> => new Set(plan.answers.flatMap(({ values }) => values));

describe("a load balancer and its pools", () => {
  it("end as planned after a break at any call, and never send a client where nobody is", async () => {
    await fc.assert(
      fc.asyncProperty(plans, plans, fc.constantFrom("lost" as const, "reset" as const, { status: 500 }), async (first, second, fault) => {
        const before = first(1);
        const after = second(2);
        const whole = world();
        expect(await whole.write(publishOf(before))).toBe(true);
        const from = whole.double.calls.length;
        expect(await whole.write(publishOf(after))).toBe(true);
        const calls = whole.double.calls.slice(from).length;
        expect(whole.isLive(after, (await whole.live()).answers)).toBe(true);
        for (let broken = 0; broken < calls; broken += 1) {
          const { double, write, live, isLive } = world();
          await write(publishOf(before));
          const start = double.calls.length;
          const { look, wrong } = watch(double, before, after);
          double.fault = ({ index }) => {
            look();
            return index === start + broken ? fault : null;
          };
          await write(publishOf(after)).catch(() => false);
          double.fault = () => look();
          expect(await write(publishOf(after))).toBe(true);
          look();
          expect(wrong).toEqual([]);
          expect(state(double)).toEqual(state(whole.double));
          const found = await live();
          expect(isLive(after, found.answers)).toBe(true);
          // A GSLB without an endpoint has nothing to be marked.
          if (double.lb.balancers.size > 0) expect([found.gslbId, found.number]).toEqual([gslbId, 2]);
          expect(double.invalid).toEqual([]);
        }
      }),
      { numRuns: 40 },
    );
  }, 60_000);

  it("are gone after a break at any call of their removal", async () => {
    await fc.assert(
      fc.asyncProperty(plans, fc.constantFrom("lost" as const, "reset" as const), async (first, fault) => {
        const removal: Change = { kind: "unpublish", fqdn: name, zone: "example.com.", gslbId, epoch: 0, number: 2 };
        for (let broken = 0; broken < 7; broken += 1) {
          const { double, write } = world();
          await write(publishOf(first(1)));
          const start = double.calls.length;
          double.fault = ({ index }) => (index === start + broken ? fault : null);
          await write(removal).catch(() => false);
          double.fault = () => null;
          expect(await write(removal)).toBe(true);
          expect(state(double)).toEqual({ balancers: [], pools: [] });
        }
      }),
      { numRuns: 20 },
    );
  }, 60_000);
});

/**
 * Looks between any two calls: clients get what the old plan answers, or what the new one has in rotation. Where both plans answer, there is an
 * answer at any moment.
 */
function watch({ lb }: CloudflareDouble, before: Plan, after: Plan) {
  const alive = new Set([...answered(before), ...inRotation(after)]);
  const wrong: string[] = [];
  const look = (): null => {
    for (const client of clients) {
      const served = lb.served("www.example.com", client);
      const dead = (served ?? []).filter((address) => !alive.has(address));
      if (dead.length > 0) wrong.push(`${JSON.stringify(client)} is sent to ${dead.join(", ")}`);
      const isGap = answered(before).size > 0 && answered(after).size > 0 && (served ?? []).length === 0;
      if (isGap) wrong.push(`${JSON.stringify(client)} is sent nowhere`);
    }
    return null;
  };
  return { look, wrong };
}

function raise(): never {
  throw new Error("nothing read");
}
