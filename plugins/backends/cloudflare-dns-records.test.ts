import { describe, expect, it } from "vitest";
import type { Change } from "../../domain/backend.ts";
import type { AnswerSet } from "../../domain/plan.ts";
import { liveRecords, operationsOf } from "./cloudflare-dns-records.ts";

const fqdn = "www.example.com.";
const gslbId = "11111111-1111-4111-8111-111111111111";
const comment = `heritage=kosmos gslb=${gslbId} plan=0.1`;
const record = (type: string, content: string) => ({
  id: content,
  name: "www.example.com",
  type,
  content,
  ttl: 60,
  proxied: false,
  comment,
});

describe("a record in another spelling than ours", () => {
  it("is told in ours, or it would differ for ever", () => {
    const { answers } = liveRecords(fqdn, [record("AAAA", "2001:DB8:0:0:0:0:0:1")]);
    expect(answers).toEqual([{ type: "AAAA", values: ["2001:db8::1"], ttl: 60 }]);
    expect(liveRecords(fqdn, [record("CNAME", "Origin.Example.NET")]).answers).toMatchObject([{ values: ["origin.example.net."] }]);
  });

  it("is not written again", () => {
    const answer = {
      type: "AAAA",
      values: ["2001:db8::1"],
      ttl: 60,
      pool_id: gslbId,
      weight: null,
      pool_weight: null,
      region: null,
    } satisfies Partial<AnswerSet>;
    const plan = {
      ...{ gslb_id: gslbId, fqdn, zone: "example.com.", flavor: "any", epoch: 0, number: 1, decided_at: 0, ttl: 60 },
      ...{ policy: "failover", pools: [], withdrawn: false, answers: [{ ...answer, locations: [], geofence: false }] },
    } as Extract<Change, { kind: "publish" }>["plan"];
    const done = operationsOf({ kind: "publish", plan }, [record("AAAA", "2001:DB8:0:0:0:0:0:1")]);
    expect(done).toEqual({ deletes: [], puts: [], posts: [] });
  });
});
