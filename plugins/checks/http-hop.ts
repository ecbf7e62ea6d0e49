/**
 * One request of an HTTP check: where it goes, as whom, and what a vantage point must be able to do for it. The first one goes to the target;
 * each redirect makes the next.
 */
import { canonicalAddress } from "../../domain/address.ts";
import type { CheckTarget, TlsOptions } from "../../domain/check.ts";
import type { Capability } from "../../domain/vantage-point.ts";
import { authorizationOf } from "./http-headers.ts";
import { isName, sameHost } from "./http-host.ts";
import { chosenHost, type HttpSpec } from "./http-spec.ts";
import { portNeed, privateNeed } from "./needs.ts";

export type Scheme = "http" | "https";
export const defaultPorts: Readonly<Record<Scheme, number>> = { http: 80, https: 443 };

export type Hop = {
  readonly scheme: Scheme;
  /** Where to connect: an address, or a name with its trailing dot. */
  readonly to: { readonly host: string; readonly port: number };
  /** The Host header. */
  readonly host: string;
  /** The name of the TLS handshake; null: none. */
  readonly serverName: string | null;
  /** Path and query, as they are sent. */
  readonly path: string;
  readonly method: string;
  readonly payload: HttpSpec["payload"];
  /** Whether `secret_headers` and `credentials` go along. */
  readonly secrets: boolean;
};

export function firstHop(scheme: Scheme, spec: HttpSpec, target: CheckTarget): Hop {
  const to = { host: target.host, port: target.port ?? spec.port };
  const host = hostToSend(scheme, spec, target);
  const { http_method: method, url_path: path, payload } = spec;
  return { scheme, to, host, serverName: spec.sni ?? nameOf(host), path, method, payload, secrets: true };
}

/** The Host header: the member's, else the monitor's, else the endpoint with the port at which it is served. */
function hostToSend(scheme: Scheme, spec: HttpSpec, target: CheckTarget): string {
  const chosen = chosenHost(spec, target.hostHeader);
  if (chosen !== null) return chosen;
  const servedPort = target.host === target.endpoint ? (target.port ?? spec.port) : spec.port;
  return withPort(scheme, target.endpoint, servedPort);
}

/** A host as it stands in a URL: without the trailing dot, IPv6 in brackets, and the port where it is not the scheme's own. */
function withPort(scheme: Scheme, host: string, port: number): string {
  const inUrl = host.includes(":") ? `[${host}]` : host.replace(/\.$/, "");
  return port === defaultPorts[scheme] ? inUrl : `${inUrl}:${port}`;
}

/** The authority of the URL under which `fetch` reaches what the hop connects to. */
export const authorityOf = ({ scheme, to }: Hop): string => withPort(scheme, to.host, to.port);

/** The name in a Host header, without its port and its trailing dot; null where it is an address. */
export function nameOf(host: string): string | null {
  const name = host.replace(/:[0-9]+$/, "").replace(/\.$/, "");
  return name === "" || name.startsWith("[") || canonicalAddress(name) !== null ? null : name.toLowerCase();
}

/** Whether `fetch` would send the same: it connects to the URL's name and sends that as Host and as SNI, whatever header it is given. */
export function throughFetch(hop: Hop): boolean {
  if (!isName(hop.to.host) || !sameHost(hop.host, authorityOf(hop))) return false;
  return hop.scheme === "http" || hop.serverName === hop.to.host.slice(0, -1);
}

/** Whether only TLS of one's own can do what the monitor asks of a certificate. */
const asksOfTls = (spec: HttpSpec): boolean => spec.insecure || spec.ca_cert !== null || spec.min_days_valid > 0;

export function needsOf(hop: Hop, spec: HttpSpec): readonly Capability[] {
  const target = { host: hop.to.host, port: null, hostHeader: null, endpoint: hop.to.host };
  return [way(hop.scheme, throughFetch(hop), spec), ...privateNeed(target), ...portNeed(hop.to.port)];
}

/** What a monitor needs of a vantage point: for this target, or for the easiest one, a name that is asked as itself. */
export function needs(scheme: Scheme, spec: HttpSpec, target: CheckTarget | null): readonly Capability[] {
  if (target !== null) return needsOf(firstHop(scheme, spec, target), spec);
  return [scheme === "http" ? "tcp" : way(scheme, true, spec), ...portNeed(spec.port)];
}

function way(scheme: Scheme, byName: boolean, spec: HttpSpec): Capability {
  if (scheme === "http") return byName ? "http" : "tcp";
  return byName && !asksOfTls(spec) ? "https_name" : "tls";
}

export const tlsOptionsOf = (hop: Hop, spec: HttpSpec): TlsOptions => ({
  serverName: hop.serverName,
  insecure: spec.insecure,
  caCert: spec.ca_cert,
  alpn: ["http/1.1"],
});

/**
 * All headers but Host and those that frame the message. What is more particular replaces what has the same name: `credentials` beats
 * `secret_headers`, which beat `headers`, which beat the User-Agent that names Kosmos.
 */
export function headersOf(hop: Hop, spec: HttpSpec, userAgent: string): [string, string][] {
  const headers = new Map<string, [string, string]>([["user-agent", ["User-Agent", userAgent]]]);
  const set = (name: string, value: string) => headers.set(name.toLowerCase(), [name, value]);
  for (const [name, value] of Object.entries(spec.headers)) if (name.toLowerCase() !== "host") set(name, value);
  if (hop.secrets) {
    for (const [name, value] of Object.entries(spec.secret_headers ?? {})) set(name, value);
    if (spec.credentials !== undefined) set("Authorization", authorizationOf(spec.credentials));
  }
  if (hop.payload !== null) set("Content-Type", hop.payload.content_type);
  return [...headers.values()];
}
