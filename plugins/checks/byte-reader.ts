/** Reads a connection line by line or piece by piece, against the check's deadline. It never holds more than one line and one piece. */
import { fail, ok, type Result } from "../../domain/result.ts";
import type { Deadline } from "./deadline.ts";

/** Why there is nothing more to read. */
export type Stop = "closed" | "reset" | "timeout" | "too long";

export type ByteReader = {
  /** The next line, without its line break, as Latin-1; at most `maximum` bytes. */
  line(maximum: number): Promise<Result<string, Stop>>;
  /** Between 1 and `maximum` bytes, as they come. */
  some(maximum: number): Promise<Result<Uint8Array, Stop>>;
  /** What to say when `what` did not come. */
  say(stop: Stop, what: string): string;
  /** What to say of what did not happen in time. */
  missed(what: string): string;
  /** What to say when nothing came in time. */
  noAnswer(): string;
};

export function byteReader(stream: ReadableStream<Uint8Array>, end: Deadline): ByteReader {
  const reader = stream.getReader();
  let rest: Uint8Array = new Uint8Array();

  const more = async (): Promise<Result<Uint8Array, Stop>> => {
    for (;;) {
      const part = await end.race(reader.read().catch(() => "reset" as const));
      if (part === "timeout" || part === "reset") return fail(part);
      if (part.done) return fail("closed");
      if (part.value.length > 0) return ok(part.value);
    }
  };

  return {
    async line(maximum) {
      let line = "";
      for (;;) {
        const at = rest.indexOf(lineFeed);
        const piece = at === -1 ? rest : rest.subarray(0, at);
        if (line.length + piece.length > maximum) return fail("too long");
        line += latin1(piece);
        if (at !== -1) {
          rest = rest.subarray(at + 1);
          return ok(line.endsWith("\r") ? line.slice(0, -1) : line);
        }
        const next = await more();
        if (!next.ok) return next;
        rest = next.value;
      }
    },
    async some(maximum) {
      if (rest.length === 0) {
        const next = await more();
        if (!next.ok) return next;
        rest = next.value;
      }
      const bytes = rest.subarray(0, maximum);
      rest = rest.subarray(bytes.length);
      return ok(bytes);
    },
    missed: end.missed,
    noAnswer: () => end.missed("no answer"),
    say(stop, what) {
      if (stop === "timeout") return end.missed(`the ${what} did not end`);
      if (stop === "too long") return `the ${what} is too long`;
      return `connection ${stop} before the end of the ${what}`;
    },
  };
}

const lineFeed = 0x0a;
/** Byte for byte, which TextDecoder's "latin1" (that is windows-1252) is not. */
const latin1 = (bytes: Uint8Array): string => {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
};
