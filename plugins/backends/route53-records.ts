/**
 * Plans as Route 53 holds them: resource record sets, by a routing policy of the service's own where the plan's answers differ by client. What
 * cannot be said there is refused in words. Source: docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html.
 */
import { canonicalAddress } from "../../domain/address.ts";
import type { LiveSet } from "../../domain/backend.ts";
import type { Location } from "../../domain/location.ts";
import { canonicalName } from "../../domain/name.ts";
import type { AnswerSet, Plan } from "../../domain/plan.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { rrsetsOf } from "../../domain/rrset.ts";

/** How Route 53 chooses among sets of one name and type. `other`: a policy that Kosmos does not use, in words. */
export type Routing =
  | { readonly by: "weight"; readonly weight: number }
  | { readonly by: "region"; readonly region: string }
  | { readonly by: "place"; readonly place: Location | "default" }
  | { readonly by: "other"; readonly words: string };

export type RecordSet = {
  readonly name: string;
  readonly type: string;
  /** Tells sets of one name and type apart, wherever there is a routing; null: there is none. */
  readonly identifier: string | null;
  readonly routing: Routing | null;
  /** Seconds; 0: of an alias, which has none of its own. */
  readonly ttl: number;
  readonly values: readonly string[];
};

/** What tells two sets apart in a zone. */
export const keyOf = ({ name, type, identifier }: RecordSet): string => `${name} ${type} ${identifier ?? ""}`;

/** The sets of a plan at its name, or why they cannot be. */
export function recordSetsOf(plan: Plan): Result<readonly RecordSet[], string> {
  const { fqdn: name, answers, policy } = plan;
  switch (policy) {
    case "failover":
    case "round_robin":
      return ok(rrsetsOf(plan).map(({ type, values, ttl }) => ({ name, type, identifier: null, routing: null, ttl, values })));
    case "weighted":
      return ok(weighted(name, answers));
    case "geo":
      return placed(plan);
    case "latency":
      return regional(name, answers);
  }
}

export function liveSetOf({ type, values, ttl, routing, identifier }: RecordSet): LiveSet {
  const base = { type: type as LiveSet["type"], values: values.map(canonicalValue), ttl };
  if (routing === null) return base;
  switch (routing.by) {
    case "weight":
      return { ...base, as: `weight ${routing.weight}` };
    case "region":
      return { ...base, region: routing.region };
    case "place":
      return routing.place === "default" ? { ...base, as: "default location" } : { ...base, locations: [routing.place] };
    case "other":
      return { ...base, as: identifier === null ? routing.words : `${routing.words} (${identifier})` };
  }
}

const canonicalValue = (value: string): string => canonicalAddress(value) ?? canonicalName(value) ?? value;

/** Route 53 has weights from 0 to 255: the smallest share that can be told from none is a 255th of the largest. */
const heaviest = 255;

/** A member's share is its pool's, divided by the weights in the pool. A type has shares of its own: clients ask for one. */
function weighted(name: string, answers: readonly AnswerSet[]): RecordSet[] {
  return [...Map.groupBy(answers, ({ type }) => type)].flatMap(([type, sets]) => {
    const pools = Map.groupBy(sets, ({ pool_id }) => pool_id);
    const poolWeights = [...pools.values()].map(([first]) => first?.pool_weight ?? 1);
    const noPoolWeighs = poolWeights.every((weight) => weight === 0);
    const shares = [...pools.values()].flatMap((members, index) => {
      const ofPool = noPoolWeighs ? 1 : (poolWeights[index] ?? 1);
      const sum = members.reduce((total, { weight }) => total + (weight ?? 1), 0);
      return members.map((set) => ({ set, share: sum === 0 ? ofPool / members.length : (ofPool * (set.weight ?? 1)) / sum }));
    });
    const most = Math.max(...shares.map(({ share }) => share));
    return shares.map(({ set, share }): RecordSet => {
      const weight = share === 0 ? 0 : Math.max(1, Math.round((share * heaviest) / most));
      const identifier = `kosmos ${set.pool_id} ${set.values[0] ?? ""}`.slice(0, 128);
      return { name, type, identifier, routing: { by: "weight", weight }, ttl: set.ttl, values: set.values };
    });
  });
}

/** One set for each place; of two pools for the same place the first. Whoever has no place there gets the pools for everybody, else the first pool. */
function placed({ fqdn: name, answers, places = [] }: Plan): Result<readonly RecordSet[], string> {
  const sets = new Map<string, RecordSet>();
  const add = (set: AnswerSet, place: Location | "default") => {
    const identifier = `kosmos ${place === "default" ? place : Object.values(place).join()}`;
    const key = `${set.type} ${identifier}`;
    if (sets.has(key)) return;
    sets.set(key, { name, type: set.type, identifier, routing: { by: "place", place }, ttl: set.ttl, values: set.values });
  };
  for (const set of answers) {
    for (const place of set.locations) {
      const objection = objectionTo(place);
      if (objection !== null) return fail(objection);
      add(set, place);
    }
  }
  const own = new Set(places.filter((place) => place.own).map(({ pool_id }) => pool_id));
  const forAll = answers.filter(({ pool_id }) => !own.has(pool_id));
  for (const set of forAll) if (set.locations.length === 0) add(set, "default");
  for (const set of forAll) add(set, "default");
  const leak = leakIn(answers, own);
  return leak === null ? ok([...sets.values()]) : fail(leak);
}

/** Who finds no set for its place and type is answered from a wider one: a fence does not hold there, so it is not pretended. */
function leakIn(answers: readonly AnswerSet[], own: ReadonlySet<string>): string | null {
  const types = [...new Set(answers.map(({ type }) => type))];
  const fenced = new Set([...own, ...answers.filter(({ geofence }) => geofence).map(({ pool_id }) => pool_id)]);
  for (const pool of fenced) {
    const missing = types.find((type) => !answers.some((set) => set.pool_id === pool && set.type === type));
    if (missing !== undefined)
      return `Route 53 keeps no fence: clients of pool ${pool} would get another pool's ${missing}, since it has none`;
  }
  return null;
}

/** Source: API_GeoLocation.html: subdivisions of the United States and of Ukraine. Ranges of addresses are collections of their own there. */
function objectionTo(place: Location): string | null {
  if ("cidr" in place)
    return `Route 53 steers ${place.cidr} only by a CIDR collection, which Kosmos does not make: use country, continent or subdivision`;
  if ("subdivision" in place && !/^(US|UA)-/.test(place.subdivision)) {
    return `Route 53 knows subdivisions of US and UA alone, not ${place.subdivision}: use its country`;
  }
  return null;
}

const awsRegion = /^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$/;

/** Pools of one region are one set: Route 53 compares regions, not pools. */
function regional(name: string, answers: readonly AnswerSet[]): Result<readonly RecordSet[], string> {
  const stray = answers.find(({ region }) => region === null || !awsRegion.test(region));
  if (stray !== undefined) {
    return fail(
      `Route 53 compares latencies by AWS regions, and pool ${stray.pool_id} is in ${stray.region ?? "none"}: give all its members one region, such as eu-west-1`,
    );
  }
  return ok(
    [...Map.groupBy(answers, ({ type, region }) => `${type} ${region}`).values()].flatMap((sets): RecordSet[] => {
      const [first] = sets;
      if (first === undefined || first.region === null) return [];
      const values = [...new Set(sets.flatMap((set) => set.values))];
      const { type, region } = first;
      return [
        {
          name,
          type,
          identifier: `kosmos ${region}`,
          routing: { by: "region", region },
          ttl: Math.min(...sets.map(({ ttl }) => ttl)),
          values,
        },
      ];
    }),
  );
}
