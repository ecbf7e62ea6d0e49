/**
 * DNS records of Cloudflare's API: the list with its filters, and the batch, which does deletes, patches, puts and posts in that order and all or
 * nothing (developers.cloudflare.com/dns/manage-dns-records/how-to/batch-record-changes/). Codes and words as the API has been seen to say them in
 * public; where nobody wrote one down it says so.
 */
import { isIPv4, isIPv6 } from "node:net";
import type { CloudflareDouble, Zone } from "./cloudflare.ts";
import { type ApiRequest, type ApiResult, type Endpoint, paged, refuse } from "./cloudflare-request.ts";

export type DnsRecord = {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly content: string;
  readonly ttl: number;
  readonly proxied: boolean;
  readonly comment: string | null;
  readonly tags: readonly string[];
};
export type NewRecord = Pick<DnsRecord, "name" | "type" | "content" | "ttl"> & Partial<DnsRecord>;
type Batch = Partial<Record<"deletes" | "patches" | "puts" | "posts", NewRecord[]>>;

/** Of a zone on the free plan. */
const limits = { batch: 200, comment: 100, tags: 0, minTtl: 60, maxTtl: 86_400 };
const proxiable = ["A", "AAAA", "CNAME"];

export function dnsEndpoints(double: CloudflareDouble): Readonly<Record<string, Endpoint>> {
  return {
    "GET /zones/{zone_id}/dns_records": { permission: "dns:read", run: (request) => list(zoneOf(double, request), request.query) },
    "POST /zones/{zone_id}/dns_records/batch": {
      permission: "dns:write",
      run: (request) => batched(double, zoneOf(double, request), request.body as Batch),
    },
  };
}

/** As somebody writes it by hand: by the same rules. */
export function addRecord(double: CloudflareDouble, zone: Zone, record: NewRecord): DnsRecord {
  const full = { ...defaults, ...record, id: double.id("record") };
  return checked(zone, zone.records, full);
}

export function zoneOf(double: CloudflareDouble, { parameters }: ApiRequest): Zone {
  const { zone_id: id = "" } = parameters;
  const zone = double.zones.get(id);
  return zone ?? refuse(404, 7_003, `Could not route to /client/v4/zones/${id}/dns_records, perhaps your object identifier is invalid?`);
}

const defaults = { ttl: 1, proxied: false, comment: null, tags: [] };

/** Filters are joined by `match`; names and comments are compared whatever their case. */
function list(zone: Zone, query: URLSearchParams): ApiResult {
  const filters = [...query].filter(([name]) => !["page", "per_page", "order", "direction", "match"].includes(name));
  const passes = (record: DnsRecord) => filters.map(([name, wanted]) => matches(record, name, wanted));
  const records = [...zone.records.values()].filter((record) =>
    query.get("match") === "any" && filters.length > 0 ? passes(record).includes(true) : !passes(record).includes(false),
  );
  return paged(records.toSorted((a, b) => order(a.type, b.type) || order(a.name, b.name) || order(a.id, b.id)).map(recordJson), query, 100);
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function matches(record: DnsRecord, filter: string, wanted: string): boolean {
  const [field = "", how = "exact"] = filter.split(".");
  if (field !== "name" && field !== "content" && field !== "comment" && field !== "type")
    return refuse(400, 9_999, `the double has no filter ${filter}`);
  const value = (record[field] ?? "").toLowerCase();
  const text = wanted.toLowerCase();
  if (how === "contains") return value.includes(text);
  if (how === "startswith") return value.startsWith(text);
  if (how === "endswith") return value.endsWith(text);
  if (how === "present") return value !== "";
  if (how === "absent") return value === "";
  return value === text;
}

function batched(double: CloudflareDouble, zone: Zone, batch: Batch): ApiResult {
  const { deletes = [], patches = [], puts = [], posts = [] } = batch;
  const size = deletes.length + patches.length + puts.length + posts.length;
  // That there is a limit is documented, its code and words are not.
  if (size > limits.batch) return refuse(400, 9_999, `At most ${limits.batch} records may be changed in one batch`);
  if (size === 0) return refuse(400, 9_999, "There is nothing to do");
  const records = new Map(zone.records);
  const existing = (id: string | undefined): DnsRecord => records.get(id ?? "") ?? refuse(404, 81_044, "Record does not exist.");
  const done = {
    deletes: deletes.map(({ id }) => {
      const record = existing(id);
      records.delete(record.id);
      return record;
    }),
    patches: patches.map((patch) => checked(zone, records, { ...existing(patch.id), ...patch })),
    puts: puts.map((put) => checked(zone, records, { ...defaults, ...put, id: existing(put.id).id })),
    posts: posts.map((post) => checked(zone, records, { ...defaults, ...post, id: double.id("record") })),
  };
  zone.records.clear();
  for (const [id, record] of records) zone.records.set(id, record);
  return { result: Object.fromEntries(Object.entries(done).map(([name, all]) => [name, all.map(recordJson)])) };
}

/** Puts it among the records, as the API keeps it. */
function checked(zone: Zone, records: Map<string, DnsRecord>, given: DnsRecord): DnsRecord {
  const name = given.name.toLowerCase();
  if (name !== zone.name && !name.endsWith(`.${zone.name}`)) refuse(400, 9_999, `${name} is not in the zone: complete names are asked for`);
  if (name.endsWith(".")) refuse(400, 9_000, "DNS name is invalid.");
  const proxied = proxiable.includes(given.type) && given.proxied;
  const record = { ...given, name, content: contentOf(given, name), proxied, ttl: proxied ? 1 : given.ttl };
  if (record.ttl !== 1 && (record.ttl < limits.minTtl || record.ttl > limits.maxTtl)) {
    refuse(400, 9_021, "Invalid TTL. Must be between 60 and 86,400 seconds, or 1 for Automatic.");
  }
  if ((record.comment ?? "").length > limits.comment) {
    refuse(400, 9_313, `DNS record comment exceeds the maximum length of ${limits.comment} characters.`);
  }
  if (/[\r\n]/.test(record.comment ?? "")) refuse(400, 9_999, "a comment has no line breaks");
  if (record.tags.length > limits.tags)
    refuse(400, 9_300, `DNS record has ${record.tags.length} tags, exceeding the quota of ${limits.tags}.`);
  const others = [...records.values()].filter((other) => other.name === name && other.id !== record.id);
  if (others.some(({ type, content }) => type === record.type && content === record.content)) {
    refuse(400, 81_058, "An identical record already exists.");
  }
  const has = (...types: string[]) => others.some(({ type }) => types.includes(type));
  if (record.type === "CNAME" && has("A", "AAAA", "CNAME"))
    refuse(400, 81_053, "An A, AAAA, or CNAME record with that host already exists.");
  if ((record.type === "A" || record.type === "AAAA") && has("CNAME")) refuse(400, 81_054, "A CNAME record with that host already exists.");
  if (record.type !== "NS" && name !== zone.name && has("NS")) refuse(400, 81_056, "NS records with that host already exist.");
  records.set(record.id, record);
  return record;
}

function contentOf({ type, content }: DnsRecord, name: string): string {
  if (type === "A") return isIPv4(content) ? content : refuse(400, 9_005, "Content for A record must be a valid IPv4 address.");
  if (type === "AAAA") {
    if (!isIPv6(content)) return refuse(400, 9_006, "Content for AAAA record must be a valid IPv6 address.");
    return new URL(`http://[${content}]/`).hostname.slice(1, -1);
  }
  if (type === "TXT") return content.startsWith('"') ? content : `"${content}"`;
  if (type !== "CNAME") return content;
  const target = content.toLowerCase().replace(/\.$/, "");
  const isName = /^([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)+[a-z0-9-]{2,63}$/.test(target);
  if (!isName || isIPv4(target)) return refuse(400, 9_007, "Content for CNAME record is invalid.");
  return target === name ? refuse(400, 9_039, "CNAME content cannot reference itself.") : target;
}

const made = "2026-01-01T00:00:00Z";
const recordJson = (record: DnsRecord) => ({
  ...record,
  ...(record.type === "MX" ? { priority: 10 } : {}),
  proxiable: proxiable.includes(record.type),
  meta: {},
  created_on: made,
  modified_on: made,
  ...(record.comment === null ? { comment: undefined } : { comment_modified_on: made }),
});
