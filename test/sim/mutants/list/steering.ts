/** Faults in which pools are answered with, and in what is answered when none is usable (engine.md, rules 13, 15 and 16). */
import type { Mutant } from "../mutant.ts";

const file = "domain/steering.ts";

export const steering: readonly Mutant[] = [
  {
    name: "panic-first",
    rule: "a pool in panic ranks after every other usable pool",
    file,
    find: "(pool.health.panic ? 2 : 0)",
    replace: "(pool.health.panic ? -2 : 0)",
  },
  {
    name: "serve-all-serves-nobody",
    rule: "serve_all serves as if every enabled member were up",
    file,
    find: "({ pool, serving: pool.health.servable.map(whole) }));",
    replace: "({ pool, serving: pool.health.serving }));",
  },
  {
    name: "last-known-serves-deleted-addresses",
    rule: "last_known leaves out what was deleted since",
    file,
    find: "member.all.filter((endpoint) => was.endpoints.includes(endpoint))",
    replace: "was.endpoints",
  },
  {
    name: "last-known-serves-who-was-taken-out",
    rule: "last_known leaves out who people took out since",
    file,
    find: "pool.health.eligible.flatMap((member)",
    replace: "pool.health.enabled.flatMap((member)",
  },
  {
    name: "last-known-is-what-is-served",
    rule: "last_known is the newest plan that had a usable pool",
    file: "durable-objects/engine/steer-gslb.ts",
    find: `if (steering.outcome === "serve") state.lastKnown =`,
    replace: "state.lastKnown =",
  },
  {
    name: "manual-failback-goes-back",
    rule: "failback manual holds the pool that traffic went to",
    file,
    find: `policy === "failover" && stayAt !== null ? pools.findIndex(`,
    replace: `policy === "failover" && stayAt === "" ? pools.findIndex(`,
  },
  {
    name: "the-fallback-pool-is-forgotten",
    rule: "fallback_pool serves its pool when no other is usable",
    file,
    find: "if (fallback === null || !fallback.adminStateUp || fallback.health.servable.length === 0) {",
    replace: "if (fallback !== null) {",
  },
  {
    name: "an-empty-plan",
    rule: "no plan is empty but by withdraw",
    file: "durable-objects/engine/steer-gslb.ts",
    find: `state.gateOpen && gslb.admin_state_up && steering.outcome !== "nothing"`,
    replace: "state.gateOpen && gslb.admin_state_up",
  },
  {
    name: "a-pool-of-weight-0-is-picked",
    rule: "weighted picks a pool by its weight in the GSLB",
    file,
    find: "return weighty.length > 0 ? weighty : pools;",
    replace: "return pools;",
  },
  {
    name: "unusable-is-served",
    rule: "steering begins with the usable pools",
    file,
    find: "admitted.filter((pool) => pool.health.usable)",
    replace: "admitted.filter((pool) => pool.health.enabled.length > 0)",
  },
];
