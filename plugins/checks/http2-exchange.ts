/**
 * One request and its answer on an HTTP/2 connection of its own, as a state machine without a socket: it is given frames, and says what to send
 * and when it is over. It has one stream, 1; it takes no push, and whatever breaks RFC 9113 ends it in words.
 */
import { limits } from "../../domain/limits.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { hpackDecoder } from "./hpack.ts";
import type { HeaderField } from "./hpack-tables.ts";
import { errorName, type Frame, frameBytes, frameFlags, frameTypes } from "./http2-frame.ts";

export type Http2Answer = {
  readonly status: number;
  /** Names in lower case; without the pseudo-headers. */
  readonly headers: readonly HeaderField[];
  readonly body: Uint8Array;
  readonly trailers: readonly HeaderField[];
};

/** What a frame led to: bytes to send (none where empty), the whole answer, or why there will be none. */
export type Step =
  | { readonly kind: "go on"; readonly send: Uint8Array }
  | { readonly kind: "answered"; readonly answer: Http2Answer }
  | { readonly kind: "broken"; readonly detail: string };

const theStream = 1;
const nothing = new Uint8Array();
const goOn: Step = { kind: "go on", send: nothing };
const broken = (detail: string): Step => ({ kind: "broken", detail });
const protocolError = (what: string): Step => broken(`the server breaks HTTP/2: ${what}`);

export function http2Exchange({
  headBytes,
  bodyBytes,
}: {
  readonly headBytes: number;
  readonly bodyBytes: number;
}): (frame: Frame) => Step {
  const hpack = hpackDecoder({ maximum: headBytes });
  let greeted = false;
  let interim = 0;
  /** A block of headers that goes on in the next frame. */
  let block: { pieces: Uint8Array[]; length: number; endsStream: boolean } | null = null;
  let head: { status: number; headers: readonly HeaderField[] } | null = null;
  const body: Uint8Array[] = [];
  let bodyLength = 0;

  const answered = (trailers: readonly HeaderField[]): Step =>
    head === null
      ? protocolError("the stream ends without headers")
      : { kind: "answered", answer: { ...head, body: joined(body, bodyLength), trailers } };

  const blockGrows = (piece: Uint8Array, ends: boolean): Step => {
    if (block === null) return goOn;
    block.pieces.push(piece);
    block.length += piece.length;
    if (block.length > headBytes) return broken(`the headers are longer than ${headBytes} bytes`);
    if (!ends) return goOn;
    const { pieces, length, endsStream } = block;
    block = null;
    const fields = hpack.decode(joined(pieces, length));
    if (!fields.ok) return protocolError(fields.error);
    return headersCome(fields.value, endsStream);
  };

  const headersCome = (fields: readonly HeaderField[], endsStream: boolean): Step => {
    const own = fields.filter(([name]) => !name.startsWith(":"));
    if (head !== null) {
      if (own.length !== fields.length) return protocolError("trailers with pseudo-headers");
      return endsStream ? answered(fields) : protocolError("trailers that do not end the stream");
    }
    const status = statusOf(fields);
    if (status === null) return protocolError("headers without a valid :status");
    // RFC 9113, 8.1: interim answers announce one, and end nothing.
    if (status < 200) {
      interim += 1;
      if (interim > limits.checkInterimAnswers) return broken(`more than ${limits.checkInterimAnswers} interim answers`);
      return endsStream ? protocolError("an interim answer that ends the stream") : goOn;
    }
    head = { status, headers: own };
    return endsStream ? answered([]) : goOn;
  };

  const dataComes = (frame: Frame): Step => {
    const data = unpadded(frame, 0);
    if (!data.ok) return data.error;
    if (head === null) return protocolError("data before headers");
    bodyLength += data.value.length;
    if (bodyLength > bodyBytes) return broken(`the body is longer than ${bodyBytes} bytes`);
    body.push(data.value);
    if ((frame.flags & frameFlags.endStream) !== 0) return answered([]);
    // RFC 9113, 6.9: padding counts as well, so the whole frame is given back, to the connection and to the stream.
    return frame.payload.length === 0 ? goOn : { kind: "go on", send: windowUpdates(frame.payload.length) };
  };

  const onStream = (frame: Frame): Step => {
    if (frame.stream !== theStream) return protocolError(`a frame on stream ${frame.stream}, which nobody opened`);
    switch (frame.type) {
      case frameTypes.data:
        return dataComes(frame);
      case frameTypes.headers: {
        const piece = unpadded(frame, (frame.flags & frameFlags.priority) === 0 ? 0 : 5);
        if (!piece.ok) return piece.error;
        block = { pieces: [], length: 0, endsStream: (frame.flags & frameFlags.endStream) !== 0 };
        return blockGrows(piece.value, (frame.flags & frameFlags.endHeaders) !== 0);
      }
      case frameTypes.resetStream:
        if (frame.payload.length !== 4) return protocolError("a RST_STREAM of the wrong length");
        return broken(`the server reset the stream: ${errorName(uint32(frame.payload, 0))}`);
      default:
        return protocolError("a frame that a server does not send");
    }
  };

  const onConnection = (frame: Frame): Step => {
    if (frame.stream !== 0) return protocolError(`a frame of the connection on stream ${frame.stream}`);
    const isAck = (frame.flags & frameFlags.ack) !== 0;
    switch (frame.type) {
      case frameTypes.settings:
        return isAck ? acknowledged(frame) : settings(frame);
      case frameTypes.ping:
        if (frame.payload.length !== 8) return protocolError("a PING of the wrong length");
        return isAck ? goOn : { kind: "go on", send: frameBytes({ ...frame, flags: frameFlags.ack }) };
      default: {
        if (frame.payload.length < 8) return protocolError("a GOAWAY of the wrong length");
        const [last, code] = [uint32(frame.payload, 0) & 0x7fff_ffff, uint32(frame.payload, 4)];
        // A server that is about to end still answers what it has taken.
        return last >= theStream && code === 0 ? goOn : broken(`the server goes away: ${errorName(code)}`);
      }
    }
  };

  return (frame) => {
    if (!greeted) {
      if (frame.type !== frameTypes.settings || (frame.flags & frameFlags.ack) !== 0)
        return protocolError("it does not begin with SETTINGS");
      greeted = true;
    }
    if (block !== null) {
      if (frame.type !== frameTypes.continuation || frame.stream !== theStream) return protocolError("headers that break off");
      return blockGrows(frame.payload, (frame.flags & frameFlags.endHeaders) !== 0);
    }
    switch (frame.type) {
      case frameTypes.settings:
      case frameTypes.ping:
      case frameTypes.goAway:
        return onConnection(frame);
      case frameTypes.priority:
        return frame.payload.length === 5 ? goOn : protocolError("a PRIORITY of the wrong length");
      case frameTypes.windowUpdate:
        if (frame.payload.length !== 4) return protocolError("a WINDOW_UPDATE of the wrong length");
        return (uint32(frame.payload, 0) & 0x7fff_ffff) === 0 ? protocolError("a WINDOW_UPDATE by nothing") : goOn;
      case frameTypes.data:
      case frameTypes.headers:
      case frameTypes.resetStream:
      case frameTypes.pushPromise:
      case frameTypes.continuation:
        return onStream(frame);
      default:
        // RFC 9113, 5.5: what is unknown is passed over.
        return goOn;
    }
  };
}

/** RFC 9113, 6.5.2: the values that may not be. The rest is about what we would send, which is less than any of it allows. */
function settings(frame: Frame): Step {
  if (frame.payload.length % 6 !== 0) return protocolError("SETTINGS of the wrong length");
  for (let at = 0; at < frame.payload.length; at += 6) {
    const identifier = ((frame.payload[at] ?? 0) << 8) | (frame.payload[at + 1] ?? 0);
    const value = uint32(frame.payload, at + 2);
    const wrong =
      (identifier === 2 && value > 1) ||
      (identifier === 4 && value > 0x7fff_ffff) ||
      (identifier === 5 && (value < 16_384 || value > 0xff_ffff));
    if (wrong) return protocolError(`SETTINGS with ${value} for ${identifier}`);
  }
  return { kind: "go on", send: frameBytes({ type: frameTypes.settings, flags: frameFlags.ack, stream: 0, payload: nothing }) };
}

const acknowledged = (frame: Frame): Step => (frame.payload.length === 0 ? goOn : protocolError("an acknowledgement with contents"));

function windowUpdates(by: number): Uint8Array {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, by);
  const frames = [0, theStream].map((stream) => frameBytes({ type: frameTypes.windowUpdate, flags: 0, stream, payload }));
  return joined(
    frames,
    frames.reduce((sum, { length }) => sum + length, 0),
  );
}

/** The payload without its padding, and without `skip` bytes that come before the contents. */
function unpadded({ flags, payload }: Frame, skip: number): Result<Uint8Array, Step> {
  const padded = (flags & frameFlags.padded) !== 0;
  const start = (padded ? 1 : 0) + skip;
  const end = payload.length - (padded ? (payload[0] ?? 0) : 0);
  return start <= end ? ok(payload.subarray(start, end)) : fail(protocolError("a frame with more padding than contents"));
}

function statusOf(fields: readonly HeaderField[]): number | null {
  const [first, ...others] = fields.filter(([name]) => name.startsWith(":"));
  return first?.[0] === ":status" && others.length === 0 && /^[1-5][0-9]{2}$/.test(first[1]) ? Number(first[1]) : null;
}

const uint32 = (bytes: Uint8Array, at: number): number => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at);

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
