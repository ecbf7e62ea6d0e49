/** DNS messages (RFC 1035, 4) as a check sends and reads them, by way of dns-packet. Whatever comes back, nothing here throws. */
import { Buffer } from "node:buffer";
import { type Answer, type DecodedPacket, decode, encode, RECURSION_DESIRED } from "dns-packet";
import { limits } from "../../domain/limits.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { answeredData, answeredName, type RecordType } from "./dns-record.ts";

export type DnsQuestion = { readonly id: number; readonly name: string; readonly type: RecordType };

export type DnsReply = {
  readonly rcode: string;
  /** TC: the server had more to say than the transport could carry. */
  readonly truncated: boolean;
  /** The data of the records of the type that was asked for, at the name or where its aliases lead to; canonical. */
  readonly answers: readonly string[];
};

export function queryBytes({ id, name, type }: DnsQuestion): Uint8Array {
  return new Uint8Array(encode({ type: "query", id, flags: RECURSION_DESIRED, questions: [{ type, name: name.replace(/\.$/, "") }] }));
}

/** Whether the message, whatever it is, begins with another id: then it is no answer to this question. */
export const hasOtherId = (bytes: Uint8Array, { id }: DnsQuestion): boolean =>
  bytes.length >= 2 && (((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)) !== id;

/** `other`: it answers another question. `malformed`: it answers none. Both in words. */
export type NoReply = { readonly kind: "other" | "malformed"; readonly detail: string };

export function readReply(bytes: Uint8Array, question: DnsQuestion): Result<DnsReply, NoReply> {
  const malformed = (detail: string) => fail({ kind: "malformed", detail } as const);
  if (hasOtherId(bytes, question)) return fail({ kind: "other", detail: "the answer has another id than the query" });
  if (announced(bytes) > limits.dnsRecords) return malformed("the answer has more records than are read");
  const message = decoded(bytes);
  if (message === null) return malformed("the answer is not a valid DNS message");
  if (!message.flag_qr) return malformed("what came back is a query, not an answer");
  const { rcode } = message as unknown as { rcode: string };
  const [asked, ...more] = message.questions ?? [];
  // A server that could not read the query may leave the question out.
  const matches =
    asked === undefined
      ? rcode !== "NOERROR"
      : more.length === 0 && asked.type === question.type && answeredName(asked.name) === answeredName(question.name);
  if (!matches) return fail({ kind: "other", detail: "the answer is to another question" });
  const answers: string[] = [];
  for (const record of recordsOf(question, message.answers ?? [])) {
    const data = answeredData(record);
    if (data === null) return malformed(`a record of type ${record.type} in the answer is malformed`);
    answers.push(data);
  }
  return ok({ rcode, truncated: message.flag_tc, answers });
}

/** How many questions and records there are, as the header says. */
function announced(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return bytes.length < 12 ? 0 : [4, 6, 8, 10].reduce((sum, at) => sum + view.getUint16(at), 0);
}

/** An answer to this query with TC set, whatever is left of the rest: some servers cut within a record. */
export const isTruncated = (bytes: Uint8Array, question: DnsQuestion): boolean =>
  bytes.length >= 12 && !hasOtherId(bytes, question) && ((bytes[2] ?? 0) & 0x82) === 0x82;

function decoded(bytes: Uint8Array): DecodedPacket | null {
  try {
    return decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch {
    return null;
  }
}

/** The records of the type asked for, at the name or at the end of the aliases that begin there (RFC 1034, 3.6.2). */
function recordsOf({ name, type }: DnsQuestion, answers: readonly Answer[]): readonly Answer[] {
  const owners = new Set([answeredName(name)]);
  if (type !== "CNAME") {
    const aliases = new Map<string, string>();
    for (const answer of answers) {
      if (answer.type === "CNAME") aliases.set(answeredName(answer.name), answeredName(answer.data));
    }
    // A set grows while it is walked; each name is walked once, so a circle of aliases ends.
    for (const owner of owners) owners.add(aliases.get(owner) ?? owner);
  }
  return answers.filter((answer) => answer.type === type && owners.has(answeredName(answer.name)));
}
