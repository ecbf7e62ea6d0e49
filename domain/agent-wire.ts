/**
 * What an agent and the API say to each other, parsed where it enters on either side. What the API takes is strict; what the agent takes may
 * have more than it knows, so that a deployment can be newer than its agents.
 */
import { z } from "zod";
import { agentFacts } from "./agent.ts";
import { limits } from "./limits.ts";
import { checkReport, observation, outcomes } from "./observation.ts";
import { id, int, port, text } from "./schema.ts";

const projectId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, { error: "must match [A-Za-z0-9_-]{1,64}" });
const tag = text(200);

/** POST `/v0.1/agents/poll`. `tags`: by project, the assignment that the agent has. */
export const agentPoll = z.strictObject({
  tags: z.record(projectId, tag, { error: "must be an object of tags by project" }).default({}),
  /** Seconds to wait for something new. */
  wait: int(0, limits.agentWaitSeconds).default(25),
  ...agentFacts.shape,
});
export type AgentPollBody = z.input<typeof agentPoll>;

const host = z.string().min(1).max(255);
const target = z.object({ host, port: port.nullable(), hostHeader: host.nullable(), endpoint: host });
const spec = z.record(z.string(), z.unknown());
/** Why the check cannot be carried out, in words for a detail: its secrets do not open. Null: nothing is in the way. */
const trouble = z.string().nullable();

const assignedMonitor = z.object({
  id,
  version: z.int().min(1),
  type: z.string().max(64),
  delay_ms: z.int().min(1),
  timeout_ms: z.int().min(1).max(60_000),
  /** With its secrets open. */
  spec,
  confirm: z.object({ delayMs: z.number().min(0), fails: z.int().min(1), passes: z.int().min(1) }).optional(),
  trouble,
});

const assignment = z.object({
  project_id: projectId,
  shard: z.int().min(0),
  generation: z.int().min(0),
  version: z.int().min(0),
  monitors: z.array(assignedMonitor),
  checks: z.array(z.object({ member_id: id, endpoint: host, monitor_id: id, target, phase_ms: z.int().min(0) })),
});

const confirmation = z.object({
  member_id: id,
  endpoint: host,
  monitor_id: id,
  monitor_version: z.int().min(1),
  doubt: z.enum(["down", "up"]),
});

const testOrder = z.object({
  monitor_id: z.string().nullable(),
  type: z.string().max(64),
  timeout_ms: z.int().min(1).max(60_000),
  spec,
  target,
  trouble,
});

const orders = z.object({
  project_id: projectId,
  tag,
  /** Null: the one that the agent has is still right. */
  assignment: assignment.nullable(),
  confirmations: z.array(confirmation),
  tests: z.array(z.object({ id: z.string(), order: testOrder })),
});

/** Its answer. A project that is not in it goes on as it was. */
export const agentOrders = z.object({
  region: z.string().min(1).max(32),
  /** The API's clock, Unix ms: ticks lie on it. */
  now: z.int(),
  /** Every project that the agent serves; what it has of others is over. */
  project_ids: z.array(projectId),
  projects: z.array(orders),
});
export type AgentOrdersAnswer = z.output<typeof agentOrders>;
export type ProjectOrders = AgentOrdersAnswer["projects"][number];
export type WireAssignment = NonNullable<ProjectOrders["assignment"]>;
export type WireMonitor = WireAssignment["monitors"][number];
export type WireTestOrder = ProjectOrders["tests"][number]["order"];

/** In characters: a byte that is not printable is shown in up to six. */
export const bodyExcerptLength = 6 * limits.bodyExcerptBytes;
export const subjectLength = 1_024;

const milliseconds = z.number().min(0).nullable();

/** What one check of a test saw; the region is the agent's own. */
export const testResult = z.strictObject({
  outcome: z.enum(outcomes),
  latency_ms: milliseconds,
  timings: z.strictObject({ dns: milliseconds, connect: milliseconds, tls: milliseconds, first_byte: milliseconds }),
  detail: text(limits.checkDetailLength),
  warning: text(limits.checkDetailLength).nullable(),
  http_status: int(0, 999).nullable(),
  body_excerpt: text(bodyExcerptLength).nullable(),
  certificate: z.strictObject({ notAfter: z.number(), subject: text(subjectLength) }).nullable(),
});
export type TestResult = z.output<typeof testResult>;

/** One shard's observations; the region is the agent's own, and its colo none. */
export const agentReport = z.strictObject({
  ...checkReport.pick({ project_id: true, shard: true, generation: true }).shape,
  project_id: projectId,
  observations: z.array(z.strictObject(observation.shape)).min(1).max(limits.shardTargets),
});
export type AgentReport = z.output<typeof agentReport>;

/** POST `/v0.1/agents/report`. */
export const agentReports = z.strictObject({
  reports: z.array(agentReport).max(limits.agentReports).default([]),
  tests: z
    .array(z.strictObject({ project_id: projectId, id: text(64), result: testResult }))
    .max(limits.agentReports)
    .default([]),
});
export type AgentReportsBody = z.input<typeof agentReports>;
