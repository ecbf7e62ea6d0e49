/** A name that is steered by place: who gets what over HTTPS, and who may keep it. */
import { Buffer } from "node:buffer";
import { decode, encode, type OptAnswer, type RecordType } from "dns-packet";
import { describe, expect, it } from "vitest";
import type { Place } from "../../domain/geo.ts";
import { limits } from "../../domain/limits.ts";
import type { AnswerSet } from "../../domain/plan.ts";
import { answersIo } from "../../durable-objects/answers/answers-io.ts";
import { answersDouble } from "../../test/answers-double.ts";
import type { ApiBindings } from "./bindings.ts";
import { networkIn, networkOf } from "./dns-client.ts";
import { FindingCache } from "./dns-lookup.ts";
import { dnsQuery } from "./dns-query.ts";

const [france, network, fence, rest] = ["1", "2", "3", "4"].map((n) => `${n.repeat(8)}-2222-4222-8222-222222222222`) as [
  string,
  string,
  string,
  string,
];
const set = (pool_id: string, type: AnswerSet["type"], ...values: string[]): AnswerSet => ({
  type,
  values,
  ttl: 30,
  pool_id,
  weight: null,
  pool_weight: null,
  locations: [],
  geofence: false,
  region: null,
});
const places: Place[] = [
  { pool_id: france, locations: [{ country: "FR" }, { subdivision: "US-CA" }], own: false },
  { pool_id: network, locations: [{ cidr: "203.0.113.0/24" }, { cidr: "2001:db8::/32" }], own: false },
  { pool_id: fence, locations: [{ continent: "AS" }], own: true },
  { pool_id: rest, locations: [], own: false },
];
const answers = [
  set(france, "A", "192.0.2.1"),
  set(network, "A", "192.0.2.2"),
  set(network, "AAAA", "2001:db8::2"),
  set(rest, "A", "192.0.2.4"),
  set(rest, "AAAA", "2001:db8::4"),
];

async function serve() {
  const double = answersDouble();
  const plan = {
    gslb_id: "11111111-1111-4111-8111-111111111111",
    zone: "example.com.",
    flavor: "edge",
    epoch: 0,
    number: 1,
    decided_at: 0,
    ttl: 30,
    pools: [],
    withdrawn: false,
  };
  const geo = { ...plan, fqdn: "www.example.com.", policy: "geo" as const, answers, places };
  const plain = { ...plan, fqdn: "plain.example.com.", policy: "failover" as const, answers: answers.slice(0, 1) };
  await answersIo(double).write([geo, plain].map((plan) => ({ kind: "publish", plan })));
  const app = dnsQuery({ cache: new FindingCache(), now: () => 1_000_000, random: () => 0, deadlineMs: limits.answersDeadlineMs });
  const bindings: Partial<ApiBindings> = { settings: {} as ApiBindings["settings"], answers: double, mayAskDns: async () => true };
  const send = (path: string, cf?: object, address?: string) => {
    const request = new Request(`http://kosmos.test${path}`, { headers: address === undefined ? {} : { "cf-connecting-ip": address } });
    if (cf !== undefined) Object.assign(request, { cf });
    return app.request(request, undefined, bindings);
  };
  const json = async (query: string, cf?: object, address?: string) => {
    const response = await send(`/?name=www.example.com&${query}`, cf, address);
    const body = (await response.json()) as { Status: number; Answer?: { data: string }[]; edns_client_subnet?: string };
    const data = body.Answer?.map((record) => record.data);
    return { status: response.status, data, cache: response.headers.get("cache-control"), subnet: body.edns_client_subnet };
  };
  const wire = async (name: string, type: RecordType, subnet: number[] | null, cf?: object) => {
    const options = subnet === null ? [] : [{ code: 8 as const, ip: undefined, data: Buffer.from(subnet) }];
    const opt: OptAnswer = {
      type: "OPT",
      name: ".",
      udpPayloadSize: 4096,
      extendedRcode: 0,
      ednsVersion: 0,
      flags: 0,
      flag_do: false,
      options,
    };
    const message = encode({ id: 7, type: "query", questions: [{ type, name }], additionals: [opt] });
    const response = await send(`/?dns=${message.toString("base64url")}`, cf);
    const reply = decode(Buffer.from(await response.arrayBuffer()));
    const given = reply.additionals?.flatMap((record) => (record.type === "OPT" ? record.options : [])) ?? [];
    return {
      data: reply.answers?.map((record) => ("data" in record ? record.data : null)),
      option: given.map((option) => ("data" in option ? [...(option.data as Buffer)] : null))[0],
      cache: response.headers.get("cache-control"),
    };
  };
  return { json, wire };
}

describe("a name that is steered by place", () => {
  it("answers by the request's own place, for whoever sent it alone", async () => {
    const { json } = await serve();
    expect(await json("type=A", { country: "FR", continent: "EU" })).toEqual({
      status: 200,
      data: ["192.0.2.1"],
      cache: "private, max-age=30",
      subnet: undefined,
    });
    expect(await json("type=A", { country: "US", regionCode: "CA", continent: "NA" })).toMatchObject({ data: ["192.0.2.1"] });
    expect(await json("type=A", { country: "US", regionCode: "TX", continent: "NA" })).toMatchObject({ data: ["192.0.2.4"] });
    expect(await json("type=A", { country: "FR" }, "203.0.113.7")).toMatchObject({ data: ["192.0.2.2"] });
    expect(await json("type=AAAA", {}, "2001:db8:5::1")).toMatchObject({ data: ["2001:db8::2"] });
    expect(await json("type=A")).toMatchObject({ data: ["192.0.2.4"], cache: "private, max-age=30" });
  });

  it("has no data where the client's pool has none, whatever others have", async () => {
    const { json } = await serve();
    expect(await json("type=AAAA", { country: "FR" })).toMatchObject({ data: [], cache: "private, max-age=5" });
    expect(await json("type=A", { country: "JP", continent: "AS" })).toMatchObject({ data: [], cache: "private, max-age=5" });
    expect(await json("type=ANY", { country: "JP", continent: "AS" })).toMatchObject({ data: [] });
  });

  it("answers a client subnet by ranges and the rest alone, with its scope, for all to keep", async () => {
    const { wire } = await serve();
    const paris = { country: "FR", continent: "EU" };
    expect(await wire("www.example.com", "A", [0, 1, 24, 0, 203, 0, 113], paris)).toEqual({
      data: ["192.0.2.2"],
      option: [0, 1, 24, 24, 203, 0, 113],
      cache: "max-age=30",
    });
    expect(await wire("www.example.com", "A", [0, 1, 24, 0, 203, 0, 112], paris)).toMatchObject({
      data: ["192.0.2.4"],
      option: [0, 1, 24, 24, 203, 0, 112],
    });
    expect(await wire("www.example.com", "A", [0, 1, 8, 0, 10], paris)).toMatchObject({ data: ["192.0.2.4"], option: [0, 1, 8, 1, 10] });
    expect(await wire("www.example.com", "AAAA", [0, 2, 32, 0, 0x20, 1, 0xd, 0xb8])).toMatchObject({
      data: ["2001:db8::2"],
      option: [0, 2, 32, 32, 0x20, 1, 0xd, 0xb8],
    });
    // Whoever asks wants his network kept out of it (RFC 7871, 7.1.2).
    expect(await wire("www.example.com", "A", [0, 1, 0, 0], paris)).toMatchObject({ data: ["192.0.2.4"], option: [0, 1, 0, 0] });
    expect(await wire("www.example.com", "A", null, paris)).toMatchObject({ data: ["192.0.2.1"], cache: "private, max-age=30" });
  });

  it("answers the JSON form's edns_client_subnet alike", async () => {
    const { json } = await serve();
    expect(await json("edns_client_subnet=203.0.113.0/24", { country: "FR" })).toEqual({
      status: 200,
      data: ["192.0.2.2"],
      cache: "max-age=30",
      subnet: "203.0.113.0/24",
    });
    expect(await json("edns_client_subnet=198.51.100.7", { country: "FR" })).toMatchObject({
      data: ["192.0.2.4"],
      subnet: "198.51.100.7/5",
    });
    expect(await json("edns_client_subnet=0.0.0.0/0", { country: "FR" })).toMatchObject({ data: ["192.0.2.4"], subnet: undefined });
    for (const wrong of ["paris", "203.0.113.0/33", "203.0.113.0/24/1", ""]) {
      expect(await json(`edns_client_subnet=${wrong}`)).toMatchObject({ status: 400 });
    }
  });

  it("leaves other names as they were: for all to keep, with scope 0", async () => {
    const { wire } = await serve();
    expect(await wire("plain.example.com", "A", [0, 1, 24, 0, 203, 0, 113], { country: "US" })).toEqual({
      data: ["192.0.2.1"],
      option: [0, 1, 24, 0, 203, 0, 113],
      cache: "max-age=30",
    });
    expect(await wire("plain.example.com", "A", null, { country: "US" })).toMatchObject({ cache: "max-age=30" });
  });
});

describe("a client's network", () => {
  it("is read from text and from the option, and is null where it is none", () => {
    expect(networkOf("2001:DB8::/32")).toEqual({ address: "2001:db8::", bits: 32 });
    expect(networkOf("fe80::1%eth1")).toEqual({ address: "fe80::1", bits: 128 });
    expect(networkIn(Uint8Array.from([0, 2, 48, 0, 0x20, 1, 0xd, 0xb8, 0, 5]))).toEqual({ address: "2001:db8:5::", bits: 48 });
    for (const option of [[], [0, 1], [0, 3, 8, 0, 10], [0, 1, 33, 0, 1, 2, 3, 4, 5], [0, 1, 24, 0, 1, 2], [0, 1, 8, 0, 1, 2]]) {
      expect(networkIn(Uint8Array.from(option))).toBeNull();
    }
  });
});
