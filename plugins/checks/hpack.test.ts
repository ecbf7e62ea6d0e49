import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hpackDecoder, hpackEncoded } from "./hpack.ts";
import { type HeaderField, huffmanLengths, staticTable } from "./hpack-tables.ts";
import { huffmanDecoded } from "./huffman.ts";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const maximum = 32_768;

/** What each block of one connection decodes to. */
function decoded(blocks: readonly string[], tableBytes = 4096): readonly (readonly HeaderField[])[] {
  const decoder = hpackDecoder({ maximum, tableBytes });
  return blocks.map((hex) => {
    const fields = decoder.decode(bytes(hex));
    if (!fields.ok) throw new Error(fields.error);
    return fields.value;
  });
}
const wrong = (hex: string, options: object = {}) => {
  const fields = hpackDecoder({ maximum, ...options }).decode(bytes(hex));
  return fields.ok ? null : fields.error;
};

const first = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "www.example.com"],
];
const second = [...first, ["cache-control", "no-cache"]];
const third = [
  [":method", "GET"],
  [":scheme", "https"],
  [":path", "/index.html"],
  [":authority", "www.example.com"],
  ["custom-key", "custom-value"],
];
const redirect = (status: string, date: string): HeaderField[] => [
  [":status", status],
  ["cache-control", "private"],
  ["date", date],
  ["location", "https://www.example.com"],
];
const [at21, at22] = ["Mon, 21 Oct 2013 20:13:21 GMT", "Mon, 21 Oct 2013 20:13:22 GMT"];
const responses = [
  redirect("302", at21),
  [[":status", "307"], ...redirect("302", at21).slice(1)],
  [
    [":status", "200"],
    ["cache-control", "private"],
    ["date", at22],
    ["location", "https://www.example.com"],
    ["content-encoding", "gzip"],
    ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
  ],
];

describe("HPACK decodes the examples of RFC 7541, Appendix C", () => {
  it.each([
    ["C.2.1", "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", ["custom-key", "custom-header"]],
    ["C.2.2", "040c 2f73 616d 706c 652f 7061 7468", [":path", "/sample/path"]],
    ["C.2.3", "1008 7061 7373 776f 7264 0673 6563 7265 74", ["password", "secret"]],
    ["C.2.4", "82", [":method", "GET"]],
  ])("%s", (_name, block, field) => {
    expect(decoded([block])).toEqual([[field]]);
  });

  it("C.3, requests without Huffman codes", () => {
    const blocks = [
      "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
      "8286 84be 5808 6e6f 2d63 6163 6865",
      "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ];
    expect(decoded(blocks)).toEqual([first, second, third]);
  });

  it("C.4, requests with Huffman codes", () => {
    const blocks = [
      "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
      "8286 84be 5886 a8eb 1064 9cbf",
      "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    expect(decoded(blocks)).toEqual([first, second, third]);
  });

  it("C.5, responses without Huffman codes, in a table of 256 bytes", () => {
    const date = (last: string) => `1d4d 6f6e 2c20 3231 204f 6374 2032 3031 3320 3230 3a31 333a 32${last} 2047 4d54`;
    const blocks = [
      `4803 3330 3258 0770 7269 7661 7465 61${date("31")}6e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
      "4803 3330 37c1 c0bf",
      `88c1 61${date("32")}c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61
       6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`.replace(/\s/g, ""),
    ];
    expect(decoded(blocks, 256)).toEqual(responses);
  });

  it("C.6, responses with Huffman codes, in a table of 256 bytes", () => {
    const blocks = [
      `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae
       43d3`.replace(/\s/g, ""),
      "4883 640e ffc1 c0bf",
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af
       2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`.replace(/\s/g, ""),
    ];
    expect(decoded(blocks, 256)).toEqual(responses);
  });
});

describe("the tables of HPACK", () => {
  it("have 61 static entries, and codes that leave nothing out and nothing ambiguous", () => {
    expect(staticTable).toHaveLength(61);
    expect(huffmanLengths).toHaveLength(257);
    expect(huffmanLengths.reduce((sum, length) => sum + 2 ** -length, 0)).toBe(1);
  });
});

describe("Huffman codes", () => {
  it("end with ones, fewer than eight, and never hold the end of string", () => {
    expect(huffmanDecoded(bytes("1f"))).toBe("a");
    expect(huffmanDecoded(bytes(""))).toBe("");
    expect(huffmanDecoded(bytes("18"))).toBeNull();
    expect(huffmanDecoded(bytes("1fff"))).toBeNull();
    expect(huffmanDecoded(bytes("ffffffff"))).toBeNull();
  });
});

describe("HPACK refuses", () => {
  it.each([
    ["an index that is in no table", "be", "there is no header 62 in the tables"],
    ["the index 0", "80", "there is no header 0 in the tables"],
    ["a number without end", "ffffffffffffff", "a number in the headers is too large"],
    ["a string that is longer than its block", "400a61", "a string in the headers is longer than its block"],
    ["a block that breaks off", "40", "the block of headers ends too early"],
    ["a table that grows beyond what was allowed", "3fe21f", "the table would be larger than allowed"],
    ["a change of the table in the middle", "8220", "the table's size changes in the middle of a block"],
    ["a wrong Huffman code", "0081180161", "a string in the headers is not valid Huffman code"],
  ])("%s", (_what, block, detail) => {
    expect(wrong(block)).toBe(detail);
  });

  it("a few bytes that stand for more headers than anyone needs", () => {
    const entry = `40 01 61 7f ${(900 - 127)
      .toString(16)
      .padStart(4, "0")
      .replace(/(..)(..)/, (_all, high: string, low: string) => {
        const value = Number.parseInt(high + low, 16);
        return `${((value & 0x7f) | 0x80).toString(16)}${(value >> 7).toString(16).padStart(2, "0")}`;
      })} ${"62".repeat(900)}`;
    expect(wrong(`${entry}${"be".repeat(100)}`)).toBe("the headers are longer than 32768 bytes");
  });
});

describe("HPACK, whatever comes", () => {
  const ascii = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)), maxLength: 300 });
  it("reads back what it wrote", () => {
    const fields = fc.array(fc.tuple(ascii, ascii), { maxLength: 20 });
    fc.assert(
      fc.property(fields, (fields) => {
        expect(hpackDecoder({ maximum: 1_000_000 }).decode(hpackEncoded(fields))).toEqual({ ok: true, value: fields });
      }),
    );
  });

  it("never throws, and never gives more than was allowed", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 4 }), (blocks) => {
        const decoder = hpackDecoder({ maximum: 500 });
        for (const block of blocks) {
          const fields = decoder.decode(block);
          if (fields.ok) expect(fields.value.reduce((sum, [name, value]) => sum + name.length + value.length, 0)).toBeLessThanOrEqual(500);
          else expect(fields.error).not.toBe("");
        }
      }),
    );
  });
});
