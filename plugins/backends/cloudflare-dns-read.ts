/** Reads the records of names in a zone of Cloudflare's with few calls: some names are asked for by name; for more, the zone is read whole, in pages. */
import { type CloudflareBackend, listed, withoutDot } from "./cloudflare-api.ts";
import { type DnsRecord, dnsRecord, recordsAt } from "./cloudflare-dns-records.ts";

const recordsPerPage = 5_000;
/** So many names are asked for one by one; of more, all records of the zone. */
const namesAskedFor = 3;

/** Addresses, alias and mark of each name, in the names' order. */
export async function recordsRead(
  zoneId: string,
  fqdns: readonly string[],
  backend: CloudflareBackend,
): Promise<readonly (readonly DnsRecord[])[]> {
  const path = `/zones/${zoneId}/dns_records`;
  const byName = new Map<string, DnsRecord[]>();
  // By its ending a name comes with its mark beside it, and with what is below it.
  const queries = fqdns.length > namesAskedFor ? [{}] : fqdns.map((fqdn) => ({ "name.endswith": withoutDot(fqdn) }));
  const seen = new Set<string>();
  for (const query of queries) {
    for (const record of await listed(backend, dnsRecord, { path, query, perPage: recordsPerPage })) {
      if (seen.has(record.id)) continue;
      seen.add(record.id);
      const name = record.name.toLowerCase();
      const records = byName.get(name);
      if (records === undefined) byName.set(name, [record]);
      else records.push(record);
    }
  }
  return fqdns.map((fqdn) => recordsAt(fqdn, byName));
}
