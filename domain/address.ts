/**
 * IP addresses: what is one, how it is written, and whether the public internet could have it. The only file of the domain with a
 * library besides zod: ipaddr.js knows the special-purpose ranges (RFC 6890) better than we would.
 */
import ipaddr from "ipaddr.js";

export type AddressFamily = 4 | 6;

/** The canonical text of an address (RFC 5952 for IPv6), or null if `text` is none. IPv4 only in dotted-quad form: "127.1" is a name. */
export function canonicalAddress(text: string): string | null {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text).toString();
  if (!text.includes(":") || text.includes("%") || !ipaddr.IPv6.isValid(text)) return null;
  return ipaddr.IPv6.parse(text).toRFC5952String();
}

/** 4 or 6, or null for a host name. Of canonical text only, as endpoints are: no parsing, since steering asks it of every endpoint. */
export function addressFamily(canonical: string): AddressFamily | null {
  if (canonical.includes(":")) return 6;
  return /^[0-9.]+$/.test(canonical) ? 4 : null;
}

/** Whom an address stands for: an IPv4 address itself, an IPv6 address's /64, which is one client's own. Null if `text` is no address. */
export function clientNetwork(text: string): string | null {
  const canonical = canonicalAddress(text);
  if (canonical?.includes(":") !== true) return canonical;
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${canonical}/64`).toRFC5952String()}/64`;
}

const cloudMetadata = new Set(["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16"]);

/**
 * Ranges that never lead to an endpoint on the public internet. Documentation ranges (RFC 5737, RFC 3849) are ipaddr.js's "reserved";
 * they are let through: nothing is there, examples use them.
 */
const documentation = [
  ipaddr.IPv4.parseCIDR("192.0.2.0/24"),
  ipaddr.IPv4.parseCIDR("198.51.100.0/24"),
  ipaddr.IPv4.parseCIDR("203.0.113.0/24"),
] as const;
const documentation6 = ipaddr.IPv6.parseCIDR("2001:db8::/32");

/** Why this address may not be used without KOSMOS_ALLOW_PRIVATE ("loopback", "private", …), or null if it may. */
export function privateReason(text: string): string | null {
  const canonical = canonicalAddress(text);
  if (canonical === null) return null;
  if (cloudMetadata.has(canonical)) return "a metadata service's";
  const address = ipaddr.parse(canonical);
  if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress()) return privateReason(address.toIPv4Address().toString());
  if (address instanceof ipaddr.IPv4 ? documentation.some((range) => address.match(range)) : address.match(documentation6)) return null;
  const range = address.range();
  return range === "unicast" ? null : (rangeWords[range] ?? range);
}

const rangeWords: Readonly<Record<string, string>> = {
  private: "private",
  uniqueLocal: "private",
  loopback: "loopback",
  linkLocal: "link-local",
  multicast: "multicast",
  unspecified: "unspecified",
  broadcast: "broadcast",
  carrierGradeNat: "private (carrier-grade NAT)",
  reserved: "reserved",
};

const localNames = /(^|\.)(localhost|local|internal|home\.arpa|localdomain)\.?$/i;

/** As `privateReason`, for a host name: names that by their standard (RFC 6761, RFC 6762, RFC 8375, ICANN's .internal) are local. */
export function localNameReason(name: string): string | null {
  return localNames.test(name) ? "a local name" : null;
}

/** A range of addresses in canonical form: the network address and its length; null if `text` is none, or has bits beyond its length. */
export function canonicalCidr(text: string): string | null {
  const [address = "", length = "", ...more] = text.split("/");
  const canonical = canonicalAddress(address);
  if (canonical === null || more.length > 0 || !/^(0|[1-9][0-9]{0,2})$/.test(length)) return null;
  if (Number(length) > (addressFamily(canonical) === 4 ? 32 : 128)) return null;
  const cidr = `${canonical}/${length}`;
  const network = canonical.includes(":")
    ? ipaddr.IPv6.networkAddressFromCIDR(cidr).toRFC5952String()
    : ipaddr.IPv4.networkAddressFromCIDR(cidr).toString();
  return network === canonical ? cidr : null;
}

/**
 * How many leading bits two addresses share, and of how many; null where one is none or they are of different families. An IPv4 address written
 * as an IPv6 one (::ffff:192.0.2.1) is the IPv4 address.
 */
export function sharedBits(left: string, right: string): { readonly shared: number; readonly of: 32 | 128 } | null {
  const [a, b] = [bytesOf(left), bytesOf(right)];
  if (a === null || b === null || a.length !== b.length) return null;
  const of = a.length === 4 ? 32 : 128;
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return { shared: at < 0 ? of : at * 8 + Math.clz32((a[at] ?? 0) ^ (b[at] ?? 0)) - 24, of };
}

function bytesOf(text: string): readonly number[] | null {
  const canonical = canonicalAddress(text);
  return canonical === null ? null : ipaddr.process(canonical).toByteArray();
}
