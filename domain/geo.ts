/**
 * Which pool a client of a `geo` GSLB is for (engine.md, rule 15): the longest range of addresses that holds the client, then its subdivision,
 * country, continent, then pools without locations; of equals the one that stands first. Who is for no pool gets the first that is there for
 * anybody. It knows neither DNS nor where a client's place comes from.
 */
import { z } from "zod";
import { sharedBits } from "./address.ts";
import { type Location, location, locationText } from "./location.ts";
import { id } from "./schema.ts";

/** A pool's place in a plan, in the pools' order. */
export const place = z.object({
  pool_id: id,
  locations: z.array(location),
  /**
   * It is there for clients of its locations alone: a fenced pool that is not usable, or not preferred, and keeps its clients. If the plan has no
   * answers of it, they get none.
   */
  own: z.boolean(),
});
export type Place = z.output<typeof place>;

/** What is known of a client; null: it is not known. */
export type Client = {
  /** An address, or the network that it is in: the bits beyond `bits` are not known. */
  readonly network: { readonly address: string; readonly bits: number } | null;
  readonly country: string | null;
  /** ISO 3166-2, with its country: US-CA. */
  readonly subdivision: string | null;
  readonly continent: string | null;
};
export const nowhere: Client = { network: null, country: null, subdivision: null, continent: null };

/** The pool whose answers the client gets; null: there is none for it. */
export function poolFor(places: readonly Place[], client: Client): string | null {
  let best: { readonly pool: string; readonly rank: number } | null = null;
  for (const { pool_id: pool, locations, own } of places) {
    const rank = locations.length === 0 ? ranks.everybody : Math.max(...locations.map((one) => rankOf(one, client)));
    if (rank === ranks.stranger && own) continue;
    if (best === null || rank > best.rank) best = { pool, rank };
  }
  return best?.pool ?? null;
}

/**
 * How many leading bits of the client's address decide which ranges hold it: every address that shares them gets the same pool, if all else that is
 * known of it is the same (RFC 7871, 7.2.1: SCOPE PREFIX-LENGTH). It may be longer than what is known of the address.
 */
export function scopeFor(places: readonly Place[], { network }: Client): number {
  if (network === null) return 0;
  const bits = places.flatMap(({ locations }) =>
    locations.flatMap((one) => {
      const range = rangeOf(one);
      const common = range === null ? null : sharedBits(range.address, network.address);
      return range === null || common === null ? [] : [Math.min(range.bits, common.shared + 1)];
    }),
  );
  return Math.max(0, ...bits);
}

/** The pools that are somebody's first choice while all are usable: with a location that none before has, or the first without any. */
export function firstChoices<T extends { readonly locations?: readonly Location[] }>(pools: readonly T[]): readonly T[] {
  const taken = new Set<string>();
  return pools.filter(({ locations = [] }) => {
    const own = locations.length === 0 ? ["everybody"] : locations.map(locationText);
    const isFirst = own.some((one) => !taken.has(one));
    for (const one of own) taken.add(one);
    return isFirst;
  });
}

const ranks = { stranger: -1, everybody: 0, continent: 1, country: 2, subdivision: 3, cidr: 4 } as const;

function rankOf(one: Location, client: Client): number {
  if ("continent" in one) return one.continent === client.continent ? ranks.continent : ranks.stranger;
  if ("country" in one) return one.country === client.country ? ranks.country : ranks.stranger;
  if ("subdivision" in one) return one.subdivision === client.subdivision ? ranks.subdivision : ranks.stranger;
  const range = rangeOf(one);
  if (range === null || client.network === null || range.bits > client.network.bits) return ranks.stranger;
  const common = sharedBits(range.address, client.network.address);
  return common !== null && common.shared >= range.bits ? ranks.cidr + range.bits : ranks.stranger;
}

function rangeOf(one: Location): { readonly address: string; readonly bits: number } | null {
  if (!("cidr" in one)) return null;
  const [address = "", bits = ""] = one.cidr.split("/");
  return { address, bits: Number(bits) };
}
