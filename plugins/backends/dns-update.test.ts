/** Updates as bytes, read back with dns-packet and by the walk over records; and the walk on whatever comes. */
import { decode, encode } from "dns-packet";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  absent,
  add,
  dataOf,
  deleteSet,
  encodeUpdate,
  exists,
  existsAs,
  recordBytes,
  textData,
  type UpdateRecord,
  wireName,
} from "./dns-update.ts";
import { readName, recordsIn } from "./dns-walk.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const zone = "gslb.test.";
const www = "www.gslb.test.";

describe("an update", () => {
  it("is laid out as RFC 2136 has it", () => {
    const update = {
      zone,
      prerequisites: [absent(www, "A"), exists(www, "ANY"), ...existsAs(`_kosmos.${www}`, "TXT", [textData([Buffer.from("old")])])],
      updates: [deleteSet(www, "A"), add(www, "A", 30, dataOf("A", "192.0.2.1")), add(zone, "AAAA", 5, dataOf("AAAA", "2001:db8::1"))],
    };
    const owner = "03777777c00c";
    expect(hex(encodeUpdate(0x1234, update))).toBe(
      [
        "1234 2800 0001 0003 0003 0000",
        "0467736c62047465737400 0006 0001",
        `${owner} 0001 00fe 00000000 0000`,
        `${owner} 00ff 00ff 00000000 0000`,
        "075f6b6f736d6f73 03777777 c00c 0010 0001 00000000 0004 036f6c64",
        `${owner} 0001 00ff 00000000 0000`,
        `${owner} 0001 0001 0000001e 0004 c0000201`,
        "c00c 001c 0001 00000005 0010 20010db8000000000000000000000001",
      ]
        .join("")
        .replaceAll(" ", ""),
    );
  });

  const label = fc.stringMatching(/^[a-z0-9_]{1,20}$/);
  const name = fc
    .tuple(fc.array(label, { maxLength: 4 }), fc.constantFrom(zone, "other.example.", "xgslb.test."))
    .map(([labels, end]) => `${labels.map((one) => `${one}.`).join("")}${end}`);
  const added = fc.oneof(
    fc.tuple(name, fc.ipV4()).map(([at, value]) => ({ type: "A" as const, at, value })),
    fc.tuple(name, fc.ipV6()).map(([at, value]) => ({ type: "AAAA" as const, at, value })),
    fc.tuple(name, name).map(([at, value]) => ({ type: "CNAME" as const, at, value })),
  );

  it("is read back by another reader as what was put in, and has the length that was counted", () => {
    fc.assert(
      fc.property(fc.array(added, { maxLength: 20 }), fc.nat(2 ** 31 - 1), (records, ttl) => {
        const updates: UpdateRecord[] = records.map(({ type, at, value }) => add(at, type, ttl, dataOf(type, value)));
        const bytes = encodeUpdate(7, { zone, prerequisites: [], updates });
        const counted = 12 + wireName(zone).length + 4 + updates.reduce((sum, record) => sum + recordBytes(record, zone), 0);
        expect(bytes).toHaveLength(counted);
        const { authorities = [], questions = [] } = decode(Buffer.from(bytes));
        expect(questions).toMatchObject([{ name: "gslb.test", type: "SOA" }]);
        expect(authorities.map((record) => `${record.name}. ${record.type}`)).toEqual(records.map(({ type, at }) => `${at} ${type}`));
        const again = authorities.map((record) => ("data" in record ? String(record.data) : ""));
        expect(again.map((data, index) => hex(dataOf(records[index]?.type ?? "A", data)))).toEqual(updates.map(({ data }) => hex(data)));
        const walked = recordsIn(bytes) ?? [];
        expect(walked.map(({ start }) => readName(bytes, start)?.name)).toEqual(records.map(({ at }) => at));
      }),
    );
  });

  it("of a TXT record has its strings each behind its length", () => {
    expect(hex(textData([Buffer.from("ab"), new Uint8Array()]))).toBe("02616200");
  });
});

describe("the walk over a message's records", () => {
  const message = (answers: number) =>
    new Uint8Array(
      encode({
        type: "response",
        id: 1,
        questions: [{ type: "A", name: "www.gslb.test" }],
        answers: Array.from({ length: answers }, (_, index) => ({ type: "A" as const, name: "www.gslb.test", data: `192.0.2.${index}` })),
      }),
    );

  it("finds each record, and no more than there are", () => {
    expect(recordsIn(message(3))).toHaveLength(3);
    const short = message(1);
    new DataView(short.buffer).setUint16(6, 0xffff);
    expect(recordsIn(short)).toBeNull();
    expect(recordsIn(Uint8Array.from([...message(1), 0]))).toBeNull();
    expect(recordsIn(new Uint8Array(11))).toBeNull();
  });

  it("follows no pointer in a circle, forward, or out of the message", () => {
    for (const pointer of [[0xc0, 12], [0xc0, 14], [0xff, 0xff], [0xc0]]) {
      expect(readName(Uint8Array.from([...new Array<number>(12).fill(0), ...pointer]), 12)).toBeNull();
    }
    const chain = Uint8Array.from([1, 97, 0, 1, 98, 0xc0, 0, 0xc0, 3]);
    expect(readName(chain, 7)).toEqual({ name: "b.a.", end: 9 });
    expect(readName(Uint8Array.from([0x41, 97, 0]), 0)).toBeNull();
    expect(readName(new Uint8Array(300).fill(1), 0)).toBeNull();
  });

  it("ends on whatever it is given, within what it is given", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 12, maxLength: 400 }), fc.nat(399), (bytes, at) => {
        for (const { start, data, end } of recordsIn(bytes) ?? []) expect(start < data && data <= end && end <= bytes.length).toBe(true);
        const name = readName(bytes, Math.min(at, bytes.length));
        if (name !== null) expect(name.name.length).toBeLessThanOrEqual(255);
      }),
      { numRuns: 500 },
    );
  });
});
