/** Against messages that dnspython 2.3 signed, with a clock that stood still; and whatever the bytes, an answer is judged and nothing thrown. */
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sign, type TsigAlgorithm, tsigBytes, tsigKey, verify } from "./tsig.ts";

const hex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const now = 1_795_390_760;

/** An update of `gslb.test.`, id 0x1234, without a signature. */
const update =
  "1234280000010003000500000467736c620474657374000006000103777777c00c000100fe000000000000075f6b6f736d6f73c01b00100001000000000004036f6c64c01b00ff00ff00" +
  "0000000000c01b000100ff000000000000c01b001c00ff000000000000c01b000100010000001e0004c0000201c01b001c00010000001e001020010db80000000000000000000000010" +
  "5616c696173c00c00050001000000050014066f726967696e076578616d706c65036e657400";
const macs: Readonly<Record<TsigAlgorithm, string>> = {
  "hmac-sha256": "a803914cf52ff349d407e7b7353da3e2b440d8c56e20fdde846431264ac6c4d8",
  "hmac-sha512":
    "77674c129ac25007c9e39bdc1bd26990b3580ebb12293fa8cd4884eeb4f15244d0caf2ad97cd5c0951ffa320f0c090d167207971737247413f4c04ce4c763217",
};
const owner = "0b67736c622d7570646174650000fa00ff00000000";
const heads: Readonly<Record<TsigAlgorithm, string>> = {
  "hmac-sha256": `${owner}003d0b686d61632d7368613235360000006b037d28012c0020`,
  "hmac-sha512": `${owner}005d0b686d61632d7368613531320000006b037d28012c0040`,
};
const answers: Readonly<Record<TsigAlgorithm, string>> = {
  "hmac-sha256": `${heads["hmac-sha256"]}73f4dd83d44d54202920796b48e63a2de3af6305d7c9306c1f3a4a5191686b05123400000000`,
  "hmac-sha512": `${heads["hmac-sha512"]}95c4949506d5329345869f95e887f4747649ed44cb7bacf79005dece09b577fe0f5b4f8a77f28a5aceb25f81fdd96e97fcca3201f5b6b4fbee1b72fd006639fc123400000000`,
};
const badTimes: Readonly<Record<TsigAlgorithm, string>> = {
  "hmac-sha256":
    `${owner}00430b686d61632d7368613235360000006b037d28012c0020` +
    "715d145f83b035730c3fafa824049b9c6ebf2aebe5759326998b86b39f2d096a12340012000600006b038110",
  "hmac-sha512":
    `${owner}00630b686d61632d7368613531320000006b037d28012c0040` +
    "2cb0ed2a32acc5f225ffb01c99f5ec11899cab92fb572f64797dfee531dacf8a527532f6d2e387913434557807eddb3a229c1688bff7ad74c74c0318fd2fda2812340012000600006b038110",
};
const zoneSection = "0467736c6204746573740000060001";
const answerOf = (rcode: string, tsig: string) => hex(`1234a80${rcode}000100000000000${tsig === "" ? "0" : "1"}${zoneSection}${tsig}`);

const lengths: Readonly<Record<TsigAlgorithm, number>> = { "hmac-sha256": 32, "hmac-sha512": 64 };
const secretOf = (algorithm: TsigAlgorithm) => Uint8Array.from({ length: lengths[algorithm] }, (_, index) => index);
const keyOf = (algorithm: TsigAlgorithm) => tsigKey("gslb-update.", algorithm, secretOf(algorithm));

describe.each(["hmac-sha256", "hmac-sha512"] as const)("a message signed with %s", (algorithm) => {
  it("is byte for byte what another implementation makes of it", async () => {
    const message = hex(update);
    const { bytes, mac } = await sign(message, await keyOf(algorithm), now);
    expect(text(mac)).toBe(macs[algorithm]);
    const signed = `${update.slice(0, 20)}0001${update.slice(24)}${heads[algorithm]}${macs[algorithm]}123400000000`;
    expect(text(bytes)).toBe(signed);
    expect(bytes.length - message.length).toBe(tsigBytes({ name: "gslb-update.", algorithm }));
  });

  it("has its answer verified, and the message comes out as it was before", async () => {
    const verified = await verify(answerOf("0", answers[algorithm]), await keyOf(algorithm), hex(macs[algorithm]), now);
    expect(verified).toEqual({ ok: true, value: { message: answerOf("0", ""), isSigned: true, error: null } });
  });

  it("and BADTIME says what time the server has", async () => {
    const verified = await verify(answerOf("9", badTimes[algorithm]), await keyOf(algorithm), hex(macs[algorithm]), now);
    expect(verified).toMatchObject({ ok: true, value: { isSigned: true, error: { name: "BADTIME", serverTime: now + 1_000 } } });
  });

  it("has no answer believed that is another request's, of another time, or changed in any bit", async () => {
    const key = await keyOf(algorithm);
    const answer = answerOf("0", answers[algorithm]);
    const mac = hex(macs[algorithm]);
    expect(await verify(answer, key, mac.with(0, 0), now)).toEqual({ ok: false, error: "the answer's signature is wrong" });
    expect(await verify(answer, key, mac, now + 301)).toEqual({ ok: false, error: "the answer was signed 301 s ago" });
    expect(await verify(answer, key, mac, now - 301)).toEqual({ ok: false, error: "the answer was signed 301 s ahead of this clock" });
    expect((await verify(answer, key, mac, now + 300)).ok).toBe(true);
    for (let bit = 0; bit < answer.length * 8; bit += 1) {
      const changed = answer.with(bit >> 3, (answer[bit >> 3] ?? 0) ^ (1 << (bit & 7)));
      const verified = await verify(changed, key, mac, now);
      // The id stands in the signature once more, and it is that one which is signed. A letter's case says nothing in a name (RFC 8945, 4.3.3).
      const isSame = bit < 16 || (verified.ok && verified.value.isSigned && (bit & 7) === 5);
      expect(isSame || !verified.ok || !verified.value.isSigned, `bit ${bit}`).toBe(true);
    }
  });

  it("may be answered without a signature, which says what is wrong with ours", async () => {
    const key = await keyOf(algorithm);
    const empty = (error: string) => `${owner}001d0b686d61632d7368613235360000006b037d28012c0000123400${error}0000`;
    const mac = hex(macs[algorithm]);
    expect(await verify(answerOf("9", empty("10")), key, mac, now)).toMatchObject({
      ok: true,
      value: { isSigned: false, error: { name: "BADSIG" } },
    });
    expect(await verify(answerOf("9", empty("11")), key, mac, now)).toMatchObject({
      ok: true,
      value: { isSigned: false, error: { name: "BADKEY" } },
    });
    expect(await verify(answerOf("0", empty("00")), key, mac, now)).toEqual({ ok: false, error: "the answer's signature is empty" });
    expect(await verify(answerOf("9", ""), key, mac, now)).toMatchObject({ ok: true, value: { isSigned: false, error: null } });
  });

  it("is what Node's own HMAC says, whatever the key, the time and the message", async () => {
    const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });
    await fc.assert(
      fc.asyncProperty(bytes(1, 200), fc.integer({ min: 0, max: 2 ** 40 }), bytes(12, 300), async (secret, at, message) => {
        const signed = await sign(message, await tsigKey("k.example.", algorithm, secret), at);
        const time = Buffer.alloc(8);
        time.writeUIntBE(at, 0, 6);
        time.writeUInt16BE(300, 6);
        const name = Buffer.from("\u0001k\u0007example\u0000");
        const of = Buffer.from(`\u000b${algorithm}\u0000`);
        const variables = [name, Buffer.from("00ff00000000", "hex"), of, time, Buffer.alloc(4)];
        const mac = createHmac(algorithm.slice(5), secret)
          .update(Buffer.concat([message, ...variables]))
          .digest("hex");
        expect(text(signed.mac)).toBe(mac);
      }),
      { numRuns: 50 },
    );
  });
});

it("whatever comes back, it is no signed answer and nothing is thrown", async () => {
  const key = await keyOf("hmac-sha256");
  const whole = answerOf("0", answers["hmac-sha256"]);
  const mac = hex(macs["hmac-sha256"]);
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 300 }),
      fc.nat(whole.length - 1),
      fc.uint8Array({ maxLength: 40 }),
      async (noise, at, piece) => {
        const spliced = Uint8Array.from([...whole.subarray(0, at), ...piece, ...whole.subarray(at)]);
        for (const bytes of [noise, whole.subarray(0, at), ...(piece.length > 0 ? [spliced] : [])]) {
          const verified = await verify(bytes, key, mac, now);
          expect(verified.ok && verified.value.isSigned).toBe(false);
        }
      },
    ),
    { numRuns: 300 },
  );
});
