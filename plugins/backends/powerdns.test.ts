/** What PowerDNS's older versions and its error texts ask of the plugin; all else is tried on the real server, in `test/backends/`. */
import { describe, expect, it } from "vitest";
import type { BackendIo, Change } from "../../domain/backend.ts";
import { BackendFailure } from "../../domain/backend.ts";
import { markText } from "../../domain/ownership.ts";
import type { AnswerSet } from "../../domain/plan.ts";
import { powerdns } from "./powerdns.ts";

const gslbId = "11111111-1111-4111-8111-111111111111";
const zone = "gslb.test.";
const mark = { gslbId, epoch: 0, number: 7 };

type Asked = {
  readonly method: string;
  readonly path: string;
  readonly json: { rrsets: { name: string; type: string; changetype: string }[] };
};
type Answer = { readonly status: number; readonly body: unknown };

/** A server of one answer after the other; the last for all that follow. */
function server(...answers: readonly Answer[]) {
  const asked: Asked[] = [];
  const io: BackendIo = {
    now: () => 0,
    sleep: async () => undefined,
    kept: new Map(),
    signal: new AbortController().signal,
    connect: () => {
      throw new Error("no connection");
    },
    fetch: async (url, init) => {
      const { pathname, search } = new URL(String(url));
      asked.push({ method: init?.method ?? "GET", path: pathname + search, json: JSON.parse(String(init?.body ?? "null")) });
      const { status, body } = answers[Math.min(asked.length, answers.length) - 1] ?? { status: 500, body: "" };
      return new Response(status === 204 ? null : typeof body === "string" ? body : JSON.stringify(body), { status });
    },
  };
  const settings = powerdns.settings.parse({ api_url: "https://dns.example.com/pdns/" });
  return { asked, backend: { settings, credentials: { api_key: "secret" }, io } };
}

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

const publish = (fqdn: string, ...answers: AnswerSet[]): Change => ({
  kind: "publish",
  plan: {
    gslb_id: gslbId,
    fqdn,
    zone,
    flavor: "any",
    epoch: 0,
    number: 7,
    decided_at: 0,
    ttl: 30,
    policy: "failover",
    withdrawn: answers.length === 0,
    answers,
    pools: [],
  },
});

const rrset = (name: string, type: string, contents: readonly (string | { content: string; disabled: boolean })[], ttl = 30) => ({
  name,
  type,
  ttl,
  comments: [],
  records: contents.map((one) => (typeof one === "string" ? { content: one } : one)),
});
const zoneOf = (...rrsets: object[]): Answer => ({ status: 200, body: { kind: "Native", rrsets } });
const error = (text: string): Answer => ({ status: 422, body: { error: text } });
const taken: Answer = { status: 204, body: "" };

describe("writes to PowerDNS", () => {
  it("are one PATCH, deletions first: older versions refuse a CNAME beside addresses that a later element deletes", async () => {
    const { asked, backend } = server(taken);
    const outcome = await powerdns.write(
      zone,
      [publish("a.gslb.test.", set("CNAME", "b.example.net.")), publish("b.gslb.test.", set("A", "192.0.2.1"))],
      backend,
    );
    expect(outcome).toEqual([
      { ok: true, value: null },
      { ok: true, value: null },
    ]);
    expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual(["PATCH /pdns/api/v1/servers/localhost/zones/gslb.test."]);
    expect(asked[0]?.json.rrsets.map(({ name, type, changetype }) => `${changetype} ${name} ${type}`)).toEqual([
      "DELETE a.gslb.test. A",
      "DELETE a.gslb.test. AAAA",
      "DELETE b.gslb.test. AAAA",
      "DELETE b.gslb.test. CNAME",
      "REPLACE a.gslb.test. CNAME",
      "REPLACE _kosmos.a.gslb.test. TXT",
      "REPLACE b.gslb.test. A",
      "REPLACE _kosmos.b.gslb.test. TXT",
    ]);
  });

  it("are none where what was found is what is wanted, whatever its order", async () => {
    const { asked, backend } = server(taken);
    const change = publish("a.gslb.test.", set("A", "192.0.2.1", "192.0.2.2"));
    const found = { fqdn: "a.gslb.test.", ...mark, answers: [{ type: "A", values: ["192.0.2.2", "192.0.2.1"], ttl: 30 }] } as const;
    expect(await powerdns.write(zone, [{ ...change, found }], backend)).toEqual([{ ok: true, value: null }]);
    expect(asked).toEqual([]);
  });

  it.each([
    "RRset b.gslb.test. IN CNAME: Conflicts with pre-existing RRset",
    "RRset B.gslb.test. IN CNAME: Conflicts with pre-existing non-CNAME RRset",
    "RRset b.gslb.test. IN CNAME has more than one record",
    "Record b.gslb.test./AAAA '::ffff:192.0.2.1': Invalid IPv6 address",
    'Duplicate record in RRset b.gslb.test. IN A with content "192.0.2.1"',
    "RRset _kosmos.b.gslb.test. IN TXT: Conflicts with pre-existing RRset",
  ])("leave out whom an error names, and go on at once: %s", async (text) => {
    const { asked, backend } = server(error(text), taken);
    const names = ["a.gslb.test.", "b.gslb.test.", "bb.gslb.test."];
    const outcome = await powerdns.write(
      zone,
      names.map((name) => publish(name, set("A", "192.0.2.1"))),
      backend,
    );
    expect(outcome).toMatchObject([{ ok: true }, { ok: false, error: { class: "refused", detail: `422: ${text}` } }, { ok: true }]);
    expect(asked).toHaveLength(2);
    expect(asked[1]?.json.rrsets.some(({ name }) => /\bb\.gslb/.test(name))).toBe(false);
  });

  it("are refused as a whole where an error names nobody, for the Engine to halve", async () => {
    const { backend } = server(error("something else is wrong"));
    expect(await powerdns.write(zone, [publish("a.gslb.test.", set("A", "192.0.2.1"))], backend)).toEqual({
      class: "refused",
      detail: "422: something else is wrong",
    });
  });

  it("end after some culprits, and leave the rest for the next write", async () => {
    const names = Array.from({ length: 40 }, (_, index) => `n${index}.gslb.test.`);
    const { asked, backend } = server(...names.map((name) => error(`RRset ${name} IN A: no`)));
    const outcome = await powerdns.write(
      zone,
      names.map((name) => publish(name, set("A", "192.0.2.1"))),
      backend,
    );
    const words = "class" in outcome ? [] : outcome.map((result) => (result.ok ? "ok" : result.error.class));
    expect(new Set(words)).toEqual(new Set(["refused", "retry"]));
    expect(words.filter((word) => word === "refused")).toHaveLength(asked.length);
    expect(asked.length).toBeLessThan(20);
  });

  it("know a missing zone, and a backend of PowerDNS's that cannot be edited, by older versions' words", async () => {
    const changes = [publish("a.gslb.test.", set("A", "192.0.2.1"))];
    expect(await powerdns.write(zone, changes, server(error("Could not find domain 'gslb.test.'")).backend)).toMatchObject({
      class: "not-found",
    });
    const outcome = await powerdns.write(zone, changes, server(error("Hosting backend does not support editing records.")).backend);
    expect(outcome).toMatchObject([{ ok: false, error: { class: "refused" } }]);
  });

  it("are not made to a zone that is another server's copy, once that is known", async () => {
    const { asked, backend } = server({ status: 200, body: { kind: "Slave", rrsets: [] } });
    await powerdns.read?.(zone, ["a.gslb.test."], backend);
    const before = asked.length;
    const outcome = await powerdns.write(zone, [publish("a.gslb.test.", set("A", "192.0.2.1"))], backend);
    expect(outcome).toMatchObject([{ ok: false, error: { class: "refused", detail: expect.stringContaining("of kind Slave") } }]);
    expect(asked).toHaveLength(before);
  });
});

describe("reads of PowerDNS", () => {
  const name = "a.gslb.test.";

  it("take the whole zone's answer of versions that know no filter, and ask once from then on", async () => {
    const whole = zoneOf(
      rrset(name, "A", ["192.0.2.1"]),
      rrset(`_kosmos.${name}`, "TXT", [`"${markText(mark)}"`]),
      rrset(zone, "TXT", ["x".repeat(1_000_000)]),
    );
    const { asked, backend } = server(whole);
    const expected = [{ fqdn: name, ...mark, answers: [{ type: "A", values: ["192.0.2.1"], ttl: 30 }] }];
    expect(await powerdns.read?.(zone, [name], backend)).toEqual(expected);
    for (const _ of [1, 2]) {
      asked.length = 0;
      expect(await powerdns.read?.(zone, [name], backend)).toEqual(expected);
      expect(asked.map(({ path }) => path)).toEqual(["/pdns/api/v1/servers/localhost/zones/gslb.test."]);
    }
  });

  it("take hundreds of names from one answer", async () => {
    const names = Array.from({ length: 500 }, (_, index) => `n${index}.gslb.test.`);
    const { asked, backend } = server(zoneOf(...names.map((one) => rrset(one, "A", ["192.0.2.1"]))));
    expect(await powerdns.read?.(zone, names, backend)).toHaveLength(500);
    expect(asked).toHaveLength(1);
  });

  it("count what is disabled as absent, write addresses in one form, and names in lower case", async () => {
    const disabled = { content: "192.0.2.9", disabled: true };
    const { backend } = server(
      zoneOf(
        rrset("A.gslb.test.", "AAAA", ["2001:DB8:0:0:0:0:0:1"]),
        rrset(name, "A", [disabled]),
        rrset("b.gslb.test.", "CNAME", ["Origin.Example.NET."]),
      ),
    );
    const records = await powerdns.read?.(zone, [name, "b.gslb.test."], backend);
    expect(records?.map(({ answers }) => answers)).toEqual([
      [{ type: "AAAA", values: ["2001:db8::1"], ttl: 30 }],
      [{ type: "CNAME", values: ["origin.example.net."], ttl: 30 }],
    ]);
  });

  it("say nothing where something else answers", async () => {
    for (const body of ["<html>", { kind: "Native" }, { kind: "Native", rrsets: [{ name }] }, { kind: "Native", rrsets: [7] }]) {
      const read = powerdns.read?.(zone, [name], server({ status: 200, body }).backend);
      await expect(read).rejects.toThrow("not PowerDNS's API");
    }
  });
});

describe("the test of a PowerDNS flavor", () => {
  const authoritative: Answer = { status: 200, body: { daemon_type: "authoritative", version: "4.7.3" } };

  it("says what a primary's secondaries would not hear", async () => {
    const { backend } = server(authoritative, { status: 200, body: { kind: "Master", serial: 3, soa_edit_api: "", dnssec: true } });
    const test = await powerdns.test?.([zone], backend);
    expect(test?.details[1]).toMatch(/^gslb\.test\. is there \(Master, serial 3, signed\): its soa_edit_api is empty/);
  });

  it("says that a signed zone is not put in order by what is written", async () => {
    const signed = (api_rectify: boolean) => ({ status: 200, body: { kind: "Native", serial: 3, dnssec: true, api_rectify } });
    const details = async (api_rectify: boolean) =>
      (await powerdns.test?.([zone], server(authoritative, signed(api_rectify)).backend))?.details[1];
    expect(await details(true)).toBe("gslb.test. is there (Native, serial 3, signed)");
    expect(await details(false)).toMatch(/signed\): its api_rectify is off/);
  });

  it("refuses a copy, and a server that is none of names of its own", async () => {
    const copy = powerdns.test?.([zone], server(authoritative, { status: 200, body: { kind: "Slave" } }).backend);
    await expect(copy).rejects.toThrow(BackendFailure);
    const recursor = powerdns.test?.([], server({ status: 200, body: { daemon_type: "recursor", version: "5" } }).backend);
    await expect(recursor).rejects.toThrow("recursor");
  });
});

describe("settings of a PowerDNS flavor", () => {
  it("want the API's root, over HTTP or HTTPS", () => {
    for (const wrong of [
      "https://dns.example.com/api/v1",
      "ftp://dns.example.com",
      "https://user:pw@dns.example.com",
      "https://dns.example.com/?a=1",
    ]) {
      expect(powerdns.settings.safeParse({ api_url: wrong }).success, wrong).toBe(false);
    }
    expect(powerdns.credentials.safeParse({ api_key: "line\nbreak" }).success).toBe(false);
  });

  it("name the same server the same way, and stay the same when they are written again", () => {
    const [one, two] = ["https://DNS.example.com:443", "https://dns.example.com//"].map((api_url) => powerdns.settings.parse({ api_url }));
    expect(one && powerdns.identity(one)).toBe(two && powerdns.identity(two));
    expect(powerdns.settings.parse(one)).toEqual(one);
  });
});
