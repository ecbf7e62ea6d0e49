import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../domain/limits.ts";
import { hpackEncoded } from "./hpack.ts";
import type { HeaderField } from "./hpack-tables.ts";
import { http2Exchange, type Step } from "./http2-exchange.ts";
import { type Frame, frameBytes, frameFlags, frameHead, frameTypes } from "./http2-frame.ts";

const { endStream, endHeaders, padded, priority, ack } = frameFlags;
const frame = (type: keyof typeof frameTypes, flags = 0, payload: readonly number[] | Uint8Array = [], stream = 1): Frame => ({
  type: frameTypes[type],
  flags,
  stream,
  payload: Uint8Array.from(payload),
});
const settings = (...payload: number[]) => frame("settings", 0, payload, 0);
const headers = (flags: number, ...fields: HeaderField[]) => frame("headers", flags | endHeaders, hpackEncoded(fields));
const ok: HeaderField = [":status", "200"];
const bounds = { headBytes: 1_000, bodyBytes: 100 };

/** The last step after these frames; SETTINGS come first by themselves. */
function lastStep(...frames: Frame[]): Step {
  const exchange = http2Exchange(bounds);
  let step = exchange(settings());
  for (const one of frames) {
    expect(step.kind).toBe("go on");
    step = exchange(one);
  }
  return step;
}
const detail = (step: Step) => (step.kind === "broken" ? step.detail.replace("the server breaks HTTP/2: ", "") : step.kind);
const sent = (step: Step): Frame[] => {
  const frames: Frame[] = [];
  let bytes = step.kind === "go on" ? step.send : new Uint8Array();
  while (bytes.length > 0) {
    const { length, ...head } = frameHead(bytes);
    frames.push({ ...head, payload: bytes.slice(9, 9 + length) });
    bytes = bytes.subarray(9 + length);
  }
  return frames;
};

describe("an HTTP/2 exchange", () => {
  it("puts an answer together from headers, pieces of a body and trailers", () => {
    const step = lastStep(
      headers(0, ok, ["content-type", "a/b"]),
      frame("data", 0, [1, 2]),
      frame("data", 0, [3]),
      headers(endStream, ["grpc-status", "0"]),
    );
    expect(step).toEqual({
      kind: "answered",
      answer: { status: 200, headers: [["content-type", "a/b"]], body: Uint8Array.of(1, 2, 3), trailers: [["grpc-status", "0"]] },
    });
  });

  it("takes headers in several frames, padding, a priority, an interim answer, and frames that it does not know", () => {
    const block = hpackEncoded([ok, ["a", "b"]]);
    const step = lastStep(
      headers(0, [":status", "103"], ["link", "x"]),
      frame("priority", 0, [0, 0, 0, 0, 1], 5),
      { type: 0xbe, flags: 0xff, stream: 3, payload: new Uint8Array(7) },
      frame("headers", padded | priority, [2, 0, 0, 0, 0, 16, ...block.subarray(0, 3), 0, 0]),
      frame("continuation", 0, block.subarray(3, 5)),
      frame("continuation", endHeaders, block.subarray(5)),
      frame("data", padded | endStream, [3, 9, 0, 0, 0]),
    );
    expect(step).toEqual({ kind: "answered", answer: { status: 200, headers: [["a", "b"]], body: Uint8Array.of(9), trailers: [] } });
  });

  it("acknowledges SETTINGS and PING, and gives back what data took, padding included", () => {
    expect(sent(http2Exchange(bounds)(settings(0, 3, 0, 0, 0, 100)))).toEqual([frame("settings", ack, [], 0)]);
    expect(sent(lastStep(frame("ping", 0, [1, 2, 3, 4, 5, 6, 7, 8], 0)))).toEqual([frame("ping", ack, [1, 2, 3, 4, 5, 6, 7, 8], 0)]);
    expect(sent(lastStep(frame("ping", ack, [1, 2, 3, 4, 5, 6, 7, 8], 0)))).toEqual([]);
    const updates = [frame("windowUpdate", 0, [0, 0, 0, 4], 0), frame("windowUpdate", 0, [0, 0, 0, 4], 1)];
    expect(sent(lastStep(headers(0, ok), frame("data", padded, [2, 7, 0, 0])))).toEqual(updates);
    expect(sent(lastStep(headers(0, ok), frame("data", 0, [])))).toEqual([]);
  });

  it("waits for its answer where the server is about to end but has taken the request", () => {
    const goodbye = frame("goAway", 0, [0, 0, 0, 1, 0, 0, 0, 0], 0);
    expect(lastStep(goodbye, headers(endStream, ok)).kind).toBe("answered");
  });

  it.each<[string, Frame[], string]>([
    ["resets the stream", [frame("resetStream", 0, [0, 0, 0, 7])], "the server reset the stream: REFUSED_STREAM"],
    ["goes away first", [frame("goAway", 0, [0, 0, 0, 0, 0, 0, 0, 0], 0)], "the server goes away: NO_ERROR"],
    ["goes away in anger", [frame("goAway", 0, [0, 0, 0, 1, 0, 0, 0, 11], 0)], "the server goes away: ENHANCE_YOUR_CALM"],
    ["goes away for a reason of its own", [frame("goAway", 0, [0, 0, 0, 1, 0, 0, 1, 0], 0)], "the server goes away: error 256"],
    ["sends too long a body", [headers(0, ok), frame("data", 0, new Uint8Array(101))], "the body is longer than 100 bytes"],
    [
      "sends headers without end",
      [frame("headers", 0, new Uint8Array(600)), frame("continuation", 0, new Uint8Array(600))],
      "the headers are longer than 1000 bytes",
    ],
    ["sends data first", [frame("data", 0, [1])], "data before headers"],
    ["sends no status", [headers(endStream, ["a", "b"])], "headers without a valid :status"],
    ["sends a status that is none", [headers(endStream, [":status", "20x"])], "headers without a valid :status"],
    ["ends with an interim answer", [headers(endStream, [":status", "100"])], "an interim answer that ends the stream"],
    ["goes on after trailers", [headers(0, ok), headers(0, ["a", "b"])], "trailers that do not end the stream"],
    ["has a status in trailers", [headers(0, ok), headers(endStream, ok)], "trailers with pseudo-headers"],
    ["breaks off its headers", [frame("headers", 0, [0x88]), frame("data", 0, [])], "headers that break off"],
    ["goes on with nothing", [frame("continuation", endHeaders, [0x88])], "a frame that a server does not send"],
    ["pushes", [frame("pushPromise", endHeaders, [0, 0, 0, 2])], "a frame that a server does not send"],
    ["answers on another stream", [frame("headers", endHeaders, [0x88], 3)], "a frame on stream 3, which nobody opened"],
    ["pads more than there is", [headers(0, ok), frame("data", padded, [9, 1])], "a frame with more padding than contents"],
    ["pads an empty frame", [headers(0, ok), frame("data", padded, [])], "a frame with more padding than contents"],
    ["sends a short PING", [frame("ping", 0, [1], 0)], "a PING of the wrong length"],
    ["sends a PING on a stream", [frame("ping", 0, new Uint8Array(8), 1)], "a frame of the connection on stream 1"],
    ["sends SETTINGS that break off", [settings(0, 1, 0)], "SETTINGS of the wrong length"],
    ["allows push", [settings(0, 2, 0, 0, 0, 2)], "SETTINGS with 2 for 2"],
    ["has too large a window", [settings(0, 4, 128, 0, 0, 0)], "SETTINGS with 2147483648 for 4"],
    ["has too small a frame", [settings(0, 5, 0, 0, 0, 1)], "SETTINGS with 1 for 5"],
    ["updates by nothing", [frame("windowUpdate", 0, [0, 0, 0, 0], 0)], "a WINDOW_UPDATE by nothing"],
    ["has wrong headers", [frame("headers", endHeaders, [0x80])], "there is no header 0 in the tables"],
  ])("ends in words where the server %s", (_what, frames, expected) => {
    expect(detail(lastStep(...frames))).toBe(expected);
  });

  it("begins with SETTINGS", () => {
    expect(detail(http2Exchange(bounds)(frame("ping", 0, new Uint8Array(8), 0)))).toBe("it does not begin with SETTINGS");
    expect(detail(http2Exchange(bounds)(frame("settings", ack, [], 0)))).toBe("it does not begin with SETTINGS");
  });

  it("never throws, whatever the frames", () => {
    const anyFrame = fc.record({
      type: fc.integer({ min: 0, max: 11 }),
      flags: fc.integer({ min: 0, max: 255 }),
      stream: fc.constantFrom(0, 1, 1, 2),
      payload: fc.uint8Array({ maxLength: 40 }),
    });
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 20 }), (frames) => {
        const exchange = http2Exchange(bounds);
        exchange(settings());
        for (const one of frames) {
          const step = exchange(one);
          if (step.kind === "broken") expect(step.detail).not.toBe("");
          if (step.kind === "answered") expect(step.answer.body.length).toBeLessThanOrEqual(bounds.bodyBytes);
          if (step.kind !== "go on") return;
        }
      }),
    );
  });

  it("writes frames as it reads them", () => {
    const anyFrame = fc.record({
      type: fc.integer({ min: 0, max: 255 }),
      flags: fc.integer({ min: 0, max: 255 }),
      stream: fc.integer({ min: 0, max: 0x7fff_ffff }),
      payload: fc.uint8Array({ maxLength: 70_000 }),
    });
    fc.assert(
      fc.property(anyFrame, (one) => {
        const bytes = frameBytes(one);
        const { length, ...head } = frameHead(bytes);
        expect({ ...head, payload: bytes.slice(9, 9 + length) }).toEqual(one);
      }),
    );
  });
});

describe("interim answers over HTTP/2", () => {
  it("are so many and no more, as over HTTP/1.1", () => {
    const interim = Array.from({ length: limits.checkInterimAnswers }, () => headers(0, [":status", "103"]));
    expect(lastStep(...interim, headers(endStream, ok)).kind).toBe("answered");
    expect(detail(lastStep(...interim, headers(0, [":status", "103"])))).toBe("more than 16 interim answers");
  });
});
