import { describe, expect, it } from "vitest";
import { testResult } from "../domain/agent-wire.ts";
import { failed, pass } from "../domain/check.ts";
import { limits } from "../domain/limits.ts";
import { bodyExcerpt } from "../plugins/checks/http-words.ts";
import { testResultOf } from "./work.ts";

describe("the result of a test, as an agent reports it", () => {
  it("is one that the API takes, whatever the endpoint said: what it refuses takes everything else of the report with it", () => {
    const timings = { dns: -3, connect: 1.5, tls: Number.NaN, first_byte: -1 };
    const hostile = {
      ...failed(-5, "x".repeat(1_000)),
      warning: "w".repeat(1_000),
      more: {
        timings,
        httpStatus: 200,
        bodyExcerpt: bodyExcerpt(new Uint8Array(limits.bodyExcerptBytes).fill(1)),
        certificate: { notAfter: Number.NaN, subject: "CN=x".repeat(5_000) },
      },
    };
    const told = testResult.parse(JSON.parse(JSON.stringify(testResultOf(hostile))));
    expect(told).toMatchObject({
      latency_ms: 0,
      timings: { dns: 0, connect: 1.5, tls: null, first_byte: 0 },
      http_status: 200,
      certificate: null,
    });
    expect(told.body_excerpt).toBe("\\u{1}".repeat(limits.bodyExcerptBytes));
    const certificate = { notAfter: 1, subject: "CN=x".repeat(5_000) };
    expect(testResult.parse(testResultOf({ ...pass(1, "200"), more: { certificate } })).certificate?.subject).toHaveLength(1_024);
  });
});
