/** PowerDNS Authoritative's HTTP API: its zones and what its answers mean (doc.powerdns.com/authoritative/http-api/). Only its 422 is JSON. */
import { z } from "zod";
import { type Backend, BackendFailure } from "../../domain/backend.ts";
import { driftSettings } from "../../domain/flavor.ts";
import { limits } from "../../domain/limits.ts";
import { text } from "../../domain/schema.ts";
import { failureOf, type HttpAnswer, type HttpRequest, isOk, jsonOf, request } from "./http.ts";

const urlError = "must be an http or https URL without a query";
export const settings = z.strictObject({
  /** Without `/api/v1`. */
  api_url: z
    .url({ protocol: /^https?$/, error: urlError })
    .regex(/^[^?#@]+$/, { error: urlError })
    .refine((url) => !/\/api(\/v1)?\/?$/.test(url), { error: "must be without /api/v1" })
    .transform((url) => url.replace(/\/+$/, "")),
  server_id: text(limits.nameLength)
    .regex(/^[A-Za-z0-9._-]+$/, { error: "must be the id of a server: letters, digits, dots, dashes" })
    .default("localhost"),
  ...driftSettings,
});
export const credentials = z.strictObject({
  api_key: z
    .string({ error: "must be a string" })
    .regex(/^[\x21-\x7e]{1,1024}$/, { error: "must be 1 to 1024 printable characters without spaces" }),
});
export type PowerDns = Backend<z.output<typeof settings>, z.output<typeof credentials>>;

/** A path after the server's, `/zones/example.com.`. The answer may be of any status. */
export function ask(
  { settings: { api_url, server_id }, credentials: { api_key }, io }: PowerDns,
  { method, path, json }: Pick<HttpRequest, "method" | "json"> & { readonly path: string },
): Promise<HttpAnswer> {
  const url = `${api_url}/api/v1/servers/${server_id}${path}`;
  return request(io, { method, url, headers: { "X-API-Key": api_key }, ...(json === undefined ? {} : { json }) });
}

/** Its JSON, by the schema. Throws `BackendFailure`; of what is not there with these words. */
export async function get<T extends z.ZodType>(powerDns: PowerDns, path: string, schema: T, missing: string): Promise<z.output<T>> {
  const answer = await ask(powerDns, { method: "GET", path });
  if (!isOk(answer)) throw new BackendFailure(failed(answer, powerDns, missing));
  const parsed = schema.safeParse(jsonOf(answer));
  if (!parsed.success) throw new BackendFailure(noSense);
  return parsed.data;
}

/** Another thing than PowerDNS answered: a proxy, a portal. */
export const noSense = { class: "retry", detail: "what answers at api_url is not PowerDNS's API" } as const;

/** Older versions know a zone that is missing, and one that may not be edited, by words alone. */
export function failed(answer: HttpAnswer, { io }: PowerDns, missing: string): BackendFailure["failure"] {
  const said = errorOf(answer);
  if (answer.status === 404 || /^Could not find domain/.test(said ?? "")) return { class: "not-found", detail: missing };
  return failureOf(answer, io.now(), said);
}

export function errorOf(answer: HttpAnswer): string | undefined {
  const body = z.looseObject({ error: z.string() }).safeParse(jsonOf(answer));
  return body.success ? body.data.error : undefined;
}

/** A zone whose records come from another server: what is written here is gone with the next transfer. */
export const isCopy = (kind: string): boolean => /^(slave|secondary|consumer)$/i.test(kind);

export const missingZone = (zone: string): string => `the server has no zone ${zone}`;
export const pathOf = (zone: string): string => `/zones/${encodeURIComponent(zone)}`;
