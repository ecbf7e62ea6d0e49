/**
 * The wire format of RFC 1035 with EDNS (RFC 6891), by way of dns-packet. The question is read and given back byte for byte, because
 * a name may hold bytes that no text carries and a letter case that must return. Whatever the bytes, nothing here throws.
 */
import { Buffer } from "node:buffer";
import { type Answer, decode, encode, type OptAnswer, type PacketOpt } from "dns-packet";
import { type DnsRecord, type Rcode, type Reply, rcodes } from "./dns-answer.ts";
import { readName } from "./dns-name.ts";

export type Question = { readonly name: string; readonly type: number; readonly class: number; readonly bytes: Uint8Array };

export type Query = {
  readonly id: number;
  readonly opcode: number;
  readonly recursionDesired: boolean;
  readonly checkingDisabled: boolean;
  readonly question: Question | null;
  readonly edns: { readonly dnssecOk: boolean; readonly clientSubnet: Uint8Array | null } | null;
  /** Why it is not looked at: the response code that says so. */
  readonly refusal: Rcode | null;
};

const headerBytes = 12;
const classIn = 1;
const udpPayloadSize = 1232;
const clientSubnetCode = 8;
const flags = { response: 0x8000, authoritative: 0x0400, recursionDesired: 0x0100, checkingDisabled: 0x0010 };
const dnssecOk = 0x8000;

/** Null: there is not even a header whose id an answer could carry. */
export function decodeQuery(bytes: Uint8Array): Query | null {
  if (bytes.length < headerBytes) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const bits = view.getUint16(2);
  const header = {
    id: view.getUint16(0),
    opcode: (bits >> 11) & 0xf,
    recursionDesired: (bits & flags.recursionDesired) !== 0,
    checkingDisabled: (bits & flags.checkingDisabled) !== 0,
  };
  const refused = (refusal: Rcode, question: Question | null = null): Query => ({ ...header, question, edns: null, refusal });

  if ((bits & flags.response) !== 0) return refused(rcodes.FORMERR);
  if (header.opcode !== 0) return refused(rcodes.NOTIMP);
  const question = view.getUint16(4) === 1 ? readQuestion(bytes, view) : null;
  if (question === null) return refused(rcodes.FORMERR);
  const options = readOptions(bytes);
  if (options === null || options.length > 1) return refused(rcodes.FORMERR, question);
  const [option] = options;
  const edns = option === undefined ? null : ednsOf(option);
  const query = { ...header, question, edns, refusal: null };
  if (option !== undefined && option.ednsVersion > 0) return { ...query, refusal: rcodes.BADVERS };
  return question.class === classIn ? query : { ...query, refusal: rcodes.REFUSED };
}

/** The query that a name and a type alone make; `id` 0 as RFC 8484 recommends. */
export function plainQuery(name: Uint8Array, type: number, checkingDisabled: boolean): Query {
  const bytes = Uint8Array.from([...name, type >> 8, type & 0xff, 0, classIn]);
  const text = readName(bytes, 0)?.name ?? ".";
  const question = { name: text, type, class: classIn, bytes };
  return { id: 0, opcode: 0, recursionDesired: true, checkingDisabled, question, edns: null, refusal: null };
}

export function encodeReply(query: Query, reply: Reply): Uint8Array<ArrayBuffer> {
  const message = encode({
    id: query.id,
    type: "response",
    flags:
      (query.opcode << 11) |
      (reply.authoritative ? flags.authoritative : 0) |
      (query.recursionDesired ? flags.recursionDesired : 0) |
      (query.checkingDisabled ? flags.checkingDisabled : 0) |
      (reply.rcode & 0xf),
    answers: reply.answers.map(wireRecord),
    authorities: reply.authorities.map(wireRecord),
    additionals: query.edns === null ? [] : [optRecord(query.edns, reply)],
  });
  const question = query.question?.bytes ?? new Uint8Array(0);
  // No name in the message is compressed, so nothing points at what the question moves.
  const bytes = new Uint8Array(message.length + question.length);
  bytes.set(message.subarray(0, headerBytes));
  bytes.set(question, headerBytes);
  bytes.set(message.subarray(headerBytes), headerBytes + question.length);
  new DataView(bytes.buffer).setUint16(4, query.question === null ? 0 : 1);
  return bytes;
}

function readQuestion(bytes: Uint8Array, view: DataView): Question | null {
  const read = readName(bytes, headerBytes);
  if (read === null || read.end + 4 > bytes.length) return null;
  return {
    name: read.name,
    type: view.getUint16(read.end),
    class: view.getUint16(read.end + 2),
    bytes: bytes.slice(headerBytes, read.end + 4),
  };
}

/** The OPT records; null: the message cannot be read. */
function readOptions(bytes: Uint8Array): readonly OptAnswer[] | null {
  try {
    const { additionals } = decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    const options = (additionals ?? []).filter((record): record is OptAnswer => record.type === "OPT");
    return options.every((option) => option.name === ".") ? options : null;
  } catch {
    return null;
  }
}

function ednsOf(option: OptAnswer): NonNullable<Query["edns"]> {
  const subnet = option.options.find((entry) => entry.code === clientSubnetCode)?.data;
  return {
    dnssecOk: option.flag_do,
    // Family, source and scope lengths, address: of 16 bytes at most.
    clientSubnet: subnet !== undefined && subnet.length >= 4 && subnet.length <= 20 ? Uint8Array.from(subnet) : null,
  };
}

/** Our EDNS: what of theirs must be given back, and a client subnet with the scope of the answer (RFC 7871, 7.2.1). */
function optRecord(edns: NonNullable<Query["edns"]>, { rcode, scope }: Reply): OptAnswer {
  const options: PacketOpt[] = [];
  if (edns.clientSubnet !== null) {
    const data = Buffer.from(edns.clientSubnet);
    data[3] = scope;
    options.push({ code: clientSubnetCode, ip: undefined, data });
  }
  const bits = edns.dnssecOk ? dnssecOk : 0;
  return {
    type: "OPT",
    name: ".",
    udpPayloadSize,
    extendedRcode: rcode >> 4,
    ednsVersion: 0,
    flags: bits,
    flag_do: edns.dnssecOk,
    options,
  };
}

function wireRecord(record: DnsRecord): Answer {
  const { name, ttl } = record;
  if (record.type === "SOA") return { name, ttl, type: "SOA", data: { ...record.data } };
  if (record.type === "HINFO") return { name, ttl, type: "HINFO", data: { ...record.data } };
  return { name, ttl, type: record.type, data: record.data };
}
