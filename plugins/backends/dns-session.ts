/**
 * A conversation with a name server for the length of one call: one TCP connection (RFC 7766), each message signed by itself, many at once, answers
 * in whatever order. It ends with the call's signal; what a response code means is for others.
 */
import { BackendFailure, type BackendIo, type WholeFailure } from "../../domain/backend.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { type ByteReader, byteReader } from "../checks/byte-reader.ts";
import { type Deadline, deadline, unreachable } from "../checks/deadline.ts";
import { readExactly } from "../checks/read-exactly.ts";
import { sign, type TsigError, type TsigKey, verify } from "./tsig.ts";

export type Reply = {
  readonly rcode: string;
  /** AA: the server speaks for the name. */
  readonly isAuthoritative: boolean;
  /** The message without its signature. */
  readonly message: Uint8Array;
  /** What the server found wrong with our signature. */
  readonly tsigError: TsigError | null;
};

/** The reply to a message, or why there is none. */
export type Answered = Result<Reply, WholeFailure>;

export type Session = {
  /** Sends messages whose ids it sets, and gives what came for each, in their order. */
  ask(messages: readonly Uint8Array[]): Promise<Answered[]>;
};

type Waiting = { readonly id: number; readonly mac: Uint8Array; readonly bytes: Uint8Array };

const ids = 0x10000;
/** What may be believed of an answer that is not signed: that there will be none. */
const believed = new Set(["FORMERR", "SERVFAIL", "NOTIMP", "REFUSED", "NOTAUTH", "NOTZONE"]);

/** Throws `BackendFailure` (retry) where no connection opens. */
export async function withSession<T>(
  io: Pick<BackendIo, "connect" | "signal" | "now">,
  { server, port }: { readonly server: string; readonly port: number },
  key: TsigKey,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const where = `${server}:${port}`;
  const end = deadline(io.signal);
  // Before it is made: a connection cannot be taken back.
  if (io.signal.aborted) throw new BackendFailure(lost(where, end.missed("no connection")));
  const socket = io.connect({ hostname: server.replace(/\.$/, ""), port });
  socket.closed.catch(() => undefined);
  const opened = socket.opened.then(
    () => "open" as const,
    () => "unreachable" as const,
  );
  try {
    const how = await end.race(opened);
    if (how === "timeout") throw new BackendFailure(lost(where, end.missed("no connection")));
    if (how === "unreachable") throw new BackendFailure(lost(where, unreachable));
    return await use(sessionOver(socket, where, key, end, io.now));
  } finally {
    end.clear();
    // Never awaited: close() waits for a connection that may never open.
    void socket.close().catch(() => undefined);
  }
}

function sessionOver(
  socket: { readonly readable: ReadableStream<Uint8Array>; readonly writable: WritableStream<Uint8Array> },
  where: string,
  key: TsigKey,
  end: Deadline,
  now: () => number,
): Session {
  const input = byteReader(socket.readable, end);
  const writer = socket.writable.getWriter();
  let nextId = crypto.getRandomValues(new Uint16Array(1))[0] ?? 0;
  let over: WholeFailure | null = null;
  const seconds = () => Math.floor(now() / 1_000);

  const signed = async (message: Uint8Array): Promise<Waiting> => {
    const id = nextId;
    nextId = (nextId + 1) % ids;
    const copy = message.slice();
    new DataView(copy.buffer).setUint16(0, id);
    return { id, ...(await sign(copy, key, seconds())) };
  };

  return {
    async ask(messages) {
      const waiting = await Promise.all(messages.map(signed));
      const replies = new Map<number, Answered>();
      if (over === null) {
        // Beside the reading: a server reads no more than it can answer.
        writer.write(framed(waiting.map(({ bytes }) => bytes))).catch(() => undefined);
        const open = new Map(waiting.map((one) => [one.id, one]));
        while (open.size > 0) {
          const answer = await nextMessage(input);
          if (!answer.ok) {
            over = lost(where, answer.error);
            break;
          }
          const id = idOf(answer.value);
          const asked = open.get(id);
          if (asked === undefined) {
            over = lost(where, "it answered what was not asked");
            break;
          }
          open.delete(id);
          replies.set(id, await replyOf(answer.value, key, asked.mac, seconds(), where));
        }
      }
      const silent = fail(over ?? lost(where, "no answer"));
      return waiting.map(({ id }) => replies.get(id) ?? silent);
    },
  };
}

async function replyOf(answer: Uint8Array, key: TsigKey, mac: Uint8Array, now: number, where: string): Promise<Answered> {
  const bad = (detail: string): Answered => fail({ class: "retry", detail: `${where}: ${detail}` });
  const verified = await verify(answer, key, mac, now);
  if (!verified.ok) return bad(verified.error);
  const { message, isSigned, error } = verified.value;
  const flags = ((message[2] ?? 0) << 8) | (message[3] ?? 0);
  if ((flags & 0x8000) === 0) return bad("what came back is a query, not an answer");
  const rcode = rcodes[flags & 0xf] ?? `RCODE ${flags & 0xf}`;
  if (!isSigned && !believed.has(rcode)) return bad(`the answer (${rcode}) is not signed`);
  return ok({ rcode, isAuthoritative: (flags & 0x0400) !== 0, message, tsigError: error });
}

const rcodes = [
  ..."NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED".split(" "),
  // RFC 2136, 2.2
  ..."YXDOMAIN YXRRSET NXRRSET NOTAUTH NOTZONE".split(" "),
];

const lost = (where: string, detail: string): WholeFailure => ({ class: "retry", detail: `${where}: ${detail}` });

/** Fails with words. A message has at most 65,535 bytes, since its length has two. */
async function nextMessage(input: ByteReader): Promise<Result<Uint8Array, string>> {
  const prefix = await readExactly(input, 2);
  if (!prefix.ok) return fail(prefix.error === "timeout" ? input.noAnswer() : `the connection was ${prefix.error} before an answer`);
  const [high = 0, low = 0] = prefix.value;
  const message = await readExactly(input, high * 256 + low);
  return message.ok ? message : fail(input.say(message.error, "answer"));
}

/** -1: it is too short to have one. */
const idOf = (bytes: Uint8Array): number => (bytes.length < 2 ? -1 : ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0));

/** Each behind its length (RFC 1035, 4.2.2). */
function framed(messages: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(messages.reduce((sum, { length }) => sum + 2 + length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const message of messages) {
    view.setUint16(at, message.length);
    bytes.set(message, at + 2);
    at += 2 + message.length;
  }
  return bytes;
}
