import { type Answer, encode } from "dns-packet";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { queryBytes, readReply } from "./dns-message.ts";
import { canonicalData } from "./dns-record.ts";

describe("a DNS message, whatever it is", () => {
  it("is read or refused, and never throws", () => {
    const question = { id: 0x0102, name: "www.example.com.", type: "A" } as const;
    const name = "www.example.com";
    const records: Answer[] = [
      { type: "A", name, data: "192.0.2.1" },
      { type: "TXT", name, data: ["one", "two"] },
      { type: "MX", name, data: { preference: 1, exchange: name } },
      { type: "CAA", name, data: { flags: 0, tag: "issue", value: "ca" } },
      { type: "SOA", name, data: { mname: name, rname: name, serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 1 } },
    ];
    const base = encode({ type: "response", id: 0x0102, flags: 0x8180, questions: [{ type: "A", name }], answers: records });
    const mutated = fc.array(fc.tuple(fc.nat({ max: base.length - 1 }), fc.nat({ max: 255 })), { maxLength: 6 }).map((edits) => {
      const bytes = new Uint8Array(base);
      for (const [at, to] of edits) bytes[at] = to;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 80 })), (bytes) => {
        const read = readReply(bytes, question);
        if (!read.ok) expect(read.error.detail).not.toBe("");
        else for (const data of read.value.answers) expect(canonicalData("A", data)).toBe(data);
      }),
      { numRuns: 2_000 },
    );
    expect(readReply(queryBytes(question), question)).toMatchObject({ ok: false });
  });

  it("is not read where it announces more than anybody asks for: each name in it can be a long chain of pointers", () => {
    const question = { id: 0, name: "www.example.com.", type: "A" } as const;
    const bytes = new Uint8Array(encode({ type: "response", id: 0, questions: [{ type: "A", name: "www.example.com" }] }));
    for (const count of [4, 6, 8, 10]) {
      const announcing = new Uint8Array(bytes);
      new DataView(announcing.buffer).setUint16(count, 5_000);
      expect(readReply(announcing, question)).toEqual({
        ok: false,
        error: { kind: "malformed", detail: "the answer has more records than are read" },
      });
    }
  });
});
