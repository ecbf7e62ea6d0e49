/**
 * What was seen and not yet taken over by the API: in order, in batches, and no more than so much of it. Too much means that the API is away for
 * long; then the oldest passes go first, since a fail says more, and what the Engine would find too old goes in any case.
 */
import type { AgentReport, AgentReportsBody, TestResult } from "../domain/agent-wire.ts";
import { limits } from "../domain/limits.ts";
import type { Observation } from "../domain/observation.ts";

/** Whom the results are for. */
export type ResultPlace = { readonly project_id: string; readonly shard: number; readonly generation: number };
type Kept = ResultPlace & { readonly observation: Observation };
type Test = { readonly project_id: string; readonly id: string; readonly result: TestResult };

export type Batch = { readonly body: AgentReportsBody; readonly observations: readonly Kept[]; readonly tests: readonly Test[] };

export class Results {
  private readonly capacity: number;
  private readonly ageMs: number;
  private kept: Kept[] = [];
  private tests: Test[] = [];

  constructor(capacity = 20_000, ageMs = 600_000) {
    this.capacity = capacity;
    this.ageMs = ageMs;
  }

  get size(): number {
    return this.kept.length + this.tests.length;
  }

  add(place: ResultPlace, observation: Observation): void {
    this.kept.push({ project_id: place.project_id, shard: place.shard, generation: place.generation, observation });
  }

  addTest(project_id: string, id: string, result: TestResult): void {
    this.tests.push({ project_id, id, result });
  }

  /** Makes room; says how many were given up. */
  trim(now: number): number {
    const before = this.kept.length;
    this.kept = this.kept.filter(({ observation }) => observation.tick > now - this.ageMs);
    if (this.kept.length > this.capacity) {
      // Some more than needed: not for each one anew.
      const room = Math.floor(this.capacity * 0.95);
      let surplus = this.kept.length - room;
      this.kept = this.kept.filter(({ observation }) => observation.outcome !== "pass" || surplus-- <= 0);
      this.kept = this.kept.slice(Math.max(0, this.kept.length - room));
    }
    // Nobody waits for a test that long.
    this.tests = this.tests.slice(-limits.agentReports);
    return before - this.kept.length;
  }

  /** The oldest, as one request; null: there is nothing. They stay until they are `taken`. */
  next(): Batch | null {
    if (this.size === 0) return null;
    const reports = new Map<string, AgentReport[]>();
    const observations: Kept[] = [];
    let count = 0;
    for (const one of this.kept) {
      if (observations.length >= observationsAtOnce) break;
      const key = `${one.project_id} ${one.shard} ${one.generation}`;
      const ofPlace = reports.get(key) ?? [];
      const last = ofPlace.at(-1);
      if (last !== undefined && last.observations.length < limits.shardTargets) last.observations.push(one.observation);
      else {
        if (count === limits.agentReports) break;
        count += 1;
        const { project_id, shard, generation } = one;
        reports.set(key, [...ofPlace, { project_id, shard, generation, observations: [one.observation] }]);
      }
      observations.push(one);
    }
    const tests = this.tests.slice(0, limits.agentReports);
    return { body: { reports: [...reports.values()].flat(), tests }, observations, tests };
  }

  /** The API has them, or will never take them. */
  taken({ observations, tests }: Batch): void {
    const gone = new Set<Kept | Test>([...observations, ...tests]);
    this.kept = this.kept.filter((one) => !gone.has(one));
    this.tests = this.tests.filter((one) => !gone.has(one));
  }
}

/** Below the API's bound of a megabyte, whatever they say. */
const observationsAtOnce = 1_000;
