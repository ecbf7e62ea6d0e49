/** A DNS question over TCP (RFC 7766) and over UDP. What is no answer to it fails in words; over UDP what is not meant for us is passed over. */
import { type CheckIo, type CheckTarget, ConnectFailure, failed, type Outcome, VantageRefusal } from "../../domain/check.ts";
import { byteReader } from "./byte-reader.ts";
import { withConnection } from "./connection.ts";
import { deadline, unreachable } from "./deadline.ts";
import { type DnsQuestion, type DnsReply, isTruncated, queryBytes, readReply } from "./dns-message.ts";
import { readExactly } from "./read-exactly.ts";

/** `note` is for the detail: how the answer was got where that is not obvious. */
export type Judge = (reply: DnsReply, note: string) => Outcome;

export type Ask = (question: DnsQuestion, target: CheckTarget, port: number, io: CheckIo, judge: Judge) => Promise<Outcome>;

export const askOverTcp: Ask = (question, target, port, io, judge) => {
  const startedAt = io.now();
  return withConnection(target, port, io, async (socket, end) => {
    const bad = (detail: string) => failed(io.now() - startedAt, detail);
    const writer = socket.writable.getWriter();
    writer.write(framed(queryBytes(question))).catch(() => undefined);
    const input = byteReader(socket.readable, end);
    const prefix = await readExactly(input, 2);
    if (!prefix.ok) return bad(prefix.error === "timeout" ? input.noAnswer() : `connection ${prefix.error} before an answer`);
    const message = await readExactly(input, lengthOf(prefix.value));
    if (!message.ok) return bad(input.say(message.error, "answer"));
    const read = readReply(message.value, question);
    return read.ok ? judge(read.value, "") : bad(read.error.detail);
  });
};

export const askOverUdp: Ask = async (question, target, port, io, judge) => {
  const startedAt = io.now();
  const bad = (detail: string) => failed(io.now() - startedAt, detail);
  if (io.datagrams === undefined) throw new VantageRefusal("this vantage point has no UDP");
  const end = deadline(io.signal);
  const opening = io.datagrams({ hostname: target.host.replace(/\.$/, ""), port: target.port ?? port });
  try {
    const socket = await end.race(opening);
    if (socket === "timeout") return failed(null, end.missed("no UDP socket"));
    await end.race(socket.send(queryBytes(question)));
    for (let others = 0; ; others += 1) {
      const datagram = await end.race(socket.receive());
      if (datagram === "timeout")
        return failed(null, end.missed(others === 0 ? "no answer" : `no answer, only ${others} to others' questions,`));
      const read = readReply(datagram, question);
      if (read.ok && read.value.truncated) return await askAgain(question, target, port, io, judge);
      if (read.ok) return judge(read.value, "");
      // Anyone can send a datagram in the server's name: what answers another question is none of ours.
      if (read.error.kind === "malformed" && isTruncated(datagram, question)) return await askAgain(question, target, port, io, judge);
      if (read.error.kind === "malformed") return bad(read.error.detail);
    }
  } catch (error) {
    if (error instanceof VantageRefusal) throw error;
    return bad(error instanceof ConnectFailure ? error.message : unreachable);
  } finally {
    end.clear();
    opening.then((socket) => socket.close()).catch(() => undefined);
  }
};

async function askAgain(...[question, target, port, io, judge]: Parameters<Ask>): Promise<Outcome> {
  let answered = false;
  const outcome = await askOverTcp(question, target, port, io, (reply) => {
    answered = true;
    return judge(reply, " (over TCP: truncated over UDP)");
  });
  return answered ? outcome : { ...outcome, detail: `truncated over UDP, and over TCP: ${outcome.detail}` };
}

const lengthOf = (prefix: Uint8Array): number => ((prefix[0] ?? 0) << 8) | (prefix[1] ?? 0);

function framed(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(message.length + 2);
  new DataView(bytes.buffer).setUint16(0, message.length);
  bytes.set(message, 2);
  return bytes;
}
