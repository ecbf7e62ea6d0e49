import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { byteReader } from "./byte-reader.ts";
import { deadline } from "./deadline.ts";
import { readSmtpReply } from "./smtp-reply.ts";

/** What comes out of these bytes, which come in these pieces, before the connection closes. */
function read(pieces: readonly Uint8Array[]) {
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  const input = byteReader(stream, deadline(new AbortController().signal));
  return { first: () => readSmtpReply(input, "greeting"), rest: () => input.some(1_000) };
}

describe("a mail server's reply", () => {
  it("is read to its last line and no further, however it is cut", async () => {
    const line = fc.string({ unit: fc.constantFrom("a", " ", "-", "2", "é"), maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 200, max: 599 }),
        fc.array(line, { minLength: 1, maxLength: 8 }),
        fc.nat(7),
        async (code, lines, cut) => {
          const text = lines.map((each, index) => `${code}${index === lines.length - 1 ? " " : "-"}${each}\r\n`).join("");
          const all = Buffer.from(`${text}next`, "latin1");
          const pieces = Array.from({ length: Math.ceil(all.length / (cut + 1)) }, (_, index) =>
            all.subarray(index * (cut + 1), (index + 1) * (cut + 1)),
          );
          const { first, rest } = read(pieces);
          expect(await first()).toEqual({ ok: true, value: { code, lines } });
          expect(await rest()).toMatchObject({ ok: true });
        },
      ),
    );
  });

  it("is one, or is refused in words, whatever was said", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 5 }), async (pieces) => {
        const reply = await read(pieces).first();
        if (reply.ok) expect(reply.value.lines.length).toBeGreaterThan(0);
        else expect(reply.error.detail).toMatch(/^[ -~]{5,200}$/);
      }),
    );
  });
});
