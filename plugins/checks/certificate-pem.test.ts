import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isCertificate, pemBlocks } from "./certificate-pem.ts";
import { ecPem, ed25519Pem, rsaPem } from "./certificates.fixture.ts";

const all = { RSA: rsaPem, EC: ecPem, Ed25519: ed25519Pem };
const insideOf = (pem: string): string => pemBlocks(pem)?.[0] ?? "";
const pem = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));
const bytesOf = (block: string): Uint8Array => Uint8Array.from(atob(block), (character) => character.charCodeAt(0));

describe("a certificate in PEM", () => {
  it.each(Object.entries(all))("is read: %s", (_key, text) => {
    expect(pemBlocks(text)).toHaveLength(1);
    expect(isCertificate(insideOf(text))).toBe(true);
  });

  it("may have text around it, as OpenSSL writes and skips", () => {
    const text = `# our authorities\n${rsaPem}\nsubject=CN = authority\nissuer=CN = authority\n${ecPem}the end`;
    expect(pemBlocks(text)).toEqual([insideOf(rsaPem), insideOf(ecPem)]);
  });

  it.each(Object.entries(all))("is refused without any one quantum of its base64, and cut off anywhere: %s", (_key, text) => {
    const block = insideOf(text);
    for (let at = 0; at < block.length; at += 4) expect(isCertificate(block.slice(0, at) + block.slice(at + 4))).toBe(false);
    for (let length = 0; length < block.length; length += 1) expect(isCertificate(block.slice(0, length))).toBe(false);
    const whole = text.trimEnd();
    for (let length = 0; length < whole.length; length += 1) expect(pemBlocks(whole.slice(0, length))).toBeNull();
  });

  it("is refused with any bytes more or less, and nothing that is pasted makes it throw", () => {
    const kinds = fc.constantFrom(...Object.values(all)).map((text) => bytesOf(insideOf(text)));
    fc.assert(
      fc.property(
        kinds,
        fc.nat(1_000),
        fc.integer({ min: 1, max: 64 }),
        fc.uint8Array({ minLength: 1, maxLength: 64 }),
        (bytes, seed, cut, more) => {
          const at = seed % bytes.length;
          expect(isCertificate(pem(new Uint8Array([...bytes.subarray(0, at), ...bytes.subarray(at + cut)])))).toBe(false);
          expect(isCertificate(pem(new Uint8Array([...bytes, ...more])))).toBe(false);
        },
      ),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => !isCertificate(pem(bytes))));
    fc.assert(fc.property(fc.string(), (text) => !isCertificate(text)));
  });

  it("is refused where it is something else in DER, however deep", () => {
    for (const bytes of [
      [0x30, 0x00],
      [0x02, 0x01, 0x05],
      [0x30, 0x80, 0x00, 0x00],
      [0x30, 0x84, 0, 0, 0, 0],
    ]) {
      expect(isCertificate(pem(Uint8Array.from(bytes)))).toBe(false);
    }
    const nested: number[] = [];
    for (let level = 0; level < 5_000; level += 1) {
      const { length } = nested;
      nested.unshift(0x30, ...(length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 255]));
    }
    expect(isCertificate(pem(Uint8Array.from(nested)))).toBe(false);
  });
});
