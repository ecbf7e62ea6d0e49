/**
 * Records in Cloudflare DNS: a zone's changes in batches that Cloudflare takes whole or not at all, never proxied, each record with Kosmos's mark in
 * its comment (developers.cloudflare.com/dns/manage-dns-records/how-to/batch-record-changes/). Of a batch that is refused it does not say whom it
 * disliked: the halves are tried, so that one name does not hold up others. Records are changed by their ids, so that no other is touched.
 */
import { z } from "zod";
import {
  BackendFailure,
  type BackendPlugin,
  type Change,
  type LiveRecords,
  type WholeFailure,
  type WriteFailure,
} from "../../domain/backend.ts";
import { nameOf } from "../../domain/fence.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { rrsetsOf } from "../../domain/rrset.ts";
import {
  type CloudflareBackend,
  CloudflareFailure,
  call,
  cloudflareCredentials,
  cloudflareRateLimit,
  cloudflareSettings,
  inZone,
  isOfAll,
  supersededBy,
} from "./cloudflare-api.ts";
import { recordsRead } from "./cloudflare-dns-read.ts";
import { type DnsRecord, dnsRecord, liveRecords, markOf, type Operations, operationsOf, sizeOf } from "./cloudflare-dns-records.ts";
import { sameUrl } from "./http.ts";

const settings = z.strictObject(cloudflareSettings);

/** Of the free plan; 3,500 on others. */
const operationsPerBatch = 200;
/** So many calls more may a write make to find whom Cloudflare disliked: one among 200 takes 16, and what is wrong with all does not use up the limit. */
const extraCalls = 64;

export const cloudflareDns: BackendPlugin<typeof settings, typeof cloudflareCredentials> = {
  provider: "cloudflare_dns",
  title: "Records in Cloudflare DNS, not proxied",
  settings,
  credentials: cloudflareCredentials,
  supports: {
    policies: ["failover", "round_robin"],
    recordTypes: ["A", "AAAA", "CNAME"],
    // A and AAAA together, each replaced, are less than a batch.
    maxAnswers: 80,
    minTtl: 60,
    batch: 500,
    readBack: true,
    // Cloudflare resolves it itself (developers.cloudflare.com/dns/cname-flattening/).
    apexAlias: true,
    rateLimit: cloudflareRateLimit,
  },
  hosts: ({ api_url }) => ({ api_url }),
  identity: ({ api_url }) => sameUrl(api_url),
  expected: rrsetsOf,
  read: (zone, fqdns, backend) => inZone(backend, zone, (id) => readNames(id, fqdns, backend)),
  write: (zone, changes, backend) => inZone(backend, zone, (id) => writeChanges(id, changes, backend)),
  test: async (zones, backend) => {
    const details: string[] = [];
    for (const zone of zones) {
      await inZone(backend, zone, async (id) => {
        const { total } = await call(backend, z.array(dnsRecord), { path: `/zones/${id}/dns_records`, query: { per_page: "1" } });
        details.push(`${zone} is zone ${id}, with ${total} records`);
      });
    }
    if (zones.length > 0) return { details: [...details, "whether the token may write is known at the first write"] };
    const { total } = await call(backend, z.array(z.unknown()), { path: "/zones", query: { per_page: "5" } });
    return { details: [`the token sees ${total} zones`] };
  },
};

async function readNames(zoneId: string, fqdns: readonly string[], backend: CloudflareBackend): Promise<readonly LiveRecords[]> {
  const records = await recordsRead(zoneId, fqdns, backend);
  return fqdns.map((fqdn, index) => liveRecords(fqdn, records[index] ?? []));
}

type Work = { readonly change: Change; readonly operations: Operations };
type Came = Result<null, WriteFailure>;

async function writeChanges(zoneId: string, changes: readonly Change[], backend: CloudflareBackend): Promise<readonly Came[]> {
  const unread = changes.filter(({ found }) => !isRead(found)).map(nameOf);
  const read = unread.length === 0 ? [] : await readNames(zoneId, unread, backend);
  const live = new Map(read.map((records) => [records.fqdn, records]));
  const came = new Map<Change, Came>();
  const work: Work[] = [];
  for (const change of changes) {
    const records = ((live.get(nameOf(change)) ?? change.found)?.handle ?? []) as readonly DnsRecord[];
    const above = supersededBy(change, markOf(records));
    const operations = operationsOf(change, records);
    if (above !== null) came.set(change, fail(above));
    else if (sizeOf(operations) === 0) came.set(change, ok(null));
    else work.push({ change, operations });
  }
  const sending: Sending = { zoneId, backend, more: extraCalls, stopped: null };
  for (const batch of batchesOf(work)) {
    for (const [change, result] of await send(batch, sending)) came.set(change, result);
  }
  return changes.map((change) => came.get(change) ?? fail({ class: "retry", detail: "it was not sent" }));
}

/** Whether the ids of all that is at the name are known. */
const isRead = (found: LiveRecords | undefined): boolean =>
  found !== undefined && (Array.isArray(found.handle) || (found.answers.length === 0 && found.gslbId === undefined));

/** What belongs to one name stands in one batch: it changes at once. */
function batchesOf(work: readonly Work[]): Work[][] {
  const batches: Work[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const one of work) {
    const more = sizeOf(one.operations);
    if (size + more > operationsPerBatch) {
      batches.push([]);
      size = 0;
    }
    batches.at(-1)?.push(one);
    size += more;
  }
  return batches;
}

/** Somebody changed the records since they were read: gone, there already, or of another type. Read again, it will be otherwise. */
const changedMeanwhile = [81_044, 81_053, 81_054, 81_057, 81_058];

/** One write: how many calls it may still make to find out for whose sake a batch is refused, and what is so for all that is left. */
type Sending = { readonly zoneId: string; readonly backend: CloudflareBackend; more: number; stopped: WholeFailure | null };

async function send(batch: readonly Work[], sending: Sending): Promise<[Change, Came][]> {
  const { zoneId, backend, stopped } = sending;
  const all = (result: Came): [Change, Came][] => batch.map(({ change }) => [change, result]);
  if (stopped !== null) return all(fail(stopped));
  const list = <K extends keyof Operations>(name: K) => batch.flatMap(({ operations }) => operations[name] as readonly unknown[]);
  const lists = Object.entries({ deletes: list("deletes"), puts: list("puts"), posts: list("posts") }).filter(
    ([, some]) => some.length > 0,
  );
  try {
    await call(backend, z.unknown(), { method: "POST", path: `/zones/${zoneId}/dns_records/batch`, json: Object.fromEntries(lists) });
    return all(ok(null));
  } catch (error) {
    if (!(error instanceof BackendFailure)) throw error;
    const isRace = error instanceof CloudflareFailure && error.codes.some((code) => changedMeanwhile.includes(code));
    const failure = isRace ? ({ class: "retry", detail: error.failure.detail } as const) : error.failure;
    // A zone that is not there is so for all: it is found anew.
    if (failure.class === "not-found") throw error;
    if (isOfAll(failure)) sending.stopped = failure;
    if (batch.length === 1 || !(isRace || failure.class === "refused")) return all(fail(failure));
    if (sending.more < 2) return all(fail({ class: "retry", detail: `for the sake of one of ${batch.length} names: ${failure.detail}` }));
    sending.more -= 2;
    const middle = batch.length >> 1;
    return [...(await send(batch.slice(0, middle), sending)), ...(await send(batch.slice(middle), sending))];
  }
}
