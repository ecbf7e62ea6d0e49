/**
 * The data of DNS records as one line of text each, in one spelling: addresses as RFC 5952 has them, names in lower case with the trailing dot,
 * numbers without leading zeros, the strings of a TXT record joined. What an operator expects and what a server answers are compared as these.
 */
import { Buffer } from "node:buffer";
import type { Answer } from "dns-packet";
import { addressFamily, canonicalAddress } from "../../domain/address.ts";
import { canonicalName } from "../../domain/name.ts";

export const recordTypes = ["A", "AAAA", "CNAME", "MX", "NS", "SOA", "TXT", "SRV", "PTR", "CAA"] as const;
export type RecordType = (typeof recordTypes)[number];

/** How the data of each type is written, to complete "must be …". */
export const writtenAs: Readonly<Record<RecordType, string>> = {
  A: "an IPv4 address",
  AAAA: "an IPv6 address",
  CNAME: "a name such as www.example.com.",
  NS: "a name such as ns1.example.com.",
  PTR: "a name such as www.example.com.",
  MX: 'a preference and a name such as "10 mail.example.com."',
  SRV: 'priority, weight, port and name such as "0 5 5060 sip.example.com."',
  SOA: 'names and numbers such as "ns1.example.com. hostmaster.example.com. 2026112201 7200 3600 1209600 300"',
  TXT: "the text without quotes, the record's strings joined",
  CAA: 'flags, tag and value such as "0 issue \\"ca.example.net\\""',
};

/** What an operator wrote, in canonical form; null where it cannot be the data of such a record. */
export function canonicalData(type: RecordType, text: string): string | null {
  switch (type) {
    case "A":
    case "AAAA": {
      const address = canonicalAddress(text.trim());
      return address !== null && addressFamily(address) === (type === "A" ? 4 : 6) ? address : null;
    }
    case "CNAME":
    case "NS":
    case "PTR":
      return hostName(text.trim());
    case "MX":
      return fields(text, [number, hostName]);
    case "SRV":
      return fields(text, [number, number, number, hostName]);
    case "SOA":
      return fields(text, [hostName, hostName, number, number, number, number, number]);
    case "TXT":
      return text;
    case "CAA": {
      const [, flags = "", tag = "", value = ""] = /^\s*(\d{1,3})\s+([A-Za-z0-9]{1,15})\s+"?([^"]*)"?\s*$/.exec(text) ?? [];
      return tag === "" ? null : caa(Number(flags), tag, value);
    }
  }
}

/** The same for what a server answered; null where its record is malformed, or of a type that is not compared. */
export function answeredData(answer: Answer): string | null {
  switch (answer.type) {
    case "A":
    case "AAAA": {
      const address = canonicalAddress(answer.data);
      return address !== null && addressFamily(address) === (answer.type === "A" ? 4 : 6) ? address : null;
    }
    case "CNAME":
    case "NS":
    case "PTR":
      return answeredName(answer.data);
    case "MX":
      return `${answer.data.preference ?? 0} ${answeredName(answer.data.exchange)}`;
    case "SRV":
      return `${answer.data.priority ?? 0} ${answer.data.weight ?? 0} ${answer.data.port} ${answeredName(answer.data.target)}`;
    case "SOA": {
      const { mname, rname, serial, refresh, retry, expire, minimum } = answer.data;
      return [answeredName(mname), answeredName(rname), serial, refresh, retry, expire, minimum].join(" ");
    }
    case "TXT": {
      const strings = Array.isArray(answer.data) ? answer.data : [answer.data];
      return Buffer.concat(strings.map((piece) => (typeof piece === "string" ? Buffer.from(piece) : piece))).toString("utf8");
    }
    case "CAA":
      return caa(answer.data.flags ?? 0, answer.data.tag, answer.data.value);
    default:
      return null;
  }
}

/** A name out of a message, in the one spelling that names are compared in. */
export const answeredName = (name: string): string => `${name.toLowerCase().replace(/\.$/, "")}.`;

const caa = (flags: number, tag: string, value: string): string => `${flags} ${tag.toLowerCase()} "${value}"`;

/** "." alone says that there is no such service (RFC 2782, RFC 7505). */
const hostName = (text: string): string | null => (text === "." ? "." : canonicalName(text));

const number = (text: string): string | null => (/^[0-9]{1,10}$/.test(text) && Number(text) <= 0xffff_ffff ? String(Number(text)) : null);

function fields(text: string, readers: readonly ((text: string) => string | null)[]): string | null {
  const parts = text.trim().split(/\s+/);
  if (parts.length !== readers.length) return null;
  const read = readers.map((reader, index) => reader(parts[index] ?? ""));
  return read.includes(null) ? null : read.join(" ");
}
