/** A plan as a DNS server without steering of its own holds it: one resource record set (RFC 2181, 5) of each type at the name. */
import type { LiveSet } from "./backend.ts";
import type { Plan } from "./plan.ts";

/** Values once each, in the plan's order. An answer of a type has one TTL: the shortest that the plan has for it. */
export function rrsetsOf({ answers }: Pick<Plan, "answers">): LiveSet[] {
  const types = [...new Set(answers.map(({ type }) => type))];
  return types.map((type) => {
    const sets = answers.filter((set) => set.type === type);
    return { type, values: [...new Set(sets.flatMap(({ values }) => values))], ttl: Math.min(...sets.map(({ ttl }) => ttl)) };
  });
}
