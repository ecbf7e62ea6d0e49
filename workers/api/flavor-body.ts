/**
 * A flavor as it comes in: its form, then what this deployment cannot carry out (422), then whether it has
 * credentials, where its provider does not work without.
 */
import { canonicalAddress } from "../../domain/address.ts";
import type { Flavor, FlavorWrite } from "../../domain/flavor.ts";
import { type Problem, unprocessable } from "../../domain/problem.ts";
import { assert, fail, ok, type Result } from "../../domain/result.ts";
import { backendPluginOf, flavorWrite, hostsOf, withDriftInside, worksWithout } from "../../plugins/flavor.ts";
import type { ApiSettings } from "./bindings.ts";
import { hostErrors, unprocessableIf } from "./feasible.ts";
import { invalidBody, parseFields } from "./fields.ts";
import { type JsonObject, pointerOf } from "./json.ts";
import { mergePatch } from "./merge-patch.ts";
import { writable } from "./shared-resource.ts";

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
  const refusal = unprocessableIf(
    Object.entries(hostsOf(flavor)).flatMap(([field, host]) => calledErrors(["settings", field], host, settings)),
  );
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
export function calledErrors(at: readonly string[], called: string, settings: ApiSettings) {
  const url = urlOf(called);
  // Settings are shown; and `fetch` takes no such URL.
  if (url !== null && url.username + url.password !== "") {
    return [{ pointer: pointerOf(at), detail: "must have no user name and no password: those are credentials" }];
  }
  if (settings.KOSMOS_ALLOW_PRIVATE === "1") return [];
  const host = url === null ? called : url.hostname.replace(/^\[(.*)\]$/, "$1");
  const address = canonicalAddress(host);
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
