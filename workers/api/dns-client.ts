/**
 * Where the client of a DNS question is, for names that are steered by place: what the request says of itself, or the network that the question
 * speaks for (EDNS Client Subnet, RFC 7871). Of a network nothing else is known: which country it is in would take a table that there is none of.
 */
import { addressFamily, canonicalAddress } from "../../domain/address.ts";
import { type Client, nowhere } from "../../domain/geo.ts";

export type Network = NonNullable<Client["network"]>;

/** The place of who sent the request, as Cloudflare tells it; what it does not tell, nobody knows. */
export function clientOfRequest(request: Request): Client {
  const { country, regionCode, continent } = (request.cf ?? {}) as Readonly<Record<string, unknown>>;
  const land = text(country);
  const part = text(regionCode);
  return {
    network: networkOf(request.headers.get("cf-connecting-ip") ?? ""),
    country: land,
    subdivision: land === null || part === null ? null : `${land}-${part}`,
    continent: text(continent),
  };
}

export const clientIn = (network: Network | null): Client => ({ ...nowhere, network });

const text = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);

/** `203.0.113.0/24`, or an address alone; null if it is none. Bits beyond the length are not looked at. */
export function networkOf(given: string): Network | null {
  const [head = "", length, ...more] = given.split("/");
  const address = canonicalAddress(head.split("%")[0] ?? "");
  if (address === null || more.length > 0) return null;
  const most = addressFamily(address) === 4 ? 32 : 128;
  if (length === undefined) return { address, bits: most };
  return /^[0-9]{1,3}$/.test(length) && Number(length) <= most ? { address, bits: Number(length) } : null;
}

/** The network in the data of a client subnet option (RFC 7871, 6); null: it cannot be read, or whoever asks keeps it for himself (length 0). */
export function networkIn(option: Uint8Array): Network | null {
  const [high, low, bits = 0, , ...address] = option;
  const family = ((high ?? 0) << 8) | (low ?? 0);
  const size = family === 1 ? 4 : family === 2 ? 16 : 0;
  if (bits === 0 || bits > size * 8 || address.length !== Math.ceil(bits / 8)) return null;
  const bytes = [...address, ...Array<number>(size - address.length).fill(0)];
  if (size === 4) return { address: bytes.join("."), bits };
  const groups = Array.from({ length: 8 }, (_, at) => (((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0)).toString(16));
  const canonical = canonicalAddress(groups.join(":"));
  return canonical === null ? null : { address: canonical, bits };
}
