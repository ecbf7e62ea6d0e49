/**
 * The JSON form of a DNS answer, as public resolvers have it: names with the trailing dot, types as numbers. It carries what the wire
 * carries and no more.
 */
import { type DnsRecord, qtypes, type Reply } from "./dns-answer.ts";
import type { Network } from "./dns-client.ts";
import type { Query } from "./dns-message.ts";

/** The types that people ask for by name; any other is `TYPE<number>` (RFC 3597) or the number alone. */
const mnemonics: Readonly<Record<string, number>> = {
  ...qtypes,
  NS: 2,
  PTR: 12,
  MX: 15,
  TXT: 16,
  SRV: 33,
  NAPTR: 35,
  DS: 43,
  SSHFP: 44,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  TLSA: 52,
  SVCB: 64,
  HTTPS: 65,
  CAA: 257,
};

/** The number of a type given by mnemonic or number, in any letter case; null if it is none. */
export function typeNumber(text: string): number | null {
  const upper = text.toUpperCase();
  if (Object.hasOwn(mnemonics, upper)) return mnemonics[upper] ?? null;
  const digits = /^(?:TYPE)?([0-9]{1,5})$/.exec(upper)?.[1];
  const number = Number(digits);
  return digits !== undefined && number >= 1 && number <= 65_535 ? number : null;
}

/** `subnet`: the network that was asked for; what is said of it is how many bits of it the answer took. */
export function jsonReply(query: Query, reply: Reply, subnet: Network | null = null) {
  const { question } = query;
  return {
    Status: reply.rcode,
    TC: false,
    RD: query.recursionDesired,
    RA: false,
    AD: false,
    CD: query.checkingDisabled,
    Question: question === null ? [] : [{ name: question.name, type: question.type }],
    Answer: reply.answers.map(jsonRecord),
    ...(reply.authorities.length > 0 ? { Authority: reply.authorities.map(jsonRecord) } : {}),
    ...(subnet === null ? {} : { edns_client_subnet: `${subnet.address}/${reply.scope}` }),
  };
}

const jsonRecord = (record: DnsRecord) => ({ name: record.name, type: qtypes[record.type], TTL: record.ttl, data: presentation(record) });

/** The record's data as a zone file has it. */
export function presentation(record: DnsRecord): string {
  if (record.type === "HINFO") return `"${record.data.cpu}" "${record.data.os}"`;
  if (record.type !== "SOA") return record.data;
  const { mname, rname, serial, refresh, retry, expire, minimum } = record.data;
  return [mname, rname, serial, refresh, retry, expire, minimum].join(" ");
}
