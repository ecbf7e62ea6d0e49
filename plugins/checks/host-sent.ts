/** Which host a check names where its protocol has room for one: the member's `host_header`, else what is served there. */

import type { CheckTarget } from "../../domain/check.ts";
import { canonicalName } from "../../domain/name.ts";

/** As it stands in a Host header or in `:authority`: without the trailing dot, IPv6 in brackets, with a port that is not the default. */
export function hostSent({ host, port, hostHeader, endpoint }: CheckTarget, ownPort: number, defaultPort: number | null): string {
  if (hostHeader !== null) return hostHeader;
  const served = host === endpoint ? (port ?? ownPort) : ownPort;
  const bare = endpoint.includes(":") ? `[${endpoint}]` : endpoint.replace(/\.$/, "");
  return served === defaultPort ? bare : `${bare}:${served}`;
}

/** The name for a TLS handshake and its certificate: that host if it is a name, else the one connected to, else none. */
export function serverName({ host, hostHeader, endpoint }: CheckTarget): string | null {
  for (const candidate of [(hostHeader ?? endpoint).replace(/:[0-9]+$/, ""), host]) {
    const name = canonicalName(candidate);
    if (name !== null) return name.replace(/\.$/, "");
  }
  return null;
}
