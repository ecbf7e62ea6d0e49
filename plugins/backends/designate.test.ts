import { describe, expect, it } from "vitest";
import type { Change } from "../../domain/backend.ts";
import type { AnswerSet } from "../../domain/plan.ts";
import { type DesignateDoubleOptions, designateDouble } from "../../test/doubles/designate.ts";
import { doubleCredentials, keystoneDouble } from "../../test/keystone-double.ts";
import { designate } from "./designate.ts";

const zone = "gslb.test.";
const www = `www.${zone}`;
const gslbId = "11111111-1111-4111-8111-111111111111";
const otherId = "22222222-2222-4222-8222-222222222222";
const set = (type: AnswerSet["type"], ...values: string[]): AnswerSet => ({
  type,
  values,
  ttl: 30,
  pool_id: gslbId,
  weight: null,
  pool_weight: null,
  locations: [],
  geofence: false,
  region: null,
});
const publish = (fqdn: string, number: number, ...answers: AnswerSet[]): Change => ({
  kind: "publish",
  plan: {
    gslb_id: gslbId,
    fqdn,
    zone,
    flavor: "any",
    epoch: 0,
    number,
    decided_at: 0,
    ttl: 30,
    policy: "failover",
    pools: [],
    withdrawn: answers.length === 0,
    answers,
  },
});
const unpublish = (fqdn: string, number: number): Change => ({ kind: "unpublish", fqdn, zone, gslbId, epoch: 0, number });
const mark = (number: number, id = gslbId) => `heritage=kosmos gslb=${id} plan=0.${number}`;
const names = (count: number) => Array.from({ length: count }, (_, index) => `host-${index}.${zone}`);

function world(options: DesignateDoubleOptions = {}, own: { credentials?: object; settings?: object } = {}) {
  let now = 1_000_000;
  const double = designateDouble(options);
  const keystone = keystoneDouble({ now: () => now });
  const fetch = ((url: string, init: RequestInit) =>
    url.startsWith(keystone.url) ? keystone.fetch(url, init) : double.fetch(url, init)) as typeof globalThis.fetch;
  const backend = {
    settings: designate.settings.parse({ endpoint: `${double.url}/`, ...own.settings }),
    credentials: designate.credentials.parse(own.credentials ?? {}),
    io: {
      fetch,
      now: () => now,
      signal: new AbortController().signal,
      kept: new Map<string, unknown>(),
      sleep: async () => undefined,
      connect: () => {
        throw new Error("it needs no socket");
      },
    },
  };
  const write = async (...changes: Change[]) => {
    const outcome = await designate.write(zone, changes, backend);
    if ("class" in outcome) throw new Error(outcome.detail);
    return outcome.map((result) => (result.ok ? "ok" : result.error));
  };
  const read = async (...fqdns: string[]) => (await designate.read?.(zone, fqdns, backend)) ?? [];
  const live = async (fqdn: string) => (await read(fqdn))[0];
  const look = async (change: Change): Promise<Change> => {
    const found = await live(change.kind === "publish" ? change.plan.fqdn : change.fqdn);
    return found === undefined ? change : { ...change, found };
  };
  /** What changed something, in short. */
  const writes = () =>
    double.calls
      .filter(({ method }) => method !== "GET")
      .map(({ method, body }) => [method, (body as { type?: string } | null)?.type ?? ""].join(" ").trim());
  return { double, keystone, backend, write, read, live, look, writes, pass: (ms: number) => (now += ms) };
}

describe("a name in Designate", () => {
  it("has its mark in each recordset's description, and is written once", async () => {
    const { double, write, writes, live } = world();
    const change = publish(www, 3, set("A", "192.0.2.1", "192.0.2.2"), set("AAAA", "2001:db8::1"));
    expect(await write(change)).toEqual(["ok"]);
    expect([...double.recordsets.values()].map(({ description }) => description)).toEqual([mark(3), mark(3)]);
    expect(await live(www)).toMatchObject({ gslbId, epoch: 0, number: 3, state: "pending" });
    expect(await write(change)).toEqual(["ok"]);
    expect(writes()).toEqual(["POST A", "POST AAAA"]);
  });

  it("loses what cannot stand beside the new before that is made, and what is left over before the rest is changed", async () => {
    const { write, writes, double } = world();
    await write(publish(www, 1, set("A", "192.0.2.1"), set("AAAA", "2001:db8::1")));
    await write(publish(www, 2, set("A", "192.0.2.2")));
    await write(publish(www, 3, set("CNAME", "origin.example.net.")));
    expect(writes()).toEqual(["POST A", "POST AAAA", "DELETE", "PUT", "DELETE", "POST CNAME"]);
    expect(double.lines()).toEqual([`CNAME ${www} origin.example.net.`]);
  });

  it("keeps its mark in a TXT record of its own while it is withdrawn, and until it answers again", async () => {
    const { double, write, live, writes } = world();
    await write(publish(www, 1, set("A", "192.0.2.1")), publish(`never.${zone}`, 1));
    await write(publish(www, 2));
    expect(double.lines()).toEqual([`TXT _kosmos.never.${zone} "${mark(1)}"`, `TXT _kosmos.${www} "${mark(2)}"`]);
    expect(await live(www)).toMatchObject({ gslbId, number: 2, answers: [], state: "pending" });
    const before = writes().length;
    await write(publish(www, 3, set("A", "192.0.2.3")));
    expect(writes().slice(before)).toEqual(["POST A", "DELETE"]);
    await write(publish(www, 4), unpublish(`never.${zone}`, 2));
    await write(unpublish(www, 5));
    expect(double.lines()).toEqual([]);
  });

  it("is written again where Designate failed to hand it out", async () => {
    const { double, write, live, writes } = world();
    const change = publish(www, 1, set("A", "192.0.2.1"));
    await write(change);
    for (const recordset of double.recordsets.values()) recordset.status = "ERROR";
    expect((await live(www))?.state).toEqual({ error: "Designate: ERROR: its name servers did not take it" });
    await write(change);
    expect(writes()).toEqual(["POST A", "PUT"]);
  });

  it("that was removed is pending as long as its zone is", async () => {
    const { double, live } = world();
    expect(await live(www)).toEqual({ fqdn: www, epoch: null, number: null, answers: [] });
    double.zone.status = "PENDING";
    expect((await live(www))?.state).toBe("pending");
    double.put({ name: www, type: "A", records: ["203.0.113.1"], ttl: null });
    expect(await live(www)).toMatchObject({ epoch: null, answers: [{ type: "A", values: ["203.0.113.1"], ttl: 3600 }] });
    expect((await live(www))?.state).toBeUndefined();
  });

  it("reads in canonical form, and others' types are neither read nor touched", async () => {
    const { double, live, write } = world();
    double.put({ name: www, type: "AAAA", records: ["2001:DB8:0::1"], ttl: 60 });
    double.put({ name: www, type: "MX", records: ["10 mail.example.net."], ttl: 60 });
    expect((await live(www))?.answers).toEqual([{ type: "AAAA", values: ["2001:db8::1"], ttl: 60 }]);
    await write(unpublish(www, 1));
    expect(double.lines()).toEqual([`MX ${www} 10 mail.example.net.`]);
  });
});

describe("what others do between our look and our write", () => {
  const race = async (theirs: { description?: string }) => {
    const it = world();
    const change = await it.look(publish(www, 5, set("A", "192.0.2.5")));
    it.double.put({ name: www, type: "A", records: ["203.0.113.9"], ttl: 60, ...theirs });
    return { ...it, came: (await it.write(change))[0] };
  };

  it("gives way where it is an older plan of ours", async () => {
    const { came, double } = await race({ description: mark(4) });
    expect(came).toBe("ok");
    expect(double.lines()).toEqual([`A ${www} 192.0.2.5`]);
  });

  it("stands where it is a newer plan of ours", async () => {
    const { came, double } = await race({ description: mark(6) });
    expect(came).toMatchObject({ class: "superseded", epoch: 0, number: 6, gslbId });
    expect(double.lines()).toEqual([`A ${www} 203.0.113.9`]);
  });

  it.each([{}, { description: mark(1, otherId) }])("is for the Engine to judge where it is not ours: %o", async (theirs) => {
    const { came, double } = await race(theirs);
    expect(came).toMatchObject({ class: "retry", detail: `somebody made records at ${www} while it was written` });
    expect(double.lines()).toEqual([`A ${www} 203.0.113.9`]);
  });

  it("is made good where they removed it", async () => {
    const { double, write, look } = world();
    await write(publish(www, 1, set("A", "192.0.2.1")));
    const change = await look(publish(www, 2, set("A", "192.0.2.2")));
    const removal = await look(unpublish(www, 3));
    double.recordsets.clear();
    expect(await write(change)).toEqual(["ok"]);
    expect(double.lines()).toEqual([`A ${www} 192.0.2.2`]);
    double.recordsets.clear();
    expect(await write(removal)).toEqual(["ok"]);
  });

  it("is found out where the zone was made anew: it has another id", async () => {
    const { double, write, backend, look } = world();
    await write(publish(www, 1, set("A", "192.0.2.1")));
    const change = await look(publish(www, 2, set("A", "192.0.2.2")));
    double.zone.id = "99999999-9999-4999-8999-999999999999";
    double.recordsets.clear();
    expect(await write(change)).toEqual(["ok"]);
    expect(double.lines()).toEqual([`A ${www} 192.0.2.2`]);
    double.zone.id = "88888888-8888-4888-8888-888888888888";
    Object.assign(double.zone, { name: "other.test." });
    await expect(write(change)).rejects.toMatchObject({ failure: { class: "not-found" } });
    expect(backend.io.kept.size).toBe(0);
  });
});

describe("many names in Designate", () => {
  it("are written four at a time, and each has a result of its own", async () => {
    const { double, write } = world();
    const some = names(20);
    const bad = some[7] ?? "";
    double.put({ name: bad, type: "MX", records: ["10 mail.example.net."], ttl: 60 });
    const came = await write(
      ...some.map((fqdn) => publish(fqdn, 1, fqdn === bad ? set("CNAME", "a.example.net.") : set("A", "192.0.2.1"))),
    );
    expect(came.filter((one) => one !== "ok")).toEqual([
      {
        class: "refused",
        detail: "Designate: 400: invalid_recordset_location: CNAME recordsets may not share a name with any other records",
      },
    ]);
    expect(came[7]).not.toBe("ok");
    expect(double.most()).toBe(4);
  });

  it("are not asked for where Designate is busy, and all come after the time it says", async () => {
    const { double, write } = world();
    double.before = ({ method }) =>
      method === "POST" ? new Response("slow down", { status: 429, headers: { "Retry-After": "9" } }) : null;
    const came = await write(...names(20).map((fqdn) => publish(fqdn, 1, set("A", "192.0.2.1"))));
    expect(new Set(came.map((one) => JSON.stringify(one)))).toEqual(
      new Set([JSON.stringify({ class: "retry", detail: "Designate: 429: slow down", afterMs: 9_000 })]),
    );
    expect(double.calls.filter(({ method }) => method === "POST").length).toBeLessThanOrEqual(4);
  });

  it("that there is no time for come next: those that were written are said to be", async () => {
    const { double, write, pass } = world();
    double.before = ({ method }) => {
      if (method === "POST") pass(1_000);
      return null;
    };
    const came = await write(...names(20).map((fqdn) => publish(fqdn, 1, set("A", "192.0.2.1"))));
    const done = came.filter((one) => one === "ok").length;
    expect(done).toBe(double.recordsets.size);
    expect(done).toBeGreaterThan(4);
    expect(came.slice(done)).toEqual(
      Array.from({ length: 20 - done }, () => ({ class: "retry", detail: "there was no time for it in this write" })),
    );
  });

  it.each([1_000, 3])("are read from the whole zone where that is less to ask, page by page of at most %i", async (pageMax) => {
    const { double, read } = world({ pageMax });
    const some = names(10);
    for (const name of some) double.put({ name, type: "A", records: ["192.0.2.1"], ttl: 30, description: mark(1) });
    double.put({ name: `_kosmos.empty.${zone}`, type: "TXT", records: [`"${mark(2)}"`], ttl: 30 });
    const found = await read(...some, `empty.${zone}`, `nobody.${zone}`);
    expect(found.map(({ number }) => number)).toEqual([...some.map(() => 1), 2, null]);
    expect(double.calls.length).toBe(pageMax === 3 ? 7 : 4);
  });

  it("are read one by one from a zone that is far larger", async () => {
    const { double, read } = world();
    for (const name of names(500)) double.put({ name, type: "A", records: ["192.0.2.1"], ttl: 30, description: mark(1) });
    const found = await read(...names(8));
    expect(found.map(({ number }) => number)).toEqual(Array.from({ length: 8 }, () => 1));
    // The zone's id, how much there is, and each name: a recordset with a mark says it all.
    expect(double.calls.length).toBe(10);
  });
});

describe("what Designate refuses", () => {
  it.each([
    [
      "a bad value",
      {},
      set("A", "nonsense"),
      { class: "refused", detail: "Designate: 400: invalid_object: records.0: 'nonsense' is not a 'A' Record" },
    ],
    [
      "a TTL below its minimum",
      { minTtl: 60 },
      set("A", "192.0.2.1"),
      { class: "refused", detail: "Designate: 400: invalid_ttl: TTL is below the minimum: 60" },
    ],
    [
      "more than its quota",
      { recordQuota: 1 },
      set("A", "192.0.2.1", "192.0.2.2"),
      { class: "retry", detail: "Designate: 413: over_quota: Quota exceeded for recordset_records." },
    ],
  ])("is told with its words: %s", async (_, options, answers, expected) => {
    expect(await world(options).write(publish(www, 1, answers))).toEqual([expected]);
  });

  it("as forbidden is a matter of credentials, and nothing else is tried", async () => {
    const { double, write } = world();
    double.before = ({ method }) => (method === "POST" ? Response.json({ code: 403, type: "forbidden" }, { status: 403 }) : null);
    const came = await write(...names(12).map((fqdn) => publish(fqdn, 1, set("A", "192.0.2.1"))));
    expect(came).toEqual(came.map(() => ({ class: "credentials", detail: "Designate: 403: forbidden" })));
    expect(double.calls.filter(({ method }) => method === "POST").length).toBeLessThanOrEqual(4);
  });
});

describe("who we are to Designate", () => {
  it("is said with a token of Keystone's, renewed where it was revoked", async () => {
    let knows = (_: string | null) => true;
    const it = world(
      { knows: (token) => knows(token) },
      { credentials: doubleCredentials.password, settings: { auth_url: "http://keystone.test:5000/v3" } },
    );
    knows = it.keystone.knows;
    expect(await it.write(publish(www, 1, set("A", "192.0.2.1")))).toEqual(["ok"]);
    it.keystone.revokeAll();
    expect(await it.write(...names(6).map((fqdn) => publish(fqdn, 1, set("A", "192.0.2.1"))))).toEqual(names(6).map(() => "ok"));
    expect(it.keystone.logins()).toBe(2);
  });

  it("is not said to a Designate that does not ask", async () => {
    const { double, write } = world();
    await write(publish(www, 1, set("A", "192.0.2.1")));
    expect(double.calls.map(({ token }) => token).filter((token) => token !== null)).toEqual([]);
  });

  it.each([
    [{ credentials: doubleCredentials.password }, "there are credentials, and no auth_url that takes them"],
    [{ settings: { auth_url: "http://keystone.test:5000/v3" } }, "there is an auth_url, and no credentials for it"],
  ])("needs both halves, or none: %#", async (own, detail) => {
    await expect(world({}, own).read(www)).rejects.toMatchObject({ failure: { class: "credentials", detail } });
  });

  it("has settings that say what would be right", () => {
    for (const settings of [
      {},
      { endpoint: "http://dns.test/v2" },
      { endpoint: "dns.test" },
      { endpoint: "http://dns.test", auth_url: "http://k.test" },
    ])
      expect(designate.settings.safeParse(settings).success).toBe(false);
    for (const credentials of [{ username: "a" }, { surprise: 1 }])
      expect(designate.credentials.safeParse(credentials).success).toBe(false);
    const settings = designate.settings.parse({ endpoint: "http://dns.test/", auth_url: "http://k.test/v3" });
    expect(designate.hosts?.(settings)).toEqual({ endpoint: "http://dns.test/", auth_url: "http://k.test/v3" });
    expect(designate.identity(settings)).toBe("http://dns.test");
  });
});

describe("the test of a Designate", () => {
  it("says where it answers and which zones are there, and that a secondary takes no records", async () => {
    const { double, backend } = world();
    expect(await designate.test?.([zone], backend)).toEqual({
      details: [`Designate answers at ${double.url}/`, `${zone} is zone ${double.zone.id}, ACTIVE`],
    });
    await expect(designate.test?.(["missing.test."], backend)).rejects.toMatchObject({ failure: { class: "not-found" } });
    double.zone.type = "SECONDARY";
    await expect(designate.test?.([zone], backend)).rejects.toMatchObject({ failure: { class: "refused" } });
    expect(double.calls.every(({ method }) => method === "GET")).toBe(true);
  });
});
