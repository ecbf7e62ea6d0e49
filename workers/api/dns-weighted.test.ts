import { Buffer } from "node:buffer";
import { decode, encode, type RecordType } from "dns-packet";
import { describe, expect, it } from "vitest";
import type { Change } from "../../domain/backend.ts";
import { limits } from "../../domain/limits.ts";
import type { AnswerSet } from "../../domain/plan.ts";
import { answersIo } from "../../durable-objects/answers/answers-io.ts";
import { answersDouble } from "../../test/answers-double.ts";
import type { ApiBindings } from "./bindings.ts";
import { FindingCache } from "./dns-lookup.ts";
import { dnsQuery } from "./dns-query.ts";

const first = "22222222-2222-4222-8222-222222222222";
const second = "33333333-3333-4333-8333-333333333333";
const member = (pool_id: string, pool_weight: number, weight: number, type: AnswerSet["type"], ...values: string[]): AnswerSet => ({
  type,
  values,
  ttl: 30,
  pool_id,
  weight,
  pool_weight,
  locations: [],
  geofence: false,
  region: null,
});
/** Web-1 has both families; web-2, of the same pool, IPv4 alone; the second pool has a member with two addresses. */
const web = [
  member(first, 1, 1, "A", "192.0.2.1"),
  member(first, 1, 1, "AAAA", "2001:db8::1"),
  member(first, 1, 1, "A", "192.0.2.2"),
  member(second, 1, 5, "A", "192.0.2.3", "192.0.2.4"),
];

/** The handler over one published name, with the chances it shall have; when they are used up, 0. */
async function serve(answers: readonly AnswerSet[]) {
  const double = answersDouble();
  const fqdn = "www.example.com.";
  const gslb_id = "11111111-1111-4111-8111-111111111111";
  const plan = {
    gslb_id,
    fqdn,
    zone: "example.com.",
    flavor: "edge",
    epoch: 0,
    number: 1,
    decided_at: 0,
    ttl: 30,
    policy: "failover" as const,
    pools: [],
    withdrawn: false,
  };
  const change: Change = { kind: "publish", plan: { ...plan, answers: [...answers] } };
  expect(await answersIo(double).write([change])).toEqual([{ ok: true, value: null }]);
  const state = { now: 1_000_000, chances: [] as number[], lookups: 0 };
  const app = dnsQuery({
    cache: new FindingCache(),
    now: () => state.now,
    random: () => state.chances.shift() ?? 0,
    deadlineMs: limits.answersDeadlineMs,
  });
  const bindings: Partial<ApiBindings> = {
    settings: {} as ApiBindings["settings"],
    answers: (name) => ({
      ...double(name),
      lookup: (asked) => {
        state.lookups += 1;
        return double(name).lookup(asked);
      },
    }),
  };
  const json = async (type: string, ...chances: number[]) => {
    state.chances = chances;
    const response = await app.request(`/?name=www.example.com&type=${type}`, {}, bindings);
    const body = (await response.json()) as { Status: number; Answer: { data: string }[] };
    return { status: body.Status, data: body.Answer.map(({ data }) => data), cache: response.headers.get("cache-control") };
  };
  const wire = async (type: RecordType, ...chances: number[]) => {
    state.chances = chances;
    const message = encode({ id: 7, type: "query", questions: [{ type, name: "www.example.com" }] });
    const response = await app.request(`/?dns=${message.toString("base64url")}`, {}, bindings);
    return decode(Buffer.from(await response.arrayBuffer())).answers?.map((record) => ("data" in record ? record.data : null));
  };
  return { state, json, wire };
}

describe("a weighted name", () => {
  it("answers with one member, all of its addresses of the type, and the TTL of the plan", async () => {
    const { json } = await serve(web);
    expect(await json("A", 0, 0)).toEqual({ status: 0, data: ["192.0.2.1"], cache: "max-age=30" });
    expect(await json("A", 0, 0.5)).toMatchObject({ data: ["192.0.2.2"] });
    expect(await json("A", 0.5, 0)).toMatchObject({ data: ["192.0.2.3", "192.0.2.4"] });
    expect(await json("A", 0.5, 0, 0.5)).toMatchObject({ data: ["192.0.2.4", "192.0.2.3"] });
  });

  it("answers the wire format alike", async () => {
    const { wire } = await serve(web);
    expect(await wire("A", 0, 0.5)).toEqual(["192.0.2.2"]);
    expect(await wire("A", 0.5, 0)).toEqual(["192.0.2.3", "192.0.2.4"]);
    expect(await wire("AAAA", 0.99, 0.99)).toEqual(["2001:db8::1"]);
  });

  it("is picked from the pools and members that have the type: nobody gets an empty answer by chance", async () => {
    const { json } = await serve(web);
    for (const chance of [0, 0.5, 0.999]) expect(await json("AAAA", chance, chance)).toMatchObject({ data: ["2001:db8::1"] });
    expect(await json("TXT", 0.5)).toMatchObject({ status: 0, data: [], cache: "max-age=5" });
    expect(await json("ANY", 0.5)).toMatchObject({ data: ['"RFC8482" ""'] });
  });

  it("is picked for each question anew, also while the isolate remembers the name", async () => {
    const { json, state } = await serve(web);
    const answers = [await json("A", 0, 0), await json("A", 0, 0.5), await json("A", 0.5, 0)].map(({ data }) => data[0]);
    expect(answers).toEqual(["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    expect(state.lookups).toBe(1);
  });

  it("may be a choice of host names, one of which is the answer to every type", async () => {
    const { json, wire } = await serve([member(first, 1, 1, "CNAME", "a.example.net."), member(first, 1, 3, "CNAME", "b.example.net.")]);
    for (const type of ["A", "CNAME", "TXT"]) {
      expect(await json(type, 0, 0.24)).toMatchObject({ data: ["a.example.net."] });
      expect(await json(type, 0, 0.25)).toMatchObject({ data: ["b.example.net."] });
    }
    expect(await wire("A", 0, 0.25)).toEqual(["b.example.net"]);
  });

  it("that was stored before there were weights is answered whole", async () => {
    const { json } = await serve(web.map(({ weight: _, pool_weight: __, ...old }) => old as AnswerSet));
    expect(await json("A")).toMatchObject({ data: ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"] });
  });
});
