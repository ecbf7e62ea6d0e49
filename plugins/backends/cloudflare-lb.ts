/**
 * Cloudflare Load Balancing: a load balancer at each name, with a pool for each of the GSLB's pools (developers.cloudflare.com/load-balancing/).
 * Cloudflare's own monitors are off: a member is in rotation because Kosmos says so, and one that somebody attached is drift. Arrays are replaced as
 * a whole and nothing is compared and set there, so everything is read before it is written. Records of the zone at the same name are told as what is
 * there, as long as no load balancer stands before them; they are never touched.
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
import { type Mark, markIn } from "../../domain/ownership.ts";
import { comparePlans } from "../../domain/plan.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { flag } from "../../domain/schema.ts";
import {
  accountId,
  type CloudflareBackend,
  CloudflareFailure,
  call,
  cloudflareCredentials,
  cloudflareRateLimit,
  cloudflareSettings,
  inZone,
  isOfAll,
  supersededBy,
  withoutDot,
} from "./cloudflare-api.ts";
import { recordsRead } from "./cloudflare-dns-read.ts";
import { dnsRecord, liveRecords as recordsLive } from "./cloudflare-dns-records.ts";
import { type ApiBalancer, type ApiPool, apiBalancer, apiPool, setsOf, viewOf } from "./cloudflare-lb-live.ts";
import { desiredOf, expectedSets, isOurName, nameTag } from "./cloudflare-lb-plan.ts";
import { type Found, type Step, stepsFor, stepsToRemove } from "./cloudflare-lb-steps.ts";
import { sameUrl } from "./http.ts";

const settings = z.strictObject({ ...cloudflareSettings, account_id: accountId, proxied: flag.default(false) });
type LbBackend = CloudflareBackend & { readonly settings: { readonly account_id: string; readonly proxied: boolean } };
type Came = Result<null, WriteFailure>;

/** Names that are written at a time: a Worker has six connections. */
const atATime = 4;

export const cloudflareLb: BackendPlugin<typeof settings, typeof cloudflareCredentials> = {
  provider: "cloudflare_lb",
  title: "Load balancers and pools of Cloudflare Load Balancing",
  settings,
  credentials: cloudflareCredentials,
  supports: {
    policies: ["failover", "round_robin", "weighted", "geo"],
    recordTypes: ["A", "AAAA", "CNAME"],
    maxAnswers: 100,
    minTtl: 30,
    // A name takes a call or more of its own.
    batch: 100,
    readBack: true,
    pools: true,
    apexAlias: true,
    rateLimit: cloudflareRateLimit,
  },
  hosts: ({ api_url }) => ({ api_url }),
  identity: ({ api_url }) => sameUrl(api_url),
  expected: expectedSets,
  read: (zone, fqdns, backend) =>
    inZone(backend, zone, async (id) => {
      const found = await look(id, fqdns, backend);
      const live = fqdns.map((fqdn, index) => liveRecords(fqdn, found[index] ?? nothing));
      return withBeneath(id, live, backend);
    }),
  write: (zone, changes, backend) => inZone(backend, zone, (id) => writeChanges(id, changes, backend)),
  test: async (zones, backend) => {
    const pools = await listed(backend, apiPool, poolsPath(backend));
    const details = [`the account has ${pools.length} pools`];
    for (const zone of zones) {
      await inZone(backend, zone, async (id) => {
        const balancers = await listed(backend, apiBalancer, `/zones/${id}/load_balancers`);
        await call(backend, z.array(dnsRecord), { path: `/zones/${id}/dns_records`, query: { per_page: "1" } });
        details.push(`${zone} is zone ${id}, with ${balancers.length} load balancers`);
      });
    }
    return { details: [...details, "whether the token may write is known at the first write"] };
  },
};

const nothing: Found = { balancer: null, pools: [] };
const poolsPath = ({ settings: { account_id } }: LbBackend): string => `/accounts/${account_id}/load_balancers/pools`;

/** These lists are not in pages; of one that were, a part would pass for all. */
async function listed<T>(backend: CloudflareBackend, schema: z.ZodType<T>, path: string): Promise<readonly T[]> {
  const { result, total } = await call(backend, z.array(schema), { path });
  if (total <= result.length) return result;
  throw new BackendFailure({ class: "retry", detail: `${path} has ${total} and shows ${result.length}` });
}

/** Two calls, however many names. */
async function look(zoneId: string, fqdns: readonly string[], backend: LbBackend): Promise<readonly Found[]> {
  const balancers = await listed(backend, apiBalancer, `/zones/${zoneId}/load_balancers`);
  const pools = await listed(backend, apiPool, poolsPath(backend));
  const byName = new Map(balancers.map((one) => [one.name.toLowerCase(), one]));
  const byId = new Map(pools.map((one) => [one.id, one]));
  const byTag = Map.groupBy(pools, ({ name }) => name.slice(name.lastIndexOf("-") + 1));
  return fqdns.map((fqdn) => {
    const balancer = byName.get(withoutDot(fqdn)) ?? null;
    const used = balancer === null ? [] : [...idsIn(balancer)].flatMap((id) => byId.get(id) ?? []);
    const ours = (byTag.get(nameTag(fqdn)) ?? []).filter(({ name }) => isOurName(name, fqdn));
    return { balancer, pools: [...new Set([...used, ...ours])] };
  });
}

const idsIn = ({ default_pools, fallback_pool, region_pools, country_pools, pop_pools }: ApiBalancer): ReadonlySet<string> =>
  new Set([...default_pools, fallback_pool, ...[region_pools, country_pools, pop_pools].flatMap((map) => Object.values(map ?? {}).flat())]);

function liveRecords(fqdn: string, found: Found): LiveRecords {
  const { balancer, pools } = found;
  const isThere = balancer !== null || pools.length > 0;
  const { gslbId, epoch, number } = markOf(found) ?? { gslbId: undefined, epoch: null, number: null };
  return {
    fqdn,
    ...(gslbId === undefined ? {} : { gslbId }),
    epoch,
    number,
    answers: balancer === null ? [] : setsOf(viewOf(balancer, pools)),
    ...(isThere ? { handle: found } : {}),
  };
}

/**
 * Records of the zone that a load balancer would stand before are somebody's: who is to have the name says so (`adopt`). Not of names at which one of
 * Kosmos's stood: what was beneath it answers again when it is gone, and is no sign of it.
 */
async function withBeneath(zoneId: string, live: readonly LiveRecords[], backend: LbBackend): Promise<readonly LiveRecords[]> {
  for (const { fqdn, gslbId } of live) if (gslbId !== undefined) stood(backend).add(fqdn);
  const bare = live.filter(({ fqdn, handle }) => handle === undefined && !stood(backend).has(fqdn)).map(({ fqdn }) => fqdn);
  if (bare.length === 0) return live;
  const records = await recordsRead(zoneId, bare, backend);
  // Those that bear a mark are Kosmos's own, of another flavor.
  const foreign = (index: number) => (records[index] ?? []).filter(({ comment }) => markIn(comment ?? "") === null);
  const beneath = new Map(bare.map((fqdn, index) => [fqdn, recordsLive(fqdn, foreign(index)).answers]));
  return live.map((one) => {
    const answers = beneath.get(one.fqdn) ?? [];
    return answers.length === 0 ? one : { ...one, answers, handle: nothing };
  });
}

/** Names at which a load balancer of Kosmos's was seen, or removed. */
function stood({ io }: LbBackend): Set<string> {
  const names = (io.kept.get("stood") as Set<string> | undefined) ?? new Set<string>();
  io.kept.set("stood", names);
  return names;
}

/** The load balancer says whose it is, and it or one of its pools which plan. */
function markOf({ balancer, pools }: Found): Mark | null {
  const mark = markIn(balancer?.description ?? "");
  if (balancer === null || mark === null) return null;
  const used = idsIn(balancer);
  const marks = pools.filter(({ id }) => used.has(id)).map(({ description }) => markIn(description ?? ""));
  const same = marks.filter((one) => one !== null).filter(({ gslbId }) => gslbId === mark.gslbId);
  return [mark, ...same].toSorted((a, b) => comparePlans(b, a))[0] ?? mark;
}

async function writeChanges(zoneId: string, changes: readonly Change[], backend: LbBackend): Promise<readonly Came[]> {
  const unread = changes.filter(({ found }) => !isRead(found)).map(nameOf);
  const read = unread.length === 0 ? [] : await look(zoneId, unread, backend);
  const looked = new Map(unread.map((fqdn, index) => [fqdn, read[index]]));
  const came: Came[] = [];
  let stopped: WholeFailure | null = null;
  let missing: unknown = null;
  const queue = changes.entries();
  const worker = async () => {
    for (const [index, change] of queue) {
      const found = looked.get(nameOf(change)) ?? (change.found?.handle as Found | undefined) ?? nothing;
      const result: Came = stopped === null ? await writeOne(zoneId, change, found, backend) : fail(stopped);
      came[index] = result;
      if (result.ok) continue;
      if (isOfAll(result.error)) stopped = result.error as WholeFailure;
      if (result.error.class === "not-found") missing = new BackendFailure(result.error);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atATime, changes.length) }, worker));
  if (missing !== null) throw missing;
  return came;
}

/** Whether the ids of all that is at the name are known. */
const isRead = (found: LiveRecords | undefined): boolean =>
  found !== undefined && (typeof found.handle === "object" || (found.answers.length === 0 && found.gslbId === undefined));

async function writeOne(zoneId: string, change: Change, found: Found, backend: LbBackend): Promise<Came> {
  const above = supersededBy(change, markOf(found));
  if (above !== null) return fail(above);
  try {
    const steps = stepsOf(change, found, backend);
    if (!steps.ok) return steps;
    const ids = new Map(found.pools.map(({ id, name }) => [name, id]));
    for (const step of steps.value) await take(step, { zoneId, backend, ids });
    stood(backend).add(nameOf(change));
    return ok(null);
  } catch (error) {
    if (error instanceof BackendFailure) return fail(error.failure);
    throw error;
  }
}

function stepsOf(change: Change, found: Found, { settings: own }: LbBackend): Result<Step[], WriteFailure> {
  if (change.kind === "unpublish") {
    const owners = [change.gslbId, ...(change.also ?? [])];
    const isOurs = ({ name, description }: ApiPool) => {
      const mark = markIn(description ?? "");
      return isOurName(name, change.fqdn) && (mark === null || owners.includes(mark.gslbId));
    };
    return ok(stepsToRemove(found, isOurs));
  }
  const { plan } = change;
  const desired = desiredOf(plan, own);
  if (!desired.ok) return fail({ class: "refused", detail: desired.error });
  return ok(stepsFor(plan, desired.value, found));
}

type Place = { readonly zoneId: string; readonly backend: LbBackend; readonly ids: Map<string, string> };
const made = z.object({ id: z.string() });

const referenced = 1_005;
/** "Value not unique", "referenced by other objects", and what is gone: somebody changed it since it was read. */
const changedMeanwhile = [1_001, 1_003, referenced];

async function take(step: Step, { zoneId, backend, ids }: Place): Promise<void> {
  const idOf = (name: string): string => ids.get(name) ?? name;
  const balancers = `/zones/${zoneId}/load_balancers`;
  const pools = poolsPath(backend);
  try {
    if (step.kind === "make-pool") {
      const { result } = await call(backend, made, { method: "POST", path: pools, json: step.json });
      ids.set(step.name, result.id);
    } else if (step.kind === "change-pool") {
      const method = step.isWhole === true ? "PUT" : "PATCH";
      await call(backend, z.unknown(), { method, path: `${pools}/${step.id}`, json: step.json });
    } else if (step.kind === "delete-pool") await call(backend, z.unknown(), { method: "DELETE", path: `${pools}/${step.id}` });
    else if (step.kind === "make-balancer") await call(backend, z.unknown(), { method: "POST", path: balancers, json: step.json(idOf) });
    else if (step.kind === "delete-balancer") await call(backend, z.unknown(), { method: "DELETE", path: `${balancers}/${step.id}` });
    else await call(backend, z.unknown(), { method: "PATCH", path: `${balancers}/${step.id}`, json: step.json(idOf) });
  } catch (error) {
    if (!(error instanceof CloudflareFailure)) throw error;
    const isGone = error.failure.class === "not-found" && "id" in step;
    if (isGone && (step.kind === "delete-pool" || step.kind === "delete-balancer")) return;
    // Others use a pool of ours that no plan has any more: they have to let go of it first, and no client of ours waits for that.
    if (step.kind === "delete-pool" && step.isSpare === true && error.codes.includes(referenced)) return;
    if (!isGone && !error.codes.some((code) => changedMeanwhile.includes(code))) throw error;
    throw new CloudflareFailure({ class: "retry", detail: `it changed since it was read: ${error.failure.detail}` }, error.codes);
  }
}
