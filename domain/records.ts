/**
 * From members that are served to records: addresses by family, or a CNAME (RFC 1034) where a single host name is all there is and the name
 * is not the zone's apex. A `weighted` answer has a set for each member, with the weights it is picked by; others have a set for each pool.
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
  /** The name is the zone's own, where no CNAME may stand. */
  readonly apex: boolean;
};

/** `hostNames`: whether a host name was left out; without any set that is why. */
export type Records = { readonly sets: readonly AnswerSet[]; readonly hostNames: boolean };

type Family = "A" | "AAAA";

const unplaced = { locations: [], geofence: false, region: null };

const familyOf = (endpoint: string): Family | "CNAME" => {
  const family = addressFamily(endpoint);
  return family === null ? "CNAME" : family === 4 ? "A" : "AAAA";
};

export function recordsOf(served: readonly Served[], settings: RecordSettings): Records {
  const { weighted } = settings;
  const sets = weighted ? served.flatMap((pool) => byMember(pool, settings)) : together(served, settings);
  const addresses = sets.filter(({ type }) => type !== "CNAME");
  const names = sets.filter(({ type }) => type === "CNAME");
  if (addresses.length > 0 || settings.apex) return { sets: addresses, hostNames: names.length > 0 };
  return { sets: weighted ? names : names.slice(0, 1), hostNames: false };
}

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
