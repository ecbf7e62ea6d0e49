/** A small world for tests of `Project`: resources with defaults, reports from regions, and the answers that are wanted. */
import type { Gslb } from "../../domain/gslb.ts";
import type { HistoryEvent } from "../../domain/history.ts";
import type { Member } from "../../domain/member.ts";
import type { Monitor } from "../../domain/monitor.ts";
import type { CheckReport, OutcomeKind } from "../../domain/observation.ts";
import type { Override } from "../../domain/override.ts";
import type { Pool } from "../../domain/pool.ts";
import type { Configuration } from "../rpc.ts";
import { Project } from "./project.ts";

export const uuid = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
export const regions = ["weur", "eeur", "enam"];
const base = {
  project_id: "default",
  domain_id: "default",
  version: 1,
  created_at: "2026-01-01T00:00:00Z",
  updated_at: "2026-01-01T00:00:00Z",
};
const fresh = { status: "PENDING", action: "CREATE", revision: 0 } as const;
const named = { name: "n", description: null, tags: [] };

export const monitor = (n: number, over: Partial<Monitor> = {}): Monitor => ({
  ...base,
  ...named,
  id: uuid(n),
  type: "TCP",
  delay: 10,
  timeout: 2,
  max_retries: 2,
  confirm_delay: 1,
  rise: 2,
  check_regions: [],
  observe_only: false,
  target: null,
  admin_state_up: true,
  port: 80,
  ...over,
});

export const pool = (n: number, over: Partial<Pool> = {}): Pool => ({
  ...base,
  ...named,
  ...fresh,
  id: uuid(n),
  name: `pool-${n}`,
  flavor: null,
  admin_state_up: true,
  min_healthy_percent: 0,
  quorum_percent: 51,
  min_regions: null,
  panic_percent: 0,
  failback_delay: 0,
  max_removal_percent: 100,
  monitor_ids: [],
  ...over,
});

export const member = (n: number, poolId: string, endpoints: string[], over: Partial<Member> = {}): Member => ({
  ...base,
  ...named,
  ...fresh,
  id: uuid(n),
  name: `member-${n}`,
  pool_id: poolId,
  type: "IP",
  region: null,
  neutron_id: null,
  parameters: {},
  endpoints,
  weight: 1,
  admin_state_up: true,
  host_header: null,
  monitor_address: null,
  monitor_port: null,
  monitor_ids: [],
  override: null,
  in_rotation: false,
  ...over,
});

/** For ports that no backend of the test uses. */
export const noConnection = (): never => {
  throw new Error("this backend needs no network");
};

export const gslb = (n: number, poolIds: string[], over: Partial<Gslb> = {}): Gslb => ({
  ...base,
  ...named,
  ...fresh,
  id: uuid(n),
  fqdn: `www${n}.example.com.`,
  domain_name: "example.com.",
  flavor: "edge",
  flavors: ["edge"],
  ttl: 30,
  steering_policy: "failover",
  max_answers: null,
  admin_state_up: true,
  pool_ids: poolIds,
  on_all_down: "serve_all",
  fallback_pool_id: null,
  failback: "auto",
  adopt: false,
  pool_weights: {},
  ...over,
});

export const configuration = (over: Partial<Configuration>): Configuration => ({
  full: false,
  epoch: 0,
  seq: 1,
  gslbs: [],
  pools: [],
  members: [],
  monitors: [],
  overrides: [],
  deleted: [],
  tombstones: [],
  standing: [],
  ...over,
});

/** One GSLB with one pool of two monitored members, and a clock in seconds. */
export class World {
  readonly project = newProject();
  now = 1_000_000;
  readonly monitor = monitor(1);
  readonly pool = pool(10, { monitor_ids: [uuid(1)] });
  readonly members = [member(100, uuid(10), ["192.0.2.1"]), member(101, uuid(10), ["192.0.2.2"])];
  readonly gslb = gslb(1000, [uuid(10)]);

  constructor() {
    this.configure({ gslbs: [this.gslb], pools: [this.pool], members: this.members, monitors: [this.monitor] });
  }

  configure(over: Partial<Configuration>): void {
    this.project.configure(configuration(over), false, this.now);
  }

  /** Every region reports the endpoint, once. */
  hear(
    member: Member,
    outcome: OutcomeKind,
    from: readonly string[] = regions,
    over: { version?: number; monitor?: string; endpoint?: string } = {},
  ): void {
    for (const region of from) this.project.observe([report(region, this.now, member, outcome, over)], this.now);
  }

  /** A period passes: `up` members pass, `down` members fail, from everywhere. */
  period(outcomes: readonly [Member, OutcomeKind][], from: readonly string[] = regions): void {
    this.now += 10_000;
    for (const [subject, outcome] of outcomes) this.hear(subject, outcome, from);
    this.project.tick(this.now);
    this.publish();
  }

  /** Plays the backends, or those of these flavors: takes whatever is wanted. */
  publish(...flavors: readonly string[]): void {
    for (const [key, publication] of this.project.publications) {
      if (flavors.length > 0 && !flavors.includes(publication.flavor)) continue;
      if (publication.confirmed !== publication.number) this.project.written(key, publication.number, null, this.now, 0.5);
    }
  }

  /** An override that holds as soon as it is configured; of several the one with the higher number is the newer. */
  override(n: number, selector: Override["selector"], over: Partial<Override> = {}): Override {
    return {
      id: uuid(n),
      project_id: "default",
      selector,
      state: "down",
      reason: "CHG-1",
      starts_at: null,
      expires_at: null,
      force: false,
      by: "oncall",
      created_at: new Date(this.now + n).toISOString(),
      ended: null,
      ...over,
    };
  }

  /** The events of a kind since somebody last asked; the others are gone with them. */
  said(kind: string): readonly HistoryEvent[] {
    return this.project.drain().writeBack.events.filter((event) => event.kind === kind);
  }

  get one(): Member {
    return this.members[0] as Member;
  }

  get two(): Member {
    return this.members[1] as Member;
  }

  bothUp(): void {
    this.period([
      [this.one, "pass"],
      [this.two, "pass"],
    ]);
  }

  /** A period in which the first member fails. */
  oneDies(): void {
    this.period([
      [this.one, "fail"],
      [this.two, "pass"],
    ]);
  }

  answers(id = this.gslb.id): readonly string[] | null {
    const publication = [...this.project.publications.values()].find((candidate) => candidate.gslbId === id);
    const plan = publication?.live?.plan;
    return plan === undefined ? null : plan.answers.flatMap((answer) => answer.values);
  }
}

export function newProject(): Project {
  let n = 5_000;
  return new Project(regions, () => {
    n += 1;
    return uuid(n);
  });
}

export const report = (
  region: string,
  tick: number,
  subject: Member,
  outcome: OutcomeKind,
  over: { version?: number; monitor?: string; endpoint?: string } = {},
): CheckReport => ({
  project_id: "default",
  region,
  shard: 0,
  generation: 1,
  colo: "local",
  observations: [
    {
      member_id: subject.id,
      endpoint: over.endpoint ?? subject.endpoints[0] ?? "",
      monitor_id: over.monitor ?? uuid(1),
      monitor_version: over.version ?? 1,
      tick,
      outcome,
      latency_ms: 3,
      detail: outcome,
    },
  ],
});
