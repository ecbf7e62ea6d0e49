/**
 * What a DNS question gets, as a value that knows neither the wire format nor JSON: response code, records, and how long they may be kept.
 * It answers from what was found and never looks further: no CNAME is followed out of a name.
 */
import { type Client, nowhere, poolFor, scopeFor } from "../../domain/geo.ts";
import { limits } from "../../domain/limits.ts";
import type { AnswerSet } from "../../domain/plan.ts";
import type { ServedName } from "../../durable-objects/rpc.ts";
import { setsFor } from "./dns-weight.ts";

export const rcodes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, BADVERS: 16 } as const;
export type Rcode = (typeof rcodes)[keyof typeof rcodes];

export const qtypes = { A: 1, CNAME: 5, SOA: 6, HINFO: 13, AAAA: 28, IXFR: 251, AXFR: 252, ANY: 255 } as const;

export type Soa = {
  readonly mname: string;
  readonly rname: string;
  readonly serial: number;
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  readonly minimum: number;
};

export type DnsRecord = { readonly name: string; readonly ttl: number } & (
  | { readonly type: "A" | "AAAA" | "CNAME"; readonly data: string }
  | { readonly type: "HINFO"; readonly data: { readonly cpu: string; readonly os: string } }
  | { readonly type: "SOA"; readonly data: Soa }
);

export type Reply = {
  readonly rcode: Rcode;
  /** AA: said by whoever holds the zone. */
  readonly authoritative: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  /** How long a client may keep it; null: not at all. */
  readonly maxAgeSeconds: number | null;
  /** It was chosen by the client's place: others get another. `scope`: how many bits of the client's address it took (RFC 7871, 7.2.1). */
  readonly byPlace: boolean;
  readonly scope: number;
};

/** What is known of a name. */
export type Finding =
  | { readonly kind: "served"; readonly served: ServedName }
  /** It exists without data: names lie below it, or it is the zone's apex. */
  | { readonly kind: "empty"; readonly zone: string }
  | { readonly kind: "absent"; readonly zone: string }
  /** It is in no zone of any GSLB. */
  | { readonly kind: "foreign" };

/** A name and type as they were asked; `name` keeps the letter case of the question, which is the answer's owner (0x20). */
export type Asked = { readonly name: string; readonly type: number };

/**
 * `random` gives a number in [0, 1) for each draw: whose turn it is where the name is weighted, and where the order of the answers starts.
 * `client` is whom it is for, where the name is steered by place. `ttlMax` bounds every TTL: stale answers are not kept for long.
 */
export type Asking = { readonly random: () => number; readonly client?: Client; readonly ttlMax?: number };

export function replyTo(asked: Asked, finding: Finding, asking: Asking): Reply {
  const places = finding.kind === "served" ? finding.served.places : undefined;
  const reply = plainReply(asked, finding, asking);
  return places === undefined ? reply : { ...reply, byPlace: true, scope: scopeFor(places, asking.client ?? nowhere) };
}

/** What of a served name is for this client. */
export function setsAt({ answers, places }: Pick<ServedName, "answers" | "places">, client: Client): readonly AnswerSet[] {
  if (places === undefined) return answers;
  const pool = poolFor(places, client);
  return answers.filter(({ pool_id }) => pool_id === pool);
}

function plainReply(asked: Asked, finding: Finding, asking: Asking): Reply {
  if (finding.kind === "foreign") return without(rcodes.REFUSED);
  const zone = finding.kind === "served" ? finding.served.zone : finding.zone;
  if (asked.type === qtypes.AXFR || asked.type === qtypes.IXFR) return without(rcodes.REFUSED);
  if (finding.kind === "absent") return negative(rcodes.NXDOMAIN, zone);
  if (asked.type === qtypes.SOA && sameName(asked.name, zone)) {
    const answers = [{ ...soaOf(zone), name: asked.name }];
    return { ...common, rcode: rcodes.NOERROR, authoritative: true, answers, maxAgeSeconds: limits.negativeTtlSeconds };
  }
  const answers = finding.kind === "served" ? recordsFor(asked, finding.served, asking) : [];
  if (answers.length === 0) return negative(rcodes.NOERROR, zone);
  const maxAgeSeconds = Math.min(...answers.map((record) => record.ttl));
  return { ...common, rcode: rcodes.NOERROR, authoritative: true, answers, maxAgeSeconds };
}

/** A reply without records, which nobody may keep. */
export function without(rcode: Rcode): Reply {
  return { ...common, rcode, authoritative: false, maxAgeSeconds: null };
}

const common = { answers: [], authorities: [], byPlace: false, scope: 0 } as const;

function negative(rcode: Rcode, zone: string): Reply {
  return { ...common, rcode, authoritative: true, authorities: [soaOf(zone)], maxAgeSeconds: limits.negativeTtlSeconds };
}

function recordsFor(asked: Asked, served: ServedName, { random, client = nowhere, ttlMax }: Asking): readonly DnsRecord[] {
  const { name } = asked;
  const ttl = Math.min(served.ttl, ttlMax ?? Number.POSITIVE_INFINITY);
  const own = setsAt(served, client);
  const values = (type: "A" | "AAAA" | "CNAME") => {
    const sets = own.filter((set) => set.type === type);
    return [...new Set(setsFor(sets, random).flatMap((set) => set.values))];
  };
  // A name with a CNAME has nothing else, and answers every type with it (RFC 1034, 3.6.2).
  const [target] = values("CNAME");
  if (target !== undefined) return [{ name, ttl, type: "CNAME", data: target }];
  if (asked.type === qtypes.ANY) {
    // One small record instead of everything there is (RFC 8482, 4.2): ANY is asked by nobody who needs the addresses.
    return own.length === 0 ? [] : [{ name, ttl, type: "HINFO", data: { cpu: "RFC8482", os: "" } }];
  }
  const type = asked.type === qtypes.A ? "A" : asked.type === qtypes.AAAA ? "AAAA" : null;
  if (type === null) return [];
  return rotate(values(type), random())
    .slice(0, fitting(name, type))
    .map((data) => ({ name, ttl, type, data }));
}

/** Header; type and class of the question; an OPT record with the longest client subnet. */
const otherBytes = 12 + 4 + 11 + 24;
/** Type, class, TTL and length of a record, and its address. */
const recordBytes = { A: 10 + 4, AAAA: 10 + 16 } as const;

/** How many records of one name a DNS message holds. The rest is in another answer's part: each starts at another place. */
function fitting(name: string, type: "A" | "AAAA"): number {
  const nameBytes = name.length + 1;
  return Math.floor((limits.dnsMessageBytes - otherBytes - nameBytes) / (nameBytes + recordBytes[type]));
}

/**
 * The zone's SOA. The serial is constant: nobody transfers these zones, and the objects that answer share no counter. Where there is no name
 * server to name, MNAME is the zone itself.
 */
export function soaOf(zone: string, mname: string = zone): DnsRecord {
  const hostmaster = `hostmaster.${zone}`;
  const data = {
    mname,
    rname: hostmaster.length <= 254 ? hostmaster : zone,
    serial: 1,
    refresh: 3600,
    retry: 600,
    expire: 86_400,
    minimum: limits.negativeTtlSeconds,
  };
  return { name: zone, ttl: limits.negativeTtlSeconds, type: "SOA", data };
}

function rotate<T>(items: readonly T[], random: number): readonly T[] {
  const start = Math.floor(random * items.length);
  return [...items.slice(start), ...items.slice(0, start)];
}

const sameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
