/** Whether a host name of a GSLB's member leads back to the GSLB, by way of other GSLBs of the project. */
import { addressFamily } from "../../domain/address.ts";
import type { Catalog } from "./catalog.ts";

/** `from` is a member's endpoint, `fqdn` the GSLB's own name. */
export function leadsBack(catalog: Catalog, from: string, fqdn: string): boolean {
  if (addressFamily(from) !== null) return false;
  const names = new Set([from]);
  // A set grows while it is walked; each name is walked once.
  for (const name of names) {
    if (name === fqdn) return true;
    for (const gslb of catalog.gslbs.values()) {
      if (gslb.fqdn !== name) continue;
      for (const pool of gslb.pool_ids)
        for (const member of catalog.membersOf(pool))
          for (const next of member.endpoints) if (addressFamily(next) === null) names.add(next);
    }
  }
  return false;
}
