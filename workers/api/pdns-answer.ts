/**
 * What PowerDNS's remote backend is told of a name: records as it takes them, with SOA and NS at the zone's apex. It asks for ANY and picks by
 * itself, so that a name with addresses of both families has both. What a client gets is decided where it is for /dns-query.
 */
import { type Client, nowhere } from "../../domain/geo.ts";
import { type Asking, type DnsRecord, type Finding, qtypes, replyTo, soaOf } from "./dns-answer.ts";
import { networkOf } from "./dns-client.ts";
import { presentation } from "./dns-json.ts";

/** Its names are fully qualified; `scopeMask` is how many bits of the client's network it was chosen by. */
export type PdnsRecord = {
  readonly qtype: string;
  readonly qname: string;
  readonly content: string;
  readonly ttl: number;
  readonly auth: 1;
  readonly domain_id: -1;
  readonly scopeMask: number;
};

/** How long the names of the zone's servers may be kept. */
const nsTtlSeconds = 3600;

/** `qtype` as PowerDNS writes it. Nothing: there is no such name, or it is in no zone of ours. */
export function pdnsRecords(
  question: { readonly qname: string; readonly qtype: string },
  finding: Finding,
  nameServers: readonly string[],
  asking: Asking,
): readonly PdnsRecord[] {
  if (finding.kind === "foreign" || finding.kind === "absent") return [];
  const name = question.qname.toLowerCase();
  const qtype = question.qtype.toUpperCase();
  const zone = finding.kind === "served" ? finding.served.zone : finding.zone;
  const { records, scope } = dataAt(name, finding, asking);
  const record = (qtype: string, content: string, ttl: number): PdnsRecord => ({
    qtype,
    qname: question.qname,
    content,
    ttl,
    auth: 1,
    domain_id: -1,
    scopeMask: scope,
  });
  const soa = soaOf(zone, nameServers[0]);
  const apex = [record("SOA", presentation(soa), soa.ttl), ...nameServers.map((server) => record("NS", server, nsTtlSeconds))];
  const all = [...(name === zone ? apex : []), ...records.map((one) => record(one.type, presentation(one), one.ttl))];
  if (all.length === 0) return qtype === "ANY" ? [record(...emptyName, soa.ttl)] : [];
  return qtype === "ANY" ? all : all.filter((one) => one.qtype === qtype);
}

/** A name that is there and has no data: an "empty non-terminal", a record of no type, without which PowerDNS would say that there is no such name. */
const emptyName = ["", ""] as const;

function dataAt(name: string, finding: Finding, asking: Asking): { readonly records: readonly DnsRecord[]; readonly scope: number } {
  const replies = [qtypes.A, qtypes.AAAA].map((type) => replyTo({ name, type }, finding, asking));
  const records = replies.flatMap(({ answers }) => answers);
  // A name with a CNAME answers both with it; two draws may have picked two.
  const alias = records.find(({ type }) => type === "CNAME");
  return { records: alias === undefined ? records : [alias], scope: Math.max(...replies.map(({ scope }) => scope)) };
}

/** The client as PowerDNS tells it: its network, as the question's client subnet has it, or the address that asked. `0.0.0.0/0`: nobody asked. */
export function clientOf(realRemote: unknown, remote: unknown): Client {
  const given = [realRemote, remote].find((one) => typeof one === "string" && one !== "");
  const network = typeof given === "string" ? networkOf(given) : null;
  return network === null || network.bits === 0 ? nowhere : { ...nowhere, network };
}
