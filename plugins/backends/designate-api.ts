/**
 * Designate's API v2 as far as a backend needs it: a zone by its name, recordsets of names, and what an answer that is no success means
 * (docs.openstack.org/api-ref/dns). Tokens are Keystone's; without credentials nobody is asked for one, as with Designate's `noauth`.
 */
import { z } from "zod";
import { type Backend, BackendFailure, type WholeFailure } from "../../domain/backend.ts";
import { driftSettings } from "../../domain/flavor.ts";
import { markName } from "../../domain/ownership.ts";
import { authUrl, keystoneCredentials, keystoneSession } from "../openstack/keystone.ts";
import { failureOf, type HttpAnswer, type HttpRequest, isOk, jsonOf, request } from "./http.ts";

export const settings = z.strictObject({
  /** The service's root, as in Keystone's catalogue. */
  endpoint: z
    .url({ protocol: /^https?$/, error: "must be an http or https URL" })
    .refine((url) => !/\/v[0-9.]+\/?$/.test(url), { error: "must be the service's root, without /v2" }),
  auth_url: authUrl.optional(),
  ...driftSettings,
});
export const credentials = z.union([keystoneCredentials, z.strictObject({})], {
  error: "must be credentials of Keystone's, for an application or a user with a project; or nothing, for a Designate that asks for none",
});

export type Designate = Backend<z.output<typeof settings>, z.output<typeof credentials>>;

const recordset = z.object({
  id: z.string().min(1),
  name: z.string(),
  type: z.string(),
  records: z.array(z.string()),
  /** Null: the zone's. */
  ttl: z.number().nullable(),
  description: z.string().nullable(),
  /** ACTIVE, PENDING or ERROR. */
  status: z.string(),
});
export type Recordset = z.output<typeof recordset>;
export type RecordsetBody = { readonly name: string; readonly type: string } & Pick<Recordset, "records" | "ttl" | "description">;

const zoneBody = z.object({
  id: z.string().min(1),
  name: z.string(),
  ttl: z.number(),
  status: z.string(),
  type: z.string().default("PRIMARY"),
});
export type Zone = z.output<typeof zoneBody>;
const zonePage = z.object({ zones: z.array(zoneBody) });
const recordsetPage = z.object({ recordsets: z.array(recordset), metadata: z.object({ total_count: z.number() }) });
const errorBody = z.object({
  type: z.string().optional(),
  message: z.string().optional(),
  errors: z
    .object({ errors: z.array(z.object({ path: z.array(z.union([z.string(), z.number()])).default([]), message: z.string() })) })
    .optional(),
});

/** What an answer says by its `type`: "duplicate_recordset", "zone_not_found"; null: it says nothing, or is no answer of Designate's. */
export const kindOf = (answer: HttpAnswer): string | null => errorIn(answer)?.type ?? null;

export type Api = ReturnType<typeof designateApi>;

/** Of the six connections that an invocation may have waiting, two are left for others. */
export const atATime = 4;
/** Up to so many names are asked for one by one; of more the whole zone is read, if it has at most so many recordsets a name. */
const fewNames = 5;
const listedPerName = 8;
const pageSize = 500;

export function designateApi({ settings: own, credentials: whoever, io }: Designate) {
  const root = `${own.endpoint.replace(/\/+$/, "")}/v2`;
  const send = sender(own.auth_url, whoever, io);
  const call = (method: HttpRequest["method"], path: string, json?: unknown): Promise<HttpAnswer> =>
    send({ method, url: `${root}${path}`, ...(json === undefined ? {} : { json }) });
  const failed = (answer: HttpAnswer): BackendFailure =>
    kindOf(answer) === "zone_not_found" ? new ZoneGone() : new BackendFailure(failureIn(answer, io.now()));
  const get = async <T>(schema: z.ZodType<T>, path: string): Promise<T> => {
    const answer = await call("GET", path);
    if (!isOk(answer)) throw failed(answer);
    return parsed(schema, answer);
  };
  const list = (id: string, query: Record<string, string>) => get(recordsetPage, `/zones/${id}/recordsets?${new URLSearchParams(query)}`);

  const look = async (zone: string): Promise<Zone> => {
    const { zones } = await get(zonePage, `/zones?${new URLSearchParams({ name: zone })}`);
    const found = zones.find(({ name }) => name === zone);
    if (found === undefined) throw new BackendFailure({ class: "not-found", detail: `Designate has no zone ${zone} in this project` });
    io.kept.set(zoneKey(zone), found);
    return found;
  };
  /** What its name has, the mark's TXT among it where no other recordset has a mark. */
  const byName = async ({ id }: Zone, fqdn: string, isMarked: (there: readonly Recordset[]) => boolean): Promise<Recordset[]> => {
    const { recordsets } = await list(id, { name: fqdn });
    const there = recordsets.filter(({ name, type }) => name === fqdn && isOurs(type));
    if (isMarked(there)) return there;
    const marks = await list(id, { name: markName(fqdn), type: "TXT" });
    return [...there, ...marks.recordsets.filter(({ name, type }) => name === markName(fqdn) && type === "TXT")];
  };
  const whole = async ({ id }: Zone): Promise<Recordset[]> => {
    const all: Recordset[] = [];
    for (;;) {
      const after = all.at(-1)?.id;
      // Not its `links.next`: that one is missing where it gives shorter pages than it was asked for, and may lead to a host that is not ours.
      const { recordsets, metadata } = await list(id, { limit: String(pageSize), ...(after === undefined ? {} : { marker: after }) });
      all.push(...recordsets);
      if (recordsets.length === 0 || all.length >= metadata.total_count) return all;
    }
  };

  return {
    /** Works in a zone that is known by its name. Where it was made anew meanwhile, it is looked up again and all is done once more. */
    inZone: async <T>(zone: string, work: (at: Zone) => Promise<T>): Promise<T> => {
      const kept = io.kept.get(zoneKey(zone)) as Zone | undefined;
      if (kept === undefined) return work(await look(zone));
      try {
        return await work(kept);
      } catch (error) {
        if (!(error instanceof ZoneGone)) throw error;
        io.kept.delete(zoneKey(zone));
        return work(await look(zone));
      }
    },
    zone: (id: string): Promise<Zone> => get(zoneBody, `/zones/${id}`),
    look,
    zones: () => get(zonePage, "/zones?limit=1"),
    /** A, AAAA and CNAME at each of these names, and its TXT mark where that is the only one. */
    at: async (
      zone: Zone,
      fqdns: readonly string[],
      isMarked: (there: readonly Recordset[]) => boolean,
    ): Promise<Map<string, Recordset[]>> => {
      const names = [...new Set(fqdns)];
      if (names.length > fewNames && (await list(zone.id, { limit: "1" })).metadata.total_count <= names.length * listedPerName) {
        const all = Map.groupBy(await whole(zone), ({ name }) => name);
        const ours = (fqdn: string) => [
          ...(all.get(fqdn) ?? []).filter(({ type }) => isOurs(type)),
          ...(all.get(markName(fqdn)) ?? []).filter(({ type }) => type === "TXT"),
        ];
        return new Map(names.map((fqdn) => [fqdn, ours(fqdn)]));
      }
      const found = await inParallel(names, (fqdn) => byName(zone, fqdn, isMarked));
      return new Map(names.map((fqdn, index) => [fqdn, found[index] ?? []]));
    },
    create: ({ id }: Zone, body: RecordsetBody) => call("POST", `/zones/${id}/recordsets`, body),
    update: ({ id }: Zone, old: Recordset, { ttl, records, description }: RecordsetBody) =>
      call("PUT", `/zones/${id}/recordsets/${old.id}`, { ttl, records, description }),
    remove: ({ id }: Zone, old: Recordset) => call("DELETE", `/zones/${id}/recordsets/${old.id}`),
    /** Of a call that changes a recordset: null where it was taken. */
    failure: (answer: HttpAnswer): WholeFailure | null => {
      if (kindOf(answer) === "zone_not_found") throw new ZoneGone();
      if (!isOk(answer)) return failureIn(answer, io.now());
      // A page of a proxy's with 200 is no success.
      return recordset.safeParse(jsonOf(answer)).success ? null : nonsense;
    },
  };
}

/** The zone is no more what it was called by. */
class ZoneGone extends BackendFailure {
  constructor() {
    super({ class: "not-found", detail: "Designate: the zone is not there any more" });
  }
}

function sender(
  auth: string | undefined,
  whoever: Designate["credentials"],
  io: Designate["io"],
): (wanted: HttpRequest) => Promise<HttpAnswer> {
  const login = keystoneCredentials.safeParse(whoever);
  if (!login.success && auth === undefined) return (wanted) => request(io, wanted);
  if (auth === undefined)
    throw new BackendFailure({ class: "credentials", detail: "there are credentials, and no auth_url that takes them" });
  if (!login.success) throw new BackendFailure({ class: "credentials", detail: "there is an auth_url, and no credentials for it" });
  return keystoneSession({ authUrl: auth, credentials: login.data }, io).request;
}

/** Calls of items, so many at a time, in their order. */
export async function inParallel<T, R>(items: readonly T[], call: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const work = async () => {
    for (let index = next++; index < items.length; index = next++) results[index] = await call(items[index] as T, index);
  };
  await Promise.all(Array.from({ length: Math.min(atATime, items.length) }, work));
  return results;
}

const isOurs = (type: string): boolean => type === "A" || type === "AAAA" || type === "CNAME";
const zoneKey = (zone: string): string => `designate zone ${zone}`;

const nonsense: WholeFailure = { class: "retry", detail: "Designate: its answer makes no sense" };

function parsed<T>(schema: z.ZodType<T>, answer: HttpAnswer): T {
  const body = schema.safeParse(jsonOf(answer));
  if (!body.success) throw new BackendFailure(nonsense);
  return body.data;
}

function failureIn(answer: HttpAnswer, now: number): WholeFailure {
  const error = errorIn(answer);
  const reasons = error?.errors?.errors.map(({ path, message }) => `${path.join(".")}: ${message}`) ?? [];
  const said = [error?.type, error?.message, ...reasons].filter((part) => part !== undefined).join(": ");
  const failure = failureOf(answer, now, said === "" ? undefined : said);
  // An operator can raise a quota, and others' recordsets can go.
  const isQuota = error?.type === "over_quota";
  return { ...failure, ...(isQuota ? { class: "retry" as const } : {}), detail: `Designate: ${failure.detail}` };
}

const errorIn = (answer: HttpAnswer) => {
  const body = errorBody.safeParse(jsonOf(answer));
  return body.success ? body.data : null;
};
