/**
 * A flavor as it comes in: its form, then what this deployment cannot carry out (422), then its credentials, which leave the API sealed. Only an
 * Engine opens them: it tries new ones before they take the place of those that work.
 */
import { canonicalAddress } from "../../domain/address.ts";
import type { Flavor, FlavorWrite } from "../../domain/flavor.ts";
import { type Problem, unprocessable } from "../../domain/problem.ts";
import { assert, fail, ok, type Result } from "../../domain/result.ts";
import { readOnlyFields } from "../../domain/schema.ts";
import type { Sealed } from "../../durable-objects/rpc-backends.ts";
import { flavorPlace, seal } from "../../durable-objects/seal.ts";
import { backendPluginOf, flavorWrite, hostsOf, withDriftInside, worksWithout } from "../../plugins/flavor.ts";
import type { ApiSettings } from "./bindings.ts";
import { type ApiContext, away } from "./context.ts";
import { hostErrors, unprocessableIf } from "./feasible.ts";
import { invalidBody, parseFields } from "./fields.ts";
import { type JsonObject, pointerOf } from "./json.ts";
import { mergePatch } from "./merge-patch.ts";
import { notKept } from "./monitor-secrets.ts";
import { log } from "./problem.ts";

/** The client's words, less what it may only send back. */
export const writable = (body: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(body).filter(([field]) => !(readOnlyFields as readonly string[]).includes(field)));

/** `current`: what it replaces, of which a provider's credentials may stay. */
export function prepareFlavor(body: JsonObject, settings: ApiSettings, current: Flavor | null): Result<FlavorWrite, Problem> {
  const parsed = parseFields(flavorWrite, body, "flavor");
  if (!parsed.ok) return fail(invalidBody(parsed.error));
  const flavor = parsed.value;
  const plugin = backendPluginOf(flavor.provider);
  assert(plugin !== null, "the schema takes only providers that are registered");
  const stay = flavor.credentials === undefined && current?.provider === flavor.provider;
  if (!stay && !flavor.credentials && !worksWithout(plugin)) {
    const detail = flavor.credentials === null ? `must not be null: ${flavor.provider} does not work without` : "is required";
    return fail(invalidBody([{ pointer: "/credentials", detail }]));
  }
  if (flavor.provider === "edge") return fail(unprocessable("/provider", "is that of the built-in flavor edge alone"));
  const refusal = unprocessableIf(Object.entries(hostsOf(flavor)).flatMap(([field, host]) => calledErrors(field, host, settings)));
  return refusal === null ? ok(flavor) : fail(refusal);
}

/** A merge patch on what is stored. Credentials are replaced as a whole: what they were is not known here. */
export function patched(current: Flavor, patch: JsonObject): Result<JsonObject, Problem> {
  const adapted = withDriftInside(patch);
  if ("differs" in adapted) return fail(invalidBody([{ pointer: pointerOf([adapted.differs]), detail: "must be what settings say" }]));
  const { credentials, ...rest } = writable(adapted.body as JsonObject);
  const { name, provider, settings, description, project_ids, domain_names } = current;
  const whole = mergePatch({ name, provider, settings, description, project_ids, domain_names } as JsonObject, rest);
  return ok({ ...whole, ...(credentials === undefined ? {} : { credentials }) });
}

/** What an Engine calls from inside a Worker: nothing private, and over HTTP nothing without a name (`fetch` there does not reach an address). */
function calledErrors(field: string, called: string, settings: ApiSettings) {
  const url = urlOf(called);
  // Settings are shown; and `fetch` takes no such URL.
  if (url !== null && url.username + url.password !== "") {
    return [{ pointer: pointerOf(["settings", field]), detail: "must have no user name and no password: those are credentials" }];
  }
  if (settings.KOSMOS_ALLOW_PRIVATE === "1") return [];
  const host = url === null ? called : url.hostname.replace(/^\[(.*)\]$/, "$1");
  const address = canonicalAddress(host);
  const at = ["settings", field];
  // Checks by agents reach what is private; an Engine is none.
  const errors = hostErrors(address ?? `${host.replace(/\.$/, "")}.`, { ...settings, KOSMOS_ALLOW_PRIVATE: "0" }, at);
  if (errors.length > 0 || url === null || address === null) return errors;
  return [{ pointer: pointerOf(at), detail: "must have a host name: a Worker's HTTP does not reach an address" }];
}

function urlOf(text: string): URL | null {
  if (!text.includes("://")) return null;
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

/** The credentials as they are stored: undefined: those that are there stay; null: none. */
export async function sealCredentials(
  { name, credentials, provider }: FlavorWrite,
  current: Flavor | null,
  settings: ApiSettings,
): Promise<Result<string | null | undefined, Problem>> {
  // What was another provider's is nothing to this one.
  if (credentials === undefined) return ok(current?.provider === provider ? undefined : null);
  if (credentials === null) return ok(null);
  const sealed = await seal(JSON.stringify(credentials), flavorPlace(name), settings);
  return sealed.ok ? sealed : fail(notKept(sealed.error));
}

export type Tested = { readonly ok: boolean; readonly class: string | null; readonly details: readonly string[] };

/** Asked of the Engine of the caller's project. */
export async function testFlavor(c: ApiContext, flavor: Sealed<Flavor>): Promise<Result<Tested, Problem>> {
  try {
    const tested = await c.env.backends(c.var.project).testFlavor(flavor);
    if (tested.ok) return ok({ ok: true, class: null, details: tested.value });
    return ok({ ok: false, class: tested.error.class, details: [tested.error.detail] });
  } catch (error) {
    log(c, "the Engine did not test a flavor", error);
    return fail(away("the flavor cannot be tested now"));
  }
}

/** Null: they work. */
export async function credentialsProblem(c: ApiContext, flavor: Sealed<Flavor>): Promise<Problem | null> {
  const tested = await testFlavor(c, flavor);
  if (!tested.ok) return tested.error;
  const { ok: works, class: kind, details } = tested.value;
  return works ? null : unprocessable("/credentials", `do not work (${kind}): ${details.join("; ")}; ?force=true takes them all the same`);
}
