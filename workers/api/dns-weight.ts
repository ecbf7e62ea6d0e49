/**
 * Who gets a question to a weighted name: one pool by its weight among the pools, then one member of it by its weight in the pool. The sets of
 * other plans pass through whole. Chance comes from outside; nothing is remembered from one question to the next.
 */

import type { AnswerSet } from "../../domain/plan.ts";
import { assert } from "../../domain/result.ts";

type Weighted = AnswerSet & { readonly weight: number; readonly pool_weight: number };

/** Of the sets of one type, those that this question is answered with. `random` gives a number in [0, 1) for each draw: the pool, then the member. */
export function setsFor(sets: readonly AnswerSet[], random: () => number): readonly AnswerSet[] {
  if (sets.length === 0 || !sets.every(isWeighted)) return sets;
  const pools = [...Map.groupBy(sets, (set) => set.pool_id).values()];
  const members = pickByWeight(pools, ([first]) => first?.pool_weight ?? 0, random());
  return [pickByWeight(members, (set) => set.weight, random())];
}

const isWeighted = (set: AnswerSet): set is Weighted => set.weight !== null && set.pool_weight !== null;

/**
 * One of the items, each with its share of [0, 1) in their order. An item of weight 0 has no share, unless all have: then they count as 1.
 * Weights are integers, so that the shares are exact.
 */
export function pickByWeight<T>(items: readonly T[], weightOf: (item: T) => number, random: number): T {
  const weights = items.map(weightOf);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  let left = Math.floor(random * (sum === 0 ? items.length : sum));
  const at = weights.findIndex((weight) => {
    left -= sum === 0 ? 1 : weight;
    return left < 0;
  });
  const item = items[at];
  assert(item !== undefined, "there is something to pick from, and chance is below 1");
  return item;
}
