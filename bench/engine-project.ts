/**
 * The project that the Engine is measured with, and what its Probers would report: the same checks in the same shards with the same ticks as
 * the Engine assigns them. Nothing here is random, so that both sides of the bench, and its Conductor, have the same.
 */
import type { Gslb } from "../domain/gslb.ts";
import type { Member } from "../domain/member.ts";
import type { CheckReport, OutcomeKind } from "../domain/observation.ts";
import { assignShards } from "../durable-objects/engine/assignments.ts";
import { Catalog } from "../durable-objects/engine/catalog.ts";
import { configuration, gslb, member, monitor, pool, uuid } from "../durable-objects/engine/project.fixture.ts";
import type { Configuration } from "../durable-objects/rpc.ts";

export const projectId = "default";
/** With where their checkers were measured; no two are the same place. */
export const regions = { wnam: "SEA", enam: "IAD", weur: "AMS", eeur: "WAW", apac: "NRT" } as const;
export type Region = keyof typeof regions;
export const regionNames = Object.keys(regions) as Region[];
export const delayMs = 20_000;
export const timeoutMs = 2_000;
export const maxRetries = 2;
const rise = 2;
const membersPerPool = 20;
/** A Prober has five slots; what it has no slot for goes out with the next call. */
const checksPerCall = 5;

const watch = monitor(1, { type: "HTTP", delay: delayMs / 1_000, timeout: timeoutMs / 1_000, max_retries: maxRetries, rise });

/** Pools of 20, and for each two of them a GSLB that prefers the first. */
export function benchConfiguration(members: number): Configuration {
  const pools = Array.from({ length: members / membersPerPool }, (_, index) => pool(1_000 + index, { monitor_ids: [watch.id] }));
  const gslbs = Array.from({ length: pools.length / 2 }, (_, index) =>
    gslb(50_000 + index, [pools[2 * index]?.id ?? "", pools[2 * index + 1]?.id ?? ""]),
  );
  const owned = pools.flatMap((owner, index) =>
    Array.from({ length: membersPerPool }, (_, place) => {
      const n = index * membersPerPool + place;
      return member(100_000 + n, owner.id, [`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`]);
    }),
  );
  return configuration({ full: true, seq: 1, gslbs, pools, members: owned, monitors: [watch] });
}

export type OutcomeOf = (member: Member, tick: number) => OutcomeKind;

/** One checker call: which members, from where. */
type Call = { readonly region: Region; readonly shard: number; readonly members: readonly Member[] };

export class BenchProject {
  readonly members: readonly Member[];
  private readonly gslbs: readonly Gslb[];
  /** The calls of each second of a period. */
  private readonly calls: readonly (readonly Call[])[];
  private readonly phases = new Map<string, number>();

  constructor(members: number) {
    const given = benchConfiguration(members);
    this.members = given.members;
    this.gslbs = given.gslbs;
    const byId = new Map(given.members.map((subject) => [subject.id, subject]));
    const catalog = new Catalog(regionNames, "1");
    catalog.take(given);
    const calls = Array.from({ length: delayMs / 1_000 }, (): Call[] => []);
    for (const { region, shard, checks } of assignShards(catalog, new Map()).values()) {
      for (const check of checks) this.phases.set(`${check.member_id} ${region}`, check.phase_ms);
      for (const [phaseMs, due] of Map.groupBy(checks, (check) => check.phase_ms)) {
        const second = Math.floor(phaseMs / 1_000);
        const subjects = due.flatMap((check) => byId.get(check.member_id) ?? []);
        for (let at = 0; at < subjects.length; at += checksPerCall) {
          calls[second]?.push({ region: region as Region, shard, members: subjects.slice(at, at + checksPerCall) });
        }
      }
    }
    this.calls = calls;
  }

  /** What the Probers send of the checks of one second of the period; `tick` is when they were due, Unix ms. */
  reportsOf(second: number, tick: number, generation: number, outcome: OutcomeOf): CheckReport[] {
    const calls = this.calls[second % (delayMs / 1_000)] ?? [];
    return calls.map((call) => report(call, call.members, tick, generation, outcome));
  }

  /** One result of everyone from everywhere, in reports as large as they may be. */
  *everyone(tick: number, generation: number): Generator<CheckReport> {
    for (let at = 0; at < this.members.length; at += 100) {
      const subjects = this.members.slice(at, at + 100);
      for (const region of regionNames) yield report({ region, shard: 0 }, subjects, tick, generation, () => "pass");
    }
  }

  /** Members of preferred pools, of one GSLB each; the n-th with its GSLB's name. */
  victim(n: number): { readonly member: Member; readonly fqdn: string } {
    const owner = this.gslbs[n % this.gslbs.length];
    const subject = this.members.find((candidate) => candidate.pool_id === owner?.pool_ids[0]);
    if (owner === undefined || subject === undefined) throw new Error("the project has no such GSLB");
    return { member: subject, fqdn: owner.fqdn };
  }

  /** How long until any region checks the member by its own clock. */
  untilTickMs(subject: Member, now: number): number {
    const waits = regionNames.map((region) => (((this.phases.get(`${subject.id} ${region}`) ?? 0) - now) % delayMs) + delayMs);
    return Math.min(...waits.map((wait) => wait % delayMs));
  }
}

export function report(
  place: { readonly region: Region; readonly shard: number },
  members: readonly Member[],
  tick: number,
  generation: number,
  outcomeOf: OutcomeOf,
): CheckReport {
  return {
    project_id: projectId,
    region: place.region,
    shard: place.shard,
    generation,
    colo: regions[place.region],
    observations: members.map((subject) => {
      const outcome = outcomeOf(subject, tick);
      return {
        member_id: subject.id,
        endpoint: subject.endpoints[0] ?? "",
        monitor_id: uuid(1),
        monitor_version: 1,
        tick,
        outcome,
        latency_ms: 12.5,
        detail: outcome === "pass" ? "200" : "connect refused or unreachable",
      };
    }),
  };
}
