/**
 * Where a redirect leads (RFC 9110, 15.4; the methods as in the Fetch standard, 4.4). Pure: it says what would be asked next, or why nothing
 * is. The name that was checked is still the target: a redirect to it, on whatever scheme or port, stays at the endpoint and never asks DNS,
 * whose answer may be Kosmos's own.
 */
import { canonicalHost } from "../../domain/host.ts";
import { limits } from "../../domain/limits.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { authorityOf, type Hop, nameOf, type Scheme } from "./http-hop.ts";
import type { HttpSpec } from "./http-spec.ts";
import { shownValue } from "./http-words.ts";
import { shown } from "./shown.ts";

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
export const isRedirect = (status: number): boolean => redirects.has(status);

/** The next hop, or what to say. `start` is the first one, `from` the one that was answered with `status` and `location`. */
export function redirected(start: Hop, from: Hop, status: number, location: string | null, spec: HttpSpec): Result<Hop, string> {
  if (location === null || location === "") return fail(`${status} without a Location`);
  const base = urlOf(from);
  const url = parse(location, base);
  if (url === null) return fail(`the Location of the ${status} is not valid: ${shownValue(location)}`);
  if (url.protocol !== "http:" && url.protocol !== "https:") return fail(`redirected to ${shown(url.href, 60)}, which is not HTTP`);
  if (url.username !== "" || url.password !== "") return fail(`the Location of the ${status} has a user name`);
  const bare = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const host = canonicalHost(bare);
  if (host === null || url.port === "0") return fail(`the Location of the ${status} is not valid: ${shownValue(location)}`);

  const scheme: Scheme = url.protocol === "http:" ? "http" : "https";
  const startUrl = urlOf(start);
  const sameHost = withoutDot(url.hostname) === withoutDot(startUrl.hostname);
  const sameOrigin = sameHost && url.protocol === startUrl.protocol && url.port === startUrl.port;
  const port = sameOrigin ? start.to.port : Number(url.port || (scheme === "http" ? 80 : 443));
  const keepsMethod = status === 303 ? from.method === "GET" || from.method === "HEAD" : from.method !== "POST" || status >= 307;
  return ok({
    scheme,
    to: { host: sameHost ? start.to.host : host, port },
    host: sameOrigin ? start.host : url.host,
    serverName: sameHost ? (spec.sni ?? nameOf(url.host)) : nameOf(url.host),
    path: `${url.pathname}${url.search}`,
    method: keepsMethod ? from.method : "GET",
    payload: keepsMethod ? from.payload : null,
    // Gone for good once another origin was in between: what that one asks for is its own wish, not the operator's.
    secrets: from.secrets && sameOrigin,
  });
}

const withoutDot = (hostname: string): string => hostname.replace(/\.$/, "");

/** A hop as a URL, by the Host that is sent; a Host that no URL can have stands for what is connected to. */
export function urlOf(hop: Hop): URL {
  const parsed = URL.parse(`${hop.scheme}://${hop.host}${hop.path}`);
  return parsed ?? new URL(`${hop.scheme}://${authorityOf(hop)}${hop.path}`);
}

function parse(location: string, base: URL): URL | null {
  // URL parsing would drop line breaks and tabs from within.
  if (location.length > limits.checkUrlLength || /\p{Cc}/u.test(location)) return null;
  return URL.parse(location, base.href);
}

/** What a redirect went through already: method, origin and path. The same question has the same answer. */
export const keyOf = (hop: Hop): string => `${hop.method} ${urlOf(hop).href}`;

/** A hop for people, without its query: what a server puts there may be somebody's key. */
export function shownUrl(hop: Hop): string {
  const { origin, pathname, search } = urlOf(hop);
  return `${shown(`${origin}${pathname}`, 60)}${search === "" ? "" : "?..."}`;
}
