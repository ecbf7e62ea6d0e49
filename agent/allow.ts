/**
 * Which addresses an agent may touch: the networks of its own command line and nothing else; none by default. It looks at addresses alone: a
 * name is resolved before it is asked, and what is connected to is the address that was asked about.
 */
import ipaddr from "ipaddr.js";
import { canonicalAddress } from "../domain/address.ts";
import { VantageRefusal } from "../domain/check.ts";
import { fail, ok, type Result } from "../domain/result.ts";

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Network = readonly [Address, number];

export class AllowList {
  private readonly networks: readonly Network[];

  private constructor(networks: readonly Network[]) {
    this.networks = networks;
  }

  /** From networks ("10.1.0.0/16", "fd00::/8") and single addresses. */
  static of(texts: readonly string[]): Result<AllowList, string> {
    const networks: Network[] = [];
    for (const text of texts) {
      const network = parseNetwork(text);
      if (network === null) return fail(`"${text}" is no network such as 10.1.0.0/16 or fd00::/8, and no address`);
      networks.push(network);
    }
    return ok(new AllowList(networks));
  }

  get isEmpty(): boolean {
    return this.networks.length === 0;
  }

  /** The families of which it has any network. */
  get families(): readonly (4 | 6)[] {
    const has = (kind: string) => this.networks.some(([address]) => address.kind() === kind);
    return [...(has("ipv4") ? ([4] as const) : []), ...(has("ipv6") ? ([6] as const) : [])];
  }

  allows(text: string): boolean {
    const canonical = canonicalAddress(text);
    if (canonical === null) return false;
    const address = plain(ipaddr.parse(canonical));
    return this.networks.some(([network, bits]) => address.kind() === network.kind() && address.match(network, bits));
  }
}

export const refusal = (what: string): VantageRefusal =>
  new VantageRefusal(`${what} is not in a network that this agent may check (--allow)`);

function parseNetwork(text: string): Network | null {
  const [host = "", bits, more] = text.split("/");
  const canonical = canonicalAddress(host);
  if (canonical === null || more !== undefined) return null;
  const parsed = ipaddr.parse(canonical);
  const address = plain(parsed);
  const width = parsed.kind() === "ipv4" ? 32 : 128;
  if (bits === undefined) return [address, address.kind() === "ipv4" ? 32 : 128];
  if (!/^(0|[1-9][0-9]{0,2})$/.test(bits) || Number(bits) > width) return null;
  // ::ffff:10.0.0.0/104 is 10.0.0.0/8.
  if (address.kind() !== parsed.kind()) return Number(bits) >= 96 ? [address, Number(bits) - 96] : null;
  return [address, Number(bits)];
}

/** An IPv4 address in IPv6's form leads to the IPv4 address. */
const plain = (address: Address): Address =>
  address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
