/**
 * Cloudflare Load Balancing as a subject: the double of its API, in this process. What people do by hand they do to pools: they edit origins, switch
 * them off, or make a load balancer of their own. Records of the zone stand beside; they are never touched.
 */
import { cloudflareLb as plugin } from "../../../plugins/backends/cloudflare-lb.ts";
import { CloudflareDouble } from "../../doubles/cloudflare.ts";
import { addRecord } from "../../doubles/cloudflare-dns.ts";
import type { Balancer } from "../../doubles/cloudflare-lb.ts";
import type { SubjectKind, ZoneRecord } from "../subject.ts";
import { zoneRecord } from "./cloudflare-dns.ts";

const api_token = "a-token-of-the-double";

export const cloudflareLb: SubjectKind = {
  name: "cloudflare_lb",
  provider: "cloudflare_lb",
  against: "a double of Cloudflare's API, each request judged by Cloudflare's OpenAPI schema",
  needs: [],
  judgedBy: "Cloudflare's OpenAPI schema",
  cannot: {
    "lost-answer": "A name takes several calls: a break at each of them is tried in plugins/backends/cloudflare-lb-steps.property.test.ts.",
  },
  start: async () => {
    const double = new CloudflareDouble();
    // All cases together make more calls than a token may in five minutes; the limit has a test of its own.
    double.limit = 1_000_000;
    double.token(api_token, "zone:read", "dns:read", "lb:write", "pools:write");
    const zone = double.zone("gslb.test");
    const { lb } = double;
    addRecord(double, zone, { name: "gslb.test", type: "MX", content: "mail.example.net", ttl: 300 });
    addRecord(double, zone, { name: "gslb.test", type: "TXT", content: "v=spf1 -all", ttl: 300 });
    const origin = (address: string, enabled = true) => ({ name: `by hand ${address}`, address, enabled, weight: 1 });
    const make = (name: string, ttl: number, addresses: readonly string[]) => {
      const pool = lb.makePool(zone.account, { name: `theirs-${lb.pools.size}`, origins: addresses.map((address) => origin(address)) });
      lb.makeBalancer(zone, { name, ttl, default_pools: [pool.id], fallback_pool: pool.id });
    };
    make("theirs.gslb.test", 300, ["203.0.113.5"]);
    const servedBy = ({ default_pools }: Balancer) => default_pools.flatMap((id) => lb.pools.get(id)?.origins ?? []);
    return {
      plugin,
      settings: { account_id: zone.account },
      credentials: { api_token },
      wrongCredentials: { api_token: "somebody-elses-token" },
      io: { fetch: double.fetch, connect: () => raise("Cloudflare's API is HTTP") },
      zone: "gslb.test.",
      missingZone: "missing.test.",
      dump: async () => [
        ...[...zone.records.values()].map(zoneRecord),
        ...[...lb.balancers.values()].flatMap((one) =>
          servedBy(one)
            .filter(({ enabled }) => enabled && one.enabled)
            .map(({ address }) => ({ name: `${one.name}.`, ttl: one.ttl ?? 30, ...dataOf(address) })),
        ),
      ],
      byHand: async (fqdn, type, ttl, values) => {
        const name = fqdn.replace(/\.$/, "");
        if (!["A", "AAAA", "CNAME"].includes(type)) {
          for (const { id } of [...zone.records.values()].filter((one) => one.name === name && one.type === type)) zone.records.delete(id);
          for (const value of values) addRecord(double, zone, { name, type, content: value.replace(/^\d+ (.*)\.$/, "$1"), ttl });
          return;
        }
        const balancer = [...lb.balancers.values()].find((one) => one.name === name);
        if (balancer === undefined) return make(name, ttl, values);
        const pool = lb.pools.get(balancer.default_pools[0] ?? "") ?? raise("a load balancer without a pool");
        // A pool has an origin at least: who wants none switches them off.
        const isOfType = (address: string) => dataOf(address).type === type;
        const rest = pool.origins.filter(({ address }) => !isOfType(address) || values.length === 0);
        const kept = rest.map((one) => (isOfType(one.address) ? { ...one, enabled: false } : one));
        lb.pools.set(pool.id, { ...pool, origins: [...kept, ...values.map((address) => origin(address))] });
      },
      poison: async (fqdn) => void lb.taken.add(fqdn.replace(/\.$/, "")),
      invalid: () => double.invalid,
      stop: async () => undefined,
    };
  },
};

function dataOf(address: string): Pick<ZoneRecord, "type" | "data"> {
  if (address.includes(":")) return { type: "AAAA", data: address };
  return /^[0-9.]+$/.test(address) ? { type: "A", data: address } : { type: "CNAME", data: `${address}.` };
}

function raise(message: string): never {
  throw new Error(message);
}
