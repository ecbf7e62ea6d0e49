/**
 * What a change means for the records of one name at Cloudflare: which of those that are there go, stay with another content, or come. It makes no
 * calls. The mark stands in the comment of every record that Kosmos wrote; while a plan is withdrawn no record can bear it, and only then there is
 * a TXT record `_kosmos.<name>`.
 */
import { z } from "zod";
import { canonicalAddress } from "../../domain/address.ts";
import type { Change, LiveRecords, LiveSet } from "../../domain/backend.ts";
import { nameOf } from "../../domain/fence.ts";
import { type Mark, markIn, markName, markText } from "../../domain/ownership.ts";
import { comparePlans } from "../../domain/plan.ts";
import { rrsetsOf } from "../../domain/rrset.ts";
import { withDot, withoutDot } from "./cloudflare-api.ts";

export const dnsRecord = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  content: z.string(),
  ttl: z.number(),
  proxied: z.boolean().nullish(),
  comment: z.string().nullish(),
});
export type DnsRecord = z.output<typeof dnsRecord>;

type Written = {
  readonly type: string;
  readonly name: string;
  readonly content: string;
  readonly ttl: number;
  readonly comment: string;
  readonly proxied?: false;
};

/** The lists of a batch, which Cloudflare does in this order. */
export type Operations = {
  readonly deletes: readonly { readonly id: string }[];
  readonly puts: readonly (Written & { readonly id: string })[];
  readonly posts: readonly Written[];
};

export const sizeOf = ({ deletes, puts, posts }: Operations): number => deletes.length + puts.length + posts.length;

const automatic = { asked: 1, seconds: 300 };
const served = ["A", "AAAA", "CNAME"] as const;

/** Those of a zone's records that are a name's: its addresses or alias, whoever made them, and its mark. Names at Cloudflare are in lower case. */
export function recordsAt(fqdn: string, byName: ReadonlyMap<string, readonly DnsRecord[]>): readonly DnsRecord[] {
  const here = byName.get(withoutDot(fqdn).toLowerCase()) ?? [];
  const beside = byName.get(withoutDot(markName(fqdn)).toLowerCase()) ?? [];
  return [
    ...here.filter(({ type }) => isServed(type)),
    ...beside.filter((record) => record.type === "TXT" && markIn(record.content) !== null),
  ];
}

/** The mark of a name's records: of several the highest. */
export function markOf(records: readonly DnsRecord[]): Mark | null {
  const marks = records
    .map(({ type, content, comment }) => markIn(type === "TXT" ? content : (comment ?? "")))
    .filter((mark) => mark !== null);
  return marks.toSorted((a, b) => comparePlans(b, a))[0] ?? null;
}

export function liveRecords(fqdn: string, records: readonly DnsRecord[]): LiveRecords {
  const mark = markOf(records);
  const sets = new Map<string, { type: LiveSet["type"]; values: string[]; ttl: number; as?: string }>();
  // Cloudflare knows no order among a name's records.
  for (const { type, content, ttl, proxied } of records.toSorted((a, b) => keyOf(a).localeCompare(keyOf(b)))) {
    if (!isServed(type)) continue;
    const isProxied = proxied === true;
    const seconds = ttl === automatic.asked ? automatic.seconds : ttl;
    const key = `${type} ${seconds} ${isProxied}`;
    const set = sets.get(key) ?? { type, values: [], ttl: seconds, ...(isProxied ? { as: "proxied" } : {}) };
    set.values.push(type === "CNAME" ? withDot(content.toLowerCase()) : (canonicalAddress(content) ?? content));
    sets.set(key, set);
  }
  const { gslbId, epoch, number } = mark ?? { gslbId: undefined, epoch: null, number: null };
  const handle = records.length === 0 ? {} : { handle: records };
  return { fqdn, ...(gslbId === undefined ? {} : { gslbId }), epoch, number, answers: [...sets.values()], ...handle };
}

const keyOf = ({ type, content }: DnsRecord): string => `${type} ${content}`;

/** What is to be done to `records` for the change; nothing where they are so already. */
export function operationsOf(change: Change, records: readonly DnsRecord[]): Operations {
  const wanted = wantedOf(change);
  const left = [...records];
  const take = (is: (record: DnsRecord) => boolean): DnsRecord | undefined => {
    const index = left.findIndex(is);
    return index < 0 ? undefined : left.splice(index, 1)[0];
  };
  // A record that has the content keeps it: no moment has neither, and none has both twice.
  const kept = wanted.map((one) => ({ one, record: take(({ type, content }) => type === one.type && isSame(one, content)) }));
  const puts: (Written & { readonly id: string })[] = [];
  const posts: Written[] = [];
  for (const { one, record } of kept) {
    const reused = record ?? take(({ type, name }) => type === one.type && name === one.name);
    if (reused === undefined) posts.push(one);
    else if (!isAsWritten(one, reused)) puts.push({ id: reused.id, ...one });
  }
  return { deletes: left.map(({ id }) => ({ id })), puts, posts };
}

function wantedOf(change: Change): readonly Written[] {
  if (change.kind === "unpublish") return [];
  const { plan } = change;
  const mark = markText({ gslbId: plan.gslb_id, epoch: plan.epoch, number: plan.number });
  if (plan.withdrawn) {
    const name = withoutDot(markName(plan.fqdn)).toLowerCase();
    return [{ type: "TXT", name, content: `"${mark}"`, ttl: Math.max(plan.ttl, 60), comment: "a withdrawn plan's mark" }];
  }
  const name = withoutDot(nameOf(change)).toLowerCase();
  return rrsetsOf(plan).flatMap(({ type, values, ttl }) =>
    values.map(
      (value) => ({ type, name, content: type === "CNAME" ? withoutDot(value) : value, ttl, proxied: false, comment: mark }) as const,
    ),
  );
}

const isServed = (type: string): type is LiveSet["type"] => (served as readonly string[]).includes(type);

/** Cloudflare puts a TXT's text in quotes where it had none. */
const plain = (content: string): string => canonicalAddress(content) ?? content.replace(/^"(.*)"$/, "$1").toLowerCase();
const isSame = (one: Written, content: string): boolean => plain(one.content) === plain(content);

const isAsWritten = (one: Written, { content, ttl, proxied, comment, name }: DnsRecord): boolean =>
  isSame(one, content) && one.ttl === ttl && proxied !== true && one.comment === comment && one.name === name;
