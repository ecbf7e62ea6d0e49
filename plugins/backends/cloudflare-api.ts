/**
 * Cloudflare's API as both of its backends speak it (developers.cloudflare.com/api/): a bearer token, an envelope around every answer, lists in
 * pages, 1,200 calls in five minutes for all that act for the same user. It knows no records and no pools.
 */
import { z } from "zod";
import { type Backend, BackendFailure, type BackendIo, type Change, type WholeFailure, type WriteFailure } from "../../domain/backend.ts";
import { nameOf, numberOf } from "../../domain/fence.ts";
import { driftSettings } from "../../domain/flavor.ts";
import type { Mark } from "../../domain/ownership.ts";
import { comparePlans } from "../../domain/plan.ts";
import { text } from "../../domain/schema.ts";
import { failureOf, type HttpAnswer, type HttpRequest, isOk, jsonOf, request } from "./http.ts";

const identifier = text(32).regex(/^[0-9a-f]{32}$/, { error: "must be 32 hexadecimal digits" });

export const cloudflareSettings = {
  /** Left out: found by the zone's name. */
  zone_id: identifier.optional(),
  api_url: z
    .url({ protocol: /^https?$/, error: "must be an http or https URL" })
    .default("https://api.cloudflare.com/client/v4")
    .transform((url) => url.replace(/\/+$/, "")),
  ...driftSettings,
};
export const accountId = identifier;
export const cloudflareCredentials = z.strictObject({
  api_token: text(1_000).regex(/^[\x21-\x7e]+$/, { error: "must be an API token: printable characters without spaces" }),
});

export type CloudflareBackend = Backend<
  { readonly zone_id?: string | undefined; readonly api_url: string },
  { readonly api_token: string }
>;

/** "All plans", and for every token of a user together (developers.cloudflare.com/fundamentals/api/reference/limits/). */
export const cloudflareRateLimit = { calls: 1_200, perMs: 300_000 };
/** So many calls of the limit are left to people: who is over it is shut out for five minutes, the dashboard with him. */
const reservedCalls = 25;

const apiErrors = z.array(
  z.object({ code: z.number(), message: z.string(), error_chain: z.array(z.object({ message: z.string() })).optional() }),
);
const envelope = z.object({
  success: z.boolean(),
  errors: apiErrors.nullish(),
  result: z.unknown(),
  result_info: z.object({ total_count: z.number().optional() }).nullish(),
});

/** A call that Cloudflare refused, with the codes that it gave. */
export class CloudflareFailure extends BackendFailure {
  readonly codes: readonly number[];

  constructor(failure: WholeFailure, codes: readonly number[]) {
    super(failure);
    this.codes = codes;
  }
}

type Call = {
  readonly method?: HttpRequest["method"];
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly json?: unknown;
};

/** The result of one call, and how many there are in all of what it is a page of. Throws `BackendFailure`. */
export async function call<T>(
  { settings, credentials, io }: CloudflareBackend,
  schema: z.ZodType<T>,
  { method = "GET", path, query, json }: Call,
): Promise<{ readonly result: T; readonly total: number }> {
  holdBack(io);
  const search = query === undefined ? "" : `?${new URLSearchParams(query)}`;
  const answer = await request(io, {
    method,
    url: `${settings.api_url}${path}${search}`,
    headers: { Authorization: `Bearer ${credentials.api_token}` },
    ...(json === undefined ? {} : { json }),
  });
  noteQuota(io, answer);
  const body = envelope.safeParse(jsonOf(answer));
  if (!isOk(answer) || !body.success || !body.data.success) throw failure(answer, body.data?.errors ?? [], io.now());
  const result = schema.safeParse(body.data.result);
  if (!result.success) throw new CloudflareFailure({ class: "retry", detail: `${method} ${path} answered what is not understood` }, []);
  return { result: result.data, total: body.data.result_info?.total_count ?? 0 };
}

/** All pages of a list. */
export async function listed<T>(
  backend: CloudflareBackend,
  schema: z.ZodType<T>,
  { path, query, perPage }: { readonly path: string; readonly query?: Readonly<Record<string, string>>; readonly perPage: number },
): Promise<T[]> {
  const all: T[] = [];
  for (let page = 1; ; page += 1) {
    const { result, total } = await call(backend, z.array(schema), {
      path,
      query: { ...query, page: String(page), per_page: String(perPage) },
    });
    all.push(...result);
    if (all.length >= total || result.length === 0) return all;
  }
}

const zoneShape = z.object({ id: z.string(), name: z.string(), status: z.string().optional() });

/** The id of a zone, "example.com.", as the settings have it or as it is found by its name. */
export async function zoneId(backend: CloudflareBackend, zone: string): Promise<string> {
  const { settings, io } = backend;
  if (settings.zone_id !== undefined) return settings.zone_id;
  const key = `zone ${zone}`;
  const known = io.kept.get(key);
  if (typeof known === "string") return known;
  const name = withoutDot(zone);
  const { result } = await call(backend, z.array(zoneShape), { path: "/zones", query: { name } });
  const named = result.filter((one) => one.name === name);
  const active = named.filter(({ status }) => status === "active");
  const [found, ...others] = active.length > 0 ? active : named;
  if (found === undefined) throw new CloudflareFailure({ class: "not-found", detail: `the token sees no zone ${name}` }, []);
  if (others.length > 0) throw new CloudflareFailure({ class: "not-found", detail: `there are several zones ${name}: set zone_id` }, []);
  io.kept.set(key, found.id);
  return found.id;
}

/** What goes wrong with a zone's id means that it is to be found anew. */
export async function inZone<T>(backend: CloudflareBackend, zone: string, act: (zoneId: string) => Promise<T>): Promise<T> {
  try {
    return await act(await zoneId(backend, zone));
  } catch (error) {
    if (error instanceof BackendFailure && error.failure.class === "not-found") backend.io.kept.delete(`zone ${zone}`);
    throw error;
  }
}

/** A higher plan of the same GSLB, or, for a removal, another GSLB's plan. */
export function supersededBy(change: Change, mark: Mark | null): WriteFailure | null {
  if (mark === null) return null;
  const isOurs =
    change.kind === "publish" ? mark.gslbId === change.plan.gslb_id : [change.gslbId, ...(change.also ?? [])].includes(mark.gslbId);
  const isAbove = isOurs ? comparePlans(mark, numberOf(change)) > 0 : change.kind === "unpublish";
  const detail = `${nameOf(change)} is at plan ${mark.number} of epoch ${mark.epoch} of GSLB ${mark.gslbId}`;
  return isAbove ? { class: "superseded", detail, ...mark } : null;
}

/** Whether the next call would come to the same. */
export const isOfAll = (error: WriteFailure): boolean =>
  error.class === "credentials" || (error.class === "retry" && error.afterMs !== undefined);

/** Cloudflare writes names without the trailing dot. */
export const withoutDot = (name: string): string => name.replace(/\.$/, "");
export const withDot = (name: string): string => `${withoutDot(name)}.`;

/** Whoever the token is, or what it may not do; 6003 stands for a token that is none by its form, with status 400. */
const credentialCodes = [6_003, 6_111, 9_106, 9_109, 10_000, 10_001];
/** "Could not route", "perhaps your object identifier is invalid". */
const routeCodes = [7_000, 7_003];

function failure(answer: HttpAnswer, errors: z.output<typeof apiErrors>, now: number): CloudflareFailure {
  const codes = errors.map(({ code }) => code);
  const said = errors
    .map(({ code, message, error_chain = [] }) => `${[message, ...error_chain.map((one) => one.message)].join(": ")} (${code})`)
    .join("; ");
  const usual = failureOf(answer, now, said);
  const isBusy = usual.class === "retry";
  if (!isBusy && codes.some((code) => credentialCodes.includes(code)))
    return new CloudflareFailure({ class: "credentials", detail: usual.detail }, codes);
  if (!isBusy && codes.some((code) => routeCodes.includes(code)))
    return new CloudflareFailure({ class: "not-found", detail: usual.detail }, codes);
  return new CloudflareFailure(usual, codes);
}

type Quota = { readonly left: number; readonly until: number };

/** `Ratelimit: "default";r=50;t=30`: what is left of the calls, and in how many seconds there are all of them again. */
function noteQuota(io: BackendIo, { headers }: HttpAnswer): void {
  const [, left, seconds] = /"default"\s*;\s*r=(\d+)\s*;\s*t=(\d+)/.exec(headers.get("Ratelimit") ?? "") ?? [];
  if (left === undefined || seconds === undefined) return;
  io.kept.set("quota", { left: Number(left), until: io.now() + Number(seconds) * 1_000 } satisfies Quota);
}

function holdBack(io: BackendIo): void {
  const quota = io.kept.get("quota") as Quota | undefined;
  const now = io.now();
  if (quota === undefined || quota.left > reservedCalls || now >= quota.until) return;
  const detail = `of the token's calls ${quota.left} are left, and are kept for people`;
  throw new CloudflareFailure({ class: "retry", detail, afterMs: quota.until - now }, []);
}
