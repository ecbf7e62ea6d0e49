/**
 * From members that are served to records: addresses by family, or a CNAME (RFC 1034) where a single host name is all there is and the name
 * is not the zone's apex. Other host names are published as the addresses that they have. A `weighted` answer has a set for each member, with the
 * weights it is picked by; others have a set for each pool.
 */
import { addressFamily } from "./address.ts";
import type { AnswerSet } from "./plan.ts";

export type Served = {
  readonly poolId: string;
  /** The pool's weight in the GSLB. */
  readonly weight: number;
  readonly members: readonly { readonly id: string; readonly weight: number; readonly endpoints: readonly string[] }[];
};

export type RecordSettings = {
  readonly ttl: number;
  readonly maxAnswers: number | null;
  readonly weighted: boolean;
  /** Whether a CNAME may stand there: not at the zone's apex, nor where a backend has addresses alone. */
  readonly alias: boolean;
  readonly resolve: Resolve;
};

/** The addresses of a host name; none: `why`. `isAwaited`: nobody has answered yet who was asked for them. */
export type Resolve = (name: string) => { readonly addresses: readonly string[]; readonly why: string; readonly isAwaited?: boolean };

export const unresolved: Resolve = () => ({ addresses: [], why: "nobody resolves host names here" });

/** `leftOut`: host names without an address, and why; without any set that is the reason. */
export type Records = { readonly sets: readonly AnswerSet[]; readonly leftOut: readonly string[] };

type Family = "A" | "AAAA";

const unplaced = { locations: [], geofence: false, region: null };

const familyOf = (endpoint: string): Family | "CNAME" => {
  const family = addressFamily(endpoint);
  return family === null ? "CNAME" : family === 4 ? "A" : "AAAA";
};

export function recordsOf(served: readonly Served[], settings: RecordSettings): Records {
  if (settings.alias && isAlias(served, settings.weighted)) return { sets: setsOf(served, settings), leftOut: [] };
  const leftOut = new Set<string>();
  const addressesOf = (endpoint: string): readonly string[] => {
    if (addressFamily(endpoint) !== null) return [endpoint];
    const { addresses, why } = settings.resolve(endpoint);
    if (addresses.length === 0) leftOut.add(`${endpoint} has no address (${why})`);
    return addresses;
  };
  const resolved = served.map((pool) => ({
    ...pool,
    members: pool.members.map((member) => ({ ...member, endpoints: member.endpoints.flatMap(addressesOf) })),
  }));
  const sets = setsOf(resolved, settings);
  // A name that nobody can resolve here is still a name: of several the first, since there can be one.
  if (sets.length > 0 || !settings.alias) return { sets, leftOut: [...leftOut] };
  return { sets: setsOf(served, settings).slice(0, 1), leftOut: [...leftOut].slice(1) };
}

/** Whether the answer is one host name and nothing else. Of a weighted one that is so of each client's, where there are but names. */
export function isAlias(served: readonly Served[], weighted: boolean): boolean {
  const endpoints = served.flatMap(({ members }) => members.flatMap((member) => member.endpoints));
  if (endpoints.length === 0 || endpoints.some((endpoint) => addressFamily(endpoint) !== null)) return false;
  if (weighted) return served.every(({ members }) => members.every((member) => new Set(member.endpoints).size === 1));
  return new Set(endpoints).size === 1;
}

const setsOf = (served: readonly Served[], settings: RecordSettings): AnswerSet[] =>
  settings.weighted ? served.flatMap((pool) => byMember(pool, settings)) : together(served, settings);

/** Each address once, in the first pool that has it. */
function together(served: readonly Served[], { ttl, maxAnswers }: RecordSettings): AnswerSet[] {
  const limit = maxAnswers ?? Number.POSITIVE_INFINITY;
  const seen = { A: new Set<string>(), AAAA: new Set<string>() };
  const sets: AnswerSet[] = [];
  for (const { poolId, members } of served) {
    const values: Record<Family | "CNAME", string[]> = { A: [], AAAA: [], CNAME: [] };
    for (const endpoint of members.flatMap((member) => member.endpoints)) {
      const type = familyOf(endpoint);
      if (type !== "CNAME") {
        if (seen[type].has(endpoint) || seen[type].size >= limit) continue;
        seen[type].add(endpoint);
      } else if (values.CNAME.length > 0) continue;
      values[type].push(endpoint);
    }
    for (const type of ["A", "AAAA", "CNAME"] as const) {
      if (values[type].length > 0)
        sets.push({ type, values: values[type], ttl, pool_id: poolId, weight: null, pool_weight: null, ...unplaced });
    }
  }
  return sets;
}

/** `max_answers` bounds what one answer holds: one member's. */
function byMember({ poolId, weight: pool_weight, members }: Served, { ttl, maxAnswers }: RecordSettings): AnswerSet[] {
  return members.flatMap(({ weight, endpoints }) =>
    (["A", "AAAA", "CNAME"] as const).flatMap((type): AnswerSet[] => {
      const own = [...new Set(endpoints)].filter((endpoint) => familyOf(endpoint) === type);
      const values = own.slice(0, type === "CNAME" ? 1 : (maxAnswers ?? own.length));
      return values.length === 0 ? [] : [{ type, values, ttl, pool_id: poolId, weight, pool_weight, ...unplaced }];
    }),
  );
}
