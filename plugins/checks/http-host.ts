/** Which Host an HTTP check sends, and whether `fetch` would send the same: it takes the URL's, whatever header it is given. */
import type { CheckTarget } from "../../domain/check.ts";
import { chosenHost, type HttpSpec } from "./http-spec.ts";

/** A host as it stands in a URL: without the trailing dot, IPv6 in brackets. */
const inUrl = (host: string): string => (host.includes(":") ? `[${host}]` : host.replace(/\.$/, ""));

const withPort = (host: string, port: number, defaultPort: number): string =>
  port === defaultPort ? inUrl(host) : `${inUrl(host)}:${port}`;

/** The authority of the URL at which `fetch` reaches the target. */
export const authority = (spec: HttpSpec, target: CheckTarget, defaultPort: number): string =>
  withPort(target.host, target.port ?? spec.port, defaultPort);

/** The Host header: the member's, else the monitor's, else the endpoint with the port at which it is served. */
export function hostToSend(spec: HttpSpec, target: CheckTarget, defaultPort: number): string {
  const chosen = chosenHost(spec, target.hostHeader);
  if (chosen !== null) return chosen;
  const servedPort = target.host === target.endpoint ? (target.port ?? spec.port) : spec.port;
  return withPort(target.endpoint, servedPort, defaultPort);
}

export const isName = (host: string): boolean => host.endsWith(".");

/** Whether both texts are the same host; a port may be left out of `wanted`. */
export function sameHost(wanted: string, sent: string): boolean {
  const canonical = (text: string) => text.toLowerCase().replace(/\.(?=:|$)/, "");
  return canonical(wanted) === canonical(sent) || canonical(wanted) === canonical(sent).replace(/:[0-9]+$/, "");
}
