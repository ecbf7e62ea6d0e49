import { Buffer } from "node:buffer";
import { type Answer, type DecodedPacket, decode, encode, type OptAnswer, type PacketOpt } from "dns-packet";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Reply, rcodes, without } from "./dns-answer.ts";
import { decodeQuery, encodeReply, plainQuery } from "./dns-message.ts";
import { nameBytes, readName } from "./dns-name.ts";

const ask = (name: string, more: Parameters<typeof encode>[0] = {}): Uint8Array =>
  Uint8Array.from(encode({ id: 4711, type: "query", flags: 0x0100, questions: [{ type: "A", name }], ...more }));

const reply: Reply = {
  rcode: rcodes.NOERROR,
  authoritative: true,
  answers: [
    { name: "www.example.com.", ttl: 30, type: "A", data: "192.0.2.1" },
    { name: "www.example.com.", ttl: 30, type: "A", data: "192.0.2.2" },
  ],
  authorities: [],
  maxAgeSeconds: 30,
  byPlace: false,
  scope: 0,
};

const exchange = (bytes: Uint8Array, answer: Reply = reply): DecodedPacket => {
  const query = decodeQuery(bytes) ?? raise("no header");
  return decode(Buffer.from(encodeReply(query, query.refusal === null ? answer : without(query.refusal))));
};

const rcodeOf = (packet: DecodedPacket): number => (packet.flags ?? 0) & 0xf;
const edns = (options: Partial<OptAnswer> = {}): OptAnswer => ({
  type: "OPT",
  name: ".",
  udpPayloadSize: 4096,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
  ...options,
});
const optOf = (packet: DecodedPacket): OptAnswer | undefined =>
  packet.additionals?.find((record: Answer): record is OptAnswer => record.type === "OPT");

describe("a DNS message", () => {
  it("keeps the id, the question with its letter case, RD and CD, and says AA", () => {
    const packet = exchange(ask("wWw.ExAmPle.com", { flags: 0x0110 }));
    expect(packet).toMatchObject({
      id: 4711,
      type: "response",
      flag_aa: true,
      flag_rd: true,
      flag_ra: false,
      flag_cd: true,
      flag_tc: false,
    });
    expect(packet.questions).toEqual([{ name: "wWw.ExAmPle.com", type: "A", class: "IN" }]);
    expect(packet.answers?.map((record) => "data" in record && record.data)).toEqual(["192.0.2.1", "192.0.2.2"]);
  });

  it("gives back no client subnet that is longer than an address", () => {
    const subnet = (length: number): PacketOpt => ({ code: 8, ip: undefined, data: Buffer.from([0, 2, 128, 0, ...Array(length).fill(1)]) });
    const given = (length: number) => optOf(exchange(ask("a.example", { additionals: [edns({ options: [subnet(length)] })] })))?.options;
    expect(given(16)).toHaveLength(1);
    expect(given(17)).toEqual([]);
    expect(given(60_000)).toEqual([]);
  });

  it("answers FORMERR to a response, to no question and to two", () => {
    expect(rcodeOf(exchange(ask("www.example.com", { type: "response" })))).toBe(rcodes.FORMERR);
    expect(rcodeOf(exchange(ask("www.example.com", { questions: [] })))).toBe(rcodes.FORMERR);
    const two = [
      { type: "A" as const, name: "a.example.com" },
      { type: "A" as const, name: "b.example.com" },
    ];
    expect(rcodeOf(exchange(ask("www.example.com", { questions: two })))).toBe(rcodes.FORMERR);
  });

  it("answers FORMERR to a message that ends too early, and null to what has no header", () => {
    const whole = ask("www.example.com", { additionals: [edns()] });
    for (let length = 0; length < whole.length; length += 1) {
      const query = decodeQuery(whole.slice(0, length));
      if (length < 12) expect(query).toBeNull();
      else expect(query).toMatchObject({ id: 4711, refusal: rcodes.FORMERR });
    }
    expect(decodeQuery(whole)?.refusal).toBeNull();
  });

  it("answers NOTIMP to another opcode and gives the opcode back", () => {
    const packet = exchange(ask("www.example.com", { flags: 4 << 11 }));
    expect(rcodeOf(packet)).toBe(rcodes.NOTIMP);
    expect(((packet.flags ?? 0) >> 11) & 0xf).toBe(4);
  });

  it("answers REFUSED to another class, with the question", () => {
    const packet = exchange(ask("www.example.com", { questions: [{ type: "TXT", name: "version.bind", class: "CH" }] }));
    expect(rcodeOf(packet)).toBe(rcodes.REFUSED);
    expect(packet.flag_aa).toBe(false);
    expect(packet.questions).toEqual([{ name: "version.bind", type: "TXT", class: "CH" }]);
  });

  it("refuses a question whose name is a pointer", () => {
    const bytes = Uint8Array.from([0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 0x0c, 0, 1, 0, 1]);
    expect(decodeQuery(bytes)?.refusal).toBe(rcodes.FORMERR);
  });
});

describe("EDNS", () => {
  it("is answered where it was asked for, and only there", () => {
    expect(optOf(exchange(ask("www.example.com")))).toBeUndefined();
    const packet = exchange(ask("www.example.com", { additionals: [edns({ flags: 0x8000 })] }));
    expect(optOf(packet)).toMatchObject({ udpPayloadSize: 1232, ednsVersion: 0, flag_do: true, options: [] });
  });

  it("gives a client subnet back with scope 0", () => {
    const subnet = { code: 8 as const, family: 1, sourcePrefixLength: 24, scopePrefixLength: 0, ip: "198.51.100.0" };
    const option = optOf(exchange(ask("www.example.com", { additionals: [edns({ options: [subnet] })] })))?.options[0];
    expect(option).toMatchObject({ code: 8, family: 1, sourcePrefixLength: 24, scopePrefixLength: 0, ip: "198.51.100.0" });
  });

  it("of a higher version is BADVERS", () => {
    const packet = exchange(ask("www.example.com", { additionals: [edns({ ednsVersion: 1 })] }));
    expect(((optOf(packet)?.extendedRcode ?? 0) << 4) | rcodeOf(packet)).toBe(rcodes.BADVERS);
    expect(optOf(packet)?.ednsVersion).toBe(0);
    expect(packet.answers).toEqual([]);
  });

  it("twice is FORMERR", () => {
    expect(rcodeOf(exchange(ask("www.example.com", { additionals: [edns(), edns()] })))).toBe(rcodes.FORMERR);
  });
});

describe("every record", () => {
  it("survives the way over the wire", () => {
    const soa = { mname: "example.com.", rname: "hostmaster.example.com.", serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 };
    const full: Reply = {
      ...reply,
      answers: [
        { name: "a.example.com.", ttl: 1, type: "AAAA", data: "2001:db8::1" },
        { name: "a.example.com.", ttl: 1, type: "AAAA", data: "::ffff:c000:201" },
        { name: "a.example.com.", ttl: 86_400, type: "CNAME", data: "origin.example.net." },
        { name: "a.example.com.", ttl: 1, type: "HINFO", data: { cpu: "RFC8482", os: "" } },
      ],
      authorities: [{ name: "example.com.", ttl: 5, type: "SOA", data: soa }],
    };
    const packet = exchange(ask("a.example.com"), full);
    expect(packet.answers).toMatchObject([
      { type: "AAAA", data: "2001:db8::1" },
      { type: "AAAA", data: "::ffff:c000:201" },
      { type: "CNAME", ttl: 86_400, data: "origin.example.net" },
      { type: "HINFO", data: { cpu: "RFC8482", os: "" } },
    ]);
    expect(packet.authorities).toMatchObject([{ type: "SOA", data: { ...soa, mname: "example.com", rname: "hostmaster.example.com" } }]);
  });
});

describe("whatever the bytes", () => {
  const answered = (bytes: Uint8Array) => {
    const query = decodeQuery(bytes);
    expect(query === null).toBe(bytes.length < 12);
    if (query === null) return;
    const packet = encodeReply(query, query.refusal === null ? reply : without(query.refusal));
    const view = new DataView(packet.buffer);
    expect(view.getUint16(0)).toBe((bytes[0] ?? 0) * 256 + (bytes[1] ?? 0));
    expect(view.getUint16(2) & 0x8000).toBe(0x8000);
    // The question comes back as it was, byte for byte.
    if (query.question !== null) {
      const { length } = query.question.bytes;
      expect(Array.from(packet.subarray(12, 12 + length))).toEqual(Array.from(bytes.subarray(12, 12 + length)));
    }
    // Another decoder's view of what we sent: it must be able to read it to the end.
    expect(() => decode(Buffer.from(packet))).not.toThrow();
  };

  it("random ones are answered or have no header", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), answered), { numRuns: 2_000 });
  });

  it("a query with some bytes changed is answered", () => {
    const subnet = { code: 8 as const, family: 2, sourcePrefixLength: 56, scopePrefixLength: 0, ip: "2001:db8::" };
    const whole = ask("www.example.com", { additionals: [edns({ options: [subnet] })] });
    const change = fc.tuple(fc.integer({ min: 0, max: whole.length - 1 }), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), (changes) => {
        const bytes = Uint8Array.from(whole);
        for (const [at, byte] of changes) bytes[at] = byte;
        answered(bytes);
      }),
      { numRuns: 2_000 },
    );
  });

  it("a name of any labels is read to the byte, and a host name comes back as the text it was", () => {
    const label = fc.uint8Array({ minLength: 1, maxLength: 63 });
    fc.assert(
      fc.property(fc.array(label, { maxLength: 3 }), (labels) => {
        const bytes = Uint8Array.from([...labels.flatMap((part) => [part.length, ...part]), 0, 9, 9]);
        const read = readName(bytes, 0);
        expect(read?.end).toBe(bytes.length - 2);
        expect(read?.name.split(".").length).toBe(Math.max(labels.length, 1) + 1);
      }),
    );
    const host = fc.domain().filter((name) => name.length <= 253);
    fc.assert(
      fc.property(host, (name) => {
        expect(readName(nameBytes(name) ?? raise(name), 0)?.name).toBe(`${name}.`);
      }),
    );
  });

  it("a plain query is one that we would take ourselves", () => {
    const query = plainQuery(nameBytes("Www.Example.com") ?? raise("no name"), 28, false);
    const bytes = Uint8Array.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...(query.question?.bytes ?? [])]);
    expect(decodeQuery(bytes)).toEqual(query);
  });
});

function raise(message: string): never {
  throw new Error(message);
}
