/** Cloudflare DNS as a subject: the double of its API, in this process. What people do by hand they do as in the dashboard: an edited record keeps its comment. */
import { cloudflareDns as plugin } from "../../../plugins/backends/cloudflare-dns.ts";
import { CloudflareDouble } from "../../doubles/cloudflare.ts";
import { addRecord, type DnsRecord } from "../../doubles/cloudflare-dns.ts";
import type { SubjectKind, ZoneRecord } from "../subject.ts";

const api_token = "a-token-of-the-double";

export const cloudflareDns: SubjectKind = {
  name: "cloudflare_dns",
  provider: "cloudflare_dns",
  against: "a double of Cloudflare's API, each request judged by Cloudflare's OpenAPI schema",
  needs: [],
  judgedBy: "Cloudflare's OpenAPI schema",
  cannot: {},
  start: async () => {
    const double = new CloudflareDouble();
    double.token(api_token, "zone:read", "dns:write");
    const zone = double.zone("gslb.test");
    const add = (name: string, type: string, content: string, ttl = 300) => addRecord(double, zone, { name, type, content, ttl });
    add("gslb.test", "MX", "mail.example.net");
    add("gslb.test", "TXT", "v=spf1 -all");
    add("theirs.gslb.test", "A", "203.0.113.5");
    return {
      plugin,
      settings: {},
      credentials: { api_token },
      wrongCredentials: { api_token: "somebody-elses-token" },
      io: { fetch: double.fetch, connect: () => raise("Cloudflare's API is HTTP") },
      zone: "gslb.test.",
      missingZone: "missing.test.",
      dump: async () => [...zone.records.values()].map(zoneRecord),
      byHand: async (fqdn, type, ttl, values) => {
        const name = fqdn.replace(/\.$/, "");
        const there = [...zone.records.values()].filter((record) => record.name === name && record.type === type);
        for (const { id } of there) zone.records.delete(id);
        for (const [index, value] of values.entries()) {
          const content = type === "MX" ? value.replace(/^\d+ (.*)\.$/, "$1") : value.replace(/\.$/, "");
          addRecord(double, zone, { name, type, content, ttl: Math.max(ttl, 60), comment: there[index]?.comment ?? null });
        }
      },
      // Beside an MX Cloudflare takes a CNAME; beside a delegation it takes nothing.
      poison: async (fqdn) => void add(fqdn.replace(/\.$/, ""), "NS", "ns.example.net"),
      invalid: () => double.invalid,
      stop: async () => undefined,
    };
  },
};

export function zoneRecord({ name, type, ttl, content }: DnsRecord): ZoneRecord {
  const isName = ["CNAME", "MX", "NS"].includes(type);
  return { name: `${name}.`, type, ttl, data: `${type === "MX" ? "10 " : ""}${content}${isName ? "." : ""}` };
}

function raise(message: string): never {
  throw new Error(message);
}
