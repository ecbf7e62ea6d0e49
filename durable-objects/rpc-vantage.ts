/** What the Durable Objects offer of vantage points: agents, tests, and how the regions are. Types only, and only added to, as in `rpc.ts`. */
import type { Agent, AgentFacts, AgentWrite } from "../domain/agent.ts";
import type { Certificate, CheckTarget, Timings } from "../domain/check.ts";
import type { OutcomeKind } from "../domain/observation.ts";
import type { Problem } from "../domain/problem.ts";
import type { Result } from "../domain/result.ts";
import type { VantageView } from "../domain/status-view.ts";
import type { Assignment, Caller, Confirmation } from "./rpc.ts";

/** What the Conductor of the deployment knows of agents. */
export interface AgentsRpc {
  /** `tokenHash`: SHA-256 in hex of the token, which is kept nowhere. */
  createAgent(input: AgentWrite, tokenHash: string, by: Caller): Promise<Result<Agent, Problem>>;
  agents(): Promise<Result<readonly Agent[], Problem>>;
  readAgent(id: string): Promise<Result<Agent, Problem>>;
  /** Its token is worth nothing from then on. `in-use` while monitors name its region, unless it is forced. */
  removeAgent(id: string, by: Caller, force?: boolean): Promise<Result<null, Problem>>;
  /** Whose token it is; null: nobody's. Known also while D1 is away. */
  agentOf(tokenHash: string): Promise<Agent | null>;
  /** Keeps what an agent says of itself. */
  agentSeen(id: string, facts: AgentFacts): Promise<void>;
}

/** Whose heartbeats are whose, across all projects: asked of the Conductor of the deployment. */
export interface HeartbeatsRpc {
  /** Null: there is no monitor of that id, or it is of another type. */
  heartbeatOf(monitorId: string): Promise<Result<{ readonly project_id: string; readonly secret: string } | null, Problem>>;
}

/** The Engine's side of vantage points that are no Probers, and what it knows of all of them. */
export interface VantageRpc {
  /** The regions of this project as they were seen in the last minutes, agents among them. */
  regions(): Promise<readonly VantageView[]>;
  /** What an agent has to do; waits up to `waitMs` for something new. Each call replaces the one before of the same region. */
  agentPoll(poll: AgentPoll): Promise<AgentOrders>;
  /** The outcome of a test that `agentPoll` handed out. */
  agentTested(id: string, result: CheckResult): Promise<void>;
  /** Has an agent run a check once; null: it did not answer in time. */
  testByAgent(order: TestOrder): Promise<CheckResult | null>;
  /** A heartbeat of a monitor's endpoints; `memberId` null: of all of them. False: nothing here waits for it. */
  beat(monitorId: string, memberId: string | null): Promise<boolean>;
}

/** `tag`: the assignment that the agent has; null: none. */
export type AgentPoll = { readonly region: string; readonly tag: string | null; readonly waitMs: number };
export type AgentOrders = {
  readonly tag: string;
  /** Null: the one that it has is still right. Secrets in its specs are sealed. */
  readonly assignment: Assignment | null;
  readonly confirmations: readonly Confirmation[];
  readonly tests: readonly { readonly id: string; readonly order: TestOrder }[];
};

// ── Checks ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** One check, once, for a monitor's test. `spec` as in an assignment: secrets in `sealed`. */
export type TestOrder = {
  readonly project_id: string;
  readonly region: string;
  /** For the User-Agent; null: the monitor is not stored. */
  readonly monitor_id: string | null;
  readonly type: string;
  readonly timeout_ms: number;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly target: CheckTarget;
};

/** What one check of one target saw, in full. */
export type CheckResult = {
  readonly region: string;
  readonly colo: string;
  readonly outcome: OutcomeKind;
  readonly latency_ms: number | null;
  readonly timings: Timings;
  readonly detail: string;
  readonly warning: string | null;
  readonly http_status: number | null;
  readonly body_excerpt: string | null;
  readonly certificate: Certificate | null;
};

/** Asked of a Prober of its own for each region, which has no assignment: it is only there to be in that place. */
export interface TesterRpc {
  /** Has a checker of this place run a check once; nothing is reported. */
  test(order: TestOrder): Promise<CheckResult>;
}
