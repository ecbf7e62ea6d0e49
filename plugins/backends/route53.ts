/**
 * Amazon Route 53: change batches that are taken whole or not at all. The mark is a TXT record beside the name, deleted as it was read and made anew
 * in the same batch, which makes the batch a compare-and-set. Weighted, geolocation and latency sets are the service's own; its failover sets need its
 * own health checks, so `failover` is a plain set that Kosmos moves.
 */
import type { BackendPlugin, Change, LiveRecords, WriteFailure } from "../../domain/backend.ts";
import { nameOf, numberOf } from "../../domain/fence.ts";
import { limits } from "../../domain/limits.ts";
import { markIn, markName, markText } from "../../domain/ownership.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { sameUrl } from "./http.ts";
import { withMarkRoom } from "./mark-room.ts";
import { changeSets, credentials, isInSync, listSets, type Route53, Route53Failure, settings, zoneIdOf } from "./route53-api.ts";
import { keyOf, liveSetOf, type RecordSet, recordSetsOf } from "./route53-records.ts";
import type { FoundSet, SetChange } from "./route53-xml.ts";

/** Of one batch: an UPSERT counts twice, as what it deletes and what it makes. */
const recordsPerBatch = 1_000;
const charactersPerBatch = 32_000;

const addressTypes: readonly string[] = ["A", "AAAA", "CNAME"];

export const route53: BackendPlugin<typeof settings, typeof credentials> = {
  provider: "route53",
  title: "Amazon Route 53",
  settings,
  credentials,
  supports: {
    policies: ["failover", "round_robin", "weighted", "geo", "latency"],
    recordTypes: ["A", "AAAA", "CNAME"],
    maxAnswers: limits.staticAnswersMax,
    minTtl: 1,
    batch: 300,
    readBack: true,
    // Of an account, in requests; a call that makes several of them may be throttled, and is tried again.
    rateLimit: { calls: 5, perMs: 1_000 },
  },
  hosts: ({ endpoint }) => ({ endpoint }),
  identity: ({ endpoint, hosted_zone_id }) => [sameUrl(endpoint), hosted_zone_id ?? ""].join(" ").trim(),
  expected: (plan) => {
    const sets = recordSetsOf(plan);
    return sets.ok ? sets.value.map(liveSetOf) : [];
  },
  ...withMarkRoom<Route53>({ read, write }),
  async test(zones, backend) {
    if (zones.length === 0) return { details: ["no zone is named in domain_names: nothing was asked"] };
    const details: string[] = [];
    for (const zone of zones) {
      const id = await zoneIdOf(zone, backend);
      await listSets(id, [zone], backend);
      details.push(`${zone} is hosted zone ${id}, and can be read`);
    }
    return { details };
  },
};

async function read(zone: string, fqdns: readonly string[], backend: Route53): Promise<readonly LiveRecords[]> {
  const id = await zoneIdOf(zone, backend);
  const sets = await listSets(
    id,
    fqdns.flatMap((fqdn) => [fqdn, markName(fqdn)]),
    backend,
  );
  const pending = await pendingNames(backend);
  return fqdns.map((fqdn) => ({ ...liveAt(fqdn, sets), ...(pending.has(fqdn) ? { state: "pending" as const } : {}) }));
}

function liveAt(fqdn: string, sets: readonly FoundSet[]): LiveRecords {
  const own = ownSets(fqdn, sets);
  const mark = own.flatMap((set) => (set.type === "TXT" ? set.values.flatMap((value) => markIn(value) ?? []) : []))[0];
  const answers = own.filter(({ type }) => type !== "TXT").map(liveSetOf);
  if (mark === undefined) return { fqdn, epoch: null, number: null, answers, handle: own };
  return { fqdn, gslbId: mark.gslbId, epoch: mark.epoch, number: mark.number, answers, handle: own };
}

/** What Kosmos may change of a name: its addresses, and the mark beside it. */
const ownSets = (fqdn: string, sets: readonly FoundSet[]): FoundSet[] =>
  sets.filter(({ name, type }) => (name === fqdn && addressTypes.includes(type)) || (name === markName(fqdn) && type === "TXT"));

type Wanted = { readonly at: number; readonly fqdn: string; readonly changes: readonly SetChange[] };

async function write(zone: string, changes: readonly Change[], backend: Route53): Promise<readonly Result<null, WriteFailure>[]> {
  const id = await zoneIdOf(zone, backend);
  const unread = changes.filter(({ found }) => found === undefined).map(nameOf);
  const seen =
    unread.length === 0
      ? []
      : await listSets(
          id,
          unread.flatMap((fqdn) => [fqdn, markName(fqdn)]),
          backend,
        );
  const results: Result<null, WriteFailure>[] = changes.map(() => ok(null));
  const wanted = changes.flatMap((change, at): Wanted[] => {
    const fqdn = nameOf(change);
    const there = (change.found?.handle as readonly FoundSet[] | undefined) ?? ownSets(fqdn, seen);
    const planned = changesOf(change, there);
    if (!planned.ok) results[at] = fail({ class: "refused", detail: planned.error });
    return planned.ok && planned.value.length > 0 ? [{ at, fqdn, changes: planned.value }] : [];
  });
  for (const batch of batchesOf(wanted)) {
    for (const [at, failure] of await carryOut(id, batch, backend)) results[at] = fail(failure);
  }
  return results;
}

/**
 * Writes a batch. Where it is refused for good, it is written again without those whom the service names; where it names nobody, each half by
 * itself. Who failed, by place.
 */
async function carryOut(zoneId: string, batch: readonly Wanted[], backend: Route53): Promise<readonly (readonly [number, WriteFailure])[]> {
  try {
    const changes = batch.flatMap((one) => one.changes);
    const { id, inSync } = await changeSets(zoneId, changes, backend);
    for (const { fqdn } of batch) {
      if (inSync) backend.io.kept.delete(pendingKey(fqdn));
      else backend.io.kept.set(pendingKey(fqdn), id);
    }
    return [];
  } catch (error) {
    if (!(error instanceof Route53Failure)) throw error;
    const { failure, messages } = error;
    if (failure.class !== "refused" || batch.length === 1) return batch.map(({ at }) => [at, failure] as const);
    const named = batch.filter(({ fqdn }) => messages.some((message) => isAbout(message, fqdn)));
    const parts =
      named.length === 0 || named.length === batch.length
        ? [batch.slice(0, batch.length / 2), batch.slice(batch.length / 2)]
        : [batch.filter((one) => !named.includes(one)), ...named.map((one) => [one])];
    const failed: (readonly [number, WriteFailure])[] = [];
    for (const part of parts) failed.push(...(await carryOut(zoneId, part, backend)));
    return failed;
  }
}

/** Messages give the name of the set that they are about, quoted or after "DNS name", with or without its final dot. */
const isAbout = (message: string, fqdn: string): boolean =>
  [fqdn, markName(fqdn)].some((name) => {
    const bare = name.slice(0, -1);
    return [`'${name}'`, `'${bare}'`, `DNS name ${name} `, `DNS name ${bare} `].some((form) => message.includes(form));
  });

function changesOf(change: Change, there: readonly FoundSet[]): Result<readonly SetChange[], string> {
  const fqdn = nameOf(change);
  const sets = change.kind === "publish" ? recordSetsOf(change.plan) : ok([]);
  if (!sets.ok) return sets;
  const wanted = change.kind === "publish" ? [...sets.value, markOf(change)] : [];
  const keys = new Set(wanted.map(keyOf));
  const known = new Map(there.map((set) => [keyOf(set), set]));
  // A mark is compared, too: it is deleted as it was read, and made where there was none.
  const gone = there.filter((set) => !keys.has(keyOf(set)) || isMark(set, fqdn)).filter((set) => !wanted.some((one) => isSame(one, set)));
  const made = wanted.flatMap((set): SetChange[] => {
    const before = known.get(keyOf(set));
    if (before !== undefined && isSame(set, before)) return [];
    return [{ action: isMark(set, fqdn) ? "CREATE" : "UPSERT", set }];
  });
  return ok([...gone.map((set): SetChange => ({ action: "DELETE", set })), ...made]);
}

const markTtl = 300;

function markOf(change: Extract<Change, { kind: "publish" }>): RecordSet {
  const { gslb_id: gslbId, fqdn } = change.plan;
  const value = `"${markText({ gslbId, ...numberOf(change) })}"`;
  return { name: markName(fqdn), type: "TXT", identifier: null, routing: null, ttl: markTtl, values: [value] };
}

const isMark = ({ name, type }: RecordSet, fqdn: string): boolean => type === "TXT" && name === markName(fqdn);

const isSame = (a: RecordSet, b: RecordSet): boolean =>
  keyOf(a) === keyOf(b) &&
  a.ttl === b.ttl &&
  JSON.stringify(a.routing) === JSON.stringify(b.routing) &&
  sorted(a.values) === sorted(b.values);
const sorted = (values: readonly string[]): string => values.toSorted().join("\n");

/** As many names as fit; a name is never torn apart. */
function batchesOf(wanted: readonly Wanted[]): Wanted[][] {
  const batches: Wanted[][] = [];
  let [records, characters] = [Number.POSITIVE_INFINITY, 0];
  for (const one of wanted) {
    const [more, longer] = [
      sum(one.changes, ({ action, set }) => set.values.length * (action === "UPSERT" ? 2 : 1)),
      sum(one.changes, lengthOf),
    ];
    if (records + more > recordsPerBatch || characters + longer > charactersPerBatch) {
      batches.push([]);
      [records, characters] = [0, 0];
    }
    batches.at(-1)?.push(one);
    records += more;
    characters += longer;
  }
  return batches;
}

const lengthOf = ({ action, set }: SetChange): number => sum(set.values, ({ length }) => length) * (action === "UPSERT" ? 2 : 1);
const sum = <T>(items: readonly T[], of: (item: T) => number): number => items.reduce((total, item) => total + of(item), 0);

const pendingKey = (fqdn: string): string => `pending ${fqdn}`;

/** Names whose last change is not on every server yet. */
async function pendingNames(backend: Route53): Promise<ReadonlySet<string>> {
  const { kept } = backend.io;
  const waiting = [...kept]
    .filter(([key]) => key.startsWith("pending "))
    .map(([key, id]) => [key.slice("pending ".length), String(id)] as const);
  for (const id of new Set(waiting.map(([, change]) => change))) {
    if (!(await isInSync(id, backend))) continue;
    for (const [fqdn, change] of waiting) if (change === id) kept.delete(pendingKey(fqdn));
  }
  return new Set(waiting.map(([fqdn]) => fqdn).filter((fqdn) => kept.has(pendingKey(fqdn))));
}
